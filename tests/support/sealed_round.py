"""A sealed round without a server: critics, their scores by the truth, and rows that are recorded directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from support.recipes import SEALED, Sealed
from w1bench.archive import hdf5 as store
from w1bench.scoring.metrics import METRICS
from w1bench.scoring.score import Scored
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench.storage.files import file_digest
from w1bench_server.database import connection as database
from w1bench_server.database.times import now
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import Entry, Record
from w1bench_server.pairs.catalogue import PublishedPairs
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.submissions.redaction import redacted

NAME = SEALED.name


def round_settings(made: Sealed, data: Path) -> Settings:
    """The settings of a service of the sealed pair."""
    return Settings(archive=made.archive, data=data, port=0, min_free_bytes=0, requests_per_minute=10**6)


def arrays(made: Sealed, noise: float, seed: int = 0) -> dict[str, Any]:
    """A critic: the truth with so much noise."""
    rng = np.random.default_rng(seed)
    with store.open_file(made.kept / "truth.h5") as file:
        truth = {name: file[name][:] for name in ("gradient", "input_potential", "target_potential")}
    return {name: values + noise * rng.standard_normal(values.shape) for name, values in truth.items()}


def score_sealed(truth: Path, pair_folder: Path, upload: Path, settings: Settings) -> Scored:
    """The full scorecard of an upload on a sealed pair, by a scorer that has the truth."""

    async def score() -> Scored:
        own = settings.model_copy(update={"truth": truth, "scoring_processes": 1})
        async with scoring.started(own) as scorer:
            return await scorer.score(pair_folder, upload)

    return asyncio.run(score())


def submit(settings: Settings, made: Sealed, body: bytes, method: str) -> Record:
    """As the process that scores submissions to sealed pairs does it."""
    bodies, pair = Bodies(settings.data, settings.bodies_url), PublishedPairs(settings.archive).get(NAME)
    bodies.incoming.mkdir(parents=True, exist_ok=True)
    upload = bodies.incoming / uuid4().hex
    upload.write_bytes(body)
    sha256 = file_digest(upload)
    card = score_sealed(made.truth, pair.folder, upload, settings).card
    entry = Entry(
        id=uuid4().hex, pair=NAME, pair_digest=pair.digest, method=method, user="ann", sha256=sha256, bytes=len(body),
        submitted_at=now(), scorer=version("w1bench"), scorecard=redacted(card).model_dump_json(),
    )  # fmt: skip
    bodies.keep(upload, sha256)
    with database.opened(settings) as engine:
        return Ledger(engine).append(entry)[0]


def sealed_card(points: int, cos: float) -> Scorecard:
    """A full scorecard on the sealed pair."""
    return Scorecard(
        pair=NAME, pair_version=1, pair_digest="d" * 64, metric_version=1, points=points, w1=1.5, w1_stderr=0.1,
        metrics=dict.fromkeys(METRICS) | {"cos": Interval(value=cos, low=cos - 1e-5, high=cos + 1e-5), "l2": Interval(value=2, low=1, high=3)},
        missing={"dev": "the submission holds no potential"}, diagnosis=None, sealed=True,
    )  # fmt: skip


def recorded(
    settings: Settings, make_entry: Callable[..., Entry], *, user: str | None = "ann", **cosines: float
) -> None:
    """Entries of a user, or else each of a user of its own, on the sealed pair, by their methods."""
    pair = PublishedPairs(settings.archive).get(NAME)
    with database.opened(settings) as engine:
        for method, cos in cosines.items():
            card = sealed_card(1500, cos).model_copy(update={"pair_digest": pair.digest})
            entry = make_entry(method, pair=NAME, digest=pair.digest, user=user or method, method=method)
            Ledger(engine).append(replace(entry, scorecard=card.model_dump_json()))
