"""Trials: what a solver learns from, rows of results, and a grid that goes on where it was interrupted."""

from __future__ import annotations

import csv
import json
import signal
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import psutil
import pytest
import torch

import w1bench
from support.forks import Fork
from support.processes import wait_for
from support.rows import made_row
from w1bench.client.api import score_with_resamples
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError
from w1bench.scoring.scorecard import Scorecard
from w1bench.solvers import ReferenceSolver
from w1bench.solvers.protocol import Settings
from w1bench.trials import grid, results
from w1bench.trials.comparison.repetition import repeat
from w1bench.trials.grid import checkpoint_of, run_grid
from w1bench.trials.resamples import unpacked
from w1bench.trials.results import published_name
from w1bench.trials.row import row
from w1bench.trials.solve import solve
from w1bench.trials.tables import as_csv, as_markdown
from w1bench.trials.trial import make_trial, run

STEPS = 300  # of the trial that is killed


@pytest.fixture(scope="module")
def pair(archive: Path) -> StoredPair:
    return w1bench.load(archive / "small-d2-n4-p8")


def sealed(pair: StoredPair) -> StoredPair:
    return replace(pair, manifest=pair.manifest.model_copy(update={"sealed": True, "w1": None}))


def unreachable(pair: StoredPair) -> StoredPair:
    """The pair as one whose recipe names a generator that is not here."""
    source = {
        "kind": "generator",
        "checkpoint": "nowhere.pt",
        "sha256": "0" * 64,
        "architecture": "onnx",
        "noise": 0.01,
    }
    recipe = pair.manifest.recipe | {"source": source}
    return replace(pair, manifest=pair.manifest.model_copy(update={"recipe": recipe}))


def test_fresh_draws_are_the_default_where_a_pair_can_be_drawn_from(pair: StoredPair) -> None:
    assert (make_trial("lp", pair).data, make_trial("lp", pair, data="train").data) == ("fresh", "train")
    for closed, reason in ((sealed(pair), "is sealed"), (unreachable(pair), "nowhere.pt")):
        trial = make_trial("lp", closed)
        assert trial.data == "train"
        assert reason in str(trial.data_note)
        with pytest.raises(InputError, match="give --data train"):
            make_trial("lp", closed, data="fresh")


def test_what_is_learned_from_is_what_the_row_says(pair: StoredPair, monkeypatch: pytest.MonkeyPatch) -> None:
    for data, other in (("fresh", "train_samplers"), ("train", "sampler")):
        trial = make_trial("lp", pair, steps=2, data=data)
        with monkeypatch.context() as patched:
            patched.setattr(StoredPair, other, None)
            assert row(trial)["data"] == data


def test_steps_of_a_grid_shorten_and_never_lengthen(pair: StoredPair) -> None:
    assert make_trial("wc", pair, at_most=100).settings.steps == 100
    assert make_trial("wc", pair, at_most=10**6).settings.steps == 5_000
    assert make_trial("dot", pair, at_most=100).settings.steps == 1
    assert make_trial("wc", pair, steps=10**6).settings.steps == 10**6


def test_a_row_equals_the_scorecard_of_the_submission(pair: StoredPair, tmp_path: Path) -> None:
    found = row(make_trial("mmr", pair, steps=30, seed=2))
    solve("mmr", pair, tmp_path / "mmr.h5", steps=30, seed=2)
    card: Scorecard = w1bench.client.api.score_file(pair.folder, tmp_path / "mmr.h5")
    dumped = card.model_dump(mode="json")
    assert found["metrics"] == dumped["metrics"]
    assert (found["pair_digest"], found["points"]) == (dumped["pair_digest"], 1500)
    assert found["settings"] == {"steps": 30, "batch": 1024, "learning_rate": 2e-4, "betas": [0.0, 0.9]}
    assert found["machine"]["threads"] == torch.get_num_threads()
    assert found["software"]["torch"] == torch.__version__
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    with h5py.File(tmp_path / "mmr.h5") as file:
        scored = score_with_resamples(pair, **{name: data[:] for name, data in file.items()})
    kept = np.frombuffer(unpacked(found["metrics"], found["resamples"])).reshape(5, -1)
    exact = np.frombuffer(scored.resampled).reshape(5, -1)
    assert (np.abs(kept - exact) <= np.ptp(exact, axis=1, keepdims=True) / 131_000).all()
    assert len(json.dumps(found["resamples"])) < len(scored.resampled) / 2.9
    with pytest.raises(InputError, match="damaged"):
        unpacked(found["metrics"], {"cos": found["resamples"]["cos"]})


