"""Rows of JSON without what they have in common, which is written down once: what all rows have, and all of one value of a field."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

Row = dict[str, Any]


def parted(rows: Iterable[Row], by: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """Shared fields, each `{"where": ..., "fields": ...}`, and the rows without them; `by` names fields whose values make groups, and which every row has."""
    left = [dict(row) for row in rows]
    shared: list[Row] = []
    groups = [{name: value} for name in by for value in dict.fromkeys(row[name] for row in left)]
    for where in [{}, *groups]:
        of_it = [row for row in left if _is_in(row, where)]
        if len(of_it) > 1 and (fields := _common(of_it, by)):
            shared.append({"where": where, "fields": fields})
            for row in of_it:
                for name in fields:
                    del row[name]
    return shared, left


def joined(shared: Iterable[Row], rows: Iterable[Row]) -> list[Row]:
    """The rows that `parted` made these of."""
    whole = [dict(row) for row in rows]
    for part in shared:
        for row in whole:
            if _is_in(row, part["where"]):
                row |= part["fields"]
    return whole


def _is_in(row: Row, where: Row) -> bool:
    return where.items() <= row.items()


def _common(rows: Sequence[Row], by: Sequence[str]) -> Row:
    written = [{name: json.dumps(value) for name, value in row.items() if name not in by} for row in rows]
    return {
        name: rows[0][name] for name, text in written[0].items() if all(other.get(name) == text for other in written)
    }
