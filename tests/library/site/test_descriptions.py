"""The snippets on pages run as they stand, up to the row, which needs a service and a token."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from typer.main import get_command

from w1bench.archive.manifest import read_published_manifest
from w1bench.cli.main import app
from w1bench.client.metadata import Metadata
from w1bench.diagnostics.findings.facts import Facts
from w1bench.site.descriptions import commands, inputs, snippets, source


@pytest.mark.parametrize(
    ("name", "pair"),
    [("numpy", "small-d2-n4-p8"), ("torch", "small-digits"), ("JAX", "small-d2-n4-p8"), ("JAX", "small-digits")],
)
def test_a_snippet_scores_a_critic(archive: Path, name: str, pair: str) -> None:
    snippet = next(each for each in snippets(str(archive), pair) if each.name == name)
    program, _, sent = snippet.text.partition("row = ")
    assert sent.startswith('evaluation.submit(method="mine")')
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "cos" in done.stdout


def test_where_there_are_only_files_nothing_is_submitted(archive: Path) -> None:
    shown = snippets("", "small-d2-n4-p8")
    assert [snippet.name for snippet in shown] == ["numpy", "torch", "JAX", "curl"]
    text = "\n".join(snippet.text for snippet in shown)
    assert "submi" not in text
    assert "/v1/" not in text
    assert 'os.environ["W1BENCH_ARCHIVE"] = "ADDRESS"' in text
    program = shown[0].text.replace("ADDRESS", str(archive))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "cos" in done.stdout


def test_of_a_sealed_pair_nobody_is_told_to_score_it(archive: Path) -> None:
    shown = snippets("ADDRESS", "sealed-d16", sealed=True)
    assert [snippet.name for snippet in shown] == ["numpy", "curl"]
    assert "evaluate" not in shown[0].text


@pytest.mark.parametrize(
    ("name", "of_targets", "of_inputs"),
    [
        ("shift", "uniform on the cube of half width 2.5 in", "in one direction"),
        (
            "spiked-funnel",
            "half width 2.5 in 4 dimensions, with normal noise of standard deviation 1 in 20 more",
            "a random subspace of 4 of 24 dimensions",
        ),
        ("product", "in 3 dimensions, in each of 4 blocks", "over 4 blocks of coordinates"),
    ],
)
def test_a_pair_is_described_by_the_spaces_that_it_is_drawn_in(
    families: Path, name: str, of_targets: str, of_inputs: str
) -> None:
    manifest = read_published_manifest(families / name)
    assert of_targets in source(manifest)
    assert of_inputs in inputs(manifest)


def test_names_are_quoted_in_addresses() -> None:
    assert "method=a+%26+b" in commands("ADDRESS", "pair", "a & b")[1].text


def test_the_commands_of_a_form_say_all_that_its_fields_say() -> None:
    said = Metadata(
        seed=3, paper="a; $(b) 'c'", code="https://example.org/?x=1&y=2", description="in a line", steps=7, data="train", seconds=1.5, hardware="two cores",
        parameters=9, trains=False, knows_family=True, penalty_weight=10.0, batch=64, receptive_field=4, native_value=-1.25, own_value=0.5,
        curve="1:-.25 7:0.5",
    )  # fmt: skip
    cli, curl = commands("http://h", "pair", "$(a) & b", said)
    _, line, words, several = cli.text.splitlines()
    assert words.startswith("# several seeds")
    for shown, files, seeds in ((line, 1, [3]), (several.removeprefix("# "), 2, [3, 4])):
        _, verb, *given = shlex.split(shown)
        typed = get_command(app).commands[verb].make_context(verb, given).params  # type: ignore[attr-defined]
        assert (typed["pair"], typed["method"], len(typed["files"]), typed["seed"]) == (
            "pair",
            "$(a) & b",
            files,
            seeds,
        )
        named = {
            "batch_size" if name == "batch" else name: value for name, value in said.given().items() if name != "seed"
        }
        assert {name: typed[name] for name in named} == named
    dry, row = (dict(parse_qsl(re.findall(r'"http://h/v1/\w+\?(.*?)"', text)[0])) for text in curl.text.splitlines())
    assert row == {"pair": "pair", "method": "$(a) & b"} | {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in said.given().items()
    }
    assert dry == {name: row[name] for name in ("pair", "method", *Facts.model_fields)}
