"""`w1bench list`, `build`, `recipe init`, `reveal`, `verify`, `fetch`, `export`: pairs, their recipes and their archive."""

import json
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from w1bench.archive.fetch import is_url
from w1bench.cli.terminal import tables
from w1bench.cli.terminal.options import (
    ArchiveDir,
    Device,
    Engine,
    Json,
    Pair,
    engine_of,
    is_wide,
    local_archive,
    local_folder,
    show,
)
from w1bench.client import config
from w1bench.errors import InputError, missing_extra
from w1bench.recipes.templates import TEMPLATES

app = typer.Typer()
recipe_app = typer.Typer(no_args_is_help=True, help="Recipes: what a pair is made from.")
app.add_typer(recipe_app, name="recipe")


class Kind(StrEnum):
    """The families that there are recipes to begin with of."""

    funnel = "funnel"
    ball = "ball"
    attenuation = "attenuation"
    smooth = "smooth"
    shift = "shift"
    product = "product"
    spiked = "spiked"
    late = "late"


@app.command("list")
def list_pairs(
    archive: Annotated[
        str | None,
        typer.Option(help="The archive's folder or URL; default W1BENCH_ARCHIVE, else W1BENCH_SERVER, else `archive`."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The catalogue: name, shape, funnels, power, W1 with its error, sizes."""
    from w1bench.archive import fetch
    from w1bench.archive.catalogue import catalogue

    place = archive or config.from_environment().origin
    entries = fetch.remote_catalogue(place) if is_url(place) else catalogue(Path(place))
    lines = [entry.model_dump() for entry in entries]
    show(as_json, {"archive": place, "pairs": lines}, tables.catalogue(lines, wide=is_wide()))


@app.command()
def build(
    recipe: Annotated[str, typer.Argument(help="A catalogued name, or the path of a .toml file.")],
    archive: ArchiveDir = None,
    train: Annotated[int | None, typer.Option(help="Rows of train.h5.")] = None,
    test: Annotated[int | None, typer.Option(help="Rows of test.h5.")] = None,
    probe: Annotated[int | None, typer.Option(help="Rows of probe.h5.")] = None,
    w1_rays: Annotated[int | None, typer.Option(help="Least number of rays that W1 is averaged over.")] = None,
    engine: Annotated[Engine, typer.Option(help="Where shards are computed.")] = Engine.local,
    workers: Annotated[
        int, typer.Option(min=0, help="Threads, processes or tasks at once; 0 takes what the processors allow.")
    ] = 0,
    address: Annotated[
        str | None, typer.Option(help="A Ray cluster's address; default W1BENCH_RAY_ADDRESS, else one on this machine.")
    ] = None,
    shards: Annotated[
        str | None,
        typer.Option(help="A folder that all workers share, or s3://bucket/prefix; default: beside the pair."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where image generators run.")] = Device.cpu,
    root: Annotated[Path | None, typer.Option(help="Where the recipe's pictures lie, in place of source.root.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The recipe's image generator, in place of source.checkpoint.")
    ] = None,
    gzip: Annotated[
        bool,
        typer.Option(
            "--gzip", help="Compress data sets: a tenth to a fifth smaller, some twenty times slower to write."
        ),
    ] = False,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Keep the truth back, under a commitment; needs --truth.")
    ] = False,
    truth: Annotated[
        Path | None, typer.Option(help="Where the truth of sealed pairs is kept, apart from all else.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished build.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be drawn and how large it is; build nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a pair from its recipe, certify it, and publish it in the archive."""
    from w1bench.archive.manifest import read_published_manifest
    from w1bench.builder.build import build as build_pair
    from w1bench.recipes.files import find_recipe
    from w1bench.recipes.shapes import check_kept, shape_of

    adjusted = find_recipe(recipe, root=root, checkpoint=checkpoint).with_sizes(
        train=train, test=test, probe=probe, w1_rays=w1_rays
    )
    _refuse_idle(address is not None and engine is not Engine.ray, "--address", "--engine ray")
    idle = device is not Device.cpu and adjusted.generator is None
    _refuse_idle(idle, "--device", "a recipe with an image generator")
    _refuse_idle(truth is not None and not sealed, "--truth", "--sealed")
    if sealed:
        _check_truth(truth)
    if dry_run:
        if adjusted.attenuation and (shape := shape_of(adjusted)):
            check_kept(adjusted.attenuation, shape)
        document = tables.plan(adjusted)
        show(as_json, document, tables.planned(document))
        return
    folder = build_pair(
        adjusted,
        archive or local_archive(),
        truth=truth,
        resume=resume,
        engine=engine_of(engine, workers, address, device),
        shards=shards,
        gzip=gzip,
        device=device.value,
        progress=True,
    )
    manifest = read_published_manifest(folder)
    show(as_json, {"folder": str(folder), **manifest.model_dump(mode="json")}, tables.built(folder, manifest))


@recipe_app.command("init")
def init_recipe(
    kind: Annotated[Kind, typer.Argument(help="The family that the recipe is of.")],
    output: Annotated[Path | None, typer.Option(help="A .toml file to write; default: print it.")] = None,
    as_json: Json = False,
) -> None:
    """A recipe to begin with, with a comment on every field, and the size that its pair will have."""
    from w1bench.recipes.recipe import parse_recipe

    text = TEMPLATES[kind.value]
    document = tables.plan(parse_recipe(tomllib.loads(text), origin=f"the recipe of kind {kind.value}"))
    text += f"# The pair's files will have {document['bytes'] / 1e6:,.1f} MB (w1bench build {output.name if output else 'FILE'} --dry-run says more).\n"
    if output is None:
        show(as_json, document | {"recipe": text}, text.rstrip("\n"))
        return
    if output.suffix != ".toml":
        raise InputError(f"The recipe's file came as {output}; give a name that ends in .toml.")
    if output.exists():
        raise InputError(f"{output} is there already, and is not written over; give the name of a new file.")
    output.write_text(text, encoding="utf-8")
    show(
        as_json,
        document | {"output": str(output)},
        f"{output} is ready to be edited; then: w1bench build {output}",
        tables.planned(document),
    )


@app.command()
def reveal(
    pair: Pair,
    truth: Annotated[Path, typer.Option(help="Where the pair's truth was kept: --truth of its build.")],
    as_json: Json = False,
) -> None:
    """Publish the truth of a sealed pair beside it, held against its commitment."""
    from w1bench.archive.reveal import reveal as reveal_pair

    folder = local_folder(pair)
    manifest = reveal_pair(folder, truth)
    show(as_json, {"folder": str(folder), **manifest.model_dump(mode="json")}, tables.built(folder, manifest))


@app.command()
def verify(
    pair: Pair,
    root: Annotated[
        Path | None, typer.Option(help="Where the pictures of a revealed pair lie, to draw them again.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="The image generator of a revealed pair.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute a pair's digests and certificate from its files alone; code 1 when anything does not hold. Without the extra `torch`, the
    certificate is left out."""
    from w1bench.builder.contents import check_contents
    from w1bench.client.api import load
    from w1bench.errors import CheckFailedError

    folder = load(pair).folder
    try:
        from w1bench.builder.verify import verify as verify_pair
    except ModuleNotFoundError as error:
        manifest, reason = check_contents(folder), missing_extra(f"Recomputing them needs {error.name}", "torch")
        left_out = [figure.name for figure in manifest.certificate]
        document = {"pair": str(folder), "holds": None, "figures": [], "left_out": left_out, "reason": str(reason)}
        held = f"{folder}: digests, data sets, attributes and recipe are what the manifest says."
        show(as_json, document, held, f"Left out: the certificate's figures ({', '.join(left_out)}). {reason}")
        return
    figures = verify_pair(folder, root=root, checkpoint=checkpoint)
    holds = all(figure.holds for figure in figures)
    document = {
        "pair": str(folder),
        "holds": holds,
        "figures": [{**json.loads(f.model_dump_json()), "holds": f.holds} for f in figures],
        "left_out": [],
    }
    show(as_json, document, tables.certificate(figures))
    if not holds:
        broken = next(figure for figure in figures if not figure.holds)
        raise CheckFailedError(
            f"{folder} does not hold: {broken.name} is {broken.value:.3g}, allowed {broken.limit:.3g} ({broken.meaning})."
        )


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A pair's name.")],
    origin: Annotated[
        str | None,
        typer.Option(
            "--from", help="An archive's URL or folder, or the service's; default W1BENCH_ARCHIVE, else W1BENCH_SERVER."
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where to keep it; default W1BENCH_HOME, else the user's cache.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this file, e.g. test; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch a pair: resumable, checksummed, atomic."""
    from w1bench.archive.fetch import fetch as fetch_pair

    environment = config.from_environment()
    folder = fetch_pair(name, origin or environment.origin, cache or environment.home, only=only, progress=True)
    show(as_json, {"folder": str(folder)}, str(folder))


@app.command()
def export(
    archive: Annotated[Path, typer.Argument(help="The archive's folder.")],
    out_dir: Annotated[Path, typer.Argument(help="An empty folder, or one that was exported to before.")],
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Rows of a leaderboard: a .json file, or a folder of them; may be repeated."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Rows of a service, instead: its address, or its data folder. By its address, an ARCHIVE that is not there is fetched first.",
        ),
    ] = None,
    docs: Annotated[
        Path | None, typer.Option(help="The built documentation (make docs: build/docs), for the folder docs.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The static twin: archive, boards, pages and documentation as plain files, for any host."""
    from w1bench.site.export import export as export_archive

    if origin and results:
        raise InputError("--results and --from both name rows of the boards; give one of them.")
    boards = None
    if origin:
        from w1bench.cli.service import boards_of

        boards = boards_of(origin, archive)
    address = origin.rstrip("/") if origin and is_url(origin) else ""
    pairs = export_archive(
        archive, out_dir, results=results or (), boards=boards, address=address, docs=docs, progress=True
    )
    document = {"folder": str(out_dir), "pairs": [manifest.name for manifest in pairs]}
    show(as_json, document, f"{out_dir} is ready for any static host; its first page is {out_dir / 'index.html'}.")


def _check_truth(truth: Path | None) -> None:
    from w1bench.archive.commitment import check_apart

    if truth is None:
        raise InputError(
            "--sealed came without --truth; give the folder where the truth is kept, apart from all others."
        )
    check_apart(truth, config.from_environment().data)


def _refuse_idle(idle: bool, option: str, needed: str) -> None:
    if idle:
        raise InputError(f"{option} goes with {needed}; leave it out.")
