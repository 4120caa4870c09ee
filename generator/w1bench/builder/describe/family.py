"""What a pair is, in words: for data cards and catalogues."""

from __future__ import annotations

from w1bench.archive.manifest import Manifest
from w1bench.recipes.consistency import core_dim
from w1bench.recipes.families import Attenuation
from w1bench.recipes.recipe import PublicRecipe
from w1bench.recipes.sources import BallSource, GeneratorSource, ImageSource, UniformSource

_DATA_SETS = {
    "photos": "patches of photographs", "digits": "handwritten digits", "cifar10": "pictures of CIFAR-10", "celeba": "faces of CelebA",
}  # fmt: skip
_KEPT = {
    "lowpass": "all but the {size} x {size} lowest frequencies of each channel",
    "mean": "the contrast around each channel's mean",
    "grey": "the colour around each pixel's mean over channels",
    "none": "the whole point",
    "random": "what lies outside of a random subspace of dimension {rank}",
}


def describe_map(manifest: Manifest) -> str:
    """How the inputs are made of the targets, as far as it is published."""
    recipe = manifest.public_recipe()
    words = _core(recipe, manifest)
    if recipe.product:
        words = f"Q moved down the rays of a sum of MinFunnels over {recipe.product.blocks} blocks of coordinates{_count(manifest)}, {recipe.product.fraction:g} of one block's way left"
    if recipe.spike:
        words += f", inside a random subspace of {core_dim(recipe)} of {recipe.spike.dim} dimensions"
    if recipe.late:
        words += f"; only a share {recipe.late.share:g} of the inputs is moved"
    return words


def describe_source(manifest: Manifest) -> str:
    """What the targets are drawn from."""
    recipe = manifest.public_recipe()
    words = _drawn(recipe, manifest)
    if recipe.product:
        words += f", in each of {recipe.product.blocks} blocks of coordinates"
    if recipe.spike:
        words += f", with normal noise of standard deviation {recipe.spike.nuisance_std:g} in {recipe.spike.dim - core_dim(recipe)} more"
    return words


def _drawn(recipe: PublicRecipe, manifest: Manifest) -> str:
    """The law that a recipe's source names."""
    match recipe.source:
        case UniformSource(dim=dim):
            return f"uniform on the cube of half width {recipe.half_width or manifest.half_width:g} in {dim} dimensions"
        case BallSource(dim=dim, radius=radius):
            return f"uniform on the ball of radius {radius:g} in {dim} dimensions"
        case ImageSource(dataset=dataset, noise=noise, through=through):
            made = ", each replaced by the nearest that a generator makes," if through else ""
            return f"{_DATA_SETS[dataset]}{made} with normal noise of standard deviation {noise:g}"
        case GeneratorSource(architecture=architecture, noise=noise):
            return f"pictures of a generator ({architecture}) with normal noise of standard deviation {noise:g}"
        case None:
            return (
                f"points outside an ellipsoid in {core_dim(recipe)} dimensions"
                if recipe.smooth
                else "drawn by the family"
            )


def describe_profile(manifest: Manifest) -> str:
    """What the gradient is made of, in a sentence; empty of a manifest that does not say it."""
    if (profile := manifest.profile) is None:
        return ""
    if manifest.funnels is None:
        effective = f"the effective number of its directions is {profile.effective:.3g}"
    elif manifest.public_recipe().product:
        effective = f"the mass lies in {profile.effective:,.0f} sectors, effectively, of {manifest.funnels} funnels"
    else:
        effective = f"of {manifest.funnels} funnels {profile.effective:.3g} have the mass, effectively"
    centred = (
        f"; {profile.centred:,} of {manifest.rows('test'):,} test inputs are a centre to the last bit"
        if profile.centred
        else ""
    )
    return (
        f"{profile.radial:.3f} of it is radial, {profile.constant:.3f} is one constant direction; {effective}{centred}"
    )


def describe_pictures(recipe: PublicRecipe) -> str:
    """What to know of the pictures that rows are drawn from; empty where there are none, or ever new ones."""
    if not isinstance(recipe.source, ImageSource):
        return ""
    if recipe.held_out is not None:
        return f"a share {recipe.held_out:g} of the pictures is held out: test and probe rows and W1 are of these alone, training rows, fresh draws and funnels of the others"
    return "train and test rows are draws from the same pictures, each with noise of its own: a critic may have seen a test picture with other noise"


def _core(recipe: PublicRecipe, manifest: Manifest) -> str:
    if recipe.attenuation:
        return f"Q with {_attenuated(recipe.attenuation)} multiplied by {recipe.attenuation.factor:g}"
    if recipe.smooth:
        ellipsoid = f"an ellipsoid in {recipe.smooth.dim} dimensions with half axes from {recipe.smooth.axes[0]:g} to {recipe.smooth.axes[1]:g}"
        return f"points outside {ellipsoid}, their distance from it multiplied by {recipe.smooth.fraction:g}"
    if recipe.shift:
        return f"Q moved by {recipe.shift.distance:g} in one direction"
    return f"Q moved down the rays of a MinFunnel{_count(manifest)}" + (
        f" with power {recipe.power:g}" if recipe.power else ""
    )


def _attenuated(table: Attenuation) -> str:
    return _KEPT[table.keep].format(size=table.size, rank=table.rank)


def _count(manifest: Manifest) -> str:
    if manifest.funnels is None:
        return ""
    return f" of {manifest.funnels} funnels ({manifest.dominated_funnels} dominated ones dropped)"
