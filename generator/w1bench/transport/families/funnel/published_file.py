"""The funnels published with the paper, as files of torch state dicts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from w1bench.errors import RecipeError
from w1bench.transport.families.funnel.min_funnel import MinFunnel, min_funnel


def read_published(path: Path, sha256: str) -> MinFunnel:
    """Funnels of a `.pt` state dict with `net.centers` (N, D) and `net.bias` (N,), as published with the paper.

    Raises:
        RecipeError: the file is missing, is not the pinned one, or holds no such state dict.
    """
    import torch  # here, because only published funnels need it

    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipeError(
            f"Funnel file {path} cannot be read ({error.strerror}); put the published .pt there."
        ) from None
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise RecipeError(f"Funnel file {path} has SHA-256 {digest}, but the recipe needs {sha256}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        center, offset = state["net.centers"].numpy(), state["net.bias"].numpy()
    except Exception as error:  # noqa: BLE001 - a damaged file may make the reader raise anything
        raise RecipeError(
            f"Funnel file {path} is not a state dict with the tensors net.centers (N, D) and net.bias (N,): {error!r}."
        ) from None
    return min_funnel(center, offset)
