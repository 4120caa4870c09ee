"""Memory: the most that a work takes beyond what was there before it, looked at in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil

_SAMPLE_EVERY = 5e-4  # seconds between looks at the resident memory


def extra_memory(prepare: Callable[..., Callable[[], object]], *args: object) -> int:
    """Bytes that the work made by `prepare(*args)` takes at most; `prepare` may warm up, which is not counted."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_watch, prepare, *args).result()


def _watch(prepare: Callable[..., Callable[[], object]], *args: object) -> int:
    work, process, ended = prepare(*args), psutil.Process(), threading.Event()
    before = process.memory_info().rss
    peak = before + 1

    def look() -> None:
        nonlocal peak
        while not ended.wait(_SAMPLE_EVERY):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=look)
    watcher.start()
    work()
    ended.set()
    watcher.join()
    return max(peak, process.memory_info().rss) - before
