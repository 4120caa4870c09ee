"""Stored submissions are scored again by a new metric version, and keep both scores."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench.scoring.metrics import METRIC_VERSION
from w1bench.scoring.scorecard import Scorecard
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.web.app import create_app

DATABASES = ("sqlite", "postgresql")


def test_a_new_metric_version_rescores_what_is_stored_and_keeps_both(
    settings: Settings, pair: PublishedPair, truth: dict[str, Any], make_card: Callable[..., Scorecard],
    make_entry: Callable[..., Entry], npy: Callable[..., bytes],
) -> None:  # fmt: skip
    body = npy(truth["gradient"])
    old = make_card(pair.digest, cos=0.5).model_copy(update={"metric_version": METRIC_VERSION - 1})
    entry = replace(make_entry("a"), pair_digest=pair.digest, scorecard=old.model_dump_json())
    entries = {
        "a": replace(entry, sha256=hashlib.sha256(body).hexdigest()),
        "lost": replace(entry, id="lost"),  # its body is not there
        "past": replace(entry, id="past", pair_digest="e" * 64),  # of a pair that was made anew
    }
    bodies = Bodies(settings.data)
    bodies.sweep(frozenset())
    (bodies.incoming / "a").write_bytes(body)
    bodies.keep(bodies.incoming / "a", entries["a"].sha256)
    with database.opened(settings) as engine:
        ledger = Ledger(engine)
        for one in entries.values():
            ledger.append(one)
        for _ in range(2):
            with TestClient(create_app(settings)) as client:
                deadline = time.monotonic() + 30
                while len(ledger.rows()) == len(entries) and time.monotonic() < deadline:
                    time.sleep(0.05)
                row = client.get("/v1/submissions/a").json()
                assert row["scorecard"]["metric_version"] == METRIC_VERSION
                assert row["scorecard"]["metrics"]["cos"]["value"] == pytest.approx(1)
                assert row["earlier_scorecards"] == [old.model_dump(mode="json")]
                assert client.get("/v1/submissions/lost").json()["scorecard"] == old.model_dump(mode="json")
        assert [row.kind for row in ledger.rows()] == ["submission"] * 3 + ["rescore"]
        check_chain(ledger.rows())
