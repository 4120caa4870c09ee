"""Proposals: recipes that come over the network, held against what may be built here before they become a job.

Such a recipe reads nothing of the server's disk: its source is uniform, a ball, pictures that w1bench or its libraries carry, or its family's own.
"""

import json
import shutil
import tomllib
from math import prod
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from w1bench.archive import hdf5 as store
from w1bench.archive.drafts import is_unfinished, unfinished
from w1bench.recipes.consistency import core_dim
from w1bench.recipes.families import Attenuation, Ellipsoid, Late, Product, Shift, Spike
from w1bench.recipes.funnels import DrawnFunnels
from w1bench.recipes.recipe import Recipe, Sizes
from w1bench.recipes.shapes import most_funnels, shape_of
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, Projection, UniformSource
from w1bench.sources.generators.catalogue import EMBEDDED
from w1bench.storage.files import content_sha256
from w1bench_server.errors import ProblemError, ProblemPart, disk_full, invalid
from w1bench_server.jobs.job import Job, new_job
from w1bench_server.jobs.queue import Jobs, open_jobs
from w1bench_server.settings import Settings

_CARRIED = ("photos", "digits")  # by libraries
_FEWEST_RAYS = 1 << 16  # that W1 is averaged over where a recipe does not say
_NEWTON = 100  # products a coordinate that looking for the nearest point of an ellipsoid takes
_BALANCE = 1 << 25  # of each funnel whose offset is balanced
_COPIES = 2  # of a pair's arrays on the disk while it is built
_LONGEST_SAID = 10  # of the things that are wrong
_RECIPE_BYTES = 16 * 1024
_MOST_DOTS = 32  # in a line: each dot of a TOML key is a table in a table, which costs its depth squared
_FAMILIES = (Attenuation, Ellipsoid, Shift, Product, Spike, Late)
_MODELS = (Recipe, UniformSource, BallSource, ImageSource, GeneratorSource, Projection, DrawnFunnels, *_FAMILIES, Sizes)
_FIELDS = {name for model in _MODELS for name in model.model_fields}
_KINDS = "The kind of a source is uniform, ball, images or generator."
_SENTENCES = {  # by pydantic's kinds of errors
    "extra_forbidden": "This field is not part of a recipe; see datasets/FORMAT.md.",
    "union_tag_invalid": _KINDS,
    "union_tag_not_found": _KINDS,
}
_NO_PLACE = (
    "A recipe from the network names no files of the server's; leave this out, or build the pair with `w1bench build`."
)
_NO_SECRET = "Sealed pairs are built with `w1bench build --sealed`, where their truth can be kept back; leave this out."


def propose(jobs: Jobs, settings: Settings, body: bytes, *, user: str, key: str | None) -> tuple[Job, bool]:
    """The job that builds the pair of a recipe, and whether it is a new one.

    Raises:
        ProblemError: 422 where it is no recipe that may be built here, 409 where its name is taken, 507 where the disk is too full.
        KeyReusedError: `key` came before with another recipe.
    """
    recipe = read_proposal(body)
    if known := jobs.known(user, recipe.sha256(), key=key):
        return known, False
    _check_size(recipe, settings)
    _check_name(recipe, settings.archive)

    def admit(connection: Connection) -> None:
        if any(job.pair == recipe.name for job in open_jobs(connection, ["build"])):
            raise _taken("Another job builds a pair of this name")

    job = new_job("build", user=user, pair=recipe.name, content=recipe.sha256(), document=recipe.canonical())
    return jobs.add(job, key=key, admit=admit)


def read_proposal(body: bytes) -> Recipe:
    """The recipe in a body of TOML or JSON.

    Raises:
        ProblemError: 422, with every thing that is wrong.
    """
    values = _values(body)
    _check_places(values)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        parts = [_part(found) for found in error.errors(include_url=False) if "PublishedFunnels" not in found["loc"]]
        raise invalid(parts[:_LONGEST_SAID]) from None


def _values(body: bytes) -> dict[str, Any]:
    if len(body) > _RECIPE_BYTES:
        raise _refusal("#/body", f"The body has {len(body)} bytes, and recipes {_RECIPE_BYTES} at most.")
    try:
        text = body.decode()
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise ValueError("no recipe has such a line")
        values = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError):
        raise _refusal("#/body", "The body is neither TOML nor a JSON object.") from None
    return values


