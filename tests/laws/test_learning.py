"""Every solver learns a small pair, and a broken one does not; it sees its samplers alone, and resumes to the same weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import w1bench
from w1bench.client.stored_pair import StoredPair
from w1bench.solvers import GP, LP, LPALM, LS, MM, MMR, SOLVERS, TTC, ReferenceSolver
from w1bench.solvers.learners.critic import CriticLearner, Loss, kantorovich
from w1bench.solvers.learners.distances import distances, least, lengths
from w1bench.solvers.learners.three_players import ThreePlayers
from w1bench.solvers.methods.kmeans import KMeans
from w1bench.solvers.networks import architectures as networks
from w1bench.solvers.networks.orthogonal import orthogonal_critic
from w1bench.solvers.protocol import Learner, Method, Outcome, Sampler, Settings


@dataclass(frozen=True)
class Course:
    """How long a solver learns for, and the least cosine and dual value, in units of W1, that show that it did."""

    steps: int
    cosine: float
    dual: float = 0.6
    rate: float = 2e-3
    seeds: int = 1


# ENOT's critic and mover go round each other: its cosine of one seed is anything from .15 to .6, and .36 on average. The slopes of WC and of what does not bound them by 1 are of no fixed size, and TTC's dual value is that of its last critic.
COURSES = {
    "wc": Course(300, 0.3, 0), "gp": Course(300, 0.58), "lp": Course(300, 0.7), "sn": Course(300, 0.5), "so": Course(300, 0.65),
    "ls": Course(300, 0.55), "mmb": Course(300, 0.75), "mmbv2": Course(300, 0.65), "mm": Course(150, 0.65),
    "mmr": Course(250, 0.55), "dot": Course(1, 0.9), "ttc": Course(360, 0.5, 0), "kr": Course(300, 0.65), "sll": Course(300, 0.65),
    "aol": Course(300, 0.65), "prw": Course(300, 0.65), "lp-alm": Course(300, 0.7), "enot": Course(500, 0.25, seeds=12), "cones": Course(300, 0.9, rate=2e-2),
    "kmeans": Course(1, 0.85), "sinkhorn": Course(1, 0.85, 0.4), "sliced": Course(1, 0.7, 0.4), "energy": Course(1, 0.6, 0.2),
    "shift": Course(1, 0.4),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A method with another network or loss."""

    network: Callable[[tuple[int, ...]], nn.Module] = networks.critic
    loss: Loss = kantorovich
    tag: str = "mutant"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return LP().settings(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        return CriticLearner(self.network(shape), self.loss, settings)


@dataclass(frozen=True)
class LazyMover:
    """MM or MM:R whose mover stays as it is."""

    method: Any
    tag: str = "mutant"

    def settings(self, shape: tuple[int, ...]) -> Settings:
        return self.method.settings(shape)

    def learner(self, shape: tuple[int, ...], settings: Settings) -> Learner:
        learner = self.method.learner(shape, settings)
        players: ThreePlayers = learner.players
        players.mover_steps = 0
        return learner


def to_the_furthest(critic: nn.Module, x: Tensor, y: Tensor, _: object) -> tuple[Tensor, Tensor]:
    """MM:B's loss with the worst x for each y in place of the best."""
    f = critic(x)
    worst = least(f.detach() - distances(y, x))
    dual = f.mean() + (lengths(x[worst] - y) - f[worst]).mean()
    return -dual, dual


def linear(shape: tuple[int, ...]) -> nn.Module:
    """Orthogonal layers with nothing between them."""
    return orthogonal_critic(shape, nn.Identity())


@pytest.fixture(scope="module")
def pair(archive: Path) -> StoredPair:
    return w1bench.load(archive / "small-d2-n4-p8")


def cosine_and_dual(
    method: Method, pair: StoredPair, course: Course, *, exchanged: bool = False
) -> tuple[float, float]:
    """Train on fresh draws; the mean cosine with the true gradient, and the dual value in units of W1."""
    return _learned(method, pair.folder, course.steps, course.rate, course.seeds, exchanged)


@cache  # several methods are broken alike
def _learned(method: Method, folder: Path, steps: int, rate: float, seeds: int, exchanged: bool) -> tuple[float, float]:
    pair = w1bench.load(folder)
    batch = 1024 if steps == 1 else 256
    settings = replace(method.settings((2,)), steps=steps, learning_rate=rate, batch=batch)
    x, truth = torch.from_numpy(pair.test.input[:]), torch.from_numpy(pair.test.gradient[:])
    cosines, duals = [], []
    for seed in range(seeds):
        inputs, targets = pair.sampler(batch, seed=seed)
        fitted = ReferenceSolver(method, (2,), settings, seed=seed)
        fit = fitted.fit(targets, inputs) if exchanged else fitted.fit(inputs, targets)
        if fit.outcome is Outcome.DIVERGED:
            return 0.0, np.inf
        cosines.append(float(nn.functional.cosine_similarity(fitted.gradient(x).double(), truth).mean()))
        duals.append(fit.dual_value / pair.w1)
    return fmean(cosines), fmean(duals)


@pytest.mark.parametrize("name", COURSES)
def test_a_solver_learns(name: str, pair: StoredPair) -> None:
    cosine, dual = cosine_and_dual(SOLVERS[name], pair, COURSES[name])
    assert cosine > COURSES[name].cosine
    assert COURSES[name].dual < dual < 1.3


def test_the_radial_critic_alone_need_not_learn_and_both_trivial_ones_solve_their_controls() -> None:
    assert set(SOLVERS) - set(COURSES) == {"radial"}
    targets, direction = gaussian(1, 0.0), torch.tensor([0.0, 0.6, 0.8])
    inwards, moved = (
        _asked("radial", lambda k: targets(k) / 2, targets),
        _asked("shift", lambda k: targets(k) + direction, targets),
    )
    assert nn.functional.cosine_similarity(inwards, -targets(9)).mean() > 0.97  # the mean of 32 points is not quite 0
    assert torch.allclose(moved, direction.expand(32, 3), atol=1e-6)


def _asked(name: str, inputs: Sampler, targets: Sampler) -> Tensor:
    """What a critic of one sample says of other points."""
    fitted = ReferenceSolver(SOLVERS[name], (3,), replace(SOLVERS[name].settings((3,)), batch=32))
    fitted.fit(inputs, targets)
    return fitted.gradient(targets(9))


@pytest.mark.parametrize(
    ("name", "mutant"),
    [
        ("gp", GP(weight=0)),
        ("lp", LP(weight=0)),
        ("sn", Mutant()),
        ("so", Mutant(linear)),
        ("ls", LS(eps=-0.01)),
        ("mmb", Mutant(loss=to_the_furthest)),
        ("mmbv2", Mutant()),
        ("mm", LazyMover(MM())),
        ("mmr", LazyMover(MMR())),
        ("ttc", TTC(weight=0)),
        ("kr", Mutant(linear)),
        ("sll", Mutant(linear)),
        ("aol", Mutant(linear)),
        ("prw", Mutant(linear)),
        ("lp-alm", LPALM(weight=0, eta=0)),
    ],
)
def test_a_broken_solver_does_not(name: str, mutant: Method, pair: StoredPair) -> None:
    """Without its penalty, its constraint, its transform or its mover, a method is caught by the bounds above."""
    cosine, dual = cosine_and_dual(mutant, pair, COURSES[name])
    assert cosine < COURSES[name].cosine or dual > 1.3


@pytest.mark.parametrize("name", ["wc", "dot", "enot", "cones", "kmeans", "sinkhorn", "sliced", "energy", "shift"])
def test_a_solver_of_the_wrong_sign_does_not(name: str, pair: StoredPair) -> None:
    cosine, _ = cosine_and_dual(SOLVERS[name], pair, replace(COURSES[name], seeds=1), exchanged=True)
    assert cosine < 0


def small(method: Method, checkpoint: Path | None = None) -> ReferenceSolver:
    if isinstance(method, KMeans):
        method = replace(method, refits=2)  # each of 120 steps would refit it a hundred times
    settings = replace(method.settings((3,)), steps=120, batch=32)
    return ReferenceSolver(method, (3,), settings, seed=1, checkpoint=checkpoint, save_every=0.0)


def gaussian(seed: int, shift: float, asked: list[int] | None = None, until: int = 10**9) -> Sampler:
    """Normal batches of 32; their numbers are noted in `asked`, and number `until` ends the process, as it were."""

    def draw(k: int) -> Tensor:
        if k >= until:
            raise KeyboardInterrupt
        if asked is not None:
            asked.append(k)
        return torch.randn(32, 3, generator=torch.Generator().manual_seed(1000 * seed + k)) + shift

    return draw


@cache
def trained(method: Method) -> tuple[ReferenceSolver, list[int], list[int]]:
    """A solver that was trained without a break, which may only be asked, and which batches of each law it took."""
    inputs: list[int] = []
    targets: list[int] = []
    fitted = small(method)
    fitted.fit(gaussian(1, 1.0, inputs), gaussian(2, 0.0, targets))
    return fitted, inputs, targets


@pytest.mark.parametrize("method", SOLVERS.values(), ids=SOLVERS)
def test_an_interrupted_training_resumes_to_the_same_weights(method: Method, tmp_path: Path) -> None:
    (whole, _, _), resumed = trained(method), small(method, tmp_path / "checkpoint")
    with pytest.raises(KeyboardInterrupt):
        resumed.fit(gaussian(1, 1.0, until=70), gaussian(2, 0.0))
    asked: list[int] = []
    resumed.fit(gaussian(1, 1.0, asked), gaussian(2, 0.0))
    assert asked == list(range(50, 120))
    assert whole.learner is not None
    assert resumed.learner is not None
    assert torch.equal(resumed.gradient(gaussian(3, 0.0)(0)), whole.gradient(gaussian(3, 0.0)(0)))
    wanted = whole.learner.networks.state_dict()  # after the gradients: WC's weights are clamped when it is asked
    for name, value in resumed.learner.networks.state_dict().items():
        assert torch.equal(value, wanted[name]), name


@pytest.mark.parametrize("method", SOLVERS.values(), ids=SOLVERS)
def test_a_solver_asks_for_one_batch_of_each_law_a_step_and_nothing_else(method: Method) -> None:
    _, inputs, targets = trained(method)
    assert inputs == targets == list(range(120))


@pytest.mark.parametrize("method", SOLVERS.values(), ids=SOLVERS)
def test_nothing_is_learned_from_being_asked(method: Method) -> None:
    (fitted, _, _), points = trained(method), gaussian(3, 0.0)(0)
    first = fitted.gradient(points), fitted.potential(points)
    fitted.gradient(5 * points)
    fitted.transport(5 * points)
    assert torch.equal(fitted.gradient(points), first[0])
    potential = fitted.potential(points)
    assert (potential is None and first[1] is None) or torch.equal(potential, first[1])


@pytest.mark.parametrize("name", ["gp", "lp", "ls", "mmb", "mmbv2", "mm", "mmr", "ttc", "lp-alm", "enot"])
def test_divergence_is_an_outcome_of_every_solver_whose_weights_are_not_bounded(name: str) -> None:
    fitted = small(SOLVERS[name])
    fitted.settings = replace(fitted.settings, learning_rate=1e38)
    assert fitted.fit(gaussian(1, 1.0), gaussian(2, 0.0)).outcome is Outcome.DIVERGED


@pytest.mark.parametrize("name", [name for name in SOLVERS if name != "lp"])  # whose networks and loss are GP's
@pytest.mark.parametrize("size", [32, 64])
def test_pictures_have_networks(name: str, size: int) -> None:
    method, shape = SOLVERS[name], (3, size, size)
    settings = method.settings(shape).override(batch=2, steps=1)
    fitted = ReferenceSolver(method, shape, settings)
    draws = [torch.randn(2, *shape, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
    assert fitted.fit(lambda _: draws[0], lambda _: draws[1]).outcome is Outcome.FINISHED
    assert fitted.gradient(draws[0]).shape == draws[0].shape
    moved = fitted.transport(draws[0])
    assert moved is None or moved.shape == draws[0].shape
