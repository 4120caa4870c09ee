"""Sealing: the part of a build that keeps the truth of a pair back, and makes the commitment to it (see `seal`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from w1bench.archive import hdf5 as store
from w1bench.archive.commitment import REVEAL, Reveal, Truth, read_reveal, salt_of
from w1bench.archive.manifest import SECRET, Figure, Manifest
from w1bench.errors import PairError
from w1bench.recipes.recipe import Recipe
from w1bench.storage.canonical import canonical
from w1bench.storage.files import fsync, write_atomically
from w1bench.transport.pair import Pair

_BARE = 1e-3  # half widths from a centre, where an input stands for it
_LOOKED_AT = 8192  # inputs


def with_secret(recipe: Recipe, begun: Iterable[Path]) -> Recipe:
    """The recipe with its secret; that of a build of the same recipe which is gone on with, from its files `begun`.

    Raises:
        RecipeError: see `Recipe.with_secret`.
    """
    for path in begun:
        values = _recipe_in(path)
        secret = values.pop("secret", None)
        if secret and recipe.secret is None and canonical(values) == recipe.canonical():
            recipe = recipe.model_copy(update={"secret": secret})
    return recipe.with_secret()


def check_free(kept: Path, recipe: Recipe, *, resume: bool) -> None:
    """Refuse to go on where the truth of another pair lies in folder `kept`, or of this one, unless its build is resumed."""
    if not kept.exists() or (resume and _recipe_in(kept / REVEAL) == recipe.published()):
        return
    raise PairError(
        f"{kept} holds the truth of a pair of this name already; give another --truth or name, or go on with --resume "
        "where that pair was not published yet."
    )


def _recipe_in(path: Path) -> dict[str, Any]:
    """The recipe in a file of a build or of a truth; nothing where there is none."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document.get("recipe", document)


def refuse_bare_centres(pair: Pair) -> None:
    """Refuse to seal a pair whose inputs lie so near to their centres that these can be read off: first draws tell."""
    near = _BARE * pair.recipe.half_width
    tiles = range(-(-_LOOKED_AT // pair.rows))
    count = sum(int((pair.map.shorten(pair.rays("train.input", tile)) < near).sum()) for tile in tiles)
    if count:
        raise PairError(
            f"{count} of the first {len(tiles) * pair.rows} inputs of {pair.recipe.name} lie within {_BARE:g} half widths of "
            f"their funnel's centre, so that its rows give the truth away; seal a pair whose power is well below its "
            f"dimension (they are {pair.recipe.power:g} and {pair.dim})."
        )


def sealed(whole: Manifest, recipe: Recipe, kept_back: Path, certificate: tuple[Figure, ...]) -> Manifest:
    """What is published of a pair under `certificate`; the rest goes to reveal.json in the folder `kept_back`."""
    assert recipe.secret is not None
    own = sorted(f"{role}.h5" for role in store.TRUTH_ROLES)
    public = {name: entry for name, entry in whole.files.items() if name not in own}
    known = {name: getattr(whole, name) for name in (*SECRET, "certificate")}
    truth = Truth(
        published={name: entry.logical_digest for name, entry in public.items()},
        files={name: whole.files[name] for name in own},
        **known,
    )
    reveal = Reveal(salt=salt_of(recipe.secret), recipe=recipe.published(), truth=truth)
    write_atomically(kept_back / REVEAL, reveal.text().encode())
    update = {
        **dict.fromkeys(SECRET),
        "commitment": reveal.commitment(),
        "recipe": recipe.published(sealed=True),
        "files": public,
        "certificate": certificate,
    }
    return whole.model_copy(update=update)


def keep_back(kept_back: Path, final: Path, manifest: Manifest) -> None:
    """Give the folder of what is kept back its name, for its owner alone; one that a killed build left there stays."""
    if final.exists():
        read_reveal(final, manifest)
        return
    for path in kept_back.iterdir():
        path.chmod(0o600)
        fsync(path)
    kept_back.chmod(0o700)
    fsync(kept_back)
    kept_back.rename(final)
    fsync(final.parent)
