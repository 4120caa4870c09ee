"""`w1bench.check_estimator`: how far from W1 a number is that is computed from two samples, over their size and dimension."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import fmean, stdev
from typing import Any

import numpy as np
from tqdm import tqdm

from w1bench.errors import InputError
from w1bench.transport.pair import Pair
from w1bench.transport.samplers import Sampler, fresh_inputs, fresh_targets
from w1bench.trials.adapter import imported
from w1bench.trials.estimators.laws import DIMS, make_laws

SIZES = (64, 256, 1024)
_WIDTH, _FIXED = 80, 27
_EXPLAINED = 2.0  # standard errors, within which an error is none that can be seen


@dataclass(frozen=True)
class Estimate:
    """What an estimator says of pairs of samples of `n` points each of a law, one value a repeat, infinite ones and NaN as None."""

    pair: str
    dim: int
    w1: float
    n: int
    values: tuple[float | None, ...]
    seconds: float

    @property
    def mean(self) -> float | None:
        """None where a value is not finite."""
        finite = [value for value in self.values if value is not None]
        return fmean(finite) if len(finite) == len(self.values) else None

    @property
    def spread(self) -> float:
        """The standard deviation of one value; 0 of a single one."""
        finite = [value for value in self.values if value is not None]
        return stdev(finite) if len(finite) > 1 else 0.0

    @property
    def bias(self) -> float:
        """The mean less W1; infinite where a value is not finite."""
        return math.inf if self.mean is None else self.mean - self.w1


@dataclass(frozen=True)
class EstimatorCheck:
    """The estimates of one estimator over laws and sizes, as a table, in words, and as plain values."""

    name: str
    estimates: Sequence[Estimate]

    def table(self) -> str:
        """A line a law, a column a size: mean ± standard deviation."""
        sizes = sorted({estimate.n for estimate in self.estimates})
        wide = max(9, (_WIDTH - _FIXED) // len(sizes) - 1)
        lines = [f"{'pair':<14} {'D':>4} {'W1':>7}" + "".join(f" {f'n = {n:,}':>{wide}}" for n in sizes)]
        for (pair, dim, w1), of_pair in groupby(self.estimates, key=lambda e: (e.pair, e.dim, e.w1)):
            cells = (_figures(estimate) for estimate in sorted(of_pair, key=lambda e: e.n))
            lines.append(f"{pair:<14} {dim:>4} {w1:>7.4g}" + "".join(f" {cell:>{wide}}" for cell in cells))
        return "\n".join(lines)

    def words(self) -> list[str]:
        """A sentence for each dimension, on the law that the estimator is furthest from at the largest size."""
        by_dim = groupby(sorted(self.estimates, key=lambda e: e.dim), key=lambda e: e.dim)
        return [_sentence(list(of_dim)) for _, of_dim in by_dim]

    def document(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        rows = [
            asdict(e)
            | {"values": list(e.values), "mean": e.mean, "spread": e.spread, "bias": None if e.mean is None else e.bias}
            for e in self.estimates
        ]
        return {"estimator": self.name, "words": self.words(), "estimates": rows}

    def __str__(self) -> str:
        return "\n".join([f"{self.name}: mean ± standard deviation", self.table(), "", *self.words()])

    def __repr__(self) -> str:
        return f"<EstimatorCheck of {self.name}; print it for its table>"


def check_estimator(
    estimator: Callable[..., Any] | str, *, dims: Sequence[int] = DIMS, sizes: Sequence[int] = SIZES, repeats: int = 3,
    seed: int = 0, framework: str = "numpy", progress: bool = True,
) -> EstimatorCheck:  # fmt: skip
    """Hold a function of two samples, x ~ P and y ~ Q of (n, D) each, that returns one number, against W1 in small, middle and high dimension.

    The function, or its place (`package.module:function`, `path/to/file.py:function`), is handed float32 numpy arrays, or with
    `framework="torch"` tensors, of fresh and independent draws; `repeats` times for each law and size.

    Raises:
        InputError: it cannot be imported, or does not return one number; or there is nothing to ask it.
    """
    if not dims or not sizes or min(sizes) < 1 or repeats < 1:
        raise InputError("There is nothing to ask; give dimensions, sizes of at least 1, and at least one repeat.")
    if framework not in ("numpy", "torch"):
        raise InputError(f"The framework came as {framework!r}; give numpy or torch.")
    function = imported(estimator) if isinstance(estimator, str) else estimator
    name = estimator.rpartition(":")[2] if isinstance(estimator, str) else getattr(estimator, "__name__", "estimator")
    laws = make_laws(tuple(dict.fromkeys(dims)), seed=seed)
    cells = [(law, n) for law in laws for n in sorted(set(sizes))]
    with tqdm(cells, unit="estimate", leave=False, disable=None if progress else True) as bar:
        return EstimatorCheck(name, [_estimate(name, function, law, n, repeats, seed, framework) for law, n in bar])


def _estimate(
    name: str, function: Callable[..., Any], law: Pair, n: int, repeats: int, seed: int, framework: str
) -> Estimate:
    w1 = law.exact_w1()
    assert w1 is not None, "the laws have W1 in closed form"
    samplers = (fresh_inputs(law, n, seed=seed), fresh_targets(law, n, seed=seed))
    started = time.monotonic()
    values = tuple(_number(name, function(*_samples(samplers, k, framework))) for k in range(repeats))
    return Estimate(law.recipe.name, law.dim, w1, n, values, time.monotonic() - started)


def _samples(samplers: Iterable[Sampler], k: int, framework: str) -> list[Any]:
    drawn = [sampler(k) for sampler in samplers]
    return [sample.numpy() for sample in drawn] if framework == "numpy" else drawn


def _number(name: str, answer: Any) -> float | None:
    """The value of a number, an array or a tensor of one; None if it is not finite."""
    array = np.asarray(answer.detach().cpu() if hasattr(answer, "detach") else answer)
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise InputError(
            f"{name} returned a {type(answer).__name__} of shape {array.shape}; it must return one number of two samples."
        )
    value = float(array.reshape(()))
    return value if math.isfinite(value) else None


def _figures(estimate: Estimate) -> str:
    return "not finite" if estimate.mean is None else f"{estimate.mean:.4g}±{estimate.spread:.1g}"


def _sentence(of_dim: Sequence[Estimate]) -> str:
    sizes = sorted({estimate.n for estimate in of_dim})
    worst = max((e for e in of_dim if e.n == sizes[-1]), key=lambda e: abs(e.bias) / e.w1)
    where = f"At D = {worst.dim} and n = {worst.n:,}"
    if worst.mean is None:
        return f"{where} it is not finite ({worst.pair})."
    said = f"{where} it says {worst.mean:.3g} where W1 is {worst.w1:.3g} ({worst.pair})"
    if abs(worst.bias) <= _EXPLAINED * worst.spread / math.sqrt(len(worst.values)):
        return f"{said}, which its spread explains."
    first = next(e for e in of_dim if e.pair == worst.pair and e.n == sizes[0])
    if len(sizes) == 1 or first.mean is None:
        return f"{said}."
    return f"{said}; its error there is {worst.bias:+.2g}, of {first.n:,} points {first.bias:+.2g}."
