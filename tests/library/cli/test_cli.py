"""The command line as a user types it: what it prints, what it ends with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import w1bench
from support.forks import command
from w1bench.recipes.templates import TEMPLATES

RECIPE = """
name = "typed"
power = 8
half_width = 2.5
[source]
kind = "uniform"
dim = 2
[funnel]
count = 4
[sizes]
train = 2000
test = 500
probe = 100
w1_rays = 100000
"""


def run(*words: object, code: int = 0, **environment: str) -> str:
    """Run `w1bench WORDS`; returns stdout, or stderr where a failure is expected."""
    done = command(*words, environment=os.environ | environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if code else done.stdout


def run_json(*words: object, **environment: str) -> Any:
    return json.loads(run(*words, "--json", **environment))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with one pair, built by the command."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "typed.toml").write_text(RECIPE)
    document = run_json("build", folder / "typed.toml", "--archive", folder / "archive", "--test", 600)
    assert (document["name"], document["recipe"]["sizes"]["test"]) == ("typed", 600)
    return folder / "archive"


def test_engines_and_shards_are_chosen_by_options(built: Path, tmp_path: Path) -> None:
    words = ("build", built.parent / "typed.toml", "--test", 600, "--shards", tmp_path / "shards")
    run(*words, "--archive", tmp_path / "archive", "--engine", "processes", "--workers", 1)
    for name in ("train.h5", "test.h5", "manifest.json"):
        assert (tmp_path / "archive/typed" / name).read_bytes() == (built / "typed" / name).read_bytes()
    assert list((tmp_path / "shards").iterdir()) == []
    words = (*words, "--archive", tmp_path / "none", "--engine", "ray")
    assert "No Ray cluster answers at 127.0.0.1:9 " in run(*words, "--address", "127.0.0.1:9", code=3)
    assert "No Ray cluster answers at 127.0.0.1:1 " in run(
        *words, "--resume", code=3, W1BENCH_RAY_ADDRESS="127.0.0.1:1"
    )


def test_the_way_from_recipe_to_scorecard(built: Path, tmp_path: Path) -> None:
    pair = built / "typed"
    assert "figures hold" in run("build", built.parent / "typed.toml", "--archive", tmp_path / "again")
    listed = run_json("list", "--archive", built)
    assert [p["name"] for p in listed["pairs"]] == ["typed"]
    assert "ray_residual" in run("verify", pair)
    assert run_json("verify", pair)["holds"] is True
    fetched = run_json("fetch", "typed", "--from", built, "--cache", tmp_path / "cache", "--only", "test")
    assert (Path(fetched["folder"]) / "test.h5").read_bytes() == (pair / "test.h5").read_bytes()
    sidecar = run_json("solve", "lp", pair, "--steps", 50, "--seed", 3, "--out", tmp_path / "lp.h5")
    assert (sidecar["method"], sidecar["steps"], sidecar["outcome"]) == ("LP", 50, "finished")
    assert json.loads((tmp_path / "lp.json").read_text()) == sidecar
    card = run_json("score", pair, tmp_path / "lp.h5")
    assert card["pair"] == "typed"
    assert set(card["metrics"]["cos"]) == {"value", "low", "high"}
    assert "slope_at_least" in run("score", pair, tmp_path / "lp.h5")


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_a_recipe_to_begin_with_says_its_size_and_builds_that(kind: str, tmp_path: Path) -> None:
    said = run_json("recipe", "init", kind, "--output", tmp_path / "mine.toml")
    text = (tmp_path / "mine.toml").read_text()
    assert f"{said['bytes'] / 1e6:,.1f} MB" in text
    assert str(tmp_path) not in text
    assert all("#" in line for line in text.splitlines() if line.startswith(("name", "seed", "half_width", "train")))
    assert run("recipe", "init", kind).splitlines()[:3] == text.splitlines()[:3]
    small = ("--train", 200, "--test", 200, "--probe", 10, "--w1-rays", 2048)
    planned = run_json("build", tmp_path / "mine.toml", "--dry-run", "--archive", tmp_path / "archive", *small)
    assert planned["recipe_sha256"] != said["recipe_sha256"]
    assert (planned["family"], planned["inputs"], planned["w1_rays"]) == (kind, 410, 2048)
    assert not (tmp_path / "archive").exists()
    built = run_json("build", tmp_path / "mine.toml", "--archive", tmp_path / "archive", *small)
    assert (built["family"], built["recipe_sha256"], tuple(built["shape"])) == (
        kind,
        planned["recipe_sha256"],
        tuple(planned["shape"]),
    )
    assert set(built["files"]) == set(planned["files"])
    for name, file in built["files"].items():
        assert planned["file_bytes"][name] < file["bytes"] < planned["file_bytes"][name] + 6000
        assert {n: {"shape": p["shape"], "dtype": p["dtype"]} for n, p in file["places"].items()} == planned["files"][
            name
        ]


def test_a_recipe_is_not_written_over_another_file(tmp_path: Path) -> None:
    (tmp_path / "there.toml").write_text("mine")
    for file, said in (("there.toml", "is there already"), ("there.txt", "give a name that ends in .toml")):
        assert said in run("recipe", "init", "late", "--output", tmp_path / file, code=2)
    assert (tmp_path / "there.toml").read_text() == "mine"


def test_an_export_is_an_archive_to_fetch_from(built: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text('{"format": "w1bench-results", "rows": []}')
    words = ("export", built, tmp_path / "site", "--results", tmp_path / "rows.json", "--results", tmp_path)
    assert run_json(*words) == {"folder": str(tmp_path / "site"), "pairs": ["typed"]}
    assert "is ready for any static host" in run(*words)
    fetched = run_json("fetch", "typed", "--from", tmp_path / "site", "--cache", tmp_path / "cache")
    assert (Path(fetched["folder"]) / "test.h5").read_bytes() == (built / "typed" / "test.h5").read_bytes()
    assert "no export" in run("export", built, tmp_path / "cache", code=2)
    assert "is not a folder" in run("export", tmp_path / "none", tmp_path / "site", code=2)
    assert "rows.json/none cannot be read" in run(
        "export", built, tmp_path / "site", "--results", tmp_path / "rows.json/none", code=2
    )


def test_solve_learns_from_fresh_draws_unless_told_otherwise(built: Path, tmp_path: Path) -> None:
    for words, data in (((), "fresh"), (("--data", "train"), "train")):
        sidecar = run_json("solve", "lp", built / "typed", "--steps", 20, "--out", tmp_path / "lp.h5", *words)
        assert sidecar["data"] == data


def test_a_trial_is_a_results_file_and_a_table(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    words = ("trial", "lp", "wc", "--pair", built / "typed", "--seeds", 2, "--steps", 10, "--workers", 1, "--out", out)
    rows = run_json(*words, "--csv")["rows"]
    assert [(row["method"], row["seed"], row["data"]) for row in rows] == [
        (m, s, "fresh") for m in ("LP", "WC") for s in (0, 1)
    ]
    assert len(out.with_suffix(".csv").read_text().splitlines()) == 5
    table = run("results", out)
    assert "### typed" in table
    assert "| WC |" in table
    assert run(*words) == table  # nothing is computed again
    assert run("results", out, out) == table  # a row that comes twice counts once
    assert run("results", out, "--csv").splitlines()[0].startswith("method,pair,")
    assert run_json("results", out) == {"rows": json.loads(out.read_text())["rows"]}


def test_the_console_script_equals_the_module(built: Path) -> None:
    script = [Path(sys.executable).with_name("w1bench")]
    for program in (script, [sys.executable, "-m", "w1bench"]):
        words = (*program, "list", "--archive", built, "--json")
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == run_json("list", "--archive", built)


def test_a_pair_is_loaded_by_name_from_the_environment(built: Path, tmp_path: Path) -> None:
    assert "typed" in run("list", W1BENCH_ARCHIVE=str(built))
    folder = run("fetch", "typed", W1BENCH_ARCHIVE=str(built), W1BENCH_HOME=str(tmp_path)).strip()
    assert folder == str(tmp_path / "typed")


def test_bad_input_ends_with_2_and_a_sentence(built: Path, tmp_path: Path) -> None:
    pair = built / "typed"
    np.save(tmp_path / "nan.npy", np.full((600, 2), np.nan))
    np.save(tmp_path / "short.npy", np.zeros((5, 2)))
    (tmp_path / "bad.toml").write_text(RECIPE.replace("power = 8", "power = 0.5"))
    (tmp_path / "sharp.toml").write_text(TEMPLATES["attenuation"].replace("size = 8 ", "size = 99 "))
    (empty := tmp_path / "empty").mkdir()
    for words, sentence in (
        (("build", tmp_path / "sharp.toml", "--dry-run"), "attenuation.size came as 99 for pictures of"),
        (("build", "nonsense"), "neither a .toml file nor a catalogued recipe; there are:"),
        (("build", tmp_path / "bad.toml"), "power came as 0.5"),
        (("build", built.parent / "typed.toml", "--archive", built), "published already"),
        (("build", built.parent / "typed.toml", "--test", "0"), "sizes.test came as 0"),
        (("verify", tmp_path), "is not a pair's folder"),
        (("list", "--archive", tmp_path / "none"), "is not a folder"),
        (("fetch", "nothing", "--from", built), "There is no nothing in"),
        (("fetch", "typed", "--from", "ftp://here/pairs"), "There is no typed in ftp://here/pairs"),
        (("build", "hd-d2-n4-p8", "--archive", ""), "An empty value came after --archive"),
        (("build", "hd-d2-n4-p8", "--archive="), "An empty value came after --archive="),
        (("score", pair, tmp_path / "nan.npy"), "`gradient`[0, 0] is nan"),
        (("score", pair, tmp_path / "short.npy"), "came with shape (5, 2); the pair needs (600, 2)"),
        (("score", pair, tmp_path / "none.h5"), "cannot be read"),
        (("solve", "nothing", pair), "There is no method 'nothing'; there are: wc, gp, lp"),
        (("solve", "lp", tmp_path), "is not a pair's folder"),
        (("verify", "nothing"), "There is no pair nothing in archive"),
        (("trial", "lp", "nothing", "--pair", pair, "--out", tmp_path / "r.json"), "There is no method 'nothing'"),
        (("trial", "lp"), "--pair"),
        (("results", tmp_path / "bad.toml"), "is not a results file"),
        (("submit", "typed", tmp_path / "nan.npy", "--method", "m"), "needs a token"),
        (("nothing",), "No such command"),
        (("solve", "lp", pair, "--steps", "0"), "--steps"),
        (("solve", "lp", pair, "--steps", "5", "--out", tmp_path / "a.json"), "the name of a file that ends in .h5"),
        (("build", built.parent / "typed.toml", "--archive", tmp_path / "short.npy"), "File exists"),
        (("build", "hd-d2-n4-p8", "--address", "here:6379", "--archive", tmp_path), "--address goes with --engine ray"),
        (
            ("build", "hd-d2-n4-p8", "--device", "cuda", "--archive", tmp_path),
            "--device goes with a recipe with an image",
        ),
        (("build", "cifar10-n16-p100", "--checkpoint", tmp_path, "--archive", tmp_path), "a file is needed"),
        (("build", "hd-d2-n4-p8", "--shards", "s3:/bucket", "--archive", tmp_path), "is not a place for files"),
        (("export", built, built / "site"), "lies in the archive"),
        (("export", built, tmp_path / "site", "--results", empty), "holds no results (*.json)"),
        (("token", "list", "--data", tmp_path / "short.npy"), "There is no service in"),
        (("leaderboard", "--csv", "--json"), "give one of them"),
        (("serve", "--port", "0", "--archive", tmp_path / "none"), "is not a folder"),
        (("work", "--queue", "score", "--archive", tmp_path / "none", "--data", tmp_path / "data"), "is not a folder"),
        (("work", "--queue", "bake"), "'bake' is not one of 'build', 'score'"),
    ):
        assert sentence in run(*words, code=2, W1BENCH_TOKEN=""), words


def test_bad_settings_end_with_2_and_a_sentence(built: Path, tmp_path: Path) -> None:
    for name, value, sentence in (
        ("W1BENCH_PORT", "abc", "The setting port came as 'abc'"),
        ("W1BENCH_SCORING_PROCESSES", "0", "The setting scoring_processes came as '0'"),
        ("W1BENCH_DATABASE_URL", "bogus", "The database cannot be used"),
        ("W1BENCH_PUBLIC_URL", "foo", "The setting public_url came as 'foo'"),
    ):
        words = ("serve", "--archive", built, "--data", tmp_path / "data")
        assert sentence in run(*words, code=2, **{name: value}), name
    np.save(tmp_path / "g.npy", np.zeros((600, 2)))
    assert "tokens never have" in run(
        "submit", "typed", tmp_path / "g.npy", "--method", "m", code=2, W1BENCH_TOKEN="a\nsecret"
    )
    assert "secret" not in run(
        "submit", "typed", tmp_path / "g.npy", "--method", "m", code=2, W1BENCH_TOKEN="a\nsecret"
    )


def test_a_pair_s_name_does_where_its_folder_does(built: Path, tmp_path: Path) -> None:
    here = {"W1BENCH_ARCHIVE": str(built), "W1BENCH_HOME": str(tmp_path)}
    assert run_json("verify", "typed", **here)["holds"] is True
    np.save(tmp_path / "g.npy", np.ones((600, 2)))
    for pair in ("typed", built / "typed"):
        assert run_json("score", pair, tmp_path / "g.npy", **here)["pair"] == "typed"
    words = ("solve", "lp", "typed", "--steps", 5, "--out", tmp_path / "lp.h5")
    assert run_json(*words, **here)["pair"] == "typed"
    assert "typed is open: there is nothing to reveal" in run("reveal", "typed", "--truth", tmp_path, code=2, **here)


def test_the_version_is_told_and_an_unknown_variable_named(built: Path) -> None:
    assert run("--version") == f"w1bench {w1bench.__version__}\n"
    done = command(
        "list", "--archive", built, environment=os.environ | {"W1BENCH_SERVR": "x", "W1BENCH_JOB_BYTES": "1"}
    )
    assert done.returncode == 0
    assert done.stderr == "w1bench: The variable W1BENCH_SERVR is read by nothing; perhaps W1BENCH_SERVER was meant.\n"


def test_verify_in_the_light_install_says_what_it_left_out(built: Path, tmp_path: Path) -> None:
    """With every heavy module made unimportable, as where it was never installed."""
    program = """
