"""Every score of a revealed pair can be computed again by anyone, and a wrong one is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.recipes import SEALED, Sealed
from support.sealed_round import NAME, arrays, round_settings, submit
from support.servers import serving
from w1bench.archive.reveal import reveal
from w1bench.errors import CheckFailedError, PairError, SubmissionError
from w1bench.scoring.scorecard import Interval
from w1bench_server.database import connection as database
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.settings import Settings
from w1bench_server.submissions.replay import replay_data, replay_server

Make = Callable[..., bytes]


@pytest.fixture
def settings(made: Sealed, tmp_path: Path) -> Settings:
    return round_settings(made, tmp_path / "data")


def test_anyone_replays_a_round_from_what_is_published(
    settings: Settings, made: Sealed, npy: Make, tmp_path: Path
) -> None:
    submit(settings, made, npy(arrays(made, 0.2)["gradient"]), "near")
    reveal(made.folder, made.truth)
    with serving(settings) as (_, client):
        url = str(client.base_url).rstrip("/")
        command = [sys.executable, "-m", "w1bench"]
        fetched = [*command, "fetch", NAME, "--from", url, "--cache", str(tmp_path / "cache")]
        subprocess.run(fetched, check=True, capture_output=True)
        folder = tmp_path / "cache" / NAME
        done = subprocess.run(
            [*command, "replay", str(folder), "--server", url, "--json"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        (row,) = json.loads(done.stdout)["submissions"]
        assert (row["method"], row["difference"]) == ("near", None)
        with pytest.raises(SubmissionError, match="404"):
            replay_server(_renamed(folder, tmp_path / "other"), url)


def _renamed(folder: Path, to: Path) -> Path:
    """A pair that the service does not have."""
    from w1bench.builder.build import build

    recipe = SEALED.model_copy(update={"name": "elsewhere"})
    build(recipe, to / "archive", truth=to / "truth")
    reveal(to / "archive" / "elsewhere", to / "truth")
    return to / "archive" / "elsewhere"


def test_a_score_that_was_tampered_with_is_named(settings: Settings, made: Sealed, npy: Make) -> None:
    """Written to the ledger by its owner, with a chain that holds."""
    honest = submit(settings, made, npy(arrays(made, 0.2)["gradient"]), "near")
    card = honest.score.card
    better = Interval(value=0.99, low=None, high=None)
    flattered = card.model_copy(update={"metrics": card.metrics | {"cos": better}})
    with database.opened(settings) as engine:
        entry = replace(honest.entry, id="flattered", method="flattered", scorecard=flattered.model_dump_json())
        Ledger(engine).append(entry)
        earlier = card.model_dump_json(exclude={"excess"})  # as a release wrote it that had no such figure
        Ledger(engine).append(replace(entry, id="earlier", method="earlier", scorecard=earlier))
        Ledger(engine).append(replace(entry, id="lost", sha256="0" * 64, method="lost"))
    with pytest.raises(PairError, match="is sealed"):
        replay_data(made.folder, settings)
    reveal(made.folder, made.truth)
    replayed = {each.id: each.difference for each in replay_data(made.folder, settings)}
    assert replayed[honest.entry.id] is None
    assert replayed["earlier"] is None
    assert "metrics.cos.value is 0.99 in the ledger, and 0.8" in replayed["flattered"]
    assert "is missing" in replayed["lost"]
    command = [sys.executable, "-m", "w1bench", "replay", str(made.folder), "--data", str(settings.data)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "2 of 4 scores are not what they come to. Submission flattered" in done.stderr
    content = (made.folder / "truth.h5").read_bytes()
    (made.folder / "truth.h5").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckFailedError, match=r"truth.h5 was changed"):
        replay_data(made.folder, settings)
