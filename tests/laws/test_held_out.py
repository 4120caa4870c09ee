"""Pictures held out: tests, probes and W1 are of these alone, and training rows, fresh draws and funnels of the others.

A digit's pixels are multiples of 1/8, from which noise of .01 is told apart: rounding gives a row's very picture back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import w1bench
from support.data_sets import write_binary, write_celeba
from support.files import assert_same
from support.recipes import pinned, small_recipe
from w1bench.archive import hdf5 as store
from w1bench.archive.reveal import reveal
from w1bench.builder.build import build
from w1bench.builder.certificate.certify import certify
from w1bench.builder.engines.processes import LocalProcesses
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.verify import verify
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import RecipeError, SourceError
from w1bench.recipes.files import find_recipe
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench.rng import stream
from w1bench.sources.from_recipe import make_source
from w1bench.sources.images.digits import digits
from w1bench.sources.pictures import NoisyPictures, PictureTable, for_training
from w1bench.transport.cost import Cost
from w1bench.transport.exact import attenuated_w1
from w1bench.transport.families.funnel.balance import balanced_offsets
from w1bench.transport.from_recipe import make_pair

DIGITS = {"kind": "images", "dataset": "digits", "noise": 0.01}
HELD = 9  # of 1797 digits: so few that the two laws are far apart
FUNNELS: dict[str, Any] = {
    "half_width": 1.2, "power": 4.0, "source": DIGITS | {"held_out": 0.005}, "funnel": {"count": 4, "centers": "source"},
}  # fmt: skip
RECIPE = small_recipe("held-out", **FUNNELS)


def pictures(rows: Any) -> set[bytes]:
    """The pictures that noisy rows are of."""
    rounded = np.round(np.asarray(rows[:], np.float32) * 8) / 8 + 0.0
    return {row.tobytes() for row in rounded.reshape(len(rounded), 64)}


def parts(recipe: Recipe) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The pictures, without noise, that tests are drawn from, and those that training is."""
    source = make_source(recipe)
    assert source is not None
    tables = [part.pictures.table for part in (source, for_training(source))]  # type: ignore[attr-defined]
    return tables[0], tables[1]


TESTS, OTHERS = (pictures(table) for table in parts(RECIPE))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> StoredPair:
    return w1bench.load(build(RECIPE, tmp_path_factory.mktemp("archive")))


@pytest.mark.parametrize(("share", "count"), [(0.005, HELD), (0.25, 449), (0.9, 1617)])
def test_every_picture_is_on_one_side(share: float, count: int) -> None:
    tests, others = parts(small_recipe("h", **FUNNELS | {"source": DIGITS | {"held_out": share}}))
    assert len(tests) == len(pictures(tests)) == count
    assert pictures(tests) & pictures(others) == set()
    assert pictures(tests) | pictures(others) == pictures(digits().table)


def test_the_seed_chooses_and_the_catalogued_pair_holds_out_a_quarter() -> None:
    other = small_recipe("h", **FUNNELS | {"seed": 8})
    assert pictures(parts(other)[0]) != TESTS
    assert pictures(parts(small_recipe("another", **FUNNELS))[0]) == TESTS
    recipe, shared = (find_recipe(f"digits8-n16-{name}") for name in ("held-out", "shared"))
    assert recipe.funnel == shared.funnel
    assert len(parts(recipe)[0]) == 449


def test_stored_rows_are_of_the_pictures_of_their_side(pair: StoredPair) -> None:
    """Those of inputs and interpolates, which are not rows of pictures, by drawing them once more."""
    assert pictures(pair.test.transported) == pictures(pair.test.target) == TESTS
    assert pictures(pair.train.target) <= OTHERS
    tests = make_source(RECIPE)
    assert tests is not None
    key, ray_map = RECIPE.key, make_pair(RECIPE).map

    def images(purpose: str, source: Any) -> tuple[Any, Any]:
        y = source.draw(stream(key, purpose, 0), 1024).reshape(1024, 64)
        ray_map.move(y, moved=(x := np.empty((1024, 64), np.float32)))
        return y, x

    y, x = images("train.input", for_training(tests))
    assert pictures(y) <= OTHERS
    np.testing.assert_array_equal(pair.train.input[:1024].reshape(-1, 64), x)
    x, y = images("probe.input", tests)[1], tests.draw(stream(key, "probe.target", 0), 1024).reshape(1024, 64)
    t = stream(key, "probe.mix", 0).random((1024, 1))
    np.testing.assert_allclose(pair.probe.interpolate[:].reshape(-1, 64), (t * y + (1 - t) * x)[:300], atol=1e-6)


