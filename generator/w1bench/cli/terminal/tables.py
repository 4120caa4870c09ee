"""The tables and lines that the command line prints for people."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from w1bench.archive import hdf5
from w1bench.archive.manifest import Figure, Manifest, PairState
from w1bench.client.service.rows import text
from w1bench.recipes.recipe import Recipe
from w1bench.recipes.shapes import most_funnels, shape_of
from w1bench.scoring.metrics import HEADLINE, SHOWN
from w1bench.scoring.table import interval, number, table
from w1bench.scoring.table import scorecard as scorecard  # with the others

_SHORT = (0, 1, 2, 5, 8)  # columns of the catalogue in a narrow terminal


def catalogue(entries: Iterable[Mapping[str, Any]], *, wide: bool) -> Table:
    """The pairs of an archive; with their numbers of funnels and rows, powers and sizes where there is room."""
    rows = [
        (
            entry["name"],
            "x".join(map(str, entry["shape"])),
            entry.get("family", "funnel"),
            "-" if entry["funnels"] is None else str(entry["funnels"]),
            "-" if entry["power"] is None else f"{entry['power']:g}",
            "-" if entry["w1"] is None else _w1_of(entry) if wide else _short_w1(entry),
            " ".join(f"{n:,}" for n in entry["sizes"].values()),
            f"{entry['bytes'] / 1e6:,.1f} MB",
            "open" if not entry["sealed"] else "revealed" if entry.get("revealed") else "sealed",
        )
        for entry in entries
    ]
    heads = ("pair", "shape", "family", "funnels", "power", "W1", "train test probe", "size", "")
    if wide:
        return table(heads, rows)
    made = table(tuple(heads[k] for k in _SHORT), (tuple(row[k] for k in _SHORT) for row in rows), words=("pair",))
    made.caption = "A wider terminal, or --json, shows funnels, powers, rows and sizes."
    return made


def plan(recipe: Recipe) -> dict[str, Any]:
    """What a build of a recipe would draw and write, as a document; `files` and `bytes` are None where only the source knows."""
    files = hdf5.planned(recipe)
    sizes = hdf5.planned_bytes(files) if files else None
    drawn = sum((recipe.sizes.train, recipe.sizes.test, recipe.sizes.probe))
    return {
        "name": recipe.name,
        "family": recipe.family,
        "recipe_sha256": recipe.sha256(),
        "shape": shape_of(recipe),
        "funnels": most_funnels(recipe),
        "files": files
        and {f"{f}.h5": {n: {"shape": s.shape, "dtype": s.dtype.str} for n, s in d.items()} for f, d in files.items()},
        "file_bytes": sizes and {f"{file}.h5": size for file, size in sizes.items()},
        "bytes": sizes and sum(sizes.values()),
        "inputs": drawn,
        "targets": drawn,
        "w1_rays": recipe.sizes.w1_rays,
    }


def planned(document: Mapping[str, Any]) -> Table:
    """What a build would write, file by file."""
    rows = [
        (
            file,
            ", ".join(f"{name} {'x'.join(map(str, spec['shape']))} {spec['dtype']}" for name, spec in found.items()),
            f"{document['file_bytes'][file] / 1e6:,.1f} MB",
        )
        for file, found in (document["files"] or {}).items()
    ]
    made = table((document["name"], "data sets", "size"), rows)
    size = "of a size that only the source knows" if document["bytes"] is None else f"{document['bytes'] / 1e6:,.1f} MB"
    count = document["funnels"]
    funnels = f"; at most {count:,} funnel{'s' if count > 1 else ''}" if count else ""
    made.caption = (
        f"{document['family']}, {size}{funnels}; draws {document['inputs']:,} inputs, {document['targets']:,} targets, and rays "
        f"for W1{f', {rays:,} at least' if (rays := document['w1_rays']) else ''}, unless it is known without them"
    )
    return made


def built(folder: Path, manifest: Manifest) -> str:
    """One line on a pair that was just built, or revealed."""
    if manifest.state is PairState.SEALED:
        return f"{folder}: sealed under the commitment {manifest.commitment}; keep its truth, and keep it back."
    w1 = manifest.known_w1
    rays = f" over {w1.rays:,} rays" if w1.rays else ""
    return f"{folder}: W1 = {_w1(w1.value, w1.stderr)}{rays}; {len(manifest.certificate)} figures hold."


def certificate(figures: Iterable[Figure]) -> Table:
    """Every figure with its limit."""
    rows = ((f.name, f"{f.value:.3g}", f"{f.limit:.3g}", "holds" if f.holds else "BROKEN", f.meaning) for f in figures)
    return table(("figure", "value", "limit", "", "meaning"), rows)


def fit(sidecar: Mapping[str, Any], path: Path) -> str:
    """One line on a training."""
    return (
        f"{sidecar['method']} on {sidecar['pair']}: {sidecar['steps']:,} steps in {sidecar['seconds']:.1f} s, "
        f"{sidecar['message']}; dual value {number(sidecar['dual_value'])}; "
        + (f"submission {path}" if sidecar["submission"] else "nothing to submit")
    )


def trial(row: Mapping[str, Any]) -> str:
    """One line on a row of results."""
    cos = (row["metrics"] or {}).get("cos")
    return (
        f"{row['method']} on {row['pair']}, seed {row['seed']}: {row['steps']:,} steps in {row['seconds']:.1f} s, "
        f"{row['message']}; cos {interval(cos)}"
    )


def notes(row: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    """What the user should know of a submission's row: that it was retracted, or that it keeps what was said when it was made."""
    found: list[str] = []
    if told := row["retraction"]:
        found.append(
            f"This submission was retracted by {told['user']} on {told['at'][:10]}, so that it does not rank: {told['reason']}"
        )
    kept = row.get("metadata") or {}
    if differing := [name for name, value in said.items() if kept.get(name) != value]:
        found.append(
            f"This file was submitted before, and its row keeps what was said then; another {', '.join(differing)} now changes nothing."
        )
    return found


