"""Direction or size? What a score loses by the direction of gradients and by their lengths."""

import numpy as np

from w1bench.scoring.diagnosis.shape import Shape
from w1bench.scoring.scorecard import Diagnosis
from w1bench.scoring.statistics import Points

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_STEPS = 20  # of cosines from -1 to 1


def diagnose(points: Points, slope: float | None, shape: Shape) -> Diagnosis:
    """The diagnosis of gradients of these lengths and cosines, with the other parts of it."""
    r, cosine = points.length, points.inputs["cosine"]
    projection, square = float((r * cosine).mean()), float(np.square(r).mean())
    scale = projection / square if square > 0 else 0.0
    return Diagnosis(
        gradient_norm_mean=float(r.mean()), gradient_norm_std=float(r.std()),
        gradient_norm_quantiles={f"{q:g}": float(v) for q, v in zip(_QUANTILES, np.quantile(r, _QUANTILES), strict=True)},
        zero_gradients=int((r == 0).sum()),
        l2_direction=float((2 * r * (1 - cosine)).mean()), l2_magnitude=float(np.square(r - 1).mean()),
        best_scale=scale, best_scale_l2=1 - scale * projection, slope_at_least=slope, **shape._asdict(),
        cosine_counts=tuple(int(count) for count in np.histogram(np.clip(cosine, -1, 1), _STEPS, (-1, 1))[0]),
    )  # fmt: skip
