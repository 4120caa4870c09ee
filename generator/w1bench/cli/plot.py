"""`w1bench plot`: figures of pairs, critics and results as PNG, SVG or PDF."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from w1bench.cli.terminal.options import Json, Pair, show
from w1bench.scoring.metrics import HEADLINE
from w1bench.trials import results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

app = typer.Typer(no_args_is_help=True, help="Figures of pairs, critics and results: PNG, SVG or PDF.")


class Theme(StrEnum):
    """Colours of a figure."""

    light = "light"
    dark = "dark"


class Background(StrEnum):
    """What lies behind a figure."""

    paper = "paper"
    transparent = "transparent"


class Over(StrEnum):
    """The axis of a learning curve."""

    steps = "steps"
    seconds = "seconds"


Out = Annotated[Path, typer.Option(help="The figure: a name that ends in .png, .svg or .pdf.")]
Themed = Annotated[Theme, typer.Option(help="Colours for a light or a dark page.")]
Behind = Annotated[Background, typer.Option(help="The theme's paper, or nothing.")]
Submission = Annotated[Path, typer.Argument(help="A .h5 file, e.g. of `w1bench solve`.")]
Submissions = Annotated[list[Path] | None, typer.Argument(metavar="SUBMISSION...", help="Their .h5 files.")]
Results = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Results files of `w1bench trial`.")]


@app.command()
def surfaces(
    pair: Pair, submissions: Submissions = None, out: Out = Path("surfaces.png"), theme: Themed = Theme.light,
    background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """The potential's surface and gradient field in the plane, the truth beside critics."""

    def draw() -> "Figure":
        from w1bench.client.api import load
        from w1bench.figures import critics, plane

        opened = load(pair)
        critics.check_plane(opened)
        return plane.surfaces(opened, [critics.read_critic(opened, path) for path in submissions or ()])

    _draw("surfaces", draw, out, theme, background, as_json)


@app.command()
def rays(
    pair: Pair, out: Out = Path("rays.png"), theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False
) -> None:  # fmt: skip
    """Targets, their rays and inputs in the plane, over the level lines of u."""

    def draw() -> "Figure":
        from w1bench.client.api import load
        from w1bench.figures import plane

        return plane.rays(load(pair))

    _draw("rays", draw, out, theme, background, as_json)


@app.command()
def pictures(
    pair: Pair, count: Annotated[int, typer.Option(min=1, max=32, help="Columns.")] = 8, out: Out = Path("pictures.png"),
    theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """Pictures of P, those of Q that they come from, and the difference."""

    def draw() -> "Figure":
        from w1bench.client.api import load
        from w1bench.figures.pictures import pictures

        return pictures(load(pair), count)

    _draw("pictures", draw, out, theme, background, as_json)


@app.command()
def heat(
    files: Results, metric: Annotated[str, typer.Option(help="What a cell shows.")] = HEADLINE, out: Out = Path("heat.png"),
    theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """Methods against pairs as a map, a mean over seeds."""

    def draw() -> "Figure":
        from w1bench.figures import boards

        return boards.heat(results.read_all(files), metric)

    _draw("heat", draw, out, theme, background, as_json)


@app.command()
def dimensions(
    files: Results, method: Annotated[list[str] | None, typer.Option(help="Only this method; may be repeated.")] = None,
    out: Out = Path("dimensions.png"), theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """Cosine against dimension, the published figures hollow beside ours."""

    def draw() -> "Figure":
        from w1bench.figures import boards

        return boards.dimensions(results.read_all(files), method or ())

    _draw("dimensions", draw, out, theme, background, as_json)


@app.command()
def cost(
    files: Results, out: Out = Path("cost.png"), theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False
) -> None:  # fmt: skip
    """Cosine against seconds of training, a point a method."""

    def draw() -> "Figure":
        from w1bench.figures import boards

        return boards.cost(results.read_all(files))

    _draw("cost", draw, out, theme, background, as_json)


@app.command()
def learning(
    sidecars: Annotated[list[Path], typer.Argument(metavar="SIDECAR...", help="The .json files of `w1bench solve`.")],
    out: Out = Path("learning.png"), theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """A method's own dual value over its training, against W1."""

    def draw() -> "Figure":
        from w1bench.figures import curves

        return curves.learning([curves.read_training(path) for path in sidecars])

    _draw("learning", draw, out, theme, background, as_json)


@app.command()
def curves(
    files: Results, metric: Annotated[str, typer.Option(help="cos, skill, l2 or w1_estimate.")] = HEADLINE,
    over: Annotated[Over, typer.Option(help="What training is counted in.")] = Over.steps, out: Out = Path("curves.png"),
    theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """How good methods become over their training, a panel a family of pairs."""

    def draw() -> "Figure":
        from w1bench.figures.curves import scores

        return scores(results.read_all(files), metric, over.value)

    _draw("curves", draw, out, theme, background, as_json)


@app.command()
def bias(
    pair: Pair, out: Out = Path("bias.png"), theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False
) -> None:  # fmt: skip
    """What exact transport between batches makes of W1, over their size."""

    def draw() -> "Figure":
        from w1bench.client.api import load
        from w1bench.client.diagnosis import diagnosis_of
        from w1bench.figures import curves

        return curves.bias(diagnosis_of(load(pair)))

    _draw("bias", draw, out, theme, background, as_json)


@app.command()
def congestion(
    pair: Pair, submission: Submission, penalty_weight: Annotated[float, typer.Option(min=0, help="Of the gradient penalty.")] = 10.0,
    out: Out = Path("congestion.png"), theme: Themed = Theme.light, background: Behind = Background.paper, as_json: Json = False,
) -> None:  # fmt: skip
    """Where a critic's excess slope says that mass flows, beside where it does, in the plane."""

    def draw() -> "Figure":
        from w1bench.client.api import load
        from w1bench.figures import critics, plane

        opened = load(pair)
        critics.check_plane(opened)
        return plane.congestion(opened, critics.read_critic(opened, submission), penalty_weight)

    _draw("congestion", draw, out, theme, background, as_json)


def _draw(
    kind: str, draw: Callable[[], "Figure"], out: Path, theme: Theme, background: Background, as_json: bool
) -> None:
    """Draw in a theme and write the file; a name that is no figure's is refused before anything is computed."""
    from w1bench.figures import canvas

    canvas.check_path(out)
    with canvas.themed(theme.value):
        canvas.save(draw(), out, background.value)
    document: dict[str, Any] = {"figure": kind, "file": str(out), "theme": theme.value, "background": background.value}
    show(as_json, document, f"{out}: {kind}, {out.stat().st_size / 1000:,.0f} kB")
