"""Assemble."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np

from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import FileEntry, Manifest
from w1bench.builder.certificate.certify import certify, certify_published
from w1bench.builder.describe.card import card
from w1bench.builder.describe.croissant import CROISSANT, croissant
from w1bench.builder.describe.preview import draw_preview
from w1bench.builder.seal import sealed
from w1bench.builder.shards import Shard, fill
from w1bench.errors import CheckFailedError
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, UniformSource
from w1bench.storage.backends import Storage
from w1bench.storage.files import file_digest
from w1bench.transport.cost import Cost
from w1bench.transport.pair import Pair

_PREVIEWED = 2000  # rows that the picture is drawn from


def assemble(
    pair: Pair, cost: Cost, shards: dict[str, list[Shard]], storage: Storage, folder: Path, kept_back: Path | None, *, gzip: bool
) -> Manifest:  # fmt: skip
    """Write the pair's files from its shards, certify them, and describe them; with a folder for what is kept back, seal it."""
    recipe, funnel = pair.recipe, pair.map.funnel
    manifest = Manifest(
        name=recipe.name, version=recipe.version, sealed=kept_back is not None, shape=pair.source.shape, dtype="float64" if pair.source.dtype == np.float64 else "float32",
        funnels=funnel.count, dominated_funnels=funnel.dominated, power=recipe.power, half_width=recipe.half_width,
        w1=cost.value, w1_stderr=cost.stderr, w1_rays=cost.rays, recipe=recipe.published(),
        recipe_sha256=recipe.sha256(), files={}, certificate=(), licence=_licence(recipe), software=_software(),
    )  # fmt: skip
    secret = store.TRUTH_ROLES if kept_back is not None else {}
    paths = {role: (kept_back if kept_back and role in secret else folder) / f"{role}.h5" for role in manifest.roles}
    for role, path in paths.items():
        with store.create(path, manifest.specs(role), gzip=gzip) as datasets:
            if role == "funnel":
                datasets["center"][...] = funnel.center.reshape(-1, *pair.source.shape)
                datasets["offset"][...] = funnel.offset
            else:
                fill(datasets, shards["test" if role == "truth" else role], storage, pair.rows)
        store.annotate(path, manifest.attributes(role))
    files = {f"{role}.h5": _entry(path) for role, path in paths.items()}
    with store.open_files(paths) as opened:
        figures = certify(manifest, store.tables(opened))
        told = certify_published(manifest, {role: store.datasets(opened[role]) for role in store.SEALED_ROLES})
    broken = [f for f in figures if not f.holds]
    if broken:
        raise CheckFailedError(
            f"The certificate of {recipe.name} does not hold: {broken[0].name} is {broken[0].value:.3g}, allowed "
            f"{broken[0].limit:.3g} ({broken[0].meaning}). Its files are kept in {folder}."
        )
    whole = manifest.model_copy(update={"files": files, "certificate": figures})
    return whole if kept_back is None else sealed(whole, recipe, kept_back, told)


def describe(manifest: Manifest, pair: Pair, folder: Path) -> None:
    """The card, the picture, and the description for data catalogues."""
    (folder / "README.md").write_text(card(manifest), encoding="utf-8")
    with store.open_file(folder / "test.h5") as file:
        test, rows = store.datasets(file), slice(_PREVIEWED)
        funnel, targets = (None, "target") if manifest.sealed else (pair.map.funnel, "transported")
        draw_preview(folder / "preview.png", manifest, funnel, test["input"][rows], test[targets][rows])
    (folder / CROISSANT).write_text(croissant(manifest, folder), encoding="utf-8")


def _licence(recipe: Recipe) -> str:
    match recipe.source:
        case ImageSource(root=None, dataset="photos"):
            return "CC0-1.0 and public domain (photographs as in scikit-image)"
        case ImageSource(root=None, dataset="digits"):
            return "CC-BY-4.0 (Alpaydin and Kaynak, optical recognition of handwritten digits, UCI)"
        case ImageSource():
            return "that of the pictures it was built from"
        case GeneratorSource():
            return "that of the generator it was built from"
        case UniformSource() | BallSource():
            return "CC0-1.0"


def _software() -> dict[str, str]:
    return {"w1bench": version("w1bench"), "numpy": np.__version__, "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version, "python": platform.python_version()}  # fmt: skip


def _entry(path: Path) -> FileEntry:
    return FileEntry(bytes=path.stat().st_size, sha256=file_digest(path), logical_digest=store.logical_digest(path))
