"""The result of a benchmark: rows of results, and what they say of methods over families of pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from w1bench.trials.comparison import formats
from w1bench.trials.comparison.standings import Pairs, Standing, pairs_in, standings
from w1bench.trials.results import Row


@dataclass(frozen=True)
class Benchmark:
    """Rows of results and what they say of methods, as text, LaTeX, Markdown and comma-separated values."""

    rows: Sequence[Row]
    pairs: Pairs

    @cached_property
    def standings(self) -> list[Standing]:
        """The methods, the best first."""
        return standings(self.rows, self.pairs)

    def text(self) -> str:
        return formats.as_text(self.standings, self.pairs)

    def latex(self) -> str:
        return formats.as_latex(self.standings, self.pairs)

    def markdown(self) -> str:
        return formats.as_markdown(self.standings, self.pairs)

    def csv(self) -> str:
        return formats.as_csv(self.standings, self.pairs)

    def document(self) -> dict[str, object]:
        return formats.document(self.standings, self.pairs)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return (
            f"<Benchmark of {len(self.standings)} methods on {len(self.pairs.families)} pairs; print it for its table>"
        )


def compared(rows: Sequence[Row], families: Mapping[str, str] | None = None) -> Benchmark:
    """The comparison of rows of results, on all their pairs or on those of `families`."""
    return Benchmark(rows, pairs_in(rows, families))
