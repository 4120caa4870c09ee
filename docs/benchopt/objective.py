"""The objective of the benchmark: how far a critic's gradient is from the true one."""

from benchopt import BaseObjective

import w1bench


class Objective(BaseObjective):
    """`value`, which is to become small, is 1 - cos; beside it stand the figures of w1bench."""

    name = "Wasserstein-1 critics"
    url = "https://arxiv.org/abs/2206.07767"
    min_benchopt_version = "1.7"
    requirements = ["w1bench"]
    test_dataset_name = "simulated"

    def set_data(self, pair):
        self.pair = pair

    def get_objective(self):
        """What a solver learns from: unpaired draws of P and Q."""
        return {"inputs": self.pair.train.input[:], "targets": self.pair.train.target[:]}

    def evaluate_result(self, critic, gradient=None):
        """`critic` is whatever `w1bench.evaluate` takes; `gradient` its gradient, where it is one of numpy."""
        card = w1bench.evaluate(critic, self.pair, gradient=gradient).card
        figures = {name: interval.value for name, interval in card.metrics.items() if interval is not None}
        return {"value": 1 - figures["cos"], **figures}

    def get_one_result(self):
        """The truth's own first guess: f(x) = -||x||."""
        return {"critic": lambda x: -((x**2).reshape(len(x), -1).sum(axis=1) ** 0.5)}
