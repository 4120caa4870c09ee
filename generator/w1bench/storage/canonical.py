"""JSON documents: their canonical text, and what is wrong with one."""

import json
import re
from typing import Any

from pydantic import ValidationError


def canonical(values: Any) -> str:
    """JSON with sorted keys and no spaces."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def first_fault(error: ValidationError, document: str) -> str:
    """The first thing that is wrong with a document, as a clause: the field, or else the document, what came, and why it does not do."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":  # a sentence of our own
        return first["msg"].removeprefix("Value error, ")
    # Without pydantic's own names of a union's members and of functions.
    where = ".".join(part for part in map(str, first["loc"]) if not re.match(r"[A-Z]|function-", part)) or document
    shown = first["loc"] and not isinstance(first["input"], dict)  # else it is a whole table, or the whole document
    came = f" came as {first['input']!r};" if shown else ":"
    return f"{where}{came} {first['msg'][0].lower()}{first['msg'][1:]}"
