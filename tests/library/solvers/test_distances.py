"""Which point of a batch is nearest: the same as torch's argmin, in rows and in columns, of ties the first."""

import pytest
import torch

from w1bench.solvers.learners.distances import least


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (64, 48), (48, 64)])
def test_as_torch_finds_it(shape: tuple[int, int], dim: int) -> None:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(least(values, dim), values.argmin(dim=dim))


@pytest.mark.parametrize("dim", [0, 1])
def test_the_first_of_equal_ones(dim: int) -> None:
    values = torch.randint(0, 3, (40, 40), generator=torch.Generator().manual_seed(2)).float()
    at_least = values == values.amin(dim=dim, keepdim=True)
    assert torch.equal(least(values, dim), at_least.int().argmax(dim=dim))


def test_a_critic_that_diverged_raises_nothing() -> None:
    values = torch.zeros(4, 3)
    values[2, 1] = torch.nan
    assert least(values, 0).shape == (3,)
    assert least(values, 1).shape == (4,)
