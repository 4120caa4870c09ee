"""Verify: everything that a pair folder says of itself, recomputed from its files alone."""

from __future__ import annotations

from math import isclose
from pathlib import Path

from threadpoolctl import threadpool_limits

from w1bench import archive, store
from w1bench.certify import certify
from w1bench.errors import CheckFailedError, FunnelError, SourceError
from w1bench.manifest import Figure, Manifest, read_manifest
from w1bench.recipe import DrawnFunnels


def verify(folder: Path) -> tuple[Figure, ...]:
    """The certificate of a pair folder, after its digests, data sets and attributes have been checked.

    Raises:
        PairError: the folder is no pair.
        CheckFailedError: a digest, data set or attribute is not what the manifest says. (Figures that do not hold are
            returned, not raised: see `Figure.holds`.)
    """
    manifest = read_manifest(folder)
    archive.check_digests(folder, manifest)
    _check_recipe(folder, manifest)
    with threadpool_limits(1), store.open_pair(folder) as files:  # so that figures round as in the build
        for role, file in files.items():
            store.check_file(file, role, manifest.specs(role))
            _check_attributes(folder, role, store.attributes(file), manifest)
            logical, needed = (
                store.logical_digest(folder / f"{role}.h5"),
                manifest.files[f"{role}.h5"].logical_digest,
            )
            if logical != needed:
                raise CheckFailedError(f"{folder / role}.h5 has logical digest {logical}, the manifest says {needed}.")
        try:
            figures = certify(manifest, {role: store.datasets(file) for role, file in files.items()})
        except (FunnelError, SourceError) as error:
            raise CheckFailedError(f"{folder} holds points that no pair has: {error}") from None
    if all(figure.holds for figure in figures):
        _check_certificate(folder, manifest.certificate, figures)
    return figures


def _check_certificate(folder: Path, stored: tuple[Figure, ...], found: tuple[Figure, ...]) -> None:
    """The stored certificate must have the figures that are found, to within what rounding and limits allow."""
    if [figure.name for figure in stored] != [figure.name for figure in found]:
        raise CheckFailedError(
            f"The certificate stored in {folder} does not have the figures that it must; build it again."
        )
    for then, now in zip(stored, found, strict=True):
        if not (abs(then.value - now.value) <= now.limit and isclose(then.limit, now.limit, rel_tol=1e-6)):
            raise CheckFailedError(
                f"The certificate stored in {folder} says {then.name} = {then.value:.3g} under {then.limit:.3g}, but it is "
                f"{now.value:.3g} under {now.limit:.3g}; the manifest was edited."
            )


def _check_recipe(folder: Path, manifest: Manifest) -> None:
    """The manifest's own copies of the recipe's fields must agree with the recipe."""
    recipe = manifest.full_recipe()
    if recipe.sha256() != manifest.recipe_sha256:
        raise CheckFailedError(
            f"{folder}: the recipe in the manifest has SHA-256 {recipe.sha256()}, "
            f"but the manifest says {manifest.recipe_sha256}."
        )
    drawn = manifest.funnels + manifest.dominated_funnels
    if isinstance(recipe.funnel, DrawnFunnels) and drawn != recipe.funnel.count:
        raise CheckFailedError(
            f"{folder}: the manifest has {manifest.funnels} funnels and {manifest.dominated_funnels} dominated ones, "
            f"its recipe {recipe.funnel.count}."
        )
    for name in ("name", "version", "power", "half_width"):
        if getattr(recipe, name) != getattr(manifest, name):
            raise CheckFailedError(
                f"{folder}: {name} is {getattr(manifest, name)} in the manifest, {getattr(recipe, name)} in its recipe."
            )


def _check_attributes(folder: Path, role: str, found: dict[str, str | int | float], manifest: Manifest) -> None:
    for name, needed in manifest.attributes(role).items():
        if found.get(name) != needed:
            raise CheckFailedError(
                f"{folder / role}.h5 has {name} = {found.get(name)!r}, the manifest says {needed!r}: "
                "the file is of another pair, or one of the two was edited. Fetch it again."
            )
