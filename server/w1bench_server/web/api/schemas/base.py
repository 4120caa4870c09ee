"""The base of the schemas: frozen models."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen model."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def of(cls, source: object, **others: Any) -> Self:
        """The model with what `source` has under the names of its fields, but for the others."""
        return cls(**{name: getattr(source, name) for name in cls.model_fields.keys() - others.keys()}, **others)
