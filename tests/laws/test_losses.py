"""Every method's step is down the gradient of its paper's loss: the formulas written out again, point by point, in float64.

A learner's optimisers are replaced by plain descent of rate 1, so that what `update` takes off the parameters is the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

from w1bench.solvers import AOL, DOT, ENOT, GP, KR, LP, LPALM, LS, MM, MMB, MMR, PRW, SLL, SN, SO, TTC, WC, Cones, MMBv2
from w1bench.solvers.learners.three_players import mover_steps
from w1bench.solvers.protocol import HasGradient, HasPotential, HasTransport, Learner, Method, Settings

B = 7
SETTINGS = Settings(steps=10, batch=B, learning_rate=1.0, betas=(0.0, 0.9))


def points(seed: int, shift: float = 0.0, dim: int = 2) -> Tensor:
    return 2 * torch.randn(B, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.double) + shift


X, Y = points(1, 1.0), points(2)


def plain_descent(learner: Learner, rate: float = 1.0) -> Learner:
    """The learner in float64, its optimisers replaced."""
    learner.networks.double().train()
    learner.optimisers[:] = [
        torch.optim.SGD([p for group in o.param_groups for p in group["params"]], lr=rate) for o in learner.optimisers
    ]
    return learner


def made(method: Method, seed: int = 3, rate: float = 1.0, settings: Settings = SETTINGS) -> Learner:
    torch.manual_seed(seed)
    return plain_descent(method.learner((2,), settings), rate)


def rng() -> Generator:
    return torch.Generator().manual_seed(5)


def taken(learner: Learner, x: Tensor, y: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """What one update takes off each parameter, and the dual value that it returns."""
    before = {name: p.detach().clone() for name, p in learner.networks.named_parameters()}
    dual = learner.update(x, y, rng())
    return {name: before[name] - p.detach() for name, p in learner.networks.named_parameters()}, dual


def holds(learner: Learner, loss: Callable[[nn.Module], Tensor], dual: Callable[[nn.Module], Tensor]) -> None:
    """One update follows the gradient of `loss` of the networks, and returns their `dual`."""
    networks = deepcopy(learner.networks)
    value = loss(networks)
    wanted = torch.autograd.grad(value, list(networks.parameters()), allow_unused=True)
    expected = dual(networks)
    found, returned = taken(learner, X, Y)
    assert any(g is not None and g.abs().max() > 1e-4 for g in wanted)
    for (name, g), w in zip(found.items(), wanted, strict=True):
        torch.testing.assert_close(g, torch.zeros_like(g) if w is None else w, atol=1e-6, rtol=1e-6, msg=name)
    torch.testing.assert_close(returned, expected.detach(), atol=1e-6, rtol=1e-6)


def mlp(f: nn.Module, p: Tensor) -> Tensor:
    """The published critic at one point, from its parameters."""
    w1, b1, w2, b2, w3, b3 = f.parameters()
    return (w3 @ torch.relu(w2 @ torch.relu(w1 @ p + b1) + b2) + b3)[0]


def mean(f: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    return torch.stack([f(p) for p in points]).mean()


def difference(f: nn.Module) -> Tensor:
    return mean(lambda p: mlp(f, p), X) - mean(lambda p: mlp(f, p), Y)


def slopes(f: nn.Module) -> Tensor:
    """||grad f|| at t y + (1 - t) x, the gradient of a ReLU network written out."""
    w1, b1, w2, b2, w3, _ = f.parameters()
    found: list[Tensor] = []
    for x, y, t in zip(X, Y, torch.rand(B, 1, generator=rng(), dtype=torch.double), strict=True):
        z = t * y + (1 - t) * x
        first = w1 @ z + b1
        second = w2 @ first.clamp(min=0) + b2
        found.append((((w3 * (second > 0)) @ w2 * (first > 0)) @ w1).norm())
    return torch.stack(found)


def test_gp() -> None:
    holds(made(GP()), lambda f: -difference(f) + 10 * ((slopes(f) - 1) ** 2).mean(), difference)


def test_lp_penalises_slopes_above_1_alone() -> None:
    learner = made(LP())
    with torch.no_grad():
        list(learner.networks.parameters())[4].mul_(14)  # so that some slopes are above 1, and others below
    found = slopes(learner.networks)
    assert found.min() < 1 < found.max()
    holds(learner, lambda f: -difference(f) + 10 * ((slopes(f) - 1).clamp(min=0) ** 2).mean(), difference)


def test_wc_clamps_weights_and_not_biases_before_every_pass() -> None:
    learner = made(WC())

    def clamped(f: nn.Module) -> Tensor:
        with torch.no_grad():
            for name, parameter in f.named_parameters():
                if "weight" in name:
                    parameter.copy_(parameter.clamp(-0.04, 0.04))
        return difference(f)

    networks = deepcopy(learner.networks)
    clamped(networks)
    before = [p.clone() for p in networks.parameters()]
    wanted = torch.autograd.grad(-difference(networks), list(networks.parameters()), allow_unused=True)
    dual = learner.update(X, Y, rng())
    assert dual.item() == pytest.approx(difference(networks).item(), abs=1e-9)
    for b, p, w in zip(before, learner.networks.parameters(), wanted, strict=True):
        torch.testing.assert_close(p.detach(), b if w is None else b - w, atol=1e-6, rtol=1e-6)
    weights = [p for p in learner.networks.parameters() if p.dim() == 2]
    biases = [p for p in learner.networks.parameters() if p.dim() == 1]
    assert max(p.abs().max() for p in weights) > 0.04
    assert isinstance(learner, HasPotential)
    learner.potential(X)
    assert max(p.abs().max().item() for p in weights) == pytest.approx(0.04)
    assert max(p.abs().max() for p in biases) > 0.04


@pytest.mark.parametrize("constant", [False, True])
def test_sn_divides_by_the_largest_singular_value(constant: bool) -> None:
    learner = made(SN(constant_norm=constant))
    for _ in range(300):  # power iterations converge, five a pass
        learner.networks(X)
    originals = [p for name, p in learner.networks.named_parameters() if name.endswith("original")]

    def loss(f: nn.Module) -> Tensor:
        values = dict(f.named_parameters())
        weights = [values[n] for n in values if n.endswith("original")]
        weights = [w / torch.linalg.matrix_norm(w.detach() if constant else w, 2) for w in weights]
        biases = [values[n] for n in values if n.endswith("bias")]

        def at(p: Tensor) -> Tensor:
            for w, b in zip(weights[:2], biases[:2], strict=True):
                p = torch.relu(w @ p + b)
            return (weights[2] @ p + biases[2])[0]

        return mean(at, Y) - mean(at, X)

    assert len(originals) == 3
    holds(learner, loss, lambda f: -loss(f))


def test_sn_takes_five_power_iterations_a_pass() -> None:
    learner = made(SN())
    layer = next(m for m in learner.networks.modules() if hasattr(m, "parametrizations"))
    spectral = layer.parametrizations["weight"][0]
    w = layer.parametrizations["weight"].original.detach()
    u, v = spectral._u.clone(), spectral._v.clone()
    learner.networks(X)
    for _ in range(5):
        u = nn.functional.normalize(w @ v, dim=0)
        v = nn.functional.normalize(w.T @ u, dim=0)
    torch.testing.assert_close(spectral._u, u)
    torch.testing.assert_close(spectral._v, v)


@pytest.mark.parametrize("method", [SO(), KR()], ids=["so", "kr"])
def test_so_and_kr_are_orthogonal_and_sort(method: Any) -> None:
    learner = made(method, rate=0.1)
    linear = [m for m in learner.networks.modules() if isinstance(m, nn.Linear)]

    def activation(h: Tensor) -> Tensor:
        if isinstance(method, SO):
            return h.sort().values
        half = len(h) // 2
        return torch.cat([torch.minimum(h[:half], h[half:]), torch.maximum(h[:half], h[half:])])

    def loss(f: nn.Module) -> Tensor:
        first, second, last = (m for m in f.modules() if isinstance(m, nn.Linear))

        def at(p: Tensor) -> Tensor:
            p = activation(first.weight @ p + first.bias)
            return (last.weight @ activation(second.weight @ p + second.bias) + last.bias)[0]

        return mean(at, Y) - mean(at, X)

    for _ in range(3):
        for layer in linear:
            w = layer.weight.detach()
            gram = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
            torch.testing.assert_close(gram, torch.eye(len(gram), dtype=gram.dtype), atol=1e-5, rtol=0)
        networks = deepcopy(learner.networks)
        wanted = torch.autograd.grad(loss(networks), list(networks.parameters()), allow_unused=True)
        found, dual = taken(learner, X, Y)
        assert dual.item() == pytest.approx(-loss(networks).item(), abs=1e-6)
        for (name, g), w in zip(found.items(), wanted, strict=True):
            torch.testing.assert_close(g, torch.zeros_like(g) if w is None else 0.1 * w, atol=1e-6, rtol=1e-6, msg=name)


@pytest.mark.parametrize("method", [SO(), KR(), SLL(), AOL(), PRW()], ids=lambda method: method.tag)
@pytest.mark.parametrize("shape", [(2,), (200,), (3, 32, 32)], ids=str)
def test_critics_of_bounded_layers_never_rise_faster_than_1(method: Any, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    learner = method.learner(shape, SETTINGS)
    assert isinstance(learner, HasPotential)
    x = torch.randn(50, *shape)
    y = x + 0.01 * torch.randn(50, *shape)
    for _ in range(3):
        learner.update(3 * x + 1, x, rng())
        slope = (learner.potential(x) - learner.potential(y)).abs() / (x - y).flatten(1).norm(dim=1)
        assert slope.max() < 1 + 1e-3
        z = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(learner.potential(z).sum(), z)
        assert gradient.flatten(1).norm(dim=1).max() < 1 + 1e-5


def test_sll_is_residual_and_divides_by_what_bounds_its_weights() -> None:
    learner = made(SLL(), rate=0.1)
    residual = [m for m in learner.networks.modules() if hasattr(m, "log_q")]
    for layer in residual:
        layer.get_parameter("log_q").data.normal_()

    def at(f: nn.Module, p: Tensor) -> Tensor:
        *hidden, (bias, row) = [list(m.parameters()) for m in f.modules() if list(m.parameters(recurse=False))][:3]
        p = torch.cat([p, p.new_zeros(126)])
        for w, b, log_q in hidden:
            q = log_q.exp()
            T = ((w.T @ w).abs() * q[None, :] / q[:, None]).sum(dim=1)
            p = p - 2 * w @ torch.diag(1 / T) @ torch.relu(w.T @ p + b)
        return row[0] @ p / row.norm() + bias[0]

    holds_down(learner, lambda f: mean(lambda p: at(f, p), Y) - mean(lambda p: at(f, p), X), 0.1)


def test_aol_rescales_columns_and_sorts() -> None:
    learner = made(AOL(), rate=0.1)

    def at(f: nn.Module, p: Tensor) -> Tensor:
        (b1, w1), (b2, w2), (b3, w3) = [
            [m.bias, m.parametrizations["weight"].original] for m in f.modules() if isinstance(m, nn.Linear)
        ]
        for w, b in ((w1, b1), (w2, b2)):
            h = w @ torch.diag((w.T @ w).abs().sum(dim=1) ** -0.5) @ p + b
            p = torch.cat([torch.minimum(h[:64], h[64:]), torch.maximum(h[:64], h[64:])])
        return (w3 / w3.norm() @ p + b3)[0]

    for _ in range(3):
        holds_down(learner, lambda f: mean(lambda p: at(f, p), Y) - mean(lambda p: at(f, p), X), 0.1)


def holds_down(learner: Learner, loss: Callable[[nn.Module], Tensor], rate: float) -> None:
    """As `holds` for E_Q f - E_P f at another rate."""
    networks = deepcopy(learner.networks)
    value = loss(networks)
    wanted = torch.autograd.grad(value, list(networks.parameters()), allow_unused=True)
    found, dual = taken(learner, X, Y)
    assert dual.item() == pytest.approx(-value.item(), abs=1e-6)
    for (name, g), w in zip(found.items(), wanted, strict=True):
        torch.testing.assert_close(g, torch.zeros_like(g) if w is None else rate * w, atol=1e-6, rtol=1e-6, msg=name)


def test_prw_sees_no_more_than_its_frame() -> None:
    torch.manual_seed(3)
    learner = PRW(rank=2).learner((5,), SETTINGS)
    assert isinstance(learner, HasPotential)
    x, y = points(1, 1.0, dim=5).float(), points(2, dim=5).float()
    for _ in range(3):
        learner.update(x, y, rng())
    frame = next(m for m in learner.networks.modules() if isinstance(m, nn.Linear)).weight.detach()
    torch.testing.assert_close(frame @ frame.T, torch.eye(2), atol=1e-5, rtol=0)
    seen = x @ frame.T
    inner = next(m for m in learner.networks.children() if not isinstance(m, nn.Flatten | nn.Linear))
    torch.testing.assert_close(learner.potential(x), inner(seen))
    hidden = torch.randn(B, 5) @ (torch.eye(5) - frame.T @ frame)
    torch.testing.assert_close(learner.potential(x + hidden), learner.potential(x), atol=1e-5, rtol=1e-5)
    dual = inner(seen).mean() - inner(y @ frame.T).mean()
    assert learner.update(x, y, rng()).item() == pytest.approx(dual.item(), abs=1e-5)


def test_lp_alm_adds_a_multiplier_that_grows_by_what_is_violated() -> None:
    learner = made(LPALM())
    with torch.no_grad():
        list(learner.networks.parameters())[4].mul_(14)
        learner.networks.get_buffer("multiplier").fill_(0.3)
    excess = (slopes(learner.networks) - 1).clamp(min=0)
    assert excess.min() == 0 < excess.max()
    violated = excess.mean().item()

    def loss(f: nn.Module) -> Tensor:
        c = (slopes(f) - 1).clamp(min=0)
        return -difference(f) + 10 * (c**2).mean() + 0.3 * c.mean() + 10 * c.mean() ** 2

    holds(learner, loss, difference)
    assert learner.networks.get_buffer("multiplier").item() == pytest.approx(0.3 + 0.1 * violated)


def test_enot_regularises_by_expectiles_and_its_mover_takes_one_step() -> None:
    learner = made(ENOT())
    with torch.no_grad():
        list(learner.networks["critic"].parameters())[5].add_(1.0)

    def mover(f: nn.Module, p: Tensor) -> Tensor:
        w1, b1, w2, b2, w3, b3 = f.parameters()
        return w3 @ torch.relu(w2 @ torch.relu(w1 @ p + b1) + b2) + b3

    def pieces(networks: nn.Module) -> tuple[list[Tensor], Tensor]:
        """What is regularised, h(x_i) - c_i + g(y_i) with one or the other constant, and E_P h + E_Q g."""
        critic, T = networks["critic"], networks["mover"]
        gaps: list[Tensor] = []
        dual = torch.zeros((), dtype=torch.double)
        for x, y in zip(X, Y, strict=True):
            moved = mover(T, x).detach()
            h, g, c = (moved - x).norm() - mlp(critic, moved), mlp(critic, y), (x - y).norm()
            gaps += [(h - c).detach() + g, (g - c).detach() + h]
            dual = dual + (h + g) / B
        return gaps, dual

    def loss(networks: nn.Module) -> Tensor:
        gaps, dual = pieces(networks)
        frozen = deepcopy(networks["critic"]).requires_grad_(False)
        of_mover = mean(
            lambda x: (mover(networks["mover"], x) - x).norm() - mlp(frozen, mover(networks["mover"], x)), X
        )
        return sum((0.99 if d >= 0 else 0.01) * d**2 for d in gaps) / B - dual + of_mover

    gaps, _ = pieces(learner.networks)
    assert min(gaps) < 0 < max(gaps)
    holds(learner, loss, lambda networks: pieces(networks)[1])
    assert isinstance(learner, HasPotential)
    assert torch.equal(learner.potential(X), -learner.networks["critic"](X))
    assert all(p.requires_grad for p in learner.networks.parameters())


def test_cones_begin_at_inputs_and_descend_by_a_cosine() -> None:
    settings = SETTINGS.override(steps=2)
    learner = made(Cones(count=5), settings=settings)
    centres, offsets = learner.networks.parameters()
    offsets.data.copy_(points(9)[:5, 0] / 10)

    def at(f: nn.Module, p: Tensor) -> Tensor:
        a, b = f.parameters()
        return -torch.stack([(p - a[k]).norm() + b[k] for k in range(5)]).min()

    for rate in (1.0, 0.5):  # (1 + cos(pi k / 2)) / 2
        networks = deepcopy(learner.networks)
        if rate == 1.0:
            next(networks.parameters()).data.copy_(X[:5])
        value = mean(partial(at, networks), X) - mean(partial(at, networks), Y)
        before = [p.detach().clone() for p in networks.parameters()]
        wanted = torch.autograd.grad(-value, list(networks.parameters()))
        assert learner.update(X, Y, rng()).item() == pytest.approx(value.item(), abs=1e-9)
        for p, b, w in zip((centres, offsets), before, wanted, strict=True):
            torch.testing.assert_close(p.detach(), b - rate * w)


def test_ls_penalises_pairs_aligned_by_their_place() -> None:
    def pieces(networks: nn.Module) -> tuple[Tensor, Tensor]:
        f, g = networks.children()
        dual = mean(lambda p: mlp(f, p), X) + mean(lambda p: mlp(g, p), Y)
        excess = [(mlp(f, x) + mlp(g, y) - (x - y).norm()).clamp(min=0) ** 2 for x, y in zip(X, Y, strict=True)]
        return dual, torch.stack(excess).mean() / (4 * 0.01)

    learner = made(LS())
    with torch.no_grad():
        list(learner.networks.parameters())[5].add_(2.0)  # lift f, so that some pairs bind
    assert pieces(learner.networks)[1] > 0
    holds(learner, lambda n: pieces(n)[1] - pieces(n)[0], lambda n: pieces(n)[0])


def c_transform_of_x(f: nn.Module) -> Tensor:
    """E_Q min over the batch's x of ||x - y|| - f(x)."""
    return mean(lambda y: min(((x - y).norm() - mlp(f, x) for x in X), key=Tensor.item), Y)


