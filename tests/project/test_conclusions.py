"""The page of conclusions is what its command makes of the committed rows; every criterion can fail; families are left out one by one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from support.files import ROOT
from support.rows import made_row
from w1bench.trials.results import Row

sys.path.insert(0, str(ROOT / "docs" / "site"))
try:
    conclusions: Any = import_module("conclusions")
    made: Any = import_module("claims.page")
    picture: Any = import_module("picture")
finally:
    sys.path.remove(str(ROOT / "docs" / "site"))

CLAIMS = made.CLAIMS
PAIRS = {
    "attenuation": "blur8-digits",
    "funnel": "hd-d16-n64-p8",
    "late": "late-d16-n64-e10",
    "product": "product-d16",
    "smooth": "smooth-d16",
    "spiked": "spiked-d128-k4",
}
METHODS = ("WC", "GP", "LP", "SN")


def rows(methods: Sequence[str] = METHODS, **figures: Any) -> list[Row]:
    """A row of each method on each family's pair; a figure is a number, or a function of a method and a family."""
    return [
        made_row(method, pair, family=family, **{name: of(method, family) if callable(of) else of for name, of in figures.items()})
        for family, pair in PAIRS.items()
        for method in methods
    ]  # fmt: skip


def order(method: str, family: str) -> float:
    """SN is best, but where a signal is hidden."""
    place = METHODS.index(method)
    return 0.3 + 0.1 * (3 - place if family in ("late", "spiked") else place)


def slopes(**layers: float) -> list[Row]:
    asked = rows(("WC", "GP", "LP", "MM:Bv2", "SN"), cos=0.5, slope=2.0, w1_estimate=1.5)
    return asked + rows(("SO", "KR", "SLL", "AOL"), cos=0.5, **({"slope": 0.9, "w1_estimate": 0.8} | layers))


def dimensions(cosine: Callable[[int], float]) -> list[Row]:
    return [
        made_row(name, f"hd-d{dim}-n4-p8", family="funnel", cos=cosine(dim))
        for name in ("DOT", "MM:B", "LS")
        for dim in (2, 16, 128)
    ]


def seeds(apart: float) -> list[Row]:
    return [row for seed in range(3) for row in rows(cos=0.5 + apart * seed, seed=seed)]


# Rows that a claim holds on, and rows that it does not hold on.
CASES: dict[str, tuple[list[Row], list[Row]]] = {
    "order": (rows(cos=order, trivial=0.2), rows(cos=lambda method, _: order(method, "funnel"), trivial=0.2)),
    "trivial": (rows(cos=0.1, trivial=0.2), rows(cos=0.5, trivial=0.2)),
    "values": (rows(cos=0.95, dev=30.0), rows(cos=0.95, dev=5.0)),
    "congestion": (rows(cos=0.9, w1=4.0, w1_raw=4.7), rows(cos=0.9, w1=4.0, w1_raw=4.1)),
    "slopes": (slopes(), slopes(slope=1.1)),
    "pooled": (
        rows(cos=0.5, pooled_8=lambda method, _: 0.8 if method == "LP" else 0.2, pooled_64=0.5, pooled_512=0.5),
        rows(cos=0.5, pooled_8=0.8, pooled_64=0.5, pooled_512=0.5),
    ),
    "progress": (
        rows(cos=0.6, progress_quarter=0.3, progress_full=0.1),
        rows(cos=0.6, progress_quarter=0.7, progress_full=0.1),
    ),
    "batches": (dimensions(lambda dim: 0.5 if dim == 2 else -0.1), dimensions(lambda dim: 0.5)),
    "training": (rows(cos=0.1, curve=(0.4, 0.3, 0.2, 0.1)), rows(cos=0.4, curve=(0.1, 0.2, 0.3, 0.4))),
    "seeds": (seeds(0.1), seeds(0.001)),
}


@pytest.fixture(scope="module")
def committed() -> list[Row]:
    return conclusions.committed_rows()


def test_the_page_is_what_its_command_makes_of_the_committed_rows(committed: list[Row]) -> None:
    """After new results: `make results`."""
    assert conclusions.PAGE.read_text(encoding="utf-8") == made.page(committed)


def test_every_figure_shows_the_committed_rows_and_is_small(committed: list[Row]) -> None:
    """After new results: `make results`."""
    drawn = {f"{name}.png": claim.verdict(committed).drawn for name, claim in CLAIMS.items()}
    figures = {path.name: picture.note_of(path) for path in conclusions.FIGURES.iterdir()}
    assert figures == drawn
    assert all(path.stat().st_size < 12_000 for path in conclusions.FIGURES.iterdir())


