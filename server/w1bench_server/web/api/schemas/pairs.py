"""The schemas of pairs."""

from w1bench.recipes.recipe import Family
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.web.api.schemas.base import Part


class PairEntry(Part):
    """A pair in the list; scores refer to `digest`. Of a sealed pair, W1 and the number of funnels are null until it is revealed.

    Families without funnels have none and no power; `w1_exact` is W1 by a quadrature, of pairs whose `w1` is an average over rays.
    """

    name: str
    version: int
    track: str
    shape: list[int]
    dim: int
    family: Family
    funnels: int | None
    power: float | None
    w1: float | None
    w1_stderr: float | None
    w1_exact: float | None
    sizes: dict[str, int]
    bytes: int
    sealed: bool
    revealed: bool
    digest: str


class PairPage(Part):
    """A page of the list; `next` is the cursor of the following one."""

    pairs: list[PairEntry]
    next: str | None


class CertifiedFigure(Part):
    """A figure of the certificate: it holds when `value` is at most `limit`."""

    name: str
    value: float
    limit: float
    meaning: str
    holds: bool


class Certificate(Part):
    """The proofs of a pair, as computed when it was built; `w1bench verify` computes them again."""

    pair: str
    pair_digest: str
    figures: list[CertifiedFigure]


def certificate(pair: PublishedPair) -> Certificate:
    """The certificate of a pair."""
    figures = [CertifiedFigure.of(figure) for figure in pair.manifest.certificate]
    return Certificate(pair=pair.name, pair_digest=pair.digest, figures=figures)
