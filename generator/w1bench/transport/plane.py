"""W1 of funnels in the plane by an integral over the angles of their rays, for targets that are uniform on the domain.

A funnel at a owns the points a + s v(angle), 0 < s < S(angle), so that W1 = sum_n int (int_0^S (s - S (s/S)^p) s ds) d angle / area
= sum_n int S^3 (1/3 - 1/(p + 2)) d angle / area. The reciprocal of S is the largest of sinusoids of the angle, one for each other
funnel and each straight wall. Between its kinks, where two of them cross, Gauss's rule is taken on arcs that are halved until both
halves agree with the whole (the wall of a ball is no sinusoid, so that its kinks are found by halving alone).
"""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.polynomial.legendre import leggauss

from w1bench.arrays import F64
from w1bench.sources.domains import Ball
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.families.spike import SpikedMap
from w1bench.transport.potential import TransportMap

_POINTS, _WEIGHTS = leggauss(10)
_ARCS = 16  # at the beginning, besides those between kinks
_HALVINGS = 40
_ERROR = 1e-12  # of an arc, relative to the whole


def plane_w1(ray_map: TransportMap) -> float | None:
    """W1 of funnels in the plane, also inside a spike, whose targets are uniform on the domain; None of other maps."""
    core = ray_map.core if isinstance(ray_map, SpikedMap) else ray_map
    if not isinstance(core, RayMap) or core.potential.dim != 2 or not core.uniform:
        return None
    half_width, p = core.domain.half_width, core.power
    area = pi * half_width**2 if isinstance(core.domain, Ball) else 4 * half_width**2
    cubes = sum(_cubes(core, n) for n in range(core.potential.count))
    return cubes * (1 / 3 - 1 / (p + 2)) / area


def _cubes(ray_map: RayMap, n: int) -> float:
    """The integral of S^3 over all angles of funnel n."""
    slopes, levels = _sinusoids(ray_map, n)
    edges = np.union1d(np.linspace(0, 2 * pi, _ARCS + 1), _kinks(slopes, levels))
    low, high = edges[:-1], edges[1:]
    whole = _gauss(ray_map, n, low, high)
    scale, total = whole.sum(), 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left, right = _gauss(ray_map, n, low, middle), _gauss(ray_map, n, middle, high)
        rough = np.abs(left + right - whole) > _ERROR * scale
        total += (left + right)[~rough].sum()
        low, high = np.concatenate([low[rough], middle[rough]]), np.concatenate([middle[rough], high[rough]])
        whole = np.concatenate([left[rough], right[rough]])
        if not len(whole):
            break
    return float(total + whole.sum())


def _kinks(slopes: F64, levels: F64) -> list[float]:
    """The angles at which another of the functions slopes.v + levels becomes the largest: a walk around the circle."""
    angle, kinks = 0.0, list[float]()
    if not len(levels):
        return kinks
    largest = int(np.argmax(slopes[:, 0] + levels))
    for _ in range(4 * len(levels)):
        difference = slopes[largest] - slopes
        length = np.hypot(*difference.T)
        cosine = (levels - levels[largest]) / np.where(length > 0, length, np.inf)
        loses = np.arctan2(difference[:, 1], difference[:, 0]) + np.arccos(np.clip(cosine, -1, 1))
        way = (loses - angle) % (2 * pi)
        way[(np.abs(cosine) > 1) | (length == 0)] = np.inf
        following = int(np.argmin(way))
        angle += way[following]
        if angle >= 2 * pi:
            break
        kinks.append(float(angle))
        largest = following
    return kinks


def _gauss(ray_map: RayMap, n: int, low: F64, high: F64) -> F64:
    """The integral of S^3 over each arc (m,)."""
    angle = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * _POINTS
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return (high - low) / 2 * (_reciprocal_lengths(ray_map, n, direction) ** -3 @ _WEIGHTS)


def _reciprocal_lengths(ray_map: RayMap, n: int, direction: F64) -> F64:
    """1 / S for unit vectors (..., 2): the largest over all funnels that may take over, and the walls."""
    slopes, levels = _sinusoids(ray_map, n)
    found = (direction @ slopes.T + levels).max(axis=-1, initial=0.0)
    if isinstance(ray_map.domain, Ball):
        center = ray_map.potential.center[n]
        inward = direction @ center
        return np.maximum(found, 1 / (np.sqrt(inward**2 + ray_map.domain.radius**2 - center @ center) - inward))
    return found


def _sinusoids(ray_map: RayMap, n: int) -> tuple[F64, F64]:
    """The reciprocal ways along v to where another funnel takes over from n, or to a straight wall, as slopes.v + levels: (k, 2) and (k,)."""
    funnel, domain = ray_map.potential, ray_map.domain
    center, others = funnel.center[n], np.arange(funnel.count) != n
    away, e = funnel.center[others] - center, funnel.offset[n] - funnel.offset[others]
    room = np.square(away).sum(axis=1) - e * e
    slopes, levels = 2 * away / room[:, None], 2 * e / room
    if isinstance(domain, Ball):
        return slopes, levels
    rooms = np.concatenate([domain.half_width - center, domain.half_width + center])
    reciprocal = np.divide(1, rooms, out=np.zeros(4), where=rooms > 0)  # no ray leaves a centre on a wall towards it
    walls = reciprocal[:, None] * np.concatenate([np.eye(2), -np.eye(2)])
    return np.concatenate([slopes, walls]), np.concatenate([levels, np.zeros(4)])
