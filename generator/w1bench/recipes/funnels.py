"""The part of a recipe that determines the funnels: drawn from the seed, or read from a published file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from w1bench.recipes.fields import Digest, FileName, Part, Positive

_OFFSET_STD = 0.1


class DrawnFunnels(Part):
    """Funnels drawn from the recipe's seed: centres as `centers` says, offsets N(0, offset_std^2)."""

    count: Annotated[int, Field(ge=1, le=8192)]
    offset_std: Annotated[float, Field(ge=0, le=1e6)] = _OFFSET_STD
    centers: Literal["uniform", "source", "origin"] = "uniform"
    center_half_width: Positive | None = None  # of uniform centres; the cube's own when absent
    blend: Annotated[int, Field(ge=2, le=64)] | None = None  # of "source": a centre is the mean of so many draws
    balanced: Literal[True] | None = None  # offsets are such that all funnels have the same mass
    stream: Literal["philox", "torch"] = (
        "philox"  # "torch": torch's CPU stream, as the published image funnels were drawn
    )

    @model_validator(mode="after")
    def _published_stream(self) -> DrawnFunnels:
        if self.stream == "torch" and self.centers != "uniform":
            raise ValueError(f'centers came as "{self.centers}"; stream = "torch" draws uniform ones')
        if self.blend is not None and self.centers != "source":
            raise ValueError(f'blend came as {self.blend} with centers = "{self.centers}"; it goes with "source"')
        if self.balanced and (self.stream == "torch" or self.centers == "origin"):
            raise ValueError(
                'balanced goes with centers that are "uniform" or from the "source", in the stream "philox"'
            )
        if self.balanced and self.offset_std != _OFFSET_STD:
            raise ValueError(
                f"offset_std came as {self.offset_std:g} with balanced = true, which determines the offsets; leave it out"
            )
        return self


class PublishedFunnels(Part):
    """Funnels of a published `.pt` state dict with the keys `net.centers` and `net.bias`, pinned by its SHA-256."""

    file: FileName
    sha256: Digest
