"""The roles that every family fills: a potential u whose transport rays are known, and the map that moves targets down them."""

from __future__ import annotations

from typing import Protocol

from numpy.typing import ArrayLike

from w1bench.arrays import F64, Array
from w1bench.sources.domains import Domain


class Potential(Protocol):
    """A 1-Lipschitz function u; f* = -u is a potential of W1(P, Q)."""

    def value(self, points: ArrayLike) -> F64:
        """u at each of `points` (n, D): (n,)."""
        ...


class TransportMap(Protocol):
    """The map of targets y to inputs x with u(y) - u(x) = ||y - x||, so that the pairing is an optimal plan.

    By weak duality E_Q u - E_P u <= W1 <= E||x - y||, and the equality on every ray makes all three equal (Korotin, Kolesov,
    Burnaev, NeurIPS 2022, section 4). The gradient of every optimal potential at x is then grad f*(x) = (x - y)/||x - y||
    wherever x lies in the interior of a ray that carries mass: Q is absolutely continuous and the map strictly monotone
    along rays, so that almost every x has a neighbour further down and one further up.
    """

    @property
    def potential(self) -> Potential: ...

    @property
    def domain(self) -> Domain:
        """A set that inputs and targets lie in."""
        ...

    def move(
        self, target: Array, *, moved: Array | None = None, gradient: Array | None = None,
        potential: Array | None = None, single: bool = False,
    ) -> F64:  # fmt: skip
        """Write x (n, D), grad f*(x) (n, D) and f*(x) (n,) of targets y (n, D) where given.

        With `single`, products may be taken in float32: for draws that are trained on and never stored.

        Returns:
            Unbiased estimates of W1, one a target, (n,): ||y - x||, or what has its mean and less variance.

        Raises:
            SourceError: a target lies where no ray passes; its source is not absolutely continuous.
        """
        ...

    def exact_w1(self) -> float | None:
        """W1 where the family has it in closed form."""
        ...
