"""Storage of files under names, in a folder or in object storage: shards until they are assembled, and a service's uploads for good."""

from __future__ import annotations

import errno
import re
import secrets
import shutil
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from w1bench.errors import InputError, UnreachableError, missing_extra
from w1bench.storage.files import atomic_write, fsync

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PARTS_AT_ONCE = 4  # of 5 MB each
_SCHEMES = "s3a?|gs|azure?|adl|abfss?"


class Storage(Protocol):
    """Files by name, each of which is whole or absent; a storage is small enough to be sent to other machines."""

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write that takes `name` when the block ends without an error."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """A file for reading, or None if it is missing."""
        ...

    def holds(self, name: str) -> bool: ...

    def put(self, name: str, file: Path) -> None:
        """Store a complete local file under `name`, durably; the file may be moved there."""
        ...

    def local(self, name: str, scratch: Path) -> AbstractContextManager[Path]:
        """A local path of the file for the block: its own, or that of a copy in `scratch`; raises FileNotFoundError if it is missing."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        ...

    def is_empty(self) -> bool: ...

    def clear(self) -> None:
        """Remove every file."""
        ...


def storage_at(place: str) -> Storage:
    """A folder by its path, or object storage by a URL such as s3://bucket/prefix.

    Raises:
        InputError: the place is neither.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", place) and not re.match(rf"({_SCHEMES})://[^/]", place):
        raise InputError(f"{place} is not a place for files; give s3://bucket/prefix (or gs, az), or a folder's path.")
    return ObjectStorage(place) if "://" in place else Folder(Path(place).absolute())


@dataclass(frozen=True)
class Folder:
    """A folder of this machine, or of a file system that machines share."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @contextmanager
    def create(self, name: str) -> Generator[BinaryIO]:
        self.path.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path / name) as file:
            yield file

    def open(self, name: str) -> BinaryIO | None:
        try:
            return (self.path / name).open("rb")
        except FileNotFoundError:
            return None

    def holds(self, name: str) -> bool:
        return (self.path / name).exists()

    def put(self, name: str, file: Path) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fsync(file)
        try:
            file.replace(path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with file.open("rb") as source, atomic_write(path) as copy:
                shutil.copyfileobj(source, copy)
        for folder in (path.parent, self.path, self.path.parent):
            fsync(folder)

    @contextmanager
    def local(self, name: str, scratch: Path) -> Generator[Path]:
        if not self.holds(name):
            raise FileNotFoundError(errno.ENOENT, "there is no such file", str(self.path / name))
        yield self.path / name

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def is_empty(self) -> bool:
        return not self.path.exists() or next(self.path.iterdir(), None) is None

    def clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass(frozen=True)
class ObjectStorage:
    """The objects below a URL; credentials and endpoint come from the environment, as obstore reads it.

    Each method raises UnreachableError where the service does not answer or refuses.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    @contextmanager
    def create(self, name: str) -> Generator[BinaryIO]:
        file = BytesIO()
        yield file
        with self._reached() as objects:
            objects.put(name, file.getbuffer(), use_multipart=False)  # a killed upload leaves no parts behind

    def open(self, name: str) -> BinaryIO | None:
        with self._reached() as objects:
            try:
                return BytesIO(objects.get(name).bytes())
            except FileNotFoundError:
                return None

    def holds(self, name: str) -> bool:
        with self._reached() as objects:
            try:
                objects.head(name)
            except FileNotFoundError:
                return False
            return True

    def put(self, name: str, file: Path) -> None:
        with self._reached() as objects:
            objects.put(name, file, max_concurrency=_PARTS_AT_ONCE)

    @contextmanager
    def local(self, name: str, scratch: Path) -> Generator[Path]:
        copy = scratch / secrets.token_hex(16)
        try:
            if not self._download(name, copy):
                raise FileNotFoundError(errno.ENOENT, "there is no such object", f"{self.url}/{name}")
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        with self._reached() as objects:
            try:
                objects.delete(name)
            except FileNotFoundError:
                return

    def is_empty(self) -> bool:
        with self._reached() as objects:
            return next(iter(objects.list()), None) is None

    def clear(self) -> None:
        with self._reached() as objects:
            for page in objects.list():
                objects.delete([entry["path"] for entry in page])

    def _download(self, name: str, path: Path) -> bool:
        with self._reached() as objects:
            try:
                stored = objects.get(name)
            except FileNotFoundError:
                return False
            with path.open("xb") as file:
                for piece in stored.stream():
                    file.write(piece)
            return True

    @contextmanager
    def _reached(self) -> Generator[ObjectStore]:
        """The object store for the block, with its errors as ours."""
        try:
            from obstore.exceptions import BaseError
        except ImportError:
            raise missing_extra(f"{self.url} needs obstore", "s3") from None
        try:
            yield _object_store(self.url)
        except (BaseError, FileNotFoundError) as error:
            raise UnreachableError(
                f"{self.url} cannot be used ({str(error).splitlines()[0]}); give a bucket that exists, its credentials "
                "and, unless it is Amazon's, AWS_ENDPOINT_URL in the environment."
            ) from None


@lru_cache(maxsize=4)
def _object_store(url: str) -> ObjectStore:
    """The client for a URL: one for each process, so that connections are kept."""
    from obstore.store import from_url

    return from_url(url)
