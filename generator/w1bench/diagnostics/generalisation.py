"""Generalisation: what a critic says of the rows that it learned from, against fresh draws of the same two distributions.

E_P f - E_Q f of f on its own rows is what training makes large; on fresh draws it is what f knows of P and Q. The difference is the training error of a
statistic, not of W1 (Arora, Ge, Liang, Ma, Zhang, "Generalization and Equilibrium in Generative Adversarial Nets", ICML 2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from w1bench.arrays import Array

_SHARE = 0.25  # of the own value, from which on a gap is one
_ERRORS = 4.0  # standard errors that chance explains


@dataclass(frozen=True)
class Generalisation:
    """The dual value of f on its `own` rows and on `fresh` ones, with the standard error of the latter."""

    own: float
    fresh: float
    stderr: float

    @property
    def gap(self) -> float:
        return self.own - self.fresh

    @property
    def is_memorised(self) -> bool:
        """Whether the gap is more than chance and more than a part of the own value."""
        return self.gap > max(_ERRORS * self.stderr, _SHARE * abs(self.own))


def generalisation(own: float | tuple[Array, Array], fresh: tuple[Array, Array]) -> Generalisation:
    """From f at fresh inputs and targets, and its own dual value, or f at its own inputs and targets."""
    value = float(np.mean(own[0]) - np.mean(own[1])) if isinstance(own, tuple) else own
    fx, fy = (np.asarray(of_side, np.float64) for of_side in fresh)
    error = sqrt(float(fx.var() / len(fx) + fy.var() / len(fy)))
    return Generalisation(value, float(fx.mean() - fy.mean()), error)
