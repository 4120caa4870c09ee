"""Downloads of pairs from a static archive, a folder or the service to the cache; resumable, checksummed, atomic."""

import re
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import httpx2
from tqdm import tqdm

from w1bench.archive.catalogue import CATALOGUE, Entry
from w1bench.archive.commitment import REVEAL, Reveal, parse_reveal, read_reveal, revealed
from w1bench.archive.folder import DIAGNOSTICS
from w1bench.archive.manifest import FILENAME, FileEntry, Manifest, parse_manifest, read_published_manifest
from w1bench.errors import CheckFailedError, PairError, UnreachableError, unreachable
from w1bench.recipes.fields import NAME_PATTERN
from w1bench.storage.files import file_digest, keep_current, write_atomically


def is_url(place: str) -> bool:
    """Whether a place is on the network rather than in the file system."""
    return place.startswith(("http://", "https://"))


TIMEOUT = httpx2.Timeout(30.0)
_IDENTITY = {"Accept-Encoding": "identity"}  # bytes as they are stored, so that a range means a range of them


def fetch(
    name: str,
    origin: str,
    cache: Path,
    *,
    only: Iterable[str] | None = None,
    link: bool = False,
    progress: bool = False,
) -> Path:
    """Bring pair `name` from `origin` (a folder or URL) to `cache`/NAME and return that folder.

    Files that are there and intact are not fetched again; a partial download is continued. `only` names roles, e.g. ["test"].
    `link` takes hard links to a folder's files, where the file system has them.

    Raises:
        PairError: the origin has no such pair, or `only` names no file of it.
        CheckFailedError: what came does not have the manifest's SHA-256.
        UnreachableError: the origin does not answer, or broke off; run it again to continue.
    """
    check_name(name)
    folder = cache / name
    if not is_url(origin):
        source = Path(origin) / name
        if "://" in origin or not source.is_dir():
            raise PairError(
                f"There is no {name} in {origin}; give --from an archive's folder or its https:// address that has it."
            )
        manifest = _of_name(read_published_manifest(source), name)
        reveal = read_reveal(source, manifest) if manifest.sealed and (source / REVEAL).is_file() else None
        known = (source / DIAGNOSTICS).is_file() and (reveal or not manifest.sealed)
        record = (source / DIAGNOSTICS).read_bytes() if known else None
        with _filling(folder, manifest, reveal, record, only) as missing:
            for file, entry in missing.items():
                _copy(source / file, folder / file, entry, link=link)
        return folder
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        base, manifest = remote_manifest(client, origin, name)
        content = _beside(client, f"{base}/{REVEAL}") if manifest.sealed else None
        reveal = None if content is None else parse_reveal(content, manifest, origin=f"{base}/{REVEAL}")
        record = _beside(client, f"{base}/{DIAGNOSTICS}") if reveal or not manifest.sealed else None
        with _filling(folder, manifest, reveal, record, only) as missing:
            for file, entry in missing.items():
                _download(client, f"{base}/{file}", folder / file, entry, progress=progress)
    return folder


@contextmanager
def _filling(
    folder: Path, manifest: Manifest, reveal: Reveal | None, record: bytes | None, only: Iterable[str] | None
) -> Generator[dict[str, FileEntry]]:
    """The wanted files that `folder` lacks; other processes wait until the block has added them, and the manifest is written last.

    `record` is the content of the pair's diagnostics.json.
    """
    wanted = _wanted(revealed(manifest, reveal) if reveal else manifest, only)
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.parent / f".{folder.name}.lock"):
        if _differs(folder, manifest):
            (folder / FILENAME).unlink()  # until the files are those of the new one
            (folder / REVEAL).unlink(missing_ok=True)
            (folder / DIAGNOSTICS).unlink(missing_ok=True)
        yield {file: entry for file, entry in wanted.items() if not _whole(folder / file, entry)}
        _finish(folder, manifest, reveal, record)


def _differs(folder: Path, manifest: Manifest) -> bool:
    """Whether another pair was fetched into the folder before."""
    path = folder / FILENAME
    return path.exists() and path.read_text(encoding="utf-8") != manifest.text()


def _of_name(manifest: Manifest, name: str) -> Manifest:
    if manifest.name != name:
        raise CheckFailedError(f"The manifest under {name} is that of {manifest.name}; fetch it from another archive.")
    return manifest


def check_name(name: str) -> None:
    """Raise PairError unless `name` can be a pair's name."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise PairError(f"{name!r} is not a pair's name; names look like hd-d16-n64-p8 (`w1bench list` shows them).")


def remote_manifest(client: httpx2.Client, origin: str, name: str) -> tuple[str, Manifest]:
    """Where a pair's files are below `origin`, a static archive or the service, and its manifest."""
    for base in (f"{origin.rstrip('/')}/{name}", f"{origin.rstrip('/')}/v1/pairs/{name}/files"):
        try:
            answer = client.get(f"{base}/{FILENAME}")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise unreachable(origin, error) from None
        if answer.is_success:
            return base, _of_name(parse_manifest(answer.content, origin=f"{base}/{FILENAME}"), name)
        if answer.status_code not in (404, 405):
            raise UnreachableError(f"{origin} answered {answer.status_code}; check the address, or try again later.")
    raise PairError(f"{origin} has no pair {name}; `w1bench list --archive {origin}` shows those it has.")


