"""K-means: cones at the clusters of the inputs.

Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28, 1982, finds centres a_k of a sample of P.
"""

from dataclasses import dataclass
from math import prod

from w1bench.solvers.learners.critic import difference
from w1bench.solvers.learners.witness import WitnessLearner, one_sample
from w1bench.solvers.networks.cones import Cones
from w1bench.solvers.protocol import Learner, Settings


@dataclass(frozen=True)
class KMeans:
    """Cones at the centres of `clusters` clusters."""

    clusters: int = 64
    tag: str = "kmeans"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return one_sample(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        cones = Cones(min(self.clusters, settings.batch), prod(shape))
        return WitnessLearner(cones, lambda x, y: difference(cones, x, y))
