"""JSON documents: their canonical text, and what is wrong with one."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError


def canonical(values: Any) -> str:
    """JSON with sorted keys and no spaces."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


_WORDS: dict[str, str] = {}  # of patterns
_KINDS = {
    "missing": "it is needed",
    "extra_forbidden": "there is no field of that name",
    "finite_number": "it must be a finite number",
    "json_invalid": "it is not JSON",
    "string_pattern_mismatch": "it has characters, or a form, that it must not have",
}
_TYPES = {
    "int": "a whole number", "float": "a number", "bool": "true or false", "string": "a text", "list": "a list", "tuple": "a list",
    "dict": "a table", "model": "a table", "dataclass": "a table", "path": "a path", "none": "nothing", "url": "an address",
}  # fmt: skip
_BOUNDS = {
    "greater_than": ("gt", "more than {}"), "greater_than_equal": ("ge", "at least {}"), "less_than": ("lt", "less than {}"),
    "less_than_equal": ("le", "at most {}"), "string_too_short": ("min_length", "at least {} characters"),
    "string_too_long": ("max_length", "at most {} characters"), "too_short": ("min_length", "at least {} parts"),
    "too_long": ("max_length", "at most {} parts"),
}  # fmt: skip


_OF_NUMBERS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def worded(pattern: str, words: str) -> str:
    """A pattern of texts, which people are told in these words: "it must be WORDS"."""
    _WORDS[pattern] = words
    return pattern


def complaint(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, as a clause in plain words, from an error of pydantic's."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind == "value_error":  # a sentence of our own
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch" and (words := _WORDS.get(context["pattern"])):
        return f"it must be {words}"
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"it must {'be' if kind in _OF_NUMBERS else 'have'} {words.format(context[name])}"
    if kind in ("literal_error", "enum"):
        return f"it must be {context['expected']}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return f"its {str(context['discriminator']).strip(chr(39))} must be {context.get('expected_tags') or 'one that there is'}"
    needed = _TYPES.get(kind.split("_")[0])
    return f"it must be {needed}" if needed else "it cannot be used"


def first_fault(error: ValidationError, document: str) -> str:
    """The first thing that is wrong with a document, as a clause: the field, or else the document, what came, and why it does not do."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "value_error":
        return complaint(first)
    # Without pydantic's own names of a union's members and of functions.
    where = ".".join(part for part in map(str, first["loc"]) if not re.match(r"[A-Z]|function-", part)) or document
    shown = first["loc"] and not isinstance(first["input"], dict)  # else it is a whole table, or the whole document
    came = f" came as {first['input']!r};" if shown else ":"
    return f"{where}{came} {complaint(first)}"
