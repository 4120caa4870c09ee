"""Suites: named lists of pairs that methods are compared on."""

from collections.abc import Sequence
from pathlib import Path

from w1bench.client.api import load
from w1bench.client.stored_pair import StoredPair
from w1bench.errors import InputError, PairError
from w1bench.recipes.families import CORE

SUITES: dict[str, tuple[str, ...]] = {
    # Low dimensions: a first look, in a minute.
    "quick": ("ball-d2-p8", "hd-d2-n4-p8", "product-d4", "smooth-d2", "spiked-d16-k2"),
    # One pair of each family, two of which are controls.
    "core": CORE,
    # The sizes of the paper's tables in high dimensions.
    "published": tuple(f"hd-d{dim}-n{count}-p8" for dim in (2, 4, 8, 16, 32, 64, 128) for count in (4, 16, 64, 256)),
    # Pictures, of 64 to 3,072 dimensions.
    "images": (
        "blur32-photos", "blur8-digits", "contrast32-photos", "digits8-n16-shared", "grey32-photos", "late32-photos-e10",
        "patches32-n16-p100", "photos32-n16-p100", "photos32-n16-shared",
    ),
}  # fmt: skip
Suite = str | Path | StoredPair | Sequence[str | Path | StoredPair]


def suite_named(name: str) -> tuple[str, ...]:
    """The names of a suite's pairs.

    Raises:
        InputError: there is no such suite.
    """
    if name not in SUITES:
        raise InputError(f"There is no suite {name!r}; there are: {', '.join(SUITES)}.")
    return SUITES[name]


def pairs_of(suite: Suite) -> list[StoredPair]:
    """The pairs of a suite: its name, or pairs, their names or folders; each once.

    Raises:
        PairError: pairs are not here, and cannot be fetched.
    """
    if isinstance(suite, str):
        suite = SUITES.get(suite, (suite,))
    elif isinstance(suite, Path | StoredPair):
        suite = (suite,)
    opened: dict[str, StoredPair] = {}
    missing: dict[str, PairError] = {}
    for pair in suite:
        try:
            found = pair if isinstance(pair, StoredPair) else load(pair)
            opened[found.name] = found
        except PairError as error:
            missing[str(pair)] = error
    if len(missing) > 1:
        builds = "; ".join(f"w1bench build {name}" for name in missing)
        raise PairError(
            f"There are no pairs {', '.join(missing)} here; build them ({builds}), or set W1BENCH_ARCHIVE to an archive's URL "
            "to fetch them from."
        )
    for error in missing.values():
        raise error
    if not opened:
        raise InputError(f"A suite came without a pair; give pairs, or one of {', '.join(SUITES)}.")
    return list(opened.values())
