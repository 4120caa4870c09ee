"""Build: recipe -> certified pair folder, in shards that survive a kill and give the same bytes in any order.

Shards are computed by an engine and land, each atomically, in the hidden folder `.NAME.building` or where `shards` says;
then the files are assembled once, certified, and the folder appears under its name by a single rename. Of a sealed pair
the shards and the truth lie in a folder apart, and the public files are made without them, from the rows that they hold.
"""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from w1bench import archive, store
from w1bench.card import card
from w1bench.certify import certify, certify_published
from w1bench.cost import Cost, pooled_cost, rays_still_needed
from w1bench.croissant import CROISSANT, croissant
from w1bench.durable import alone, sync, write_durably
from w1bench.engines import Engine, Run
from w1bench.engines.threads import LocalThreads
from w1bench.errors import CheckFailedError, InputError, PairError
from w1bench.manifest import FILENAME, FileEntry, Manifest
from w1bench.pair import Pair
from w1bench.preview import draw_preview
from w1bench.recipe import BallSource, GeneratorSource, ImageSource, Recipe, UniformSource
from w1bench.seal import REVEAL, check_apart
from w1bench.sealing import check_free, keep_back, refuse_bare_centres, sealed, with_secret
from w1bench.shards import COST, DRAWN, Shard, ShardWork, fill, shards_of, tiles_per_shard
from w1bench.storage import Storage, storage_at

Report = Callable[[int, int, str], None]  # how many rows, or rays, are done, of how many

_COST_SHARD = 8  # times as many tiles as other shards have, because their rays are not stored
_PREVIEWED = 2000  # rows that the picture is drawn from
_PINNED = "recipe.json"  # in the hidden folder: what is built there


def build(
    recipe: Recipe,
    archive_folder: Path,
    *,
    truth: Path | None = None,
    resume: bool = False,
    engine: Engine | None = None,
    shards: str | None = None,
    tiles: int | None = None,
    gzip: bool = False,
    device: str = "cpu",
    progress: bool = False,
    report: Report | None = None,
) -> Path:
    """Build, certify and publish the pair of `recipe` as `archive_folder`/NAME; returns that folder.

    Shards lie in the folder or object storage `shards` until then, under the recipe's hash; by default beside the pair.
    A shard has so many `tiles`, by default as many as keep it small. `report` is told how far it is, after every shard;
    `progress` draws that on a terminal. With the folder `truth`, the pair is sealed (see `seal`): what is not published
    lies in `truth`/NAME, which its owner alone may read.

    Raises:
        PairError: the pair is published already; or an unfinished build is there and `resume` is False, or is of
            another recipe; or another process builds it; or a shard is missing where it was stored; or the rows of a
            pair to be sealed give its centres away.
        InputError: `truth` lies in the archive, or shards of a sealed pair were to lie elsewhere.
        CheckFailedError: the certificate does not hold; the files are kept for inspection.
        UnreachableError: object storage, or the engine's workers, cannot be reached.
        RecipeError, FunnelError, SourceError: see `make_pair`.
    """
    final = archive_folder / recipe.name
    staging = archive.unfinished(archive_folder, recipe.name)  # where what is published is assembled
    work = staging
    if truth is not None:
        check_apart(truth, archive_folder)
        if shards:
            raise InputError(f"Shards of a sealed pair hold its truth and stay in {truth}; leave {shards} out.")
        work = truth / staging.name
        recipe = with_secret(recipe, [work / _PINNED, truth / recipe.name / REVEAL] if resume else [])
        check_free(truth / recipe.name, recipe, resume=resume)
    storage = storage_at(f"{shards.rstrip('/')}/{recipe.sha256()}" if shards else str(work / "shards"))
    if resume and archive.is_published(archive_folder, recipe):
        return _tidy(archive_folder, final, (work, staging), storage)
    _refuse_to_overwrite(final)
    shard_work = ShardWork(recipe, storage, device)
    pair, _ = shard_work.pair_and_memory()
    if truth is not None:
        refuse_bare_centres(pair)
        truth.mkdir(mode=0o700, parents=True, exist_ok=True)
    archive_folder.mkdir(parents=True, exist_ok=True)
    # Products on one thread round the same everywhere; the engine's workers are the parallel part.
    with threadpool_limits(1), ExitStack() as locks:
        for folder in {archive_folder, work.parent}:
            locks.enter_context(alone(archive.lock_of(folder, recipe.name), _elsewhere(recipe, folder)))
        _refuse_to_overwrite(final)
        _open_work_folder(work, storage, recipe, resume=resume)
        tiles = tiles or tiles_per_shard(pair)
        parts = {role: shards_of(role, getattr(recipe.sizes, role), pair.rows, tiles) for role in DRAWN}
        with (engine or LocalThreads()).started() as run:
            compute = partial(_compute, run, shard_work, rows=pair.rows, progress=progress, report=report)
            moments = compute([shard for part in parts.values() for shard in part], unit="row")
            cost = _cost(pair, moments, _COST_SHARD * tiles, partial(compute, unit="ray"))
        folder, kept_back = _empty(staging / "pair"), _empty(work / "truth") if truth is not None else None
        manifest = _assemble(pair, cost, parts, storage, folder, kept_back, gzip=gzip)
        _describe(manifest, pair, folder)
        if truth is not None and kept_back is not None:
            keep_back(kept_back, truth / recipe.name, manifest)
        _publish(manifest, folder, final)
        return _tidy(archive_folder, final, (work, staging), storage)


