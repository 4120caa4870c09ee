"""Shuffled: reference solvers of each kind on pictures whose patches were exchanged between them, so that their patches have W1 0 and the pictures have not."""

from __future__ import annotations

from math import isfinite

import numpy as np
import torch
from report import parse, publish, table

from w1bench.arrays import Array
from w1bench.diagnostics.batch import exact_plan
from w1bench.diagnostics.patches import cut, shuffled
from w1bench.recipes.files import find_recipe
from w1bench.solvers import SOLVERS, ReferenceSolver
from w1bench.solvers.protocol import HasPotential, Sampler
from w1bench.transport.from_recipe import make_pair

PICTURES, PATCH, BATCH = 512, 4, 64
_ABOUT = """\
{pictures} digits of 8 x 8 with noise (Q), and the same with their patches of {patch} x {patch} exchanged between pictures at each place (P). Each solver has its published form for {dim} values, at most
{steps} steps of {batch} draws of both, and sees pictures as a whole. The raw value is E_P f - E_Q f on all pictures, native what the method itself says of W1 at its end. Exact between these samples: W1 of
pictures {image:.3f}, of batches of {batch} {small:.3f}, of the patches of a place {local:.3f}."""


def main() -> None:
    run = parse("shuffled", __doc__)
    steps = 20 if run.quick else 150
    y = _digits()
    x = np.asarray(shuffled(y, PATCH, np.random.default_rng(0)), np.float32)
    of_x, of_y = (cut(points, PATCH, PATCH) for points in (x, y))
    local = np.mean([exact_plan(of_x[:, k], of_y[:, k])[0] for k in range(of_x.shape[1])])
    small = np.mean([exact_plan(x[at : at + BATCH], y[at : at + BATCH])[0] for at in range(0, PICTURES, BATCH)])
    p, q = (torch.from_numpy(points.reshape(PICTURES, -1)) for points in (x, y))
    rows: list[tuple[object, ...]] = []
    for name in SOLVERS:
        rows.append(_row(name, p, q, steps))
        print(*rows[-1], flush=True)
    about = _ABOUT.format(
        pictures=PICTURES, patch=PATCH, batch=BATCH, steps=steps, dim=p.shape[1], image=exact_plan(x, y)[0], small=small, local=local
    )  # fmt: skip
    publish(run, "Shuffled", [about, table(("method", "steps", "raw", "native", "seconds"), rows)], packages=("w1bench", "torch", "numpy", "scipy"))  # fmt: skip


def _row(name: str, p: torch.Tensor, q: torch.Tensor, steps: int) -> tuple[object, ...]:
    method, shape = SOLVERS[name], tuple(p.shape[1:])
    settings = method.settings(shape)
    settings = settings.override(
        steps=min(steps, settings.steps), batch=min(PICTURES, settings.batch) if settings.steps == 1 else BATCH
    )
    solver = ReferenceSolver(method, shape, settings, seed=0)
    fit = solver.fit(_sampler(p, settings.batch, 1), _sampler(q, settings.batch, 2))
    raw = "-"
    if isinstance(solver.learner, HasPotential):
        raw = f"{float(solver.potential(p).double().mean() - solver.potential(q).double().mean()):.3f}"
    native = f"{fit.dual_value:.3f}" if isfinite(fit.dual_value) else "-"
    return method.tag, fit.steps, raw, native, f"{fit.seconds:.1f}"


def _sampler(points: torch.Tensor, batch: int, seed: int) -> Sampler:
    """Batches of the pictures, by their number."""

    def draw(number: int) -> torch.Tensor:
        rng = np.random.default_rng((seed, number))
        return points[torch.from_numpy(rng.choice(len(points), batch, replace=False))]

    return draw


def _digits() -> Array:
    pair = make_pair(find_recipe("blur8-digits"))
    tiles = range(-(-PICTURES // pair.rows))
    return np.concatenate([pair.targets("target", tile) for tile in tiles])[:PICTURES].reshape(
        PICTURES, *pair.source.shape
    )


if __name__ == "__main__":
    main()
