"""Numerical proofs that a pair is what it says, from its files alone: each a figure with a limit.

The potential is evaluated afresh from the centres, the map is run again from the stored partners, the cost is estimated anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import hypot, sqrt
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from w1bench import store
from w1bench.cost import Cost, pooled_cost, tile_moments
from w1bench.errors import FunnelError
from w1bench.funnel import MinFunnel, min_funnel
from w1bench.manifest import Figure, Manifest
from w1bench.pair import Pair
from w1bench.rays import Ball, Cube, Domain, RayMap
from w1bench.sample import F64
from w1bench.sources import Source, UniformBall, UniformCube
from w1bench.store import Rows

_SIGMAS = 5.5  # of every statistical limit: a false alarm in 26 million
_KOLMOGOROV = 3.0  # sqrt(n) D_n above it: a false alarm in 33 million
_QUADRATURE_SIDE = 1024
_ASSIGNMENT_POINTS = 256
_LIPSCHITZ_POINTS = 512
_FRESH_RAYS = 1 << 21
_MOST_REPLAYED = 1 << 26  # rays: some ten seconds in the plane
_POINTS = ("input", "target", "transported", "interpolate")  # data sets of points of the domain

Files = Mapping[str, Mapping[str, Rows]]  # role -> data sets


@dataclass
class _Largest:
    """Running maxima by name, NaN above all."""

    values: dict[str, float] = field(default_factory=dict[str, float])

    def take(self, name: str, values: Any) -> None:
        # numpy's maximum, unlike Python's, never loses a NaN.
        self.values[name] = float(np.maximum(self.values.get(name, -np.inf), np.max(values)))


def certify(manifest: Manifest, files: Files) -> tuple[Figure, ...]:
    """The certificate of a pair from its data sets (role -> name -> rows)."""
    stored = min_funnel(_flat(files["funnel"]["center"][:]), files["funnel"]["offset"][:])
    if stored.dominated:
        raise FunnelError(f"funnel.h5 of {manifest.name} holds {stored.dominated} dominated funnels; build it again.")
    ray_map = RayMap(stored, _domain(manifest), manifest.power)
    return (
        *_pointwise(manifest, ray_map, files),
        _containment(manifest, files),
        _lipschitz(manifest, stored, files["test"]),
        *_costs(manifest, ray_map, files),
        _weak_duality(files["test"]),
    )


def certify_published(manifest: Manifest, files: Files) -> tuple[Figure, ...]:
    """The certificate of a sealed pair, as far as its files tell before it is revealed."""
    return (_containment(manifest, files),)


def _pointwise(manifest: Manifest, ray_map: RayMap, files: Files) -> Iterator[Figure]:
    """What must hold at every row."""
    worst, funnel, test = _Largest(), ray_map.funnel, files["test"]
    for rows in store.blocks(test["input"]):
        x, y, g = (_flat(test[name][rows]) for name in ("input", "transported", "gradient"))
        stored_x, stored_y = test["input_potential"][rows], test["target_potential"][rows]
        ux, uy = funnel.value(x), funnel.value(y)
        length = _distance(x, y)
        scale = np.maximum(1.0, length)
        rays = ray_map.trace(y)
        again = ray_map.move(y, manifest.dtype)
        worst.take("ray_residual", np.abs(uy - ux - length) / scale)
        worst.take("ray_end", (rays.distance - rays.length) / rays.length)
        worst.take("map_residual", np.abs(again.input - x).max(axis=1) / scale)
        worst.take("gradient_norm", np.abs(np.linalg.norm(g, axis=1) - 1))
        worst.take("gradient_direction", np.linalg.norm(g * length[:, None] - (x - y), axis=1) / scale)
        worst.take("input_potential", np.abs(stored_x + ux) / np.maximum(1.0, np.abs(ux)))
        target_value = funnel.value(_flat(test["target"][rows]))
        worst.take("target_potential", np.abs(stored_y + target_value) / np.maximum(1.0, np.abs(target_value)))
    rounding = rounding_of(manifest)
    # Each of D coordinates is rounded on its own, so that their difference as a vector is sqrt(D) times as large.
    vector_rounding = 4 * float(np.finfo(manifest.dtype).eps) * sqrt(manifest.dim) * manifest.half_width
    limits = {
        "ray_residual": (
            rounding,
            "largest |u(y) - u(x) - ||y - x||| / max(1, ||y - x||), u evaluated afresh",
        ),
        "ray_end": (1e-12, "largest relative distance by which a target lies beyond the end of its ray"),
        "map_residual": (
            rounding,
            "largest difference of a coordinate between an input and its partner's image",
        ),
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


def _containment(manifest: Manifest, files: Files) -> Figure:
    """That every point lies in the domain."""
    worst, domain = _Largest(), _domain(manifest)
    for points in (rows for tables in files.values() for name, rows in tables.items() if name in _POINTS):
        for rows in store.blocks(points):
            worst.take("containment", domain.excess(_flat(points[rows])) / manifest.half_width)
    return Figure(
        name="containment",
        value=worst.values["containment"],
        limit=rounding_of(manifest),
        meaning="furthest point outside the domain, in half widths (negative: inside)",
    )


def _lipschitz(manifest: Manifest, funnel: MinFunnel, test: Mapping[str, Rows]) -> Figure:
    """The steepest slope of u over stored points, centres, rays and steps along and against the gradient.

    Pairs nearer than a tenth of the half width are left out: there the rounding of u itself exceeds 1e-12 of the distance.
    """
    x, y, g = (_flat(test[name][:_LIPSCHITZ_POINTS]) for name in ("input", "transported", "gradient"))
    other = _flat(test["target"][: len(x)])
    center = funnel.center[np.arange(len(x)) % funnel.count]
    step = manifest.half_width * g
    steepest = 0.0
    for a, b in (
        (x, other),
        (x, y),
        (x, center),
        (y, center),
        (other, y[::-1]),
        (y, y + step),
        (x, x - step),
    ):
        distance = np.linalg.norm(a - b, axis=1)
        far = distance >= manifest.half_width / 10
        slope = np.abs(funnel.value(a) - funnel.value(b))[far] / distance[far]
        steepest = max(steepest, slope.max(initial=0.0))
    return Figure(
        name="lipschitz", value=steepest - 1, limit=1e-12, meaning="steepest |u(a) - u(b)| / ||a - b|| less 1"
    )


def _costs(manifest: Manifest, ray_map: RayMap, files: Files) -> Iterator[Figure]:
    """W1 held against the stored partners, the dual value, fresh rays, and in two dimensions a quadrature."""
    test, train, potential = files["test"], files["train"], ray_map.funnel.value
    recorded = Cost(*manifest.known_w1)
    displacement = _blockwise(_distance, test["input"], test["transported"])
    dual = test["input_potential"][:] + _blockwise(potential, test["transported"])
    yield Figure(
        name="primal_dual",
        value=float(abs(displacement.mean() - dual.mean())) / max(1.0, recorded.value),
        limit=rounding_of(manifest),
        meaning="|mean ||y - x|| - mean (f*(x) - f*(y))| over the stored partners",
    )
    partners = _cost(displacement)
    yield _agreement("w1_primal", recorded, partners, "stored partners")
    inputs, targets = (_cost(-_blockwise(potential, train[name])) for name in ("input", "target"))
    independent = Cost(inputs.value - targets.value, hypot(inputs.stderr, targets.stderr), inputs.rays)
    yield _agreement("w1_dual", recorded, independent, "dual value of the training draws")
    yield _unpaired(train, potential, manifest.dim)
    source = _uniform_source(manifest)
    if source is None:
        yield _stderr(recorded, partners)
        return
    pair = Pair(manifest.full_recipe(), source, ray_map)
    tiles = range(-(-min(recorded.rays, _FRESH_RAYS) // pair.rows))
    fresh = pooled_cost(np.stack([tile_moments(pair.cost_terms("verify", tile)) for tile in tiles]))
    yield _agreement("w1_fresh", recorded, fresh, "fresh rays")
    yield _stderr(recorded, fresh)
    if recorded.rays <= _MOST_REPLAYED:
        yield _replayed(manifest, pair, recorded)
    yield _beta_law(manifest, ray_map, test)
    if manifest.dim == 2:
        yield _quadrature(manifest, pair, recorded)


def _agreement(name: str, recorded: Cost, found: Cost, what: str) -> Figure:
    """The recorded W1 against another estimate, in standard errors of both."""
    error = hypot(recorded.stderr, found.stderr) + 1e-9 * max(1.0, recorded.value)
    return Figure(
        name=name, value=abs(found.value - recorded.value) / error, limit=_SIGMAS,
        meaning=f"|W1 - {found.value:.8g} ({what}, +-{found.stderr:.2g})| in standard errors",
    )  # fmt: skip


def _replayed(manifest: Manifest, pair: Pair, recorded: Cost) -> Figure:
    """W1 and its standard error from the very rays that they were averaged over: streams are functions of the recipe."""
    tiles = [
        (f"{role}.input", tile)
        for role in ("train", "test", "probe")
        for tile in range(-(-manifest.rows(role) // pair.rows))
    ]
    tiles += [("cost", tile) for tile in range(recorded.rays // pair.rows - len(tiles))]
    found = pooled_cost(np.stack([tile_moments(pair.cost_terms(purpose, tile)) for purpose, tile in tiles]))
    difference = max(abs(found.value - recorded.value), abs(found.stderr - recorded.stderr)) / max(
        recorded.value, 1e-12
    )
    return Figure(
        name="w1_replayed",
        value=difference if found.rays == recorded.rays else 1.0,
        limit=1e-9,
        meaning=f"relative difference of W1 and its standard error from {found.value:.12g}, of the same {found.rays} rays",
    )


def _stderr(recorded: Cost, found: Cost) -> Figure:
    """The recorded standard error against that of as many rays with the spread of the rays at hand."""
    expected = found.stderr * sqrt(found.rays / recorded.rays)
    return Figure(
        name="w1_stderr",
        value=abs(recorded.stderr - expected) / max(expected, 1e-9 * max(1.0, recorded.value)),
        limit=0.5,
        meaning=f"relative difference of W1's standard error from {expected:.3g}",
    )


def _unpaired(train: Mapping[str, Rows], potential: Callable[[F64], F64], dim: int) -> Figure:
    """How many rows of train.h5 lie on one ray: all of paired draws, hardly any of independent ones (in one dimension many)."""

    def slope(x: F64, y: F64) -> F64:
        return (potential(y) - potential(x)) / np.maximum(_distance(x, y), 1e-300)

    steep = _blockwise(slope, train["input"], train["target"]) > 1 - 1e-6
    return Figure(
        name="train_unpaired",
        value=float(steep.mean()),
        limit=0.1 if dim > 1 else 1.0,
        meaning="share of rows of train.h5 whose input and target lie on one ray",
    )


def _beta_law(manifest: Manifest, ray_map: RayMap, test: Mapping[str, Rows]) -> Figure:
    """Kolmogorov-Smirnov: t = s/S of the stored partners against Beta(D, 1), whose distribution function is t^D."""

    def fraction(y: F64) -> F64:
        rays = ray_map.trace(y)
        return rays.distance / rays.length

    cdf = np.sort(_blockwise(fraction, test["transported"])) ** manifest.dim
    n = len(cdf)
    gap = max((np.arange(1, n + 1) / n - cdf).max(), (cdf - np.arange(n) / n).max())
    return Figure(
        name="beta_law", value=float(gap * sqrt(n)), limit=_KOLMOGOROV,
        meaning="sqrt(n) times the Kolmogorov-Smirnov distance of s/S from Beta(D, 1)",
    )  # fmt: skip


def _quadrature(manifest: Manifest, pair: Pair, recorded: Cost) -> Figure:
    """W1 by the midpoint rule in two dimensions."""
    axis = manifest.half_width * ((2 * np.arange(_QUADRATURE_SIDE) + 1) / _QUADRATURE_SIDE - 1)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    if isinstance(pair.map.domain, Ball):
        grid = grid[np.linalg.norm(grid, axis=1) <= manifest.half_width]
    rays = pair.map.trace(grid)
    value = pair.cost_of(rays).mean()
    return Figure(
        name="w1_quadrature", value=float(abs(value - recorded.value) / max(recorded.value, 1e-12)), limit=1e-3 + _SIGMAS * recorded.stderr / max(recorded.value, 1e-12),
        meaning=f"relative difference of W1 from {value:.8g}, by the midpoint rule on {len(grid)} cells",
    )  # fmt: skip


def _weak_duality(test: Mapping[str, Rows]) -> Figure:
    """Exact discrete optimal transport between n inputs and n independent targets is never below their dual value."""
    n = _ASSIGNMENT_POINTS
    distance = cdist(_flat(test["input"][:n]), _flat(test["target"][:n]))
    primal = distance[linear_sum_assignment(distance)].mean()
    dual = test["input_potential"][:n].mean() - test["target_potential"][:n].mean()
    return Figure(
        name="weak_duality", value=float(dual - primal), limit=1e-6 * max(1.0, float(primal)),
        meaning=f"dual value less the exact transport cost {primal:.6g} of {len(distance)} inputs and targets",
    )  # fmt: skip


def _uniform_source(manifest: Manifest) -> Source | None:
    """The pair's source, where it can be made without outside files."""
    match manifest.law().source.kind:
        case "uniform":
            return UniformCube(manifest.dim, manifest.half_width)
        case "ball":
            return UniformBall(manifest.dim, manifest.half_width)
        case "images" | "generator":
            return None


def _domain(manifest: Manifest) -> Domain:
    return Ball(manifest.half_width) if manifest.is_ball() else Cube(manifest.half_width)


def _blockwise(compute: Callable[..., F64], *tables: Rows) -> F64:
    """`compute` over the flat rows of `tables`, block by block: (n,)."""
    parts = [compute(*(_flat(table[rows]) for table in tables)) for rows in store.blocks(tables[0])]
    return np.concatenate(parts)


def _distance(x: F64, y: F64) -> F64:
    return np.linalg.norm(y - x, axis=1)


def rounding_of(manifest: Manifest) -> float:
    """What rounding may leave of a figure that is 0 exactly: that of the computation, or of the stored points."""
    return 1e-12 if manifest.dtype == "float64" else 1e-6


def _cost(terms: F64) -> Cost:
    return Cost(float(terms.mean()), float(terms.std() / sqrt(len(terms))), len(terms))


def _flat(points: Any) -> F64:
    return np.asarray(points, np.float64).reshape(len(points), -1)
