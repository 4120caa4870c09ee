"""The facts that findings rest on besides a scorecard: what a method says of itself, and what batches and patches of the pair say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from w1bench.errors import InputError, SubmissionError
from w1bench.storage.canonical import first_fault


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

    @property
    def ask_for_record(self) -> bool:
        """Whether findings need to know what batches or patches of the pair say."""
        return self.receptive_field is not None or (self.batch is not None and self.native_value is not None)


def facts_of(given: Facts | Mapping[str, Any] | None) -> Facts:
    """Declared facts, checked.

    Raises:
        InputError: a fact is unknown, or out of range.
    """
    try:
        return given if isinstance(given, Facts) else Facts.model_validate(dict(given or {}))
    except ValidationError as error:
        raise InputError(
            f"The fact {first_fault(error, 'the facts')}; a method may declare {', '.join(Facts.model_fields)}."
        ) from None


def facts_in(said: Mapping[str, Any]) -> Facts:
    """The facts among what a submission says of itself, which was checked when it said it."""
    return Facts(**{name: said[name] for name in Facts.model_fields if name in said})


def check_fits(facts: Facts, shape: tuple[int, ...]) -> None:
    """Check that the declared receptive field fits into points of a shape.

    Raises:
        SubmissionError: it is larger.
    """
    sides = shape[1:] or shape
    if facts.receptive_field is not None and facts.receptive_field > min(sides):
        raise SubmissionError(
            f"`receptive_field` came as {facts.receptive_field}, but points are {'x'.join(map(str, sides))}; give at most {min(sides)}."
        )


@dataclass(frozen=True)
class BatchFigures:
    """Between batches of `size` draws of the pair: what exact transport costs, and what the batch c-transform of the true potential says."""

    size: int
    emd: float
    c_transform: float


@dataclass(frozen=True)
class PatchFigures:
    """The W1 of pooled patches of side `size`, of which a picture has `count` that do not overlap."""

    size: int
    count: int
    pooled: float
    square: bool = True  # of pictures; patches of vectors are of consecutive values
