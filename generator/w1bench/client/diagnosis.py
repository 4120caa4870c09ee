"""`w1bench.diagnose`: what a pair does to methods, and what is wrong with a critic, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike
from pydantic import ValidationError

from w1bench.archive.folder import open_test, read_manifest
from w1bench.client.api import load
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.findings.words import Finding
from w1bench.errors import InputError, missing_extra
from w1bench.scoring import submission
from w1bench.scoring.scorecard import Scorecard
from w1bench.storage.canonical import first_fault

if TYPE_CHECKING:
    from w1bench.diagnostics.diagnosis import PairDiagnosis


def diagnose(
    pair: StoredPair | str | Path, *, facts: Facts | Mapping[str, Any] | None = None, **arrays: ArrayLike | None
) -> tuple[Finding, ...]:
    """What is wrong with a critic, the cause first, from its arrays (as `w1bench.score`) and what its method declares: `penalty_weight`, `batch`,
    `receptive_field`, `native_value`, `own_value`. Nothing where nothing is.

    Raises:
        SubmissionError: an array has the wrong shape or dtype, or is not finite.
        InputError: a fact is unknown, or out of range.
        PairError: the pair is sealed.
        MissingExtraError: scipy is not installed.
    """
    opened = pair if isinstance(pair, StoredPair) else load(pair)
    checked = submission.from_arrays(opened.manifest, arrays)
    with open_test(opened.folder, opened.manifest) as test:
        return _diagnosis().diagnose_submission(
            opened.manifest, test, opened.probe.interpolate, checked, facts_of(facts)
        )[1]


def diagnose_file(folder: Path, path: Path, facts: Facts) -> tuple[Scorecard, tuple[Finding, ...]]:
    """The scorecard and findings of a .h5 or .npy file on the pair in `folder`; raises as `diagnose`."""
    opened = StoredPair(folder, read_manifest(folder))
    with open_test(folder, opened.manifest) as test, submission.open_submission(path, opened.manifest) as checked:
        return _diagnosis().diagnose_submission(opened.manifest, test, opened.probe.interpolate, checked, facts)


def diagnose_folder(folder: Path) -> PairDiagnosis:
    """What the pair in `folder` does to methods; a PairError while it is sealed."""
    manifest = read_manifest(folder)
    with open_test(folder, manifest) as test:
        return _diagnosis().diagnose_pair(manifest, test)


def facts_of(given: Facts | Mapping[str, Any] | None) -> Facts:
    """Declared facts, checked; raises InputError."""
    try:
        return given if isinstance(given, Facts) else Facts.model_validate(dict(given or {}))
    except ValidationError as error:
        raise InputError(
            f"The fact {first_fault(error, 'the facts')}; a method may declare {', '.join(Facts.model_fields)}."
        ) from None


def _diagnosis() -> Any:
    try:
        from w1bench.diagnostics import diagnosis
    except ModuleNotFoundError as error:
        raise missing_extra(f"A diagnosis needs {error.name}, which is not installed", "torch") from None
    return diagnosis
