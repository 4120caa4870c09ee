"""The three numbers that say what a pair asks of a critic, measured on the true gradient at the test points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from w1bench.archive.manifest import Profile
from w1bench.arrays import F64, RowArray, blocks
from w1bench.transport.families.funnel.min_funnel import MinFunnel
from w1bench.transport.families.funnel.rays import RayMap
from w1bench.transport.families.product import ProductMap
from w1bench.transport.families.spike import SpikedMap
from w1bench.transport.potential import TransportMap

_ROWS = 1024  # that the spectrum of gradients is taken over


def measure(ray_map: TransportMap, test: Mapping[str, RowArray]) -> Profile:
    """How much of the gradient is radial, how much is constant, and in how many sectors or directions its mass lies."""
    inputs, gradients, count = test["input"], test["gradient"], len(test["input"])
    mean, constant = (_mean(test[name]) for name in ("input", "gradient"))
    radial = 0.0
    for rows in blocks(inputs):
        x = _flat(inputs[rows]) - mean
        cosine = np.einsum("nd,nd->n", _flat(gradients[rows]), x) / np.maximum(np.linalg.norm(x, axis=1), 1e-300)
        radial += float(cosine.sum())
    effective = _sectors(ray_map, test["transported"])
    return Profile(
        radial=abs(radial) / count,
        constant=float(np.linalg.norm(constant)),
        effective=_directions(gradients) if effective is None else effective,
        centred=_on_centres(ray_map.potential, inputs) if isinstance(ray_map, RayMap) else None,
    )


def _sectors(ray_map: TransportMap, targets: RowArray) -> float | None:
    """The effective number of the potential's sectors; None where it has no funnels."""
    core = ray_map.core if isinstance(ray_map, SpikedMap) else ray_map
    if isinstance(core, ProductMap):
        funnels = core.potential.funnels
    elif isinstance(core, RayMap):
        funnels = (core.potential,)
    else:
        return None
    mass = [np.zeros(funnel.count) for funnel in funnels]
    for rows in blocks(targets):
        y = _flat(targets[rows])
        y = y @ ray_map.frame.T if isinstance(ray_map, SpikedMap) else y
        parts = np.split(y, len(funnels), axis=1)
        for funnel, part, counts in zip(funnels, parts, mass, strict=True):
            counts += np.bincount(funnel.nearest(part)[0], minlength=funnel.count)
    return float(np.prod([_perplexity(counts) for counts in mass]))  # blocks are independent


def _directions(gradients: RowArray) -> float:
    """The effective rank of the gradients' second moment."""
    g = _flat(gradients[:_ROWS])
    gram = g @ g.T if len(g) < g.shape[1] else g.T @ g
    return _perplexity(np.maximum(np.linalg.eigvalsh(gram), 0.0))


def _on_centres(funnel: MinFunnel, inputs: RowArray) -> int:
    """How many inputs are a funnel's centre to the last bit."""
    center = funnel.center.astype(inputs.dtype)
    found = 0
    for rows in blocks(inputs):
        x = inputs[rows].reshape(-1, funnel.dim)
        found += int((x == center[funnel.nearest(x)[0]]).all(axis=1).sum())
    return found


def _perplexity(mass: F64) -> float:
    """exp of the entropy of masses that need not sum to 1."""
    share = mass[mass > 0] / mass.sum()
    return max(1.0, float(np.exp(-(share * np.log(share)).sum())))


def _mean(points: RowArray) -> F64:
    total = np.sum([_flat(points[rows]).sum(axis=0) for rows in blocks(points)], axis=0)
    return total / len(points)


def _flat(points: NDArray[Any]) -> F64:
    return np.asarray(points, np.float64).reshape(len(points), -1)
