"""The ReLU of critics whose slopes are penalised: what torch's own gives, and nothing is passed back in vain."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from w1bench.solvers import SOLVERS
from w1bench.solvers.networks.architectures import critic
from w1bench.solvers.networks.relu import ConstantSlopes


def points(seed: int) -> Tensor:
    return torch.randn(50, 3, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["gp", "lp", "lp-alm", "ttc"])
def test_penalised_critics_learn_what_they_would_with_torch_s_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SOLVERS[name].settings((3,)).override(steps=8, batch=50)
    ours = SOLVERS[name].learner((3,), settings)
    monkeypatch.setattr(f"{type(SOLVERS[name]).__module__}.ConstantSlopes", nn.ReLU)
    theirs = SOLVERS[name].learner((3,), settings)
    theirs.networks.load_state_dict(ours.networks.state_dict())
    assert any(isinstance(module, ConstantSlopes) for module in ours.networks.modules())
    assert not any(isinstance(module, ConstantSlopes) for module in theirs.networks.modules())
    for k in range(settings.steps):
        values = [learner.update(points(k), points(-k), torch.Generator().manual_seed(k)) for learner in (ours, theirs)]
        assert torch.equal(*values)
    wanted = theirs.networks.state_dict()
    for key, value in ours.networks.state_dict().items():
        assert torch.equal(value, wanted[key]), key


@pytest.mark.parametrize(("relu", "constant"), [(ConstantSlopes, True), (nn.ReLU, False)])
def test_slopes_of_a_penalty_do_not_depend_on_where_they_are(relu: type[nn.Module], constant: bool) -> None:
    x = points(1).requires_grad_()
    network = critic((3,), relu)
    (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    (again,) = torch.autograd.grad(gradient.square().sum(), x, allow_unused=True)
    assert (again is None) == constant
    assert constant or torch.equal(again, torch.zeros_like(x))
