"""The check of a pair's folder: everything that it says of itself, recomputed from its files."""

from __future__ import annotations

from dataclasses import asdict
from math import inf, isclose
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from w1bench.archive import hdf5 as store
from w1bench.archive.folder import DIAGNOSTICS
from w1bench.archive.manifest import Figure, Manifest, PairState, places_in
from w1bench.builder.certificate.blocks import Files, rounding_of
from w1bench.builder.certificate.certify import certify, certify_published, stored_map
from w1bench.builder.contents import check_contents
from w1bench.builder.describe.profile import measure
from w1bench.builder.shards import DRAWN, ShardMemory, compute_shard, shards_of
from w1bench.diagnostics.diagnosis import diagnose_pair
from w1bench.diagnostics.record import leaves, read_record
from w1bench.errors import CheckFailedError, FunnelError, MissingExtraError, RecipeError, SourceError
from w1bench.recipes.files import check_root
from w1bench.transport.cost import Cost
from w1bench.transport.from_recipe import make_pair
from w1bench.transport.plane import plane_w1

_OF_RECORD, _OF_CENTRES = (
    1e-4,
    0.05,
)  # rounding of a pair's record on another machine; clusters begin from draws that it may tip
_NETWORK_ROUNDING = 1e-3  # of what a generator draws on another machine, raised to the map's power


def verify(folder: Path, *, root: Path | None = None, checkpoint: Path | None = None) -> tuple[Figure, ...]:
    """The certificate of a pair folder, after its digests, data sets and attributes have been checked.

    Of a sealed pair only what its public files prove is computed until it is revealed. Then it is checked against its
    commitment, has the certificate of an open pair, and is drawn once more from its recipe if the source is available:
    its pictures in `root`, its image generator in `checkpoint`.

    Raises:
        PairError: the folder is not a pair's.
        RecipeError: `root` or `checkpoint` is given for a pair that is not drawn from it.
        CheckFailedError: a digest, data set or attribute is not what the manifest says. (Figures that do not hold are
            returned, not raised: see `Figure.holds`.)
    """
    manifest = check_contents(folder)
    paths = {name: folder / f"{name}.h5" for name in manifest.contents}
    with threadpool_limits(1), store.open_files(paths) as files:  # so that figures round as in the build
        try:
            figures = _figures(manifest, store.tables(files))
            holds = all(figure.holds for figure in figures)
            if holds and manifest.state is not PairState.SEALED:
                _check_measured(folder, manifest, store.tables(files))
                _check_record(folder, manifest, store.tables(files))
        except (FunnelError, SourceError) as error:
            raise CheckFailedError(f"{folder} holds points that no pair has: {error}") from None
        revealed = manifest.state is PairState.REVEALED
        if not revealed and (root or checkpoint):
            raise RecipeError(f"{root or checkpoint} goes with a pair that was sealed and is revealed; leave it out.")
        again = _drawn_again(manifest, store.tables(files), root, checkpoint) if revealed else ()
    if holds:
        _check_certificate(folder, manifest.certificate, figures)
    return (*figures, *again)


def _figures(manifest: Manifest, files: Files) -> tuple[Figure, ...]:
    if manifest.state is PairState.SEALED:
        return certify_published(manifest.public_recipe(), manifest.half_width, files)
    return certify(manifest.full_recipe(), manifest.half_width, Cost(*manifest.known_w1), files)


