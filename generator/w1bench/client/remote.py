"""The functions that ask a service: `w1bench.submit`, `validate`, `show`, `compare`, `retract`, `whoami`, `leaderboard`.

Server and token default to W1BENCH_SERVER and W1BENCH_TOKEN. All raise a SubmissionError where the service refuses what is asked, in its
own sentence, and an UnreachableError where it does not answer.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from numpy.typing import ArrayLike

from w1bench.archive.fetch import check_name
from w1bench.archive.folder import read_manifest
from w1bench.archive.manifest import FILENAME
from w1bench.client import config
from w1bench.client.api import open_pair
from w1bench.client.metadata import NAMES, Metadata, metadata
from w1bench.client.service import boards
from w1bench.client.service import submissions as service_submissions
from w1bench.client.service.connection import Service
from w1bench.client.service.rows import Row
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.findings.facts import Facts, check_fits, facts_of
from w1bench.errors import SubmissionError
from w1bench.scoring import submission
from w1bench.scoring.metrics import HEADLINE

Arrays = Mapping[str, ArrayLike | None]
_OF_SIDECARS = ("seed", "steps", "seconds", "data", *Facts.model_fields)  # what `w1bench solve` writes of a training


def service_at(server: str | None = None, token: str | None = None) -> Service:
    """The service at an address, by default that of the environment."""
    environment = config.from_environment()
    return Service(server or environment.server, token or environment.token)


@overload
def submit(
    pair: StoredPair | str | Path, *, method: str, seeds: None = None, server: str | None = None, token: str | None = None,
    **given: Any,
) -> Row: ...  # fmt: skip
@overload
def submit(
    pair: StoredPair | str | Path, *, method: str, seeds: Mapping[int, Arrays], server: str | None = None, token: str | None = None,
    **given: Any,
) -> list[Row]: ...  # fmt: skip
def submit(
    pair: StoredPair | str | Path, *, method: str, seeds: Mapping[int, Arrays] | None = None, server: str | None = None,
    token: str | None = None, **given: Any,
) -> Row | list[Row]:  # fmt: skip
    """Submit a critic's arrays (as `score`) to the service; returns the row with its scorecard and URL.

    With `seeds`, the arrays of each seed of the method in place of one's own, which become one row of the board; returns a row a seed.
    What else is given, the submission says of itself: seed, paper, code, description, steps, data ("train" or "fresh"), seconds,
    hardware, parameters, trains, knows_family, and what findings use: penalty_weight, batch, receptive_field, native_value, own_value; or how it got there: curve. It is
    checked, as the arrays of all seeds are, before anything is sent.

    Raises:
        SubmissionError: the arrays do not fit, or the service refuses them.
        UnreachableError: the service does not answer.
    """
    said = {name: value for name, value in given.items() if name in NAMES}
    arrays = {name: value for name, value in given.items() if name not in NAMES}
    if seeds is not None and (arrays or "seed" in said):
        raise SubmissionError(
            f"`{next(iter(arrays), 'seed')}` came beside `seeds`; give the arrays of each seed in it: seeds={{0: {{'gradient': ...}}, 1: ...}}."
        )
    if seeds is not None and not seeds:
        raise SubmissionError("`seeds` came empty; give the arrays of each seed: seeds={0: {'gradient': ...}, 1: ...}.")
    opened = open_pair(pair)
    each = [({}, arrays)] if seeds is None else [({"seed": seed}, of_seed) for seed, of_seed in seeds.items()]
    checked = [(metadata(said | seed), submission.from_arrays(opened.manifest, of_seed)) for seed, of_seed in each]
    for of_file, _ in checked:
        check_fits(of_file.facts, opened.manifest.shape)
    with tempfile.TemporaryDirectory() as folder:
        files: list[tuple[Path, Metadata]] = []
        for place, (of_file, held) in enumerate(checked):
            files.append((Path(folder) / f"{place}.h5", of_file))
            submission.write(files[-1][0], held)
        rows = submit_files(service_at(server, token), opened.name, files, method=method)
    return rows if seeds is not None else rows[0]


def submit_files(service: Service, pair: str, files: Iterable[tuple[Path, Metadata]], *, method: str) -> list[Row]:
    """Submit files of one method, each with what it says of itself; returns their rows; raises as `submit`."""
    return [Row(service_submissions.submit_file(service, pair, path, method=method, said=said)) for path, said in files]


def said_of_files(
    pair: str, paths: Sequence[Path], given: Mapping[str, Any], seeds: Sequence[int]
) -> list[tuple[Path, Metadata]]:
    """What each file says of itself: what is given, else what the JSON sidecar of `w1bench solve` beside it says.

    Raises:
        SubmissionError: there are not as many seeds as files, a seed comes twice, a sidecar is of another pair; or as `metadata`.
    """
    if seeds and len(seeds) != len(paths):
        raise SubmissionError(f"{len(seeds)} seeds came for {len(paths)} files; give one for each, in their order.")
    files: list[tuple[Path, Metadata]] = []
    for place, path in enumerate(paths):
        seed = {"seed": seeds[place]} if seeds else {}
        files.append((path, metadata(_sidecar(path, pair) | dict(given) | seed)))
    if len(files) > 1:
        numbers = [said.seed for _, said in files]
        if None in numbers or len(set(numbers)) < len(numbers):
            raise SubmissionError(
                f"The files' seeds are {', '.join(map(str, numbers))}; several files are the seeds of one method: give each its own, "
                "--seed 0 --seed 1 ..., in the files' order."
            )
    return files


def validate(
    pair: StoredPair | str | Path,
    *,
    method: str | None = None,
    server: str | None = None,
    facts: Facts | Mapping[str, Any] | None = None,
    **arrays: ArrayLike | None,
) -> dict[str, Any]:
    """Whether the service would accept a critic's arrays, as a row of `method` where that is given: its digest of them, their shapes, and of an open
    pair the findings, which may use `facts` as `w1bench.score` does. Nothing is kept, and no token is needed."""
    opened = open_pair(pair)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "submission.h5"
        submission.write(path, submission.from_arrays(opened.manifest, arrays))
        return service_submissions.validate_file(
            service_at(server), opened.name, path, facts=facts_of(facts), method=method
        )


def show(identity: str, *, server: str | None = None) -> Row:
    """A submission's row, by its id or its page's address."""
    return Row(service_submissions.show(service_at(server), identity))


def compare(a: str, b: str, *, server: str | None = None) -> dict[str, Any]:
    """Two submissions to one pair, by their ids: in `metrics` the difference a - b of each with its paired interval, and whether they are tied."""
    return boards.compare(service_at(server), a, b)


def retract(identity: str, reason: str, *, server: str | None = None, token: str | None = None) -> Row:
    """Retract a submission of one's own: it stays visible with the reason, but no longer ranks."""
    return Row(service_submissions.retract(service_at(server, token), identity, reason))


