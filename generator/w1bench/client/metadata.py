"""What a submission says of itself: its seed, and how, on what and by whom it was made. All of it is optional, and claimed by its user."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import isfinite
from typing import Any, Literal, get_args

from w1bench.diagnostics.findings.facts import Facts, facts_in
from w1bench.errors import SubmissionError

Data = Literal["train", "fresh"]
LONGEST = {"paper": 300, "code": 300, "description": 1000, "hardware": 200}  # characters
LARGEST = 2**63 - 1  # of whole numbers
OF_A_RUN = (
    "seed",
    "seconds",
    "hardware",
    "native_value",
    "own_value",
    "curve",
)  # what differs between the seeds of one method
_NUMBERS = ("penalty_weight", "native_value", "own_value")
MOST_POINTS = 64  # of a curve
CURVE = r"[0-9]{1,12}:-?[01]?\.?[0-9]{1,16}( [0-9]{1,12}:-?[01]?\.?[0-9]{1,16}){0,63}"
CURVE_IN_WORDS = f"1 to {MOST_POINTS} points STEP:COSINE with blanks between them, e.g. 312:.41 1250:.55"
_LINE = re.compile(r"[^\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Metadata:
    """`paper` and `code` say where to read, `data` whether it learned from train.h5 or from fresh draws, `parameters` how many it has,
    `trains` whether it learns at all, `knows_family` whether its form of critic is that of the pair's family. The five after these are facts that findings use.
    `curve` tells how it got there: cosines after steps, as in `312:.41 1250:.55 5000:.6`."""

    seed: int | None = None
    paper: str | None = None
    code: str | None = None
    description: str | None = None
    steps: int | None = None
    data: Data | None = None
    seconds: float | None = None
    hardware: str | None = None
    parameters: int | None = None
    trains: bool | None = None
    knows_family: bool | None = None
    penalty_weight: float | None = None
    batch: int | None = None
    receptive_field: int | None = None
    native_value: float | None = None
    own_value: float | None = None
    curve: str | None = None

    @property
    def facts(self) -> Facts:
        """What findings use of it."""
        return facts_in(self.given())

    def given(self) -> dict[str, Any]:
        """What was said, by name."""
        return {name: value for name in NAMES if (value := getattr(self, name)) is not None}

    @cached_property
    def series(self) -> tuple[Any, ...]:
        """What the seeds of one method have in common."""
        return tuple((name, value) for name, value in self.given().items() if name not in OF_A_RUN)


def points_of(curve: str | None) -> list[tuple[int, float]]:
    """The steps and cosines of a curve, in the order of the steps."""
    points = (point.split(":") for point in (curve or "").split())
    return sorted((int(step), float(cosine)) for step, cosine in points)


def curve_of(points: Iterable[tuple[int, float | None]]) -> str | None:
    """The curve of steps and cosines, to four digits, of those that have one; None where none has."""
    return " ".join(f"{step}:{cosine:.4f}" for step, cosine in points if cosine is not None) or None


NAMES = tuple(field.name for field in fields(Metadata))


def metadata(given: Mapping[str, Any]) -> Metadata:
    """The metadata in a mapping, None standing for what is not said.

    Raises:
        SubmissionError: a name is unknown, or a value is not of its kind.
    """
    if unknown := sorted(set(given) - set(NAMES)):
        raise SubmissionError(
            f"Submissions say nothing called `{unknown[0]}` of themselves; they may say {', '.join(NAMES)}."
        )
    for name, value in given.items():
        if value is not None and (needed := _needed(name, value)):
            raise SubmissionError(f"`{name}` came as {value!r}; give {needed}.")
    said = Metadata(**given)
    _check_curve(said)
    return said


def _check_curve(said: Metadata) -> None:
    steps = [step for step, _ in points_of(said.curve)]
    if again := sorted({step for step in steps if steps.count(step) > 1}):
        raise SubmissionError(f"`curve` has step {again[0]} {steps.count(again[0])} times; give one cosine a step.")
    if said.steps is not None and steps and steps[-1] > said.steps:
        raise SubmissionError(
            f"`curve` goes on to step {steps[-1]}, beyond `steps`, which came as {said.steps}; give one that ends there, or the steps of the whole run."
        )


def _needed(name: str, value: Any) -> str | None:
    """What a value would have to be; None where it is that."""
    if name in LONGEST:
        longest = LONGEST[name]
        fits = isinstance(value, str) and len(value) <= longest and _LINE.fullmatch(value)
        return None if fits else f"one line of 1 to {longest} characters"
    if name == "curve":
        return None if isinstance(value, str) and re.fullmatch(CURVE, value) else CURVE_IN_WORDS
    if name == "data":
        return None if value in get_args(Data) else " or ".join(get_args(Data))
    if name in ("trains", "knows_family"):
        return None if isinstance(value, bool) else "true or false"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in _NUMBERS:
        fits = is_number and isfinite(value) and (name != "penalty_weight" or value > 0)
        return None if fits else f"a {'number above 0' if name == 'penalty_weight' else 'finite number'}"
    if name in ("batch", "receptive_field"):
        return (
            None
            if is_number and isinstance(value, int) and 1 <= value <= LARGEST
            else f"a whole number from 1 to {LARGEST}"
        )
    if name == "seconds":
        return None if is_number and isfinite(value) and value >= 0 else "a number of seconds, 0 or more"
    return (
        None
        if is_number and isinstance(value, int) and 0 <= value <= LARGEST
        else f"a whole number from 0 to {LARGEST}"
    )
