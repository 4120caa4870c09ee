"""Ranking: the boards as a pure function of the ledger's records.

A board belongs to one pair as it is now: a pair that was built again under its old name (another digest) starts with an empty one.
Methods rank by a metric of their gradients, cos or l2; those that differ by noise alone share a rank (see `comparison`).
Of a user's submissions of one method the newest counts, so that many tries are worth no more than one; with it count those of other seeds that say
the same of themselves, and the row is their mean. A rank is one more than the number of
users who are better by their best row, so that many names of one user push nobody down; each reference method counts like a user.
Metrics of the values alone (dev and the W1 estimates) never rank, because a bad gradient can have them right by chance: rows
sorted by such a metric keep their rank by cos. Retracted submissions do not rank, nor do those that hold the stored truth itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from statistics import fmean
from types import MappingProxyType

from w1bench.scoring.metrics import HEADLINE, METRICS, RANKING
from w1bench.scoring.scorecard import Interval, Scorecard
from w1bench_server.ledger.records import REFERENCE_USER, Record, Score

Metrics = Mapping[str, Interval | None]
Scores = tuple[Score, ...]  # of a method, one of each seed
Ties = Callable[[Scores, Scores, str], bool]  # whether two methods differ in a metric by noise alone
Combine = Callable[[Scores], Metrics]  # a method's metrics from the scores of its seeds


@dataclass(frozen=True)
class Standing:
    """A row of a board, without a rank where it lacks the metric; `tied` where it differs from its group's best by noise alone.

    `records` are those of its seeds, the newest last, `metrics` their mean; `tries` counts the submissions of its method and user to the pair, these
    included.
    """

    rank: int | None
    records: tuple[Record, ...]
    metrics: Metrics
    tries: int
    tied: bool = False

    @property
    def record(self) -> Record:
        """The newest."""
        return self.records[-1]

    @property
    def card(self) -> Scorecard:
        """The newest record's."""
        return self.record.score.card

    @property
    def pair(self) -> str:
        return self.record.entry.pair

    @property
    def scores(self) -> Scores:
        return tuple(record.score for record in self.records)

    @property
    def is_truth(self) -> bool:
        """Whether the newest holds the stored truth, to rounding."""
        return self.card.truth

    @property
    def method(self) -> tuple[str, str]:
        """The method and its user."""
        return _method(self.record)


@dataclass(frozen=True)
class Average:
    """A method's mean rank over the pairs that it entered, and its mean skill over families, each the mean over its pairs; the worst one beside it.

    A method that entered fewer pairs than there are has no rank. Controls, which a trivial critic solves, count in no mean.
    """

    rank: int | None
    method: str
    user: str
    mean_rank: float
    pairs: int
    skill: float | None = None
    families: int = 0
    worst_family: str | None = None
    worst_skill: float | None = None


def board(records: Sequence[Record], metric: str, tied: Ties, combine: Combine) -> list[Standing]:
    """The board of one pair, best first: the newest record of each method and user, with its other seeds; ties share a rank.

    `records` are all of the pair, in the ledger's order.
    """
    current = records[-1].entry.pair_digest
    standing: dict[tuple[str, str], list[Record]] = {}
    tries = Counter[tuple[str, str]]()
    for record in records:
        if record.entry.pair_digest == current:
            tries[_method(record)] += 1
            if record.retraction is None:
                standing.setdefault(_method(record), []).append(record)
    rows = {method: _seeds(of_method) for method, of_method in standing.items()}
    scored = [
        Standing(None, seeds, combine(tuple(record.score for record in seeds)), tries[method])
        for method, seeds in rows.items()
    ]
    if metric in RANKING:
        return _ranked(scored, metric, tied)
    listed = sorted(_ranked(scored, HEADLINE, tied), key=lambda standing: badness(standing, metric))
    return [s if badness(s, metric) < inf else replace(s, rank=None, tied=False) for s in listed]


