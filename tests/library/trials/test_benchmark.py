"""A user's own solver over a suite: the rows of trials by another way, resumed where it was killed, with the skill that is due."""

from __future__ import annotations

import os
import random
import re
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import w1bench
from support.forks import Fork
from support.processes import wait_for
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError, PairError
from w1bench.recipes.files import read_recipe
from w1bench.recipes.recipe import Family
from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.trials import results
from w1bench.trials.adapter import own_method
from w1bench.trials.comparison.benchmark import benchmark
from w1bench.trials.grid import run_grid
from w1bench.trials.row import row
from w1bench.trials.suites import SUITES, pairs_of
from w1bench.trials.trial import make_trial

BATCH = 256
UNTRAINED = ("dot", "kmeans", "sinkhorn", "sliced", "energy", "radial", "shift")
SOURCE = """
import torch

class Drift:
    def __init__(self, shape, steps=6):
        self.critic, self.steps = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(shape[0], 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)), steps

    def fit(self, inputs, targets):
        optimiser = torch.optim.SGD(self.critic.parameters(), 0.1)
        for k in range(self.steps):
            loss = self.critic(targets(k)).mean() - self.critic(inputs(k)).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return -loss.item()
"""


@pytest.fixture(scope="module")
def suite(archive: Path, families: Path) -> list[StoredPair]:
    """Two funnel pairs, one of another family, and a control."""
    folders = (archive / "small-d2-n4-p8", archive / "small-d16-n64-p8", families / "smooth", families / "shift")
    return [w1bench.load(folder) for folder in folders]


@pytest.fixture
def place(tmp_path: Path) -> str:
    (tmp_path / "drift.py").write_text(SOURCE)
    return f"{tmp_path / 'drift.py'}:Drift"


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in ("seconds", "curve")} for row in rows]


class Truth:
    """Knows the gradient at the test inputs, by the pair that it is made for."""

    def __init__(self, pair: StoredPair) -> None:
        self.inputs, self.slopes = (torch.from_numpy(rows[:]) for rows in (pair.test.input, pair.test.gradient))
        self.asked = 0

    def fit(self, inputs: Any, targets: Any) -> None:
        pass

    def gradient(self, x: torch.Tensor) -> torch.Tensor:
        rows = slice(self.asked, self.asked + len(x))
        self.asked += len(x)
        assert torch.equal(self.inputs[rows].float(), x)
        return self.slopes[rows]


def test_a_solver_that_returns_the_truth_has_skill_one(suite: list[StoredPair], tmp_path: Path) -> None:
    found = benchmark([Truth, "radial"], suite, out=tmp_path / "out.json")
    first, second = found.standings
    assert (first.method, first.rank, second.method, second.rank) == ("Truth", 1, "radial", 2)
    assert set(first.pairs) == {"small-d2-n4-p8", "small-d16-n64-p8", "smooth"}
    assert [sample.value for sample in first.pairs.values()] == pytest.approx([1.0] * 3, abs=1e-7)
    assert first.skill
    assert first.worst
    assert (first.skill.value, first.worst[1]) == pytest.approx((1.0, 1.0), abs=1e-7)
    assert first.control == pytest.approx(1.0, abs=1e-7)
    assert second.skill
    assert second.skill.value < 0.05
    assert found.rows[0]["missing"]["dev"] == "the submission holds no `input_potential` and no `target_potential`"


@pytest.mark.parametrize("name", UNTRAINED)
def test_untrained_methods_through_a_benchmark_are_their_trials(
    name: str, suite: list[StoredPair], tmp_path: Path
) -> None:
    pair = suite[1]
    settings = SOLVERS[name].settings(pair.shape).override(batch=BATCH)

    def make(pair: StoredPair, seed: int) -> ReferenceSolver:
        return ReferenceSolver(SOLVERS[name], pair.shape, settings, seed=seed)

    found = benchmark({"mine": make}, pair, batch=BATCH, out=tmp_path / "out.json").rows[0]
    known = row(replace(make_trial(name, pair), settings=settings))
    assert found["method"] == "mine"
    for figure in ("metrics", "diagnosis", "trivial", "resamples", "steps", "dual_value", "data", "law"):
        assert found[figure] == known[figure]
    if name in ("energy", "radial", "shift"):  # the others take long with as many points as they have by themselves
        assert (
            benchmark(name, pair, out=tmp_path / "same.json").rows[0]["metrics"]
            == row(make_trial(name, pair))["metrics"]
        )


