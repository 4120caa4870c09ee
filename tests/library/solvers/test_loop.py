"""Solvers: the loss is the paper's, the loop is fair, and a known answer is recovered."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import w1bench
from w1bench.solvers import LP, ReferenceSolver
from w1bench.solvers.networks.architectures import critic
from w1bench.solvers.protocol import HasPotential, Learner, Outcome, Sampler, Settings

STEPS = 110  # a checkpoint after the first 100


def gaussian(seed: int, shift: float) -> Sampler:
    def draw(k: int) -> Tensor:
        return torch.randn(64, 3, generator=torch.Generator().manual_seed(1000 * seed + k)) + shift

    return draw


def solver(**changes: object) -> ReferenceSolver:
    settings = Settings(steps=STEPS, batch=64, learning_rate=1e-3, betas=(0.0, 0.9)).override(**changes)
    return ReferenceSolver(LP(), (3,), settings, seed=1)


@pytest.mark.parametrize(
    ("shape", "parameters"),
    [
        ((2,), 2 * 128 + 128 + 128 * 128 + 128 + 128 + 1),
        ((128,), 128 * 256 + 256 + 256 * 256 + 256 + 256 + 1),
        ((3, 32, 32), 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256)),
        ((3, 64, 64), 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 64 + 128 + 256 + 512 + 1),
        ((1, 8, 8), 64 * 128 + 128 + 128 * 128 + 128 + 128 + 1),
    ],
)
def test_critics_have_the_published_sizes(shape: tuple[int, ...], parameters: int) -> None:
    network = critic(shape)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert network(torch.zeros(5, *shape)).shape == (5,)


def test_a_shift_is_recovered() -> None:
    """Two normal laws a shift apart: f is linear, its gradient points along the shift, W1 is the shift's length."""
    fitted = ReferenceSolver(LP(), (3,), Settings(300, 64, 2e-3, (0.0, 0.9)), seed=1)
    fit = fitted.fit(gaussian(1, 2.0), gaussian(2, 0.0))
    assert fit.outcome is Outcome.FINISHED
    assert fit.dual_value == pytest.approx(2 * math.sqrt(3), rel=0.25)
    x = gaussian(3, 2.0)(0)
    gradient = fitted.gradient(x)
    cosine = nn.functional.cosine_similarity(gradient, torch.ones(1, 3))
    assert cosine.mean() > 0.98
    at_x, at_y = (fitted.potential(draws) for draws in (x, gaussian(4, 0.0)(0)))
    assert at_x is not None
    assert at_y is not None
    difference = at_x.mean() - at_y.mean()
    assert difference.item() == pytest.approx(fit.dual_value, rel=0.3)


def test_the_gradient_is_that_of_the_potential() -> None:
    fitted = solver(steps=20)
    fitted.fit(gaussian(1, 2.0), gaussian(2, 0.0))
    x, step = gaussian(3, 0.0)(0), torch.tensor([[1e-2, 0.0, 0.0]])
    slope = (fitted.potential(x + step) - fitted.potential(x - step)) / 2e-2
    assert (slope - fitted.gradient(x)[:, 0]).abs().median() < 1e-3


def test_a_training_is_a_function_of_its_seed() -> None:
    state = torch.get_rng_state()
    a, b = solver(), solver()
    assert (
        a.fit(gaussian(1, 1.0), gaussian(2, 0.0)).dual_values == b.fit(gaussian(1, 1.0), gaussian(2, 0.0)).dual_values
    )
    x = gaussian(3, 0.0)(0)
    assert torch.equal(a.gradient(x), b.gradient(x))
    assert torch.equal(torch.get_rng_state(), state), "the global stream was touched"


def test_a_training_is_not_slower_where_others_have_the_processor() -> None:
    """Its seconds are those that it computed, not those that it waited; a look's own do not count."""

    def held_up(k: int) -> Tensor:
        time.sleep(0.02)
        return gaussian(1, 1.0)(k)

    fitted, looked = solver(steps=60), []
    fitted.looks_at, fitted.look = (30,), lambda: looked.append(sum(range(10**7))) or {}
    started, worked = time.monotonic(), time.process_time()
    fit = fitted.fit(held_up, gaussian(2, 0.0))
    assert time.monotonic() - started > 60 * 0.02 + fit.seconds
    assert 0 < fit.curve[0]["seconds"] < fit.seconds < time.process_time() - worked
    assert looked


class _KilledError(Exception):
    """Stands for whatever ends a process between two steps."""


def _until(step: int, sampler: Sampler) -> Sampler:
    def draw(k: int) -> Tensor:
        if k >= step:
            raise _KilledError
        return sampler(k)

    return draw


