"""The image generators that come with the package; this module needs no torch."""

from __future__ import annotations

from pathlib import Path

EMBEDDED = Path(__file__).parent / "weights"  # image generators that come with the package
