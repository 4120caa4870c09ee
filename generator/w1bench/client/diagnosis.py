"""What is known of a stored pair besides its arrays, for findings and for `w1bench diagnose`: its record, or the same computed here."""

from __future__ import annotations

from w1bench.archive.folder import open_test
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.findings.explanation import ExplainedScorecard, explained
from w1bench.diagnostics.findings.facts import Facts, check_fits
from w1bench.diagnostics.record import PairDiagnosis, read_record
from w1bench.errors import missing_extra
from w1bench.scoring.scorecard import Scorecard


def diagnosis_of(pair: StoredPair) -> PairDiagnosis:
    """What a pair does to methods: its record, or computed here where it has none.

    Raises:
        PairError: the pair is sealed.
        MissingExtraError: it has none, and scipy is not installed.
    """
    pair.manifest.check_known()
    if stored := read_record(pair.folder, pair.manifest.digest()):
        return stored
    try:
        from w1bench.diagnostics.diagnosis import diagnose_pair
    except ModuleNotFoundError as error:
        raise missing_extra(f"A diagnosis needs {error.name}, which is not installed", "torch") from None
    with open_test(pair.folder, pair.manifest) as test:
        return diagnose_pair(pair.manifest, test)


def explain(card: Scorecard, pair: StoredPair, facts: Facts) -> ExplainedScorecard:
    """The card with its findings; raises as `diagnosis_of` and `check_fits`, where the facts ask for what is known of the pair."""
    check_fits(facts, pair.manifest.shape)
    return explained(card, facts, diagnosis_of(pair) if facts.ask_for_record else None)