def test_there_are_ten_claims_and_each_has_its_cases() -> None:
    assert len(CLAIMS) == 10
    assert CASES.keys() == CLAIMS.keys()


@pytest.mark.parametrize("name", CASES)
def test_every_criterion_can_hold_and_can_fail(name: str) -> None:
    for of_case, holds in zip(CASES[name], (True, False), strict=True):
        verdict = CLAIMS[name].verdict(of_case)
        assert verdict.judgement.holds is holds
        assert str(verdict).startswith("Holds" if holds else "Does not hold")
        assert (CLAIMS[name].follows in made.section(verdict)) is holds
        assert CLAIMS[name].draw(verdict.judgement.drawn).axes
    assert str(CLAIMS[name].verdict([])) == "Cannot be told: the rows are too few"


@pytest.mark.parametrize(
    "broken",
    [
        rows(cos=lambda method, family: 0.9 if method == "LP" else order(method, family), trivial=0.2),  # LP leads everywhere
        slopes(w1_estimate=1.1),  # a layer's value above W1 shows a slope above 1
        slopes()[len(PAIRS) * 5 :] + rows(("WC", "GP", "LP", "MM:Bv2", "SN"), cos=0.5, slope=0.9, w1_estimate=0.9),
        rows(cos=0.5, pooled_8=0.2, pooled_64=0.5, pooled_512=0.5),  # lower alone
        dimensions(lambda dim: -0.1),
    ],
    ids=["order", "slopes", "slopes", "pooled", "batches"],
)  # fmt: skip
def test_every_part_of_a_criterion_counts(broken: list[Row], request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id.rstrip("0123456789")
    assert CLAIMS[name].verdict(broken).judgement.holds is False


def test_without_each_family_means_that_no_pair_of_it_is_seen() -> None:
    seen: list[set[str]] = []
    claim = CLAIMS["values"]

    def judge(critics: Sequence[Any]) -> Any:
        seen.append({cell.family for cell in critics})
        return claim.judge(critics)

    verdict = replace(claim, judge=judge).verdict(CASES["values"][0])
    whole, *parts = seen
    assert whole == set(PAIRS)
    assert parts == [whole - {family} for family in sorted(PAIRS)]
    assert list(verdict.without) == sorted(PAIRS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (set(PAIRS), "Holds without any one family"),
        ({"funnel"}, "Holds, but not without `funnel`"),
        ({"late", "smooth"}, "Holds without any one family"),
        (set(), "Does not hold"),
    ],
)
def test_a_verdict_names_the_families_that_it_needs(wrong: set[str], words: str) -> None:
    of_families = rows(cos=0.95, dev=lambda _, family: 30.0 if family in wrong else 5.0)
    assert str(CLAIMS["values"].verdict(of_families)) == words


def test_a_verdict_names_the_families_that_it_rests_on_and_those_that_are_against_it() -> None:
    alone = CLAIMS["batches"].verdict(CASES["batches"][0])
    assert alone.without == {"funnel": None}
    assert str(alone) == "Holds, and rests on `funnel`: no other family has the rows for it"
    against = CLAIMS["congestion"].verdict(
        [row for row in rows(cos=0.9, w1=4.0, w1_raw=4.1) if row["family"] in ("late", "smooth")]
        + [made_row("LP", f"hd-d{dim}-n4-p8", family="funnel", cos=0.9, w1=4.0, w1_raw=4.8) for dim in (2, 4, 8)]
    )
    assert str(against) == "Does not hold, but would without `late` or `smooth`"


def test_longer_trainings_count_before_shorter_ones() -> None:
    short, long = CASES["values"]
    verdict = CLAIMS["values"].verdict([*short, *(row | {"settings": {"steps": 900}} for row in long)])
    assert verdict.judgement.holds is False


def test_a_training_that_has_only_begun_says_nothing_of_more_training() -> None:
    falls = {"cos": 0.1, "curve": (0.4, 0.3, 0.2, 0.1)}
    assert CLAIMS["training"].verdict(rows(("WC",), steps=500, **falls)).judgement.holds
    assert CLAIMS["training"].verdict(rows(("WC",), steps=499, **falls)).judgement.holds is None  # of 5,000


def test_budgets_are_said_beside_what_methods_ask_for() -> None:
    budgets = {"WC": 5000, "LP": 600, "GP": 1200, "DOT": 1}
    critics = made.cells(made_row(name, "hd-d16-n64-p8", cos=0.5, steps=steps) for name, steps in budgets.items())
    assert made.trained(critics) == (
        "Budgets: 1 with all steps of their method, 2 with a part of them (1.5 % in the median) and 1 without training."
    )
