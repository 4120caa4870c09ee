"""JSON documents: one text of each, and what is wrong with one in a clause that names the field and what came."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from w1bench.storage.canonical import canonical, first_fault


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
        ('{"count": 0}', "count came as 0; input should be greater than or equal to 1"),
        ('{"count": 2, "part": {"count": "x"}}', "part.count came as 'x'; input should be a valid integer"),
        ('{"count": 2, "colour": "red"}', "colour came as 'red'; extra inputs are not permitted"),
        ('{"part": null}', "count: field required"),
        ('{"count": 3}', "count came as 3; give an even one"),
        ("[]", "the page: input should be an object"),
        ("{" + 10_000 * " ", "the page: invalid JSON"),
    ],
)
def test_the_first_fault_names_the_field_and_what_came(content: str, clause: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Document.model_validate_json(content)
    fault = first_fault(raised.value, "the page")
    assert fault.startswith(clause)
    assert len(fault) < 200
