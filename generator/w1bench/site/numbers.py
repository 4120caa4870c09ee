"""Numbers for people: as many digits as the error allows, aligned at the point, and intervals as marks.

A figure's last digit is the first that its error reaches. In a column, what stands right of the point is filled up with spaces as wide as digits.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import floor, isfinite, log10

from markupsafe import Markup, escape

from w1bench.scoring.metrics import METRICS
from w1bench.scoring.scorecard import Interval
from w1bench.site.board.rows import Row

NONE = "–"
_FIGURE, _POINT, _MINUS = "\u2007", "\u2008", "\u2212"  # spaces as wide as a digit and as a point
_PLACES = 4  # the most right of the point
_LARGE = 1e5
_SHARES = {"cos", "skill", "pooled_8", "pooled_64", "pooled_512", "progress_quarter", "progress_full"}


def places(error: float | None, *, most: int = _PLACES) -> int:
    """How many digits right of the point a value of this error has."""
    if error is None or not isfinite(error) or error <= 0:
        return most
    digit = floor(log10(error))
    return min(most, max(0, -digit))


def number(value: float, count: int = 3) -> str:
    """A value with so many digits right of the point; large ones with a power of ten."""
    if not isfinite(value):
        return NONE
    if abs(value) >= _LARGE:
        mantissa, _, power = f"{value:.1e}".partition("e")
        return f"{mantissa}e{int(power)}".replace("-", _MINUS)
    return f"{round(value, count) + 0.0:,.{count}f}".replace("-", _MINUS)  # + 0.0: no minus before zero


def vector(values: Iterable[float]) -> str:
    """The figures of a vector, with commas between them."""
    return ", ".join(map(number, values))


def half(interval: Interval | None) -> float | None:
    """Half of an interval's width."""
    if interval is None or interval.low is None or interval.high is None:
        return None
    return (interval.high - interval.low) / 2


def figure(interval: Interval | None) -> str:
    """A metric's value with the digits that its interval leaves it; a rounded one as it is."""
    if interval is None:
        return NONE
    if interval.low is None:
        return f"{interval.value:g}".replace("-", _MINUS)
    return number(interval.value, places(half(interval)))


def aligned(text: str, most: int = _PLACES) -> str:
    """A figure filled up to so many digits right of the point."""
    if text == NONE or "e" in text or text.startswith("<"):
        return text
    _, point, fraction = text.partition(".")
    missing = most - len(fraction)
    return text + ("" if point else _POINT) + _FIGURE * max(0, missing)


def bounds(interval: Interval | None) -> str:
    """An interval in words."""
    if interval is None or interval.low is None or interval.high is None:
        return ""
    count = places(half(interval)) + 1
    return f"95 % interval {number(interval.low, count)} to {number(interval.high, count)}"


def with_error(value: float, error: float) -> str:
    """A value and its standard error, or `exact`."""
    if error <= abs(value) * 1e-12:
        return f"{value:.7g} (exact)"
    count = max(0, -floor(log10(error)))
    return f"{value:.{count}f} ± {error:.{count}f}"


def mark(interval: Interval | None, metric: str, low: float = 0.0, high: float = 1.0) -> Markup:
    """An interval as a picture in a table's cell: a line, and its value as a dot, from `low` to `high`."""
    if interval is None:
        return Markup("")
    label = escape(f"{metric} {figure(interval)}, {bounds(interval) or 'rounded'}")
    cut = (interval.value > high) - (interval.value < low)
    return _mark(
        *(_at(value, low, high) for value in (interval.value, interval.low, interval.high)),
        _at(0.0, low, high),
        label,
        cut,
    )


def scale(rows: Iterable[Row], metric: str) -> tuple[float, float]:
    """From where to where the marks of a column go."""
    intervals = [row.metrics.get(metric) for row in rows]
    values = [v for i in intervals if i is not None for v in (i.low, i.high, i.value) if v is not None]
    if metric in _SHARES:
        return min([0.0, *(value for value in values if value >= -1)]), 1.0
    ordered = sorted(values)
    return 0.0, ordered[int(0.9 * (len(ordered) - 1))] * 1.05 if ordered else 1.0


def heat(value: float | None) -> str:
    """The class of a cell of a heat map: of a share, in tenths; below zero in fewer steps."""
    if value is None:
        return "heat none"
    if round(value, 2) < 0:
        return f"heat below{min(2, int(-10 * value) // 3 + 1)}"
    return f"heat of{min(10, int(10 * value + 0.5))}"


def label(metric: str) -> str:
    """A metric's name with its unit."""
    unit = METRICS[metric].unit
    return f"{metric} ({unit})" if unit == "%" else metric


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them."""
    if seconds is None:
        return NONE
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def steps(fewest: int | None, most: int | None = None) -> str:
    """Steps of training, or their range; none of what does not train."""
    if fewest is None or fewest <= 1:
        return NONE
    return f"{fewest:,}" if most in (None, fewest) else f"{fewest:,}–{most:,}"


def size(count: int) -> str:
    """Bytes in the unit that suits them."""
    for unit, of in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= of:
            return f"{count / of:,.1f} {unit}"
    return f"{count} B"


def _at(value: float | None, low: float, high: float) -> float:
    if value is None or not isfinite(value):
        return -1.0
    return round(4 + 92 * min(1.0, max(0.0, (value - low) / ((high - low) or 1.0))), 1)


@lru_cache(1 << 14)
def _mark(value: float, low: float, high: float, zero: float, text: str, cut: int) -> Markup:
    """`cut`: -1 or 1 of a value that lies beyond the left or right end, which has an arrow in place of its dot."""
    line = f'<path d="M{low:g} 6H{high:g}"/>' if low >= 0 and high >= 0 else ""
    dot = (
        f'<path class="beyond" d="M{value - 3 * cut:g} 2l{5 * cut} 4l{-5 * cut} 4"/>'
        if cut
        else f'<circle cx="{value:g}" cy="6" r="3"/>'
    )
    return Markup(
        f'<svg class="mark" viewBox="0 0 100 12" role="img" aria-label="{text}"><title>{text}</title><path class="zero" d="M{zero:g} 0V12"/>{line}'
        f"{dot}</svg>"
    )
