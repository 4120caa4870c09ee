"""Pictures of documents as small files: a page's width, few colours, and, where it is told, a note of what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.colors import to_rgb
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from w1bench.figures.canvas import INK, PALETTE

_WIDTH = 900  # pixels
_NOTE = "w1bench"


def small(path: Path, colors: int = 96) -> None:
    """Bring a picture to a page's width and a number of colours."""
    picture = Image.open(path).convert("RGB")
    if picture.width > _WIDTH:
        picture = picture.resize((_WIDTH, round(picture.height * _WIDTH / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(colors).save(path, optimize=True)
    _say(path)


def plain(path: Path, note: str) -> None:
    """Bring a figure of lines and points to the light theme's colours and shades of them, and write a note into it."""
    of_theme = Image.new("P", (1, 1))
    of_theme.putpalette([round(255 * part) for color in _shades() for part in color])
    about = PngInfo()
    about.add_text(_NOTE, note)
    picture = Image.open(path).convert("RGB").quantize(palette=of_theme, dither=Image.Dither.NONE)
    picture.save(path, optimize=True, pnginfo=about)
    _say(path)


def note_of(path: Path) -> str:
    """The note that a figure was written with."""
    with Image.open(path) as picture:
        return str(picture.info.get(_NOTE, ""))


def _shades() -> Sequence[tuple[float, float, float]]:
    """The theme's ink in three shades, its other colours in two: what the edges of letters and lines need."""
    ink, paper, grid = INK["light"]
    found = [to_rgb(paper), to_rgb(grid), *(_blend(ink, share) for share in (1 / 3, 2 / 3, 1))]
    return [*found, *(_blend(color, share) for color in PALETTE["light"][:5] for share in (1 / 2, 1))]


def _blend(color: str, share: float) -> tuple[float, float, float]:
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(color))
    return red, green, blue


def _say(path: Path) -> None:
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)
