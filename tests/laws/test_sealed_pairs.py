"""A sealed pair tells nothing of its truth, which is fixed beforehand, revealed afterwards and then proved like an open one's."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import w1bench
from support.files import assert_same
from support.forks import Fork, command
from support.processes import wait_for
from support.recipes import SEALED, SIZES, SLOW, Sealed, pinned, small_recipe
from support.truth_search import contents, found
from w1bench.archive import commitment as seal
from w1bench.archive import hdf5 as store
from w1bench.archive.catalogue import catalogue, published
from w1bench.archive.commitment import Reveal, read_reveal
from w1bench.archive.fetch import fetch, remote_catalogue
from w1bench.archive.folder import read_pair
from w1bench.archive.manifest import SECRET, read_manifest
from w1bench.archive.reveal import reveal
from w1bench.builder.build import build
from w1bench.builder.describe.preview import draw_preview
from w1bench.builder.verify import verify
from w1bench.errors import CheckFailedError, InputError, PairError, RecipeError
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench.rng import stream
from w1bench.site.export import export
from w1bench.storage.files import file_digest

OTHER = "f" * 64


@pytest.fixture
def copy(sealed_pair: Sealed, tmp_path: Path) -> Sealed:
    """One that a test may reveal or damage."""
    return sealed_pair.copied(tmp_path / "copy")


def truth_of(pair: Sealed) -> dict[str, np.ndarray]:
    with store.open_file(pair.kept / "truth.h5") as truth, store.open_file(pair.kept / "funnel.h5") as funnel:
        return {name: dataset[:] for file in (truth, funnel) for name, dataset in store.datasets(file).items()}


def rows_of(pair: Sealed, role: str) -> dict[str, np.ndarray]:
    with store.open_file(pair.folder / f"{role}.h5") as file:
        return {name: dataset[:] for name, dataset in store.datasets(file).items()}


def recipe_of(pair: Sealed) -> Recipe:
    return read_reveal(pair.kept, read_manifest(pair.folder)).full_recipe()


# What all may read


def test_nothing_public_holds_anything_of_the_truth(copy: Sealed, tmp_path: Path) -> None:
    export(copy.archive, tmp_path / "site")
    fetch(SEALED.name, str(copy.archive), tmp_path / "cache")
    public = {
        name: c
        for folder in (copy.archive, tmp_path / "site", tmp_path / "cache")
        for name, c in contents(folder).items()
    }
    assert {f"{SEALED.name}/preview.png", f"{SEALED.name}/index.html", "catalogue.json", "index.html"} <= public.keys()
    assert found(public, copy.kept) == set()
    reveal(copy.folder, copy.truth)
    after = {hit.split(" in ")[0] for hit in found(contents(copy.archive), copy.kept)}  # the search finds what is there
    shown = {"w1 as shown", "w1_stderr as shown"}
    assert after - shown == {
        "secret",
        "salt",
        "seed",
        "w1",
        "w1_stderr",
        *store.TRUTH_ROLES["truth"],
        "center",
        "offset",
    }


def test_the_published_files_have_the_unpaired_rows_alone(sealed_pair: Sealed) -> None:
    names = {path.name for path in sealed_pair.folder.iterdir()}
    assert names == {"train.h5", "test.h5", "probe.h5", "manifest.json", "README.md", "croissant.json", "preview.png"}
    assert {path.name for path in sealed_pair.kept.iterdir()} == {"reveal.json", "truth.h5", "funnel.h5"}
    assert set(rows_of(sealed_pair, "test")) == set(rows_of(sealed_pair, "train")) == {"input", "target"}
    manifest = json.loads((sealed_pair.folder / "manifest.json").read_text())
    assert not set(SECRET) & set(manifest)
    assert set(manifest["recipe"]) == {"name", "version", "power", "half_width", "source", "sizes"}
    assert [figure["name"] for figure in manifest["certificate"]] == ["containment"]
    with store.open_file(sealed_pair.folder / "test.h5") as file:
        assert not {"w1", "w1_stderr"} & set(store.attributes(file))
    hidden = {path.name for path in sealed_pair.archive.iterdir() if path.name.startswith(".")}
    assert hidden == {".lock", f".{SEALED.name}.lock"}


def test_no_public_row_is_on_a_ray_with_another_of_its_file(sealed_pair: Sealed) -> None:
    truth, test = truth_of(sealed_pair), rows_of(sealed_pair, "test")
    for partner in (test["target"], rows_of(sealed_pair, "train")["target"][:1500]):
        direction = (test["input"] - partner) / np.linalg.norm(test["input"] - partner, axis=1, keepdims=True)
        assert np.abs(np.vecdot(direction, truth["gradient"])).max() < 0.999
        assert not np.isin(truth["transported"], partner).any()
    paired = (test["input"] - truth["transported"]) / np.linalg.norm(
        test["input"] - truth["transported"], axis=1, keepdims=True
    )
    np.testing.assert_allclose(np.vecdot(paired, truth["gradient"]), 1)  # as it would be seen


def test_the_picture_is_drawn_from_public_rows(sealed_pair: Sealed, tmp_path: Path) -> None:
    test, manifest = rows_of(sealed_pair, "test"), read_manifest(sealed_pair.folder)
    draw_preview(tmp_path / "preview.png", manifest, None, test["input"], test["target"])
    assert (tmp_path / "preview.png").read_bytes() == (sealed_pair.folder / "preview.png").read_bytes()


def test_the_truth_is_its_owner_s_alone(sealed_pair: Sealed) -> None:
    assert sealed_pair.kept.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in sealed_pair.kept.iterdir()} == {0o600}
    assert (sealed_pair.folder / "test.h5").stat().st_mode & 0o044


# The secret


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
    assert read_manifest(other.folder).digest() != read_manifest(sealed_pair.folder).digest()
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
    assert read_reveal(tmp_path / "truth" / "slow", read_manifest(folder)).full_recipe().secret == begun
    assert [path.name for path in (tmp_path / "truth").iterdir() if path.suffix != ".lock"] == ["slow"]
    assert all(figure.holds for figure in verify(folder))


def test_a_build_killed_before_its_truth_was_published_on_ends_in_the_same_pair(copy: Sealed, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in copy.folder.iterdir()}
    shutil.move(copy.folder, tmp_path / "gone")
    build(SEALED, copy.archive, truth=copy.truth, resume=True)
    assert {path: path.read_bytes() for path in copy.folder.iterdir()} == before
    (copy.archive / "catalogue.json").unlink()
    build(SEALED, copy.archive, truth=copy.truth, resume=True)
    assert (copy.archive / "catalogue.json").exists()


# Verify and reveal


def test_before_it_is_revealed_verify_says_what_can_be_said(copy: Sealed) -> None:
    figures = verify(copy.folder)
    assert [figure.name for figure in figures] == ["containment"]
    assert figures == read_manifest(copy.folder).certificate
    content = bytearray((copy.folder / "test.h5").read_bytes())
    content[-5] ^= 1
    (copy.folder / "test.h5").write_bytes(content)
    with pytest.raises(CheckFailedError, match=r"test.h5 was changed"):
        verify(copy.folder)


@pytest.mark.parametrize(
    "change",
    [
        {"w1": 1.5},
        {"commitment": None},
        {"sealed": False},
        {"funnels": 64},
        {"recipe": {"seed": 7}},
        {"recipe": {"secret": OTHER}},
    ],
)
def test_a_manifest_that_says_more_or_less_is_damaged(copy: Sealed, change: dict[str, object]) -> None:
    document = json.loads((copy.folder / "manifest.json").read_text())
    recipe = document["recipe"] | change.pop("recipe", {})  # type: ignore[operator]
    kept = {name: value for name, value in (document | {"recipe": recipe} | change).items() if value is not None}
    (copy.folder / "manifest.json").write_text(json.dumps(kept))
    with pytest.raises(CheckFailedError, match="is damaged"):
        read_manifest(copy.folder)


def test_revealed_it_is_as_sure_as_an_open_one(copy: Sealed) -> None:
    before, sealed = contents(copy.folder), read_manifest(copy.folder)
    whole = reveal(copy.folder, copy.truth)
    after = contents(copy.folder)
    assert {name: after[name] for name in before} == before  # what was published stays as it was
    assert set(after) - set(before) == {"reveal.json", "truth.h5", "funnel.h5"}
    assert all((copy.folder / name).stat().st_mode & 0o044 for name in after)
    assert whole.digest() == sealed.digest()
    figures = {figure.name: figure for figure in verify(copy.folder)}
    assert all(figure.holds for figure in figures.values())
    assert {"w1_replayed", "train_unpaired", "map_residual"} < set(figures)
    assert figures["drawn_again"].value == 0
    sums = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=copy.archive, capture_output=True, text=True
    )
    assert (sums.returncode, sums.stderr) == (0, "")
    assert f"{SEALED.name}/truth.h5" in (copy.archive / "SHA256SUMS").read_text()
    (entry,) = catalogue(copy.archive)
    assert (entry.sealed, entry.revealed, entry.w1) == (True, True, whole.w1)


def test_a_reveal_that_was_killed_is_made_again(copy: Sealed) -> None:
    (copy.folder / ".truth.h5.0011aabb.tmp").write_bytes(b"half")
    shutil.copy(copy.kept / "truth.h5", copy.folder / "truth.h5")
    assert read_pair(copy.folder).is_secret  # until reveal.json is there
    assert [figure.name for figure in verify(copy.folder)] == ["containment"]
    for _ in range(2):
        reveal(copy.folder, copy.truth)
        assert not list(copy.folder.glob(".*"))
        assert all(figure.holds for figure in verify(copy.folder))
    shutil.rmtree(copy.truth)
    reveal(copy.folder, copy.truth)  # nothing is left to do


def _edit(**changes: object) -> Callable[[Path], None]:
    def edit(kept: Path) -> None:
        document = json.loads((kept / "reveal.json").read_text())
        document["truth"] |= changes
        (kept / "reveal.json").write_text(json.dumps(document))

    return edit


def _salt(kept: Path) -> None:
    document = json.loads((kept / "reveal.json").read_text())
    (kept / "reveal.json").write_text(json.dumps(document | {"salt": OTHER}))


def _recipe(kept: Path) -> None:
    document = json.loads((kept / "reveal.json").read_text())
    document["recipe"]["secret"] = OTHER
    (kept / "reveal.json").write_text(json.dumps(document))


def _flip(name: str) -> Callable[[Path], None]:
    def edit(kept: Path) -> None:
        content = bytearray((kept / name).read_bytes())
        content[-3] ^= 1
        (kept / name).write_bytes(content)

    return edit


def _exchange_gradients(kept: Path) -> None:
    """As an operator would who likes another truth better: the file and its digests together."""
    with h5py.File(kept / "truth.h5", "r+") as file:
        file["gradient"][:] = -file["gradient"][:]
    document = json.loads((kept / "reveal.json").read_text())
    document["truth"]["files"]["truth.h5"] |= {
        "sha256": file_digest(kept / "truth.h5"),
        "logical_digest": store.logical_digest(kept / "truth.h5"),
    }
    (kept / "reveal.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_edit(w1=1.0), "is not what sealed-d16 committed to"),
        (_edit(certificate=[]), "is not what sealed-d16 committed to"),
        (_salt, "is not what sealed-d16 committed to"),
        (_recipe, "is not what sealed-d16 committed to"),
        (_exchange_gradients, "is not what sealed-d16 committed to"),
        (_edit(w1="nothing"), "is damaged"),
        (_flip("truth.h5"), "truth.h5 was changed"),
        (_flip("funnel.h5"), "funnel.h5 was changed"),
    ],
)
def test_a_changed_truth_is_found_before_and_after(copy: Sealed, change: Callable[[Path], None], sentence: str) -> None:
    whole = contents(copy.kept)
    change(copy.kept)
    with pytest.raises(CheckFailedError, match=sentence):
        reveal(copy.folder, copy.truth)
    assert read_pair(copy.folder).is_secret
    for name, content in whole.items():
        (copy.kept / name).write_bytes(content)
    reveal(copy.folder, copy.truth)
    change(copy.folder)
    with pytest.raises(CheckFailedError, match=sentence):
        verify(copy.folder)


def test_a_commitment_to_rows_that_the_recipe_does_not_draw_is_found(copy: Sealed) -> None:
    """All digests and the commitment agree, as its maker would have them; but the recipe draws other training rows."""
    with h5py.File(copy.folder / "train.h5", "r+") as file:
        file["target"][:] = file["target"][:][::-1]
    manifest, document = read_manifest(copy.folder), json.loads((copy.kept / "reveal.json").read_text())
    entry = {
        "sha256": file_digest(copy.folder / "train.h5"),
        "logical_digest": store.logical_digest(copy.folder / "train.h5"),
    }
    files = manifest.files | {"train.h5": manifest.files["train.h5"].model_copy(update=entry)}
    document["truth"]["published"]["train.h5"] = entry["logical_digest"]
    forged = Reveal.model_validate(document)
    (copy.kept / "reveal.json").write_text(forged.text())
    changed = manifest.model_copy(update={"files": files, "commitment": forged.commitment()})
    (copy.folder / "manifest.json").write_text(changed.text())
    reveal(copy.folder, copy.truth)
    assert [figure.name for figure in verify(copy.folder) if not figure.holds] == ["drawn_again"]


def test_only_sealed_pairs_are_revealed_and_only_where_their_truth_is(
    archive: Path, copy: Sealed, tmp_path: Path
) -> None:
    with pytest.raises(PairError, match="is open: there is nothing to reveal"):
        reveal(archive / "small-d2-n4-p8", copy.truth)
    with pytest.raises(PairError, match="does not hold the truth of sealed-d16"):
        reveal(copy.folder, tmp_path)


def test_the_commitment_is_the_hash_that_the_documents_say(sealed_pair: Sealed) -> None:
    """With no code of the project's."""
    import hashlib

    def canonical(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    kept = json.loads((sealed_pair.kept / "reveal.json").read_text())
    digest = hashlib.sha256(canonical(kept["truth"])).digest()
    commitment = hashlib.sha256(bytes.fromhex(kept["salt"]) + canonical(kept["recipe"]) + digest).hexdigest()
    assert json.loads((sealed_pair.folder / "manifest.json").read_text())["commitment"] == commitment


# What works on it


def test_it_is_learned_from_and_not_scored_until_it_is_revealed(copy: Sealed, tmp_path: Path) -> None:
    from w1bench.trials.grid import run_grid
    from w1bench.trials.solve import solve

    pair = w1bench.load(copy.folder)
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
    reveal(copy.folder, copy.truth)
    known = w1bench.load(copy.folder)
    best = w1bench.score(
        known, **{name: getattr(known.test, name)[:] for name in ("gradient", "input_potential", "target_potential")}
    )
    assert best.metrics["cos"] is not None
    assert best.metrics["cos"].value == pytest.approx(1, abs=1e-12)
    assert best.metrics["dev"] is not None
    assert best.metrics["dev"].value == pytest.approx(0, abs=1e-9)
    assert known.sampler(10)[0](0).shape == (10, 16)
    assert known.undrawable is None


def test_the_command_line_says_what_to_do(copy: Sealed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "g.npy", rows_of(copy, "test")["input"])
    done = command("score", copy.folder, tmp_path / "g.npy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "w1bench submit sealed-d16 FILE --method NAME" in done.stderr
    assert "sealed" in command("list", "--archive", copy.archive).stdout
    for words, sentence in (
        (("--sealed",), "--sealed came without --truth"),
        (("--truth", tmp_path / "t"), "--truth goes with --sealed"),
        (("--sealed", "--truth", tmp_path / "data" / "t"), "inside of"),
    ):
        monkeypatch.setenv("W1BENCH_DATA", str(tmp_path / "data"))
        done = command("build", "hd-d16-n64-p8", "--archive", tmp_path / "a", *words)
        assert done.returncode == 2
        assert sentence in done.stderr
    done = command("reveal", copy.folder, "--truth", copy.truth)
    assert "W1 = " in done.stdout, done.stderr
    assert command("score", copy.folder, tmp_path / "g.npy").returncode == 0
    assert command("verify", copy.folder).returncode == 0
    assert "revealed" in command("list", "--archive", copy.archive).stdout


def test_a_sealed_build_by_the_command_line(tmp_path: Path) -> None:
    sizes = [word for name, size in SIZES.items() if name != "w1_rays" for word in (f"--{name}", str(size))]
    words = ["build", "hd-d16-n64-p8", "--archive", "a", "--sealed", "--truth", "t", "--w1-rays", "4096", "--json"]
    done = command(*words, *sizes, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["sealed"] is True
    assert document["w1"] is None
    assert found({"stdout": done.stdout.encode()}, tmp_path / "t" / "hd-d16-n64-p8") == set()


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """An ordinary static host."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize("over_http", [False, True])
def test_it_is_fetched_sealed_and_again_when_it_is_revealed(copy: Sealed, tmp_path: Path, over_http: bool) -> None:
    with hosted(copy.archive) as url:
        origin = url if over_http else str(copy.archive)
        folder = fetch(SEALED.name, origin, tmp_path / "cache")
        assert read_pair(folder).is_secret
        times = {path: path.stat().st_mtime_ns for path in folder.glob("*.h5")}
        reveal(copy.folder, copy.truth)
        assert fetch(SEALED.name, origin, tmp_path / "cache") == folder
        assert {path: path.stat().st_mtime_ns for path in times} == times  # what was there is not fetched again
        assert remote_catalogue(url) == catalogue(copy.archive)
    assert contents(folder) == {
        name: c
        for name, c in contents(copy.folder).items()
        if Path(name).suffix in (".h5", ".json") and name != "croissant.json"
    }
    assert all(figure.holds for figure in verify(folder))
    only = fetch(SEALED.name, str(copy.archive), tmp_path / "part", only=["test", "truth"])
    pair = w1bench.load(only)
    assert w1bench.score(pair, gradient=pair.test.gradient[:]).w1 == pair.w1


def test_an_export_follows_a_reveal(copy: Sealed, tmp_path: Path) -> None:
    export(copy.archive, tmp_path / "site")
    page = tmp_path / "site" / SEALED.name / "index.html"
    assert "Sealed" in page.read_text()
    assert read_manifest(copy.folder).commitment in page.read_text()
    reveal(copy.folder, copy.truth)
    export(copy.archive, tmp_path / "site")
    assert "truth.h5" in page.read_text()
    assert f"{read_pair(copy.folder).known_w1.value:.8g}" in page.read_text()
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
    recipe = small_recipe(
        "mine", power=10.0, half_width=1.2, source=source,
        sizes={"train": 100, "test": 100, "probe": 10, "w1_rays": 4096},
    )  # fmt: skip
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


def test_sealed_recipes_read_back() -> None:
    recipe = SEALED.with_secret()
    assert parse_recipe(json.loads(recipe.canonical()), origin="canonical JSON") == recipe
    assert seal.salt_of(recipe.secret or "") != seal.salt_of(OTHER)
