"""What the rows of a board say together: sentences with figures, made anew from the rows whenever they are shown."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from w1bench.site.board.overall import Method, families
from w1bench.site.board.rows import TRIVIAL, Row

_RIGHT_VALUE = 10.0  # per cent of W1
_FEWEST = 5
_SHORT = 500  # steps, after which a training has only begun


class Remark(NamedTuple):
    """A figure, and the sentence that it stands in."""

    figure: str
    sentence: str


def remarks(rows: Sequence[Row], methods: Sequence[Method]) -> list[Remark]:
    """What is worth saying; none where there are too few rows."""
    return [*_values(rows), *_trivial(rows), *_untrained(methods), *_hardest(methods)]


def _values(rows: Sequence[Row]) -> Iterator[Remark]:
    right = [row for row in rows if (dev := row.value("dev")) is not None and dev <= _RIGHT_VALUE]
    cosines = [value for row in right if (value := row.value("cos")) is not None]
    if len(cosines) >= _FEWEST:
        poor = sum(value < 0.5 for value in cosines)
        if poor == 0:
            return
        yield Remark(
            f"{poor} of {len(cosines)}",
            f"A right value is no right gradient: of the {len(cosines)} rows whose W1 is within {_RIGHT_VALUE:g} %, {poor} have a cosine below 0.5 "
            f"(their median is {median(cosines):.2f}).",
        )


def _trivial(rows: Sequence[Row]) -> Iterator[Remark]:
    skills = [
        value
        for row in rows
        if not row.control and row.method not in TRIVIAL and (value := row.value("skill")) is not None
    ]
    if len(skills) >= _FEWEST:
        none = sum(value <= 0 for value in skills)
        yield Remark(
            f"{none / len(skills):.0%}",
            f"{none} of {len(skills)} rows do no better than a critic that knows two means and was never trained: their skill is 0 or less.",
        )


def _untrained(methods: Sequence[Method]) -> Iterator[Remark]:
    scored = [
        method
        for method in methods
        if method.is_complete and method.score is not None and method.first.metadata.get("knows_family") is not True
    ]
    trained = [method for method in scored if method.first.metadata.get("trains") is True]
    untrained = [m for m in scored if m.first.metadata.get("trains") is False and m.first.method not in TRIVIAL]
    if untrained and len(trained) >= _FEWEST:
        best = max(untrained, key=lambda method: method.score or 0)
        below = sum((method.score or 0) < (best.score or 0) for method in trained)
        yield Remark(
            f"{below} of {len(trained)}",
            f"Training is not always worth it: of {len(trained)} trained methods that know no family, {below} have a lower mean skill on the {_pairs(best.of)} that count{'s' * (best.of == 1)} "
            f"than {best.first.method}, which computes its critic from a sample ({best.score:.2f}); {_begun(trained)}.",
        )


def _pairs(count: int) -> str:
    return "one pair" if count == 1 else f"{count} pairs"


def _begun(methods: Sequence[Method]) -> str:
    """How many of the methods have trained for little."""
    few = sum(method.steps is not None and method.steps[0] <= _SHORT for method in methods)
    return f"{few} of them had {_SHORT} steps or fewer on some pair"


def _hardest(methods: Sequence[Method]) -> Iterator[Remark]:
    names = families(methods)
    if len(names) > 1:
        best = {
            name: max((m.by_family[name], m.first.method) for m in methods if name in m.by_family) for name in names
        }
        hardest = min(names, key=lambda name: best[name][0])
        value, method = best[hardest]
        yield Remark(
            f"{value:.2f}", f"The hardest family is {hardest}: the best skill there is {value:.2f}, by {method}."
        )