def standing(found: Mapping[str, Any]) -> list[str]:
    """Lines on where a submission stands: its rank, its skill, its difference to the reference method."""
    if found["unknown"]:
        return [f"It is recorded; where it stands is not known ({found['unknown']})"]
    row, against = found["row"], found["against"]
    if row is None:
        return []
    place = "It does not rank" if row["rank"] is None else f"Rank {_rank(row)} of {found['rows']}"
    skill, cos = (text(row["metrics"].get(name)) for name in ("skill", HEADLINE))
    seeds = f", over {row['seeds']} seeds" if row.get("seeds", 1) > 1 else ""
    lines = [f"{place} on {row['pair']}: cos {cos}, skill {skill}{seeds}."]
    if against is not None:
        of_cos = against["metrics"].get(HEADLINE)
        if of_cos is None:
            lines.append(
                f"It cannot be compared with {against['method']}: {against['missing'].get(HEADLINE, 'no reason is told')}."
            )
        else:
            bounds = f"{of_cos['difference']:+.4g} [{of_cos['low']:+.4g}, {of_cos['high']:+.4g}]"
            tied = " (tied: it may be noise alone)" if of_cos["tied"] else ""
            lines.append(f"Its cos less that of {against['method']}: {bounds}{tied}.")
    return lines


def submission(row: Mapping[str, Any]) -> Table:
    """Who made a submission, and what it says of itself."""
    said = {name: value for name, value in (row.get("metadata") or {}).items() if value is not None}
    shown = {name: row[name] for name in ("id", "pair", "method", "user", "submitted_at") if name in row} | said
    return table(("submission", ""), ((name, _plain(value)) for name, value in shown.items()), words=("",))


