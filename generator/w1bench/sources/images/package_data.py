"""The folders of installed packages that carry pictures."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from w1bench.errors import MissingExtraError


def folder_of(module: str, distribution: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"These pictures come with {distribution}, which is not installed; install w1bench with its extra `torch` (in a checkout: pip install '.[torch]')."
        )
    return Path(spec.origin).parent
