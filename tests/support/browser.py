"""The Chromium of the tests that look at pages; they skip where none is installed."""

from __future__ import annotations

import shutil

import pytest

# The headless shell first: the same engine without windows of its own, which take a second of processor time a page.
_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str:
    """The program's path."""
    path = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if path is None:
        pytest.skip("no Chromium is installed (apt-get install chromium-headless-shell, or chromium)")
    return path
