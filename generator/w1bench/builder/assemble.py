"""The files of a pair, made from its shards: certified, described for people and catalogues, and sealed if that was asked for."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from w1bench.archive import hdf5 as store
from w1bench.archive.citation import CITATION
from w1bench.archive.folder import DIAGNOSTICS
from w1bench.archive.manifest import Figure, FileEntry, Manifest, Profile, places_in
from w1bench.builder.certificate.certify import certify, certify_published
from w1bench.builder.describe.card import card
from w1bench.builder.describe.croissant import CROISSANT, croissant
from w1bench.builder.describe.profile import measure
from w1bench.builder.seal import seal
from w1bench.builder.shards import Shard, fill
from w1bench.builder.work_folder import BuildFolders, emptied
from w1bench.diagnostics.diagnosis import diagnose_pair
from w1bench.errors import CheckFailedError
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, UniformSource
from w1bench.storage.backends import Storage
from w1bench.storage.files import file_digest, write_atomically
from w1bench.transport.cost import Cost
from w1bench.transport.pair import Pair

_PREVIEWED = 2000  # rows that the picture is drawn from


def assemble(
    pair: Pair, cost: Cost, shards: dict[str, list[Shard]], storage: Storage, folders: BuildFolders, *, gzip: bool
) -> Manifest:
    """Write the pair's files from its shards, certify and describe them; where there is a folder for the truth, seal the pair.

    Raises:
        CheckFailedError: the certificate does not hold.
    """
    folder, kept_back = emptied(folders.public), emptied(folders.secret) if folders.secret else None
    family = store.family_specs(pair.recipe, pair.source.shape, pair.funnels)
    drawn = store.SEALED_ROLES | store.TRUTH_ROLES if kept_back else store.ROLES
    paths = {
        file: (kept_back if kept_back and file in store.KEPT_BACK else folder) / f"{file}.h5"
        for file in (*drawn, *family)
    }
    terms: dict[str, Any] = {"licence": _licence(pair.recipe), "software": _software()}
    for file, path in paths.items():
        if file in family:
            with store.create(path, family[file], gzip=gzip) as datasets:
                for name, dataset in datasets.items():
                    dataset[...] = pair.truth[name].reshape(dataset.shape)
        else:
            _write(path, drawn[file], pair, shards[store.role_of(file)], storage, gzip=gzip)
        hidden = kept_back is not None and file in store.SEALED_ROLES
        store.annotate(path, _attributes(file, pair, None if hidden else cost, terms))
    with store.open_files(paths) as opened:
        figures = certify(pair.recipe, pair.map.domain.half_width, cost, store.tables(opened))
        profile = measure(pair.map, store.tables(opened)["test"])
        public = {file: opened[file] for file in store.SEALED_ROLES}
        published = (
            certify_published(pair.recipe, pair.map.domain.half_width, store.tables(public)) if kept_back else ()
        )
    if broken := [figure for figure in figures if not figure.holds]:
        raise CheckFailedError(
            f"The certificate of {pair.recipe.name} does not hold: {broken[0].name} is {broken[0].value:.3g}, allowed "
            f"{broken[0].limit:.3g} ({broken[0].meaning}). Its files are kept in {folder}."
        )
    whole = _manifest(pair, cost, profile, paths, figures, terms, sealed=kept_back is not None)
    manifest = whole if kept_back is None else seal(whole, pair.recipe, published, kept_back)
    with store.open_files(paths) as opened:
        found = diagnose_pair(whole, store.tables(opened)["test"])
    record = replace(found, pair_digest=manifest.digest())
    write_atomically((kept_back or folder) / DIAGNOSTICS, record.text().encode())
    _describe(manifest, pair, folder)
    return manifest


def _write(
    path: Path, names: tuple[str, ...], pair: Pair, shards: list[Shard], storage: Storage, *, gzip: bool
) -> None:
    """Write one file of data sets that were drawn in shards."""
    rows = getattr(pair.recipe.sizes, shards[0].role)
    with store.create(path, store.specs(names, rows, pair.source.shape, pair.source.dtype), gzip=gzip) as datasets:
        fill(datasets, shards, storage, pair.rows)


def _attributes(file: str, pair: Pair, cost: Cost | None, terms: dict[str, Any]) -> dict[str, str | int | float]:
    recipe = pair.recipe
    return store.root_attributes(
        file, name=recipe.name, version=recipe.version, recipe_sha256=recipe.sha256(), half_width=pair.map.domain.half_width,
        family=recipe.family, citation=CITATION, w1=cost and (cost.value, cost.stderr), **terms,
    )  # fmt: skip


def _manifest(
    pair: Pair, cost: Cost, profile: Profile, paths: dict[str, Path], figures: tuple[Figure, ...], terms: dict[str, Any],
    *, sealed: bool,
) -> Manifest:  # fmt: skip
    """The manifest with everything that is known of the pair."""
    recipe = pair.recipe
    return Manifest(
        name=recipe.name, version=recipe.version, family=recipe.family, sealed=sealed, shape=pair.source.shape,
        dtype="float64" if pair.source.dtype == np.float64 else "float32",
        funnels=pair.funnels, dominated_funnels=pair.dominated, power=recipe.power, half_width=pair.map.domain.half_width,
        w1=cost.value, w1_stderr=cost.stderr, w1_rays=cost.rays, w1_exact=pair.plane_w1() if cost.rays else None,
        profile=profile, recipe=recipe.published(), recipe_sha256=recipe.sha256(),
        files={path.name: _entry(path) for path in paths.values()}, certificate=figures, **terms,
    )  # fmt: skip


def _describe(manifest: Manifest, pair: Pair, folder: Path) -> None:
    """Write the data card, the preview and the description for data catalogues."""
    from w1bench.builder.describe.preview import draw_preview  # here and not above: a second, which shards do not need

    (folder / "README.md").write_text(card(manifest), encoding="utf-8")
    with store.open_file(folder / "test.h5") as file:
        test, rows = store.datasets(file), slice(_PREVIEWED)
        potential, targets = (None, "target") if manifest.sealed else (pair.map.potential, "transported")
        draw_preview(folder / "preview.png", manifest, potential, test["input"][rows], test[targets][rows])
    (folder / CROISSANT).write_text(croissant(manifest, folder), encoding="utf-8")


def _licence(recipe: Recipe) -> str:
    if recipe.about and recipe.about.licence:
        return recipe.about.licence
    match recipe.source:
        case ImageSource(root=None, dataset="photos"):
            return "CC0-1.0 and public domain (photographs as in scikit-image)"
        case ImageSource(root=None, dataset="digits"):
            return "CC-BY-4.0 (Alpaydin and Kaynak, optical recognition of handwritten digits, UCI)"
        case ImageSource():
            return "that of the pictures it was built from"
        case GeneratorSource():
            return "that of the generator it was built from"
        case UniformSource() | BallSource() | None:
            return "CC0-1.0"


def _software() -> dict[str, str]:
    return {"w1bench": version("w1bench"), "numpy": np.__version__, "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version, "python": platform.python_version()}  # fmt: skip


def _entry(path: Path) -> FileEntry:
    digest = store.logical_digest(path)
    return FileEntry(bytes=path.stat().st_size, sha256=file_digest(path), logical_digest=digest, places=places_in(path))
