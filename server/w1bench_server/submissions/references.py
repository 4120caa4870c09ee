"""Reference rows: the runs of the reference solvers that come with w1bench, as the first rows of a service's ledger.

Each seed of the longest training of a method on a pair is one submission, whose body is the row of results; the seeds are one row of the board.
Submissions that were recorded before stay as they are; those whose method has no row among the results any more are retracted.
"""

import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from w1bench.client.metadata import Metadata
from w1bench.scoring.scorecard import Scorecard
from w1bench.site.board.rows import with_skill
from w1bench.trials import resamples, results
from w1bench.trials.results import OF_FUNNELS, UNTRAINED, Row
from w1bench_server.database.times import now
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.ledger.records import REFERENCE_USER, Content, Entry, Retraction, content
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.submissions.bodies import Bodies

_LEFT_OUT = "The results have no row of this method any more."
PACKAGED = Path(results.__file__).with_name("reference")


def record_references(folder: Path | None, ledger: Ledger, bodies: Bodies, pairs: PublishedPairs) -> None:
    """Record the results (*.json) in `folder`, by default w1bench's own, of the pairs whose recipes are published here, and retract on these what they leave out.

    Raises:
        InputError: a file is not a file of results.
    """
    rows = results.longest(results.read_all(sorted((folder or PACKAGED).glob("*.json"))))
    recorded = {content(record.entry) for record in ledger.records().values()}
    named: dict[str, set[str]] = {}  # the methods that have rows, by their pair's digest
    for pair in pairs.all():
        of_pair = [row for row in rows if row["recipe_sha256"] == pair.manifest.recipe_sha256 and row["metrics"]]
        trivial = next((row["trivial"] for row in of_pair if row.get("trivial")), {})
        for row in of_pair:
            body = json.dumps(row, sort_keys=True).encode()
            new = Content(
                REFERENCE_USER,
                pair.digest,
                results.board_name(row["method"], row["data"]),
                hashlib.sha256(body).hexdigest(),
            )
            if new not in recorded:
                _keep(bodies, body, new.sha256)
                ledger.append(_entry(pair, row, trivial, new, len(body)), resampled=_resampled(pair, row))
            named.setdefault(pair.digest, set()).add(new.method)
    for record in ledger.records().values():
        entry = record.entry
        is_left_out = entry.method not in named.get(entry.pair_digest, {entry.method})
        if entry.reference and is_left_out and record.retraction is None:
            ledger.retract(Retraction(entry.id, now(), REFERENCE_USER, _LEFT_OUT))


def _metadata(row: Row, family: str) -> Metadata:
    """What a reference row says of itself."""
    return Metadata(
        seed=row["seed"], steps=row["steps"], data=row["data"], seconds=row["seconds"], hardware=row.get("machine", {}).get("processor"),
        trains=row["method"] not in UNTRAINED, knows_family=family == "funnel" and row["method"] in OF_FUNNELS,
        curve=results.curve(row), **results.facts_of(row).model_dump(exclude_none=True),
    )  # fmt: skip


def _resampled(pair: PublishedPair, row: Row) -> bytes | None:
    """Its metrics over the resamples, if they were kept, and those of its pair are those of the published one."""
    if row.get("resamples") is None or row["pair_digest"] != pair.digest:
        return None
    return resamples.unpacked(row["metrics"], row["resamples"])


def _entry(pair: PublishedPair, row: Row, trivial: dict[str, float], new: Content, size: int) -> Entry:
    return Entry(
        id=uuid4().hex, pair=pair.name, pair_digest=pair.digest, method=new.method, user=REFERENCE_USER,
        sha256=new.sha256, bytes=size, submitted_at=now(), scorer=row["software"]["w1bench"],
        scorecard=_card(pair, row, trivial).model_dump_json(), reference=True, metadata=_metadata(row, pair.manifest.family).given(),
    )  # fmt: skip


def _card(pair: PublishedPair, row: dict[str, Any], trivial: dict[str, float]) -> Scorecard:
    """Its scorecard, with skill from what the trivial critics of its pair get, where it was scored before there was any."""
    card = Scorecard(
        pair=pair.name, pair_version=pair.manifest.version, pair_digest=row["pair_digest"],
        metric_version=row["metric_version"], points=row["points"], w1=row["w1"], w1_stderr=pair.manifest.w1_stderr,
        metrics=row["metrics"], missing=row["missing"], diagnosis=row["diagnosis"],
        trivial=row.get("trivial") or trivial or None, excess=row.get("excess"),
    )  # fmt: skip
    return card.model_copy(update={"metrics": dict(with_skill(card.metrics, trivial))})


def _keep(bodies: Bodies, body: bytes, sha256: str) -> None:
    received = bodies.incoming / uuid4().hex
    received.write_bytes(body)
    bodies.keep(received, sha256)
    received.unlink(missing_ok=True)  # a copy went to object storage
