"""Reference solvers: one file a method, one training loop; blind to every pair's truth.

A solver is handed two samplers and nothing else: `solver.fit(inputs, targets)`, then `solver.potential(x)` and
`solver.gradient(x)`.
"""

from w1bench.solvers.lp import LP
from w1bench.solvers.protocol import Method
from w1bench.solvers.reference import ReferenceSolver

# In the order of the paper's tables.
SOLVERS: dict[str, Method] = {
    "lp": LP(),
}

__all__ = ["LP", "SOLVERS", "Method", "ReferenceSolver"]
