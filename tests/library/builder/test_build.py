"""Builds: same recipe, same bytes, whatever the shards, threads, kills and restarts; nothing half-finished is ever seen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.files import TESTS, assert_same, contents
from support.forks import Fork
from support.processes import wait_for
from support.recipes import PHOTOS, SIZES, SLOW, pinned, small_recipe
from w1bench.archive import hdf5 as store
from w1bench.archive.catalogue import catalogue, published
from w1bench.archive.drafts import discard_unfinished, is_published, is_unfinished, lock_of, unfinished
from w1bench.archive.manifest import read_published_manifest
from w1bench.builder import build
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.verify import verify
from w1bench.errors import CheckFailedError, PairError, SourceError
from w1bench.recipes.recipe import Recipe
from w1bench.storage.files import exclusive
from w1bench.transport.cost import Cost
from w1bench.transport.from_recipe import make_pair


@pytest.mark.parametrize("recipe", [small_recipe(sizes=SIZES | {"train": 9000}), PHOTOS], ids=lambda r: r.name)
def test_the_same_recipe_gives_the_same_bytes_for_any_shards_and_threads(recipe: Recipe, tmp_path: Path) -> None:
    first = build.build(recipe, tmp_path / "a", engine=LocalThreads(1))
    for name, threads, tiles in (("b", 1, 8), ("c", 2, 1), ("d", 3, 3)):
        again = build.build(recipe, tmp_path / name, engine=LocalThreads(threads), tiles=tiles)
        assert_same(again, first)


def test_rows_of_a_larger_pair_begin_with_those_of_a_smaller(tmp_path: Path) -> None:
    small = build.build(small_recipe(), tmp_path / "a")
    large = build.build(small_recipe(sizes=SIZES | {"train": 5000}), tmp_path / "b")
    with store.open_file(small / "train.h5") as a, store.open_file(large / "train.h5") as b:
        for name in ("input", "target"):
            np.testing.assert_allclose(b[name][:3000], a[name][:], rtol=0, atol=1e-12)


def test_a_published_pair_is_never_overwritten(archive: Path) -> None:
    before = contents(archive / "small-d2-n4-p8")
    with pytest.raises(PairError, match="published already"):
        build.build(small_recipe(), archive)
    assert contents(archive / "small-d2-n4-p8") == before


def test_nothing_is_left_of_a_build_that_ended(archive: Path) -> None:
    assert all(path.name.endswith(".lock") for path in archive.iterdir() if path.name.startswith("."))


def test_training_rows_are_unpaired_and_draws_differ(archive: Path) -> None:
    folder = archive / "small-d2-n4-p8"
    with store.open_file(folder / "train.h5") as train, store.open_file(folder / "test.h5") as test:
        x, y = train["input"][:], train["target"][:]
        assert abs(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) < 0.1
        assert not np.isin(test["target"][:], y).any()
        assert not np.isin(test["transported"][:], test["target"][:]).any()


@pytest.mark.parametrize("name", ["index", "lock", "building"])
def test_no_name_is_in_the_way_of_the_archives_own_files(tmp_path: Path, name: str) -> None:
    build.build(small_recipe(name), tmp_path)
    assert [entry.name for entry in catalogue(tmp_path)] == [name]


def test_a_refused_build_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    impossible = small_recipe("outside", source={"kind": "images", "dataset": "digits", "noise": 0.01}, half_width=0.9)
    for recipe in (impossible, impossible.with_sizes(train=1000)):
        with pytest.raises(SourceError, match="give a larger half_width"):
            build.build(recipe, tmp_path)
        assert published(tmp_path) == []
    corrected = small_recipe("outside")
    assert_same(build.build(corrected, tmp_path), build.build(corrected, tmp_path / "alone"))


def test_an_unfinished_build_is_gone_on_with_or_removed(tmp_path: Path) -> None:
    child = start_build(tmp_path)
    wait_for(lambda: bool(list(tmp_path.glob(".slow.building/shards/*.npz"))), child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    with pytest.raises(PairError, match="unfinished build of slow.*--resume"):
        build.build(SLOW, tmp_path)
    with pytest.raises(PairError, match="of another recipe"):
        build.build(SLOW.with_sizes(train=1000), tmp_path, resume=True)
    (tmp_path / ".slow.building" / "recipe.json").unlink()
    with pytest.raises(PairError, match=r"of an unknown recipe \(no recipe.json\); remove that folder"):
        build.build(SLOW, tmp_path, resume=True)


def test_what_reports_is_told_every_shard_and_may_stop_the_build(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    build.build(small_recipe("told"), tmp_path, tiles=1, report=lambda *said: told.append(said))
    for unit in ("row", "ray"):
        done, totals = zip(*((done, total) for done, total, of in told if of == unit), strict=True)
        assert list(done) == sorted(set(done))
        assert done[-1] == totals[-1] == max(totals)
    assert [of for *_, of in told] == sorted((of for *_, of in told), reverse=True)  # rows, then rays

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build.build(small_recipe("stopped"), tmp_path, report=stop)
    assert is_unfinished(tmp_path, small_recipe("stopped"))
    assert not is_published(tmp_path, small_recipe("stopped"))


def test_an_unfinished_build_is_discarded_only_as_itself_and_when_nobody_is_at_it(tmp_path: Path) -> None:
    recipe, folder = small_recipe(), unfinished(tmp_path, "small-d2-n4-p8")
    (folder / "shards").mkdir(parents=True)
    (folder / "recipe.json").write_text(recipe.canonical())
    discard_unfinished(tmp_path, small_recipe(seed=8))
    assert folder.exists()
    with exclusive(lock_of(tmp_path, recipe.name), PairError("taken")):
        discard_unfinished(tmp_path, recipe)
        assert folder.exists()
    discard_unfinished(tmp_path, recipe)
    assert not folder.exists()
    folder.mkdir()  # as a kill leaves it before anything is known of it
    discard_unfinished(tmp_path, recipe)
    assert not folder.exists()
    discard_unfinished(tmp_path, recipe)


def start_build(folder: Path) -> Fork:
    return Fork(build.build, SLOW, folder, resume=True)


def test_killed_builds_leave_nothing_finished_and_resume_to_the_same_bytes(slow_pair: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    for shards in (1, 4, 8):
        child = start_build(killed)
        wait_for(lambda shards=shards: len(list(killed.glob(".slow.building/shards/*.npz"))) >= shards, child)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        if (killed / "slow").exists():
            pytest.fail("the build ended before it could be killed; make SLOW slower")
        assert published(killed) == []
    kept = {path: path.stat().st_mtime_ns for path in killed.glob(".slow.building/shards/*.npz")}
    torn = sorted(kept)[0]
    torn.write_bytes(torn.read_bytes()[:1000])  # as a crash of the machine might leave it
    folder = build.build(SLOW, killed, resume=True)
    assert_same(folder, slow_pair)
    assert all(figure.holds for figure in verify(folder))


_DIGEST = """
import hashlib, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from support.recipes import small_recipe
from w1bench.transport.from_recipe import make_pair
pair = make_pair(small_recipe(source={"kind": "uniform", "dim": 200}, funnel={"count": 64}))
target = pair.targets("test.input", 0)
out = {"moved": np.empty(target.shape), "gradient": np.empty(target.shape)}
arrays = [*pair.map.trace(target, **out), *out.values(), pair.map.move(target, potential=(f := np.empty(len(target)))), f]
print([hashlib.sha256(array.tobytes()).hexdigest() for array in arrays])
"""


def test_freshly_compiled_rays_equal_those_of_the_compiler_s_cache(tmp_path: Path) -> None:
    """A function compiled apart from its caller is linked differently in the process that compiles it and in later ones."""
    command = [sys.executable, "-c", _DIGEST, str(TESTS)]
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    first, later = (subprocess.check_output(command, env=environment, text=True) for _ in range(2))
    assert first.count(",") == 6
    assert first == later


def test_a_build_killed_after_publishing_is_resumed_to_its_index(tmp_path: Path) -> None:
    folder = build.build(small_recipe(), tmp_path)
    (tmp_path / ".small-d2-n4-p8.building").mkdir()
    (tmp_path / "catalogue.json").unlink()
    assert build.build(small_recipe(), tmp_path, resume=True) == folder
    assert (tmp_path / "catalogue.json").exists()
    assert not (tmp_path / ".small-d2-n4-p8.building").exists()
    with pytest.raises(PairError, match="published already"):
        build.build(small_recipe(seed=9), tmp_path, resume=True)


def test_pictures_of_a_folder_are_those_that_are_built_from(tmp_path: Path) -> None:
    """A constant picture makes targets that are that constant plus noise, also through `with_sizes`."""
    (tmp_path / "pictures").mkdir()
    Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).save(tmp_path / "pictures" / "white.png")
    source = pinned({"kind": "images", "dataset": "photos", "noise": 0.01, "root": str(tmp_path / "pictures")})
    recipe = small_recipe("white", power=10.0, half_width=1.2, source=source, sizes=PHOTOS.sizes.model_dump())
    folder = build.build(recipe.with_sizes(train=200), tmp_path / "archive")
    with store.open_file(folder / "train.h5") as train:
        assert abs(train["target"][:] - 1).max() < 0.1
    assert "pictures it was built from" in read_published_manifest(folder).licence
    with pytest.raises(SourceError, match="give source.root"):
        make_pair(read_published_manifest(folder).full_recipe())


@pytest.mark.parametrize("dim", [1, 3])
def test_low_dimensions_are_built(dim: int, tmp_path: Path) -> None:
    folder = build.build(small_recipe(source={"kind": "uniform", "dim": dim}), tmp_path)
    assert all(figure.holds for figure in verify(folder))


def test_only_one_process_builds_a_pair(tmp_path: Path) -> None:
    child = start_build(tmp_path)
    try:
        wait_for(lambda: bool(list(tmp_path.glob(".slow.building/shards/*.npz"))), child)
        with pytest.raises(PairError, match="Another process is building slow"):
            build.build(SLOW, tmp_path, resume=True)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)


def test_a_certificate_that_does_not_hold_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = build.pooled_cost
    monkeypatch.setattr(build, "pooled_cost", lambda moments: _one_percent_more(honest(moments)))
    with pytest.raises(CheckFailedError, match=r"does not hold: w1_\w+ is .*kept in"):
        build.build(small_recipe(), tmp_path)
    assert published(tmp_path) == []


def _one_percent_more(cost: Cost) -> Cost:
    return Cost(cost.value * 1.01, cost.stderr, cost.rays)


def test_gzip_changes_the_container_and_not_the_content(tmp_path: Path, archive: Path) -> None:
    folder = build.build(small_recipe(), tmp_path, gzip=True)
    plain, packed = (read_published_manifest(f).files for f in (archive / "small-d2-n4-p8", folder))
    for role in (*store.ROLES, "funnel"):
        assert plain[f"{role}.h5"].logical_digest == packed[f"{role}.h5"].logical_digest
        assert plain[f"{role}.h5"].sha256 != packed[f"{role}.h5"].sha256
    assert all(figure.holds for figure in verify(folder))
