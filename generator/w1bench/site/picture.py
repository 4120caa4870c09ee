"""The picture of the home page: a MinFunnel of two centres, its rays, and a critic's gradients that are wrong.

Drawn from the formula itself: u(x) = min_n (||x - a_n|| + b_n), along whose rays, towards the centres, inputs become targets.
"""

from functools import cache
from math import hypot
from typing import NamedTuple

WIDTH, HEIGHT = 460, 300
CENTRES = ((128.0, 168.0, 0.0), (330.0, 118.0, 26.0))  # x, y and the offset, in pixels
_STEP = 46.0
_ARROW = 21.0


class Arrow(NamedTuple):
    """From where to where."""

    x: float
    y: float
    to_x: float
    to_y: float


class Funnel(NamedTuple):
    """Rays that end in a centre, the true gradients at their beginnings, and those of a critic that sees one centre alone."""

    rays: list[Arrow]
    true: list[Arrow]
    wrong: list[Arrow]
    levels: list[tuple[float, float, float]]  # circles of equal potential about a centre: x, y, radius


@cache
def funnel() -> Funnel:
    """The picture's parts."""
    rays: list[Arrow] = []
    true: list[Arrow] = []
    wrong: list[Arrow] = []
    middle = (sum(c[0] for c in CENTRES) / 2, sum(c[1] for c in CENTRES) / 2)
    for row in range(int(HEIGHT / _STEP)):
        for column in range(int(WIDTH / _STEP)):
            x, y = 24 + column * _STEP + (row % 2) * _STEP / 2, 26 + row * _STEP
            near = min(CENTRES, key=lambda c: hypot(x - c[0], y - c[1]) + c[2])
            if x > WIDTH - 18 or hypot(x - near[0], y - near[1]) < 1.2 * _ARROW:
                continue
            rays.append(_towards(x, y, near[0], near[1], hypot(x - near[0], y - near[1]) - 7))
            true.append(_towards(x, y, near[0], near[1], _ARROW))
            if hypot(x - middle[0], y - middle[1]) > _ARROW:
                wrong.append(_towards(x, y, *middle, _ARROW * 0.9))
    levels = [(x, y, radius - offset) for x, y, offset in CENTRES for radius in (40.0, 75.0) if radius > offset]
    return Funnel(rays, true, wrong, levels)


def _towards(x: float, y: float, to_x: float, to_y: float, length: float) -> Arrow:
    distance = hypot(to_x - x, to_y - y)
    return Arrow(*(round(v, 1) for v in (x, y, x + (to_x - x) * length / distance, y + (to_y - y) * length / distance)))
