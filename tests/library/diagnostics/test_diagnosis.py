"""`w1bench diagnose` and `w1bench.diagnose`: what they print, and what they refuse."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

import w1bench
from support.forks import command
from w1bench.archive.folder import open_test
from w1bench.diagnostics.diagnosis import diagnose_pair
from w1bench.errors import InputError, MissingExtraError, PairError, SubmissionError


def run(*words: object, code: int = 0) -> str:
    done = command(*words, environment=dict(os.environ))
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture
def flipped(archive: Path, tmp_path: Path) -> Path:
    pair, path = w1bench.load(archive / "small-digits"), tmp_path / "flipped.h5"
    with h5py.File(path, "w") as file:
        for name in ("gradient", "input_potential", "target_potential"):
            file[name] = -getattr(pair.test, name)[:]
    return path


def test_a_submission_is_diagnosed_in_words_and_in_json(archive: Path, flipped: Path) -> None:
    folder = archive / "small-digits"
    document: dict[str, Any] = json.loads(run("diagnose", folder, flipped, "--receptive-field", 4, "--json"))
    assert document["scorecard"]["metrics"]["cos"]["value"] == pytest.approx(-1)
    (finding,) = document["findings"]
    assert (finding["code"], finding["severity"]) == ("sign", "symptom")
    assert finding["figures"]["cos"] == pytest.approx(-1)
    assert finding["sentence"] in run("diagnose", folder, flipped)


def test_the_truth_has_no_finding(archive: Path) -> None:
    pair = w1bench.load(archive / "small-digits")
    truth = {name: getattr(pair.test, name)[:] for name in ("gradient", "input_potential", "target_potential")}
    facts = {"batch": 64, "native_value": pair.w1, "own_value": pair.w1, "penalty_weight": 10, "receptive_field": 4}
    assert w1bench.diagnose(pair, facts=facts, **truth) == ()


def test_a_pair_is_diagnosed_alone(archive: Path) -> None:
    pair = w1bench.load(archive / "small-digits")
    with open_test(pair.folder, pair.manifest) as test:
        found = diagnose_pair(pair.manifest, test, sizes=(32, 128))
    assert [of.size for of in found.curve] == [32, 128]
    assert found.curve[0].emd.value > found.curve[1].emd.value > pair.w1
    assert [of.size for of in found.patches] == [2, 4]
    assert all(of.pooled <= of.local <= of.bound for of in found.patches)
    assert found.false_minima is not None
    assert found.oracle is not None
    assert set(found.trivial) == {"radial", "shift"}
    document = json.loads(run("diagnose", archive / "small-d2-n4-p8", "--json"))
    assert document["patches"] == []
    assert document["w1"] == w1bench.load(archive / "small-d2-n4-p8").w1
    assert "EMD(P_n, Q_n)" in run("diagnose", archive / "small-d2-n4-p8")


def test_facts_are_checked(archive: Path, flipped: Path) -> None:
    folder = archive / "small-digits"
    assert "is a fact of a submission" in run("diagnose", folder, "--batch", 10, code=2)
    assert "must be more than 0" in run("diagnose", folder, flipped, "--penalty-weight", -1, code=2)
    assert "at most 8" in run("diagnose", folder, flipped, "--receptive-field", 9, code=2)
    pair = w1bench.load(folder)
    with pytest.raises(InputError, match="penalty_weight"):
        w1bench.diagnose(pair, facts={"weight": 3}, gradient=pair.test.gradient[:])
    with pytest.raises(SubmissionError, match="shape"):
        w1bench.diagnose(pair, gradient=pair.test.gradient[:5])


def test_a_sealed_pair_is_not_diagnosed(sealed_pair: Any) -> None:
    with pytest.raises(PairError, match="sealed"):
        w1bench.diagnose(w1bench.load(sealed_pair.folder), gradient=w1bench.load(sealed_pair.folder).test.input[:])
    assert "sealed" in run("diagnose", sealed_pair.folder, code=2)


def test_without_scipy_the_extra_is_named(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = w1bench.load(archive / "small-digits")
    for name in [name for name in sys.modules if name.startswith(("scipy", "w1bench.diagnostics"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("w1bench.diagnostics.diagnosis", raising=False)
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match="torch"):
        w1bench.diagnose(pair, gradient=pair.test.gradient[:])