def test_an_interrupted_training_resumes_to_the_same_result(tmp_path: Path) -> None:
    x, y = gaussian(1, 1.0), gaussian(2, 0.0)
    whole, interrupted = solver(), solver()
    whole.fit(x, y)
    interrupted.checkpoint, interrupted.save_every = tmp_path / "checkpoint", 0.0
    with pytest.raises(_KilledError):
        interrupted.fit(_until(105, x), y)
    assert interrupted.checkpoint.exists()
    asked: list[int] = []

    def counted(k: int) -> Tensor:
        asked.append(k)
        return x(k)

    interrupted.fit(counted, y)
    assert asked[0] == 100
    assert torch.equal(interrupted.gradient(x(0)), whole.gradient(x(0)))


def test_a_checkpoint_of_another_training_is_not_taken_over(tmp_path: Path) -> None:
    x, y, path = gaussian(1, 1.0), gaussian(2, 0.0), tmp_path / "checkpoint"
    interrupted = solver()
    interrupted.checkpoint, interrupted.save_every = path, 0.0
    with pytest.raises(_KilledError):
        interrupted.fit(_until(105, x), y)
    left = path.read_bytes()
    for change in ({"seed": 5}, {"data": "another pair"}):
        clean, other = solver(), solver()
        for name, value in change.items():
            setattr(clean, name, value)
            setattr(other, name, value)
        path.write_bytes(left)
        other.checkpoint = path
        other.fit(x, y)
        clean.fit(x, y)
        assert torch.equal(other.gradient(x(0)), clean.gradient(x(0)))
    path.write_bytes(b"junk")
    assert interrupted.fit(x, y).steps == STEPS


def test_divergence_is_an_outcome() -> None:
    fit = solver(learning_rate=1e30).fit(gaussian(1, 1.0), gaussian(2, 0.0))
    assert fit.outcome is Outcome.DIVERGED
    assert fit.steps < STEPS


def test_a_solver_sees_nothing_but_its_samplers(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch that training takes is counted, and no test point is read before it ends."""
    from w1bench.trials import trial

    pair = w1bench.load(archive / "small-d2-n4-p8")
    drawn: dict[str, list[int]] = {"input": [], "target": []}

    def counted(name: str, sampler: Sampler) -> Callable[[int], Tensor]:
        def draw(k: int) -> Tensor:
            drawn[name].append(k)
            return sampler(k)

        return draw

    inputs, targets = pair.train_samplers(256)
    fitted = ReferenceSolver(LP(), (2,), LP().settings((2,)).override(steps=30, batch=256))
    fitted.fit(counted("input", inputs), counted("target", targets))
    assert drawn == {"input": list(range(30)), "target": list(range(30))}
    assert "test" not in pair.__dict__
    assert set(trial.answers(fitted, pair)) == {"gradient", "input_potential", "target_potential", "probe_gradient"}


def test_learners_and_solvers_keep_their_protocols() -> None:
    learner: Learner = LP().learner((2,), LP().settings((2,)))
    assert isinstance(learner, HasPotential)
    assert learner.potential(torch.zeros(4, 2)).shape == (4,)


def test_a_diverged_training_leaves_a_sidecar_alone(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    wild = Settings(steps=200, batch=64, learning_rate=1e30, betas=(0.0, 0.9))
    monkeypatch.setattr(LP, "settings", lambda self, shape: wild)
    from w1bench.trials.solve import solve as solve_pair

    sidecar = solve_pair("lp", w1bench.load(archive / "small-d2-n4-p8"), tmp_path / "lp.h5")
    assert (sidecar["outcome"], sidecar["submission"], sidecar["dual_value"]) == ("diverged", None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["lp.json"]
    assert json.loads((tmp_path / "lp.json").read_text()) == json.loads(json.dumps(sidecar))


@pytest.mark.parametrize(("name", "least"), [("small-d2-n4-p8", 0.6), ("small-d16-n64-p8", 0.3)])
def test_lp_learns_a_pair_from_its_files(name: str, least: float, archive: Path, tmp_path: Path) -> None:
    from w1bench.client.api import score_file
    from w1bench.trials.solve import solve

    sidecar = solve("lp", w1bench.load(archive / name), tmp_path / "lp.h5", steps=400)
    assert (sidecar["outcome"], sidecar["steps"], sidecar["submission"]) == ("finished", 400, "lp.h5")
    cos = score_file(archive / name, tmp_path / "lp.h5").metrics["cos"]
    assert cos is not None
    assert cos.value > least
