"""A grid of trials: methods x pairs x seeds, in several processes of one thread; interrupted anywhere, it can be resumed.

Finished rows are in the results file, which is replaced as a whole whenever a row is added; what is unfinished keeps its
checkpoint in a folder beside it. A row is not computed again while its method, pair, seed, data and settings are the same.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from w1bench.builder.engines.engine import available_processors, keep_freed_memory
from w1bench.builder.engines.processes import LocalProcesses
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError
from w1bench.storage.files import exclusive
from w1bench.trials import results
from w1bench.trials.adapter import OwnMethod
from w1bench.trials.row import row
from w1bench.trials.trial import SAVE_EVERY, Data, Trial, make_trial

Row = dict[str, Any]


def run_grid(
    methods: Sequence[str | OwnMethod], pairs: Sequence[StoredPair], out: Path, *, seeds: int = 1, steps: int | None = None,
    batch: int | None = None, workers: int | None = 0, device: str = "cpu", data: Data | None = None,
    save_every: float = SAVE_EVERY, report: Callable[[Row, int, int], None] | None = None,
) -> list[Row]:  # fmt: skip
    """Every method on every pair with seeds 0, 1, ..., each row added to `out` as it is finished; returns these rows.

    `steps` is the most that a method is trained for, `batch` the rows that a user's own is handed at a time. 0 workers take one for each processor,
    None computes in this process; so does one worker, or one row, on one thread. `report` is called with a new row, and how many of how many are done. A row of a solver whose source was edited
    since gives way to the new one.

    Raises:
        PairError: a pair is sealed.
        InputError: as `make_trial`; or another grid is writing to `out`, or it is not a results file.
        UnreachableError: processes keep dying, perhaps for want of memory; what was finished is kept.
    """
    for pair in pairs:
        pair.manifest.check_known()  # before anything is trained for it
    trials = [
        make_trial(method, pair, at_most=steps, batch=batch, seed=seed, data=data)
        for pair, method, seed in product(pairs, dict.fromkeys(methods), range(seeds))
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished = out.with_name(f"{out.name}.unfinished")
    taken = InputError(f"Another trial is writing to {out}; wait for it, or give another --out.")
    with exclusive(out.with_name(f".{out.name}.lock"), taken):
        rows = results.read(out) if out.exists() else []
        unopened = (replace(trial, pair=replace(trial.pair)) for trial in trials)  # without files that are open here
        missing = sorted((t for t in unopened if _find(rows, t) is None), key=lambda trial: trial.seed)
        unfinished.mkdir(exist_ok=True)
        work = partial(_row, folder=unfinished, device=device, save_every=save_every)
        with processes(workers, len(missing)) as run:
            for count, (trial, added) in enumerate(run(work, missing), start=1):
                rows = [row for row in rows if not _is_edited(row, trial)] + [added]
                results.write(out, rows)
                checkpoint_of(unfinished, trial).unlink(missing_ok=True)
                if report:
                    report(added, len(trials) - len(missing) + count, len(trials))
        if not any(unfinished.iterdir()):
            unfinished.rmdir()
    return [row for trial in trials if (row := _find(rows, trial))]


Work = Callable[[Trial], Row]
Run = Callable[[Work, Sequence[Trial]], Iterator[tuple[Trial, Row]]]


@contextmanager
def processes(workers: int | None, trials: int) -> Generator[Run]:
    """What computes so many trials: processes of one thread, one for each processor for 0; this one, on one thread, where one is enough; or this one as it is for None."""
    if workers is None:
        yield _in_this_process
    elif min(workers or available_processors(), trials) <= 1:
        with _one_thread():
            yield _in_this_process
    else:
        with LocalProcesses(workers).started() as pool:
            yield pool.as_completed


def _in_this_process(work: Work, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Row]]:
    return ((trial, work(trial)) for trial in trials)


@contextmanager
def _one_thread() -> Generator[None]:
    """Compute on one thread, as a process of `LocalProcesses` does."""
    keep_freed_memory()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def _is_edited(row: Row, trial: Trial) -> bool:
    """Whether a row is of the trial, but for the source of a user's solver."""
    identity = trial.identity()
    settings = identity.pop("settings")
    if "source" not in settings or not identity.items() <= row.items():
        return False
    return row["settings"] | {"source": settings["source"]} == settings


def _row(trial: Trial, *, folder: Path, device: str, save_every: float) -> Row:
    return row(trial, device=device, checkpoint=checkpoint_of(folder, trial), save_every=save_every)


def _find(rows: Sequence[Row], trial: Trial) -> Row | None:
    """The row of a trial, if it is there."""
    identity = trial.identity()
    return next((row for row in rows if identity.items() <= row.items()), None)


def checkpoint_of(folder: Path, trial: Trial) -> Path:
    """Where a trial saves itself in a grid's folder."""
    digest = hashlib.sha256(json.dumps(trial.identity(), sort_keys=True).encode()).hexdigest()
    return folder / f"{trial.pair.name}.{trial.method.tag.replace(':', '')}.{trial.seed}.{digest[:12]}"
