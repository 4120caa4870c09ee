"""A small archive, built once a test run: every kind of source, small enough to build in seconds."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import psutil
import pytest
import torch

from support import slow
from support.forks import start_server
from support.recipes import FAMILIES, RECIPES, SEALED, SLOW, Sealed
from support.shared import made_once
from w1bench.archive.manifest import Manifest, read_published_manifest
from w1bench.builder.build import build
from w1bench.builder.engines.engine import keep_freed_memory

_PROCESSES_A_PROCESSOR = (
    1.5  # tests wait for servers to start, and for what was killed to be noticed; a process more imports all anew
)
_MOST_PROCESSES = 8
_MEMORY, _MEMORY_BYTES = Path("/dev/shm"), 8 << 30  # a run has half a GiB at once
# Files that take more than fifteen seconds, the longest first (`pytest --durations=0`).
_LONG = (
    "laws/test_learning.py", "browser/test_look.py", "library/cli/test_cli.py", "load/test_load.py", "library/builder/test_build.py",
    "library/builder/test_ray_cluster.py", "library/trials/test_benchmark.py", "library/cli/test_trials.py", "library/trials/test_trials.py",
    "service/sandbox/test_hostile_files.py", "service/worker/test_builds.py", "fuzz/test_fuzz.py", "project/test_docs_site.py",
    "service/web/test_connections.py", "laws/test_families.py", "service/worker/test_consumer.py", "laws/test_congestion.py",
    "service/web/test_events.py", "service/worker/test_scoring_jobs.py", "laws/test_sealed_use.py", "library/sources/test_pictures.py",
    "project/test_committed_results.py", "browser/test_use.py", "newcomer/test_walk.py", "service/sandbox/test_scorer.py",
    "library/sources/test_training.py", "service/sandbox/test_hdf5_jail.py", "service/worker/test_data_location.py", "attack/test_hold.py",
    "library/figures/test_figures.py", "library/builder/test_engines.py",
)  # fmt: skip


def pytest_configure() -> None:
    """One thread a process, also below: on a busy machine, small networks on several threads wait for one another.

    Files lie in memory where there is enough of it: tests write and remove thousands. Only those of tests that failed stay there.
    """
    if "TMPDIR" not in os.environ and _MEMORY.is_dir() and _has_room(os.statvfs(_MEMORY)):
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # so that it is looked for anew
    # Servers that tests kill leave semaphores, which Python's tracker removes; no need to say so at the end of every run.
    os.environ.setdefault("PYTHONWARNINGS", "ignore::UserWarning:multiprocessing.resource_tracker")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    keep_freed_memory()
    if "PYTEST_XDIST_WORKER" in os.environ:  # which will need it, and the engine of processes with it
        start_server()


def pytest_collection_finish() -> None:
    """The garbage collector no longer looks through what is there by now, and comes less often: it took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


def _has_room(place: os.statvfs_result) -> bool:
    room = min(place.f_bavail * place.f_frsize, psutil.virtual_memory().available)
    return room > _MEMORY_BYTES and not place.f_flag & os.ST_NOEXEC  # tests run what they install


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs in a few processes; files that were named run in this one, which has started already."""
    return min(int(_PROCESSES_A_PROCESSOR * len(os.sched_getaffinity(0))), _MOST_PROCESSES) if _whole(config) else 0


def _whole(config: pytest.Config) -> bool:
    return config.args_source is not pytest.Config.ArgsSource.ARGS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files that take long are begun first, so that none is begun last; a file's tests stay together, and share what they set up.

    Cases of `support.slow` are marked so where the whole suite is collected; files and folders that are named are run with them.
    """
    if _whole(config):
        cases = {item.nodeid: item for item in items}
        files = {name.partition("::")[0] for name in cases}  # a file that fails to be imported says so itself
        left_out = {name: run for name, run in slow.CASES.items() if name.partition("::")[0] in files}
        gone = {name for name in (*left_out, *left_out.values()) if name.partition("::")[0] in files} - cases.keys()
        if wrong := sorted(gone | (left_out.keys() & set(left_out.values()))):
            raise pytest.UsageError(f"tests/support/slow.py names what is gone, or left out itself: {', '.join(wrong)}")
        for name in left_out:
            cases[name].add_marker("slow")
    items.sort(key=lambda item: _rank(item.path.relative_to(Path(__file__).parent).as_posix()))


def _rank(file: str) -> int:
    return _LONG.index(file) if file in _LONG else len(_LONG)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of one small pair of each kind; tests must not change it."""

    def make(folder: Path) -> None:
        for recipe in RECIPES:
            build(recipe, folder)

    return made_once(tmp_path_factory, "archive", make)


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of FAMILIES; tests must not change it."""

    def make(folder: Path) -> None:
        for recipe in FAMILIES:
            build(recipe, folder)

    return made_once(tmp_path_factory, "families", make)


@pytest.fixture(scope="session")
def sealed_pair(tmp_path_factory: pytest.TempPathFactory) -> Sealed:
    """A sealed pair that is not revealed; tests must not change it."""

    def make(folder: Path) -> None:
        build(SEALED, folder / "archive", truth=folder / "truth")

    folder = made_once(tmp_path_factory, "sealed", make)
    return Sealed(folder / "archive", folder / "truth")


@pytest.fixture(scope="session")
def slow_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pair that takes a while to build, as an undisturbed build makes it; tests must not change it."""
    return made_once(tmp_path_factory, "slow", partial(build, SLOW)) / SLOW.name


@pytest.fixture
def sealed_copy(sealed_pair: Sealed, tmp_path: Path) -> Sealed:
    """A copy of the sealed pair, which a test may reveal or damage."""
    return sealed_pair.copied(tmp_path / "copy")


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """The URL of a bucket of an S3-compatible server on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "someone",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }.items():
            environment.setenv(name, value)
        httpx2.put(f"{endpoint}/shards").raise_for_status()
        yield "s3://shards"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for files: a folder, and a bucket."""
    if request.param == "folder":
        return str(tmp_path / "shards")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"


@pytest.fixture(scope="session", params=[recipe.name for recipe in RECIPES])
def pair_folder(request: pytest.FixtureRequest, archive: Path) -> Path:
    """The folder of each small pair in turn."""
    return archive / request.param


@pytest.fixture
def manifest(pair_folder: Path) -> Manifest:
    return read_published_manifest(pair_folder)


@pytest.fixture(scope="session")
def published_funnels() -> Path:
    """The folder of the funnels published with the paper."""
    folder = os.environ.get("W1BENCH_PUBLISHED_FUNNELS")
    if not folder:
        pytest.skip(
            "set W1BENCH_PUBLISHED_FUNNELS to a folder with nd-d2-n4-p8.pt and others: the state dicts of "
            "https://github.com/justkolesov/Wasserstein1Benchmark (MIT licence)"
        )
    return Path(folder)
