"""Names of methods: which of them look the same, and the user that each belongs to."""

import unicodedata
from functools import lru_cache

_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l"})


@lru_cache(1 << 14)
def appearance(method: str) -> str:
    """The same for names that a reader takes for each other: without case and blanks, and with one character for those that look alike."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", method).casefold())
    return "".join(folded.split()).translate(_ALIKE)
