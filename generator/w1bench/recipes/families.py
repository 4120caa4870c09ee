"""The tables of a recipe that name its family: what the potential is, besides funnels, and operations on pairs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from w1bench.recipes.fields import Part, Positive

# What a pair of each family asks a critic to do.
ASKS = {
    "funnel": "to resolve kinks and many directions",
    "ball": "to point away from one centre; the critic that a gradient penalty trains is known in closed form",
    "attenuation": "to tell real pictures from realistic faults of them",
    "smooth": "to follow rays that diverge, without a kink",
    "shift": "to be linear: the control that everyone must solve",
    "product": "to combine blocks: there are more sectors than cones to learn",
    "spiked": "to find the few dimensions that matter",
    "late": "to see a signal in noise, as late in the training of a GAN",
}
CONTROLS = ("ball", "shift")  # families whose pairs a critic solves that knows a centre or a direction alone
CORE = (
    "ball-d16-p8", "blur8-digits", "hd-d16-n64-p8", "late-d16-n64-e10", "product-d16", "shift-d128", "smooth-d16", "spiked-d128-k4",
)  # fmt: skip
"""The catalogued pairs that stand for their families: one of each, two of which are controls."""
Fraction = Annotated[float, Field(gt=0, lt=1)]
_Dimension = Annotated[int, Field(ge=1, le=10**6)]


class Attenuation(Part):
    """What a linear subspace S does not keep of a target is multiplied by `factor`."""

    keep: Literal["lowpass", "mean", "grey", "none", "random"]  # the subspace S
    size: Annotated[int, Field(ge=1, le=512)] | None = None  # of "lowpass": side of the kept square of frequencies
    rank: _Dimension | None = None  # of "random": the dimension of S
    factor: Fraction

    @model_validator(mode="after")
    def _consistent(self) -> Attenuation:
        for name, kind in (("size", "lowpass"), ("rank", "random")):
            value = getattr(self, name)
            if value is None and self.keep == kind:
                raise ValueError(f'{name} is missing; keep = "{kind}" needs it')
            if value is not None and self.keep != kind:
                raise ValueError(f'{name} came as {value} with keep = "{self.keep}"; it goes with keep = "{kind}"')
        return self


class Ellipsoid(Part):
    """Targets outside an ellipsoid, whose distance L = reach Beta(2, 2) from it is multiplied by `fraction`."""

    dim: Annotated[int, Field(ge=2, le=4096)]
    # The first and the last half axis; the others are spaced evenly in their logarithms.
    axes: Annotated[tuple[Positive, Positive], Field(strict=False)]
    reach: Positive
    fraction: Fraction
    rotated: bool = False  # by a rotation drawn from the seed; else the axes are the coordinates'


class Shift(Part):
    """Inputs are targets moved by `distance` in a direction drawn from the seed."""

    distance: Positive


class Product(Part):
    """`blocks` independent copies of the funnels' law side by side; a ray ends where `fraction` of one distance is left."""

    blocks: Annotated[int, Field(ge=2, le=1024)]
    fraction: Fraction


class Spike(Part):
    """The pair lies in a subspace of `dim` dimensions drawn from the seed, with normal noise in all others."""

    dim: Annotated[int, Field(ge=2, le=65536)]
    nuisance_std: Positive


class Late(Part):
    """Of the inputs, a share is moved; the others are targets."""

    share: Fraction
