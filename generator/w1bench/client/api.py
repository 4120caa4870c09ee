"""The functions `w1bench.load`, `w1bench.score` and `w1bench.diagnose`."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from w1bench.archive.fetch import fetch, is_url
from w1bench.archive.folder import open_test, read_manifest
from w1bench.archive.manifest import FILENAME
from w1bench.client import config
from w1bench.client.diagnosis import explain
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.findings.explanation import ExplainedScorecard
from w1bench.diagnostics.findings.facts import Facts, facts_of
from w1bench.diagnostics.findings.sentences import Finding
from w1bench.errors import PairError
from w1bench.recipes.files import catalogued_recipes
from w1bench.scoring import submission
from w1bench.scoring.score import Scored, score_resampled


def load(name: str | Path, *, archive: str | None = None) -> StoredPair:
    """A pair by its folder, or by its name: from the archive, the cache, or fetched into the cache.

    The archive is a folder or URL: `archive`, else W1BENCH_ARCHIVE, else the folder `archive` and the service at W1BENCH_SERVER.

    Raises:
        PairError: there is no such pair.
        UnreachableError, CheckFailedError: see `fetch`.
    """
    if not isinstance(name, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance] - notebooks are not checked
        raise PairError(f"A pair came as a {type(name).__name__}; give its name or its folder.")
    environment = config.from_environment()
    origin = archive or environment.origin
    cached = environment.home / name
    local = [
        Path(place) / name for place in dict.fromkeys((archive or environment.archive, origin)) if not is_url(place)
    ]
    for folder in (Path(name), *local, cached):
        if (folder / FILENAME).is_file():
            return StoredPair(folder, read_manifest(folder))
    if Path(name).is_dir():
        read_manifest(Path(name))  # says that there is none
    if is_url(origin):
        folder = fetch(str(name), origin, environment.home)
        return StoredPair(folder, read_manifest(folder))
    looked = dict.fromkeys(str(folder.parent) for folder in (*local, cached))
    raise PairError(
        f"There is no pair {name} in {', '.join(looked)}{_advice(str(name))} "
        "W1BENCH_ARCHIVE to an archive's URL, or W1BENCH_SERVER to a service's, to fetch it from."
    )


def _advice(name: str) -> str:
    """How to come by a pair of that name, or by one that may have been meant."""
    known = catalogued_recipes()
    if name in known:
        return f"; build it (w1bench build {name}), or set"
    near = get_close_matches(name, known, 3)
    return f", nor a recipe of that name{'; the nearest: ' if near else ''}{', '.join(near)}. Set"


def open_pair(pair: StoredPair | str | Path) -> StoredPair:
    """A pair that is open already, or that `load` finds by its folder or name."""
    return pair if isinstance(pair, StoredPair) else load(pair)


def score(
    pair: StoredPair | str | Path, *, facts: Facts | Mapping[str, Any] | None = None, **arrays: ArrayLike | None
) -> ExplainedScorecard:
    """The scorecard of a critic on a pair, with findings: `gradient` (m, *shape) at `pair.test.input`, and optionally
    `input_potential` and `target_potential` (m,), `probe_gradient`, `transported`. `facts` are what its method declares and findings use:
    `penalty_weight`, `batch`, `receptive_field`, `native_value`, `own_value`.

    Raises:
        SubmissionError: an array has the wrong shape or dtype, or is not finite.
        InputError: a fact is unknown, or out of range.
        PairError: the pair is sealed.
        MissingExtraError: facts of a pair without diagnostics.json were given, and scipy is not installed.
    """
    opened, checked = open_pair(pair), facts_of(facts)
    return explain(score_with_resamples(opened, **arrays).card, opened, checked)


def diagnose(
    pair: StoredPair | str | Path, *, facts: Facts | Mapping[str, Any] | None = None, **arrays: ArrayLike | None
) -> tuple[Finding, ...]:
    """What is wrong with a critic, the cause first, and nothing where nothing is: the findings of `score`, which takes and raises the same."""
    return score(pair, facts=facts, **arrays).findings


def score_with_resamples(pair: StoredPair | str | Path, **arrays: ArrayLike | None) -> Scored:
    """`score`, with the metrics over the bootstrap's resamples, for comparison in pairs."""
    opened = open_pair(pair)
    checked = submission.from_arrays(opened.manifest, arrays)
    with open_test(opened.folder, opened.manifest) as test:
        return score_resampled(opened.manifest, test, checked)


def score_file(
    pair: StoredPair | str | Path, path: Path, *, facts: Facts | Mapping[str, Any] | None = None
) -> ExplainedScorecard:
    """The scorecard of a .h5 or .npy file on a pair, with findings; raises as `score`."""
    opened, declared = open_pair(pair), facts_of(facts)
    with (
        open_test(opened.folder, opened.manifest) as test,
        submission.open_submission(path, opened.manifest) as checked,
    ):
        return explain(score_resampled(opened.manifest, test, checked).card, opened, declared)
