"""Which methods lead on data of a size: vectors of few, some or many dimensions, and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import NamedTuple

from w1bench.site.board.overall import Method, placed
from w1bench.site.board.rows import TRIVIAL, Row

_LEADERS = 3
_PICTURES = "pictures"
_VECTORS = (("up to 8 dimensions", 8), ("9 to 99 dimensions", 99), ("100 dimensions and more", None))


class Partial(NamedTuple):
    """A method with figures on fewer pairs: on how many, its mean there, and that of the first of all on the same ones."""

    method: Method
    pairs: int
    mean: float
    of_first: float


class Size(NamedTuple):
    """Data of a size: its pairs that count, how many methods have figures on all of them, the first of these that know no family, as far as
    they are above the trivial critics, and the best of the others, if it is above the first on their common pairs."""

    name: str
    dims: list[int]
    pairs: list[str]
    methods: int
    leaders: list[Method]
    partial: Partial | None


def by_size(rows: Iterable[Row], pictures: frozenset[str]) -> list[Size]:
    """The sizes that open pairs have rows of; `pictures` names the pairs of pictures."""
    of_size: dict[str, list[Row]] = {name: [] for name in (*(name for name, _ in _VECTORS), _PICTURES)}
    for row in rows:
        if row.track == "open":
            of_size[_PICTURES if row.pair in pictures else _size(row.dim)].append(row)
    return list(_sizes(of_size))


def _sizes(of_size: dict[str, list[Row]]) -> Iterator[Size]:
    for name, rows in of_size.items():
        methods = placed(rows, "open", every=True)
        of_any = [method for method in methods if not method.first.metadata.get("knows_family")]
        complete = [method for method in of_any if method.rank is not None]
        if complete:
            above = [m for m in complete if (m.score or 0) > 0 and m.first.method not in TRIVIAL]
            fewer = [_beside(complete[0], method) for method in of_any if method.rank is None and method.entered]
            better = (one for one in fewer if one.mean > max(one.of_first, 0))
            yield Size(
                name, sorted({row.dim for row in rows}), sorted(complete[0].counted), sum(method.rank is not None for method in methods), above[:_LEADERS],
                max(better, key=lambda one: one.mean, default=None),
            )  # fmt: skip


def _beside(first: Method, method: Method) -> Partial:
    own, of_first = (
        {row.pair: value for row in of.rows if row.pair in of.counted and (value := row.value("skill")) is not None}
        for of in (method, first)
    )
    return Partial(method, len(own), fmean(own.values()), fmean(of_first[pair] for pair in own))


def _size(dim: int) -> str:
    return next(name for name, most in _VECTORS if most is None or dim <= most)