def test_fresh_draws_never_show_a_picture_that_is_held_out(pair: StoredPair) -> None:
    (inputs, targets), partners = pair.sampler(512, seed=3), pair.plan_sampler(512, seed=3)
    ray_map = make_pair(RECIPE).map
    for k in range(20):
        assert pictures(targets(k).numpy()) <= OTHERS
        y = partners(k).numpy()
        assert pictures(y) <= OTHERS
        ray_map.move(y.reshape(-1, 64), moved=(x := np.empty((512, 64), np.float32)))
        np.testing.assert_allclose(inputs(k).numpy().reshape(-1, 64), x, atol=1e-4)


def test_funnels_are_drawn_from_the_others_and_balanced_on_them(pair: StoredPair) -> None:
    assert pictures(pair.funnel.center) <= OTHERS
    funnel = {"count": 4, "centers": "source", "balanced": True}
    truth = make_pair(small_recipe("b", **FUNNELS | {"funnel": funnel})).truth
    others = NoisyPictures(PictureTable(parts(RECIPE)[1]), 0.01, 1.2)
    np.testing.assert_array_equal(truth["offset"], balanced_offsets(truth["center"], others, RECIPE.key))


def test_w1_is_that_of_the_held_out_pictures(pair: StoredPair) -> None:
    """Averaged over the rays of test.h5 and probe.h5 and over more of the same law, and over none of train.h5."""
    whole, recorded = make_pair(RECIPE), pair.manifest.known_w1
    tiles = [("test.input", 0), ("test.input", 1), ("probe.input", 0)]
    tiles += [("cost", tile) for tile in range(recorded.rays // 1024 - 3)]
    rays = np.concatenate([whole.cost_terms(*tile) for tile in tiles])
    assert recorded.rays == len(rays)
    assert recorded.value == pytest.approx(rays.mean(), rel=1e-12)
    of_training = np.concatenate([whole.training.cost_terms("cost", tile) for tile in range(64)])
    apart = abs(recorded.value - of_training.mean())
    assert apart > 20 * of_training.std() / 256, "the two laws are too near to tell which one W1 is of"


def test_verify_holds_and_the_w1_of_training_would_not(pair: StoredPair) -> None:
    figures = {figure.name: figure for figure in verify(pair.folder)}
    assert [name for name, figure in figures.items() if not figure.holds] == []
    assert "dual value of the test draws" in figures["w1_dual"].meaning
    u = make_pair(RECIPE).map.potential.value
    of_training = u(pair.train.target[:].reshape(-1, 64)).mean() - u(pair.train.input[:].reshape(-1, 64)).mean()
    wrong = Cost(of_training, *pair.manifest.known_w1[1:])
    with store.open_files({file: pair.folder / f"{file}.h5" for file in pair.manifest.contents}) as files:
        broken = [figure.name for figure in certify(RECIPE, 1.2, wrong, store.tables(files)) if not figure.holds]
    assert broken == ["w1_primal", "w1_dual"]


def test_two_engines_give_the_same_bytes(pair: StoredPair, tmp_path: Path) -> None:
    for name, engine in (("threads", LocalThreads(2)), ("processes", LocalProcesses(2))):
        assert_same(build(RECIPE, tmp_path / name, engine=engine, tiles=1), pair.folder)


def test_an_exact_w1_is_over_the_held_out_pictures_and_both_sides_make_the_whole() -> None:
    def blurred(**source: Any) -> Any:
        table = {"keep": "lowpass", "size": 4, "factor": 0.3}
        return make_pair(
            small_recipe("b", source=DIGITS | source, half_width=1.2, power=None, funnel=None, attenuation=table)
        )

    pair, whole = blurred(held_out=0.25), blurred().exact_w1()
    tests, training = pair.exact_w1(), pair.training.exact_w1()
    table = PictureTable(parts(pair.recipe)[0])
    assert tests == pytest.approx(attenuated_w1(pair.map, NoisyPictures(table, 0.01, 1.2)), rel=1e-12)
    assert (449 * tests + 1348 * training) / 1797 == pytest.approx(whole, rel=1e-10)
    assert abs(tests - training) > 1e-3


def test_a_sealed_pair_keeps_to_itself_which_pictures_are_held_out(tmp_path: Path) -> None:
    funnel = {"count": 4, "center_half_width": 1.0}
    recipe = small_recipe("sealed-held-out", **FUNNELS | {"funnel": funnel}, secret="5" * 64)
    folder = build(recipe, tmp_path / "archive", truth=tmp_path / "truth")
    assert pictures(parts(recipe)[0]) != TESTS  # the seed is the same
    assert w1bench.load(folder).manifest.public_recipe().held_out == 0.005
    reveal(folder, tmp_path / "truth")
    figures = {figure.name: figure for figure in verify(folder)}
    assert [name for name, figure in figures.items() if not figure.holds] == []
    assert figures["drawn_again"].value == 0


@pytest.mark.parametrize("dataset", ["cifar10", "celeba"])
def test_pictures_of_data_sets_are_held_out_too(dataset: str, tmp_path: Path) -> None:
    root = write_binary(tmp_path) if dataset == "cifar10" else write_celeba(tmp_path)
    source = pinned({"kind": "images", "dataset": dataset, "noise": 0.01, "root": str(root)}) | {"held_out": 0.25}
    recipe = small_recipe("d", **FUNNELS | {"source": source, "funnel": {"count": 1}, "power": 10.0,
                                            "sizes": {"train": 200, "test": 200, "probe": 10, "w1_rays": 256}})  # fmt: skip
    made = make_source(recipe)
    assert made is not None
    tests, others = (part.pictures.draw(np.random.default_rng(0), 600) for part in (made, for_training(made)))  # type: ignore[attr-defined]
    tests, others = ({row.tobytes() for row in part} for part in (tests, others))
    assert (len(tests), len(others)) == ((25, 75) if dataset == "cifar10" else (3, 9))
    assert tests & others == set()
    folder = build(recipe, tmp_path / "archive")
    assert [figure.name for figure in verify(folder) if not figure.holds] == []


def test_what_is_published_says_what_is_held_out(pair: StoredPair) -> None:
    assert "a share 0.005 of the pictures is held out" in (pair.folder / "README.md").read_text()
    assert "It is of other pictures than test.h5" in (pair.folder / "croissant.json").read_text()
    plain = parse_recipe(RECIPE.published() | {"source": DIGITS}, origin="a test")
    assert plain.canonical() == RECIPE.canonical().replace('"held_out":0.005,', "")


def test_what_cannot_be_held_out_gets_a_sentence() -> None:
    with pytest.raises(RecipeError, match=r"held_out came as 0.2 with photos, whose patches overlap"):
        small_recipe("h", **FUNNELS | {"source": DIGITS | {"dataset": "photos", "held_out": 0.2}})
    for share in (0.0, 1.0):
        with pytest.raises(RecipeError, match=r"held_out came as"):
            small_recipe("h", **FUNNELS | {"source": DIGITS | {"held_out": share}})
    with pytest.raises(RecipeError, match=r"held_out"):
        small_recipe("h", source={"kind": "uniform", "dim": 2, "held_out": 0.2})
    for share in (0.0002, 0.9998):
        with pytest.raises(SourceError, match=rf"{share} for 1797 pictures, which leaves none on one side"):
            make_pair(small_recipe("h", **FUNNELS | {"source": DIGITS | {"held_out": share}}))