def comparison(found: Mapping[str, Any]) -> Table:
    """The differences of two submissions, metric by metric."""
    rows = [
        (
            name,
            *(f"{each[part]:.5g}" for part in ("a", "b")),
            f"{each['difference']:+.4g} [{each['low']:+.4g}, {each['high']:+.4g}]",
            "tied" if each["tied"] else "",
        )
        for name, each in found["metrics"].items()
        if each
    ]
    made = table((found["pair"], "first", "second", "first - second [95%]", ""), rows)
    if found["missing"]:
        made.caption = "\n".join(f"{name}: {why}" for name, why in found["missing"].items())
    return made


def leaderboard(board: Mapping[str, Any], *, wide: bool) -> list[Table | str]:
    """The methods of a track or family, then the rows of each pair; with intervals and addresses where there is room."""
    parts: list[Table | str] = []
    if board["methods"]:
        lines = (
            (str(m["rank"]), m["method"], m["user"], f"{m['mean_rank']:.3g}", str(m["pairs"])) for m in board["methods"]
        )
        parts.append(table(("rank", "method", "user", "mean rank", "pairs"), lines, words=("method", "user")))
    heads = ("rank", "method", "user", *SHOWN, "steps", "seeds", "url")
    for pair in dict.fromkeys(row["pair"] for row in board["rows"]):
        rows = [
            (
                _rank(row),
                row["method"] + (" (the stored truth)" if row.get("truth") else ""),
                row["user"],
                *(
                    text(row["metrics"].get(n)) if wide or n == HEADLINE else _value(row["metrics"].get(n))
                    for n in SHOWN
                ),
                _steps(row),
                str(row.get("seeds", 1)),
                row["url"],
            )
            for row in board["rows"]
            if row["pair"] == pair
        ]
        made = table(
            heads if wide else heads[:-1], rows if wide else [row[:-1] for row in rows], words=("method", "user")
        )
        made.title, made.title_justify = pair, "left"
        parts.append(made)
    tied = "=: tied, no difference beyond noise. " if any(row["tied"] for row in board["rows"]) else ""
    if not board["rows"]:
        return [*parts, "There are no rows."]
    return [*parts, tied + ("" if wide else "A wider terminal, or --json, shows each row's address.")]


def plain(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Rows of one shape as they are."""
    names = tuple(rows[0]) if rows else ("nothing",)
    return table(names, (tuple(_plain(row[n]) for n in names) for row in rows), words=names)


def _w1(value: float, stderr: float, digits: int = 8) -> str:
    return f"{value:.{digits}g}" + (f" +- {stderr:.1g}" if stderr else " exactly")


def _w1_of(entry: Mapping[str, Any]) -> str:
    """W1 of a catalogue's entry: by a quadrature where there is one, beside the average over rays that is stored."""
    exact = entry.get("w1_exact")
    return _w1(entry["w1"], entry["w1_stderr"], digits=6) + (f" (exactly {exact:.10g})" if exact else "")


def _short_w1(entry: Mapping[str, Any]) -> str:
    """W1 of a catalogue's entry, in its best form alone."""
    exact = entry.get("w1_exact")
    return f"{exact:.10g} exactly" if exact else _w1(entry["w1"], entry["w1_stderr"], digits=6)


def _rank(row: Mapping[str, Any]) -> str:
    """A row's rank, with = where it shares it by noise alone."""
    return "-" if row["rank"] is None else f"{row['rank']}{'=' if row['tied'] else ''}"


def _steps(row: Mapping[str, Any]) -> str:
    steps = (row.get("metadata") or {}).get("steps") or 0
    return f"{steps:,}" if steps > 1 else "-"


def _value(interval: Mapping[str, Any] | None) -> str:
    return "-" if interval is None else f"{interval['value']:.4g}"


def _plain(value: Any) -> str:
    """A value as people read it: a time to the minute."""
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:", value):
        return value[:16].replace("T", " ")
    return "-" if value is None else {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
