"""The scorecard of a critic on a pair: its metrics with bootstrap intervals, and a diagnosis of why they are low."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from w1bench import notebook

RESAMPLES = 1000
LEVEL = 0.95
_FIRST = ("cos", "skill", "l2", "dev")  # of the figures, in a line


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(_Part):
    """A metric's value and its percentile bootstrap interval over the test points; a rounded value has none."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        bounds = "" if self.low is None or self.high is None else f" [{self.low:.4g}, {self.high:.4g}]"
        return f"{self.value:.4g}{bounds}"


class Diagnosis(_Part):
    """Direction or size? `l2 = l2_direction + l2_magnitude`; `best_scale_l2` is the l2 of the best multiple of g.

    f has a slope of `slope_at_least` somewhere, whatever the rounding of its values was. `radial` is the mean cosine of g with the way to the targets' mean,
    `true_radial` that of the truth, `beyond_radial` that of g and the truth with these parts taken out; `constant` is the share of g's square that one vector
    has. `cosine_counts` are the numbers of points whose cosine lies in each of 20 equal steps from -1 to 1. Scores of before have none of these five.
    """

    gradient_norm_mean: float
    gradient_norm_std: float
    gradient_norm_quantiles: dict[str, float]
    zero_gradients: int
    l2_direction: float
    l2_magnitude: float
    best_scale: float
    best_scale_l2: float
    slope_at_least: float | None
    radial: float | None = None
    beyond_radial: float | None = None
    constant: float | None = None
    true_radial: float | None = None
    cosine_counts: tuple[int, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_steepest_slope(cls, fields: Any) -> Any:
        """Metric version 1 had another figure of slopes, which was not a bound: rounding alone could make it large."""
        if isinstance(fields, dict) and "steepest_slope" in fields:
            return {"slope_at_least": None} | {
                name: value for name, value in fields.items() if name != "steepest_slope"
            }
        return fields


class Excess(_Part):
    """Of slopes above 1 at the probe points, with e = (|g| - 1)_+ and the way e g / |g|: means, the variances of means, and what they are held against.

    `mean` and `square` are those of e, `balance_variance` that of e (1 + e); `apart` is the difference of the means of P and Q, `half_square` that of
    ||x||^2 / 2, `outward` the mean of <way, z>, `reach` that of e ||z||. A penalty's weight makes congested transport of them.
    """

    raw: float
    raw_variance: float
    mean: float
    square: float
    balance_variance: float
    apart_square: float
    apart_way: float
    way_square: float
    apart_variance: float
    way_variance: float
    half_square: float
    half_square_variance: float
    outward: float
    outward_variance: float
    reach: float


class Scorecard(_Part):
    """What a critic scores on a pair. A metric without data is None, its reason in `missing`.

    `trivial` holds the cosines of the trivial critics there, one of which solves a `control`; `truth` says that the gradient's directions are the stored ones, to rounding;
    `plane` are figures at some of the inputs of a pair in the plane (see `diagnosis.plane`). Before a sealed pair is revealed, W1 and the diagnosis are None too, and the cosine is rounded.
    """

    pair: str
    pair_version: int
    pair_digest: str
    metric_version: int
    points: int
    w1: float | None
    w1_stderr: float | None
    metrics: dict[str, Interval | None]
    missing: dict[str, str]
    diagnosis: Diagnosis | None
    excess: Excess | None = None
    plane: str | None = None
    trivial: dict[str, float] | None = None
    control: bool = False
    truth: bool = False
    sealed: bool = False  # whether the pair was published so
    resamples: int = RESAMPLES
    level: float = LEVEL

    def figures(self) -> str:
        """Its first figures in a line."""
        return ", ".join(f"{name} {self.metrics[name]}" for name in _FIRST if self.metrics.get(name) is not None)

    def as_html(self) -> str:
        """All figures as a table."""
        rows = [(name, "-" if interval is None else str(interval)) for name, interval in self.metrics.items()]
        return notebook.table(self.pair, rows, ("metric", f"value [{self.level:.0%}]"))

    def __str__(self) -> str:
        """The table that the command line prints."""
        from w1bench.scoring import table  # which is made of cards

        return table.text(table.scorecard(self))

    def __repr__(self) -> str:
        return f"<Scorecard on {self.pair}: {self.figures()}>"

    def _repr_html_(self) -> str:
        return self.as_html()
