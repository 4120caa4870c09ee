"""Which methods lead on data of a size: vectors of few, some or many dimensions, and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from w1bench.site.board.overall import Method, placed
from w1bench.site.board.rows import Row

_LEADERS = 3
_PICTURES = "pictures"
_VECTORS = (("up to 8 dimensions", 8), ("9 to 99 dimensions", 99), ("100 dimensions and more", None))


class Size(NamedTuple):
    """Data of a size: its pairs that count, how many methods have figures on all of them, and the first of these that know no family."""

    name: str
    dims: list[int]
    pairs: list[str]
    methods: int
    leaders: list[Method]


def by_size(rows: Iterable[Row], pictures: frozenset[str]) -> list[Size]:
    """The sizes that open pairs have rows of; `pictures` names the pairs of pictures."""
    of_size: dict[str, list[Row]] = {name: [] for name in (*(name for name, _ in _VECTORS), _PICTURES)}
    for row in rows:
        if row.track == "open":
            of_size[_PICTURES if row.pair in pictures else _size(row.dim)].append(row)
    return list(_sizes(of_size))


def _sizes(of_size: dict[str, list[Row]]) -> Iterator[Size]:
    for name, rows in of_size.items():
        complete = [method for method in placed(rows, "open", every=True) if method.rank is not None]
        leaders = [method for method in complete if not method.first.metadata.get("knows_family")][:_LEADERS]
        if leaders:
            yield Size(name, sorted({row.dim for row in rows}), sorted(leaders[0].counted), len(complete), leaders)


def _size(dim: int) -> str:
    return next(name for name, most in _VECTORS if most is None or dim <= most)
