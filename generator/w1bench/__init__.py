"""Pairs of distributions with a known Wasserstein-1 distance, potential and gradient.

```
pair = w1bench.load("hd-d16-n64-p8")
print(w1bench.evaluate(critic, pair))         # a torch module, a JAX or numpy function
card = w1bench.score(pair, gradient=g)        # or arrays
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from w1bench.client.api import diagnose, load, score
    from w1bench.client.evaluation import Evaluation, evaluate
    from w1bench.client.remote import compare, leaderboard, retract, show, submit, validate, whoami
    from w1bench.client.stored_pair import StoredPair
    from w1bench.errors import W1BenchError
    from w1bench.scoring.scorecard import Scorecard
    from w1bench.trials.comparison.benchmark import benchmark
    from w1bench.trials.comparison.result import Benchmark
    from w1bench.trials.estimators.check import EstimatorCheck, check_estimator

__all__ = [
    "Benchmark", "EstimatorCheck", "Evaluation", "Scorecard", "StoredPair", "W1BenchError", "benchmark", "check_estimator", "compare", "diagnose",
    "evaluate", "leaderboard", "load", "retract", "score", "show", "submit", "validate", "whoami",
]  # fmt: skip
_HOMES = {
    "W1BenchError": "errors", "Scorecard": "scoring.scorecard", "StoredPair": "client.stored_pair",
    "Evaluation": "client.evaluation", "evaluate": "client.evaluation", "load": "client.api", "score": "client.api",
    "Benchmark": "trials.comparison.result", "benchmark": "trials.comparison.benchmark",
    "EstimatorCheck": "trials.estimators.check", "check_estimator": "trials.estimators.check",
    "diagnose": "client.api",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Each name on first use, so that a part runs wherever its own needs are met (a solver: torch and numpy)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("w1bench")
    if name not in __all__:
        raise AttributeError(f"module w1bench has no attribute {name}; it has {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"w1bench.{_HOMES.get(name, 'client.remote')}"), name)


def __dir__() -> list[str]:
    """What the package offers."""
    return [*__all__, "__version__"]
