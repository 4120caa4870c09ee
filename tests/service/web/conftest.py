"""A service with two submissions, for tests that leave nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app
from w1bench_server.web.auth.tokens import create_token

PAIR = "small-d2-n4-p8"
METHODS = {"nearly the truth": 1.0, "x<script>alert('1')</script>&": -1.0}


@pytest.fixture(scope="session")
def methods() -> tuple[str, ...]:
    """The methods of `board`, the best first."""
    return tuple(METHODS)


@pytest.fixture(scope="session")
def board(
    archive: Any, tmp_path_factory: pytest.TempPathFactory, truth: dict[str, Any], h5: Callable[..., bytes]
) -> Iterator[TestClient]:
    """A service with a submission of each method; the second is better in dev alone."""
    settings = Settings(archive=archive, data=tmp_path_factory.mktemp("board"), min_free_bytes=0)
    headers = {"Authorization": f"Bearer {create_token(settings, user='ann')}"}
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        for method, sign in METHODS.items():
            shift = 0.1 if sign > 0 else 0.0
            turned = truth["gradient"] + 0.01 * truth["gradient"][:, ::-1]  # of the truth itself there is no rank
            arrays = truth | {"gradient": sign * turned, "input_potential": truth["input_potential"] + shift}
            params = {"pair": PAIR, "method": method}
            assert client.post("/v1/submissions", params=params, content=h5(arrays), headers=headers).status_code == 201
        yield client
