"""What each page is filled with, from the content of a service's ledger or of a twin alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from w1bench.archive.catalogue import Listed
from w1bench.archive.manifest import Manifest, PairState
from w1bench.client.metadata import OF_A_RUN
from w1bench.recipes.families import CONTROLS, CORE
from w1bench.scoring.diagnosis.plane import points_in
from w1bench.scoring.metrics import HEADLINE
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench.site import descriptions
from w1bench.site.board import sheets
from w1bench.site.board.choice import MAP_METHODS, ORDERS, PAGE_ROWS, Choice, piece
from w1bench.site.board.content import Content
from w1bench.site.board.overall import SCORES, Method, chosen, families
from w1bench.site.board.remarks import remarks
from w1bench.site.board.rows import Retracted, Row, are_apart
from w1bench.site.numbers import places
from w1bench.trials.results import numbered

_HOME_METHODS = 14
EXAMPLE = "hd-d2-n4-p8"  # the pair of the tutorials
_BASIS = "LP"  # the reference method that a submission is set beside
_COLUMNS = {"open": ("cos", "l2", "dev"), "sealed": ()}
_TWO_SIDED = 1.959964
Context = dict[str, Any]


class Page(NamedTuple):
    """A part of a list: which one, of how many in total."""

    number: int
    total: int


class Cell(NamedTuple):
    """A cell of the map of methods and pairs."""

    value: float | None
    cos: float | None
    id: str | None
    best: bool


class Gap(NamedTuple):
    """The difference to another row: its value, how many digits of it count, and whether noise alone explains it."""

    row: Row
    value: float
    places: int
    tied: bool


def home(content: Content, address: str) -> Context:
    """The first page."""
    methods = content.methods(Choice())
    scored = sorted(
        (method for method in methods if method.score is not None),
        key=lambda method: (-len(method.by_family), -(method.score or 0)),
    )
    names = families(scored)
    heat = [method for method in scored if len(method.by_family) * 2 >= len(names)][:_HOME_METHODS]
    best = {name: max((m.by_family[name] for m in heat if name in m.by_family), default=None) for name in names}
    counts = Counter(content.manifests[pair].family for pair in (methods[0].counted if methods else ()))
    return {
        "pair_counts": counts, "section": "home", "pairs": list(content.manifests), "methods_count": len(methods), "rows_count": len(content.rows), "families": names, "best": best,
        "heat": heat, "sizes": content.sizes, "remarks": remarks([row for row in content.rows if row.track == "open"], methods),
        "snippets": descriptions.snippets(address, example(content)),
    }  # fmt: skip


def example(content: Content) -> str:
    """The pair to begin with: a small one that is no control."""
    of_first = [
        (manifest.family in CONTROLS, name != EXAMPLE, manifest.dim, name)
        for name, manifest in content.manifests.items()
        if manifest.state is PairState.OPEN
    ]
    return min(of_first)[-1] if of_first else EXAMPLE


def board(content: Content, choice: Choice, *, all_rows: bool = False) -> Context:
    """The board by a choice; `all_rows` puts everything on one page."""
    shown = chosen(content.methods(choice), choice)
    of_track = [manifest for name, manifest in content.manifests.items() if content.tracks[name] == choice.track]
    options = {
        "families": sorted({manifest.family for manifest in of_track}), "dims": sorted({manifest.dim for manifest in of_track}), "users": content.users,
        "orders": ORDERS,
    }  # fmt: skip
    columns = _COLUMNS[choice.track]
    if choice.sort in sheets.metrics.METRICS and choice.sort not in (*columns, "skill", SCORES[choice.track]):
        columns = (*columns, choice.sort)
    context: Context = {
        "section": "board", "choice": choice, "options": options, "columns": columns, "total": len(shown),
        "counted": sorted(shown[0].counted, key=numbered) if shown else [], "by_core": bool(shown) and shown[0].counted <= frozenset(CORE),
    }  # fmt: skip
    size = 10**9 if all_rows else PAGE_ROWS
    if choice.view == "rows":
        rows = choice.ordered(row for row in choice.scope(content.rows) if choice.admits(row))
        part, count = piece(rows, choice.page, size)
        columns = tuple(name for name in columns if name != HEADLINE)
        columns = columns if choice.track == "sealed" else ("skill", *columns)
        return context | {
            "rows": part,
            "total": len(rows),
            "columns": columns,
            "published": any(row.published for row in part),
            "page": Page(min(choice.page, count), count),
        }
    if choice.view == "map":
        part, count = piece(shown, choice.page, 10**9 if all_rows else MAP_METHODS)
        return context | {
            "methods": part,
            "map": _map(content, choice, part),
            "page": Page(min(choice.page, count), count),
        }
    part, count = piece(shown, choice.page, size)
    scores = [method.score for method in part if method.score is not None]
    return context | {
        "methods": part, "page": Page(min(choice.page, count), count), "span": (max(-0.5, min([0.0, *scores])), max([0.1, *scores]) * 1.05), "method_interval": method_interval,
    }  # fmt: skip


def sheet(context: Context) -> list[dict[str, Any]]:
    """The documents of what a board's page shows."""
    if "rows" in context:
        return sheets.of_rows(context["rows"])
    return sheets.of_methods(context["methods"], families(context["methods"]))


