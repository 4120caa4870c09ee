"""Figures that hold at every row: potentials, rays, the map, gradients, and where points lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt

import numpy as np

from w1bench.archive.manifest import Figure
from w1bench.arrays import RowArray, blocks
from w1bench.builder.certificate.rows import POINTS, Files, Largest, distances, flat_rows, rounding_of
from w1bench.sources.domains import Domain
from w1bench.transport.funnel import MinFunnel
from w1bench.transport.rays import RayMap

_LIPSCHITZ_POINTS = 512


def pointwise(ray_map: RayMap, half_width: float, test: Mapping[str, RowArray]) -> Iterator[Figure]:
    """What must hold at every row of the data sets of the role `test`."""
    worst, funnel, dtype = Largest(), ray_map.funnel, test["input"].dtype
    for rows in blocks(test["input"]):
        x, y, g = (flat_rows(test[name][rows]) for name in ("input", "transported", "gradient"))
        stored_x, stored_y = test["input_potential"][rows], test["target_potential"][rows]
        ux, uy = funnel.value(x), funnel.value(y)
        length = distances(x, y)
        scale = np.maximum(1.0, length)
        moved = np.empty(y.shape, dtype)
        rays = ray_map.trace(y, moved=moved)
        worst.take("ray_residual", np.abs(uy - ux - length) / scale)
        worst.take("ray_end", (rays.distance - rays.length) / rays.length)
        worst.take("map_residual", np.abs(moved - x).max(axis=1) / scale)
        worst.take("gradient_norm", np.abs(np.linalg.norm(g, axis=1) - 1))
        worst.take("gradient_direction", np.linalg.norm(g * length[:, None] - (x - y), axis=1) / scale)
        worst.take("input_potential", np.abs(stored_x + ux) / np.maximum(1.0, np.abs(ux)))
        target_value = funnel.value(flat_rows(test["target"][rows]))
        worst.take("target_potential", np.abs(stored_y + target_value) / np.maximum(1.0, np.abs(target_value)))
    rounding = rounding_of(dtype)
    # Each of D coordinates is rounded on its own, so that their difference as a vector is sqrt(D) times as large.
    vector_rounding = 4 * float(np.finfo(dtype).eps) * sqrt(funnel.dim) * half_width
    limits = {
        "ray_residual": (rounding, "largest |u(y) - u(x) - ||y - x||| / max(1, ||y - x||), u evaluated afresh"),
        "ray_end": (1e-12, "largest relative distance by which a target lies beyond the end of its ray"),
        "map_residual": (rounding, "largest difference of a coordinate between an input and its partner's image"),
        "gradient_norm": (rounding, "largest | ||grad f*|| - 1 |"),
        "gradient_direction": (
            max(1e-12, vector_rounding),
            "largest ||grad f* ||y - x|| - (x - y)|| / max(1, ||y - x||)",
        ),
        "input_potential": (rounding, "largest relative |f* + u| at inputs"),
        "target_potential": (rounding, "largest relative |f* + u| at targets"),
    }
    for name, (limit, meaning) in limits.items():
        yield Figure(name=name, value=worst.values[name], limit=limit, meaning=meaning)


def containment(domain: Domain, half_width: float, files: Files) -> Figure:
    """How far points lie outside the domain."""
    worst = Largest()
    for points in (rows for tables in files.values() for name, rows in tables.items() if name in POINTS):
        for rows in blocks(points):
            worst.take("containment", domain.excess(flat_rows(points[rows])) / half_width)
    return Figure(
        name="containment",
        value=worst.values["containment"],
        limit=rounding_of(files["test"]["input"].dtype),
        meaning="furthest point outside the domain, in half widths (negative: inside)",
    )


def lipschitz(funnel: MinFunnel, half_width: float, test: Mapping[str, RowArray]) -> Figure:
    """The steepest slope of u over stored points, centres, rays and steps along and against the gradient.

    Pairs nearer than a tenth of the half width are left out: there the rounding of u itself exceeds 1e-12 of the distance.
    """
    x, y, g = (flat_rows(test[name][:_LIPSCHITZ_POINTS]) for name in ("input", "transported", "gradient"))
    other = flat_rows(test["target"][: len(x)])
    center = funnel.center[np.arange(len(x)) % funnel.count]
    step = half_width * g
    steepest = 0.0
    for a, b in ((x, other), (x, y), (x, center), (y, center), (other, y[::-1]), (y, y + step), (x, x - step)):
        distance = np.linalg.norm(a - b, axis=1)
        far = distance >= half_width / 10
        slope = np.abs(funnel.value(a) - funnel.value(b))[far] / distance[far]
        steepest = max(steepest, slope.max(initial=0.0))
    return Figure(
        name="lipschitz", value=steepest - 1, limit=1e-12, meaning="steepest |u(a) - u(b)| / ||a - b|| less 1"
    )
