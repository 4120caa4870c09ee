"""Reference solvers: one file a method, one training loop; blind to every pair's truth.

A solver is handed two samplers and nothing else: `solver.fit(inputs, targets)`, then `solver.potential(x)`,
`solver.gradient(x)` and `solver.transport(x)`.
"""

from w1bench.solvers.dot import DOT
from w1bench.solvers.gp import GP
from w1bench.solvers.kr import KR
from w1bench.solvers.lp import LP
from w1bench.solvers.ls import LS
from w1bench.solvers.mm import MM
from w1bench.solvers.mmb import MMB
from w1bench.solvers.mmbv2 import MMBv2
from w1bench.solvers.mmr import MMR
from w1bench.solvers.protocol import Method
from w1bench.solvers.reference import ReferenceSolver
from w1bench.solvers.sn import SN
from w1bench.solvers.so import SO
from w1bench.solvers.ttc import TTC
from w1bench.solvers.wc import WC

# In the order of the paper's tables, then those that came after it.
SOLVERS: dict[str, Method] = {
    "wc": WC(),
    "gp": GP(),
    "lp": LP(),
    "sn": SN(),
    "so": SO(),
    "ls": LS(),
    "mmb": MMB(),
    "mmbv2": MMBv2(),
    "mm": MM(),
    "mmr": MMR(),
    "dot": DOT(),
    "ttc": TTC(),
    "kr": KR(),
}

__all__ = [
    "DOT", "GP", "KR", "LP", "LS", "MM", "MMB", "MMR", "SN", "SO", "SOLVERS", "TTC", "WC", "MMBv2", "Method", "ReferenceSolver",
]  # fmt: skip
