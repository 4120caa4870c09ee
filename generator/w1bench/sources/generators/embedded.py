"""Embedded."""

from __future__ import annotations

from pathlib import Path

EMBEDDED = Path(__file__).parent / "weights"  # image generators that come with the package
