"""The content of a running service's pages: the rows of its boards, made again only where a board has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from w1bench.archive.manifest import Manifest, PairState
from w1bench.recipes.families import CONTROLS
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.site.board.content import Content
from w1bench.site.board.rows import Retracted, Row, with_skill
from w1bench.trials.results import numbered, published_figures, published_name
from w1bench_server.leaderboard.boards import Board, Boards
from w1bench_server.leaderboard.ranking import Standing
from w1bench_server.ledger.records import Record
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.web import findings


@dataclass(frozen=True)
class _OfPair:
    """The rows of a board as it was when they were made, of a pair as it was."""

    board: Board
    pair: PublishedPair
    rows: list[Row]
    trivial: Mapping[str, float]
    resolution: float | None


@dataclass
class PageContent:
    """What pages show of the pairs and boards of a service, and what was made of them so far."""

    pairs: PublishedPairs
    boards: Boards
    _made: dict[str, _OfPair] = field(default_factory=dict[str, _OfPair])
    _content: Content | None = None
    _lock: Lock = field(default_factory=Lock)
    _published: Mapping[str, Any] = field(default_factory=published_figures)

    def now(self) -> Content:
        """The content as it is now."""
        pairs = {pair.name: pair for pair in sorted(self.pairs.all(), key=lambda pair: numbered(pair.name))}
        view = self.boards.view(pairs=pairs)
        boards = {name: view.board(name) for name in view.pairs}
        with self._lock:
            current = {name: self._of_pair(pairs[name], board) for name, board in boards.items()}
            unchanged = current == self._made and all(current[name] is self._made[name] for name in current)
            if self._content is None or not unchanged or list(self._content.manifests) != list(pairs):
                self._made = current
                self._content = Content(
                    {name: pair.manifest for name, pair in pairs.items()}, {name: of.rows for name, of in current.items()},
                    [_retracted(record) for board in boards.values() for record in board.retracted],
                    {name: of.trivial for name, of in current.items()},
                    {name: of.resolution for name, of in current.items() if of.resolution is not None},
                )  # fmt: skip
            return self._content

    def _of_pair(self, pair: PublishedPair, board: Board) -> _OfPair:
        made = self._made.get(pair.name)
        if made is not None and made.board is board and made.pair is pair:
            return made
        manifest, standings = pair.manifest, board.standings
        diagnosis = None if manifest.state is PairState.SEALED else pair.diagnosis
        of_rows = (standing.card.trivial for standing in standings if standing.card.trivial)
        trivial = diagnosis.trivial if diagnosis else next(of_rows, {})
        is_control = manifest.family in CONTROLS or max(trivial.values(), default=0.0) >= CONTROL
        published = self._published.get(published_name(manifest), {})
        return _OfPair(
            board, pair, [_row(standing, manifest, is_control, trivial, published) for standing in standings], trivial,
            diagnosis and diagnosis.resolution,
        )  # fmt: skip


def row_of(record: Record, manifest: Manifest | None) -> Row:
    """The row of a submission by itself."""
    return Row(**_of_record(record, manifest), rank=None, metrics=record.score.card.metrics)


def retracted_of(record: Record) -> Retracted | None:
    """A submission's retraction, if there is one."""
    return _retracted(record) if record.retraction else None


def findings_of(record: Record, pairs: PublishedPairs) -> list[dict[str, Any]]:
    """What is wrong with a submission's critic, in words, as pages take it."""
    return [finding.model_dump() for finding in findings.findings_of(record, pairs)]


def _row(
    standing: Standing, manifest: Manifest, is_control: bool, trivial: Mapping[str, float], published: Mapping[str, Any]
) -> Row:
    record = standing.record
    figures = published.get(record.entry.method.split(" (")[0], {}) if record.entry.reference else {}
    return Row(
        **_of_record(record, manifest), rank=standing.rank, tied=standing.tied, metrics=with_skill(standing.metrics, trivial), tries=standing.tries,
        seeds=len(standing.records), truth=standing.is_truth, control=is_control, published=figures,
    )  # fmt: skip


def _of_record(record: Record, manifest: Manifest | None) -> dict[str, Any]:
    entry = record.entry
    of_pair: dict[str, Any] = {"family": "", "dim": 0} if manifest is None else {
        "family": manifest.family, "dim": manifest.dim, "track": "sealed" if manifest.sealed else "open",
        "sealed": manifest.state is PairState.SEALED, "w1": manifest.w1,
    }  # fmt: skip
    return of_pair | {
        "pair": entry.pair, "method": entry.method, "user": entry.user, "id": entry.id, "submitted_at": entry.submitted_at,
        "reference": entry.reference, "metadata": entry.metadata,
    }  # fmt: skip


def _retracted(record: Record) -> Retracted:
    entry, retraction = record.entry, record.retraction
    assert retraction is not None
    return Retracted(entry.pair, entry.method, entry.user, entry.id, retraction.at, retraction.user, retraction.reason)
