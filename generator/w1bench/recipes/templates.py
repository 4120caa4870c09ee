"""Recipes to begin with: one of each kind, with a comment on every field that it has."""

from __future__ import annotations

import re

_HEAD = """# {words}
name = "{name}"             # of the pair, its folder and its address: small letters, digits, dots, dashes
seed = {seed}                   # of everything that is drawn; a pair to be sealed gets a secret besides
"""
_POWER = """power = 8                   # p >= 1 of the map s' = S (s/S)^p: the greater, the nearer inputs come to the centres
"""
_CUBE = """half_width = 2.5            # of the cube that targets lie in
"""
_PICTURES_CUBE = """half_width = 1.2            # of the cube that targets lie in: pictures reach 1, and noise a little further
"""
_UNIFORM = """
[source]                    # the distribution Q of targets
kind = "uniform"            # on the cube
dim = {dim}
"""
_PICTURES = """
[source]                    # the distribution Q of targets
kind = "images"
dataset = "photos"          # "photos" | "digits" | "cifar10" | "celeba"; the latter two need root = "PATH", or build --root
noise = 0.01                # standard deviation on every pixel
size = 32                   # side of a patch; digits (8) and cifar10 (32) have their own: leave it out
# held_out = 0.2            # of digits, cifar10 and celeba: the share of the pictures for tests and W1 alone
"""
_FUNNELS = """
[funnel]                    # u(x) = min_n (||x - a_n|| + b_n)
count = {count}
offset_std = 0.1            # of the offsets b_n; or, in its place, balanced = true, by which all funnels have the same mass
centers = "uniform"         # the a_n: in the cube | "source": drawn as targets are (blend = 2: means of two draws)
"""
_BALL = """
[source]                    # the distribution Q of targets
kind = "ball"               # uniform on it
dim = 16
radius = 10
"""
_ONE_FUNNEL = """
[funnel]                    # u(x) = ||x||
count = 1
offset_std = 0
centers = "origin"
"""
_ATTENUATION = """
[attenuation]               # x = P y + factor (y - P y)
keep = "lowpass"            # what P keeps: "lowpass" (size x size frequencies) | "mean" | "grey" | "none" | "random" (rank)
size = 8                    # of "lowpass" alone, and less than the pictures' side
factor = 0.3                # 0 < factor < 1
"""
_SMOOTH = """
[smooth]                    # u = the distance from an ellipsoid, without a kink
dim = 16
axes = [0.5, 3.0]           # the least and the largest half axis; the others are spaced evenly in their logarithms
reach = 3.0                 # targets lie reach Beta(2, 2) outside of it
fraction = 0.35             # of that distance is left to inputs
# rotated = true            # by a rotation drawn from the seed; a pair to be sealed needs it
"""
_SHIFT = """
[shift]                     # the control: everything is moved in one direction, drawn from the seed
distance = 1.0
"""
_PRODUCT = """
[product]                   # independent copies of the funnels' law side by side, weighted 1 / sqrt(blocks)
blocks = 4                  # so that the pair has blocks x dim dimensions
fraction = 0.1              # of one block's way to its centre is left
"""
_SPIKE = """
[spike]                     # the pair above lies in a subspace, drawn from the seed, of a larger space
dim = 128                   # of the whole space
nuisance_std = 1.0          # of the normal noise in all other dimensions
"""
_LATE = """
[late]                      # the late phase of a GAN: all inputs but a share are right already
share = 0.1
"""
_SIZES = """
[sizes]
train = {train}               # rows of train.h5: what solvers learn from
test = {test}                # rows of test.h5: where gradients are asked for
probe = {probe}                # rows of probe.h5
"""
_VECTORS, _OF_PICTURES = (
    {"train": 50_000, "test": 10_000, "probe": 2_000},
    {"train": 10_000, "test": 2_000, "probe": 1_000},
)


def _recipe(name: str, words: str, *parts: str, pictures: bool = False, **fields: object) -> str:
    text = "".join((_HEAD, *parts, _SIZES))
    text = text.format(name=name, words=words, seed=1, **(_OF_PICTURES if pictures else _VECTORS), **fields)
    return re.sub(r"(?m)^([^#\n]+?) +# ", lambda found: f"{found[1]:<28}# ", text)


TEMPLATES = {
    "funnel": _recipe(
        "my-funnels", "Targets on a cube, moved down the rays of a minimum of cones.", _POWER, _CUBE, _UNIFORM, _FUNNELS,
        dim=16, count=64,
    ),
    "ball": _recipe(
        "my-ball", "Targets on a ball, moved towards its centre: the critic of a gradient penalty is known, too.",
        _POWER, "half_width = 10             # the radius\n", _BALL, _ONE_FUNNEL,
    ),
    "attenuation": _recipe(
        "my-blur", "Pictures that are blurred, lose contrast or colour.", _PICTURES_CUBE, _PICTURES, _ATTENUATION, pictures=True
    ),
    "smooth": _recipe("my-ellipsoid", "Points outside an ellipsoid: a potential without kinks.", _SMOOTH),
    "shift": _recipe("my-shift", "The control that every critic must solve.", _CUBE, _UNIFORM, _SHIFT, dim=128),
    "product": _recipe(
        "my-product", "Independent blocks: 8^4 sectors from 8 x 4 cones.", _CUBE, _UNIFORM, _FUNNELS, _PRODUCT, dim=4, count=8
    ),
    "spiked": _recipe(
        "my-spike", "A pair of few dimensions inside many: find the subspace.", _POWER, _CUBE, _UNIFORM, _FUNNELS, _SPIKE,
        dim=4, count=16,
    ),
    "late": _recipe(
        "my-late-phase", "A pair of which nine tenths of the inputs are right already.", _POWER, _CUBE, _UNIFORM, _FUNNELS, _LATE,
        dim=16, count=64,
    ),
}  # fmt: skip