def test_a_trained_method_through_a_benchmark_is_its_trial(suite: list[StoredPair], tmp_path: Path) -> None:
    pair = suite[0]

    def make(pair: StoredPair, steps: int, seed: int) -> ReferenceSolver:
        settings = SOLVERS["mmr"].settings(pair.shape).override(steps=steps)
        return ReferenceSolver(SOLVERS["mmr"], pair.shape, settings, seed=seed)

    rows = benchmark({"mine": make}, pair, steps=3, seeds=2, out=tmp_path / "out.json").rows
    known = [row(make_trial("mmr", pair, steps=3, seed=seed)) for seed in range(2)]
    assert [found["metrics"] for found in rows] == [found["metrics"] for found in known]
    assert rows[0]["metrics"] != rows[1]["metrics"]


class Center:
    """f(x) = -||x - mean of Q||, in any library."""

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self.library: Any = {"torch": torch, "numpy": np, "jax": jnp}[framework]
        self.mean: Any = None

    def fit(self, inputs: Any, targets: Any) -> None:
        assert isinstance(targets(0), torch.Tensor if self.framework == "torch" else np.ndarray)
        self.mean = targets(0).mean(0)

    def potential(self, x: Any) -> Any:
        if self.framework == "torch":
            return -(x - self.mean).norm(dim=1, keepdim=True)
        return -self.library.sqrt(((x - self.mean) ** 2).sum(axis=1))


class Called(Center):
    """The same, which gives its critic away."""

    potential = None  # type: ignore[assignment]

    def fit(self, inputs: Any, targets: Any) -> Any:
        super().fit(inputs, targets)
        return partial(Center.potential, self)


def test_critics_of_all_libraries_have_the_same_score(suite: list[StoredPair], tmp_path: Path) -> None:
    pair = suite[1]
    known = row(
        replace(make_trial("radial", pair), settings=SOLVERS["radial"].settings(pair.shape).override(batch=1024))
    )
    makers = {f"in {name}": partial(kind, name) for name in ("torch", "numpy", "jax") for kind in (Center,)}
    makers |= {"given away": partial(Called, "torch")}
    rows = benchmark(makers, pair, out=tmp_path / "out.json").rows
    assert [found["method"] for found in rows] == list(makers)
    for found in rows:
        assert found["steps"] == 1
        for metric in ("cos", "l2", "dev", "w1_estimate"):
            assert found["metrics"][metric]["value"] == pytest.approx(known["metrics"][metric]["value"], rel=1e-3)


def test_a_benchmark_that_was_killed_is_resumed_to_the_same_rows(
    place: str, suite: list[StoredPair], tmp_path: Path
) -> None:
    folders = [pair.folder for pair in suite[:3]]
    whole = benchmark([place, "energy"], folders, seeds=2, out=tmp_path / "whole.json")
    out = tmp_path / "killed.json"
    started = Fork(benchmark, [place, "energy"], folders, seeds=2, out=out, progress=False)
    wait_for(out.exists, started, seconds=240)
    started.send_signal(signal.SIGKILL)
    started.wait(timeout=60)
    assert 0 < len(kept := results.read(out)) < len(whole.rows)
    resumed = benchmark([place, "energy"], folders, seeds=2, out=out)
    assert figures(list(resumed.rows)) == figures(list(whole.rows))
    assert all(found in resumed.rows for found in kept)
    assert [(s.method, s.rank, s.seeds) for s in resumed.standings] == [(s.method, s.rank, s.seeds) for s in whole.standings]  # fmt: skip
    other = run_grid([place], [suite[0]], tmp_path / "processes.json", seeds=2, workers=2)
    assert [found["metrics"] for found in other] == [found["metrics"] for found in whole.rows if found["pair"] == suite[0].name and found["method"] == "Drift"]  # fmt: skip


