"""A comparison of methods as text of 80 columns, LaTeX, Markdown, and comma-separated values."""

import textwrap
from collections.abc import Iterator, Sequence

from w1bench.scoring import metrics
from w1bench.scoring.intervals.seeds import Sample, combined
from w1bench.trials.comparison.standings import Pairs, Standing

_SHORT = {"attenuation": "atten", "product": "prod"}  # in text, whose columns are narrow
_WIDTH, _NAME = 80, 10
_FIXED = 38  # of it are not for families
_MEANING = (
    "Skill is (cos - cos0) / (1 - cos0), cos0 the best trivial critic's: 0 is no more than trivial, 1 the truth. `mean` is over families, with its "
    "95 % interval, `worst` the least family's."
)


def as_text(standings: Sequence[Standing], pairs: Pairs) -> str:
    """A line a method; controls are the last column, notes below it."""
    wide = min(6, (_WIDTH - _FIXED) // max(len(pairs.counted), 1) - 1)
    names = [_SHORT.get(family, family)[:wide] for family in pairs.counted]
    lines = [_line("rank", "method", "mean", "worst", names, "contr" if pairs.controls else "", wide)]
    for place, standing in enumerate(standings):
        if place == _whole(standings):
            lines.append("without all pairs:")
        rank, method, mean, worst, *skills, control = _cells(standing, pairs)
        if len(method) > _NAME:  # on a line of its own
            lines.append(f"{'':5}{method}")
            method = ""
        lines.append(_line(rank, method, mean, worst, skills, control, wide))
    return "\n".join([*(line.rstrip() for line in lines), "", *_wrapped(_notes(standings, pairs))])


def as_markdown(standings: Sequence[Standing], pairs: Pairs) -> str:
    header = _header(pairs)
    table = [f"| {' | '.join(header)} |", f"|---:|---|{'---:|' * (len(header) - 2)}"]
    best = _best(standings, pairs)
    for standing in standings:
        cells = [f"**{cell}**" if (standing.method, place) in best else cell for place, cell in enumerate(_cells(standing, pairs))]  # fmt: skip
        table.append(f"| {' | '.join(cells[: len(header)])} |")
    return "\n".join([*table, "", *_notes(standings, pairs)])


def as_latex(standings: Sequence[Standing], pairs: Pairs) -> str:
    """A table of the package booktabs; the best of a column in bold."""
    header, best = _header(pairs), _best(standings, pairs)
    lines = [rf"\begin{{tabular}}{{rl{'r' * (len(header) - 2)}}}", r"\toprule", " & ".join(map(_tex, header)) + r" \\", r"\midrule"]  # fmt: skip
    for place, standing in enumerate(standings):
        if place and place == _whole(standings):
            lines.append(r"\midrule")
        cells = [_tex(cell) for cell in _cells(standing, pairs)[: len(header)]]
        cells = [rf"\textbf{{{cell}}}" if (standing.method, n) in best else cell for n, cell in enumerate(cells)]
        lines.append(" & ".join(cells) + r" \\")
    notes = [f"% {line}" for line in _wrapped(_notes(standings, pairs), _WIDTH - 2)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *notes])


def as_csv(standings: Sequence[Standing], pairs: Pairs) -> str:
    """A line a method: its mean skill with its interval, that of each family, and of each pair, of controls the cosine."""
    families, names = list(pairs.counted), sorted(pairs.families)
    columns = [
        "rank",
        "method",
        "data",
        "seeds",
        "diverged",
        "skill",
        "skill_low",
        "skill_high",
        "worst",
        "worst_family",
    ]
    of_pairs = [f"{'cos' if name in pairs.controls else 'skill'} {name}" for name in names]
    rows: list[list[object]] = []
    for s in standings:
        interval, worst = s.skill and combined(s.skill), s.worst
        figures = (s.pairs.get(name) or s.controls.get(name) for name in names)
        rows.append([
            s.rank, s.method, s.data, s.seeds, s.diverged, *((interval.value, interval.low, interval.high) if interval else (None,) * 3),
            *(reversed(worst) if worst else (None, None)),
            *(_value(s.families.get(family)) for family in families), *map(_value, figures),
        ])  # fmt: skip
    return metrics.as_csv([*columns, *(f"skill {family}" for family in families), *of_pairs], rows)