def test_a_curve_is_what_shorter_trainings_end_in_and_leaves_a_training_as_it_was(pair: StoredPair) -> None:
    """LP's steps do not know how many come after them, so that a point of its curve is the row of a training that ended there."""
    for method in ("lp", "sn"):
        trial = make_trial(method, pair, steps=64)
        found = row(trial)
        assert [point["steps"] for point in found["curve"]] == [1, 4, 16, 64]
        _, arrays = run(trial)
        assert arrays is not None
        unwatched = score_with_resamples(pair, **arrays).card
        for point, steps in zip(found["curve"], (1, 4, 16, 64), strict=True):
            ended = found if steps == 64 else row(make_trial(method, pair, steps=steps))
            for name in ("cos", "l2", "w1_estimate"):
                assert point["metrics"][name] == ended["metrics"][name]["value"], (method, steps, name)
        assert found["metrics"] == unwatched.model_dump(mode="json")["metrics"]
        seconds = [point["seconds"] for point in found["curve"]]
        assert seconds == sorted(seconds)
        assert seconds[-1] == found["seconds"]


def test_what_does_not_train_has_a_curve_of_one_point(pair: StoredPair) -> None:
    (point,) = row(make_trial("radial", pair))["curve"]
    assert point["steps"] == 1


def test_cells_are_trained_again_and_compared(
    pair: StoredPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("W1BENCH_ARCHIVE", str(pair.folder.parent))
    out = tmp_path / "results.json"
    run_grid(["wc", "cones", "radial"], [pair], out, steps=64, workers=1)
    cells = list(repeat(results.read(out), share=1, workers=None))
    assert all(cell.difference == 0 for cell in cells)
    results.write_compact(out, results.read(out))
    cells = list(repeat(results.read(out), share=1, workers=None))
    assert sorted((cell.method, cell.steps, cell.holds) for cell in cells) == [
        ("WC", (1, 4, 16), True), ("cones", (1, 4, 16), True), ("radial", (1,), True),
    ]  # fmt: skip
    assert all(cell.difference is not None and cell.difference < 1e-6 for cell in cells)
    rows = results.read(out)
    for row_ in rows:
        row_["curve"][0]["metrics"]["cos"] += 0.03
    (cell,) = repeat(rows, share=0.1, workers=None)
    assert not cell.holds
    assert "differ" in str(cell)
    rows[0]["recipe_sha256"] = "0" * 64
    with pytest.raises(InputError, match="build the pair"):
        list(repeat(rows, share=1, workers=None))
    with pytest.raises(InputError, match="learning curve"):
        list(repeat([row_ | {"curve": []} for row_ in rows], workers=None))


def test_dot_and_maps_give_what_they_have(pair: StoredPair) -> None:
    _, arrays = run(replace(make_trial("dot", pair), settings=Settings(1, 256, 0.0, (0.0, 0.0))))
    assert arrays is not None
    assert set(arrays) == {"gradient", "input_potential", "target_potential", "probe_gradient"}
    _, arrays = run(make_trial("mmr", pair, steps=2))
    assert arrays is not None
    assert set(arrays) == {"gradient", "transported", "input_potential", "target_potential", "probe_gradient"}


def test_a_diverged_trial_is_a_row(pair: StoredPair, tmp_path: Path) -> None:
    trial = make_trial("lp", pair, steps=200)
    wild = replace(trial, settings=replace(trial.settings, learning_rate=1e30))
    found = row(wild)
    assert (found["outcome"], found["metrics"], found["dual_value"]) == ("diverged", None, None)
    fine = row(replace(trial, settings=replace(trial.settings, steps=2)))
    results.write(tmp_path / "results.json", [found, fine])
    rows = results.read(tmp_path / "results.json")
    assert "1 (1 diverged)" in as_markdown(rows)
    assert len(list(csv.DictReader(StringIO(as_csv(rows))))) == 2


def test_answers_that_are_not_finite_are_divergence(pair: StoredPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReferenceSolver, "gradient", lambda self, x: torch.full_like(x, torch.nan))
    found = row(make_trial("lp", pair, steps=2))
    assert (found["outcome"], found["metrics"]) == ("diverged", None)


def test_the_law_of_a_pair_names_its_published_figures(archive: Path) -> None:
    assert published_name(w1bench.load(archive / "small-d16-n64-p8").manifest) == "hd-d16-n64-p8"
    assert published_name(w1bench.load(archive / "small-ball-d2-p8").manifest) == "small-ball-d2-p8"
    published = json.loads(Path(results.__file__).with_name("published.json").read_bytes())["pairs"]
    assert published["hd-d16-n64-p8"]["WC"]["cos"] < published["hd-d16-n64-p8"]["LP"]["cos"]
    assert set(published["cifar10-n16-p100"]) <= {*results.ORDER, "truth"}


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in ("seconds", "curve")} for row in rows]


