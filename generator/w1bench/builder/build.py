"""The build of a pair: from a recipe to a certified folder, in shards that survive a kill and give the same bytes in any order.

Shards are computed by an engine and land, each atomically, in the hidden folder `.NAME.building` or where `shards` says;
then the files are assembled once, certified, and the folder appears under its name by a single rename. Of a sealed pair
the shards and the truth lie in a folder apart, and the public files are made without them, from the rows that they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from w1bench.archive.drafts import is_published
from w1bench.builder.assemble import assemble
from w1bench.builder.engines.engine import Engine, Run
from w1bench.builder.engines.threads import LocalThreads
from w1bench.builder.seal import keep_back, refuse_bare_centres, with_secret
from w1bench.builder.shards import COST, DRAWN, Shard, ShardWork, shards_between, shards_of, tiles_per_shard
from w1bench.builder.work_folder import BuildFolders, open_work_folder
from w1bench.errors import InputError, PairError
from w1bench.recipes.recipe import Recipe
from w1bench.storage.backends import storage_at
from w1bench.transport.cost import Cost, pooled_cost, rays_still_needed
from w1bench.transport.pair import Pair

Report = Callable[[int, int, str], None]  # done, total, and their unit: rows or rays
_COST_SHARD = 8  # times as many tiles as other shards have, because their rays are not stored


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
    A shard has so many `tiles`, by default as many as keep it small. `report` is called after every shard;
    `progress` draws that on a terminal. With the folder `truth`, the pair is sealed: what is not published lies in
    `truth`/NAME, which its owner alone may read.

    Raises:
        PairError: the pair is published already; or an unfinished build is there and `resume` is False, or is of
            another recipe; or another process is building it; or a shard is missing where it was stored; or the
            rows of a pair to be sealed give its centres away.
        InputError: `truth` lies in the archive, or `shards` is given for a sealed pair.
        CheckFailedError: the certificate does not hold; the files are kept for inspection.
        UnreachableError: object storage, or the engine's workers, cannot be reached.
        RecipeError, FunnelError, SourceError: see `make_pair`.
    """
    folders = BuildFolders(archive_folder, recipe.name, truth)
    if truth is not None:
        if shards:
            raise InputError(f"Shards of a sealed pair hold its truth and stay in {truth}; leave {shards} out.")
        recipe = with_secret(recipe, folders, resume=resume)
    storage = storage_at(f"{shards.rstrip('/')}/{recipe.sha256()}" if shards else str(folders.work / "shards"))
    if resume and is_published(archive_folder, recipe):
        return folders.tidy(storage)
    folders.refuse_to_overwrite()
    work = ShardWork(recipe, storage, device)
    pair, _ = work.pair_and_memory()
    if truth is not None:
        refuse_bare_centres(pair)
    # Products on one thread round the same everywhere; the engine's workers are the parallel part.
    with threadpool_limits(1), folders.occupied():
        open_work_folder(folders, storage, recipe, resume=resume)
        tiles = tiles or tiles_per_shard(pair)
        drawn = {role: shards_of(pair, role, tiles) for role in DRAWN}
        with (engine or LocalThreads()).started() as run:
            compute = partial(_compute, run, work, rows=pair.rows, progress=progress, report=report)
            moments = compute([shard for part in drawn.values() for shard in part], unit="row")
            if pair.training is not pair:  # whose rays are not of the law that W1 is of
                moments = moments[sum(shard.stop - shard.start for shard in drawn["train"]) :]
            cost = _cost(pair, moments, _COST_SHARD * tiles, partial(compute, unit="ray"))
        manifest = assemble(pair, cost, drawn, storage, folders, gzip=gzip)
        if truth is not None:
            keep_back(folders, manifest)
        folders.publish(manifest)
        return folders.tidy(storage)


def _compute(
    run: Run, work: ShardWork, shards: Sequence[Shard], *, rows: int, unit: str, progress: bool, report: Report | None
) -> NDArray[np.float64]:
    """Compute the shards that are missing; returns the moments of all in their order, (tiles, 3)."""
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
    """W1 in closed form, or over every ray drawn so far and as many more as are needed, in shards of `step` tiles."""
    if (exact := pair.exact_w1()) is not None:
        return Cost(exact, 0.0, 0)
    tiles = 0
    while True:
        cost = pooled_cost(moments)
        more = rays_still_needed(cost, at_least=pair.recipe.sizes.w1_rays, cheap=len(pair.source.shape) == 1)
        if not more:
            return cost
        until = tiles - (-more // pair.rows)
        moments, tiles = np.concatenate([moments, compute(shards_between(COST, tiles, until, step))]), until
