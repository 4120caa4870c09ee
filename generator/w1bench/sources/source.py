"""The protocol of sources: a distribution Q that targets are drawn from, and the domain that its rays end in."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from w1bench.arrays import Array
from w1bench.sources.domains import Domain


class Source(Protocol):
    """A distribution inside a domain, absolutely continuous with respect to Lebesgue measure."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one point: (D,) or (channels, height, width)."""
        ...

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """What points are stored in; draws are rounded to it before any truth is computed."""
        ...

    @property
    def domain(self) -> Domain: ...

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """`count` independent points, (count, *shape), rounded to `dtype`."""
        ...