import sys
for name in ("torch", "numba", "scipy", "threadpoolctl", "PIL", "matplotlib", "fastapi", "sqlalchemy", "pydantic_settings"):
    sys.modules[name] = None
from w1bench.cli.main import main
main()
"""

    def verify(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, "verify", *map(str, words)], capture_output=True, text=True
        )

    done = verify(built / "typed", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["holds"]) == (0, None)
    assert "ray_residual" in document["left_out"]
    assert "pip install '.[torch]'" in document["reason"]
    assert "Left out: the certificate's figures (" in verify(built / "typed").stdout
    copy = Path(shutil.copytree(built / "typed", tmp_path / "typed"))
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"half_width": 3.0}))
    done = verify(copy)
    assert (done.returncode, done.stdout) == (1, "")
    assert "half_width is 3.0 in the manifest, 2.5 in its recipe" in done.stderr


def test_a_failed_check_ends_with_1(built: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built / "typed", tmp_path / "typed"))
    with h5py.File(copy / "train.h5", "r+") as file:
        file["input"][0, 0] += 1
    assert "train.h5 was changed" in run("verify", copy, code=1)


def test_a_service_that_does_not_answer_ends_with_3(built: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "g.npy", np.zeros((600, 2)))
    nowhere = {"W1BENCH_SERVER": "http://127.0.0.1:9", "W1BENCH_TOKEN": "t"}
    assert "does not answer" in run("leaderboard", code=3, **nowhere)
    assert "does not answer" in run("submit", "typed", tmp_path / "g.npy", "--method", "m", code=3, **nowhere)
    assert "does not answer" in run("fetch", "typed", "--from", "http://127.0.0.1:9", code=3)


def test_help_names_every_command() -> None:
    text = run("--help")
    for verb in (
        "list",
        "build",
        "verify",
        "fetch",
        "score",
        "solve",
        "submit",
        "leaderboard",
        "serve",
        "work",
        "token",
    ):
        assert verb in text


def test_generators_are_sampled_and_converted(tmp_path: Path) -> None:
    import torch

    from support.checkpoints import SMALL, random_state

    torch.save(random_state(SMALL), tmp_path / "g.pth")
    words = ("generator", "sample", tmp_path / "g.pth", "--architecture", SMALL)
    assert run_json(*words, "--n", 5, "--out", tmp_path / "a.npy")["shape"] == [5, 3, 32, 32]
    assert "pictures of shape (7, 3, 32, 32)" in run(*words, "--n", 7, "--seed", 1, "--out", tmp_path / "a.png")
    run("generator", "convert", tmp_path / "g.pth", "--architecture", SMALL, "--out", tmp_path / "g.safetensors")
    np.save(tmp_path / "z.npy", np.zeros((2, 128)))
    pictures = []
    for name in ("g.pth", "g.safetensors"):
        run("generator", "sample", tmp_path / name, "--architecture", SMALL, "--latents", tmp_path / "z.npy",
            "--out", tmp_path / "z-pictures.npy")  # fmt: skip
        pictures.append(np.load(tmp_path / "z-pictures.npy"))
    np.testing.assert_array_equal(*pictures)
    for more, sentence in (
        (("--out", tmp_path / "a.gif"), "ends in .png or .npy"),
        (("--out", tmp_path / "a.npy", "--latents", tmp_path / "g.pth"), "cannot be read"),
        (("--out", tmp_path / "a.npy", "--latent", "64"), "those of wgan-qc-resnet-32-small have 128"),
        (
            ("--out", tmp_path / "a.npy", "--latents", tmp_path / "z.npy", "--n", "9"),
            "are of drawn latents; leave them out",
        ),
    ):
        assert sentence in run(*words, *more, code=2)
    if not torch.cuda.is_available():
        assert "Device cuda cannot be used" in run(*words, "--out", tmp_path / "a.npy", "--device", "cuda", code=2)


def test_a_service_is_backed_up_and_restored(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    run("token", "create", "--user", "ann", "--data", tmp_path / "data")
    file = tmp_path / "backup.tar"
    assert "1 rows and 0 bodies" in run("backup", file, "--data", tmp_path / "data")
    held = json.loads(run("restore", file, "--data", tmp_path / "new", "--json"))
    assert (held["rows"]["tokens"], held["bodies"]) == (1, 0)
    assert json.loads(run("token", "list", "--data", tmp_path / "new", "--json"))["tokens"][0]["user"] == "ann"
    file.write_bytes(file.read_bytes().replace(b"ann", b"eve"))
    assert "SHA-256" in run("restore", file, "--data", tmp_path / "other", code=1)


def test_what_is_no_service_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    typo, file = tmp_path / "typo", tmp_path / "backup.tar"
    for words in (
        ("backup", file),
        ("token", "list"),
        ("token", "create", "--user", "ann"),
        ("token", "revoke", "00000000"),
    ):
        assert f"There is no service in {typo}" in run(*words, "--data", typo, code=2)
    assert list(tmp_path.iterdir()) == []
    typo.mkdir()
    assert f"There is no service in {typo}" in run("backup", file, "--data", typo, code=2)
    assert list(tmp_path.iterdir()) == [typo]
    assert list(typo.iterdir()) == []