def test_a_grid_is_computed_once_and_grows(pair: StoredPair, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    said: list[tuple[int, int]] = []
    rows = run_grid(["lp", "wc"], [pair], out, steps=20, workers=2, report=lambda _, *done: said.append(done))
    assert [(r["method"], r["seed"]) for r in rows] == [("LP", 0), ("WC", 0)]
    assert sorted(said) == [(1, 2), (2, 2)]
    assert [r["method"] for r in results.read(out)] == ["WC", "LP"]  # in the paper's order
    again = run_grid(["lp", "wc"], [pair], out, seeds=2, steps=20, workers=1, report=lambda _, *done: said.append(done))
    assert sorted(said[2:]) == [(3, 4), (4, 4)]
    assert [r for r in again if r["seed"] == 0] == rows
    assert [r["machine"]["threads"] for r in again] == [1] * 4
    trained = row(make_trial("lp", pair, steps=20, seed=1))
    assert figures([r for r in again if (r["method"], r["seed"]) == ("LP", 1)])[0]["metrics"] == trained["metrics"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".results.json.lock", "results.json"]
    text = as_markdown(results.read(out))
    assert "| LP |" in text
    assert "±" in text
    lines = list(csv.DictReader(StringIO(as_csv(results.read(out)))))
    assert float(lines[0]["cos"]) == pytest.approx(results.read(out)[0]["metrics"]["cos"]["value"], rel=1e-5)


def test_one_row_is_computed_here_on_one_thread(
    pair: StoredPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grid, "LocalProcesses", None)
    torch.set_num_threads(2)
    try:
        (found,) = run_grid(["radial"], [pair], tmp_path / "results.json")
        assert (found["machine"]["threads"], torch.get_num_threads()) == (1, 2)
    finally:
        torch.set_num_threads(1)


def test_a_results_file_is_not_mistaken(pair: StoredPair, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    for content in (
        '{"rows": []}',
        '{"format": "w1bench-results", "rows": [1]}',
        '{"format": "w1bench-results", "rows": [{}]}',
    ):
        other.write_text(content)
        with pytest.raises(InputError, match="is not a results file"):
            run_grid(["lp"], [pair], other, steps=2)
    with pytest.raises(InputError, match="cannot be read"):
        results.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("field", "damage", "said"),
    [
        ("metrics", {"cos": ["a", 0.1, 0.2]}, "metrics.cos.value came as 'a'; it must be a number"),
        ("metrics", {"cos": [0.1, 0.2]}, "metrics.cos came as [0.1, 0.2]; it must be a table"),
        ("metrics", {"cos": {"value": 0.5}}, "metrics.cos.low: it is needed"),
        ("metrics", {"cos": 0.5}, "metrics.cos came as 0.5; it must be a table"),
        ("metrics", [], "metrics came as []; it must be a table"),
        ("settings", [], "settings came as []; it must be a table"),
        ("settings", {"steps": "500"}, "settings.steps came as '500'; it must be a whole number"),
        ("seed", "a", "seed came as 'a'; it must be a whole number"),
        ("seconds", "1", "seconds came as '1'; it must be a number"),
        ("diagnosis", 1, "diagnosis came as 1; it must be a table"),
        ("curve", 5, "curve came as 5; it must be a list"),
        ("curve", [{"steps": 1, "seconds": 0.1}], "curve.0.metrics: it is needed"),
        ("curve", [{"steps": 1, "seconds": 0.1, "metrics": {"cos": []}}], "curve.0.metrics.cos came as []; it must be a number"),
        ("curve", [{"steps": "1", "seconds": 0.1, "metrics": {}}], "curve.0.steps came as '1'; it must be a whole number"),
    ],
)  # fmt: skip
def test_a_damaged_row_is_named_with_its_fault(field: str, damage: object, said: str, tmp_path: Path) -> None:
    whole = made_row("LP", "f1", cos=0.5) | {
        "outcome": "finished",
        "seconds": 1.0,
        "dual_value": None,
        "diagnosis": None,
    }
    path = tmp_path / "damaged.json"
    path.write_text(json.dumps({"format": "w1bench-results", "rows": [whole, whole | {field: damage}]}))
    with pytest.raises(InputError) as error:
        results.read(path)
    assert (
        str(error.value) == f"Row 2 of {path} is damaged: {said}; give one that `w1bench trial` wrote, or another name."
    )


@pytest.fixture(scope="module")
def undisturbed(pair: StoredPair) -> dict[str, Any]:
    """The row of the trial that is killed."""
    return row(make_trial("wc", pair, steps=STEPS))


@pytest.mark.parametrize(("how", "seeds"), [(signal.SIGKILL, 2), (signal.SIGINT, 1)], ids=["killed", "interrupted"])
def test_a_grid_goes_on_from_its_checkpoints(
    how: signal.Signals, seeds: int, pair: StoredPair, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """Its processes, which it has for more than one row, end with it, and the same command given again takes over what they saved."""
    out = tmp_path / "results.json"
    options = {"steps": STEPS, "save_every": 0, "workers": 2}
    started = Fork(run_grid, ["wc"], [w1bench.load(pair.folder)], out, seeds=seeds, **options)
    trial = make_trial("wc", pair, steps=STEPS)
    checkpoint = checkpoint_of(tmp_path / "results.json.unfinished", trial)
    wait_for(checkpoint.exists, started, seconds=120)
    processes = psutil.Process(started.pid).children(recursive=True)
    assert bool(processes) == (seeds > 1)
    started.send_signal(how)
    started.wait(timeout=30)
    assert not psutil.wait_procs(processes, timeout=30)[1]
    assert not out.exists()
    state = torch.load(checkpoint, weights_only=True)
    assert 0 < state["step"] < STEPS
    torch.save(state | {"seconds": 1e6}, checkpoint)  # a mark
    (resumed,) = run_grid(["wc"], [pair], out, steps=STEPS)
    assert resumed["seconds"] > 1e6
    assert resumed["metrics"] == undisturbed["metrics"]
    assert [point["metrics"] for point in resumed["curve"]] == [point["metrics"] for point in undisturbed["curve"]]
    assert not checkpoint.exists()
    assert seeds > 1 or not checkpoint.parent.exists()  # where the other seed may have saved itself
