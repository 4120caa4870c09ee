"""The base of the schemas: frozen models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen model."""

    model_config = ConfigDict(frozen=True)