def _check_places(values: dict[str, Any]) -> None:
    """Refuse secrets, and what lies on the server's disk; put the embedded generator in its place."""
    source, funnel = (_table(values.get(name)) for name in ("source", "funnel"))
    generator = _table(source.get("generator"))
    parts = [ProblemPart(pointer="#/body/funnel/file", detail=_NO_PLACE)] if "file" in funnel else []
    if "secret" in values:
        parts.append(ProblemPart(pointer="#/body/secret", detail=_NO_SECRET))
    for pointer, table in (("#/body/source", source), ("#/body/source/generator", generator)):
        parts += [ProblemPart(pointer=f"{pointer}/{key}", detail=_NO_PLACE) for key in ("root", "path") if key in table]
        if "checkpoint" in table and not _embed(table):
            detail = f"The generators here are {', '.join(_embedded())}, with the SHA-256 that they have."
            parts.append(ProblemPart(pointer=f"{pointer}/checkpoint", detail=detail))
    if source.get("kind") == "images" and (source.get("dataset") not in _CARRIED or "sha256" in source):
        detail = f"The pictures here are {' and '.join(_CARRIED)}, as libraries carry them; others lie on a disk."
        parts.append(ProblemPart(pointer="#/body/source/dataset", detail=detail))
    if parts:
        raise invalid(parts)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _embedded() -> dict[str, Path]:
    return {path.name: path for path in sorted(EMBEDDED.glob("*.safetensors"))}


def _embed(table: dict[str, Any]) -> bool:
    """Whether a generator is one that comes with w1bench; then it is known by its name and digest alone."""
    given = table["checkpoint"]
    path = _embedded().get(given.rpartition("/")[2]) if isinstance(given, str) else None
    if path is None or table.setdefault("sha256", content_sha256(path)) != content_sha256(path):
        return False
    table["checkpoint"] = path.name
    return True


def _refusal(pointer: str, detail: str) -> ProblemError:
    return invalid([ProblemPart(pointer=pointer, detail=detail)])


def _part(found: Any) -> ProblemPart:
    """What is wrong with a field, without what came."""
    kind, where = found["type"], [str(part) for part in found["loc"]]
    if kind == "extra_forbidden":  # the field's name itself came
        where.pop()
    # Without the kinds of sources and funnels, and pydantic's own words for them.
    names = [part for n, part in enumerate(where) if part in _FIELDS and (n, where[0]) != (1, "source")]
    detail = _SENTENCES.get(kind) or found["msg"].removeprefix("Value error, ")
    return ProblemPart(pointer="/".join(["#/body", *names]), detail=detail)


def _check_size(recipe: Recipe, settings: Settings) -> None:
    files, sizes = store.planned(recipe), recipe.sizes
    if files is None:
        raise _refusal(
            "#/body/source/architecture", "The generators here are of the architecture wgan-qc-resnet-32-small."
        )
    size = sum(store.planned_bytes(files).values())
    rays = sizes.train + sizes.test + sizes.probe + (sizes.w1_rays or _FEWEST_RAYS)
    products = rays * _products(recipe) + _once(recipe)
    for found, most, unit in ((size, settings.pair_bytes, "bytes"), (products, settings.pair_products, "products")):
        if found > most:
            said = f"This pair takes {found} {unit}, and {most} are the most that a job builds; give it smaller sizes."
            raise _refusal("#/body/sizes", said)
    if shutil.disk_usage(settings.archive).free - _COPIES * size < settings.min_free_bytes:
        raise disk_full()


def _products(recipe: Recipe) -> int:
    """About how many products the map takes for one target, by family."""
    shape = shape_of(recipe)
    assert shape is not None
    dim, funnels, attenuation = prod(shape), most_funnels(recipe) or 0, recipe.attenuation
    core = core_dim(recipe) if recipe.spike else dim
    found = dim + funnels * core // (recipe.product.blocks if recipe.product else 1)
    if recipe.spike:
        found += 3 * core * dim
    if recipe.smooth:
        found += _NEWTON * core + (2 * core**2 if recipe.smooth.rotated else 0)
    if attenuation:
        found += 4 * dim * (attenuation.size or 1) + 2 * dim * (attenuation.rank or 0)
    return found


def _once(recipe: Recipe) -> int:
    """About how many products are taken before the first target: those of frames, of offsets that balance, of W1 without rays."""
    shape, funnel, attenuation = shape_of(recipe), recipe.funnel, recipe.attenuation
    assert shape is not None
    dim, found = prod(shape), 0
    if isinstance(funnel, DrawnFunnels) and funnel.balanced:
        found += (most_funnels(recipe) or 0) * _BALANCE
    for rows in (
        attenuation.rank if attenuation else None,
        recipe.smooth and recipe.smooth.rotated and recipe.smooth.dim,
        recipe.spike and core_dim(recipe),
    ):
        found += 4 * dim * (rows or 0) ** 2
    return found


def _check_name(recipe: Recipe, folder: Path) -> None:
    if (folder / recipe.name).exists():
        raise _taken("A pair of this name is published already")
    if unfinished(folder, recipe.name).exists() and not is_unfinished(folder, recipe):
        raise _taken("An unfinished build of another recipe has this name")


def _taken(what: str) -> ProblemError:
    return ProblemError(409, f"{what}, and pairs are never replaced; give another name.", pointer="#/body/name")