def _drawn_again(manifest: Manifest, files: Files, root: Path | None, checkpoint: Path | None) -> tuple[Figure, ...]:
    """Every row of a revealed pair compared with what its recipe draws; nothing if the recipe's source is not available."""
    recipe = manifest.full_recipe().placed(root=root, checkpoint=checkpoint)
    try:
        check_root(recipe)
        pair = make_pair(recipe)
    except (RecipeError, SourceError, MissingExtraError):
        if root or checkpoint:
            raise
        return ()
    memory = ShardMemory()
    stored_truth = {name: rows[:] for file in store.FAMILY_FILES for name, rows in files.get(file, {}).items()}
    differences = [_difference(stored_truth[name], drawn) for name, drawn in pair.truth.items()]
    for role in DRAWN:
        for shard in shards_of(pair, role, 1):
            drawn, _ = compute_shard(pair, shard, memory)
            for name, rows in files[role].items():
                stored = rows[shard.start * pair.rows : shard.stop * pair.rows]
                differences.append(_difference(stored, drawn[name][: len(stored)]))
    return (
        Figure(
            name="drawn_again",
            value=float(np.max(differences)) / manifest.half_width,
            limit=_NETWORK_ROUNDING if recipe.generator else rounding_of(np.dtype(manifest.dtype)),
            meaning="largest difference of a value from the one that the revealed recipe draws, in half widths",
        ),
    )


def _difference(stored: Any, drawn: Any) -> float:
    """The largest difference of two values; infinite if there are more of the one than of the other."""
    if stored.size != drawn.size:
        return inf
    return float(np.abs(stored.ravel() - drawn.ravel()).max())


def _check_certificate(folder: Path, stored: tuple[Figure, ...], computed: tuple[Figure, ...]) -> None:
    """Check that the stored certificate has the computed figures, to within what rounding and limits allow."""
    if [figure.name for figure in stored] != [figure.name for figure in computed]:
        raise CheckFailedError(
            f"The certificate stored in {folder} does not have the figures of this pair; build it again."
        )
    for then, now in zip(stored, computed, strict=True):
        if not (abs(then.value - now.value) <= now.limit and isclose(then.limit, now.limit, rel_tol=1e-6)):
            raise CheckFailedError(
                f"The certificate stored in {folder} says {then.name} = {then.value:.3g} under {then.limit:.3g}, but it is "
                f"{now.value:.3g} under {now.limit:.3g}; the manifest was edited."
            )


def _check_record(folder: Path, manifest: Manifest, files: Files) -> None:
    """Check the figures of diagnostics.json, which pairs that were built earlier do not have."""
    if (stored := read_record(folder, manifest.digest())) is None:
        if (folder / DIAGNOSTICS).exists():
            raise CheckFailedError(
                f"{folder / DIAGNOSTICS} is of another pair, or of another format; build the pair again."
            )
        return
    said, found = (dict(leaves(asdict(each))) for each in (stored, diagnose_pair(manifest, files["test"])))
    for name in sorted(said.keys() | found.keys()):
        then, now = said.get(name), found.get(name)
        rounding = _OF_CENTRES if ".k_me" in name else _OF_RECORD
        if isinstance(then, float | int) and isinstance(now, float | int):
            same = isclose(then, now, rel_tol=rounding, abs_tol=rounding)
        else:
            same = then == now
        if not same:
            raise CheckFailedError(f"{folder / DIAGNOSTICS} says {name} = {then}, but it is {now}; it was edited.")


def _check_measured(folder: Path, manifest: Manifest, files: Files) -> None:
    """Check W1 by a quadrature, the profile and the places of data sets, which older manifests do not have."""
    recipe = manifest.full_recipe()
    ray_map, _ = stored_map(recipe, files)
    found: dict[str, float | None] = {}
    said: dict[str, float | None] = {}
    if manifest.w1_exact is not None:
        exact = plane_w1(ray_map)
        found["w1_exact"] = exact and exact * (recipe.late.share if recipe.late else 1.0)
        said["w1_exact"] = manifest.w1_exact
    if manifest.profile is not None:
        found |= measure(ray_map, files["test"]).model_dump()
        said |= manifest.profile.model_dump()
    for name, value in said.items():
        now = found[name]
        if now is None or value is None:
            differs = now is not value
        else:
            differs = not isclose(now, value, rel_tol=1e-6, abs_tol=1e-9)
        if differs:
            raise CheckFailedError(
                f"{folder}: the manifest says {name} = {value}, but it is {now}; the manifest was edited."
            )
    for name, entry in manifest.files.items():
        if entry.places is not None and entry.places != places_in(folder / name):
            raise CheckFailedError(
                f"{folder}: the manifest's places of data sets are not those of {name}; it was edited."
            )
