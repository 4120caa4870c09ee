"""`w1bench VERB`: the command line. Errors are one sentence on stderr and end with their code; `--json` prints one document."""

import os
import re
import sys
import warnings
from importlib.metadata import version
from typing import Annotated

import typer

from w1bench.cli import archive as archive_commands
from w1bench.cli import diagnosis as diagnosis_commands
from w1bench.cli import generators as generator_commands
from w1bench.cli import plot as figure_commands
from w1bench.cli import service as service_commands
from w1bench.cli import submissions as submission_commands
from w1bench.cli import trials as solver_commands
from w1bench.client import config
from w1bench.errors import InputError, W1BenchError, missing_extra

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(archive_commands.app)
app.add_typer(submission_commands.app)
app.add_typer(diagnosis_commands.app)
app.add_typer(solver_commands.app)
app.add_typer(service_commands.app)
app.add_typer(generator_commands.app, name="generator")
app.add_typer(figure_commands.app, name="plot")


def _say_version(asked: bool) -> None:
    if asked:
        print(f"w1bench {version('w1bench')}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Pairs of distributions with a known Wasserstein-1 distance: build, verify, fetch, score, solve, submit."""


_EXTRAS = {
    "torch": "torch", "numba": "torch", "scipy": "torch", "threadpoolctl": "torch", "PIL": "torch", "matplotlib": "torch",
    "fastapi": "server", "uvicorn": "server", "sqlalchemy": "server", "pydantic_settings": "server",
    "starlette": "server", "alembic": "server",
}  # fmt: skip


def main() -> None:
    """The console script: runs the command line, and turns errors into sentences and exit codes."""
    try:
        _refuse_empty(sys.argv[1:])
        for sentence in config.unread(os.environ):
            print(f"w1bench: {sentence}", file=sys.stderr)
        warnings.simplefilter("ignore", config.UnknownVariableWarning)  # which were told
        app()
    except W1BenchError as error:
        _fail(str(error), error.code)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        _fail(str(missing_extra(f"This command needs {error.name}, which is not installed", extra)), 2)
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


def _refuse_empty(words: list[str]) -> None:
    """An empty word is a variable of a script that was not set; a path would take it for the folder it is called in."""
    for before, word in zip(["w1bench", *words], words, strict=False):
        if not word or re.fullmatch(r"--[a-z0-9-]+=", word):
            raise InputError(f"An empty value came after {word or before}; give one, or leave it out.")
