"""The HDF5 files of a pair; no other module knows the names of their data sets.

Contiguous, unfiltered, early-allocated data sets in HDF5 1.8 layout, so that they can be memory-mapped and read by any
reader; no links, no times, attributes of fixed length, so that one recipe on one machine gives the same bytes.
"""

import hashlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from w1bench.arrays import blocks
from w1bench.errors import CheckFailedError, PairError
from w1bench.recipes.consistency import core_dim
from w1bench.recipes.recipe import Family, Recipe
from w1bench.recipes.shapes import most_funnels, shape_of
from w1bench.recipes.sources import BallSource, UniformSource

FORMAT = "w1bench-pair"
FORMAT_VERSION = 2  # of funnels, whose files are those of version 1: see `root_attributes`
# file -> its data sets; every one but potentials has the shape of points
ROLES: dict[str, tuple[str, ...]] = {
    "train": ("input", "target"),
    "test": ("gradient", "input", "input_potential", "target", "target_potential", "transported"),
    "probe": ("interpolate",),
}
# What is published of a sealed pair; the rest is added, in files of its own, when the pair is revealed.
SEALED_ROLES: dict[str, tuple[str, ...]] = {
    "train": ROLES["train"],
    "test": ("input", "target"),
    "probe": ROLES["probe"],
}
TRUTH_ROLES: dict[str, tuple[str, ...]] = {
    "truth": tuple(name for name in ROLES["test"] if name not in SEALED_ROLES["test"])
}
FAMILY_FILES = ("funnel", "potential")  # what determines the potential: `family_specs`
KEPT_BACK = (*TRUTH_ROLES, *FAMILY_FILES)
_SCALARS = {"input_potential", "target_potential"}
_LIBVER = ("earliest", "v108")
_GZIP_CHUNK_BYTES = 1 << 20


def role_of(file: str) -> str:
    """The role of the data sets in a file: those of truth.h5 are what a sealed pair keeps back of the role `test`."""
    return "test" if file == "truth" else file


