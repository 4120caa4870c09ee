"""The results file of trials: JSON with one row a trial, replaced as a whole."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from w1bench.archive.manifest import Manifest
from w1bench.client.metadata import curve_of
from w1bench.diagnostics.findings.evidence import Record
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.findings.sentences import findings
from w1bench.errors import InputError
from w1bench.recipes.sources import UniformSource
from w1bench.scoring.scorecard import Diagnosis, Interval, Scorecard
from w1bench.storage.canonical import first_fault
from w1bench.storage.files import write_atomically
from w1bench.storage.shared_fields import joined, parted

Row = dict[str, Any]
FORMAT = "w1bench-results"
# In the order of the paper's tables and of what came since; what is not named comes after.
ORDER = ("WC", "GP", "LP", "SN", "SO", "LS", "MM:B", "MM:Bv2", "MM", "MM:R", "DOT", "TTC", "KR", "SLL", "AOL", "PRW", "LP-ALM",
         "ENOT", "cones", "kmeans", "sinkhorn", "sliced", "energy", "radial", "shift")  # fmt: skip
UNTRAINED = {
    "DOT",
    "sinkhorn",
    "sliced",
    "energy",
    "radial",
    "shift",
}  # methods that compute their critic from a sample
OF_FUNNELS = {"cones", "kmeans"}  # whose critics have the form of a funnel pair's potential
PENALTIES = {"GP": 10.0, "LP": 10.0}  # weights of gradient penalties, as published
_OF_CARD = ("pair", "pair_digest", "metric_version", "points", "w1", "metrics", "missing", "diagnosis")
_BOUNDS = ("value", "low", "high")
PLAIN = ("method", "pair", "recipe_sha256", "law", "w1", "seed", "data", "outcome", "steps", "seconds", "dual_value")


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Point(_Part):
    steps: int
    seconds: float = 0.0
    metrics: dict[str, float | None]


class _Settings(_Part):
    steps: int | None = None


class _Fields(_Part):
    """What is asked of a row that is read; it may have more."""

    method: str
    pair: str
    recipe_sha256: str
    law: str
    w1: float
    seed: int
    data: str
    outcome: str
    steps: int
    seconds: float
    dual_value: float | None
    settings: _Settings
    metrics: dict[str, Interval | None] | None
    metric_version: int | None = None
    points: int | None = None
    missing: dict[str, str] | None = None
    machine: dict[str, Any] = {}
    software: dict[str, Any] = {}
    trivial: dict[str, float] | None = None
    diagnosis: Diagnosis | None = None
    curve: list[_Point] = []


def read(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        InputError: it is missing, or it is not a results file.
    """
    try:
        written = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a file that `w1bench trial` wrote.") from None
    other = "give one that `w1bench trial` wrote, or another name."
    try:
        rows = _rows(from_json(written))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is not a results file; {other}") from None
    for number, row in enumerate(rows, start=1):
        try:
            _Fields.model_validate(row)
        except ValidationError as error:
            raise InputError(f"Row {number} of {path} is damaged: {first_fault(error, 'it')}; {other}") from None
    return rows


def _rows(document: Mapping[str, Any]) -> list[Row]:
    if document["format"] != FORMAT:
        raise ValueError
    return [_with_intervals(row, _named) for row in joined(document.get("shared", ()), document["rows"])]


def read_all(paths: Iterable[Path]) -> list[Row]:
    """The rows of results files; of a cell that stands in several, the row of the newest metric version.

    Raises:
        InputError: as `read`.
    """
    kept: dict[tuple[Any, ...], Row] = {}
    for row in (row for path in paths for row in read(path)):
        cell = (*cell_of(row), row["pair"], row["seed"])
        if cell not in kept or _version(row) > _version(kept[cell]):
            kept[cell] = row
    return list(kept.values())


