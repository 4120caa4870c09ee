"""How often the intervals of scorecards hold what they are intervals of: of single critics over test points, of rows over seeds and test points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from report import parse, publish, table

from w1bench.recipes.recipe import parse_recipe
from w1bench.scoring.baseline.baseline import make_baseline
from w1bench.scoring.baseline.groups import make_groups
from w1bench.scoring.cache import Cache
from w1bench.scoring.intervals import bootstrap
from w1bench.scoring.intervals.seeds import Sample, combined
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.score import measure, points_of
from w1bench.scoring.scorecard import Interval
from w1bench.transport.from_recipe import make_pair

F64 = NDArray[np.float64]

_DRAWS, _POINTS, _SEEDS, _WAVES = 2000, 2000, 3, 32
_PAIRS = {"(2, 4)": (2, 4), "(16, 64)": (16, 64)}
_CRITICS = {"halfway": 0.5}  # how far from the truth, in gradients
_OF_SEEDS = 0.3  # what differs between seeds, of how far a critic is from the truth
_EXPLANATION = """\
Share of {draws} draws of {points} test points in which a metric's 95 % interval holds its mean over all draws, in per cent; where the intervals are right, the share
itself varies by 1.0 (two standard errors). Critics are f* and a sum of {waves} random waves whose gradient has the length given, on average; potentials of funnel pairs of
power 8. In the second table a critic's waves differ from seed to seed by {seeds:.0%} of them, three seeds are drawn anew with each draw of test points, and
the interval is a row's, over seeds and test points together. Pooled cosines are those expected at {points} test points in groups about the same inputs, as a pair's are; `dev` is the size
of what `w1_estimate` is off on average."""


@dataclass(frozen=True)
class Waves:
    """f(x) = sum_k a_k cos(<w_k, x> + b_k)."""

    amplitude: F64
    wave: F64
    phase: F64

    def value(self, x: F64) -> F64:
        return np.cos(x @ self.wave.T + self.phase) @ self.amplitude

    def gradient(self, x: F64) -> F64:
        return -(np.sin(x @ self.wave.T + self.phase) * self.amplitude) @ self.wave


def waves(rng: np.random.Generator, dim: int, length: float) -> Waves:
    """Random ones whose gradient is of this length, on average."""
    wave = rng.standard_normal((_WAVES, dim))
    amplitude = rng.standard_normal(_WAVES)
    amplitude *= length / np.sqrt(0.5 * (np.square(amplitude) * np.square(wave).sum(1)).sum())
    return Waves(amplitude, wave, rng.uniform(0, 2 * np.pi, _WAVES))


def main() -> None:
    run = parse("coverage", __doc__)
    bootstrap._OF_PAIRS = Cache(0)  # pyright: ignore[reportPrivateUsage] - every draw is a pair of its own, on the same resamples
    draws = 100 if run.quick else _DRAWS
    tables: list[list[tuple[object, ...]]] = [[], []]
    for name, (dim, funnels) in _PAIRS.items():
        for critic, length in _CRITICS.items():
            for rows, found in zip(tables, coverage(dim, funnels, length, draws), strict=True):
                rows.append((f"{name}, {critic}", *(f"{100 * found[metric]:.1f}" for metric in METRICS)))
    header = ("critic", *METRICS)
    explanation = _EXPLANATION.format(draws=draws, points=_POINTS, waves=_WAVES, seeds=_OF_SEEDS)
    sections = [explanation, table(header, tables[0]), f"Rows of {_SEEDS} seeds:", table(header, tables[1])]
    publish(run, "Coverage", sections, packages=("w1bench", "numpy"))


def coverage(dim: int, funnels: int, length: float, draws: int) -> tuple[dict[str, float], dict[str, float]]:
    """The share of draws in which each metric's interval holds its mean over them: of one critic, and of three seeds."""
    rng = np.random.default_rng([dim, funnels, round(1000 * length)])
    fixed = waves(rng, dim, length)
    singles: dict[str, list[tuple[float, Interval]]] = {name: [] for name in METRICS}
    rows: dict[str, list[tuple[float, Interval]]] = {name: [] for name in METRICS}
    w1, tests = test_points(dim, funnels, draws)
    centers = next(tests)["input"]
    for test in tests:
        groups = make_groups(test["input"], test["gradient"], centers)
        baseline = replace(make_baseline(test, w1), groups=groups)

        def scored(
            parts: list[Waves], test: dict[str, F64] = test, baseline: object = baseline
        ) -> dict[str, tuple[float, Interval, F64]]:
            critic = {
                "gradient": test["gradient"] + sum(part.gradient(test["input"]) for part in parts),
                "input_potential": test["input_potential"] + sum(part.value(test["input"]) for part in parts),
                "target_potential": test["target_potential"] + sum(part.value(test["target"]) for part in parts),
            }
            points = points_of(w1, test, critic, baseline)
            found = measure(points, critic, w1=w1, baseline=baseline, seed="coverage")
            resampled = iter(np.frombuffer(found.resampled).reshape(-1, 1000))
            signed = METRICS["w1_estimate"].compute(points.means(), w1)
            return {
                name: (float(signed) if name == "dev" else interval.value, interval, next(resampled))
                for name, interval in found.metrics.items()
                if interval is not None
            }

        for name, (value, interval, _) in scored([fixed]).items():
            singles[name].append((value, interval))
        seeds = [scored([fixed, waves(rng, dim, _OF_SEEDS * length)]) for _ in range(_SEEDS)]
        for name in seeds[0]:
            sample = Sample([of_it[name][1] for of_it in seeds], [of_it[name][2] for of_it in seeds])
            rows[name].append(
                (float(np.mean([of_it[name][0] for of_it in seeds])), combined(sample, bounds=METRICS[name].bounds))
            )
    return _shares(singles, w1), _shares(rows, w1)