def _beside(client: httpx2.Client, url: str) -> bytes | None:
    """A small file beside a pair's manifest; None where there is none."""
    try:
        answer = client.get(url)
    except httpx2.HTTPError as error:
        raise unreachable(url, error) from None
    if answer.status_code == 404:
        return None
    if not answer.is_success:
        raise UnreachableError(f"{url} answered {answer.status_code}; try again later.")
    return answer.content


def _wanted(manifest: Manifest, only: Iterable[str] | None) -> dict[str, FileEntry]:
    if only is None:
        return manifest.files
    names = [role if role.endswith(".h5") else f"{role}.h5" for role in only]
    for name in names:
        if name not in manifest.files:
            raise PairError(f"{manifest.name} has no file {name}; it has {', '.join(manifest.files)}.")
    return {name: manifest.files[name] for name in names}


def _whole(path: Path, entry: FileEntry) -> bool:
    return path.is_file() and path.stat().st_size == entry.bytes and file_digest(path) == entry.sha256


def _copy(source: Path, path: Path, entry: FileEntry, *, link: bool) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)  # it may be a link to a file of another folder, which must not be written into
    try:
        if not (link and _linked(source, partial)):
            shutil.copyfile(source, partial)
    except OSError as error:
        if error.filename != str(source):
            raise  # the trouble is with the cache
        raise PairError(f"{source} cannot be read ({error.strerror}); fetch from another archive.") from None
    _accept(partial, path, entry, str(source))


def _linked(source: Path, path: Path) -> bool:
    """Make `path` a hard link to `source`; returns False if the file system does not allow it."""
    try:
        path.hardlink_to(source.resolve())
    except OSError:
        return False
    return True


def _download(client: httpx2.Client, url: str, path: Path, entry: FileEntry, *, progress: bool) -> None:
    partial = path.with_name(f".{path.name}.{entry.sha256[:12]}.part")
    have = partial.stat().st_size if partial.exists() else 0
    if have >= entry.bytes:
        have = 0
        partial.unlink()
    try:
        with client.stream("GET", url, headers=_IDENTITY | ({"Range": f"bytes={have}-"} if have else {})) as answer:
            if answer.status_code not in (200, 206):
                raise UnreachableError(f"{url} answered {answer.status_code}; try again later.")
            mode = "ab" if answer.status_code == 206 else "wb"
            with partial.open(mode) as file, tqdm(
                desc=path.name, total=entry.bytes, initial=file.tell(), unit="B", unit_scale=True, leave=False,
                disable=None if progress else True,
            ) as bar:  # fmt: skip
                for piece in answer.iter_raw():
                    file.write(piece)
                    bar.update(len(piece))
                    if file.tell() > entry.bytes:
                        break
    except httpx2.HTTPError as error:
        have = partial.stat().st_size if partial.exists() else 0
        raise UnreachableError(
            f"{url} broke off after {have} of {entry.bytes} bytes ({type(error).__name__}); run the same command again "
            "to continue."
        ) from None
    _accept(partial, path, entry, url)


def _accept(partial: Path, path: Path, entry: FileEntry, origin: str) -> None:
    """Give a partial file its name if it is intact, and remove it if it is not."""
    digest = file_digest(partial)
    if digest == entry.sha256:
        partial.replace(path)
        return
    size = partial.stat().st_size
    partial.unlink()
    raise CheckFailedError(
        f"{origin} gave {size} bytes with SHA-256 {digest}, the manifest needs {entry.bytes} with {entry.sha256}; "
        "the copy was removed. Fetch it again, or from another archive."
    )


def _finish(folder: Path, manifest: Manifest, reveal: Reveal | None, record: bytes | None) -> None:
    """Write the manifest last, so that a folder with a manifest is complete, and remove partial files of other versions."""
    if reveal:
        keep_current(folder / REVEAL, reveal.text().encode())
    if record is not None:
        keep_current(folder / DIAGNOSTICS, record)
    write_atomically(folder / FILENAME, manifest.text().encode())
    for stale in folder.glob(".*.part"):
        stale.unlink()


def remote_catalogue(origin: str) -> list[Entry]:
    """The pairs of a static archive or of the service at a URL.

    Raises:
        UnreachableError: the URL does not answer.
        PairError: there is neither an archive nor the service.
    """
    with httpx2.Client(timeout=TIMEOUT, follow_redirects=True) as client:
        try:
            static = client.get(f"{origin.rstrip('/')}/{CATALOGUE}")
            if static.is_success:
                return [Entry.model_validate(value) for value in static.json()["pairs"]]
            return [Entry.model_validate(value) for value in _pages(client, f"{origin.rstrip('/')}/v1/pairs")]
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise unreachable(origin, error) from None
        except (ValueError, KeyError, TypeError):
            raise PairError(f"{origin} is neither an archive with a {CATALOGUE} nor a w1bench service.") from None


def _pages(client: httpx2.Client, url: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        answer = client.get(url, params={"cursor": cursor} if cursor else {})
        if answer.status_code >= 500:
            raise UnreachableError(f"{url} answered {answer.status_code}; try again later.")
        page = answer.json()
        yield from page["pairs"]
        cursor = page["next"]
        if cursor is None:
            return
