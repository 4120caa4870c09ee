"""Critics as figures show them: a name, the gradients and values of a submission, and their cosine with the truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from w1bench.archive import hdf5 as store
from w1bench.arrays import F64, Array
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError
from w1bench.scoring import submission
from w1bench.transport.from_recipe import core_shape, make_map
from w1bench.transport.potential import TransportMap

TRUTH = "truth"


@dataclass(frozen=True)
class DrawnCritic:
    """Gradients (m, D) at the test inputs, values at inputs and targets where the submission has them, gradients at the probe points."""

    name: str
    gradient: F64
    values: tuple[F64, F64] | None
    probe_gradient: F64 | None
    cosine: float


def read_critic(pair: StoredPair, path: Path) -> DrawnCritic:
    """The critic of a submission's file; its name is the method of the JSON sidecar beside it, else the file's.

    Raises:
        SubmissionError: the file is no submission to this pair.
        PairError: the pair is sealed.
    """
    with submission.open_submission(path, pair.manifest) as arrays:
        found = {name: np.asarray(rows[:], np.float64) for name, rows in arrays.items()}
    values = (
        (found["input_potential"], found["target_potential"])
        if {"input_potential", "target_potential"} <= found.keys()
        else None
    )
    gradient = found["gradient"].reshape(len(found["gradient"]), -1)
    probe = found.get("probe_gradient")
    true = _flat(pair.test.gradient[:])
    lengths = np.maximum(np.linalg.norm(gradient, axis=1) * np.linalg.norm(true, axis=1), 1e-300)
    cosine = float((np.vecdot(gradient, true) / lengths).mean())
    return DrawnCritic(_name(path), gradient, values, None if probe is None else _flat(probe), cosine)


def true_critic(pair: StoredPair) -> DrawnCritic:
    """The optimal potential, as a critic; a PairError of a sealed pair."""
    test = pair.test
    values = (np.asarray(test.input_potential[:], np.float64), np.asarray(test.target_potential[:], np.float64))
    return DrawnCritic(TRUTH, _flat(test.gradient[:]), values, None, 1.0)


def true_map(pair: StoredPair) -> TransportMap:
    """The map, with its potential u = -f*, from the pair's own files; a PairError of a sealed pair."""
    recipe = pair.manifest.full_recipe()
    files = [getattr(pair, file).arrays() for file in store.FAMILY_FILES if file in pair.manifest.contents]
    truth = {name: rows for arrays in files for name, rows in arrays.items()}
    return make_map(recipe, core_shape(recipe, pair.shape), truth)


def check_plane(pair: StoredPair) -> None:
    """Raises an InputError unless the pair's points lie in the plane."""
    if pair.shape != (2,):
        raise InputError(
            f"{pair.name} has points of shape {pair.shape}, and this figure is of the plane; take a pair of dimension 2 "
            "(hd-d2-n4-p8, smooth-d2, ball-d2-p8)."
        )


def _name(path: Path) -> str:
    sidecar = path.with_suffix(".json")
    try:
        return str(json.loads(sidecar.read_bytes())["method"])
    except (OSError, ValueError, KeyError, TypeError):  # none, or something else of that name
        return path.stem


def _flat(points: Array) -> F64:
    return np.asarray(points, np.float64).reshape(len(points), -1)
