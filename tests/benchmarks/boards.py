"""Boards: a pair's board after a submission to it, and a page of all boards, beside boards that walk over the whole ledger.

PYTHONPATH=tests python tests/benchmarks/boards.py
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, event

from benchmarks.plain_boards import PlainBoards
from benchmarks.report import parse, publish, table
from w1bench.scoring.metrics import METRIC_VERSION, METRICS
from w1bench.scoring.scorecard import RESAMPLES, Diagnosis, Interval, Scorecard
from w1bench_server.database import connection as database
from w1bench_server.leaderboard.boards import Boards
from w1bench_server.leaderboard.parts import part
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.submissions.redaction import PublicRecords
from w1bench_server.web.api.schemas.leaderboard import board as answer

_PAIRS, _ROWS, _ROUNDS = 40, 10_000, 30
_QUICK_PAIRS, _QUICK_ROWS, _QUICK_ROUNDS = 4, 400, 5
_PAGE = 100
_ERROR = 0.004  # of a score; nine tenths of its variance are the test points', which all submissions to a pair share
_EXPLANATION = """\
{rows:,} submissions of as many users to {pairs} pairs, each with five metrics over 1,000 resamples, in SQLite. Each round appends a submission to a
pair that is drawn at random, and then asks, in this order: for the board of its pair, and for the first page of {page} rows of all boards,
as JSON. Plain: all records are grouped by their pair at each request, a board is computed anew with every comparison of it, and all rows
are the answer (`tests/benchmarks/plain_boards.py`). Medians over {rounds} rounds, and the slowest; what is first comes after a start,
and reads the ledger once."""


def main() -> None:
    run = parse("boards", __doc__)
    pairs, rows, rounds = (
        (_QUICK_PAIRS, _QUICK_ROWS, _QUICK_ROUNDS) if run.quick else (_PAIRS, _ROWS, _ROUNDS)
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder) / "data", archive=Path(folder) / "archive")
        settings.archive.mkdir()
        with database.opened(settings) as engine:
            measured = _measure(engine, settings.archive, pairs, rows, rounds)
    explanation = _EXPLANATION.format(rows=rows, pairs=pairs, page=_PAGE, rounds=rounds)
    publish(run, "Boards", [explanation, measured], packages=("w1bench", "numpy", "sqlalchemy"))


def _measure(engine: Engine, archive: Path, pairs: int, rows: int, rounds: int) -> str:
    entries = _entries(pairs)
    filled = Ledger(engine)
    _hurry(engine)
    for _ in range(rows):
        entry, resampled = next(entries)
        filled.append(entry, resampled=resampled)
    published = PublishedPairs(archive)
    ours, plain = Boards(PublicRecords(Ledger(engine), published)), PlainBoards(Ledger(engine), published)
    asked: dict[tuple[str, str], Callable[[str], object]] = {
        ("own pair", "boards"): lambda pair: ours.view(pairs={pair}).board(pair),
        ("own pair", "plain"): lambda pair: plain.rows({pair}),
        ("a page", "boards"): lambda _: answer(part(ours.view(), limit=_PAGE), "cos", "", published, following=None).model_dump_json(),
        ("a page", "plain"): lambda _: plain.answer(),
    }  # fmt: skip
    first = {name: _seconds(ask, "pair-00") for name, ask in asked.items()}
    ours.view().standings  # noqa: B018 - the boards of all pairs, as after a while
    taken: dict[tuple[str, str], list[float]] = {name: [] for name in asked}
    for _ in range(rounds):
        entry, resampled = next(entries)
        filled.append(entry, resampled=resampled)
        for name, ask in asked.items():
            taken[name].append(_seconds(ask, entry.pair))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    return table(
        ("asked for", "how", "first, ms", "ms", "slowest, ms", "ratio"),
        [
            (
                what, how, *(f"{1e3 * each:.1f}" for each in (first[what, how], medians[what, how], max(taken[what, how]))),
                f"**{medians[what, 'plain'] / medians[what, how]:.1f}**",
            )
            for what, how in asked
        ],
    )  # fmt: skip


def _hurry(engine: Engine) -> None:
    """Have writes not wait for the disk, which is not what is measured."""

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    engine.dispose()


@dataclass(frozen=True)
class _Pair:
    """A pair's name and digest, and the luck of its test points, which all submissions share."""

    name: str
    digest: str
    luck: Any


def _entries(pairs: int) -> Iterator[tuple[Entry, bytes]]:
    """Submissions to pairs that are drawn at random, each of a user of its own, with the metrics over the resamples."""
    rng = np.random.default_rng(0)
    known = [_Pair(f"pair-{i:02}", f"{i:064x}", rng.standard_normal(RESAMPLES)) for i in range(pairs)]
    for number in range(1 << 30):
        pair, value = known[rng.integers(pairs)], float(rng.uniform(0.1, 0.95))
        noise = np.sqrt(0.9) * pair.luck + np.sqrt(0.1) * rng.standard_normal((len(METRICS), RESAMPLES))
        resampled = value + _ERROR * noise
        card = _card(pair, value, resampled)
        yield Entry(
            id=f"{number:032x}", pair=pair.name, pair_digest=pair.digest, method=f"method {number}", user=f"user {number}",
            sha256=f"{number:064x}", bytes=1, submitted_at="2030-01-01T00:00:00.000+00:00", scorer="0",
            scorecard=card.model_dump_json(),
        ), resampled.astype("<f8").tobytes()  # fmt: skip


def _card(pair: _Pair, value: float, resampled: Any) -> Scorecard:
    bounds = np.quantile(resampled, [0.025, 0.975], axis=1).T
    diagnosis = Diagnosis(
        gradient_norm_mean=1, gradient_norm_std=0, gradient_norm_quantiles={"0.5": 1}, zero_gradients=0, l2_direction=0,
        l2_magnitude=0, best_scale=1, best_scale_l2=0, slope_at_least=None,
    )  # fmt: skip
    return Scorecard(
        pair=pair.name, pair_version=1, pair_digest=pair.digest, metric_version=METRIC_VERSION, points=10_000, w1=2.0, w1_stderr=0,
        metrics={name: Interval(value=value, low=low, high=high) for name, (low, high) in zip(METRICS, bounds, strict=True)},
        missing={}, diagnosis=diagnosis,
    )  # fmt: skip


def _seconds(ask: Callable[[str], object], pair: str) -> float:
    started = time.perf_counter()
    ask(pair)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
