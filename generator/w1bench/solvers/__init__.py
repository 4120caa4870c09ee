"""Reference solvers: one file a method, one training loop; blind to every pair's truth.

A solver is handed two samplers and nothing else: `solver.fit(inputs, targets)`, then `solver.potential(x)`,
`solver.gradient(x)` and `solver.transport(x)`.
"""

from w1bench.solvers.methods.aol import AOL
from w1bench.solvers.methods.cones import Cones
from w1bench.solvers.methods.dot import DOT
from w1bench.solvers.methods.energy import Energy
from w1bench.solvers.methods.enot import ENOT
from w1bench.solvers.methods.gp import GP
from w1bench.solvers.methods.kmeans import KMeans
from w1bench.solvers.methods.kr import KR
from w1bench.solvers.methods.lp import LP
from w1bench.solvers.methods.lp_alm import LPALM
from w1bench.solvers.methods.ls import LS
from w1bench.solvers.methods.mm import MM
from w1bench.solvers.methods.mmb import MMB
from w1bench.solvers.methods.mmbv2 import MMBv2
from w1bench.solvers.methods.mmr import MMR
from w1bench.solvers.methods.prw import PRW
from w1bench.solvers.methods.radial import Radial
from w1bench.solvers.methods.shift import Shift
from w1bench.solvers.methods.sinkhorn import Sinkhorn
from w1bench.solvers.methods.slices import Sliced
from w1bench.solvers.methods.sll import SLL
from w1bench.solvers.methods.sn import SN
from w1bench.solvers.methods.so import SO
from w1bench.solvers.methods.ttc import TTC
from w1bench.solvers.methods.wc import WC
from w1bench.solvers.protocol import Method
from w1bench.solvers.solver import ReferenceSolver

# In the order of the paper's tables, then what came after it, then what does not train.
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
    "sll": SLL(),
    "aol": AOL(),
    "prw": PRW(),
    "lp-alm": LPALM(),
    "enot": ENOT(),
    "cones": Cones(),
    "kmeans": KMeans(),
    "sinkhorn": Sinkhorn(),
    "sliced": Sliced(),
    "energy": Energy(),
    "radial": Radial(),
    "shift": Shift(),
}
__all__ = [
    "AOL", "DOT", "ENOT", "GP", "KR", "LP", "LPALM", "LS", "MM", "MMB", "MMR", "PRW", "SLL", "SN", "SO", "SOLVERS", "TTC", "WC",
    "Cones", "Energy", "KMeans", "MMBv2", "Method", "Radial", "ReferenceSolver", "Shift", "Sinkhorn", "Sliced",
]  # fmt: skip