def _shares(found: dict[str, list[tuple[float, Interval]]], w1: float) -> dict[str, float]:
    shares: dict[str, float] = {}
    for name, of_draws in found.items():
        mean = float(np.mean([value for value, _ in of_draws]))
        meant = 100 * abs(mean - w1) / w1 if name == "dev" else mean
        shares[name] = float(
            np.mean([i.low is not None and i.high is not None and i.low <= meant <= i.high for _, i in of_draws])
        )
    return shares


def test_points(dim: int, funnels: int, draws: int) -> tuple[float, Iterator[dict[str, F64]]]:
    """W1 of a funnel pair, and the data sets of its tests, drawn as often."""
    recipe = parse_recipe(
        {"name": "covered", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": dim}, "funnel": {"count": funnels}},
        origin="the benchmark",
    )  # fmt: skip
    pair = make_pair(recipe)
    w1 = float(np.mean([pair.cost_terms("w1", tile).mean() for tile in range(1 << 5)]))

    def drawn() -> Iterator[dict[str, F64]]:
        inputs, others = _rows(pair, "test.input"), _rows(pair, "test.target")
        for _ in range(draws + 1):
            y = next(inputs)
            x, gradient = np.empty((2, *y.shape))
            potential = np.empty(len(y))
            pair.map.move(y, moved=x, gradient=gradient, potential=potential)
            target = next(others)
            yield {
                "input": x, "gradient": gradient, "transported": y, "input_potential": potential, "target": target,
                "target_potential": -pair.map.potential.value(target),
            }  # fmt: skip

    return w1, drawn()


def _rows(pair: object, purpose: str) -> Iterator[F64]:
    """Endless batches of test points of Q."""
    tile, kept = 0, np.empty((0, pair.dim))
    while True:
        while len(kept) < _POINTS:
            kept = np.concatenate([kept, np.asarray(pair.targets(purpose, tile), np.float64)])
            tile += 1
        yield kept[:_POINTS]
        kept = kept[_POINTS:]


if __name__ == "__main__":
    main()
