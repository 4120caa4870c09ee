"""Storage: where shards lie until they are assembled, a folder or object storage. What lies there is whole, or not there."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from w1bench.durable import replacing
from w1bench.errors import MissingExtraError, UnreachableError

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class Storage(Protocol):
    """Named files, each written at once; small enough to be sent to other machines."""

    def create(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write that takes `name` when the block ends without an error."""
        ...

    def open(self, name: str) -> BinaryIO | None:
        """A file for reading, or None where it is not there."""
        ...

    def holds(self, name: str) -> bool: ...

    def is_empty(self) -> bool: ...

    def clear(self) -> None:
        """Remove every file."""
        ...


def storage_at(place: str) -> Storage:
    """A folder by its path, or object storage by a URL such as s3://bucket/prefix."""
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
        with replacing(self.path / name) as file:
            yield file

    def open(self, name: str) -> BinaryIO | None:
        try:
            return (self.path / name).open("rb")
        except FileNotFoundError:
            return None

    def holds(self, name: str) -> bool:
        return (self.path / name).exists()

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

    def is_empty(self) -> bool:
        with self._reached() as objects:
            return next(iter(objects.list()), None) is None

    def clear(self) -> None:
        with self._reached() as objects:
            for found in objects.list():
                objects.delete([entry["path"] for entry in found])

    @contextmanager
    def _reached(self) -> Generator[ObjectStore]:
        """The object store, its errors as sentences."""
        try:
            from obstore.exceptions import BaseError
        except ImportError:
            raise MissingExtraError(
                f"{self.url} needs obstore; install w1bench with its extra `s3` (in a checkout: pip install '.[s3]')."
            ) from None
        try:
            yield _object_store(self.url)
        except (BaseError, FileNotFoundError) as error:
            raise UnreachableError(
                f"{self.url} cannot be used ({str(error).splitlines()[0]}); give a bucket that exists, its credentials "
                "and, unless it is Amazon's, AWS_ENDPOINT_URL in the environment."
            ) from None


@lru_cache(maxsize=4)
def _object_store(url: str) -> ObjectStore:
    """One client a process for a URL: it keeps its connections."""
    from obstore.store import from_url

    return from_url(url)
