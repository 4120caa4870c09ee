"""What a researcher asks of a service, in Python and on the command line: submit with metadata and seeds, look up, compare, retract."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

import w1bench
from support.forks import command
from support.servers import serving
from w1bench.client.diagnosis import diagnosis_of
from w1bench.errors import SubmissionError
from w1bench.scoring import submission
from w1bench.trials import results
from w1bench.trials.row import row as trained_row
from w1bench.trials.trial import make_trial
from w1bench_server.settings import Settings
from w1bench_server.web.auth.tokens import create_token

PAIR = "small-d16-n64-p8"
SAID: dict[str, Any] = {
    "paper": "arXiv:1 & 2", "code": "https://example.org/x?a=b", "description": "a critic", "steps": 64, "data": "fresh", "seconds": 1.5,
    "hardware": "two cores", "parameters": 3, "trains": False, "knows_family": True,
    "penalty_weight": 10.0, "batch": 64, "receptive_field": 4, "native_value": 1.25, "own_value": -0.5, "curve": "1:-.25 16:0.5 64:1",
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A service with a row of LP, its address, and a token of ann's."""

    archive: Path
    settings: Settings
    server: str
    token: str

    @property
    def asked(self) -> dict[str, str]:
        return {"server": self.server, "token": self.token}

    def noisy(self, noise: float, seed: int = 0) -> dict[str, Any]:
        """The truth's arrays, with so much noise on the gradient."""
        arrays = w1bench.load(self.archive / PAIR).test.arrays()
        draws = np.random.default_rng(seed).standard_normal(arrays["gradient"].shape)
        return {
            "gradient": arrays["gradient"] + noise * draws,
            "input_potential": arrays["input_potential"],
            "target_potential": arrays["target_potential"],
        }

    def file(self, path: Path, noise: float, seed: int = 0) -> Path:
        submission.write(path, self.noisy(noise, seed))
        return path

    def run(self, *words: object, code: int = 0) -> str:
        environment = {"W1BENCH_SERVER": self.server, "W1BENCH_TOKEN": self.token, "W1BENCH_ARCHIVE": str(self.archive)}
        done = command(*words, environment=os.environ | environment)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def site(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("client")
    pair = w1bench.load(archive / PAIR)
    (folder / "references").mkdir()
    (folder / "data").mkdir()
    row = trained_row(make_trial("lp", pair, at_most=5, seed=0, data="train"))
    results.write(folder / "references" / "rows.json", [row])
    settings = Settings(
        archive=archive, data=folder / "data", port=0, min_free_bytes=0, own_worker="none", references=folder / "references",
        requests_per_minute=10**6, daily_submissions=10**6,
    )  # fmt: skip
    token = create_token(settings, user="ann")
    with serving(settings) as (_, http):
        yield Site(archive, settings, str(http.base_url), token)


def test_a_submission_says_of_itself_what_it_is_given(site: Site) -> None:
    row = w1bench.submit(site.archive / PAIR, method="said", **site.asked, seed=4, **SAID, **site.noisy(0.1))
    assert row["metadata"] == SAID | {"seed": 4}
    shown = w1bench.show(row["id"], server=site.server)
    assert shown == row == w1bench.show(row["url"], server=site.server)
    assert repr(row).startswith(f"<said of ann on {PAIR}: cos 0.9")
    assert "<th>cos</th>" in row._repr_html_()
    (listed,) = [r for r in w1bench.leaderboard(PAIR, server=site.server) if r["method"] == "said"]
    assert repr(listed).startswith(f"<said of ann on {PAIR}, rank ")
    assert listed["metadata"]["hardware"] == "two cores"


def test_a_row_a_board_and_a_dry_run_say_what_is_wrong_in_the_words_of_score(site: Site, tmp_path: Path) -> None:
    pair = w1bench.load(site.archive / PAIR)
    wrong = {name: -array for name, array in site.noisy(0.0).items()}
    facts: dict[str, Any] = {"batch": 64, "native_value": diagnosis_of(pair).curve[1].emd.value}
    of_score = [finding.model_dump() for finding in w1bench.score(pair, facts=facts, **wrong).findings]
    assert [finding["code"] for finding in of_score] == ["minibatch", "sign"]
    row = w1bench.submit(pair, method="wrong", **site.asked, **wrong, **facts)
    (listed,) = [each for each in w1bench.leaderboard(PAIR, server=site.server) if each["method"] == "wrong"]
    dry = w1bench.validate(pair, server=site.server, facts=facts, **wrong)
    assert row["findings"] == listed["findings"] == dry["findings"] == of_score
    assert [each["code"] for each in w1bench.validate(pair, server=site.server, **wrong)["findings"]] == ["sign"]
    page = httpx2.get(row["url"]).text
    submission.write(tmp_path / "wrong.h5", wrong)
    words = ("--batch-size", 64, "--native-value", facts["native_value"])
    printed = [site.run(verb, PAIR, tmp_path / "wrong.h5", *words) for verb in ("validate", "score", "diagnose")]
    for text in (*printed, site.run("show", row["id"]), unescape(page)):
        for finding in of_score:
            assert finding["sentence"] in text
    typed = json.loads(site.run("submit", PAIR, tmp_path / "wrong.h5", "--method", "wrong", "--json", *words))
    assert typed["findings"] == of_score
    with pytest.raises(SubmissionError, match="give at most 16"):
        w1bench.submit(pair, method="never", **site.asked, **wrong, receptive_field=17)
    asked = httpx2.post(f"{site.server}v1/validate", params={"pair": PAIR, "receptive_field": 17}, content=b"")
    assert (asked.status_code, "give at most 16" in asked.text) == (422, True)
    asked = httpx2.post(
        f"{site.server}v1/submissions", params={"pair": PAIR, "method": "never", "steps": 4, "curve": "5:.1"}, content=b"",
        headers={"Authorization": f"Bearer {site.asked['token']}"},
    )  # fmt: skip
    assert (asked.status_code, "beyond `steps`, which came as 4" in asked.text) == (422, True)


def test_what_does_not_fit_is_said_before_anything_is_sent(site: Site) -> None:
    before = len(w1bench.leaderboard(server=site.server))
    good = site.noisy(0.2)
    for given, sentence in (
        ({"steps": -1, **good}, "`steps` came as -1; give a whole number"),
        ({"penalty_weight": 0, **good}, "`penalty_weight` came as 0; give a number above 0"),
        ({"batch": 0.5, **good}, "`batch` came as 0.5; give a whole number from 1"),
        ({"native_value": float("nan"), **good}, "`native_value` came as nan; give a finite number"),
        ({"data": "both", **good}, "`data` came as 'both'; give train or fresh"),
        ({"curve": "5:.1 5:.2", **good}, "`curve` has step 5 2 times; give one cosine a step"),
        ({"curve": "5:.1 60:.2", "steps": 50, **good}, "`curve` goes on to step 60, beyond `steps`, which came as 50"),
        ({"colour": "red", **good}, "Unknown array `colour`"),
        ({"seeds": {0: good, 1: {"gradient": good["gradient"][1:]}}}, "came with shape"),
        ({"seeds": {0: good}, "gradient": good["gradient"]}, "`gradient` came beside `seeds`"),
        ({"seeds": {0: good}, "seed": 3}, "`seed` came beside `seeds`"),
        ({"seeds": {-1: good}}, "`seed` came as -1"),
        ({"seeds": {}}, "`seeds` came empty"),
    ):
        with pytest.raises(SubmissionError, match=sentence):
            w1bench.submit(site.archive / PAIR, method="never", **site.asked, **given)
    assert len(w1bench.leaderboard(server=site.server)) == before


def test_seeds_in_one_call_are_one_row(site: Site, tmp_path: Path) -> None:
    seeds = {seed: site.noisy(0.3, seed) for seed in (0, 1, 2)}
    rows = w1bench.submit(site.archive / PAIR, method="seeds", seeds=seeds, steps=10, **site.asked)
    assert [row["metadata"]["seed"] for row in rows] == [0, 1, 2]
    files = [site.file(tmp_path / f"{seed}.h5", 0.3, seed) for seed in (3, 4)]
    words = ("submit", PAIR, *files, "--method", "typed seeds", "--seed", 3, "--seed", 4)
    document = json.loads(site.run(*words, "--json"))
    assert [row["metadata"]["seed"] for row in document["submissions"]] == [3, 4]
    assert document["standing"]["row"]["seeds"] == 2
    board = {row["method"]: row for row in w1bench.leaderboard(PAIR, server=site.server)}
    assert (board["seeds"]["seeds"], board["typed seeds"]["seeds"]) == (3, 2)
    for seeds_given, sentence in (
        ((), "several files are the seeds of one method"),
        (("--seed", 3), "1 seeds came for 2 files"),
        (("--seed", 3, "--seed", 3), "The files' seeds are 3, 3"),
    ):
        assert sentence in site.run("submit", PAIR, *files, "--method", "never", *seeds_given, code=2)


def test_a_sidecar_of_a_training_says_what_its_options_leave_out(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "lp.h5"
    words = ("solve", "lp", site.archive / PAIR, "--steps", 7, "--seed", 5, "--data", "train", "--out", file, "--json")
    sidecar = json.loads(site.run(*words))
    row = json.loads(site.run("submit", site.archive / PAIR, file, "--method", "trained", "--steps", 8, "--json"))
    kept = {name: row["metadata"][name] for name in ("seed", "steps", "seconds", "data")}
    assert kept == {"seed": 5, "steps": 8, "seconds": sidecar["seconds"], "data": "train"}
    assert "is a submission to small-d16-n64-p8" in site.run("submit", "other", file, "--method", "m", code=2)
    again = site.run("submit", PAIR, file, "--method", "trained", "--trains")
    assert "its row keeps what was said then; another steps, trains now changes nothing" in " ".join(again.split())


def test_a_submission_is_told_where_it_stands(site: Site, tmp_path: Path) -> None:
    told = " ".join(site.run("submit", PAIR, site.file(tmp_path / "g.h5", 0.05), "--method", "standing").split())
    assert f" on {PAIR}: cos 0.9" in told
    assert "Rank 1" in told
    assert "skill 0.9" in told
    assert "Its cos less that of LP (train.h5): +" in told
    row = next(r for r in w1bench.leaderboard(PAIR, server=site.server) if r["method"] == "standing")
    basis = next(r for r in w1bench.leaderboard(PAIR, server=site.server) if r["reference"])
    found = w1bench.compare(row["id"], basis["url"], server=site.server)["metrics"]["cos"]
    assert f"{found['difference']:+.4g}" in told
    table = site.run("compare", row["id"], basis["id"])
    assert f"{found['difference']:+.4g} [{found['low']:+.4g}, {found['high']:+.4g}]" in table
    assert "different pairs" in site.run("compare", row["id"], _elsewhere(site)["id"], code=2)


def _elsewhere(site: Site) -> dict[str, Any]:
    arrays = w1bench.load(site.archive / "small-d2-n4-p8").test.arrays()
    return w1bench.submit(
        site.archive / "small-d2-n4-p8", method="elsewhere", **site.asked, gradient=arrays["gradient"] + 0.1
    )


def test_a_file_sent_again_with_other_words_warns_that_its_row_stands(site: Site) -> None:
    arrays = site.noisy(0.45)
    row = w1bench.submit(site.archive / PAIR, method="again", steps=3, **site.asked, **arrays)
    assert w1bench.submit(site.archive / PAIR, method="again", steps=3, **site.asked, **arrays)["id"] == row["id"]
    with pytest.warns(UserWarning, match="was submitted before as again: its row stands as it is"):
        again = w1bench.submit(site.archive / PAIR, method="again", steps=4, **site.asked, **arrays)
    assert (again["id"], again["metadata"]["steps"]) == (row["id"], 3)


def test_a_submission_is_validated_shown_and_retracted(site: Site, tmp_path: Path) -> None:
    file = site.file(tmp_path / "g.h5", 0.6)
    assert "can be submitted to small-d16-n64-p8: gradient 1500x16" in site.run("validate", PAIR, file)
    arrays = site.noisy(0.6)
    found = w1bench.validate(site.archive / PAIR, server=site.server, **arrays)
    assert found["arrays"]["gradient"] == [1500, 16]
    row = json.loads(site.run("submit", PAIR, file, "--method", "taken back", "--paper", "arXiv:1", "--json"))
    shown = site.run("show", row["url"])
    assert "arXiv:1" in shown
    assert "taken back" in shown
    taken = site.run("retract", row["id"], "--reason", "a <mistake>")
    assert "was retracted by ann" in taken
    assert "a <mistake>" in taken
    assert w1bench.show(row["id"], server=site.server)["retraction"]["reason"] == "a <mistake>"
    stranger = create_token(site.settings, user="bob")
    with pytest.raises(SubmissionError, match="only its user and an admin can retract it"):
        w1bench.retract(_elsewhere(site)["id"], "mine now", server=site.server, token=stranger)
    for identity in ("nothing", "../whoami", "a/b?c"):
        with pytest.raises(SubmissionError, match="404"):
            w1bench.show(identity, server=site.server)


def test_a_dry_run_of_a_negated_gradient_says_first_that_its_sign_is_wrong(site: Site, tmp_path: Path) -> None:
    turned = {name: -array for name, array in site.noisy(0.1).items()}
    submission.write(tmp_path / "turned.h5", turned)
    first, second, *_ = site.run("validate", PAIR, tmp_path / "turned.h5").splitlines()
    assert first.startswith("The sign is wrong. The gradient points the other way: f must be high on inputs P")
    assert "can be submitted" in second
    content = (tmp_path / "turned.h5").read_bytes()
    answer = httpx2.post(f"{site.server}v1/validate", params={"pair": PAIR}, content=content)
    assert answer.text.startswith('{"findings":[{"code":"sign"')
    assert (
        site.run("validate", PAIR, site.file(tmp_path / "g.h5", 0.1)).splitlines()[0].endswith("target_potential 1500.")
    )


def test_a_dry_run_refuses_the_name_of_a_reference_row_as_the_submission_does(site: Site, tmp_path: Path) -> None:
    file, arrays = site.file(tmp_path / "g.h5", 0.6), site.noisy(0.6)
    refused = "one that a reference row has, or looks like it; give it another name"
    for name in ("LP (train.h5)", "lp (TRAIN.h5)"):
        for verb in ("validate", "submit"):
            assert refused in " ".join(site.run(verb, PAIR, file, "--method", name, code=2).split())
        with pytest.raises(SubmissionError, match=refused.partition(";")[0]):
            w1bench.validate(site.archive / PAIR, method=name, server=site.server, **arrays)
    assert "can be submitted" in site.run("validate", PAIR, file, "--method", "quite another")


def test_a_token_is_told_whose_it_is(site: Site, is_problem: Callable[..., Any]) -> None:
    assert w1bench.whoami(**site.asked) == {"user": "ann", "scope": "submit"}
    assert "ann, whose token has the scope submit." in site.run("whoami")
    with pytest.raises(SubmissionError, match="401.*unknown"):
        w1bench.whoami(server=site.server, token="w1b_00000000_x")
    with pytest.raises(SubmissionError, match="needs a token"):
        w1bench.whoami(server=site.server, token="")


def test_boards_are_chosen_by_track_family_dimension_and_time(site: Site) -> None:
    _elsewhere(site)
    assert {row["pair"] for row in w1bench.leaderboard(dim=2, server=site.server)} == {"small-d2-n4-p8"}
    assert w1bench.leaderboard(family="smooth", server=site.server) == []
    assert w1bench.leaderboard(as_of=0, server=site.server) == []
    table = site.run("leaderboard", "--track", "hd", "--family", "funnel", "--dim", 2)
    assert "mean rank" in table
    assert "elsewhere" in table
    assert PAIR not in table
    assert "There are no rows." in site.run("leaderboard", "--as-of", 0)
    assert PAIR not in site.run("leaderboard", "--pair", site.archive / "small-d2-n4-p8", "--csv")


def test_one_variable_is_enough(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """List, fetch, load and submit, from a folder without an archive."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("W1BENCH_")}
    environment |= {"W1BENCH_SERVER": site.server, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(*words: object, **more: str) -> str:
        done = command(*words, folder=tmp_path, environment=environment | more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert PAIR in [pair["name"] for pair in json.loads(run("list", "--json"))["pairs"]]
    folder = Path(run("fetch", PAIR).strip())
    assert folder.is_relative_to(tmp_path / "cache")
    file = site.file(tmp_path / "g.h5", 0.4)
    assert json.loads(run("score", PAIR, file, "--json"))["pair"] == PAIR
    assert "cos" in run("submit", PAIR, file, "--method", "one variable", W1BENCH_TOKEN=site.token)
    monkeypatch.chdir(tmp_path)
    for name in ("W1BENCH_ARCHIVE", "W1BENCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("W1BENCH_SERVER", site.server)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert w1bench.load("small-d2-n4-p8").folder.is_relative_to(tmp_path / "cache")
