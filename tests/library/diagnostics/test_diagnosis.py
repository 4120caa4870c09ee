"""`w1bench diagnose` and `w1bench.diagnose`: what they print, and what they refuse."""

from __future__ import annotations

import json
import os
import shutil
import sys
from math import sqrt
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import w1bench
from support.forks import command
from w1bench.archive.catalogue import listed
from w1bench.archive.folder import DIAGNOSTICS, names_of, open_test
from w1bench.archive.reveal import reveal
from w1bench.builder.verify import verify
from w1bench.client.diagnosis import diagnosis_of
from w1bench.diagnostics.diagnosis import diagnose_pair
from w1bench.diagnostics.record import read_record
from w1bench.errors import CheckFailedError, InputError, MissingExtraError, PairError, SubmissionError
from w1bench.scoring.baseline.trivial import trivial_cosines


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
    assert document["metrics"]["cos"]["value"] == pytest.approx(-1)
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
    assert document["w1"] == pytest.approx(w1bench.load(archive / "small-d2-n4-p8").w1, rel=1e-7)
    assert "EMD(P_n, Q_n)" in run("diagnose", archive / "small-d2-n4-p8")
    assert "blocks of coordinates" in run("diagnose", archive / "small-d16-n64-p8")
    assert "of a picture" in run("diagnose", archive / "small-digits")


def test_facts_are_checked(archive: Path, flipped: Path) -> None:
    folder = archive / "small-digits"
    assert "is a fact of a submission" in run("diagnose", folder, "--batch-size", 10, code=2)
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


def test_without_scipy_findings_need_a_stored_record(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, bare = w1bench.load(archive / "small-digits"), without_record(archive / "small-digits", tmp_path)
    truth = {name: getattr(pair.test, name)[:] for name in ("gradient", "input_potential", "target_potential")}
    facts = {"batch": 64, "native_value": 3 * pair.w1}
    by_computing = w1bench.diagnose(bare, facts=facts, **truth)
    heavy = [f"w1bench.diagnostics.{name}" for name in ("diagnosis", "batch", "patches")]
    for name in [name for name in sys.modules if name.startswith("scipy") or name in heavy]:
        monkeypatch.delitem(sys.modules, name)
    for name in heavy:
        monkeypatch.delattr(name, raising=False)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert w1bench.diagnose(pair, facts=facts, **truth) == by_computing
    assert w1bench.diagnose(bare, **truth) == ()
    with pytest.raises(MissingExtraError, match="torch"):
        w1bench.diagnose(bare, facts=facts, **truth)


def test_a_record_says_what_its_pair_does_and_is_the_same_again(archive: Path) -> None:
    folder = archive / "small-digits"
    pair = w1bench.load(folder)
    stored = read_record(folder, pair.manifest.digest())
    assert stored is not None
    assert DIAGNOSTICS in listed(folder, pair.manifest)
    assert DIAGNOSTICS in names_of(folder, pair.manifest)
    with open_test(folder, pair.manifest) as test:
        found = diagnose_pair(pair.manifest, test)
    assert found.text() == (folder / DIAGNOSTICS).read_text()
    assert stored.text() == found.text()
    middle, between = stored.batch(64), stored.batch(90)
    assert middle is not None
    assert between is not None
    assert middle.emd == stored.curve[1].emd.value
    assert stored.curve[1].emd.value > between.emd > stored.curve[2].emd.value
    least, most = stored.batch(1), stored.batch(10**6)
    assert least is not None
    assert most is not None
    assert (least.size, most.size) == (stored.curve[0].size, stored.curve[-1].size)
    patch = stored.patch(3)
    assert patch is not None
    assert stored.patches[0].pooled < patch.pooled < stored.patches[1].pooled
    assert patch.count == 4
    assert stored.patch(7) is None


def test_older_pairs_have_no_record_and_work(archive: Path, tmp_path: Path) -> None:
    bare = without_record(archive / "small-digits", tmp_path)
    pair = w1bench.load(bare)
    assert read_record(bare, pair.manifest.digest()) is None
    assert all(figure.holds for figure in verify(bare))
    assert DIAGNOSTICS not in names_of(bare, pair.manifest)
    assert json.loads(run("diagnose", bare, "--json"))["pair"] == pair.name


def test_verify_holds_a_record_against_its_pair(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "small-digits"
    shutil.copytree(archive / "small-digits", folder)
    assert all(figure.holds for figure in verify(folder))
    document = json.loads((folder / DIAGNOSTICS).read_text())
    for edited, said in (
        (document | {"resolution": document["resolution"] / 2}, "resolution = "),
        (document | {"pair_digest": "0" * 64}, "of another pair"),
        (document | {"curve": 3}, "is damaged"),
    ):
        (folder / DIAGNOSTICS).write_text(json.dumps(edited))
        with pytest.raises(CheckFailedError, match=said):
            verify(folder)


def test_points_tell_cosines_apart_that_differ_by_the_resolution(archive: Path) -> None:
    """Of two critics whose cosines are as scattered as the trivial one's and independent, as often as an interval of 95 % says."""
    pair = w1bench.load(archive / "small-digits")
    found = diagnosis_of(pair)
    scatter, rng, points = (
        found.resolution / 1.96 / sqrt(2 / len(pair.test.input)),
        np.random.default_rng(0),
        len(pair.test.input),
    )
    apart = [
        abs((rng.normal(size=points) - rng.normal(size=points)).mean() * scatter) > found.resolution
        for _ in range(2000)
    ]
    assert 0.03 < np.mean(apart) < 0.07
    cosines = trivial_cosines(*(pair.test.arrays()[name] for name in ("input", "transported", "target", "gradient")))
    assert scatter == pytest.approx(max(cosine.std() for cosine in cosines.values()), rel=1e-6)


def test_the_record_of_a_sealed_pair_comes_with_its_reveal(sealed_pair: Any, tmp_path: Path) -> None:
    folder = tmp_path / sealed_pair.folder.name
    shutil.copytree(sealed_pair.folder, folder)
    assert not (folder / DIAGNOSTICS).exists()
    shutil.copy(sealed_pair.kept / DIAGNOSTICS, folder)  # as an interrupted reveal leaves it
    sealed = w1bench.load(folder).manifest
    assert DIAGNOSTICS not in {*names_of(folder, sealed), *listed(folder, sealed)}
    (folder / DIAGNOSTICS).unlink()
    manifest = reveal(folder, sealed_pair.kept.parent)
    stored = read_record(folder, manifest.digest())
    assert stored is not None
    assert stored.w1 == pytest.approx(manifest.known_w1.value, rel=1e-7)
    assert {*names_of(folder, manifest)} >= {DIAGNOSTICS, "reveal.json"}
    assert all(figure.holds for figure in verify(folder))


def without_record(folder: Path, into: Path) -> Path:
    """A copy of a pair's folder as it was before there were records."""
    shutil.copytree(folder, into / folder.name)
    (into / folder.name / DIAGNOSTICS).unlink()
    return into / folder.name
