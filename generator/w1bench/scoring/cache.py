"""A store of what was computed last, of at most so many bytes; threads may share it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Values by their keys, `bytes` of at most `most_bytes`; those that were not used for longest go first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self.bytes = most_bytes, 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K, make: Callable[[], V], size: Callable[[V], int]) -> V:
        """The value of a key, made where it is not kept; one that is larger than the whole store is never kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key][0]
        value = make()
        taken = size(value)
        with self._lock:
            if key not in self._values and taken <= self._most_bytes:  # another thread may have made it meanwhile
                self._values[key] = value, taken
                self.bytes += taken
            while self.bytes > self._most_bytes:
                _, (_, freed) = self._values.popitem(last=False)
                self.bytes -= freed
        return value
