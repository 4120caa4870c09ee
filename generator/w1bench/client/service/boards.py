"""Leaderboards, two submissions compared, and where a submission stands."""

from typing import Any

import httpx2
from pydantic import BaseModel

from w1bench.client.service.connection import Service, checked, no_service
from w1bench.errors import W1BenchError
from w1bench.scoring.metrics import HEADLINE
from w1bench.scoring.scorecard import Interval

_PAGE_ROWS = 500  # the most that a service gives
BASIS = "LP"  # the reference method that a submission is set beside


class _BoardRow(BaseModel):
    """What is needed of a leaderboard's row."""

    rank: int | None
    tied: bool
    pair: str
    method: str
    user: str
    id: str
    url: str
    reference: bool
    tries: int
    metrics: dict[str, Interval | None]


class _MethodRow(BaseModel):
    """What is needed of a method on a track."""

    rank: int
    method: str
    user: str
    mean_rank: float
    pairs: int


class _Board(BaseModel):
    rows: list[_BoardRow]
    methods: list[_MethodRow] | None
    retracted: list[dict[str, Any]]
    next: str | None


class _Difference(BaseModel):
    """What is needed of a difference in a metric."""

    a: float
    b: float
    difference: float
    low: float
    high: float
    tied: bool


class _Comparison(BaseModel):
    """What is needed of two submissions compared."""

    pair: str
    metrics: dict[str, _Difference | None]
    missing: dict[str, str]


def leaderboard(service: Service, *, metric: str = HEADLINE, **choice: str | int | None) -> dict[str, Any]:
    """The leaderboard as the service gives it, all pages as one; `choice` is pair, track, family, dim, as_of.

    Raises:
        SubmissionError: the service has no such pair, track, family or metric.
        UnreachableError: the service does not answer.
    """
    board = page = checked(_Board, _page(service, metric, "json", choice))
    while page["next"] is not None:
        page = checked(_Board, _page(service, metric, "json", choice, page["next"]))
        board |= {name: [*(board[name] or []), *(page[name] or [])] for name in ("rows", "retracted")}
        if page["methods"]:
            board["methods"] = [*(board["methods"] or []), *page["methods"]]
    return board | {"rows": [service.absolute(row) for row in board["rows"]], "next": None}


def leaderboard_csv(service: Service, *, metric: str = HEADLINE, **choice: str | int | None) -> str:
    """The leaderboard as comma-separated values, all pages as one; raises as `leaderboard`."""
    text, cursor = "", None
    while True:
        answer = _page(service, metric, "csv", choice, cursor)
        header, _, rows = answer.text.partition("\n")
        if not header.startswith("rank,"):
            raise no_service(answer)
        text += rows if text else answer.text
        following = answer.links.get("next", {}).get("url")
        if following is None:
            return text
        cursor = httpx2.URL(following).params.get("cursor")


def compare(service: Service, a: str, b: str) -> dict[str, Any]:
    """Two submissions to one pair, by their ids or their pages' addresses: the difference a - b in each metric, over the same resamples.

    Raises:
        SubmissionError: one of them is not there, or they are to different pairs.
        UnreachableError: the service does not answer.
    """
    params = {name: identity.rstrip("/").rpartition("/")[2] for name, identity in (("a", a), ("b", b))}
    return service.document(_Comparison, "GET", "/v1/compare", params=params)


def standing(service: Service, row: dict[str, Any]) -> dict[str, Any]:
    """Where the method of a submission stands on its pair's board: its board row, of how many that rank, and the difference to LP.

    `against` is None where the board has no row of LP or this is one; `unknown` says why nothing is known.
    """
    try:
        rows = leaderboard(service, pair=row["pair"])["rows"]
        own = next((r for r in rows if (r["method"], r["user"]) == (row["method"], row["user"])), None)
        basis = next((r for r in rows if r["reference"] and r["method"].split(" (")[0] == BASIS), None)
        against = None
        if own is not None and basis is not None and basis["id"] != own["id"]:
            found = compare(service, own["id"], basis["id"])
            against = {
                "method": basis["method"],
                "id": basis["id"],
                "url": basis["url"],
                **{name: found[name] for name in ("metrics", "missing")},
            }
        return {"row": own, "rows": sum(r["rank"] is not None for r in rows), "against": against, "unknown": None}
    except W1BenchError as error:  # the submission was made, whatever came after it
        return {"row": None, "rows": 0, "against": None, "unknown": str(error)}


def _page(
    service: Service, metric: str, form: str, choice: dict[str, str | int | None], cursor: str | None = None
) -> httpx2.Response:
    """A page of the leaderboard, as long as the service allows."""
    params = {"metric": metric, "format": form, "limit": _PAGE_ROWS, **choice, "cursor": cursor}
    given = {name: value for name, value in params.items() if value is not None}
    return service.ask("GET", "/v1/leaderboard", params=given)
