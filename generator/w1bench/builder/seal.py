"""The part of a build that seals a pair: its secret, the commitment to its truth, and the folder that keeps the truth back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from w1bench.archive import hdf5 as store
from w1bench.archive.commitment import REVEAL, Reveal, Truth, check_apart, read_reveal, salt_of
from w1bench.archive.manifest import KEPT_BACK, Figure, Manifest
from w1bench.builder.work_folder import PINNED, BuildFolders
from w1bench.errors import PairError
from w1bench.recipes.recipe import Recipe
from w1bench.storage.files import fsync, write_atomically
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.families.spike import SpikedMap
from w1bench.transport.pair import Pair

_BARE = 1e-3  # half widths from a centre, within which an input gives it away
_CHECKED = 8192  # inputs


def with_secret(recipe: Recipe, folders: BuildFolders, *, resume: bool) -> Recipe:
    """The recipe with the secret that the pair is drawn from: that of the build to be resumed, or else a new one.

    Raises:
        InputError: what is kept back would lie in the archive.
        PairError: what is kept back of a pair of this name is there already.
        RecipeError: see `Recipe.with_secret`.
    """
    assert folders.truth is not None
    assert folders.kept is not None
    check_apart(folders.truth, folders.archive)
    kept_back = _recipe_in(folders.kept / REVEAL)
    for begun in (_recipe_in(folders.work / PINNED), kept_back) if resume else ():
        if recipe.secret is None and begun == recipe.published() | {"secret": begun.get("secret")}:
            recipe = recipe.model_copy(update={"secret": begun["secret"]})
    recipe = recipe.with_secret()
    if folders.kept.exists() and not (resume and kept_back == recipe.published()):
        raise PairError(
            f"{folders.kept} holds the truth of a pair of this name already; give another --truth or name, or resume its build "
            "with --resume if that pair was not published yet."
        )
    return recipe


def _recipe_in(path: Path) -> dict[str, Any]:
    """The recipe in a build's recipe.json or in a reveal.json; empty if the file cannot be read."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document.get("recipe", document)


def refuse_bare_centres(pair: Pair) -> None:
    """Check that inputs do not show where the centres are.

    Raises:
        PairError: some of the first inputs lie next to their funnel's centre.
    """
    # The subspace of a spike shows in how rows are spread.
    frame, ray_map = (pair.map.frame, pair.map.core) if isinstance(pair.map, SpikedMap) else (None, pair.map)
    if not isinstance(ray_map, RayMap):  # the inputs of other families do not gather around anything
        return
    near = _BARE * ray_map.domain.half_width
    tiles = range(-(-_CHECKED // pair.rows))
    targets = (pair.training.targets("train.input", tile) for tile in tiles)
    rays = [ray_map.trace(rows if frame is None else rows @ frame.T) for rows in targets]
    count = sum(int((ray_map.shorten(of_tile) < near).sum()) for of_tile in rays)
    if count:
        raise PairError(
            f"{count} of the first {len(tiles) * pair.rows} inputs of {pair.recipe.name} lie within {_BARE:g} half widths of "
            f"their funnel's centre, so that its rows give the truth away; seal a pair whose power is well below its "
            f"dimension (they are {ray_map.power:g} and {ray_map.potential.dim})."
        )


def seal(whole: Manifest, recipe: Recipe, certificate: tuple[Figure, ...], kept_back: Path) -> Manifest:
    """Commit to what `whole` says: its truth goes to reveal.json in `kept_back`, and the rest, under `certificate`, is returned."""
    assert recipe.secret is not None
    own = sorted(set(whole.files) & {f"{file}.h5" for file in store.KEPT_BACK})
    public = {name: entry for name, entry in whole.files.items() if name not in own}
    truth = Truth(
        published={name: entry.logical_digest for name, entry in public.items()},
        files={name: whole.files[name] for name in own},
        **{name: getattr(whole, name) for name in (*KEPT_BACK, "certificate")},
    )
    reveal = Reveal(salt=salt_of(recipe.secret), recipe=recipe.published(), truth=truth)
    write_atomically(kept_back / REVEAL, reveal.text().encode())
    update = {
        **dict.fromkeys(KEPT_BACK),
        "commitment": reveal.commitment(),
        "recipe": recipe.published(sealed=True),
        "files": public,
        "certificate": certificate,
    }
    return whole.model_copy(update=update)


def keep_back(folders: BuildFolders, manifest: Manifest) -> None:
    """Give the folder of what is kept back its name, readable by its owner alone; the same of a killed build is left as it is."""
    assert folders.kept is not None
    assert folders.secret is not None
    if folders.kept.exists():
        read_reveal(folders.kept, manifest)
        return
    for path in folders.secret.iterdir():
        path.chmod(0o600)
        fsync(path)
    folders.secret.chmod(0o700)
    fsync(folders.secret)
    folders.secret.rename(folders.kept)
    fsync(folders.kept.parent)
