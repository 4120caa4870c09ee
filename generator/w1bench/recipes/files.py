"""Recipes as TOML files, whose own files are pinned by their SHA-256."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from w1bench.errors import RecipeError
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench.storage.files import content_sha256

_CATALOGUED = Path(__file__).parent / "catalogued"


def find_recipe(name: str, *, root: Path | None = None, checkpoint: Path | None = None) -> Recipe:
    """A recipe by its catalogued name, or by its path as in `read_recipe`."""
    if name.endswith(".toml"):
        return read_recipe(Path(name), root=root, checkpoint=checkpoint)
    catalogued = catalogued_recipes()
    if name not in catalogued:
        raise RecipeError(
            f"{name!r} is neither a .toml file nor a catalogued recipe; there are: {', '.join(catalogued)}."
        )
    return read_recipe(catalogued[name], root=root, checkpoint=checkpoint)


def catalogued_recipes() -> dict[str, Path]:
    """The catalogue's files, by the names of their pairs."""
    return {path.stem: path for path in sorted(_CATALOGUED.rglob("*.toml"))}


def read_recipe(path: Path, *, root: Path | None = None, checkpoint: Path | None = None) -> Recipe:
    """A recipe from a TOML file; the funnel file and pictures that it names are pinned by their SHA-256.

    `root` and `checkpoint` replace those that the source names.

    Raises:
        RecipeError: the file is missing, is not TOML, or does not determine a pair.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"Recipe {path} cannot be read ({error.strerror}); give the path of a .toml file.") from None
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"Recipe {path} is not TOML: {error}.") from None
    source = values.get("source")
    through = source.get("generator") if isinstance(source, dict) else None
    _place(source, "root", root, path)
    _place(source if through is None else through, "checkpoint", checkpoint, path, at="path")
    for table, key in (
        (values.get("funnel"), "file"),
        (source, "root"),
        (source, "checkpoint"),
        (through, "checkpoint"),
    ):
        _pin(table, key, path.parent)
    return parse_recipe(values, origin=str(path))


def _place(table: Any, key: str, file: Path | None, path: Path, *, at: str | None = None) -> None:
    """Replace the recipe's own path under `key`; where its name counts, under the key `at` beside it."""
    if file is None:
        return
    if not isinstance(table, dict) or key not in table:
        raise RecipeError(f"--{key} {file} was given for {path}, whose source does not have one; leave it out.")
    table[at or key] = str(file.absolute())


def _pin(table: Any, key: str, folder: Path) -> None:
    """Make the path under `key` absolute, and add the SHA-256 of what is there, or check it against the recipe's."""
    if not isinstance(table, dict) or not isinstance(table.get(key), str):
        return
    try:
        path = (folder / table.get("path", table[key])).resolve()
        if key != "root" and path.is_dir():
            raise IsADirectoryError(0, "it is a folder, and a file is needed")
        digest = content_sha256(path)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RecipeError(
            f"{folder / table.get('path', table[key])} cannot be read ({reason}); put it there or correct `{key}` in the recipe"
            + (", or give --" + key + "." if key != "file" else ".")
        ) from None
    if table.setdefault("sha256", digest) != digest:
        raise RecipeError(f"{path} has SHA-256 {digest}, but the recipe needs {table['sha256']}.")
    table["path" if key == "checkpoint" else key] = str(path)


def check_root(recipe: Recipe) -> None:
    """Check the pictures that a recipe names against its digest, on a machine that did not read the recipe's file itself.

    Raises:
        RecipeError: they are missing, or differ.
    """
    if recipe.source is not None:
        _pin(dict(recipe.source), "root", Path())