def c_transform_of_y(f: nn.Module) -> Tensor:
    return mean(lambda x: min(((x - y).norm() + mlp(f, y) for y in Y), key=Tensor.item), X)


def test_mmb() -> None:
    def dual(f: nn.Module) -> Tensor:
        return mean(lambda p: mlp(f, p), X) + c_transform_of_x(f)

    holds(made(MMB()), lambda f: -dual(f), dual)


@pytest.mark.parametrize(
    ("seed", "scale", "binding"), [(0, 5.0, 0), (1, 20.0, 1), (1, 40.0, 1), (1, -40.0, 2), (2, 25.0, 2)]
)
def test_mmbv2_takes_the_dual_value_that_binds(seed: int, scale: float, binding: int) -> None:
    def duals(f: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
        at_x, at_y = mean(lambda p: mlp(f, p), X), mean(lambda p: mlp(f, p), Y)
        return at_x - at_y, at_x + c_transform_of_x(f), -at_y + c_transform_of_y(f)

    def dual(f: nn.Module) -> Tensor:
        L1, L2, L3 = duals(f)
        return L2 if L2 < L1 else L3 if L3 < L1 else L1

    learner = made(MMBv2(), seed=seed)
    with torch.no_grad():
        list(learner.networks.parameters())[4].mul_(scale)
    assert dual(learner.networks).item() == duals(learner.networks)[binding].item()
    holds(learner, lambda f: -dual(f), dual)


@pytest.mark.parametrize("method", [MM(), MMR()], ids=["mm", "mmr"])
def test_movers_step_twelve_times_down_and_the_critic_once_up(method: Any) -> None:
    """MM moves y among the x; MM:R the other way round."""
    rate, (start, end) = 0.05, (Y, X) if isinstance(method, MM) else (X, Y)
    learner = made(method, rate=rate)
    networks = deepcopy(learner.networks)
    critic, mover = networks["critic"], networks["mover"]

    def value() -> Tensor:
        """E f(e) + E [||T(s) - s|| - f(T(s))], the whole of it for either player."""

        def moved(p: Tensor) -> Tensor:
            w1, b1, w2, b2, w3, b3 = mover.parameters()
            return w3 @ torch.relu(w2 @ torch.relu(w1 @ p + b1) + b2) + b3

        return mean(lambda p: mlp(critic, p), end) + mean(
            lambda p: (moved(p) - p).norm() - mlp(critic, moved(p)), start
        )

    def step(player: nn.Module, sign: float) -> None:
        parameters = list(player.parameters())
        gradient = torch.autograd.grad(value(), parameters, allow_unused=True)
        with torch.no_grad():
            for p, g in zip(parameters, gradient, strict=True):
                p.sub_(sign * rate * (torch.zeros_like(p) if g is None else g))

    for _ in range(12):
        step(mover, +1)
    met = value().item()
    step(critic, -1)
    assert learner.update(X, Y, rng()).item() == pytest.approx(met, abs=1e-6)
    for (name, found), wanted in zip(learner.networks.named_parameters(), networks.parameters(), strict=True):
        torch.testing.assert_close(found.detach(), wanted.detach(), atol=1e-6, rtol=1e-6, msg=name)
    assert all(p.requires_grad for p in learner.networks.parameters())


def test_movers_of_pictures_step_ten_times() -> None:
    assert (mover_steps((128,)), mover_steps((3, 32, 32)), mover_steps((3, 64, 64))) == (12, 10, 10)


def test_mm_answers_by_its_critic_and_mmr_by_its_mover() -> None:
    forward, reverse = made(MM()), made(MMR())
    assert isinstance(forward, HasPotential)
    assert not isinstance(forward, HasGradient | HasTransport)
    assert torch.equal(forward.potential(X), forward.networks["critic"](X))
    assert isinstance(reverse, HasPotential)
    assert isinstance(reverse, HasGradient)
    assert isinstance(reverse, HasTransport)
    assert torch.equal(reverse.potential(X), -reverse.networks["critic"](X))
    moved = reverse.networks["mover"](X)
    assert torch.equal(reverse.transport(X), moved)
    torch.testing.assert_close(
        reverse.gradient(X), torch.stack([(x - t) / (x - t).norm() for x, t in zip(X, moved, strict=True)])
    )


def test_dot_is_the_cheapest_assignment() -> None:
    learner = DOT().learner((2,), SETTINGS)
    learner.networks.double()
    costs = {
        order: sum(float((x - Y[j]).norm()) for x, j in zip(X, order, strict=True)) / B
        for order in permutations(range(B))
    }
    best = min(costs, key=costs.__getitem__)
    assert learner.update(X, Y, rng()).item() == pytest.approx(costs[best], abs=1e-9)
    assert isinstance(learner, HasGradient)
    wanted = torch.stack([(x - Y[j]) / (x - Y[j]).norm() for x, j in zip(X, best, strict=True)])
    torch.testing.assert_close(learner.gradient(X), wanted)


def test_dots_potential_is_the_c_transform_of_exact_duals() -> None:
    learner = DOT().learner((2,), SETTINGS)
    learner.networks.double()
    cost = learner.update(X, Y, rng())
    assert isinstance(learner, HasPotential)
    f, g = learner.potential(X), learner.networks.get_buffer("duals")
    excess = torch.stack([torch.stack([f[i] + g[j] - (X[i] - Y[j]).norm() for j in range(B)]) for i in range(B)])
    assert excess.max() < 1e-9
    assert (f.mean() + g.mean()).item() == pytest.approx(cost.item(), abs=1e-9)
    z = points(9)
    wanted = torch.stack([min(((p - Y[j]).norm() - g[j] for j in range(B)), key=Tensor.item) for p in z])
    torch.testing.assert_close(learner.potential(z), wanted)


def test_dot_asked_elsewhere_solves_a_plan_that_those_points_have_joined() -> None:
    learner = DOT().learner((2,), SETTINGS)
    learner.networks.double()
    learner.update(X, Y, rng())
    asked = points(9)[:3]
    joined = torch.cat([asked, X[3:]])
    best = min(
        permutations(range(B)),
        key=lambda order: sum(float((x - Y[j]).norm()) for x, j in zip(joined, order, strict=True)),
    )
    wanted = torch.stack([(x - Y[j]) / (x - Y[j]).norm() for x, j in zip(asked, best, strict=False)])
    assert isinstance(learner, HasGradient)
    torch.testing.assert_close(learner.gradient(asked), wanted)


def test_ttc_pushes_by_the_dual_value_down_each_critic_in_turn() -> None:
    """Two critics of two steps each: the third update trains a copy of the first on x - eta grad f(x)."""
    learner = made(TTC(critics=2), rate=1e-4, settings=SETTINGS.override(steps=4))
    first, second = learner.networks.children()

    def penalised(f: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
        dual = f(x).mean() - f(Y).mean()
        t = torch.rand(B, 1, generator=rng(), dtype=torch.double)
        z = (t * Y + (1 - t) * x).requires_grad_()
        (slope,) = torch.autograd.grad(f(z).sum(), z, create_graph=True)
        return -dual + 1000 * ((slope.norm(dim=1) - 1).clamp(min=0) ** 2).mean(), dual

    plan = deepcopy(first)
    etas: list[Tensor] = []
    x = X
    for turn in range(2):
        for _ in range(2):
            loss, dual = penalised(plan, x)
            gradient = torch.autograd.grad(loss, list(plan.parameters()), allow_unused=True)
            assert learner.update(X, Y, rng()).item() == pytest.approx(dual.item(), abs=1e-6)
            with torch.no_grad():
                for p, g in zip(plan.parameters(), gradient, strict=True):
                    p.sub_(1e-4 * (torch.zeros_like(p) if g is None else g))
        etas.append(dual.detach())  # of the last tenth of two steps
        for p, q in zip((first, second)[turn].parameters(), plan.parameters(), strict=True):
            torch.testing.assert_close(p.detach(), q.detach(), atol=1e-6, rtol=1e-6)
        x = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(plan(x).sum(), x)
        x = (x - etas[-1] * slope).detach()
    assert isinstance(learner, HasTransport)
    torch.testing.assert_close(learner.transport(X), x, atol=1e-6, rtol=1e-6)
    assert isinstance(learner, HasPotential)
    assert torch.equal(learner.potential(X), first(X))


def test_the_values_of_kantorovich_critics_are_those_of_the_networks() -> None:
    """What is trained is what is asked afterwards."""
    for method in (WC(), GP(), SN(), SO(), LS(), MMB(), MMBv2(), KR(), SLL(), AOL(), PRW(), LPALM(), Cones()):
        learner = made(method)
        assert isinstance(learner, HasPotential)
        network = learner.networks[0] if isinstance(learner.networks, nn.ModuleList) else learner.networks
        learner.networks.eval()
        assert torch.equal(learner.potential(X), network(X))
