"""The learner of most methods: one network trained by Adam on a loss of (critic, x, y)."""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Generator, Tensor, nn
from torch.optim import Adam, Optimizer

from w1bench.solvers.protocol import Settings


class Loss(Protocol):
    """A method's loss on a batch x ~ P, y ~ Q, and its own dual value: two scalars."""

    def __call__(self, critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]: ...


class CriticLearner:
    """A critic, its optimiser and its loss."""

    def __init__(self, critic: nn.Module, loss: Loss, settings: Settings) -> None:
        self.networks, self.loss = critic, loss
        self.optimisers = [adam(critic.parameters(), settings)]

    def update(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        loss, value = self.loss(self.networks, x, y, rng)
        descend(self.optimisers[0], loss)
        return value.detach()

    def potential(self, x: Tensor) -> Tensor:
        return self.networks(x)


def kantorovich(critic: nn.Module, x: Tensor, y: Tensor, rng: Generator) -> tuple[Tensor, Tensor]:
    """The loss E_Q f - E_P f of critics that their network keeps Lipschitz, and E_P f - E_Q f."""
    dual = difference(critic, x, y)
    return -dual, dual


def difference(critic: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """E_P f - E_Q f on a batch, in one pass."""
    at_x, at_y = values(critic, x, y)
    return at_x.mean() - at_y.mean()


def values(critic: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """f(x) and f(y) in one pass: (B,) each."""
    together = critic(torch.cat([x, y]))
    return together[: len(x)], together[len(x) :]


def adam(parameters: Iterable[nn.Parameter], settings: Settings) -> Adam:
    """Adam in one kernel for all parameters."""
    return Adam(parameters, lr=settings.learning_rate, betas=settings.betas, fused=True)


def descend(optimiser: Optimizer, loss: Tensor) -> None:
    """One step down the gradient of `loss`."""
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
