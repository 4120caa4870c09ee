"""The content of a twin from a running service: its boards and its submissions, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from w1bench.archive.fetch import fetch, remote_catalogue
from w1bench.archive.manifest import Manifest, PairState
from w1bench.client.service.boards import leaderboard
from w1bench.client.service.connection import Service
from w1bench.client.service.submissions import show
from w1bench.errors import SubmissionError
from w1bench.recipes.families import CONTROLS
from w1bench.scoring.baseline.baseline import CONTROL
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench.site.board.content import Content, Receipt
from w1bench.site.board.rows import Retracted, Row, with_skill
from w1bench.storage.files import write_atomically
from w1bench.trials.results import published_figures, published_name

_DESCRIPTIONS = ("README.md", "croissant.json", "preview.png")


def read_service(
    url: str, manifests: Mapping[str, Manifest], *, progress: bool = False
) -> tuple[Content, list[Receipt]]:
    """The boards of the pairs that are here, and the receipt of every row and of every retracted submission.

    Raises:
        UnreachableError: the service does not answer, or is none.
    """
    service = Service(url)
    board = leaderboard(service)
    documents = {
        document["id"]: show(service, document["id"])
        for document in tqdm(
            [*board["rows"], *board["retracted"]], desc="submissions", unit="row", disable=None if progress else True
        )
        if document["pair"] in manifests
    }
    cards = {identity: Scorecard.model_validate(document["scorecard"]) for identity, document in documents.items()}
    trivial = {card.pair: card.trivial for card in cards.values() if card.trivial}
    published = published_figures()
    boards: dict[str, list[Row]] = {}
    for document in board["rows"]:
        if (manifest := manifests.get(document["pair"])) is not None:
            figures = published.get(published_name(manifest), {}).get(document["method"].split(" (")[0], {})
            row = _row(document, manifest, trivial.get(manifest.name, {}), figures if document["reference"] else {})
            boards.setdefault(manifest.name, []).append(row)
    retracted = [_retracted(document) for document in board["retracted"] if document["pair"] in manifests]
    rows = {row.id: row for of_pair in boards.values() for row in of_pair}
    by_id = {one.id: one for one in retracted}
    receipts = [
        Receipt(
            rows.get(identity) or _row(document, manifests[document["pair"]], {}, {}), cards[identity], document, by_id.get(identity),
            document.get("findings") or document["scorecard"].get("findings") or (),
        )
        for identity, document in documents.items()
    ]  # fmt: skip
    return Content(manifests, boards, retracted, trivial), receipts


def _row(
    document: Mapping[str, Any], manifest: Manifest, trivial: Mapping[str, float], published: Mapping[str, float]
) -> Row:
    figures = document.get("metrics") or document["scorecard"]["metrics"]
    shared = ("pair", "method", "user", "id", "submitted_at", "reference")
    of_board = ("rank", "tied", "tries", "seeds", "truth")
    plain: dict[str, Any] = {"rank": None} | {name: document[name] for name in (*shared, *of_board) if name in document}
    return Row(
        **plain, family=manifest.family, dim=manifest.dim, metrics=with_skill({name: found and Interval(**found) for name, found in figures.items()}, trivial),
        control=manifest.family in CONTROLS or max(trivial.values(), default=0) >= CONTROL, track="sealed" if manifest.sealed else "open",
        sealed=manifest.state is PairState.SEALED, w1=manifest.w1, published=published,
        metadata={name: said for name, said in document["metadata"].items() if said is not None},
    )  # fmt: skip


def _retracted(document: Mapping[str, Any]) -> Retracted:
    said = document["retraction"]
    plain = (document[name] for name in ("pair", "method", "user", "id"))
    return Retracted(*plain, at=said["at"], by=said["user"], reason=said["reason"])


def fetch_archive(url: str, archive: Path, *, progress: bool = False) -> None:
    """Bring all pairs of a service, with what describes them, to the folder `archive`; what is there and intact is not fetched again.

    Raises:
        UnreachableError: the service does not answer, or is none.
    """
    service = Service(url)
    archive.mkdir(parents=True, exist_ok=True)
    for entry in remote_catalogue(url):
        folder = fetch(entry.name, url, archive, progress=progress)
        for name in _DESCRIPTIONS:
            with suppress(SubmissionError):  # the service has none
                write_atomically(folder / name, service.ask("GET", f"/v1/pairs/{entry.name}/files/{name}").content)
