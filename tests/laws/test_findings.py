"""The blind test of the words: of critics that were made wrong on purpose the first finding names the cause, and of the truth there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray

import w1bench
from support.recipes import family_recipe
from support.shared import made_once
from support.wrong_critics import WrongCritics
from w1bench.builder.build import build
from w1bench.client.stored_pair import StoredPair
from w1bench.diagnostics.findings.facts import Facts
from w1bench.diagnostics.findings.sentences import Finding

SIZES = {"train": 600, "test": 1000, "probe": 600, "w1_rays": 1 << 16}
_DIGITS = {"kind": "images", "dataset": "digits", "noise": 0.01}
PAIRS = {
    "funnel": (family_recipe("blind-funnel", source=_DIGITS, half_width=1.2, power=10.0, funnel={"count": 4, "centers": "source"}, sizes=SIZES), 4),
    "attenuation": (family_recipe("blind-blur", source=_DIGITS, half_width=1.2, attenuation={"factor": 0.3, "keep": "lowpass", "size": 4}, sizes=SIZES), 4),
    "smooth": (family_recipe("blind-smooth", smooth={"dim": 16, "axes": [0.5, 3.0], "reach": 3.0, "fraction": 0.35}, sizes=SIZES), 4),
}  # fmt: skip
CAUSES = {
    "sign": "sign", "size": "size", "radial": "radial", "constant": "trivial", "congested 10": "congestion", "congested 100": "congestion",
    "congested 1000": "congestion", "minibatch 32": "minibatch", "minibatch 128": "minibatch", "memorised": "memorised", "patches": "patches",
    "rough": "slope", "noise": "pooled", "truth": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def critics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, WrongCritics]:
    def make(folder: Path) -> None:
        for recipe, _ in PAIRS.values():
            build(recipe, folder)

    folder = made_once(tmp_path_factory, "blind", make)
    return {name: WrongCritics(w1bench.load(folder / recipe.name), patch) for name, (recipe, patch) in PAIRS.items()}


def found(critics: WrongCritics, cause: str) -> tuple[Finding, ...]:
    return found_of(critics.pair, *critics.make(cause))


def found_of(pair: StoredPair, arrays: dict[str, NDArray[Any]], facts: Facts) -> tuple[Finding, ...]:
    return w1bench.score(pair, facts=facts, **arrays).findings


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("name", PAIRS)
def test_the_first_finding_names_the_cause_and_the_truth_has_none(
    name: str, cause: str, critics: dict[str, WrongCritics]
) -> None:
    """All of them declare the same facts, so that nothing but figures gives a cause away."""
    of_it = found(critics[name], cause)
    assert next((finding.code for finding in of_it), None) == CAUSES[cause], of_it
    for finding in of_it:
        assert finding.sentence[0].isupper() or finding.sentence.startswith("f ")
        assert finding.sentence.endswith(".")
    ranks = [("cause", "symptom", "remark").index(finding.severity) for finding in of_it]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("name", PAIRS)
def test_congestion_shows_in_the_value_alone_where_the_penalty_is_weak(
    name: str, critics: dict[str, WrongCritics]
) -> None:
    for cause, is_told in (("congested 10", True), ("congested 1000", False), ("truth", False)):
        arrays, facts = critics[name].make(cause)
        del arrays["probe_gradient"]
        codes = [finding.code for finding in found_of(critics[name].pair, arrays, facts)]
        assert ("congestion" in codes) == is_told


def test_without_facts_and_values_the_gradient_alone_is_judged(critics: dict[str, WrongCritics]) -> None:
    for cause, code in (("sign", "sign"), ("size", "size"), ("radial", "radial"), ("noise", "pooled"), ("truth", None)):
        arrays, _ = critics["funnel"].make(cause)
        of_it = found_of(critics["funnel"].pair, {"gradient": arrays["gradient"]}, Facts())
        assert next((finding.code for finding in of_it), None) == code