def _tidy(archive_folder: Path, final: Path, made_in: Iterable[Path], storage: Storage) -> Path:
    """What is left to do for a published pair: remove what it was made of, and list it."""
    storage.clear()
    for folder in made_in:
        shutil.rmtree(folder, ignore_errors=True)
    archive.write_index(archive_folder)
    return final


def _refuse_to_overwrite(final: Path) -> None:
    if final.exists():
        raise PairError(
            f"{final} is published already, and a published pair is never edited; raise `version` and give the recipe "
            "a new name, or build into another archive."
        )


def _elsewhere(recipe: Recipe, archive_folder: Path) -> PairError:
    return PairError(f"Another process is building {recipe.name} in {archive_folder}; wait for it to end.")


def _open_work_folder(work: Path, storage: Storage, recipe: Recipe, *, resume: bool) -> None:
    """Make the hidden folder, or go on in one of the same recipe; one without a shard, as a refusal leaves it, is as good as none."""
    parts = ("shards", "pair", "truth")
    pinned, begun = work / _PINNED, not storage.is_empty() or any((work / part).exists() for part in parts[1:])
    if not pinned.exists() and any((work / part).exists() for part in parts):
        raise PairError(
            f"{work} holds an unfinished build of an unknown recipe (no recipe.json); remove that folder to start anew."
        )
    if begun and not resume:
        place = work if work.exists() else storage
        raise PairError(
            f"An unfinished build of {recipe.name} lies in {place}; go on with --resume, or remove that folder to start anew."
        )
    if begun and pinned.exists() and pinned.read_text() != recipe.canonical():
        raise PairError(
            f"The unfinished build in {work} is of another recipe or other sizes; resume it with those, or remove that folder."
        )
    work.mkdir(mode=0o700 if recipe.secret else 0o777, exist_ok=True)
    write_durably(pinned, recipe.canonical().encode())


def _empty(folder: Path) -> Path:
    """The folder, without what a killed build was writing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _compute(
    run: Run, work: ShardWork, shards: Sequence[Shard], *, rows: int, unit: str, progress: bool, report: Report | None
) -> NDArray[np.float64]:
    """Compute the shards that are not there yet; returns the moments of all of them in order, (tiles, 3)."""
    moments: list[NDArray[np.float64]] = []
    total = sum(shard.stop - shard.start for shard in shards) * rows
    # `disable=None` draws no bar without a terminal.
    with tqdm(total=total, desc=work.recipe.name, unit=unit, unit_scale=True, leave=False,
              disable=None if progress else True) as bar:  # fmt: skip
        for shard, of_shard in zip(shards, run(work, shards), strict=True):
            if not work.storage.holds(shard.filename):
                raise PairError(
                    f"Shard {shard.filename} was computed, but is not in {work.storage}; workers on other machines need "
                    "--shards, a folder that all machines share or a bucket."
                )
            moments.append(of_shard)
            bar.update(len(of_shard) * rows)
            if report is not None:
                report(sum(map(len, moments)) * rows, total, unit)
    return np.concatenate(moments)


def _cost(
    pair: Pair, moments: NDArray[np.float64], step: int, compute: Callable[[Sequence[Shard]], NDArray[np.float64]]
) -> Cost:
    """W1 over every ray drawn so far and as many more as are needed, in shards of `step` tiles."""
    tiles = 0
    while True:
        cost = pooled_cost(moments)
        more = rays_still_needed(cost, at_least=pair.recipe.sizes.w1_rays, cheap=pair.source.uniform)
        if not more:
            return cost
        until = tiles - (-more // pair.rows)
        shards = [Shard(COST, t, min(t + step, until)) for t in range(tiles, until, step)]
        moments, tiles = np.concatenate([moments, compute(shards)]), until


def _assemble(
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


def _describe(manifest: Manifest, pair: Pair, folder: Path) -> None:
    """The card, the picture, and the description for data catalogues."""
    (folder / "README.md").write_text(card(manifest), encoding="utf-8")
    with store.open_file(folder / "test.h5") as file:
        test, rows = store.datasets(file), slice(_PREVIEWED)
        funnel, targets = (None, "target") if manifest.sealed else (pair.map.funnel, "transported")
        draw_preview(folder / "preview.png", manifest, funnel, test["input"][rows], test[targets][rows])
    (folder / CROISSANT).write_text(croissant(manifest, folder), encoding="utf-8")


def _publish(manifest: Manifest, folder: Path, final: Path) -> None:
    """The manifest last, everything on disk, then the name."""
    write_durably(folder / FILENAME, manifest.text().encode())
    for path in folder.iterdir():
        sync(path)
    sync(folder)
    folder.rename(final)
    sync(final.parent)


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
    return FileEntry(
        bytes=path.stat().st_size, sha256=store.file_digest(path), logical_digest=store.logical_digest(path)
    )
