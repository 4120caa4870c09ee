"""CriticLearner: one network trained by Adam on a loss of (critic, x, y); most methods are no more than their loss."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn

from w1bench.solvers.protocol import Settings


class Loss(Protocol):
    """A method's loss on a batch x ~ P, y ~ Q, and the dual value it contains: two scalars."""

    def __call__(self, critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]: ...


class CriticLearner:
    """A critic, its optimiser and its loss."""

    def __init__(self, critic: nn.Module, loss: Loss, settings: Settings) -> None:
        self.critic, self.loss = critic, loss
        self.optimiser = torch.optim.Adam(critic.parameters(), lr=settings.learning_rate, betas=settings.betas)

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        loss, value = self.loss(self.critic, x, y, rng)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return value.detach()

    def potential(self, x: Tensor) -> Tensor:
        return self.critic(x)

    def state_dict(self) -> dict[str, Any]:
        return {"critic": self.critic.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.critic.load_state_dict(state["critic"])
        self.optimiser.load_state_dict(state["optimiser"])
