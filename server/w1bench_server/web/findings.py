"""What is wrong with a submission's critic, in words: from its score, what it says of its method, and its pair's record."""

from collections.abc import Callable
from functools import partial

from w1bench.diagnostics.findings.facts import Facts, facts_in
from w1bench.diagnostics.findings.sentences import Finding, findings
from w1bench.diagnostics.record import PairDiagnosis
from w1bench.errors import CheckFailedError, PairError
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.ledger.records import Record
from w1bench_server.pairs.catalogue import PublishedPairs


def findings_of(record: Record, pairs: PublishedPairs) -> list[Finding]:
    """The findings of a public record, the cause first; none while its pair is sealed."""
    return findings_with(record, partial(diagnosis_of, pairs))


def findings_with(record: Record, diagnosed: Callable[[str, str], PairDiagnosis | None]) -> list[Finding]:
    """As `findings_of`, with the record of the pair of a name and digest as `diagnosed` gives it."""
    entry = record.entry
    return list(findings(record.score.card, facts_in(entry.metadata), diagnosed(entry.pair, entry.pair_digest)))


def findings_on(card: Scorecard, facts: Facts, pairs: PublishedPairs, *, pair: str, digest: str) -> list[Finding]:
    """The findings of a scorecard on the pair of that name and digest."""
    return list(findings(card, facts, diagnosis_of(pairs, pair, digest)))


def diagnosis_of(pairs: PublishedPairs, pair: str, digest: str) -> PairDiagnosis | None:
    """The record of the pair of that name and digest; None where it is published no more, or has none."""
    try:
        published = pairs.get(pair)
    except (CheckFailedError, PairError):
        return None
    return published.diagnosis if published.digest == digest else None
