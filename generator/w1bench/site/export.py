"""The export of an archive as a static site: files, index, leaderboard and pages, for any host that serves a folder."""

import json
import logging
from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from w1bench.archive import catalogue as archives
from w1bench.archive.fetch import fetch
from w1bench.archive.manifest import Manifest
from w1bench.errors import InputError, PairError
from w1bench.scoring.metrics import HEADLINE
from w1bench.site import pages
from w1bench.site.leaderboard import BoardRow, TrialRow, as_csv, rank, read_trials
from w1bench.storage.files import exclusive, write_atomically

MARK = ".w1bench-export"  # in a folder that was made here, and may be made again
_BOARD = ("leaderboard.html", "leaderboard.json", "leaderboard.csv")
_log = logging.getLogger(__name__)


def export(
    archive: Path, out: Path, *, results: Iterable[Path] = (), docs: Path | None = None, progress: bool = False
) -> list[Manifest]:
    """Bring the pairs of `archive`, its index, its pages, a leaderboard of `results` and the built documentation to `out`; returns the pairs.

    Data files are hard links where they can be, and every file is whole or not there. What an earlier export left is
    brought up to date; a pair that left the archive since stays, but is listed no more.

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
    boards = rank(_of_pairs(read_trials(results), pairs))
    with _opened(out):
        for folder, manifest in tqdm(pairs.items(), desc="export", unit="pair", disable=None if progress else True):
            files = _bring(folder, manifest, out)
            _put(out / folder.name / "index.html", pages.pair_page(manifest, files, board=bool(boards)))
        _put(out / "style.css", pages.style())
        _put(out / "index.html", pages.catalogue_page(list(pairs.values()), board=bool(boards)))
        _put_board(out, boards)
        for name, content in archives.index(pairs).items():
            _put(out / name, content)
        if docs is not None:
            _put_docs(out / "docs", docs)
    return list(pairs.values())


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
        _put(out / folder.name / name, (folder / name).read_bytes())
    (out / f".{folder.name}.lock").unlink(missing_ok=True)  # fetch's; the export has its own
    return files


def _of_pairs(trials: Iterable[TrialRow], pairs: Mapping[Path, Manifest]) -> list[TrialRow]:
    """The trials of the pairs' own recipes; the last bits of a pair, and its digest, may be another machine's."""
    current = {manifest.name: manifest.recipe_sha256 for manifest in pairs.values()}
    rows = list(trials)
    for pair, count in Counter(row.pair for row in rows if current.get(row.pair) != row.recipe_sha256).items():
        _log.warning("%d rows on %s are left out: the archive has no such pair of their recipe.", count, pair)
    return [row for row in rows if current.get(row.pair) == row.recipe_sha256]


def _put_board(out: Path, boards: Mapping[str, list[BoardRow]]) -> None:
    if not boards:
        for name in _BOARD:
            (out / name).unlink(missing_ok=True)
        return
    rows = [row.document() for board in boards.values() for row in board]
    document = json.dumps({"metric": HEADLINE, "rows": rows}, indent=1, allow_nan=False) + "\n"
    for name, content in zip(_BOARD, (pages.leaderboard_page(boards), document, as_csv(boards)), strict=True):
        _put(out / name, content)


def _put_docs(out: Path, docs: Path) -> None:
    """Copy the built documentation; what an earlier export had besides goes."""
    wanted = {path.relative_to(docs): path for path in sorted(docs.rglob("*")) if path.is_file()}
    for stale in (path for path in out.rglob("*") if path.is_file() and path.relative_to(out) not in wanted):
        stale.unlink()
    for name, path in wanted.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        _put(out / name, path.read_bytes())


def _put(path: Path, content: str | bytes) -> None:
    """Write a file at once, unless it is there already."""
    wanted = content.encode() if isinstance(content, str) else content
    if path.is_symlink() or not path.is_file() or path.read_bytes() != wanted:
        write_atomically(path, wanted)
