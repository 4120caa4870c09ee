"""preview.png: a picture of the two distributions of a pair.

In the plane it has the potential and the rays, of pictures inputs above their targets, and else the two principal axes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from w1bench.archive.manifest import Manifest
from w1bench.arrays import F64, Array
from w1bench.transport.families.funnel.min_funnel import MinFunnel
from w1bench.transport.potential import Potential

_RAYS = 400
_POINTS = 2000
_COLUMNS = 8
_COLOURS = 256
_GRID = 300
_INPUT, _TARGET = "#b2182b", "#2166ac"


def draw_preview(path: Path, manifest: Manifest, u: Potential | None, inputs: Array, targets: Array) -> None:
    """Draw stored inputs (n, *shape) and their partners (n, *shape) to a PNG; without a potential, unpaired targets."""
    figure = Figure(figsize=(5, 5), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    if len(manifest.shape) == 3:
        rows = {"inputs x ~ P": inputs[:_COLUMNS], "targets y ~ Q": targets[:_COLUMNS]}
        figure.set_size_inches(1 + len(inputs[:_COLUMNS]), 2.6)
        draw_pictures(figure, rows)
    elif manifest.dim == 2 and u:
        draw_plane(figure.subplots(), manifest.half_width, u, inputs[:_RAYS], targets[:_RAYS])
    else:
        _principal_axes(figure.subplots(), inputs[:_POINTS], targets[:_POINTS])
    figure.suptitle(f"{manifest.name}: " + (f"W1 = {manifest.known_w1.value:.5g}" if u else "sealed"), fontsize=10)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, "PNG", optimize=True)  # a third of the bytes


def draw_plane(axes: Axes, half_width: float, u: Potential, inputs: Array, targets: Array, *, ink: str = "k") -> None:
    """Level lines of u, the rays from targets to inputs, and the centres."""
    axis = np.linspace(-half_width, half_width, _GRID)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    axes.contourf(axis, axis, u.value(grid.reshape(-1, 2)).reshape(_GRID, _GRID), 24, cmap="Greys_r", alpha=0.5)
    axes.add_collection(LineCollection(list(np.stack([inputs, targets], axis=1)), colors=ink, linewidths=0.3))
    axes.scatter(*targets.T, s=4, color=_TARGET, label="targets y ~ Q", zorder=3)
    axes.scatter(*inputs.T, s=4, color=_INPUT, label="inputs x ~ P", zorder=3)
    if isinstance(u, MinFunnel):
        axes.scatter(*u.center.T, s=60, marker="*", color="gold", edgecolor="k", label="centres", zorder=4)
    axes.set_aspect("equal")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=3, fontsize=8, frameon=False)


def draw_pictures(figure: Figure, rows: Mapping[str, Array]) -> None:
    """A row of pictures (n, channels, height, width) with values in [-1, 1] under each label."""
    count = len(next(iter(rows.values())))
    grid = figure.subplots(len(rows), count, squeeze=False)
    for places, (label, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(places, pictures, strict=True):
            axes.imshow(np.clip(picture.transpose(1, 2, 0) / 2 + 0.5, 0, 1).squeeze(), cmap="gray", vmin=0, vmax=1)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
        places[0].set_ylabel(label, rotation="horizontal", ha="right", va="center", fontsize=8)


def _principal_axes(axes: Axes, inputs: Array, targets: Array) -> None:
    """Both distributions on the two axes along which the inputs vary most."""
    if inputs.shape[1] == 1:  # a line has no second axis
        inputs, targets = (np.hstack([points, np.zeros_like(points)]) for points in (inputs, targets))
    mean = inputs.mean(axis=0)
    directions: F64 = np.linalg.svd(inputs - mean, full_matrices=False)[2][:2]
    for points, color, label in ((targets, _TARGET, "targets y ~ Q"), (inputs, _INPUT, "inputs x ~ P")):
        axes.scatter(*((points - mean) @ directions.T).T, s=3, alpha=0.5, color=color, label=label)
    axes.set_aspect("equal")
    axes.set_xlabel("first principal axis of the inputs")
    axes.set_ylabel("second")
    axes.legend(fontsize=8, frameon=False)