def whoami(*, server: str | None = None, token: str | None = None) -> dict[str, Any]:
    """The user and the scope of the token."""
    return service_submissions.whoami(service_at(server, token))


def leaderboard(
    pair: StoredPair | str | Path | None = None, *, track: str | None = None, family: str | None = None, dim: int | None = None,
    as_of: str | int | None = None, metric: str = HEADLINE, server: str | None = None,
) -> list[Row]:  # fmt: skip
    """The rows of the leaderboard: of all pairs, of one, or of those of a track, family or dimension; as it was at `as_of`, a row of
    the ledger or a time (ISO 8601)."""
    name = pair.name if isinstance(pair, StoredPair) else None if pair is None else name_of(pair)
    board = boards.leaderboard(
        service_at(server), metric=metric, pair=name, track=track, family=family, dim=dim, as_of=as_of
    )
    return [Row(row) for row in board["rows"]]


def name_of(pair: str | Path) -> str:
    """The name of a pair that is given by its name or its folder.

    Raises:
        PairError: it is neither.
    """
    folder = Path(pair)
    if (folder / FILENAME).is_file():
        return read_manifest(folder).name
    check_name(str(pair))
    return str(pair)


def _sidecar(path: Path, pair: str) -> dict[str, Any]:
    """What the sidecar of `w1bench solve` beside a submission says of its training; nothing where there is none."""
    try:
        found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or found.get("submission") != path.name:
        return {}
    if found.get("pair") != pair:
        raise SubmissionError(
            f"{path} is a submission to {found.get('pair')}, as {path.with_suffix('.json').name} beside it says, and not to {pair}; "
            "submit it to that pair, or remove the .json."
        )
    return {name: found[name] for name in _OF_SIDECARS if found.get(name) is not None}
