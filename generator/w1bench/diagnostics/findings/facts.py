"""The facts that findings rest on besides a scorecard: what a method says of itself, and what batches and patches of the pair say."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Facts(BaseModel):
    """What a submission may declare of its method, all optional.

    `penalty_weight` is that of E(||grad f|| - 1)_+^2, 10 as published; `batch` the draws of each distribution a step; `receptive_field` the side of the
    patches that a convolutional critic sees before it averages over places; `native_value` the method's own estimate of W1; `own_value` E_P f - E_Q f
    on the rows that f was trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    penalty_weight: Annotated[float, Field(gt=0)] | None = None
    batch: Annotated[int, Field(ge=1)] | None = None
    receptive_field: Annotated[int, Field(ge=1)] | None = None
    native_value: float | None = None
    own_value: float | None = None


@dataclass(frozen=True)
class BatchFigures:
    """Between batches of `size` draws of the pair: what exact transport costs, and what the batch c-transform of the true potential says."""

    size: int
    emd: float
    c_transform: float


@dataclass(frozen=True)
class PatchFigures:
    """The W1 of pooled patches of side `size`, of which a picture has `count` that do not overlap, and of the same sample's pictures."""

    size: int
    count: int
    pooled: float
    image: float
    square: bool = True  # of pictures; patches of vectors are of consecutive values
