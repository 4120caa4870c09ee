"""JSON documents: one text of each, and what is wrong with one in a clause that names the field and what came."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from support.files import ROOT
from w1bench.storage.canonical import canonical, first_fault, worded


class Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    count: Annotated[int, Field(ge=1)]
    part: Document | None = None

    @model_validator(mode="after")
    def _even(self) -> Document:
        if self.count % 2:
            raise ValueError(f"count came as {self.count}; give an even one")
        return self


def test_the_canonical_text_is_the_same_for_equal_values() -> None:
    assert canonical({"b": [1, 2.5], "a": None}) == canonical({"a": None, "b": [1, 2.5]}) == '{"a":null,"b":[1,2.5]}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


@pytest.mark.parametrize(
    ("content", "clause"),
    [
        ('{"count": 0}', "count came as 0; it must be at least 1"),
        ('{"count": 2, "part": {"count": "x"}}', "part.count came as 'x'; it must be a whole number"),
        ('{"count": 2, "colour": "red"}', "colour came as 'red'; there is no field of that name"),
        ('{"part": null}', "count: it is needed"),
        ('{"count": 3}', "count came as 3; give an even one"),
        ("[]", "the page: it must be a table"),
        ("{" + 10_000 * " ", "the page: it is not JSON"),
    ],
)
def test_the_first_fault_names_the_field_and_what_came(content: str, clause: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Document.model_validate_json(content)
    fault = first_fault(raised.value, "the page")
    assert fault.startswith(clause)
    assert len(fault) < 200


def test_no_pattern_reaches_a_user_and_each_of_ours_has_words() -> None:
    class Named(BaseModel):
        name: Annotated[str, Field(pattern=worded(r"^[a-z]{1,8}$", "1 to 8 of a-z"))]
        other: Annotated[str, Field(pattern=r"^[0-9]$")] = "1"
        size: Annotated[str, Field(min_length=2)] = "ab"
        kind: Literal["a", "b"] = "a"

    for values, clause in (
        ({"name": "A"}, "name came as 'A'; it must be 1 to 8 of a-z"),
        ({"name": "a", "other": "x"}, "other came as 'x'; it has characters, or a form, that it must not have"),
        ({"name": "a", "size": "x"}, "size came as 'x'; it must have at least 2 characters"),
        ({"name": "a", "kind": "x"}, "kind came as 'x'; it must be 'a' or 'b'"),
    ):
        with pytest.raises(ValidationError) as raised:
            Named.model_validate(values)
        assert first_fault(raised.value, "it") == clause


def test_every_pattern_of_a_field_has_words() -> None:
    """In the source, where a field or a parameter has a pattern, it is a worded one, or the name of one."""
    found = [
        (path, given)
        for package in ("generator", "server")
        for path in (ROOT / package).rglob("*.py")
        for given in re.findall(r"\bpattern=(?!pattern)(\S+?)[,()\]]", path.read_text())
    ]
    assert len(found) > 15
    assert [
        (path, given) for path, given in found if given not in ("worded", "NAME_PATTERN", "DIGEST_PATTERN", "_LINE")
    ] == []
