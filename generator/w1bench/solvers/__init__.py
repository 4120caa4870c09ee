"""Reference solvers: one file a method, one training loop; blind to every pair's truth.

A solver is handed two samplers and nothing else: `solver.fit(inputs, targets)`, then `solver.potential(x)`,
`solver.gradient(x)` and `solver.transport(x)`.
"""

from w1bench.solvers.methods.dot import DOT
from w1bench.solvers.methods.gp import GP
from w1bench.solvers.methods.kr import KR
from w1bench.solvers.methods.lp import LP
from w1bench.solvers.methods.ls import LS
from w1bench.solvers.methods.mm import MM
from w1bench.solvers.methods.mmb import MMB
from w1bench.solvers.methods.mmbv2 import MMBv2
from w1bench.solvers.methods.mmr import MMR
from w1bench.solvers.methods.sn import SN
from w1bench.solvers.methods.so import SO
from w1bench.solvers.methods.ttc import TTC
from w1bench.solvers.methods.wc import WC
from w1bench.solvers.protocol import Method
from w1bench.solvers.solver import ReferenceSolver

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