def document(standings: Sequence[Standing], pairs: Pairs) -> dict[str, object]:
    """As plain values, for JSON."""
    return {
        "pairs": dict(pairs.families), "controls": sorted(pairs.controls),
        "methods": [
            {
                "rank": s.rank, "tied": s.tied, "method": s.method, "data": s.data, "seeds": s.seeds, "diverged": s.diverged,
                "skill": s.skill and combined(s.skill).model_dump(), "worst": s.worst and dict(zip(("family", "skill"), s.worst, strict=True)),
                "families": {name: combined(sample).model_dump() for name, sample in s.families.items()},
                "pairs": {name: combined(sample).model_dump() for name, sample in s.pairs.items()},
                "controls": {name: combined(sample).model_dump() for name, sample in s.controls.items()},
                "missing": list(s.missing),
            }
            for s in standings
        ],
    }  # fmt: skip


def _header(pairs: Pairs) -> list[str]:
    return ["rank", "method", "mean", "worst", *pairs.counted, *(["controls"] if pairs.controls else [])]


def _cells(standing: Standing, pairs: Pairs) -> list[str]:
    """As the header, with one for controls in any case."""
    skills = [_value(standing.families.get(family)) for family in pairs.counted]
    worst = standing.worst
    return [
        "-" if standing.rank is None else f"{standing.rank}{'=' if standing.tied else ''}",
        standing.method + ("" if standing.data == "fresh" else f" ({standing.data})"),
        _mean(standing.skill), _figure(worst and worst[1]), *map(_figure, skills), _figure(standing.control) if pairs.controls else "",
    ]  # fmt: skip


def _best(standings: Sequence[Standing], pairs: Pairs) -> set[tuple[str, int]]:
    """The methods and columns of the best figures, among those that rank."""
    ranked = [standing for standing in standings if standing.rank is not None]
    best: set[tuple[str, int]] = set()
    for place, family in enumerate(pairs.counted, start=4):
        values = {standing.method: standing.families[family].value for standing in ranked}
        best |= {(method, place) for method, value in values.items() if value == max(values.values())}
    return best


def _notes(standings: Sequence[Standing], pairs: Pairs) -> Iterator[str]:
    yield _MEANING
    if pairs.controls:
        yield f"Controls, which every method must solve, count in no mean; the last column is the least cosine on {' and '.join(sorted(pairs.controls))}."
    if any(standing.tied for standing in standings):
        yield "Ranks with = are shared by methods that differ by noise alone."
    lacking: dict[tuple[str, ...], list[str]] = {}
    for standing in standings:
        lacking.setdefault(standing.missing, []).append(standing.method)
    for missing, methods in lacking.items():
        if missing:
            yield f"No figure on {', '.join(missing)}: {', '.join(methods)}."
    diverged = {standing.method: standing.diverged for standing in standings if standing.diverged}
    if diverged:
        yield f"Diverged trials: {', '.join(f'{method} {count}' for method, count in diverged.items())}."
    seeds = sorted({standing.seeds for standing in standings})
    if seeds == [1]:
        yield "One seed each, whose spread the intervals do not have."
    elif seeds:
        yield (
            f"Seeds: {', '.join(f'{s.method} {s.seeds}' for s in standings)}."
            if len(seeds) > 1
            else f"{seeds[0]} seeds each."
        )


def _line(rank: str, method: str, mean: str, worst: str, skills: Sequence[str], control: str, wide: int) -> str:
    return f"{rank:>4} {method:<{_NAME}} {mean:>10} {worst:>5}{''.join(f' {skill:>{wide}}' for skill in skills)} {control:>5}"


def _wrapped(notes: Iterator[str], width: int = _WIDTH) -> Iterator[str]:
    return (line for note in notes for line in textwrap.wrap(note, width))


def _whole(standings: Sequence[Standing]) -> int:
    """How many rank."""
    return sum(standing.rank is not None for standing in standings)


def _value(sample: Sample | None) -> float | None:
    return None if sample is None else sample.value


def _mean(sample: Sample | None) -> str:
    if sample is None:
        return "-"
    interval = combined(sample)
    if interval.low is None or interval.high is None:
        return _figure(interval.value, 3)
    return f"{_figure(interval.value, 3)}±{_figure((interval.high - interval.low) / 2, 3)}"


def _figure(value: float | None, digits: int = 2) -> str:
    """Without a leading zero, because columns are narrow; in three digits from 1 on."""
    if value is None:
        return "-"
    if abs(rounded := round(value, digits) + 0.0) >= 1:  # + 0.0: no minus before a zero
        return f"{value:.2f}" if abs(value) < 10 else f"{value:.3g}"
    return f"{rounded:.{digits}f}".replace("0.", ".", 1)


def _tex(text: str) -> str:
    for character in "_&%#":
        text = text.replace(character, f"\\{character}")
    return (
        text.replace("±", r"$\,\pm\,$").replace("-", "$-$", 1) if text[:1] in "-." else text.replace("±", r"$\,\pm\,$")
    )
