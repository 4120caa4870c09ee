"""Critics of a stored pair that are made wrong on purpose, each in one way, with what a method would declare of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from support.potentials import potential_of
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.batch import exact_plan
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.patches import cut, joined
from w1bench.solvers.methods.dot import costs, duals

F64 = NDArray[np.float64]
Field = Callable[[F64], tuple[F64, F64]]  # points (n, D) -> values (n,), gradients (n, D)
_STEP = 1e-5
_NOISE = 0.8
_PATCHES = 200  # of some thousands, so that they are not learned by heart


@dataclass(frozen=True)
class WrongCritics:
    """The critics of one pair; `patch` is the side of the patches that a convolutional one is said to see."""

    pair: StoredPair
    patch: int

    def make(self, cause: str) -> tuple[dict[str, F64], Facts]:
        """The arrays and the facts of the critic that is wrong by `cause`."""
        kind, _, number = cause.partition(" ")
        weight, batch, native, receptive = 10.0, 64, None, self.patch
        noise: Callable[[F64], F64] = np.zeros_like
        match kind:
            case "truth":
                field = self.truth
            case "sign":
                field = multiple(self.truth, -1)
            case "size":
                field = multiple(self.truth, 2)
            case "radial":
                field = cone(self.y.mean(0))
            case "constant":
                field = plane(self.x.mean(0) - self.y.mean(0))
            case "congested":
                weight = float(number)
                field = self.congested(2 * weight)
            case "minibatch":
                batch = int(number)
                field, native = self.c_transform(batch)
            case "memorised":
                field, native = self.c_transform(len(self.x))
            case "patches":
                field = self.of_patches()
            case "rough":
                field = self.rough()
            case "noise":
                field = self.truth
                rng = np.random.default_rng(3)

                def noise(g: F64) -> F64:
                    return rng.standard_normal(g.shape) * _NOISE / np.sqrt(g.shape[1])
            case _:
                raise AssertionError(cause)
        own = float(field(self.x)[0].mean() - field(self.y)[0].mean())
        (fx, g), (fy, _), (_, at_probe) = (field(rows) for rows in (self.test_x, self.test_y, self.z))
        arrays = {
            "gradient": (g + noise(g)).reshape(self.pair.test.input.shape), "input_potential": fx, "target_potential": fy,
            "probe_gradient": (at_probe + noise(at_probe)).reshape(self.pair.probe.interpolate.shape),
        }  # fmt: skip
        facts = Facts(
            penalty_weight=weight, batch=batch, receptive_field=receptive, own_value=own, native_value=own if native is None else native
        )  # fmt: skip
        return arrays, facts

    @cached_property
    def x(self) -> F64:
        return flat(self.pair.train.input[:])

    @cached_property
    def y(self) -> F64:
        return flat(self.pair.train.target[:])

    @cached_property
    def test_x(self) -> F64:
        return flat(self.pair.test.input[:])

    @cached_property
    def test_y(self) -> F64:
        return flat(self.pair.test.target[:])

    @cached_property
    def z(self) -> F64:
        return flat(self.pair.probe.interpolate[:])

    @cached_property
    def u(self) -> Callable[[F64], F64]:
        files = [part for part in ("funnel", "potential") if part in self.pair.manifest.contents]
        truth = {name: values for part in files for name, values in getattr(self.pair, part).arrays().items()}
        return potential_of(self.pair.manifest.full_recipe(), self.pair.shape, truth)

    @cached_property
    def _known(self) -> dict[int, tuple[F64, F64]]:
        return {}

    def truth(self, points: F64) -> tuple[F64, F64]:
        """-u, and its gradient: at test inputs the stored one, at probe points by central differences; elsewhere nobody asks."""
        if id(points) not in self._known:
            if points is self.test_x:
                gradient = flat(self.pair.test.gradient[:])
            elif points is self.z:
                steps = np.eye(points.shape[1]) * _STEP
                gradient = np.stack(
                    [(self.u(points - step) - self.u(points + step)) / (2 * _STEP) for step in steps], axis=1
                )
            else:
                gradient = np.full_like(points, np.nan)
            self._known[id(points)] = -self.u(points), gradient
        return self._known[id(points)]

    def congested(self, lam: float) -> Field:
        """-phi(u) with phi' = 1 + M / (lam s): what the penalty makes of u among its functions, M the flux through its levels, s the density of u(z)."""
        rng = np.random.default_rng(0)
        ux, uy = self.u(self.x), self.u(self.y)
        t = rng.random((8 * len(self.x), 1))
        left, right = (rng.integers(len(rows), size=len(t)) for rows in (self.x, self.y))
        uz = self.u((1 - t) * self.x[left] + t * self.y[right])
        edges = np.quantile(np.concatenate([ux, uy, uz]), np.linspace(0, 1, 41))
        middle, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        flux = np.maximum([(ux <= r).mean() - (uy <= r).mean() for r in middle], 0)
        share = np.histogram(uz, edges)[0] / len(uz)
        excess = np.where(share > 0.002, flux * width / (lam * np.maximum(share, 0.002)), 0)
        heights = np.concatenate([[0], np.cumsum(excess * width)])

        def field(points: F64) -> tuple[F64, F64]:
            value, gradient = self.truth(points)
            level = np.clip(-value, edges[0], edges[-1])
            cell = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, len(excess) - 1)
            return value - np.interp(level, edges, heights), (1 + excess[cell])[:, None] * gradient

        return field

    def c_transform(self, count: int) -> tuple[Field, float]:
        """f(x) = min_j (||x - y_j|| - g_j) with the exact duals g of a batch, and the batch's exact cost."""
        cost, order = exact_plan(self.x[:count], self.y[:count])
        return lower_cones(self.y[:count], _duals(self.x[:count], self.y[:count], order)), cost

    def of_patches(self) -> Field:
        """The mean over places of a function of the patch: the potential of exact transport between some of the pooled patches."""
        shape, size = self.pair.shape, self.patch
        cuts = [cut(rows.reshape(-1, *shape), size, size) for rows in (self.x, self.y)]
        count = cuts[0].shape[1]
        rng = np.random.default_rng(4)
        a, b = (rng.permutation(parts.reshape(-1, parts.shape[2]))[:_PATCHES] for parts in cuts)
        of_patch = lower_cones(b, _duals(a, b, exact_plan(a, b)[1]))

        def field(points: F64) -> tuple[F64, F64]:
            parts = cut(points.reshape(-1, *shape), size, size)
            value, gradient = of_patch(parts.reshape(-1, parts.shape[2]))
            return value.reshape(-1, count).mean(axis=1), flat(
                joined(gradient.reshape(parts.shape) / count, shape, size)
            )

        return field

    def rough(self) -> Field:
        """-u and a wave of short length."""
        direction = np.random.default_rng(5).standard_normal(self.x.shape[1])
        height = 0.4 * float(np.linalg.norm(self.x - self.x.mean(0), axis=1).mean())
        k = direction / np.linalg.norm(direction) * 4 / height

        def field(points: F64) -> tuple[F64, F64]:
            value, gradient = self.truth(points)
            return value + height * np.sin(points @ k), gradient + height * np.cos(points @ k)[:, None] * k

        return field


