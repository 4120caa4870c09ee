"""A critic in the plane, in figures few enough for a page: at some of the test inputs, its gradients and values beside the truth's."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import F64, RowArray
from w1bench.scoring.submission import Submission

_CELLS = 15  # of a grid along an axis; of each, one input is taken
_DIGITS = 4
_VALUES = "input_potential"
Vector = tuple[float, float]


class PlanePoint(NamedTuple):
    """An input, the gradients of f* and f there, and, where f has values, those of both, each less its mean over the points."""

    input: Vector
    true_gradient: Vector
    gradient: Vector
    true_value: float | None = None
    value: float | None = None


def plane_of(test: Mapping[str, RowArray], submission: Submission) -> str | None:
    """A submission at points spread over the inputs, as the text that a scorecard holds; None where the pair does not lie in the plane.

    Points are separated by blanks and their figures by commas: two of the input, of grad f*, of grad f, and of f* and f where it has values.
    """
    if test["input"].shape[1:] != (2,):
        return None
    x = np.asarray(test["input"][:], np.float64)
    rows = _spread(x)
    columns = [x[rows], *(np.asarray(of["gradient"][:], np.float64)[rows] for of in (test, submission))]
    if _VALUES in submission:
        columns += [_since_first(of[_VALUES], rows) for of in (test, submission)]
    return " ".join(",".join(f"{figure:.{_DIGITS}g}" for figure in point) for point in np.column_stack(columns))


def points_in(text: str | None) -> list[PlanePoint]:
    """The points of a scorecard's text."""
    table = np.array([[float(figure) for figure in point.split(",")] for point in (text or "").split()])
    if table.size:
        table[:, 6:] -= table[:, 6:].mean(axis=0)
    return [PlanePoint((x1, x2), (t1, t2), (g1, g2), *values) for x1, x2, t1, t2, g1, g2, *values in table.tolist()]


def _spread(x: F64) -> NDArray[np.intp]:
    """The rows of the first of the points (m, 2) in each cell of a grid about them all."""
    low, high = x.min(axis=0), x.max(axis=0)
    inside = np.minimum((x - low) / np.where(high > low, high - low, 1) * _CELLS, _CELLS - 1).astype(np.int64)
    return np.unique(inside @ np.array([1, _CELLS]), return_index=True)[1]


def _since_first(values: RowArray, rows: NDArray[np.intp]) -> F64:
    """Values at rows, less the first of them: a potential is known but for a constant, which would take the digits."""
    found = np.asarray(values[:], np.float64)[rows]
    return found - found[0]
