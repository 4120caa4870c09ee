"""The check of a pair's files against its manifest, without the mathematics: digests, data sets, attributes and the recipe; also in the light install."""

from pathlib import Path

from w1bench.archive import hdf5 as store
from w1bench.archive.folder import check_digests, read_manifest
from w1bench.archive.manifest import Manifest, PairState
from w1bench.errors import CheckFailedError
from w1bench.recipes.funnels import DrawnFunnels


def check_contents(folder: Path) -> Manifest:
    """Check that the files of a pair's folder hold what its manifest says; returns the manifest.

    Raises:
        PairError: the folder is not a pair's.
        CheckFailedError: a digest, data set, attribute or copy of the recipe is not what the manifest says.
    """
    manifest = read_manifest(folder)
    check_digests(folder, manifest.files)
    _check_recipe(folder, manifest)
    with store.open_files({name: folder / f"{name}.h5" for name in manifest.contents}) as files:
        for role, file in files.items():
            store.check_file(file, role, manifest.specs(role))
            _check_attributes(folder, role, store.attributes(file), manifest)
            logical, needed = store.logical_digest(folder / f"{role}.h5"), manifest.files[f"{role}.h5"].logical_digest
            if logical != needed:
                raise CheckFailedError(f"{folder / role}.h5 has logical digest {logical}, the manifest says {needed}.")
    return manifest


def _check_recipe(folder: Path, manifest: Manifest) -> None:
    """Check that the manifest's copies of the recipe's fields agree with the recipe."""
    public = manifest.public_recipe()
    copies = ("name", "version", "power", *(("half_width",) if public.family == "funnel" else ()))
    for name in copies:
        if getattr(public, name) != getattr(manifest, name):
            raise CheckFailedError(
                f"{folder}: {name} is {getattr(manifest, name)} in the manifest, {getattr(public, name)} in its recipe."
            )
    if manifest.state is PairState.SEALED:
        return
    recipe = manifest.full_recipe()
    if recipe.sha256() != manifest.recipe_sha256:
        raise CheckFailedError(
            f"{folder}: the recipe in the manifest has SHA-256 {recipe.sha256()}, "
            f"but the manifest says {manifest.recipe_sha256}."
        )
    drawn = (manifest.funnels or 0) + (manifest.dominated_funnels or 0)
    blocks = recipe.product.blocks if recipe.product else 1
    if isinstance(recipe.funnel, DrawnFunnels) and drawn != recipe.funnel.count * blocks:
        raise CheckFailedError(
            f"{folder}: the manifest has {manifest.funnels} funnels and {manifest.dominated_funnels} dominated ones, "
            f"its recipe {recipe.funnel.count * blocks}."
        )


def _check_attributes(folder: Path, role: str, stored: dict[str, str | int | float], manifest: Manifest) -> None:
    for name, needed in manifest.attributes(role).items():
        if stored.get(name) != needed:
            raise CheckFailedError(
                f"{folder / role}.h5 has {name} = {stored.get(name)!r}, the manifest says {needed!r}: "
                "the file is of another pair, or one of the two was edited. Fetch it again."
            )
