"""The reference methods of w1bench, as solvers of the benchmark."""

import torch
from benchopt import BaseSolver

from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.transport.samplers import from_rows


class Solver(BaseSolver):
    """Any reference method of w1bench that has a potential; the budget is its number of steps."""

    name = "reference"
    requirements = ["w1bench[torch]"]
    sampling_strategy = "iteration"
    parameters = {"method": ["lp", "gp"], "seed": [0]}
    test_config = {"method": "lp"}

    def set_objective(self, inputs, targets):
        method = SOLVERS[self.method]
        settings = method.settings(inputs.shape[1:])
        self._solver = ReferenceSolver(method, inputs.shape[1:], settings, self.seed)
        self._samplers = [
            from_rows(rows, settings.batch, seed=self.seed, purpose=purpose)
            for rows, purpose in ((inputs, "input"), (targets, "target"))
        ]

    def get_next(self, steps):
        return max(100, 2 * steps)

    def run(self, steps):
        self._solver.settings = self._solver.settings.override(steps=max(1, steps))
        self._solver.fit(*self._samplers)

    def get_result(self):
        def critic(x):
            return self._solver.potential(torch.from_numpy(x)).numpy()

        def gradient(x):
            return self._solver.gradient(torch.from_numpy(x)).numpy()

        return {"critic": critic, "gradient": gradient}
