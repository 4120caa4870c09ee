"""JSON documents: their canonical text, and what is wrong with one."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError


def canonical(values: Any) -> str:
    """JSON with sorted keys and no spaces."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def fault(error: ValidationError, document: str = "the document") -> str:
    """The first thing that is wrong with a document, as `where: what`."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or document}: {first['msg']}"