class Spec(NamedTuple):
    """The shape and dtype of a data set."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def specs(names: Iterable[str], rows: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[str, Spec]:
    """The data sets of these names for `rows` points of `shape` in a pair that stores `dtype`."""
    return {
        name: Spec(
            (rows,) if name in _SCALARS else (rows, *shape),
            np.dtype("<f8") if name in _SCALARS else dtype.newbyteorder("<"),
        )
        for name in names
    }


def family_specs(recipe: Recipe, shape: tuple[int, ...], funnels: int | None) -> dict[str, dict[str, Spec]]:
    """The files that determine the potential of a pair of points of `shape`, with their data sets; a family may need none.

    funnel.h5 holds centres, offsets and, of a product, the block of each; potential.h5 the frame that a spike lies in and
    whatever basis, rotation or direction the family draws.
    """
    double, files = np.dtype("<f8"), dict[str, dict[str, Spec]]()
    if recipe.funnel is not None:
        assert funnels is not None
        inner = recipe.product or recipe.spike
        points = (recipe.source.dim,) if inner and isinstance(recipe.source, UniformSource | BallSource) else shape
        files["funnel"] = {"center": Spec((funnels, *points), double), "offset": Spec((funnels,), double)}
        if recipe.product:
            files["funnel"]["block"] = Spec((funnels,), np.dtype("<i8"))
    frames = dict[str, tuple[int, ...]]()
    if recipe.attenuation and recipe.attenuation.rank:
        frames["basis"] = (recipe.attenuation.rank, *shape)
    if recipe.smooth and recipe.smooth.rotated:
        frames["rotation"] = (recipe.smooth.dim, recipe.smooth.dim)
    if recipe.shift:
        frames["direction"] = (1, *shape)
    if recipe.spike:
        frames["frame"] = (core_dim(recipe), recipe.spike.dim)
    if frames:
        files["potential"] = {name: Spec(frame, double) for name, frame in frames.items()}
    return files


def planned(recipe: Recipe) -> dict[str, dict[str, Spec]] | None:
    """The files that a recipe's pair will have, with their data sets; None where the recipe does not say the shape of points, or
    how many funnels a published file has. Of funnels some may be dropped."""
    shape, funnels = shape_of(recipe), most_funnels(recipe)
    if shape is None or (recipe.funnel is not None and funnels is None):
        return None
    dtype = np.dtype(np.float64 if isinstance(recipe.source, UniformSource | BallSource | None) else np.float32)
    drawn = {role: specs(names, getattr(recipe.sizes, role), shape, dtype) for role, names in ROLES.items()}
    return drawn | family_specs(recipe, shape, funnels)


def planned_bytes(files: Mapping[str, Mapping[str, Spec]]) -> dict[str, int]:
    """The bytes of the data sets of each file; a few kilobytes come on top."""
    sizes = {file: [prod(s.shape) * s.dtype.itemsize for s in found.values()] for file, found in files.items()}
    return {file: sum(found) for file, found in sizes.items()}


@contextmanager
def create(path: Path, datasets: Mapping[str, Spec], *, gzip: bool = False) -> Generator[dict[str, h5py.Dataset]]:
    """A new pair file with the given data sets, to be filled by assignment to slices of them."""
    with h5py.File(path, "w", libver=_LIBVER) as file:
        yield {name: _dataset(file, name, spec, gzip=gzip) for name, spec in sorted(datasets.items())}


def annotate(path: Path, attributes: Mapping[str, str | int | float]) -> None:
    """Add root attributes, in the order of their names."""
    with h5py.File(path, "r+", libver=_LIBVER) as file:
        for name, value in sorted(attributes.items()):
            if isinstance(value, str):
                content = value.encode()
                file.attrs.create(name, content, dtype=h5py.string_dtype("utf-8", len(content)))
            else:
                file.attrs.create(name, value, dtype="<i8" if isinstance(value, int) else "<f8")


def open_file(path: Path) -> h5py.File:
    """A pair file, for reading.

    Raises:
        PairError: it is missing.
        CheckFailedError: it is not an HDF5 file, or it is truncated.
    """
    if not path.is_file():
        raise PairError(f"{path} is missing; fetch the pair again, or without --only.")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise CheckFailedError(
            f"{path} cannot be opened as HDF5, it is truncated or damaged ({error}); fetch it again."
        ) from None


def datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """The data sets of an open pair file, by name.

    Raises:
        CheckFailedError: a member is something else.
    """
    members = {str(name): file[str(name)] for name in file}
    for name, member in members.items():
        if not isinstance(member, h5py.Dataset):
            raise CheckFailedError(f"{file.filename} holds {name}, which is not a data set; fetch it again.")
    return {name: member for name, member in members.items() if isinstance(member, h5py.Dataset)}


def places(file: h5py.File) -> dict[str, tuple[int, Spec]] | None:
    """The byte at which each data set of a file begins, with its shape and dtype; None where one is compressed."""
    found = {
        name: (dataset.id.get_offset(), Spec(dataset.shape, dataset.dtype)) for name, dataset in datasets(file).items()
    }
    contiguous = {name: (offset, spec) for name, (offset, spec) in found.items() if offset is not None}
    return contiguous if len(contiguous) == len(found) else None


def place(dataset: h5py.Dataset, spec: Spec) -> int | None:
    """The byte of its file at which a data set of this shape and dtype begins; None where it is another, or compressed."""
    return dataset.id.get_offset() if Spec(dataset.shape, dataset.dtype) == spec else None


@contextmanager
def open_files(paths: Mapping[str, Path]) -> Generator[dict[str, h5py.File]]:
    """Files by role, for reading; raises as `open_file`."""
    with ExitStack() as stack:
        yield {role: stack.enter_context(open_file(path)) for role, path in paths.items()}


def tables(files: Mapping[str, h5py.File]) -> dict[str, dict[str, h5py.Dataset]]:
    """The data sets of open files by role and name, whichever file they are in."""
    roles: dict[str, dict[str, h5py.Dataset]] = {}
    for name, file in files.items():
        roles.setdefault(role_of(name), {}).update(datasets(file))
    return roles


def root_attributes(
    file: str, *, name: str, version: int, recipe_sha256: str, half_width: float, licence: str, citation: str,
    software: Mapping[str, str], w1: tuple[float, float] | None, family: Family,
) -> dict[str, str | int | float]:  # fmt: skip
    """The root attributes of a pair's file; `w1` is W1 and its standard error, or None if the file is published before them.

    The files of funnels are those of format version 1, to the byte; in version 2 a file says its family.
    """
    truth = {} if w1 is None else {"w1": w1[0], "w1_stderr": w1[1]}
    version_of_file = {"format_version": 1} if family in ("funnel", "ball") else {"format_version": 2, "family": family}
    return (
        truth
        | version_of_file
        | {
            "format": FORMAT,
            "name": name,
            "version": version,
            "role": file,
            "recipe_sha256": recipe_sha256,
            "half_width": half_width,
            "licence": licence,
            "citation": citation,
            "software": software["w1bench"],
        }
    )


def attributes(file: h5py.File) -> dict[str, str | int | float]:
    """The root attributes as plain Python values."""
    return {name: _plain(value) for name, value in file.attrs.items()}


def check_file(file: h5py.File, role: str, expected: Mapping[str, Spec]) -> None:
    """Check the names, shapes and dtypes of the data sets in an open file.

    Raises:
        CheckFailedError: a data set is missing, additional, or of another shape or dtype.
    """
    present = {name: Spec(dataset.shape, dataset.dtype) for name, dataset in datasets(file).items()}
    if present != dict(expected):
        raise CheckFailedError(
            f"{file.filename} ({role}) holds {_words(present)}; needed: {_words(expected)}. Fetch it again."
        )


def logical_digest(path: Path) -> str:
    """SHA-256 over name, dtype, shape and raw bytes of each data set in name order."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        for name, dataset in sorted(datasets(file).items()):
            digest.update(f"{name}\0{dataset.dtype.str}\0{dataset.shape}\0".encode())
            for block in blocks(dataset):
                digest.update(np.ascontiguousarray(dataset[block]).data.cast("B"))
    return digest.hexdigest()


def _dataset(file: h5py.File, name: str, spec: Spec, *, gzip: bool) -> h5py.Dataset:
    if gzip:
        row = spec.dtype.itemsize * int(np.prod(spec.shape[1:], dtype=np.int64))
        rows = min(spec.shape[0], max(1, _GZIP_CHUNK_BYTES // row))
        return file.create_dataset(
            name, spec.shape, spec.dtype, chunks=(rows, *spec.shape[1:]), compression="gzip",
            compression_opts=1, shuffle=True, track_times=False,
        )  # fmt: skip
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)
    space = h5py.h5s.create_simple(spec.shape)
    return h5py.Dataset(h5py.h5d.create(file.id, name.encode(), h5py.h5t.py_create(spec.dtype), space, layout))


def _plain(value: Any) -> str | int | float:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def _words(datasets: Mapping[str, Spec]) -> str:
    return ", ".join(f"{name} {spec.shape} {spec.dtype.str}" for name, spec in sorted(datasets.items())) or "nothing"