def _version(row: Row) -> int:
    """0 of a row that diverged, which has none."""
    return row.get("metric_version") or 0


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, one a line, in the order of pairs, methods and seeds; the file is whole or the one before."""
    lines = ",\n".join(_line(row) for row in sorted(rows, key=row_order))
    write_atomically(path, f'{{"format": "{FORMAT}", "rows": [\n{lines}\n]}}\n'.encode())


def write_compact(path: Path, rows: Iterable[Row]) -> None:
    """Write compact rows, without what all rows of a file, a pair or a method have in common, which is written once."""
    shared, left = parted(sorted(map(compact, rows), key=row_order), ("pair", "method"))
    head, lines = (",\n".join(_line(row) for row in part) for part in (shared, left))
    write_atomically(path, f'{{"format": "{FORMAT}", "shared": [\n{head}\n], "rows": [\n{lines}\n]}}\n'.encode())


def compact(row: Row) -> Row:
    """The row to six digits, an interval as value, low and high; without its resamples, which take 13 kB, its findings, which its figures make anew, and its excess slope, which explains penalties alone."""
    left_out = {"resamples", "findings"} | (set() if row["method"] in PENALTIES else {"excess"})
    kept = {name: _rounded(value) for name, value in row.items() if name not in left_out}
    return _with_intervals(kept, lambda named: [named[bound] for bound in _BOUNDS])


def _named(interval: Any) -> Any:
    """An interval as `write` writes it, however it is in the file."""
    is_compact = isinstance(interval, list) and len(interval) == len(_BOUNDS)
    return dict(zip(_BOUNDS, interval, strict=True)) if is_compact else interval


def _with_intervals(row: Row, written: Callable[[Any], Any]) -> Row:
    return row | {"metrics": row["metrics"] and {name: of and written(of) for name, of in row["metrics"].items()}}


def _line(row: Row) -> str:
    return json.dumps(row, allow_nan=False, separators=(",", ":"))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_rounded(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
    return {name: _rounded(part) for name, part in value.items()} if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType]


def facts_of_fit(method: str, settings: Mapping[str, Any], dual_value: float | None) -> Facts:
    """What a reference method declares of a training: its penalty, its batch, and the value that it ended with as its own estimate of W1."""
    return Facts(penalty_weight=PENALTIES.get(method), batch=settings.get("batch"), native_value=dual_value)


def facts_of(row: Row) -> Facts:
    """What a row of results declares of its method."""
    return facts_of_fit(row["method"], row["settings"], row["dual_value"])


def with_findings(row: Row, record: Record | None = None) -> Row:
    """The row with what is wrong with its critic in words, as far as its figures and, where it is here, its pair's record show; rows of before lack some."""
    if not row["metrics"]:
        return row | {"findings": []}
    of_card: Row = {name: row[name] for name in _OF_CARD} | {name: row.get(name) for name in ("trivial", "excess")}
    card = Scorecard(pair_version=1, w1_stderr=None, **of_card)
    return row | {"findings": [finding.model_dump() for finding in findings(card, facts_of(row), record)]}


def metrics_of(row: Row) -> Mapping[str, Any]:
    return row["metrics"] or {}


def curve(row: Mapping[str, Any]) -> str | None:
    """How a row's training got there, as its submission says it; None of one that did not train."""
    points = [(point["steps"], point["metrics"].get("cos")) for point in row.get("curve") or ()]
    return curve_of(points) if len(points) > 1 else None


def cell_of(row: Row) -> tuple[Any, ...]:
    """What seeds are averaged over."""
    settings = tuple((name, str(value)) for name, value in sorted(row["settings"].items()))
    place = ORDER.index(row["method"]) if row["method"] in ORDER else len(ORDER)
    return (place, row["method"], row["recipe_sha256"], row["data"], settings)


def board_name(method: str, data: str) -> str:
    """A method's name on a board: `LP`, and `LP (train.h5)` of one that was trained on stored rows."""
    return method if data == "fresh" else f"{method} ({data}.h5)"


def longest(rows: Iterable[Row]) -> list[Row]:
    """Of a method on a pair, the rows of its longest training, one a seed: a board has no others, which are points of its learning curve."""
    most: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        of_it = most.setdefault((row["method"], row["pair"], row["recipe_sha256"], row["data"]), [])
        if of_it and budget(row) > budget(of_it[0]):
            of_it.clear()
        if not of_it or budget(row) == budget(of_it[0]):
            of_it.append(row)
    return [row for of_it in most.values() for row in of_it]


def budget(row: Row) -> int:
    """The steps that a training was given, whether or not it ended before; 1 of what does not train."""
    return row["settings"]["steps"] or row["steps"]


def row_order(row: Row) -> tuple[Any, ...]:
    return (numbered(row["pair"]), row["pair"], *cell_of(row), row["seed"])


def numbered(name: str) -> list[int | str]:
    """A pair's name for an order in which hd-d2 comes before hd-d128."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def published_name(manifest: Manifest) -> str:
    """The published pairs' name for this one's law, whatever its funnels' seed: hd-dD-nN-pP for uniform targets; else its own."""
    if manifest.family != "funnel" or not isinstance(manifest.public_recipe().source, UniformSource):
        return manifest.name
    if manifest.funnels is None or manifest.dominated_funnels is None:
        return manifest.name
    return f"hd-d{manifest.dim}-n{manifest.funnels + manifest.dominated_funnels}-p{manifest.power:g}"


@cache
def reference_methods() -> Mapping[str, Mapping[str, str]]:
    """What each reference method is, by its tag: `title`, `page` (of docs/solvers) and, where it was published, `authors`, `paper`, `venue` and `arxiv`."""
    return json.loads(Path(__file__).with_name("methods.json").read_bytes())


def published_figures() -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """The figures published with the paper, by law and method."""
    return json.loads(Path(__file__).with_name("published.json").read_bytes())["pairs"]
