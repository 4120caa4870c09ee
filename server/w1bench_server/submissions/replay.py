"""Replay: the scores of a revealed pair, computed again from its files and the submissions' bodies and compared with the ledger's."""

import asyncio
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from w1bench.archive.folder import check_digests, read_manifest
from w1bench.archive.manifest import Manifest
from w1bench.client.service import submissions as client
from w1bench.client.service.connection import Service
from w1bench.errors import CheckFailedError, W1BenchError
from w1bench.scoring.metrics import METRIC_VERSION
from w1bench.scoring.scorecard import Scorecard
from w1bench.storage.files import file_digest
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger, check_resamples
from w1bench_server.sandbox import scorer as scoring
from w1bench_server.sandbox.scorer import Scorer
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.submissions.redaction import redacted

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12  # tolerances of a figure: the rounding of another machine
BodyOf = Callable[["Stored"], AbstractContextManager[Path]]


@dataclass(frozen=True)
class Stored:
    """A submission in a ledger, with its scores, the newest last."""

    id: str
    method: str
    user: str
    sha256: str
    cards: tuple[Scorecard, ...]


@dataclass(frozen=True)
class Replayed:
    """A replayed submission: the cosine computed here, and the first difference from the ledger (None: there is none)."""

    id: str
    method: str
    user: str
    cos: float | None
    difference: str | None


def replay_data(folder: Path, settings: Settings) -> list[Replayed]:
    """Replay a service's own ledger and bodies; raises as `replay_server`, CheckFailedError where the ledger was tampered with, InputError without a service."""
    manifest, bodies = _revealed(folder), Bodies(settings.data, settings.bodies_url)
    with database.existing(settings) as engine:
        bodies.incoming.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(engine)
        check_chain(ledger.rows())
        with engine.connect() as connection:
            check_resamples(connection)
        records = [r for r in ledger.records().values() if r.entry.pair_digest == manifest.digest()]
    stored = [
        Stored(r.entry.id, r.entry.method, r.entry.user, r.entry.sha256, tuple(score.card for score in r.scores))
        for r in records
    ]
    return asyncio.run(_replay(stored, folder, lambda each: bodies.borrowed(each.sha256), settings))


def replay_server(folder: Path, server: str) -> list[Replayed]:
    """Replay the submissions that a service publishes of a revealed pair, whose files are in `folder`.

    Raises:
        PairError: the pair is sealed.
        CheckFailedError: one of its files is not the one that was committed to.
        UnreachableError: the service does not answer.
    """
    manifest = _revealed(folder)
    stored = [
        Stored(row.id, row.method, row.user, row.sha256, (*row.earlier_scorecards, row.scorecard))
        for row in client.submissions(Service(server), manifest.name)
        if row.pair_digest == manifest.digest()
    ]
    with TemporaryDirectory() as scratch:
        settings = Settings(archive=folder.parent, data=Path(scratch), truth=None, min_free_bytes=0)
        return asyncio.run(_replay(stored, folder, partial(_fetched, server, Path(scratch)), settings))


@contextmanager
def _fetched(server: str, scratch: Path, stored: Stored) -> Generator[Path]:
    path = scratch / "body"  # not named after the id, which comes from the network
    try:
        client.fetch_body(server, stored.id, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _revealed(folder: Path) -> Manifest:
    """The manifest of a revealed pair, after its files were checked against it."""
    manifest = read_manifest(folder)
    manifest.check_known()
    check_digests(folder, manifest.files)
    return manifest


async def _replay(stored: Sequence[Stored], folder: Path, body_of: BodyOf, settings: Settings) -> list[Replayed]:
    async with scoring.started(settings.model_copy(update={"scoring_processes": 1})) as scorer:
        return [await _replayed(each, folder, body_of, scorer) for each in stored]


async def _replayed(stored: Stored, folder: Path, body_of: BodyOf, scorer: Scorer) -> Replayed:
    try:
        with body_of(stored) as body:
            if (digest := file_digest(body)) != stored.sha256:
                raise CheckFailedError(f"its body has SHA-256 {digest}, the ledger says {stored.sha256}")
            card = (await scorer.score(folder, body)).card
    except W1BenchError as error:
        return Replayed(stored.id, stored.method, stored.user, None, str(error))
    cos = card.metrics["cos"]
    return Replayed(stored.id, stored.method, stored.user, cos.value if cos else None, _difference(stored.cards, card))


def _difference(cards: Sequence[Scorecard], replayed: Scorecard) -> str | None:
    """The first figure in which a recorded score of this metric version, of which there must be one, differs from the replayed one.

    A score that was recorded while the pair was sealed is a redacted one.
    """
    current = [card for card in cards if card.metric_version == METRIC_VERSION]
    if not current:
        return f"it was scored by metric version {cards[-1].metric_version}, and this w1bench has {METRIC_VERSION}"
    for card in current:
        expected = redacted(replayed) if card.sealed and card.w1 is None else replayed
        computed, recorded = (dict(_figures(each.model_dump(mode="json"))) for each in (expected, card))
        for name in sorted(recorded.keys() | computed.keys()):
            if _is_held(card, name) and not _same(recorded.get(name), computed.get(name)):
                return f"{name} is {recorded.get(name)} in the ledger, and {computed.get(name)} when computed again"
    return None


def _is_held(card: Scorecard, name: str) -> bool:
    """Whether a stored score has the figure at a path: those of earlier releases lack some that a metric version did not change."""
    part, _, figure = name.partition(".")
    if part not in card.model_fields_set:
        return False
    return part != "diagnosis" or card.diagnosis is None or figure.partition(".")[0] in card.diagnosis.model_fields_set


def _figures(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a document by their paths, e.g. metrics.cos.value."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{path}{name}.")
        else:
            yield path + name, value


def _same(recorded: Any, computed: Any) -> bool:
    if isinstance(recorded, float | int) and isinstance(computed, float | int):
        return isclose(recorded, computed, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return recorded == computed
