"""The learner of MM and MM:R: a critic f against a mover T, a maximin that the two play in opposite directions.

On points s to move and points e that they should end among, the critic maximises and the mover minimises
E f(e) + E [||T(s) - s|| - f(T(s))], the mover several times on a batch before the critic moves once.
"""

import torch
from torch import Tensor, nn

from w1bench.solvers.learners.critic import adam, descend, values
from w1bench.solvers.learners.distances import lengths
from w1bench.solvers.protocol import Settings


class ThreePlayers:
    """Critic and mover with their optimisers. What does not depend on a player is left out of that player's step."""

    def __init__(self, critic: nn.Module, mover: nn.Module, mover_steps: int, settings: Settings) -> None:
        self.critic, self.mover, self.mover_steps = critic, mover, mover_steps
        self.networks = nn.ModuleDict({"critic": critic, "mover": mover})
        self.optimisers = [adam(critic.parameters(), settings), adam(mover.parameters(), settings)]

    def step(self, start: Tensor, end: Tensor) -> Tensor:
        """A round of the game; returns the maximin value that the critic met."""
        of_critic, of_mover = self.optimisers
        self.critic.requires_grad_(False)
        for _ in range(self.mover_steps):
            descend(of_mover, self.mover_loss(start))
        self.critic.requires_grad_(True)
        value = self.value(start, end)
        descend(of_critic, -value)
        return value.detach()

    def mover_loss(self, start: Tensor) -> Tensor:
        """E [||T(s) - s|| - f(T(s))]."""
        moved = self.mover(start)
        return (lengths(moved - start) - self.critic(moved)).mean()

    def value(self, start: Tensor, end: Tensor) -> Tensor:
        """E f(e) + E [||T(s) - s|| - f(T(s))], differentiable in the critic alone."""
        with torch.no_grad():
            moved = self.mover(start)
        at_end, at_moved = values(self.critic, end, moved)
        return at_end.mean() - at_moved.mean() + lengths(moved - start).mean()


def mover_steps(shape: tuple[int, ...]) -> int:
    """As published: 12 for vectors, 10 for pictures."""
    return 12 if len(shape) == 1 else 10
