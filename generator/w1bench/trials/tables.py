"""Tables of results: as CSV, and as Markdown beside the figures published with the paper."""

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from w1bench.scoring import metrics
from w1bench.scoring.scorecard import Interval
from w1bench.trials.results import PLAIN, Row, cell_of, metrics_of, row_order

_PUBLISHED = Path(__file__).parent / "published.json"


def as_csv(rows: Iterable[Row]) -> str:
    """Rows as comma-separated values, a metric in three columns; figures to six digits."""
    names = [*PLAIN, "batch", "learning_rate", *metrics.COLUMNS, "processor", "threads", "w1bench", "torch"]
    return metrics.as_csv(names, map(_cells, sorted(rows, key=row_order)))


def as_markdown(rows: Iterable[Row]) -> str:
    """A table a pair: mean and standard deviation over seeds, beside the published figures of the same law."""
    published = json.loads(_PUBLISHED.read_bytes())
    sections = [
        "\n".join(_section(pair, list(of_pair), published["pairs"]))
        for pair, of_pair in groupby(sorted(rows, key=row_order), key=lambda row: row["pair"])
    ]
    return "\n\n".join([*sections, f"Published: {published['source']}"])


def _cells(row: Row) -> list[object]:
    intervals = {name: value and Interval.model_validate(value) for name, value in metrics_of(row).items()}
    return [
        *(row[name] for name in PLAIN), row["settings"].get("batch"), row["settings"].get("learning_rate"),
        *(value and float(f"{value:.6g}") for value in metrics.cells(intervals)),
        *(row.get("machine", {}).get(name) for name in ("processor", "threads")), *(row.get("software", {}).get(name) for name in ("w1bench", "torch")),
    ]  # fmt: skip


def _section(pair: str, rows: Sequence[Row], published: Mapping[str, Any]) -> Iterator[str]:
    figures = published.get(rows[0]["law"], {})
    yield f"### {pair}"
    yield ""
    yield f"W1 = {rows[0]['w1']:.6g}" + (f"; published: {figures['truth']['w1']:.4g}" if figures else "")
    yield ""
    header = ("method", "cos", "published", "skill", "L2", "published", "W1 estimate", "published", "dual value", "steps", "data",
              "seeds", "seconds")  # fmt: skip
    yield f"| {' | '.join(header)} |"
    yield f"|---{'|---:' * (len(header) - 1)}|"
    for _, group in groupby(rows, key=cell_of):
        yield f"| {' | '.join(_line(list(group), figures))} |"


def _line(rows: Sequence[Row], published: Mapping[str, Any]) -> Iterator[str]:
    """A method's cells; of seeds that diverged only the number is given."""
    first, figures = rows[0], published.get(rows[0]["method"], {})
    finished = [row for row in rows if row["outcome"] != "diverged"]
    yield first["method"]
    for metric, key in (("cos", "cos"), ("skill", None), ("l2", "l2"), ("w1_estimate", "w1")):
        yield _spread([interval["value"] for row in finished if (interval := metrics_of(row).get(metric))])
        if key:
            yield _figure(figures.get(key))
    yield _spread([row["dual_value"] for row in finished if row["dual_value"] is not None])
    yield f"{first['steps'] if first['settings']['steps'] is None else first['settings']['steps']:,}"
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
