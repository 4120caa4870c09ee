"""The benchmark for benchopt goes its way from a data set over a solver to figures; benchopt's own base classes are stood in for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.files import ROOT

HERE = ROOT / "docs" / "benchopt"


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads the class of a file of the benchmark, with parameters as benchopt sets them: as attributes."""

    class Base:
        def __init__(self, **parameters: Any) -> None:
            self.__dict__.update(parameters)

        def get_seed(self) -> int:
            return 7

    stand_in = ModuleType("benchopt")
    vars(stand_in).update(BaseObjective=Base, BaseDataset=Base, BaseSolver=Base)
    monkeypatch.setitem(sys.modules, "benchopt", stand_in)

    def load(path: str, name: str) -> Any:
        spec = importlib.util.spec_from_file_location(Path(path).stem, HERE / path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, name)

    return load


def test_a_solver_learns_on_a_built_pair_and_is_scored(loaded: Any) -> None:
    objective = loaded("objective.py", "Objective")()
    dataset = loaded("datasets/simulated.py", "Dataset")(dim=2, funnels=4)
    objective.set_data(**dataset.get_data())
    solver = loaded("solvers/reference.py", "Solver")(method="lp", seed=0)
    solver.set_objective(**objective.get_objective())
    values = []
    for steps in (0, 300):
        solver.run(steps)
        values.append(objective.evaluate_result(**solver.get_result()))
    assert values[1]["value"] < values[0]["value"]
    assert values[1]["value"] == pytest.approx(1 - values[1]["cos"])
    assert set(objective.evaluate_result(**objective.get_one_result())) >= {"value", "skill", "dev"}


def test_catalogued_pairs_are_data_sets(loaded: Any, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W1BENCH_ARCHIVE", str(archive))
    data = loaded("datasets/pairs.py", "Dataset")(pair="small-d2-n4-p8").get_data()
    assert data["pair"].name == "small-d2-n4-p8"