def averages(standings: Iterable[Standing], families: Mapping[str, str] = MappingProxyType({})) -> list[Average]:
    """The methods of several boards by their mean rank, those that entered all pairs first; the others follow without a rank, the fuller ones first.

    `families` are those of the pairs by name.
    """
    ranked = [standing for standing in standings if standing.rank is not None]
    controls = {standing.pair for standing in ranked if standing.card.control}
    if any(standing.pair not in controls for standing in ranked):
        ranked = [standing for standing in ranked if standing.pair not in controls]
    entered: dict[tuple[str, str], list[Standing]] = {}
    for standing in ranked:
        entered.setdefault(standing.method, []).append(standing)
    most = len({standing.pair for standing in ranked})
    rows = [_average(method, of_method, families) for method, of_method in entered.items()]
    rows.sort(key=lambda row: (-row.pairs, row.mean_rank, row.method, row.user))
    lines = set[str | tuple[str, str]]()
    found: list[Average] = []
    for (pairs, _), equals in groupby(rows, key=lambda row: (row.pairs, row.mean_rank)):
        group = list(equals)
        found += [replace(row, rank=len(lines) + 1 if pairs == most else None) for row in group]
        lines.update(_line((row.method, row.user)) for row in group)
    return found


def _average(method: tuple[str, str], standings: Sequence[Standing], families: Mapping[str, str]) -> Average:
    skills: dict[str, list[float]] = {}
    for standing in standings:
        if (skill := standing.metrics.get("skill")) is not None:
            skills.setdefault(families.get(standing.pair, ""), []).append(skill.value)
    means = {family: fmean(values) for family, values in skills.items()}
    worst = min(means, key=means.__getitem__, default=None)
    return Average(
        None, *method, mean_rank=fmean(standing.rank for standing in standings if standing.rank is not None), pairs=len(standings),
        skill=fmean(means.values()) if means else None, families=len(means), worst_family=worst or None, worst_skill=None if worst is None else means[worst],
    )  # fmt: skip


def badness(standing: Standing, metric: str) -> float:
    """A row by a metric, as a number whose lowest value is the best; infinite without a value."""
    return METRICS[metric].badness(standing.metrics.get(metric), standing.card.w1)


def _seeds(records: Sequence[Record]) -> tuple[Record, ...]:
    """The newest record of a method, and before it the newest of each other seed of its series."""
    newest = records[-1].entry.said
    of_seeds: dict[int | None, Record] = {}
    for record in records:
        if record.entry.said.series == newest.series:
            of_seeds.pop(record.entry.said.seed, None)  # so that the newest comes last
            of_seeds[record.entry.said.seed] = record
    if newest.seed is None:
        return (records[-1],)
    of_seeds.pop(None, None)
    return tuple(of_seeds.values())


def _ranked(scored: Iterable[Standing], metric: str, tied: Ties) -> list[Standing]:
    """The rows by a metric that ranks. Each has one more than the number of lines above its group: a line's first row is its best."""
    groups: list[tuple[int | None, list[Standing]]] = []
    leading: list[Standing] = []  # the last group that a line's best row leads
    lines = set[str | tuple[str, str]]()
    for standing in sorted(scored, key=lambda s: (s.is_truth, badness(s, metric), s.record.seq)):
        line = _line(standing.method)
        if standing.is_truth or badness(standing, metric) == inf:
            groups.append((None, [standing]))
        elif leading and tied(leading[0].scores, standing.scores, metric):
            leading.append(standing)  # with the best of the group, not with its last, so that noise does not add up
            lines.add(line)
        else:
            groups.append((len(lines) + 1, [standing]))
            if line not in lines:  # a user's further rows lead no group, so that they part no others
                leading = groups[-1][1]
                lines.add(line)
    return [replace(standing, rank=rank, tied=len(group) > 1) for rank, group in groups for standing in group]


def _method(record: Record) -> tuple[str, str]:
    return record.entry.method, record.entry.user


def _line(method: tuple[str, str]) -> str | tuple[str, str]:
    """What counts once in ranks: a user with all methods, or a reference method."""
    return method if method[1] == REFERENCE_USER else method[1]
