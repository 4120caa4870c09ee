"""The static twin: an archive's files, and every page with its boards, for any host that serves a folder, or none."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from w1bench.archive import catalogue as archives
from w1bench.archive.fetch import fetch
from w1bench.archive.manifest import Manifest
from w1bench.errors import InputError, PairError
from w1bench.site import views
from w1bench.site.board import sheets
from w1bench.site.board.choice import TRACKS, VIEWS, Choice
from w1bench.site.board.content import Content, Receipt
from w1bench.site.leaderboard import TrialRow, content_of, read_trials
from w1bench.site.links import TwinLinks, linked_back, slug
from w1bench.site.pages import STATIC, Site, render
from w1bench.storage.files import exclusive, keep_current
from w1bench.trials.results import numbered

MARK = ".w1bench-export"  # in a folder that was made here, and may be made again
_OURS = (
    "index.html",
    "board*.html",
    "pairs.html",
    "rounds.html",
    "methods/*.html",
    "users/*.html",
    "submissions/*.html",
    "v1/*",
    "v1/submissions/*",
    "leaderboard.*",
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Boards:
    """The boards that an export shows, and the receipts of their rows; without any, there are pages of pairs alone."""

    content: Content
    receipts: Sequence[Receipt]


def export(
    archive: Path,
    out: Path,
    *,
    results: Iterable[Path] = (),
    boards: Boards | None = None,
    address: str = "",
    docs: Path | None = None,
    progress: bool = False,
) -> list[Manifest]:
    """Bring the pairs of `archive`, its index, its pages and the built documentation to `out`, with `boards` or with those of `results`; returns the pairs.

    Data files are hard links where they can be, and every file is whole or not there. What an earlier export left is
    brought up to date; a pair that left the archive since stays, but is listed no more. `address` is that of a service, for commands on pages.

    Raises:
        PairError: the archive has no pairs; or `out` lies in it, or holds something else, or another process writes it.
        CheckFailedError: a file does not have its SHA-256.
        InputError: see `read_trials`; or `docs` holds no built documentation.
    """
    if out.resolve().is_relative_to(archive.resolve()):
        raise PairError(f"{out} lies in the archive {archive}; export to a folder outside it.")
    pairs = archives.manifests(archive)
    if not pairs:
        raise PairError(f"{archive} has no pairs to export; build one first (w1bench build hd-d2-n4-p8).")
    if docs is not None and not (docs / "index.html").is_file():
        raise InputError(f"{docs} has no index.html; build the documentation (make docs), or leave --docs out.")
    manifests = {m.name: m for m in sorted(pairs.values(), key=lambda manifest: numbered(manifest.name))}
    shown = boards or Boards(*content_of(_of_pairs(read_trials(results), manifests), manifests))
    with _opened(out):
        files: dict[str, dict[str, archives.Listed]] = {}
        for folder, manifest in tqdm(pairs.items(), desc="export", unit="pair", disable=None if progress else True):
            files[manifest.name] = _bring(folder, manifest, out)
        written = set[Path]()
        for name, content in _files(shown, files, address, docs is not None):
            keep_current(out / name, content.encode() if isinstance(content, str) else content)
            written.add(out / name)
        for name, content in archives.index(pairs).items():
            keep_current(out / name, content)
        for stale in {path for pattern in _OURS for path in out.glob(pattern) if path.is_file()} - written:
            stale.unlink()
        if docs is not None:
            _put_docs(out / "docs", docs)
    return list(pairs.values())


def _files(
    boards: Boards, files: Mapping[str, Mapping[str, archives.Listed]], address: str, has_docs: bool
) -> Iterator[tuple[str, str | bytes]]:
    """The pages and what they need, by their names."""
    content = boards.content
    at_root, below = (
        Site(TwinLinks(root), address, f"{root}docs/index.html" if has_docs else None) for root in ("", "../")
    )
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        yield f"static/{path.relative_to(STATIC).as_posix()}", path.read_bytes()
    yield "index.html", render("home.html", at_root, views.home(content, address))
    yield "pairs.html", render("pairs.html", at_root, views.pairs(content))
    yield "rounds.html", render("rounds.html", at_root, views.rounds(content))
    for choice in _choices(content):
        yield (
            at_root.link.choice(choice.query()),
            render("board.html", at_root, views.board(content, choice, all_rows=True)),
        )
    for name, manifest in content.manifests.items():
        context = views.pair(content, manifest, files[name], address, all_rows=True)
        yield f"{name}/index.html", render("pair.html", below, context)
    for key in sorted({row.key for row in content.rows}):
        yield f"methods/{slug(*key)}.html", render("method.html", below, views.method(content, *key) or {})
    for user in sorted({row.user for row in content.rows} | {one.user for one in content.retracted}):
        yield f"users/{slug(user)}.html", render("method.html", below, views.user(content, user) or {})
    for receipt in boards.receipts:
        row, document = receipt.row, receipt.document
        context = views.submission(
            content,
            row,
            receipt.card,
            retraction=receipt.retraction,
            entry=document if "sha256" in document else None,
            findings=receipt.findings,
        )
        yield f"submissions/{row.id}.html", render("submission.html", below, context)
        yield f"v1/submissions/{row.id}", _json(document)
    board = sheets.leaderboard(content.boards, content.retracted)
    yield "v1/leaderboard", _json(board)
    yield "leaderboard.csv", sheets.written(sheets.of_rows(content.rows), "csv")


def _choices(content: Content) -> Iterator[Choice]:
    """The boards that are files: each view of each track, of all families and of each one."""
    for track in TRACKS:
        families = sorted(
            {manifest.family for name, manifest in content.manifests.items() if content.tracks[name] == track}
        )
        yield from (Choice(track, view, family) for family in (None, *families) for view in VIEWS)


@contextmanager
def _opened(out: Path) -> Generator[None]:
    """The folder, for this process alone, if it is new, empty, or an export."""
    mark = out / MARK
    out.mkdir(parents=True, exist_ok=True)
    if mark.is_symlink() or (not mark.exists() and any(out.iterdir())):
        raise PairError(f"{out} holds something that is no export; give an empty folder, or one that was exported to.")
    with exclusive(mark, PairError(f"Another process exports to {out}; wait for it to end.")):
        for stale in out.glob("**/.*.tmp"):  # of a process that was killed
            stale.unlink()
        yield


def _bring(folder: Path, manifest: Manifest, out: Path) -> dict[str, archives.Listed]:
    """Bring a pair's files; returns them by name."""
    if (out / folder.name).is_symlink():
        raise PairError(
            f"{out / folder.name} leads elsewhere; remove that link, for an export writes into {out} alone."
        )
    files = archives.listed(folder, manifest)
    fetch(manifest.name, str(folder.parent), out, link=True)
    for name in files.keys() - manifest.files.keys():
        keep_current(out / folder.name / name, (folder / name).read_bytes())
    (out / f".{folder.name}.lock").unlink(missing_ok=True)  # fetch's; the export has its own
    return files


def _of_pairs(trials: Iterable[TrialRow], manifests: Mapping[str, Manifest]) -> list[TrialRow]:
    """The trials of the pairs' own recipes; the last bits of a pair, and its digest, may be another machine's."""
    current = {name: manifest.recipe_sha256 for name, manifest in manifests.items()}
    rows = list(trials)
    for pair, count in Counter(row.pair for row in rows if current.get(row.pair) != row.recipe_sha256).items():
        _log.warning("%d rows on %s are left out: the archive has no such pair of their recipe.", count, pair)
    return [row for row in rows if current.get(row.pair) == row.recipe_sha256]


def _json(document: object) -> str:
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def _put_docs(out: Path, docs: Path) -> None:
    """Copy the built documentation; what an earlier export had besides goes."""
    wanted = {path.relative_to(docs): path for path in sorted(docs.rglob("*")) if path.is_file()}
    for stale in (path for path in out.rglob("*") if path.is_file() and path.relative_to(out) not in wanted):
        stale.unlink()
    for name, path in wanted.items():
        content = path.read_bytes()
        keep_current(out / name, linked_back(content, "/index.html") if path.suffix == ".html" else content)