def pairs(content: Content) -> Context:
    """The list of pairs."""
    leaders = {name: rows[0] for name, rows in content.boards.items() if rows and rows[0].rank == 1}
    return {
        "section": "pairs",
        "pairs": list(content.manifests.values()),
        "leaders": leaders,
        "counts": _counts(content),
    }


def pair(
    content: Content,
    manifest: Manifest,
    files: Mapping[str, Listed],
    address: str,
    *,
    sort: str = HEADLINE,
    page: int = 1,
    all_rows: bool = False,
) -> Context:
    """A pair with its board."""
    rows = list(content.boards.get(manifest.name, ()))
    if sort != HEADLINE:
        rows = Choice(sort=sort).ordered(rows)
    part, count = piece(rows, page, 10**9 if all_rows else PAGE_ROWS)
    return {
        "section": "pairs", "manifest": manifest, "files": files, "rows": part, "sort": sort, "page": Page(min(page, count), count),
        "retracted": [one for one in content.retracted if one.pair == manifest.name], "trivial": content.trivial.get(manifest.name, {}),
        "resolution": content.resolutions.get(manifest.name) or descriptions.resolution(rows), "snippets": descriptions.snippets(address, manifest.name, sealed=manifest.state is PairState.SEALED),
    }  # fmt: skip


def rounds(content: Content, limit: int | None = None) -> Context:
    """The sealed pairs."""
    sealed = [manifest for manifest in content.manifests.values() if manifest.sealed]
    return {"section": "rounds", "pairs": sealed, "counts": _counts(content), "limit": limit}


def method(content: Content, name: str, user: str) -> Context | None:
    """All rows of a method; None where there are none."""
    rows = _by_pair(row for row in content.rows if row.key == (name, user))
    if not rows:
        return None
    track = "open" if any(row.track == "open" for row in rows) else "sealed"
    placed = next((method for method in content.methods(Choice(track=track)) if method.first.key == (name, user)), None)
    return {
        "section": "board", "kind": "method", "name": name, "user": user, "rows": rows, "method": placed, "retracted": [],
        "metadata": {field: said for field, said in rows[0].metadata.items() if field not in (*OF_A_RUN, "steps")},
    }  # fmt: skip


def _by_pair(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row.family, numbered(row.pair)))


def user(content: Content, name: str) -> Context | None:
    """All rows of a user, and what was retracted; None where there are none."""
    rows = _by_pair(row for row in content.rows if row.user == name)
    retracted = [one for one in content.retracted if one.user == name]
    if not rows and not retracted:
        return None
    return {
        "section": "board", "kind": "user", "name": name, "user": name, "rows": rows, "method": None, "metadata": {},
        "retracted": retracted,
    }  # fmt: skip


