"""A job that builds a pair: a child process builds, and this one reports its progress and kills it when the job must end."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from w1bench.archive.drafts import discard_unfinished, is_published
from w1bench.recipes.recipe import Recipe, parse_recipe
from w1bench_server.jobs.job import CANCELLED, Ended, Job, Progress
from w1bench_server.settings import Settings

_PROGRAM = "from w1bench_server.worker.build_process import main; main()"
_LOOK_SECONDS = 0.5  # between two reports of progress


def build_pair(job: Job, settings: Settings, advance: Callable[[Progress], Job | None]) -> Ended | None:
    """Build the pair of a job; returns None if the building process died, or if the caller has lost the job.

    `advance` is called with the progress every half a second; it returns the job as it is now, or None to break off.
    """
    recipe = _recipe(job)
    deadline = time.monotonic() + settings.build_seconds
    while True:
        published = is_published(settings.archive, recipe)
        end = None if published else _must_end(job, deadline, settings)  # a published pair only needs to be listed
        if end:
            return end
        with _process(settings, job.document) as process:
            reports = _Reports(process)
            while process.poll() is None:
                current = advance(reports.progress)
                if current is None:
                    return None
                job = current
                if not published and _must_end(job, deadline, settings):
                    break  # it may have been published meanwhile
                reports.ended.wait(_LOOK_SECONDS)
            else:
                return reports.outcome(recipe)


def discard(job: Job, settings: Settings) -> None:
    """Remove the unfinished files of a build that failed or was cancelled."""
    discard_unfinished(settings.archive, _recipe(job))


def _recipe(job: Job) -> Recipe:
    return parse_recipe(json.loads(job.document), origin="the job")


def _must_end(job: Job, deadline: float, settings: Settings) -> Ended | None:
    if job.cancelling:
        return Ended("cancelled", CANCELLED)
    if shutil.disk_usage(settings.archive).free < settings.min_free_bytes:
        return Ended("failed", "The builder's disk is full; tell the operator.", again=True)
    if time.monotonic() > deadline:
        return Ended("failed", f"The build took longer than {settings.build_seconds:g} s; ask for a smaller pair.")
    return None


@contextmanager
def _process(settings: Settings, recipe: str) -> Generator[subprocess.Popen[bytes]]:
    """A building process, which ends with the block, and with this process."""
    task = {
        "recipe": recipe,
        "archive": str(settings.archive.absolute()),
        "ray_address": settings.ray_address,
        "nice": settings.build_nice,
    }
    command = [sys.executable, "-P", "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(BrokenPipeError):  # it died at once
                os.write(process.stdin.fileno(), json.dumps(task).encode() + b"\n")
            yield process
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """This process's variables without the service's own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("W1BENCH_")}


class _Reports:
    """What a building process has reported so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.progress, self.ended = Progress(), threading.Event()
        self._process, self._last = process, dict[str, Any]()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def outcome(self, recipe: Recipe) -> Ended | None:
        """How the build ended; None if the process died."""
        self._reader.join()
        if "again" not in self._last:
            return None
        if self._last["reason"] is None:
            return Ended("succeeded", result=recipe.name)
        return Ended("failed", self._last["reason"], again=self._last["again"])

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith(b"\n"):
                self._last = json.loads(line)
                if "done" in self._last:
                    self.progress = Progress(**self._last)
        self.ended.set()
