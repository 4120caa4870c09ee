"""The ends of sealed rounds: which published pairs were revealed, noted in the ledger, after which nothing is recorded on them."""

from sqlalchemy import Connection

from w1bench.archive.manifest import PairState
from w1bench.errors import SubmissionError
from w1bench_server.ledger.ledger import Ledger, check_round
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs


def record_reveals(ledger: Ledger, pairs: PublishedPairs) -> None:
    """Record the reveals of all published pairs that are not recorded yet."""
    for pair in pairs.all():
        record_reveal(ledger, pair)


def record_reveal(ledger: Ledger, pair: PublishedPair) -> None:
    """Record the reveal of a pair, if it was revealed and that is not recorded yet."""
    if pair.manifest.state is PairState.REVEALED:
        ledger.record_reveal(pair.name, pair.digest)


def check_unchanged(connection: Connection, pairs: PublishedPairs, pair: PublishedPair) -> None:
    """Check, in the transaction that would record a submission, that its pair still is as it was when the submission came.

    Raises:
        SubmissionError: the pair was revealed or built anew meanwhile.
        NotPublishedError: the pair is no longer published.
    """
    check_round(connection, pair.digest)
    current = pairs.get(pair.name)
    if (current.digest, current.manifest.state) != (pair.digest, pair.manifest.state):
        raise SubmissionError(
            f"The pair {pair.name} was revealed or built anew while this was under way; look at it again."
        )
