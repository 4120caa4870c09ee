"""Figures of pairs in the plane: the surface and gradient field of the truth beside critics', the rays, and where mass flows.

The surfaces are Figure 11 of Korotin, Kolesov, Burnaev (NeurIPS 2022). A submission has a critic's values at the test points alone: between them
its surface is linear on the triangles of Delaunay, and it ends where the points end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.tri import LinearTriInterpolator, Triangulation
from numpy.typing import NDArray

from w1bench.arrays import F64
from w1bench.builder.describe.preview import draw_plane
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.congestion import LAM_OF_WEIGHT
from w1bench.diagnostics.plane import congestion_map, disagreement, transport_density
from w1bench.errors import InputError
from w1bench.figures.canvas import blank, ink
from w1bench.figures.critics import DrawnCritic, check_plane, true_critic, true_map

_GRID = 121  # nodes of a surface along an axis
_ARROWS = 18  # of a field along an axis
_LONGEST = 2.0  # an arrow's slope; steeper ones are drawn as this
_RAYS = 600
_BINS = 48


def surfaces(pair: StoredPair, critics: Sequence[DrawnCritic]) -> Figure:
    """The truth's potential and each critic's as a surface, and below its level lines with the gradient at test inputs.

    Raises:
        InputError: the pair does not lie in the plane.
        PairError: it is sealed.
    """
    check_plane(pair)
    half_width = pair.manifest.half_width
    axis = np.linspace(-half_width, half_width, _GRID)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)  # (_GRID, _GRID, 2)
    x, y = (np.asarray(rows[:], np.float64) for rows in (pair.test.input, pair.test.target))
    places = np.concatenate([x, y])
    shown = [true_critic(pair), *critics]
    heights = [-true_map(pair).potential.value(grid.reshape(-1, 2)).reshape(_GRID, _GRID)]
    heights += [_surface(places, critic, grid) for critic in critics]
    heights = [height - np.nanmean(height) for height in heights]
    figure = blank(2.7 * len(shown) + 0.4, 5.6, f"{pair.name}: potentials, each less its mean, and their gradients")
    arrows = _thinned(x, half_width, _ARROWS)
    for column, (critic, height) in enumerate(zip(shown, heights, strict=True), 1):
        title = critic.name if column == 1 else f"{critic.name}: cos {critic.cosine:.2f}"
        solid = figure.add_subplot(2, len(shown), column, projection="3d")
        solid.set_title(title, loc="left")
        solid.plot_surface(grid[..., 0], grid[..., 1], height, cmap="viridis", rcount=60, ccount=60, linewidth=0)  # pyright: ignore[reportAttributeAccessIssue]
        solid.view_init(35, -60)  # pyright: ignore[reportAttributeAccessIssue]
        field = figure.add_subplot(2, len(shown), len(shown) + column)
        field.contour(axis, axis, height, 14, cmap="viridis", linewidths=0.8)
        length = np.linalg.norm(critic.gradient, axis=1, keepdims=True)
        drawn = (critic.gradient * np.minimum(1, _LONGEST / np.maximum(length, 1e-300)))[arrows]
        spacing = 2 * half_width / _ARROWS
        field.quiver(*x[arrows].T, *drawn.T, color=ink(), scale=1 / spacing, scale_units="xy", angles="xy", width=0.004)
        _square(field, half_width)
    return figure


def rays(pair: StoredPair) -> Figure:
    """Targets, their rays and the inputs that they are moved to, over the level lines of u; of a sealed pair a PairError."""
    check_plane(pair)
    figure = blank(5, 5.4, f"{pair.name}: W1 = {pair.w1:.5g}, the mean length of these rays")
    axes = figure.subplots()
    x, y = (np.asarray(rows[:_RAYS], np.float64) for rows in (pair.test.input, pair.test.transported))
    draw_plane(axes, pair.manifest.half_width, true_map(pair).potential, x, y, ink=ink())
    axes.grid(visible=False)
    return figure


def congestion(pair: StoredPair, critic: DrawnCritic, penalty_weight: float) -> Figure:
    """Where the excess slope of a critic under a gradient penalty says that mass flows, beside the transport density of the plan.

    Raises:
        InputError: the pair does not lie in the plane, or the submission has no probe gradients.
    """
    check_plane(pair)
    if critic.probe_gradient is None:
        raise InputError(
            f"{critic.name} has no `probe_gradient`, which shows its slopes between P and Q; write it beside `gradient` (FORMAT.md)."
        )
    half_width = pair.manifest.half_width
    x, y = (np.asarray(rows[:], np.float64) for rows in (pair.test.input, pair.test.transported))
    found = congestion_map(
        pair.probe.interpolate[:], critic.probe_gradient, LAM_OF_WEIGHT * penalty_weight, half_width, _BINS
    )
    true = transport_density(x, y, half_width, _BINS)
    figure = blank(
        7.4,
        3.6,
        f"{pair.name}: where mass flows; the maps differ by {disagreement(found, true):.2f} (1: they never meet)",
    )
    cell = (2 * half_width / _BINS) ** 2
    most = max(found.max(), true.max()) / cell
    names = (f"truth: all of it W1 = {true.sum():.3g}", f"{critic.name}, weight {penalty_weight:g}: {found.sum():.3g}")
    axes: Sequence[Axes] = figure.subplots(1, 2, sharey=True)
    for place, (flow, title) in zip(axes, zip((true, found), names, strict=True), strict=True):
        image = place.imshow(flow.T / cell, origin="lower", extent=_extent(half_width), vmin=0, vmax=most, cmap="magma")
        place.set_title(title)
        _square(place, half_width)
    figure.colorbar(image, ax=list(axes), label="flow per unit of area")  # pyright: ignore[reportPossiblyUnboundVariable]
    return figure


def _surface(places: F64, critic: DrawnCritic, grid: F64) -> F64:
    """A critic's values (_GRID, _GRID) between those at the test points; nan where it has none."""
    if critic.values is None:
        raise InputError(
            f"{critic.name} has no `input_potential` and `target_potential`, which a surface is made of; write them beside `gradient` (FORMAT.md)."
        )
    half_width = float(grid.max())
    kept = _thinned(places, half_width, 2 * _GRID)  # inputs crowd at centres, where triangles would be needles
    triangles = Triangulation(*places[kept].T)
    found = LinearTriInterpolator(triangles, np.concatenate(critic.values)[kept])(grid[..., 0], grid[..., 1])
    return np.ma.filled(found, np.nan)


def _thinned(points: F64, half_width: float, cells: int) -> NDArray[np.intp]:
    """The indices of one point in each cell of a grid of so many along an axis."""
    inside = np.floor((points + half_width) / (2 * half_width) * cells).astype(np.int64)
    return np.unique(inside @ np.array([1, cells + 1]), return_index=True)[1]


def _extent(half_width: float) -> tuple[float, float, float, float]:
    return (-half_width, half_width, -half_width, half_width)


def _square(axes: Axes, half_width: float) -> None:
    axes.set_aspect("equal")
    axes.grid(visible=False)
    axes.set_xlim(-half_width, half_width)
    axes.set_ylim(-half_width, half_width)
    axes.set_xlabel("$x_1$")
    axes.set_ylabel("$x_2$")
