"""Figures that hold at every row: potentials, rays, the map, gradients, and where points lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod, sqrt

import numpy as np

from w1bench.archive.manifest import Figure
from w1bench.arrays import F64, RowArray, blocks
from w1bench.builder.certificate.blocks import POINTS, SIGMAS, Files, Largest, distances, flat_rows, rounding_of
from w1bench.sources.domains import Domain
from w1bench.transport.families.funnel.min_funnel import MinFunnel
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.potential import Potential, TransportMap

_LIPSCHITZ_POINTS = 512


def pointwise(
    ray_map: TransportMap, half_width: float, test: Mapping[str, RowArray], *, share: float = 1.0
) -> Iterator[Figure]:
    """What must hold at every row of the data sets of the role `test`, of whose inputs a `share` is moved."""
    worst, u, dtype = Largest(), ray_map.potential, test["input"].dtype
    funnels = isinstance(ray_map, RayMap)
    still = 0
    for rows in blocks(test["input"]):
        x, y, g = (flat_rows(test[name][rows]) for name in ("input", "transported", "gradient"))
        stored_x, stored_y = test["input_potential"][rows], test["target_potential"][rows]
        ux, uy = u.value(x), u.value(y)
        length = distances(x, y)
        scale = np.maximum(1.0, length)
        moved = np.empty(y.shape, dtype)
        slope = np.empty(y.shape, dtype)
        ray_map.move(y, moved=moved, gradient=slope)
        if share < 1:
            left = (x == y).all(axis=1)
            moved[left], still = y[left], still + int(left.sum())
        worst.take("ray_residual", np.abs(uy - ux - length) / scale)
        if funnels:
            rays = ray_map.trace(y)
            worst.take("ray_end", (rays.distance - rays.length) / rays.length)
        else:
            worst.take("gradient_residual", np.abs(slope - g).max(axis=1))
            worst.take("monotone", -_advance(ray_map, y, g))
        worst.take("map_residual", np.abs(moved - x).max(axis=1) / scale)
        worst.take("gradient_norm", np.abs(np.linalg.norm(g, axis=1) - 1))
        worst.take("gradient_direction", np.linalg.norm(g * length[:, None] - (x - y), axis=1) / scale)
        worst.take("input_potential", np.abs(stored_x + ux) / np.maximum(1.0, np.abs(ux)))
        target_value = u.value(flat_rows(test["target"][rows]))
        worst.take("target_potential", np.abs(stored_y + target_value) / np.maximum(1.0, np.abs(target_value)))
    rounding = rounding_of(dtype)
    # Each of D coordinates is rounded on its own, so that their difference as a vector is sqrt(D) times as large.
    vector_rounding = 4 * float(np.finfo(dtype).eps) * sqrt(prod(test["input"].shape[1:])) * half_width
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
    limits |= {
        "gradient_residual": (
            max(1e-9, vector_rounding),
            "largest difference of a coordinate of grad f* from the map's at the partner",
        ),
        "monotone": (1e-6, "minus the least way along its ray that an input makes for each that its target makes"),
    }
    for name, (limit, meaning) in limits.items():
        if name in worst.values:
            yield Figure(name=name, value=worst.values[name], limit=limit, meaning=meaning)
    if share < 1:
        rows = len(test["input"])
        sigmas = abs(rows - still - share * rows) / sqrt(rows * share * (1 - share))
        yield Figure(
            name="late_share",
            value=sigmas,
            limit=SIGMAS,
            meaning=f"|moved inputs - {share:g} of all| in standard errors",
        )


def _advance(ray_map: TransportMap, y: F64, g: F64) -> F64:
    """How far inputs move down their rays when targets (n, D) move down by a hundredth of what they were moved, in units of that, (n,)."""
    step = 0.01 * ray_map.move(y, moved=(upper := np.empty_like(y)))[:, None]
    lower = np.empty_like(y)
    ray_map.move(y + step * g, moved=lower)
    return np.einsum("nd,nd->n", lower - upper, g) / step[:, 0]


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


def lipschitz(u: Potential, half_width: float, test: Mapping[str, RowArray]) -> Figure:
    """The steepest slope of u over stored points, centres, rays and steps along and against the gradient.

    Pairs nearer than a tenth of the half width are left out: there the rounding of u itself exceeds 1e-12 of the distance.
    """
    x, y, g = (flat_rows(test[name][:_LIPSCHITZ_POINTS]) for name in ("input", "transported", "gradient"))
    other = flat_rows(test["target"][: len(x)])
    landmarks = [u.center[np.arange(len(x)) % u.count]] if isinstance(u, MinFunnel) else []
    step = half_width * g
    steepest = 0.0
    for a, b in (
        (x, other),
        (x, y),
        *((points, center) for center in landmarks for points in (x, y)),
        (other, y[::-1]),
        (y, y + step),
        (x, x - step),
    ):
        distance = np.linalg.norm(a - b, axis=1)
        far = distance >= half_width / 10
        slope = np.abs(u.value(a) - u.value(b))[far] / distance[far]
        steepest = max(steepest, slope.max(initial=0.0))
    return Figure(
        name="lipschitz", value=steepest - 1, limit=1e-12, meaning="steepest |u(a) - u(b)| / ||a - b|| less 1"
    )
