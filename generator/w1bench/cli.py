"""`w1bench VERB`: the command line. Errors are one sentence on stderr and end with their code; `--json` prints one document."""

from __future__ import annotations

import json
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from w1bench import config, generator_commands, service_commands, solver_commands, tables, token_commands
from w1bench.errors import InputError, RecipeError, W1BenchError
from w1bench.options import Data, Device, Json, PairDir, settings_of, show

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Pairs of distributions with a known Wasserstein-1 distance: build, verify, fetch, score, solve, submit.",
)
app.add_typer(solver_commands.app)
app.add_typer(service_commands.app)
app.add_typer(token_commands.app, name="token")
app.add_typer(generator_commands.app, name="generator")

_EXTRAS = {
    "torch": "torch", "numba": "torch", "scipy": "torch", "threadpoolctl": "torch", "PIL": "torch", "matplotlib": "torch",
    "fastapi": "server", "uvicorn": "server", "sqlalchemy": "server", "pydantic_settings": "server",
    "starlette": "server", "alembic": "server", "dbos": "server",
}  # fmt: skip
_RECIPES = Path(__file__).parent / "recipes"

Archive = Annotated[
    str | None, typer.Option(help="The archive's folder or URL; default W1BENCH_ARCHIVE, else `archive`.")
]
Server = Annotated[str | None, typer.Option(help="The service's URL; default W1BENCH_SERVER.")]


class Engine(StrEnum):
    """Where shards are computed."""

    local = "local"
    processes = "processes"
    ray = "ray"


def main() -> None:
    """The console script: runs the command line, and turns errors into sentences and exit codes."""
    try:
        _refuse_empty(sys.argv[1:])
        app()
    except W1BenchError as error:
        _fail(str(error), error.code)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        _fail(
            f"This command needs {error.name}, which is not installed; install w1bench with its extra `{extra}` (in a checkout: pip install '.[{extra}]').",
            2,
        )
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}; give another path, or make room or rights for it.", 2)
    except MemoryError as error:
        _fail(f"There is not enough memory for this ({error or 'nothing more is known'}); ask for less at once.", 2)
    except KeyboardInterrupt:
        _fail("Interrupted.", 130)


def _fail(sentence: str, code: int) -> None:
    print(f"w1bench: {sentence}", file=sys.stderr)
    sys.exit(code)


@app.command("list")
def list_pairs(archive: Archive = None, as_json: Json = False) -> None:
    """The catalogue: name, shape, funnels, power, W1 with its error, sizes."""
    from w1bench import fetch
    from w1bench.archive import catalogue

    place = archive or config.from_environment().archive
    entries = fetch.remote_catalogue(place) if config.is_url(place) else catalogue(Path(place))
    lines = [entry.model_dump() for entry in entries]
    show(as_json, {"archive": place, "pairs": lines}, tables.catalogue(lines))


@app.command()
def build(
    recipe: Annotated[str, typer.Argument(help="A catalogued name, or the path of a .toml file.")],
    archive: Annotated[
        Path | None, typer.Option(help="The archive's folder; default W1BENCH_ARCHIVE, else `archive`.")
    ] = None,
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
    as_json: Json = False,
) -> None:
    """Build a pair from its recipe, certify it, and publish it in the archive."""
    from w1bench.build import build as build_pair
    from w1bench.manifest import read_manifest

    chosen = _recipe(recipe, root=root, checkpoint=checkpoint).with_sizes(
        train=train, test=test, probe=probe, w1_rays=w1_rays
    )
    _refuse_idle(address is not None and engine is not Engine.ray, "--address", "--engine ray")
    idle = device is not Device.cpu and chosen.generator is None
    _refuse_idle(idle, "--device", "a recipe with an image generator")
    _refuse_idle(truth is not None and not sealed, "--truth", "--sealed")
    if sealed:
        _check_truth(truth)
    folder = build_pair(
        chosen,
        archive or _local_archive(),
        truth=truth,
        resume=resume,
        engine=_engine(engine, workers, address, device),
        shards=shards,
        gzip=gzip,
        device=device.value,
        progress=True,
    )
    manifest = read_manifest(folder)
    show(as_json, {"folder": str(folder), **manifest.model_dump(mode="json")}, tables.built(folder, manifest))


@app.command()
def reveal(
    pair: PairDir,
    truth: Annotated[Path, typer.Option(help="Where the pair's truth was kept: --truth of its build.")],
    as_json: Json = False,
) -> None:
    """Publish the truth of a sealed pair beside it, held against its commitment."""
    from w1bench.reveal import reveal as reveal_pair

    manifest = reveal_pair(pair, truth)
    show(as_json, {"folder": str(pair), **manifest.model_dump(mode="json")}, tables.built(pair, manifest))


