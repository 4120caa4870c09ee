"""The functions `w1bench.load`, `w1bench.score` and `w1bench.submit`."""

import tempfile
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from w1bench.archive.fetch import fetch, is_url
from w1bench.archive.folder import open_test, read_manifest
from w1bench.archive.manifest import FILENAME
from w1bench.client import config
from w1bench.client import http as client
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import PairError
from w1bench.scoring import submission
from w1bench.scoring.score import Scored, score_resampled
from w1bench.scoring.scorecard import Scorecard


def load(name: str | Path, *, archive: str | None = None) -> StoredPair:
    """A pair by its folder, or by its name: from the archive, the cache, or fetched into the cache.

    The archive is a folder or URL: `archive`, else W1BENCH_ARCHIVE, else the folder `archive`.

    Raises:
        PairError: there is no such pair.
        UnreachableError, CheckFailedError: see `fetch`.
    """
    environment = config.from_environment()
    origin = archive or environment.archive
    cached = environment.home / name
    folders = [Path(name), cached] if is_url(origin) else [Path(name), Path(origin) / name, cached]
    for folder in folders:
        if (folder / FILENAME).is_file():
            return StoredPair(folder, read_manifest(folder))
    if is_url(origin):
        folder = fetch(str(name), origin, environment.home)
        return StoredPair(folder, read_manifest(folder))
    raise PairError(
        f"There is no pair {name} in {', '.join(str(f.parent) for f in folders[1:])}; build it (w1bench build {name}), "
        "or set W1BENCH_ARCHIVE to an archive's URL to fetch it from."
    )


def score(pair: StoredPair | str | Path, **arrays: ArrayLike | None) -> Scorecard:
    """The scorecard of a critic on a pair: `gradient` (m, *shape) at `pair.test.input`, and optionally
    `input_potential` and `target_potential` (m,), `probe_gradient`, `transported`.

    Raises:
        SubmissionError: an array has the wrong shape or dtype, or is not finite.
        PairError: the pair is sealed.
    """
    return score_with_resamples(pair, **arrays).card


def score_with_resamples(pair: StoredPair | str | Path, **arrays: ArrayLike | None) -> Scored:
    """`score`, with the metrics over the bootstrap's resamples, for comparison in pairs."""
    opened = pair if isinstance(pair, StoredPair) else load(pair)
    checked = submission.from_arrays(opened.manifest, arrays)
    with open_test(opened.folder, opened.manifest) as test:
        return score_resampled(opened.manifest, test, checked)


def score_file(folder: Path, path: Path) -> Scorecard:
    """The scorecard of a .h5 or .npy file on the pair in `folder`; raises as `score`."""
    manifest = read_manifest(folder)
    with open_test(folder, manifest) as test, submission.open_submission(path, manifest) as checked:
        return score_resampled(manifest, test, checked).card


def submit(
    pair: StoredPair | str | Path, *, method: str, server: str | None = None, token: str | None = None,
    **arrays: ArrayLike | None,
) -> dict[str, Any]:  # fmt: skip
    """Submit a critic's arrays (as `score`) to the service; returns the row with its scorecard and URL.

    Server and token default to W1BENCH_SERVER and W1BENCH_TOKEN.

    Raises:
        SubmissionError: the arrays do not fit, or the service refuses them.
        UnreachableError: the service does not answer.
    """
    opened = pair if isinstance(pair, StoredPair) else load(pair)
    environment = config.from_environment()
    checked = submission.from_arrays(opened.manifest, arrays)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "submission.h5"
        submission.write(path, checked)
        return client.submit_file(
            opened.name, path, method=method, server=server or environment.server, token=token or environment.token
        )
