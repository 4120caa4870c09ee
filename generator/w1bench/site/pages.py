"""The pages of an archive, as plain files for any host: complete without a script, and with nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from w1bench.archive.catalogue import Listed
from w1bench.archive.citation import BIBTEX
from w1bench.archive.manifest import Manifest
from w1bench.recipes.families import ASKS
from w1bench.scoring.metrics import HEADLINE, METRICS, SHOWN
from w1bench.site.leaderboard import BoardRow

TEMPLATES, STATIC = (Path(__file__).with_name(name) for name in ("templates", "static"))
_environment = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_CONSTANTS: dict[str, Any] = {
    "asks": ASKS,
    "bibtex": BIBTEX,
    "metrics": METRICS,
    "shown": (*SHOWN, "w1_estimate"),
    "headline": HEADLINE,
}


def style() -> str:
    """The style sheet, which is the service's too."""
    return (STATIC / "style.css").read_text(encoding="utf-8")


def catalogue_page(pairs: Sequence[Manifest], *, board: bool) -> str:
    """All pairs; `board` says whether there is a leaderboard to link to."""
    return _page("index.html", pairs=pairs, board=board)


def pair_page(manifest: Manifest, files: Mapping[str, Listed], *, board: bool) -> str:
    """A pair, with all of its files by name."""
    from w1bench.builder.describe.family import describe_map  # here, because only the export has these pages

    inputs = describe_map(manifest)
    return _page("pair.html", manifest=manifest, inputs=inputs, files=files, board=board, root="../")


def leaderboard_page(boards: Mapping[str, Sequence[BoardRow]]) -> str:
    """The boards of all pairs."""
    return _page("leaderboard.html", boards=boards, board=True)


def _page(template: str, *, root: str = "", **context: Any) -> str:
    return _environment.get_template(template).render(_CONSTANTS, root=root, **context)