def multiple(field: Field, factor: float) -> Field:
    def scaled(points: F64) -> tuple[F64, F64]:
        value, gradient = field(points)
        return factor * value, factor * gradient

    return scaled


def cone(centre: F64) -> Field:
    def field(points: F64) -> tuple[F64, F64]:
        length = np.linalg.norm(points - centre, axis=1)
        return -length, (centre - points) / np.maximum(length, 1e-300)[:, None]

    return field


def plane(normal: F64) -> Field:
    unit = normal / np.linalg.norm(normal)
    return lambda points: (points @ unit, np.tile(unit, (len(points), 1)))


def lower_cones(centres: F64, heights: F64) -> Field:
    """min_j (||x - c_j|| - g_j)."""

    def field(points: F64) -> tuple[F64, F64]:
        values, gradients = np.empty(len(points)), np.empty_like(points)
        for start in range(0, len(points), 1024):
            rows = points[start : start + 1024]
            distance = np.sqrt(np.maximum(
                np.square(rows).sum(1)[:, None] - 2 * rows @ centres.T + np.square(centres).sum(1), 0)) - heights  # fmt: skip
            nearest = distance.argmin(axis=1)
            way = rows - centres[nearest]
            length = np.linalg.norm(way, axis=1)
            values[start : start + 1024] = length - heights[nearest]
            gradients[start : start + 1024] = way / np.maximum(length, 1e-300)[:, None]
        return values, gradients

    return field


def flat(points: NDArray[np.floating]) -> F64:
    return np.asarray(points, np.float64).reshape(len(points), -1)


def _duals(x: F64, y: F64, order: NDArray[np.intp]) -> F64:
    return duals(costs(torch.tensor(x), torch.tensor(y)), torch.tensor(order)).numpy()
