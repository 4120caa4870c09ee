"""What is wrong with a submission's critic, in words: from its score, what it says of its method, and its pair's record."""

from w1bench.diagnostics.findings.facts import Facts, facts_in
from w1bench.diagnostics.findings.words import Finding, findings
from w1bench.errors import CheckFailedError, PairError
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.ledger.records import Record
from w1bench_server.pairs.catalogue import PublishedPairs


def findings_of(record: Record, pairs: PublishedPairs) -> list[Finding]:
    """The findings of a public record, the cause first; none while its pair is sealed."""
    entry = record.entry
    return findings_on(record.score.card, facts_in(entry.metadata), pairs, pair=entry.pair, digest=entry.pair_digest)


def findings_on(card: Scorecard, facts: Facts, pairs: PublishedPairs, *, pair: str, digest: str) -> list[Finding]:
    """The findings of a scorecard on the pair of that name and digest, with its record where it is published still."""
    try:
        published = pairs.get(pair)
    except (CheckFailedError, PairError):
        published = None
    diagnosis = published.diagnosis if published is not None and published.digest == digest else None
    return list(findings(card, facts, diagnosis))
