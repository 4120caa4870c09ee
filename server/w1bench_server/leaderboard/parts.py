"""Parts of the leaderboard, so that no answer is longer the more submissions there are.

In the order of the parts the methods of a track come first, then each pair's rows and its retracted submissions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from w1bench_server.leaderboard.boards import View
from w1bench_server.leaderboard.ranking import Average, Standing
from w1bench_server.ledger.records import Record

_METHODS = ""  # comes before every pair's name


@dataclass(frozen=True)
class Position:
    """Where a part begins: how many items of a pair, or of the methods, come before it, after row `as_of` of the ledger."""

    as_of: int
    offset: int = 0
    section: str = _METHODS


@dataclass(frozen=True)
class BoardPart:
    """Items of the leaderboard that follow each other; `next` is where the next part begins."""

    as_of: int
    methods: list[Average]
    standings: list[Standing]
    retracted: list[Record]
    next: Position | None


def part(view: View, *, limit: int, start: Position | None = None, methods: Sequence[Average] = ()) -> BoardPart:
    """Up to `limit` items from a position on; boards that none of them is of are not computed."""
    begin = start or Position(view.as_of)
    found: list[Average | Standing | Record] = []
    following: Position | None = None
    for section in [name for name in (_METHODS, *view.pairs) if name >= begin.section]:
        offset = begin.offset if section == begin.section else 0
        if len(found) == limit:
            following = Position(view.as_of, offset, section)
            break
        items = _items(view, section, methods)
        taken = items[offset : offset + limit - len(found)]
        found += taken
        if offset + len(taken) < len(items):
            following = Position(view.as_of, offset + len(taken), section)
            break
    return BoardPart(
        view.as_of,
        [item for item in found if isinstance(item, Average)],
        [item for item in found if isinstance(item, Standing)],
        [item for item in found if isinstance(item, Record)],
        following,
    )


def _items(view: View, section: str, methods: Sequence[Average]) -> Sequence[Average | Standing | Record]:
    if section == _METHODS:
        return methods
    board = view.board(section)
    return [*board.standings, *board.retracted]
