"""What is held against the sandbox is its very processes."""

from __future__ import annotations

import pytest


@pytest.fixture
def scoring_processes() -> None:
    """Each service starts its own."""