@app.command()
def verify(
    pair: PairDir,
    root: Annotated[
        Path | None, typer.Option(help="Where the pictures of a revealed pair lie, to draw them again.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="The image generator of a revealed pair.")] = None,
    as_json: Json = False,
) -> None:
    """Recompute a pair's digests and certificate from its files alone; code 1 when anything does not hold."""
    from w1bench.errors import CheckFailedError
    from w1bench.verify import verify as verify_pair

    figures = verify_pair(pair, root=root, checkpoint=checkpoint)
    holds = all(figure.holds for figure in figures)
    document = {
        "pair": str(pair),
        "holds": holds,
        "figures": [{**json.loads(f.model_dump_json()), "holds": f.holds} for f in figures],
    }
    show(as_json, document, tables.certificate(figures))
    if not holds:
        broken = next(figure for figure in figures if not figure.holds)
        raise CheckFailedError(
            f"{pair} does not hold: {broken.name} is {broken.value:.3g}, allowed {broken.limit:.3g} ({broken.meaning})."
        )


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A pair's name.")],
    origin: Annotated[
        str | None, typer.Option("--from", help="An archive's URL or folder, or the service's URL.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Where to keep it; default W1BENCH_HOME, else the user's cache.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this file, e.g. test; may be repeated.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch a pair: resumable, checksummed, atomic."""
    from w1bench.fetch import fetch as fetch_pair

    here = config.from_environment()
    folder = fetch_pair(name, origin or here.archive, cache or here.home, only=only, progress=True)
    show(as_json, {"folder": str(folder)}, str(folder))


@app.command()
def export(
    archive: Annotated[Path, typer.Argument(help="The archive's folder.")],
    out_dir: Annotated[Path, typer.Argument(help="An empty folder, or one that was exported to before.")],
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Rows of a leaderboard: a .json file, or a folder of them; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The static twin: archive, leaderboard and pages as plain files, for any host."""
    from w1bench.export import export as export_archive

    pairs = export_archive(archive, out_dir, results=results or (), progress=True)
    document = {"folder": str(out_dir), "pairs": [manifest.name for manifest in pairs]}
    show(as_json, document, f"{out_dir} is ready for any static host; its first page is {out_dir / 'index.html'}.")


@app.command()
def score(
    pair: PairDir,
    submission: Annotated[Path, typer.Argument(help="A .h5 or .npy file.")],
    as_json: Json = False,
) -> None:
    """The scorecard of a submission, computed here."""
    from w1bench.opened import score_file

    card = score_file(pair, submission)
    show(as_json, card.model_dump(mode="json"), tables.scorecard(card))


@app.command()
def submit(
    pair: Annotated[str, typer.Argument(help="The pair's name.")],
    file: Annotated[Path, typer.Argument(help="A .h5 or .npy file.")],
    method: Annotated[str, typer.Option(help="The method's name on the leaderboard.")],
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Submit a file with the token in W1BENCH_TOKEN; prints the scorecard and the row's URL. The same file again is the same row."""
    from w1bench.client import submit_file
    from w1bench.scorecard import Scorecard

    here = config.from_environment()
    row = submit_file(pair, file, method=method, server=server or here.server, token=here.token)
    show(as_json, row, tables.scorecard(Scorecard.model_validate(row["scorecard"])), row["url"])


@app.command()
def leaderboard(
    server: Server = None,
    pair: Annotated[str | None, typer.Option(help="Only this pair.")] = None,
    metric: Annotated[str, typer.Option(help="What rows are ordered by.")] = "cos",
    csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_json: Json = False,
) -> None:
    """The service's leaderboard."""
    from w1bench import client

    if csv and as_json:
        raise typer.BadParameter("--csv and --json were both given; give one of them.")
    place = server or config.from_environment().server
    if csv:
        print(client.leaderboard_csv(place, pair=pair, metric=metric), end="")
        return
    board = client.leaderboard(place, pair=pair, metric=metric)
    show(as_json, board, tables.leaderboard(board))


@app.command()
def serve(
    archive: Annotated[
        Path | None, typer.Option(help="The archive's folder; default W1BENCH_ARCHIVE, else `archive`.")
    ] = None,
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; default 8100, 0 takes a free one."),
    ] = None,
) -> None:
    """Run the service; prints its URL."""
    from w1bench_server.serve import serve as run

    run(settings_of(archive=archive, data=data, host=host, port=port))


def _refuse_empty(words: list[str]) -> None:
    """An empty word is a variable of a script that was not set; a path would take it for the folder it is called in."""
    for before, word in zip(["w1bench", *words], words, strict=False):
        if not word or re.fullmatch(r"--[a-z0-9-]+=", word):
            raise InputError(f"An empty value came after {word or before}; give one, or leave it out.")


def _check_truth(truth: Path | None) -> None:
    from w1bench.seal import check_apart

    if truth is None:
        raise InputError(
            "--sealed came without --truth; give the folder where the truth is kept, apart from all others."
        )
    check_apart(truth, config.from_environment().data)


def _refuse_idle(idle: bool, option: str, needed: str) -> None:
    if idle:
        raise InputError(f"{option} goes with {needed}; leave it out.")


def _recipe(name: str, *, root: Path | None = None, checkpoint: Path | None = None) -> Any:
    """A recipe by its catalogued name or its path, its pictures and generator where they are said to be."""
    from w1bench.recipe import read_recipe

    if name.endswith(".toml"):
        return read_recipe(Path(name), root=root, checkpoint=checkpoint)
    catalogued = {path.stem: path for path in sorted(_RECIPES.rglob("*.toml"))}
    if name not in catalogued:
        raise RecipeError(
            f"{name!r} is neither a .toml file nor a catalogued recipe; there are: {', '.join(catalogued)}."
        )
    return read_recipe(catalogued[name], root=root, checkpoint=checkpoint)


def _engine(engine: Engine, workers: int, address: str | None, device: Device) -> Any:
    """Where shards are computed, by its name."""
    match engine:
        case Engine.local:
            from w1bench.engines.threads import LocalThreads

            return LocalThreads(workers)
        case Engine.processes:
            from w1bench.engines.processes import LocalProcesses

            return LocalProcesses(workers)
        case Engine.ray:
            from w1bench.engines.cluster import RayCluster

            place = address or config.from_environment().ray_address
            return RayCluster(place, workers, gpus=1 if device is Device.cuda else 0)


def _local_archive() -> Path:
    here = config.from_environment()
    if here.archive_is_url:
        raise RecipeError(f"W1BENCH_ARCHIVE is {here.archive}; pairs are built into a folder: give --archive DIR.")
    return Path(here.archive)
