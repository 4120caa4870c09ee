"""What a board shows, as a table for other programs: comma-separated values, JSON, and LaTeX (booktabs)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from w1bench.scoring import metrics
from w1bench.site.board.overall import Method
from w1bench.site.board.rows import Retracted, Row

_SPECIAL = str.maketrans({"&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
                          "\\": r"\textbackslash{}"})  # fmt: skip
_LATEX_METRICS = ("cos", "skill", "l2", "dev")
MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "latex": "text/x-latex"}


def of_methods(methods: Sequence[Method], families: Sequence[str]) -> list[dict[str, Any]]:
    """A document a method."""
    return [
        {
            "place": method.rank, "tied": method.tied, "method": method.first.method, "user": method.first.user, "reference": method.first.reference,
            "score": method.score, "score_stderr": method.error, "worst_family": method.worst and method.worst[0], "worst": method.worst and method.worst[1],
            "mean_rank": method.mean_rank, "pairs": method.entered, "of": method.of, "seeds": method.seeds,
            "steps_low": method.steps and method.steps[0], "steps_high": method.steps and method.steps[1], "seconds": method.seconds,
            **{f"family_{name}": method.by_family.get(name) for name in families},
        }
        for method in methods
    ]  # fmt: skip


def of_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A document a row, with every metric and its interval."""
    return [
        {
            "pair": row.pair, "family": row.family, "dim": row.dim, "rank": row.rank, "tied": row.tied, "method": row.method, "user": row.user, "id": row.id,
            "submitted_at": row.submitted_at, "reference": row.reference, "seeds": row.seeds, "tries": row.tries, "steps": row.metadata.get("steps"), "seconds": row.metadata.get("seconds"),
            **dict(zip(metrics.COLUMNS, metrics.cells(row.metrics), strict=True)),
        }
        for row in rows
    ]  # fmt: skip


def leaderboard(boards: Mapping[str, Sequence[Row]], retracted: Sequence[Retracted]) -> dict[str, Any]:
    """All boards as the service answers them (`GET /v1/leaderboard`), for clients of a twin."""
    return {
        "metric": metrics.HEADLINE, "track": None, "family": None, "as_of": 0, "methods": None, "next": None,
        "rows": [_row(row) for pair in sorted(boards) for row in boards[pair]],
        "retracted": [
            {
                "pair": one.pair, "method": one.method, "user": one.user, "id": one.id, "url": f"/submissions/{one.id}.html",
                "retraction": {"at": one.at, "user": one.by, "reason": one.reason},
            }
            for one in retracted
        ],
    }  # fmt: skip


def _row(row: Row) -> dict[str, Any]:
    plain = ("rank", "tied", "pair", "method", "user", "id", "submitted_at", "reference", "tries", "seeds", "truth")
    figures = {name: interval and interval.model_dump() for name, interval in row.metrics.items()}
    return {name: getattr(row, name) for name in plain} | {
        "url": f"/submissions/{row.id}.html", "metadata": dict(row.metadata), "metrics": figures, "diagnosis": None,
    }  # fmt: skip


def written(documents: Sequence[dict[str, Any]], form: str) -> str:
    """The documents in one of `MEDIA_TYPES`."""
    if form == "json":
        return json.dumps(documents, indent=1, allow_nan=False) + "\n"
    names = list(documents[0]) if documents else ["method"]
    if form == "csv":
        return metrics.as_csv(names, (document.values() for document in documents))
    return _latex(documents, names)


def _latex(documents: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    plain = [
        name
        for name in names
        if name in ("place", "pair", "rank", "method", "score", "worst", "pairs")
        or name in _LATEX_METRICS
        or name.startswith("family_")
    ]
    head = " & ".join(name.removeprefix("family_").translate(_SPECIAL) for name in plain)
    lines = [" & ".join(_cell(document[name]) for name in plain) + r" \\" for document in documents]
    columns = "".join("l" if name in ("method", "pair") else "r" for name in plain)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def _cell(value: Any) -> str:
    if value is None:
        return "--"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1e4 else f"{value:.2g}"
    return str(value).translate(_SPECIAL)
