"""Penalties: a step of each method that penalises slopes, with the ReLU that it has and with torch's."""

from __future__ import annotations

import importlib
from unittest.mock import patch

import torch
from report import parse, publish, table
from threadpoolctl import threadpool_limits
from timing import Work, medians, once
from torch import nn

from w1bench.builder.engines.engine import keep_freed_memory
from w1bench.solvers import SOLVERS
from w1bench.solvers.protocol import Learner

_METHODS = ("gp", "lp", "lp-alm", "ttc")
_DIMS = (2, 16, 128)
_EXPLANATION = """\
Median milliseconds of a step over {rounds} rounds in turn, on one thread, published networks, batches of 1024 normal points. The reference is the same
method with `torch.nn.ReLU`, through which zeros are passed back once more where the penalty differentiates slopes (`solvers/networks/relu.py`)."""


def main() -> None:
    run = parse("penalties", __doc__)
    rounds, least = (3, 0.05) if run.quick else (15, 0.2)
    keep_freed_memory()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        rows = [_row(name, dim, rounds, least) for dim in _DIMS for name in _METHODS]
    sections = [_EXPLANATION.format(rounds=rounds), table(("method, D", "torch's ReLU", "ours", "ratio"), rows)]
    publish(run, "Penalties", sections, packages=("w1bench", "torch"))


def _row(name: str, dim: int, rounds: int, least: float) -> tuple[str, ...]:
    with patch.object(importlib.import_module(type(SOLVERS[name]).__module__), "ConstantSlopes", nn.ReLU):
        theirs = _learner(name, dim)
    found = medians(
        {"theirs": _steps(theirs, dim), "ours": _steps(_learner(name, dim), dim)}, rounds=rounds, least_seconds=least
    )
    reference, ours = found["theirs"], found["ours"]
    return (f"{SOLVERS[name].tag}, {dim}", f"{1e3 * reference:.2f}", f"{1e3 * ours:.2f}", f"{ours / reference:.2f}")


def _learner(name: str, dim: int) -> Learner:
    torch.manual_seed(0)
    return SOLVERS[name].learner((dim,), SOLVERS[name].settings((dim,)))


def _steps(learner: Learner, dim: int) -> Work:
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(1024, dim, generator=rng), torch.randn(1024, dim, generator=rng) / 2
    return once(lambda: learner.update(x, y, rng))


if __name__ == "__main__":
    main()
