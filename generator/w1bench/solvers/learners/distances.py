"""Distances between all points of two batches by one matrix product, for c-transforms inside a batch."""

import torch
from torch import Tensor


@torch.no_grad()
def distances(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j|| of x (B, *shape) and y (C, *shape): (B, C).

    The product loses digits by cancellation, half of them where points meet: good to choose a nearest point by, not to
    report its distance.
    """
    return torch.cdist(x.flatten(1), y.flatten(1), compute_mode="use_mm_for_euclid_dist")


def least(rows: Tensor) -> Tensor:
    """Where the least value of each row (B, C) is: (B,). On a CPU `min` finds it in a third of `argmin`'s time."""
    return rows.min(dim=1).indices


def lengths(difference: Tensor) -> Tensor:
    """||d_i|| of d (B, *shape): (B,)."""
    return difference.flatten(1).norm(dim=1)


def direction(difference: Tensor) -> Tensor:
    """d_i / ||d_i|| of d (B, *shape), 0 where d_i = 0."""
    return torch.nn.functional.normalize(difference.flatten(1), dim=1).reshape(difference.shape)
