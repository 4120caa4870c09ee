"""The truth of a sealed pair is fixed by its commitment; revealed, it is proved like an open pair's."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from support.files import contents
from support.recipes import SEALED, Sealed
from support.sealed_pairs import OTHER
from w1bench.archive import hdf5 as store
from w1bench.archive.catalogue import catalogue
from w1bench.archive.commitment import Reveal
from w1bench.archive.folder import read_manifest
from w1bench.archive.manifest import PairState, read_published_manifest
from w1bench.archive.reveal import reveal
from w1bench.builder.verify import verify
from w1bench.errors import CheckFailedError, PairError
from w1bench.storage.files import file_digest


def test_before_it_is_revealed_verify_says_what_can_be_said(sealed_copy: Sealed) -> None:
    figures = verify(sealed_copy.folder)
    assert [figure.name for figure in figures] == ["containment"]
    assert figures == read_published_manifest(sealed_copy.folder).certificate
    content = bytearray((sealed_copy.folder / "test.h5").read_bytes())
    content[-5] ^= 1
    (sealed_copy.folder / "test.h5").write_bytes(content)
    with pytest.raises(CheckFailedError, match=r"test.h5 was changed"):
        verify(sealed_copy.folder)


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
def test_a_manifest_that_says_more_or_less_is_damaged(sealed_copy: Sealed, change: dict[str, object]) -> None:
    document = json.loads((sealed_copy.folder / "manifest.json").read_text())
    recipe = document["recipe"] | change.pop("recipe", {})  # type: ignore[operator]
    kept = {name: value for name, value in (document | {"recipe": recipe} | change).items() if value is not None}
    (sealed_copy.folder / "manifest.json").write_text(json.dumps(kept))
    with pytest.raises(CheckFailedError, match="is damaged"):
        read_published_manifest(sealed_copy.folder)


def test_revealed_it_is_as_sure_as_an_open_one(sealed_copy: Sealed) -> None:
    before, sealed = contents(sealed_copy.folder), read_published_manifest(sealed_copy.folder)
    whole = reveal(sealed_copy.folder, sealed_copy.truth)
    after = contents(sealed_copy.folder)
    assert {name: after[name] for name in before} == before  # what was published stays as it was
    assert set(after) - set(before) == {"reveal.json", "truth.h5", "funnel.h5", "diagnostics.json"}
    assert all((sealed_copy.folder / name).stat().st_mode & 0o044 for name in after)
    assert whole.digest() == sealed.digest()
    assert sealed.datasets("test") == {"input": "test.h5", "target": "test.h5"}
    assert whole.datasets("test") == dict.fromkeys(store.ROLES["test"], "truth.h5") | sealed.datasets("test")
    figures = {figure.name: figure for figure in verify(sealed_copy.folder)}
    assert all(figure.holds for figure in figures.values())
    assert {"w1_replayed", "train_unpaired", "map_residual"} < set(figures)
    assert figures["drawn_again"].value == 0
    sums = subprocess.run(
        ["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=sealed_copy.archive, capture_output=True, text=True
    )
    assert (sums.returncode, sums.stderr) == (0, "")
    assert f"{SEALED.name}/truth.h5" in (sealed_copy.archive / "SHA256SUMS").read_text()
    (entry,) = catalogue(sealed_copy.archive)
    assert (entry.sealed, entry.revealed, entry.w1) == (True, True, whole.w1)


def test_a_reveal_that_was_killed_is_made_again(sealed_copy: Sealed) -> None:
    (sealed_copy.folder / ".truth.h5.0011aabb.tmp").write_bytes(b"half")
    shutil.copy(sealed_copy.kept / "truth.h5", sealed_copy.folder / "truth.h5")
    assert read_manifest(sealed_copy.folder).state is PairState.SEALED  # until reveal.json is there
    assert [figure.name for figure in verify(sealed_copy.folder)] == ["containment"]
    for _ in range(2):
        reveal(sealed_copy.folder, sealed_copy.truth)
        assert not list(sealed_copy.folder.glob(".*"))
        assert all(figure.holds for figure in verify(sealed_copy.folder))
    shutil.rmtree(sealed_copy.truth)
    reveal(sealed_copy.folder, sealed_copy.truth)  # nothing is left to do


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
def test_a_changed_truth_is_found_before_and_after(
    sealed_copy: Sealed, change: Callable[[Path], None], sentence: str
) -> None:
    whole = contents(sealed_copy.kept)
    change(sealed_copy.kept)
    with pytest.raises(CheckFailedError, match=sentence):
        reveal(sealed_copy.folder, sealed_copy.truth)
    assert read_manifest(sealed_copy.folder).state is PairState.SEALED
    for name, content in whole.items():
        (sealed_copy.kept / name).write_bytes(content)
    reveal(sealed_copy.folder, sealed_copy.truth)
    change(sealed_copy.folder)
    with pytest.raises(CheckFailedError, match=sentence):
        verify(sealed_copy.folder)


def test_a_commitment_to_rows_that_the_recipe_does_not_draw_is_found(sealed_copy: Sealed) -> None:
    """All digests and the commitment agree, as its maker would have them; but the recipe draws other training rows."""
    with h5py.File(sealed_copy.folder / "train.h5", "r+") as file:
        file["target"][:] = file["target"][:][::-1]
    manifest, document = (
        read_published_manifest(sealed_copy.folder),
        json.loads((sealed_copy.kept / "reveal.json").read_text()),
    )
    entry = {
        "sha256": file_digest(sealed_copy.folder / "train.h5"),
        "logical_digest": store.logical_digest(sealed_copy.folder / "train.h5"),
    }
    files = manifest.files | {"train.h5": manifest.files["train.h5"].model_copy(update=entry)}
    document["truth"]["published"]["train.h5"] = entry["logical_digest"]
    forged = Reveal.model_validate(document)
    (sealed_copy.kept / "reveal.json").write_text(forged.text())
    changed = manifest.model_copy(update={"files": files, "commitment": forged.commitment()})
    (sealed_copy.folder / "manifest.json").write_text(changed.text())
    (sealed_copy.kept / "diagnostics.json").unlink()  # which is of the rows of before
    reveal(sealed_copy.folder, sealed_copy.truth)
    assert [figure.name for figure in verify(sealed_copy.folder) if not figure.holds] == ["drawn_again"]


def test_only_sealed_pairs_are_revealed_and_only_where_their_truth_is(
    archive: Path, sealed_copy: Sealed, tmp_path: Path
) -> None:
    with pytest.raises(PairError, match="is open: there is nothing to reveal"):
        reveal(archive / "small-d2-n4-p8", sealed_copy.truth)
    with pytest.raises(PairError, match="does not hold the truth of sealed-d16"):
        reveal(sealed_copy.folder, tmp_path)


def test_the_commitment_is_the_hash_that_the_documents_say(sealed_pair: Sealed) -> None:
    """With no code of the project's."""
    import hashlib

    def canonical(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    kept = json.loads((sealed_pair.kept / "reveal.json").read_text())
    digest = hashlib.sha256(canonical(kept["truth"])).digest()
    commitment = hashlib.sha256(bytes.fromhex(kept["salt"]) + canonical(kept["recipe"]) + digest).hexdigest()
    assert json.loads((sealed_pair.folder / "manifest.json").read_text())["commitment"] == commitment
