"""The pages: one set of templates, for a running service and for its static twin; complete without a script, and with nothing from elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from w1bench.archive.citation import BIBTEX
from w1bench.recipes.families import ASKS, CONTROLS
from w1bench.scoring.metrics import HEADLINE, METRIC_VERSION, METRICS, SHOWN
from w1bench.site import descriptions, numbers
from w1bench.site.board import choice
from w1bench.site.links import Links
from w1bench.site.picture import funnel

TEMPLATES, STATIC = (Path(__file__).with_name(name) for name in ("templates", "static"))
_GLOBALS: dict[str, Any] = {
    "asks": ASKS, "controls": CONTROLS, "bibtex": BIBTEX, "metrics": METRICS, "headline": HEADLINE, "shown": SHOWN, "fig": numbers, "descriptions": descriptions,
    "views": choice.VIEWS, "picture": funnel, "metric_version": METRIC_VERSION,
}  # fmt: skip


_HEADING, _ROW, _CELL, _TAG = (
    re.compile(pattern, re.DOTALL)
    for pattern in (r"<th\b[^>]*>(.*?)</th>", r"<tr\b.*?</tr>", r"<t([dh])\b", r"<[^>]*>")
)


def stacked(table: str) -> Markup:
    """A table with the name of its column in each cell, from which style.css makes a card of each row on a narrow screen."""
    head, body = str(table).split("</thead>", 1)
    names = [_TAG.sub("", heading).strip() for heading in _HEADING.findall(head)]

    def labelled(row: re.Match[str]) -> str:
        columns = iter(names)  # a row's own heading has a column, too, but its name need not be shown
        return _CELL.sub(
            lambda cell: (
                f'{cell[0]} data-label="{name}"' if (name := next(columns, "")) and cell[1] == "d" else cell[0]
            ),
            row[0],
        )

    head = head.replace("<table", "<table data-stacked", 1)
    return Markup(head + "</thead>" + _ROW.sub(labelled, body))


@dataclass(frozen=True)
class Site:
    """What every page knows: where the others lie, the service's address, and the address of the documentation, if it has one."""

    link: Links
    address: str
    docs: str | None = None


@cache
def environment() -> Environment:
    """The templates, each compiled once."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        extensions=["jinja2.ext.do"], auto_reload=False,
    )  # fmt: skip
    made.globals.update(_GLOBALS)
    made.filters |= {"stacked": stacked, "label": numbers.label}
    return made


def render(template: str, site: Site, context: Mapping[str, Any]) -> str:
    """A page."""
    return environment().get_template(template).render(site=site, link=site.link, **context)
