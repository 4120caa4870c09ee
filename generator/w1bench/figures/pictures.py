"""Pictures of P above the pictures of Q that they come from, with what the plan changed below."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from w1bench.builder.describe.preview import draw_pictures
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError
from w1bench.figures.canvas import blank

_LOOKED_AT = 256  # rows that are chosen from


def pictures(pair: StoredPair, count: int = 8) -> Figure:
    """Inputs, their partners under the optimal plan, and the difference, which is grey where nothing changed; from the least changed to the most.

    Raises:
        InputError: the points are no pictures.
        PairError: the pair is sealed.
    """
    if len(pair.shape) != 3:
        raise InputError(
            f"{pair.name} has points of shape {pair.shape}, which are no pictures; `w1bench list` says which pairs have."
        )
    pair.manifest.check_known()
    x, y = (np.asarray(rows[:_LOOKED_AT], np.float64) for rows in (pair.test.input, pair.test.transported))
    by_change = np.argsort(np.linalg.norm((x - y).reshape(len(x), -1), axis=1))
    chosen = by_change[np.linspace(0, len(x) - 1, min(count, len(x))).astype(int)]
    x, y = x[chosen], y[chosen]
    change = x - y
    scale = float(np.abs(change).max()) or 1.0
    rows = {"inputs x ~ P": x, "targets y ~ Q": y, f"x - y, ± {scale:.2g}": change / scale}
    figure = blank(1 + 0.85 * len(x), 3.4, f"{pair.name}: W1 = {pair.w1:.5g}, the mean length of the differences")
    draw_pictures(figure, rows)
    return figure
