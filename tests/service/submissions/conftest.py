"""A sealed pair that a test may reveal or damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.recipes import Sealed


@pytest.fixture
def made(sealed_pair: Sealed, tmp_path: Path) -> Sealed:
    return sealed_pair.copied(tmp_path / "round")
