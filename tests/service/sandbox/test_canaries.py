"""Canaries: the scorer as it is passes, and every wrong one is stopped before it scores anyone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from w1bench.errors import CheckFailedError
from w1bench.scoring import metrics
from w1bench.scoring import score as scoring
from w1bench.scoring.statistics import gradient_points
from w1bench_server.sandbox.canaries import check_scorer
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app


def test_the_scorer_as_it_is_passes() -> None:
    check_scorer()


def _wrong(metric: str, change: Callable[[Any], Any]) -> tuple[str, Any]:
    right = metrics.METRICS[metric]
    return metric, replace(right, compute=lambda *given: change(right.compute(*given)))


@pytest.mark.parametrize(
    "wrong",
    [
        _wrong("cos", np.abs),
        _wrong("cos", lambda value: (1 + value) / 2),
        _wrong("l2", np.sqrt),
        _wrong("l2", lambda value: value + 1e-6),
        _wrong("dev", lambda value: value / 100),
        _wrong("w1_estimate", lambda value: -value),
        _wrong("w1_raw", lambda value: value * (1 + 1e-6)),
    ],
    ids=lambda wrong: wrong[0],
)
def test_a_wrong_metric_stops_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, wrong: tuple[str, Any]
) -> None:
    monkeypatch.setitem(metrics.METRICS, *wrong)
    with pytest.raises(CheckFailedError, match=rf"scorer is wrong.*{wrong[0]}"), TestClient(create_app(settings)):
        pass


def test_rows_in_another_order_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def sorted_first(gradient: Any, truth: Any) -> Any:
        return gradient_points(*(np.sort(np.asarray(array), axis=0) for array in (gradient, truth)))

    monkeypatch.setattr(scoring, "gradient_points", sorted_first)
    with pytest.raises(CheckFailedError, match="scorer is wrong"):
        check_scorer()
