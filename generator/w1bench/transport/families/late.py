"""Late: P' = eps P + (1 - eps) Q, Q' = Q: the late phase of a GAN, when all but a share eps of the inputs are right already.

The potential u of (P, Q) stays optimal: E_Q u - E_P' u = eps (E_Q u - E_P u) = eps W1(P, Q), which is what the plan costs that moves
the share eps as before and leaves the rest where it is. An input that is left is the end of its own ray and lies in the interior of
its neighbours', so that grad f*(x) = -grad u(x) = -grad u(y) there, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from w1bench.arrays import Array
from w1bench.transport.potential import Potential


def draw_left(rng: np.random.Generator, rows: int, share: float) -> NDArray[np.bool_]:
    """Which of `rows` targets are not moved: all but a share, (rows,)."""
    return rng.random(rows) >= share


def leave(left: NDArray[np.bool_], target: Array, potential: Potential, out: Mapping[str, Array | None]) -> None:
    """Put the targets that are left in place of their images `moved`, and f* there in place of `potential`, where given."""
    if (moved := out.get("moved")) is not None:
        moved[left] = target[left]
    if (values := out.get("potential")) is not None:
        values[left] = -potential.value(target[left])
