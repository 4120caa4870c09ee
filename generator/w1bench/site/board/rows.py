"""A row of a board as pages show it, whether it comes from a ledger, from a service's answers or from files of results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from w1bench.client.metadata import points_of
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.scoring.scorecard import Interval

TRIVIAL = ("radial", "shift")  # the methods that skill is counted from
_TWO_SIDED = 1.959964  # standard errors in half of a 95 % interval


@dataclass(frozen=True)
class Row:
    """A method of a user on a pair: the newest submission, with the mean over its seeds.

    `metadata` is what it says of itself (`w1bench.client.metadata`), `published` the paper's figures of the same method on the same law.
    """

    pair: str
    method: str
    user: str
    id: str
    family: str
    dim: int
    rank: int | None
    metrics: Mapping[str, Interval | None]
    submitted_at: str = ""
    tied: bool = False
    reference: bool = False
    tries: int = 1
    seeds: int = 1
    truth: bool = False
    control: bool = False
    track: str = "open"
    sealed: bool = False  # until its pair is revealed
    w1: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    published: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def curve(self) -> list[tuple[int, float]]:
        """The steps and cosines on its way, where it told them; a training has two or more."""
        return points_of(self.metadata.get("curve"))

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.user

    def value(self, metric: str) -> float | None:
        interval = self.metrics.get(metric)
        return None if interval is None else interval.value

    def error(self, metric: str) -> float:
        """The standard error of a metric by its interval; 0 where it has none."""
        interval = self.metrics.get(metric)
        if interval is None or interval.low is None or interval.high is None:
            return 0.0
        return (interval.high - interval.low) / (2 * _TWO_SIDED)


def with_skill(metrics: Mapping[str, Interval | None], trivial: Mapping[str, float]) -> Mapping[str, Interval | None]:
    """The metrics with the skill that their cosine is, where scores of before have none; `trivial` are the cosines of the pair's trivial critics."""
    cos, best = metrics.get("cos"), max(0.0, *trivial.values()) if trivial else 1.0
    if metrics.get("skill") is not None or cos is None or best >= CONTROL:
        return metrics
    low, high = (None if end is None else (end - best) / (1 - best) for end in (cos.low, cos.high))
    return {**metrics, "skill": Interval(value=(cos.value - best) / (1 - best), low=low, high=high)}


@dataclass(frozen=True)
class Retracted:
    """A submission that no longer ranks, and why."""

    pair: str
    method: str
    user: str
    id: str
    at: str
    by: str
    reason: str


def are_apart(a: float, b: float, *errors: float) -> bool:
    """Whether two values differ by more than noise of these standard errors explains in 95 of 100 cases."""
    return abs(a - b) > _TWO_SIDED * sqrt(sum(error * error for error in errors))
