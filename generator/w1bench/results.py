"""Results: rows of trials as a JSON or CSV file, and as Markdown beside the figures published with the paper."""

from __future__ import annotations

import csv
import io
import json
import re
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from w1bench.durable import write_durably
from w1bench.errors import InputError
from w1bench.metrics import METRICS

Row = dict[str, Any]

FORMAT = "w1bench-results"
_PUBLISHED = Path(__file__).parent / "published.json"
# In the order of the paper's tables; what is not named comes after.
ORDER = ("WC", "GP", "LP", "SN", "SO", "LS", "MM:B", "MM:Bv2", "MM", "MM:R", "DOT", "TTC", "KR")
_PLAIN = ("method", "pair", "recipe_sha256", "law", "w1", "seed", "data", "outcome", "steps", "seconds", "dual_value")


def read(path: Path) -> list[Row]:
    """The rows of a results file.

    Raises:
        InputError: it is missing or no results file.
    """
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError
        rows = list(document["rows"])
        if not all(isinstance(row, dict) and {*_PLAIN, "settings", "metrics"} <= row.keys() for row in rows):
            raise ValueError
        return rows
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a file that `w1bench trial` wrote.") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is no results file; give one that `w1bench trial` wrote, or another name.") from None


def read_all(paths: Iterable[Path]) -> list[Row]:
    """The rows of results files; one that stands in several counts once.

    Raises:
        InputError: as `read`.
    """
    rows = (row for path in paths for row in read(path))
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, one a line, in the order of pairs, methods and seeds; the file is whole or the one before."""
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in sorted(rows, key=_place))
    write_durably(path, f'{{"format": "{FORMAT}", "rows": [\n{lines}\n]}}\n'.encode())


def as_csv(rows: Iterable[Row]) -> str:
    """Rows as comma-separated values, a metric in three columns."""
    names = [*_PLAIN, "batch", "learning_rate", *(f"{m}{end}" for m in METRICS for end in ("", "_low", "_high"))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, "processor", "threads", "w1bench", "torch"])
    for row in sorted(rows, key=_place):
        intervals = (_metrics(row).get(name) or {} for name in METRICS)
        writer.writerow([
            *(row[name] for name in _PLAIN), row["settings"]["batch"], row["settings"]["learning_rate"],
            *(interval.get(end) for interval in intervals for end in ("value", "low", "high")),
            row["machine"]["processor"], row["machine"]["threads"], row["software"]["w1bench"], row["software"]["torch"],
        ])  # fmt: skip
    return out.getvalue()


def as_markdown(rows: Iterable[Row]) -> str:
    """A table a pair: mean and standard deviation over seeds, beside the published figures of the same law."""
    published = json.loads(_PUBLISHED.read_bytes())
    sections = [
        "\n".join(_section(pair, list(of_pair), published["pairs"]))
        for pair, of_pair in groupby(sorted(rows, key=_place), key=lambda row: row["pair"])
    ]
    return "\n\n".join([*sections, f"Published: {published['source']}"])


def _section(pair: str, rows: Sequence[Row], published: Mapping[str, Any]) -> Iterator[str]:
    figures = published.get(rows[0]["law"], {})
    yield f"### {pair}"
    yield ""
    yield f"W1 = {rows[0]['w1']:.6g}" + (f"; published: {figures['truth']['w1']:.4g}" if figures else "")
    yield ""
    header = ("method", "cos", "published", "L2", "published", "W1 estimate", "published", "dual value", "steps", "data",
              "seeds", "seconds")  # fmt: skip
    yield f"| {' | '.join(header)} |"
    yield f"|---{'|---:' * (len(header) - 1)}|"
    for _, group in groupby(rows, key=_cell):
        yield f"| {' | '.join(_line(list(group), figures))} |"


def _line(rows: Sequence[Row], published: Mapping[str, Any]) -> Iterator[str]:
    """A method's cells; of seeds that diverged only the number is given."""
    first, known = rows[0], published.get(rows[0]["method"], {})
    finished = [row for row in rows if row["outcome"] != "diverged"]
    yield first["method"]
    for metric, key in (("cos", "cos"), ("l2", "l2"), ("w1_estimate", "w1")):
        yield _spread([interval["value"] for row in finished if (interval := _metrics(row).get(metric))])
        yield _figure(known.get(key))
    yield _spread([row["dual_value"] for row in finished if row["dual_value"] is not None])
    yield f"{first['settings']['steps']:,}"
    yield first["data"]
    yield str(len(rows)) + (f" ({len(rows) - len(finished)} diverged)" if len(finished) < len(rows) else "")
    yield f"{statistics.mean(row['seconds'] for row in rows):.3g}"


def _spread(values: Sequence[float]) -> str:
    """Mean ± standard deviation over seeds."""
    if not values:
        return "-"
    mean = _figure(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1g}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _metrics(row: Row) -> Mapping[str, Any]:
    return row["metrics"] or {}


def _cell(row: Row) -> tuple[Any, ...]:
    """What seeds are averaged over."""
    settings = tuple((name, str(value)) for name, value in sorted(row["settings"].items()))
    place = ORDER.index(row["method"]) if row["method"] in ORDER else len(ORDER)
    return (place, row["method"], row["recipe_sha256"], row["data"], settings)


def _place(row: Row) -> tuple[Any, ...]:
    numbered = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", row["pair"])]  # d2 before d128
    return (numbered, row["pair"], *_cell(row), row["seed"])