def test_an_edited_solver_is_run_again_and_its_rows_give_way(
    place: str, suite: list[StoredPair], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    before = benchmark([place, "radial"], suite[0], out=out).rows
    stamp = (tmp_path / "drift.py").stat()
    (tmp_path / "drift.py").write_text(SOURCE.replace("0.1)", "0.2)"))
    os.utime(tmp_path / "drift.py", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # of the same second and size
    after = benchmark([place], suite[0], out=out).rows
    assert [found["method"] for found in results.read(out)] == ["radial", "Drift"]
    assert after[0]["metrics"] != before[0]["metrics"]
    other_steps = benchmark([place], suite[0], steps=2, out=out).rows
    assert (other_steps[0]["steps"], after[0]["steps"]) == (2, 6)
    assert len(results.read(out)) == 3


class Noise:
    """A constant direction out of all global streams."""

    def fit(self, inputs: Any, targets: Any) -> None:
        self.direction = torch.randn(2) + float(np.random.rand()) + random.random()  # noqa: NPY002

    def potential(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.direction


def test_seeds_determine_global_streams_and_leave_them_alone(suite: list[StoredPair], tmp_path: Path) -> None:
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    first = benchmark(Noise, suite[0], seeds=2, out=tmp_path / "first.json").rows
    drawn = (float(torch.rand(1)), float(np.random.rand()), random.random())  # noqa: NPY002
    second = benchmark(Noise, suite[0], seeds=2, out=tmp_path / "second.json").rows
    assert figures(list(first)) == figures(list(second))
    assert first[0]["metrics"] != first[1]["metrics"]
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    assert drawn == (float(torch.rand(1)), float(np.random.rand()), random.random())  # noqa: NPY002


class Wild:
    def fit(self, inputs: Any, targets: Any) -> None:
        pass

    def potential(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1) * torch.inf


def test_a_solver_that_diverges_is_listed_apart(suite: list[StoredPair], tmp_path: Path) -> None:
    found = benchmark([Wild, "radial"], suite[:2], out=tmp_path / "out.json")
    assert [(s.method, s.rank, s.diverged) for s in found.standings] == [("radial", 1, 0), ("Wild", None, 2)]
    assert "No figure on small-d2-n4-p8, small-d16-n64-p8: Wild." in found.text().replace("\n", " ")
    assert "without all pairs:\n" in found.text()


def test_rows_of_files_stand_beside(suite: list[StoredPair], tmp_path: Path) -> None:
    benchmark(["energy", "radial"], suite[:2], out=tmp_path / "known.json")
    found = benchmark([Noise, "radial"], suite[0], out=tmp_path / "out.json", against=[tmp_path / "known.json"])
    assert {standing.method for standing in found.standings} == {"Noise", "energy", "radial"}
    assert list(found.pairs.families) == ["small-d2-n4-p8"]
    assert len(results.read(tmp_path / "out.json")) == 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda pair: object(), "without `fit`"),
        (type("Mute", (), {"fit": lambda *_: None}), "has no critic; give it"),
        (type("Foreign", (), {"fit": lambda *_: None, "framework": "cupy"}), "'cupy'; give one of torch, numpy, jax"),
        (lambda width, depth: None, "needs `width` and `depth`, which a trial does not have"),
        (lambda pair, width: None, "needs `width`"),
        (lambda steps: None, "has to be told its `steps`"),
    ],
)  # fmt: skip
def test_what_is_no_solver_is_refused_in_words(make: Any, said: str, suite: list[StoredPair], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        benchmark({"mine": make}, suite[0], out=tmp_path / "out.json")


def test_what_is_no_method_suite_or_pair_is_refused_in_words(suite: list[StoredPair], tmp_path: Path) -> None:
    for solver, said in (
        ("lpp", "no method 'lpp'.*path/to/file.py:name"),
        ("nowhere.py:Solver", "nowhere.py:Solver cannot be imported"),
        ("w1bench.errors:Nothing", "has no attribute 'Nothing'"),
        ("w1bench.errors:__doc__", "is a str; give a class"),
    ):
        with pytest.raises(InputError, match=said):
            benchmark(solver, suite[0], out=tmp_path / "out.json")
    with pytest.raises(InputError, match="There is a reference method lp"):
        own_method(Noise, name="lp")
    with pytest.raises(InputError, match="Noise has no parameter `steps`"):
        benchmark(Noise, suite[0], steps=3, out=tmp_path / "out.json")
    with pytest.raises(
        PairError, match="no pairs none, neither here; build them .w1bench build none; w1bench build neither"
    ):
        pairs_of(["none", "neither"])
    with pytest.raises(PairError, match="There is no pair nought"):
        pairs_of("nought")
    with pytest.raises(InputError, match="without a pair; give pairs, or one of quick, core, published, images"):
        pairs_of([])


def test_the_example_of_the_page_learns(suite: list[StoredPair], tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "solvers.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "example.py").write_text(example)
    place = f"{tmp_path / 'example.py'}:Penalised"
    found = benchmark([place, "radial"], suite[1], steps=100, out=tmp_path / "out.json")
    assert found.standings[0].method == "Penalised"
    assert found.rows[0]["steps"] == 100
    assert found.rows[0]["metrics"]["cos"]["value"] > 0.3  # measured .45; untrained about 0


def test_suites_are_of_catalogued_pairs_and_core_has_every_family() -> None:
    recipes = Path(__file__).parents[3] / "datasets" / "recipes"
    families = {name: read_recipe(recipes / f"{name}.toml") for suite in SUITES.values() for name in suite}
    of_core = [
        "ball" if families[name].funnel and name.startswith("ball") else families[name].family
        for name in SUITES["core"]
    ]
    assert sorted(of_core) == sorted(get_args(Family))
    page = (
        (Path(__file__).parents[3] / "docs" / "commands.md").read_text().partition("### Suites")[2].partition("###")[0]
    )
    for name, pairs in SUITES.items():
        (line,) = re.findall(rf"\n\| `{name}` \| (.*) \|", page)
        assert re.findall(r"`([^`]+)`", line) == (["hd-dD-nN-p8"] if name == "published" else list(pairs))
    assert len(SUITES["published"]) == 28
    assert all("photos" in name or "digits" in name or "patches" in name for name in SUITES["images"])
