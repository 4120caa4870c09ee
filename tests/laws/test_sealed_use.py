"""A sealed pair is learned from, fetched and exported, and scored only once it is revealed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import w1bench
from support.files import contents
from support.forks import command
from support.recipes import SEALED, SIZES, Sealed, pinned, small_recipe
from support.sealed_pairs import rows_of
from support.static_host import static_host
from support.truth_search import found
from w1bench.archive.catalogue import catalogue
from w1bench.archive.fetch import fetch, remote_catalogue
from w1bench.archive.folder import read_manifest
from w1bench.archive.manifest import PairState, read_published_manifest
from w1bench.archive.reveal import reveal
from w1bench.builder.build import build
from w1bench.builder.verify import verify
from w1bench.errors import InputError, PairError, RecipeError
from w1bench.site.export import export
from w1bench.site.numbers import with_error


def test_it_is_learned_from_and_not_scored_until_it_is_revealed(sealed_copy: Sealed, tmp_path: Path) -> None:
    from w1bench.trials.grid import run_grid
    from w1bench.trials.solve import solve

    pair = w1bench.load(sealed_copy.folder)
    assert next(pair.batches(10))[0].shape == (10, 16)
    with pytest.raises(InputError, match="sealed-d16 is sealed; give --data train"):
        solve("lp", pair, tmp_path / "lp.h5", steps=2, data="fresh")
    sidecar = solve("lp", pair, tmp_path / "lp.h5", steps=2)
    assert (sidecar["data"], sidecar["data_note"]) == (
        "train",
        "train.h5 is learned from, because sealed-d16 is sealed",
    )
    gradient = pair.test.input[:]
    for act in (
        lambda: w1bench.score(pair, gradient=gradient), lambda: pair.w1, lambda: pair.funnel, lambda: pair.sampler(2),
        lambda: run_grid(["lp"], [pair], tmp_path / "r.json", steps=2),
    ):  # fmt: skip
        with pytest.raises(PairError, match=r"is sealed: its truth is not known .*w1bench submit sealed-d16"):
            act()
    with pytest.raises(AttributeError, match=r"test.h5 has no data set gradient; it has input, target"):
        _ = pair.test.gradient
    reveal(sealed_copy.folder, sealed_copy.truth)
    known = w1bench.load(sealed_copy.folder)
    best = w1bench.score(
        known, **{name: getattr(known.test, name)[:] for name in ("gradient", "input_potential", "target_potential")}
    )
    assert best.metrics["cos"] is not None
    assert best.metrics["cos"].value == pytest.approx(1, abs=1e-12)
    assert best.metrics["dev"] is not None
    assert best.metrics["dev"].value == pytest.approx(0, abs=1e-9)
    assert known.sampler(10)[0](0).shape == (10, 16)
    assert known.undrawable is None


def test_the_command_line_says_what_to_do(sealed_copy: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "g.npy", rows_of(sealed_copy, "test")["input"])
    done = command("score", sealed_copy.folder, tmp_path / "g.npy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "w1bench submit sealed-d16 FILE --method NAME" in done.stderr
    assert "sealed" in command("list", "--archive", sealed_copy.archive).stdout
    for words, sentence in (
        (("--sealed",), "--sealed came without --truth"),
        (("--truth", tmp_path / "t"), "--truth goes with --sealed"),
        (("--sealed", "--truth", tmp_path / "data" / "t"), "inside of"),
    ):
        monkeypatch.setenv("W1BENCH_DATA", str(tmp_path / "data"))
        done = command("build", "hd-d16-n64-p8", "--archive", tmp_path / "a", *words)
        assert done.returncode == 2
        assert sentence in done.stderr
    done = command("reveal", sealed_copy.folder, "--truth", sealed_copy.truth)
    assert "W1 = " in done.stdout, done.stderr
    assert command("score", sealed_copy.folder, tmp_path / "g.npy").returncode == 0
    assert command("verify", sealed_copy.folder).returncode == 0
    assert "revealed" in command("list", "--archive", sealed_copy.archive).stdout


def test_a_sealed_build_by_the_command_line(tmp_path: Path) -> None:
    sizes = [word for name, size in SIZES.items() if name != "w1_rays" for word in (f"--{name}", str(size))]
    words = ["build", "hd-d16-n64-p8", "--archive", "a", "--sealed", "--truth", "t", "--w1-rays", "4096", "--json"]
    done = command(*words, *sizes, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["sealed"] is True
    assert document["w1"] is None
    assert found({"stdout": done.stdout.encode()}, tmp_path / "t" / "hd-d16-n64-p8") == set()


@pytest.mark.parametrize("over_http", [False, True])
def test_it_is_fetched_sealed_and_again_when_it_is_revealed(
    sealed_copy: Sealed, tmp_path: Path, over_http: bool
) -> None:
    with static_host(sealed_copy.archive) as host:
        origin = host.url if over_http else str(sealed_copy.archive)
        folder = fetch(SEALED.name, origin, tmp_path / "cache")
        assert read_manifest(folder).state is PairState.SEALED
        times = {path: path.stat().st_mtime_ns for path in folder.glob("*.h5")}
        reveal(sealed_copy.folder, sealed_copy.truth)
        assert fetch(SEALED.name, origin, tmp_path / "cache") == folder
        assert {path: path.stat().st_mtime_ns for path in times} == times  # what was there is not fetched again
        assert remote_catalogue(host.url) == catalogue(sealed_copy.archive)
    assert contents(folder) == {
        name: c
        for name, c in contents(sealed_copy.folder).items()
        if Path(name).suffix in (".h5", ".json") and name != "croissant.json"
    }
    assert all(figure.holds for figure in verify(folder))
    only = fetch(SEALED.name, str(sealed_copy.archive), tmp_path / "part", only=["test", "truth"])
    pair = w1bench.load(only)
    assert w1bench.score(pair, gradient=pair.test.gradient[:]).w1 == pair.w1


def test_an_export_follows_a_reveal(sealed_copy: Sealed, tmp_path: Path) -> None:
    export(sealed_copy.archive, tmp_path / "site")
    page = tmp_path / "site" / SEALED.name / "index.html"
    assert "Sealed" in page.read_text()
    assert read_published_manifest(sealed_copy.folder).commitment in page.read_text()
    reveal(sealed_copy.folder, sealed_copy.truth)
    export(sealed_copy.archive, tmp_path / "site")
    assert "truth.h5" in page.read_text()
    assert with_error(*read_manifest(sealed_copy.folder).known_w1[:2]) in page.read_text()
    assert all(figure.holds for figure in verify(tmp_path / "site" / SEALED.name))


def test_pictures_are_sealed_too(tmp_path: Path) -> None:
    recipe = small_recipe(
        "sealed-photos", seed=SEALED.seed, power=100.0, half_width=1.2, source={"kind": "images", "dataset": "photos", "noise": 0.01},
        funnel={"count": 4, "center_half_width": 1.0}, sizes={"train": 300, "test": 200, "probe": 50, "w1_rays": 1024},
    )  # fmt: skip
    folder = build(recipe, tmp_path / "archive", truth=tmp_path / "truth")
    assert found(contents(tmp_path / "archive"), tmp_path / "truth" / recipe.name) == set()
    reveal(folder, tmp_path / "truth")
    figures = {figure.name: figure for figure in verify(folder)}
    assert all(figure.holds for figure in figures.values())
    assert figures["drawn_again"].value == 0


def test_pictures_of_one_s_own_are_drawn_again_where_they_are_said_to_be(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("mine", "others"):
        (tmp_path / name).mkdir()
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(tmp_path / name / "a.png")
    source = pinned({"kind": "images", "dataset": "photos", "noise": 0.01, "root": str(tmp_path / "mine")})
    sizes = {"train": 100, "test": 100, "probe": 10, "w1_rays": 1024}
    recipe = small_recipe("mine", power=10.0, half_width=1.2, source=source, sizes=sizes)
    folder = build(recipe, tmp_path / "archive", truth=tmp_path / "truth")
    with pytest.raises(RecipeError, match="goes with a pair that was sealed and is revealed"):
        verify(folder, root=tmp_path / "mine")
    reveal(folder, tmp_path / "truth")
    assert "drawn_again" not in {figure.name for figure in verify(folder)}
    assert verify(folder, root=tmp_path / "mine")[-1].value == 0
    with pytest.raises(RecipeError, match="but the recipe needs"):
        verify(folder, root=tmp_path / "others")
    with pytest.raises(RecipeError, match="whose source is not read from there"):
        verify(folder, checkpoint=tmp_path / "mine")
