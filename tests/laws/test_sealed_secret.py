"""A sealed pair is a function of its recipe and of a secret, which a killed build keeps and nobody can guess."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from support.files import assert_same, contents
from support.forks import Fork
from support.processes import wait_for
from support.recipes import SEALED, SLOW, Sealed, small_recipe
from support.sealed_pairs import OTHER, recipe_of, rows_of, truth_of
from w1bench.archive import commitment as seal
from w1bench.archive import hdf5 as store
from w1bench.archive.catalogue import published
from w1bench.archive.commitment import read_reveal
from w1bench.archive.manifest import read_published_manifest
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import InputError, PairError, RecipeError
from w1bench.recipes.recipe import parse_recipe
from w1bench.rng import stream


def test_everything_is_a_function_of_the_recipe_and_its_secret(sealed_pair: Sealed, tmp_path: Path) -> None:
    recipe = recipe_of(sealed_pair)
    again = Sealed(tmp_path / "archive", tmp_path / "truth")
    build(recipe, again.archive, truth=again.truth)
    assert_same(again.folder, sealed_pair.folder)
    assert_same(again.kept, sealed_pair.kept)
    other = Sealed(tmp_path / "other", tmp_path / "other truth")
    build(SEALED, other.archive, truth=other.truth)
    assert recipe_of(other).secret != recipe.secret
    for role in ("train", "test", "probe"):
        mine, theirs = rows_of(sealed_pair, role), rows_of(other, role)
        assert not any(np.isin(mine[name], theirs[name]).any() for name in mine)
    assert read_published_manifest(other.folder).digest() != read_published_manifest(sealed_pair.folder).digest()
    open_pair = build(recipe, tmp_path / "open")  # the revealed recipe builds the pair for anyone
    with store.open_file(open_pair / "test.h5") as test:
        np.testing.assert_array_equal(test["gradient"][:], truth_of(sealed_pair)["gradient"])


def test_streams_depend_on_the_whole_secret() -> None:
    recipe = SEALED.with_secret()
    assert recipe.secret is not None
    last = recipe.model_copy(update={"secret": recipe.secret[:-1] + ("0" if recipe.secret[-1] != "0" else "1")})
    drawn = [stream(r.key, "funnel", 0).random(8) for r in (SEALED, recipe, last)]
    assert not np.isin(drawn[0], drawn[1]).any()
    assert not np.isin(drawn[1], drawn[2]).any()
    assert recipe.with_secret() == recipe
    assert SEALED.with_secret().secret != recipe.secret


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"funnel": {"count": 4, "stream": "torch"}}, "torch's stream, which has 32 bits"),
        ({"funnel": {"file": "f.pt", "sha256": OTHER}}, "known to all"),
        ({"half_width": 10.0, "source": {"kind": "ball", "dim": 64, "radius": 10.0}, "funnel": {"count": 1, "centers": "origin"}}, "the origin"),
    ],
)  # fmt: skip
def test_funnels_that_all_know_are_not_sealed(changes: dict[str, object], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=sentence):
        build(small_recipe(**changes), tmp_path / "archive", truth=tmp_path / "truth")


def test_a_secret_has_256_bits() -> None:
    for secret in ("", "7", "0" * 63, "G" * 64):
        with pytest.raises(RecipeError, match="secret came as"):
            small_recipe(secret=secret)


def test_a_pair_whose_rows_give_its_centres_away_is_not_sealed(tmp_path: Path) -> None:
    """In the plane with power 8, every fifth input lies within a thousandth of the half width of its centre."""
    with pytest.raises(
        PairError, match=r"of the first 8192 inputs .* lie within 0.001 half widths .* \(they are 8 and 2\)"
    ):
        build(small_recipe(), tmp_path / "archive", truth=tmp_path / "truth")
    spiked = small_recipe(spike={"dim": 20, "nuisance_std": 1.0})
    with pytest.raises(PairError, match=r"lie within 0.001 half widths .* \(they are 8 and 2\)"):
        build(spiked, tmp_path / "archive", truth=tmp_path / "truth")
    assert list(tmp_path.iterdir()) == []


def test_the_truth_lies_apart_or_nowhere(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    (tmp_path / "link").symlink_to(archive / "inside")
    for truth in (archive, archive / "truth", tmp_path / "link"):
        with pytest.raises(InputError, match="inside of .*give a folder apart"):
            build(SEALED, archive, truth=truth)
    with pytest.raises(InputError, match="Shards of a sealed pair hold its truth"):
        build(SEALED, archive, truth=tmp_path / "truth", shards=str(tmp_path / "shards"))
    assert not archive.exists()


def test_the_truth_of_another_pair_is_not_written_over(sealed_pair: Sealed, tmp_path: Path) -> None:
    before = contents(sealed_pair.truth)
    for resume in (False, True):
        with pytest.raises(PairError, match="holds the truth of a pair of this name already"):
            build(
                small_recipe(SEALED.name, seed=1, source={"kind": "uniform", "dim": 16}),
                tmp_path,
                truth=sealed_pair.truth,
                resume=resume,
            )
    assert contents(sealed_pair.truth) == before


def test_a_killed_build_goes_on_with_its_secret_and_leaves_no_shard_in_the_archive(tmp_path: Path) -> None:
    shards = ".slow.building/shards/*.npz"
    child = Fork(build, SLOW, tmp_path / "archive", truth=tmp_path / "truth", resume=True)
    wait_for(lambda: len(list((tmp_path / "truth").glob(shards))) >= 2, child)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    assert published(tmp_path / "archive") == []
    assert not list((tmp_path / "archive").rglob("*.npz"))
    begun = json.loads((tmp_path / "truth" / ".slow.building" / "recipe.json").read_text())["secret"]
    assert (tmp_path / "truth" / ".slow.building").stat().st_mode & 0o777 == 0o700
    with pytest.raises(PairError, match="unfinished build of slow.*--resume"):
        build(SLOW, tmp_path / "archive", truth=tmp_path / "truth")
    folder = build(SLOW, tmp_path / "archive", truth=tmp_path / "truth", resume=True)
    assert read_reveal(tmp_path / "truth" / "slow", read_published_manifest(folder)).full_recipe().secret == begun
    assert [path.name for path in (tmp_path / "truth").iterdir() if path.suffix != ".lock"] == ["slow"]
    assert all(figure.holds for figure in verify(folder))


def test_a_build_killed_before_its_truth_was_published_on_ends_in_the_same_pair(
    sealed_copy: Sealed, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in sealed_copy.folder.iterdir()}
    shutil.move(sealed_copy.folder, tmp_path / "gone")
    build(SEALED, sealed_copy.archive, truth=sealed_copy.truth, resume=True)
    assert {path: path.read_bytes() for path in sealed_copy.folder.iterdir()} == before
    (sealed_copy.archive / "catalogue.json").unlink()
    build(SEALED, sealed_copy.archive, truth=sealed_copy.truth, resume=True)
    assert (sealed_copy.archive / "catalogue.json").exists()


def test_sealed_recipes_read_back() -> None:
    recipe = SEALED.with_secret()
    assert parse_recipe(json.loads(recipe.canonical()), origin="canonical JSON") == recipe
    assert seal.salt_of(recipe.secret or "") != seal.salt_of(OTHER)