def submission(
    content: Content, row: Row, card: Scorecard, *, retraction: Retracted | None = None, entry: Mapping[str, Any] | None = None,
    findings: Sequence[Mapping[str, Any]] = (), has_body: bool = False,
) -> Context:  # fmt: skip
    """A submission; `row` is its own, whether it stands on a board or not."""
    standing = content.by_id.get(row.id)
    others = [other for other in content.boards.get(row.pair, ()) if other.id != row.id]
    own = replace(standing, metrics=card.metrics) if standing else replace(row, metrics=card.metrics)
    ranked = [other for other in others if other.rank is not None and own.value(HEADLINE) is not None]
    near = min(ranked, key=lambda other: abs((other.value(HEADLINE) or 0) - (own.value(HEADLINE) or 0)), default=None)
    basis = next((other for other in ranked if other.reference and other.method.split(" (")[0] == _BASIS), None)
    return {
        "section": "board", "row": own, "card": card, "standing": standing, "of": sum(other.rank is not None for other in content.boards.get(row.pair, ())),
        "retraction": retraction, "entry": entry, "near": near and _gap(own, near), "basis": (basis and basis is not near and _gap(own, basis)) or None,
        "findings": findings, "others": others[:PAGE_ROWS], "has_body": has_body, "debiased": _taken_back(findings),
        "plane": points_in(card.plane),
    }  # fmt: skip


def compare(
    content: Content,
    pair: str,
    a: Row | None,
    b: Row | None,
    differences: Mapping[str, Any],
    missing: Mapping[str, str],
) -> Context:
    """Two rows of a pair, metric by metric."""
    with_two = [name for name, rows in content.boards.items() if len(rows) > 1 and name in content.manifests]
    return {
        "section": "board", "pairs": with_two, "pair": pair, "rows": list(content.boards.get(pair, ())) if pair in with_two else [], "a": a, "b": b,
        "differences": differences, "missing": missing, "difference_interval": difference_interval,
    }  # fmt: skip


def method_interval(method: Method) -> Interval:
    """The interval of a method's mean."""
    score, half = method.score or 0.0, _TWO_SIDED * method.error
    return Interval(value=score, low=score - half, high=score + half)


def difference_interval(difference: Any) -> Interval:
    """The interval of a difference."""
    return Interval(value=difference.difference, low=difference.low, high=difference.high)


def _counts(content: Content) -> Counter[str]:
    return Counter({name: len(rows) for name, rows in content.boards.items()})


def _gap(own: Row, other: Row) -> Gap:
    a, b = own.value(HEADLINE) or 0.0, other.value(HEADLINE) or 0.0
    errors = own.error(HEADLINE), other.error(HEADLINE)
    return Gap(other, a - b, places(max(*errors)), not are_apart(a, b, *errors))


def _taken_back(findings: Sequence[Mapping[str, Any]]) -> float | None:
    """W1 without what a gradient penalty adds, where a finding has taken it back."""
    return next(
        (figures["debiased_w1"] for finding in findings if "debiased_w1" in (figures := finding.get("figures", {}))),
        None,
    )


def _map(content: Content, choice: Choice, methods: Sequence[Method]) -> Context:
    names = {row.pair for method in methods for row in method.rows}
    columns = sorted(
        (row for row in {row.pair: row for method in methods for row in method.rows}.values()),
        key=lambda row: (row.family, row.dim, numbered(row.pair)),
    )
    score = SCORES[choice.track]

    def value(row: Row) -> float | None:
        return row.value(HEADLINE if row.control else score)

    best: dict[str, float] = {}
    for method in content.methods(choice):
        for row in method.rows:
            if row.pair in names and (found := value(row)) is not None:
                best[row.pair] = max(best.get(row.pair, found), found)

    def cell(row: Row | None) -> Cell:
        if row is None or (found := value(row)) is None:
            return Cell(None, row and row.value(HEADLINE), row and row.id, False)
        return Cell(found, row.value(HEADLINE), row.id, found == best[row.pair])

    lines: list[tuple[Method, list[Cell]]] = []
    for method in methods:
        entered = {row.pair: row for row in method.rows}
        lines.append((method, [cell(entered.get(column.pair)) for column in columns]))
    return {"columns": columns, "lines": lines}
