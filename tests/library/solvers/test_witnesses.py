"""Methods that do not train: their potentials, gradients and dual values, written out again point by point, in float64."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

import w1bench
from w1bench.solvers import SOLVERS, Energy, KMeans, Radial, ReferenceSolver, Shift, Sinkhorn, Sliced
from w1bench.solvers.learners.distances import direction
from w1bench.solvers.methods.kmeans import clustered
from w1bench.solvers.methods.sinkhorn import among, between
from w1bench.solvers.protocol import HasPotential, Learner, Method, Settings

N, D = 9, 3
SETTINGS = Settings(steps=1, batch=N, learning_rate=0.0, betas=(0.0, 0.0))
WITNESSES = (Radial(), Shift(), Energy(), Sliced(directions=20), Sinkhorn(), KMeans(clusters=3))


def points(seed: int, shift: float = 0.0) -> Tensor:
    return 2 * torch.randn(N, D, generator=torch.Generator().manual_seed(seed), dtype=torch.double) + shift


X, Y, Z = points(1, 1.0), points(2), points(3)


def fitted(method: Method) -> tuple[Learner, float]:
    torch.manual_seed(0)
    learner = method.learner((D,), SETTINGS)
    learner.networks.double()
    return learner, learner.update(X, Y, torch.Generator()).item()


def potential(learner: Learner, x: Tensor) -> Tensor:
    assert isinstance(learner, HasPotential)
    return learner.potential(x).detach()


def gradient(learner: Learner, x: Tensor) -> Tensor:
    assert isinstance(learner, HasPotential)
    x = x.clone().requires_grad_()
    return torch.autograd.grad(learner.potential(x).sum(), x)[0]


@pytest.mark.parametrize(
    "method", [Radial(), Shift(), Energy(), Sliced(directions=20), KMeans(clusters=3)], ids=lambda m: m.tag
)
def test_the_dual_value_is_that_of_the_potential_on_the_samples(method: Method) -> None:
    learner, dual = fitted(method)
    assert dual == pytest.approx((potential(learner, X).mean() - potential(learner, Y).mean()).item(), rel=1e-6)
    assert dual > 0 or isinstance(method, Radial)


def test_radial_is_the_distance_from_the_targets_mean() -> None:
    learner, _ = fitted(Radial())
    torch.testing.assert_close(potential(learner, Z), -torch.stack([(z - Y.sum(dim=0) / N).norm() for z in Z]))


def test_shift_is_the_direction_between_the_means() -> None:
    learner, dual = fitted(Shift())
    between_means = X.mean(dim=0) - Y.mean(dim=0)
    torch.testing.assert_close(gradient(learner, Z), (between_means / between_means.norm()).expand(N, D))
    assert dual == pytest.approx(between_means.norm().item())


def test_energy_pulls_from_targets_to_inputs() -> None:
    learner, dual = fitted(Energy())
    f = torch.stack([sum((z - y).norm() for y in Y) / N - sum((z - x).norm() for x in X) / N for z in Z])
    torch.testing.assert_close(potential(learner, Z), f)
    pulls = torch.stack([sum(direction(z - Y)) / N - sum(direction(z - X)) / N for z in Z])
    torch.testing.assert_close(gradient(learner, Z), pulls)
    pairs = [(2, X, Y), (-1, X, X), (-1, Y, Y)]
    assert dual == pytest.approx(sum(k * (a - b).norm().item() for k, p, q in pairs for a in p for b in q) / N**2)


def test_slices_rise_where_more_targets_than_inputs_lie_behind() -> None:
    learner, dual = fitted(Sliced(directions=20))
    v = learner.networks.get_buffer("directions")
    torch.testing.assert_close(v.norm(dim=1), torch.ones(20, dtype=torch.double))
    signs = [[((Y @ w <= z @ w).sum() - (X @ w <= z @ w).sum()).sign() for w in v] for z in Z]
    torch.testing.assert_close(gradient(learner, Z), torch.tensor(signs, dtype=torch.double) @ v / 20)
    on_lines = ((X @ v.T).sort(dim=0).values - (Y @ v.T).sort(dim=0).values).abs().mean()
    assert dual == pytest.approx(on_lines.item())
    away = 100 * torch.ones(1, D, dtype=torch.double)
    assert gradient(learner, away).abs().max() == 0


def soft_minimum(z: Tensor, points: Tensor, potential: Tensor, eps: float) -> float:
    return -eps * math.log(
        sum(math.exp((g - (z - p).norm()) / eps) for p, g in zip(points, potential, strict=True)) / N
    )


def test_sinkhorns_potentials_are_each_others_soft_minima() -> None:
    cost = torch.cdist(X, Y)
    eps = 0.3 * cost.mean()
    f, g = between(cost, eps, 3000)
    for i in range(N):
        assert f[i].item() == pytest.approx(soft_minimum(X[i], Y, g, eps.item()), abs=1e-9)
        assert g[i].item() == pytest.approx(soft_minimum(Y[i], X, f, eps.item()), abs=1e-9)
    h = among(torch.cdist(X, X), eps, 100)
    assert [soft_minimum(x, X, h, eps.item()) for x in X] == pytest.approx(h.tolist(), abs=1e-9)


def test_sinkhorn_survives_points_far_from_all_others() -> None:
    x = X.clone()
    x[0] += 1e4
    cost = torch.cdist(x, Y).float()
    f, g = between(cost, torch.tensor(0.05), 200)
    assert f.isfinite().all()
    assert g.isfinite().all()
    assert ((f[:, None] + g - cost) / 0.05).exp().mean().item() == pytest.approx(1, abs=1e-2)


def test_sinkhorn_is_debiased_and_reaches_points_outside_its_samples() -> None:
    method = Sinkhorn(blur=0.3, iterations=500)
    learner, dual = fitted(method)
    eps = 0.3 * torch.cdist(X, Y).mean()
    f, g = between(torch.cdist(X, Y), eps, 500)
    h, k = (among(torch.cdist(p, p), eps, 500) for p in (X, Y))
    assert dual == pytest.approx((f.mean() + g.mean() - h.mean() - k.mean()).item(), rel=1e-6)
    wanted = [soft_minimum(z, Y, g, eps.item()) - soft_minimum(z, X, h, eps.item()) for z in Z]
    assert potential(learner, Z).tolist() == pytest.approx(wanted, abs=1e-6)


def test_sinkhorns_value_falls_to_nothing_where_the_laws_are_one() -> None:
    learner = Sinkhorn().learner((D,), SETTINGS)
    assert learner.update(X.float(), X.float(), torch.Generator()).item() == pytest.approx(0, abs=1e-3)


def test_clusters_are_the_means_of_what_is_nearest_to_them() -> None:
    far = torch.tensor([[0.0, 0, 0], [9, 0, 0], [0, 9, 0]], dtype=torch.double)
    x = far.repeat(3, 1) + 0.1 * X
    wanted = torch.stack([x[k::3].mean(dim=0) for k in range(3)])
    torch.testing.assert_close(clustered(x, 3), wanted)


def test_refits_raise_what_cones_at_clusters_see() -> None:
    values = [fitted(KMeans(clusters=3, refits=refits))[1] for refits in (0, 20, 100)]
    assert values == sorted(values)
    assert values[2] > 1.1 * values[0]
    learner, _ = fitted(KMeans(clusters=3, refits=0))
    torch.testing.assert_close(learner.networks.get_parameter("centres").data, clustered(X, 3))


@pytest.mark.parametrize("method", WITNESSES, ids=lambda method: method.tag)
def test_a_witness_holds_for_pictures_and_is_whole_in_its_checkpoint(method: Method) -> None:
    first = method.learner((1, D, 1), SETTINGS)
    first.update(X.float().reshape(N, 1, D, 1), Y.float().reshape(N, 1, D, 1), torch.Generator())
    second = method.learner((1, D, 1), SETTINGS)
    second.networks.load_state_dict(first.networks.state_dict())
    assert torch.equal(
        potential(first, Z.float().reshape(N, 1, D, 1)), potential(second, Z.float().reshape(N, 1, D, 1))
    )


@pytest.mark.parametrize(("name", "least"), [("cones", 0.9), ("kmeans", 0.75), ("sinkhorn", 0.65), ("energy", 0.3)])
def test_known_answers_in_sixteen_dimensions(name: str, least: float, archive: Path) -> None:
    pair = w1bench.load(archive / "small-d16-n64-p8")
    method = SOLVERS[name]
    settings = method.settings(pair.shape).override(steps=400 if name == "cones" else None)
    solver = ReferenceSolver(method, pair.shape, settings)
    solver.fit(*pair.sampler(settings.batch, seed=0))
    found, truth = solver.gradient(torch.from_numpy(pair.test.input[:])), torch.from_numpy(pair.test.gradient[:])
    assert torch.nn.functional.cosine_similarity(found.double(), truth).mean() > least
