"""The exception tree: every error is a sentence that says what came, what was needed and what to do.

```
W1BenchError                 code  what is wrong
├── InputError                 2   something that was handed in
│   ├── RecipeError            2     a recipe, or a name that is not a recipe's
│   ├── FunnelError            2     centres and offsets that do not make a MinFunnel
│   ├── SourceError            2     pictures or draws that a source cannot give
│   ├── PairError              2     a pair folder that is missing, unfinished or already there
│   └── SubmissionError        2     an upload that cannot be scored
├── MissingExtraError          2   an optional dependency that is not installed
├── CheckFailedError           1   a certificate, digest or checksum that does not hold
└── UnreachableError           3   a server or archive that does not answer
```
"""

from __future__ import annotations


def unreachable(origin: str, error: Exception) -> UnreachableError:
    """The error for an origin that does not answer."""
    reason = str(error) or type(error).__name__
    return UnreachableError(f"{origin} does not answer ({reason}); check the address, or that the service runs.")


def missing_extra(what: str, extra: str) -> MissingExtraError:
    """The error for what an extra of w1bench would bring; `what` says who needs it."""
    return MissingExtraError(
        f"{what}; install w1bench with its extra `{extra}` (in a checkout: pip install '.[{extra}]')."
    )


class W1BenchError(Exception):
    """Any error of this library; `code` is the exit status of the command line."""

    code = 2


class InputError(W1BenchError):
    """Something that was handed in does not fit."""


class RecipeError(InputError):
    """A recipe that does not determine a pair."""


class FunnelError(InputError):
    """Centres and offsets that do not make a MinFunnel."""


class SourceError(InputError):
    """Pictures or draws that a source cannot give."""


class PairError(InputError):
    """A pair folder that is missing, unfinished or already there."""


class SubmissionError(InputError):
    """A submission that cannot be scored."""


class DivergedError(SubmissionError):
    """A critic's values are not finite any more."""


class MissingExtraError(W1BenchError):
    """An optional dependency is not installed."""


class CheckFailedError(W1BenchError):
    """A certificate, digest or checksum does not hold."""

    code = 1


class UnreachableError(W1BenchError):
    """A server or archive does not answer."""

    code = 3
