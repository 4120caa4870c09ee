"""Sample: what every part exchanges, in numpy and float64 unless a pair stores float32."""

from __future__ import annotations

from dataclasses import dataclass

from w1bench.arrays import F64, Array


@dataclass(frozen=True)
class Sample:
    """Paired draws of P and Q with their truth; row i of every array belongs to the same transport ray.

    `input` and `target` are (n, *shape) with target the partner of input under the optimal plan; `gradient` is
    grad f* at `input`, unit vectors (n, *shape); the potentials are f* = -u, (n,); `displacement` is
    ||y - x||, (n,); `ray_length` is S, (n,). Distances in the units of the cube.
    """

    input: Array
    target: Array
    gradient: Array
    input_potential: F64
    target_potential: F64
    displacement: F64
    ray_length: F64

    def __len__(self) -> int:
        return len(self.input)
