"""Pages of reference made from the code: commands from the command line, Python from docstrings, HTTP from openapi.json, settings from their class."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

import w1bench
from w1bench import errors
from w1bench.cli.main import app
from w1bench_server.settings import Settings
from w1bench_server.web.app import COMMITTED


def pages() -> dict[str, str | bytes]:
    """The pages by their paths."""
    return {
        "reference/commands.md": commands(), "reference/python.md": python(), "reference/http.md": http(), "reference/settings.md": settings(),
    }  # fmt: skip


def commands() -> str:
    """Every command with its arguments and options, as its `--help` says them."""
    parts = [
        "# Commands, from the code\n\nWhat `w1bench VERB --help` says, of all of them. With examples: [commands](../commands.md)."
    ]
    for words, command in leaves(get_command(app), "w1bench"):
        named = [p for p in command.params if p.name != "help"]
        usage = " ".join([words, *(_argument(p) for p in named if p.param_type_name == "argument")])
        rows = [
            f"| {', '.join(f'`{o}`' for o in (*p.opts, *p.secondary_opts)) if p.param_type_name == 'option' else f'`{_argument(p)}`'} | {_cell(p.help)} | {_default(p)} |"
            for p in named
        ]
        table = "\n".join(["| | | default |", "|---|---|---|", *rows]) if rows else ""
        parts.append(
            f"## {words}\n\n{inspect.cleandoc(command.help or '')}\n\n```text\n{usage} [OPTIONS]\n```\n\n{table}"
        )
    return "\n\n".join(parts) + "\n"


def leaves(group: Any, words: str) -> Iterator[tuple[str, Any]]:
    """All commands below a group, with the words that call them."""
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from leaves(command, f"{words} {name}")
        else:
            yield f"{words} {name}", command


def python() -> str:
    """What `import w1bench` offers: functions, then classes with their public members, then errors."""
    things = {name: getattr(w1bench, name) for name in w1bench.__all__ if name != "W1BenchError"}
    functions = [f"## `{name}`\n\n{_signed(name, f)}" for name, f in things.items() if inspect.isfunction(f)]
    classes = [_class(name, c) for name, c in things.items() if inspect.isclass(c)]
    kinds = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, errors.W1BenchError)]
    lines = [f"| `{c.__name__}` | `{c.__bases__[0].__name__}` | {c.code} | {_cell(inspect.getdoc(c))} |" for c in kinds]
    table = "\n".join(["| error | is a | exit code | |", "|---|---|---|---|", *lines])
    head = "# Python, from the code\n\n`import w1bench` loads nothing heavy; each name comes on first use, with what it needs."
    return "\n\n".join([head, *functions, *classes, f"## Errors\n\n{table}"]) + "\n"


def http() -> str:
    """The endpoints of openapi.json."""
    document = json.loads(COMMITTED.read_bytes())
    parts = [
        "# HTTP, from the code\n\nThe service's `/openapi.json`, which is also in the repository. Errors are `application/problem+json`. "
        "What lies behind the endpoints: [the service](../service.md)."
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            rows = [
                f"| `{p['name']}` | {p['in']} | {'yes' if p.get('required') else ''} | {_cell(p.get('description') or p.get('schema', {}).get('description'))} |"
                for p in operation.get("parameters", ())
            ]
            table = "\n".join(["| parameter | in | needed | |", "|---|---|---|---|", *rows]) if rows else ""
            body = ", ".join(f"`{kind}`" for kind in operation.get("requestBody", {}).get("content", ()))
            answers = ", ".join(f"{status}" for status in sorted(operation["responses"]))
            token = " Needs a token." if "security" in operation else ""
            said = operation.get("description") or operation.get("summary", "")
            parts.append(
                f"## {method.upper()} `{path}`\n\n{said}{token}\n\n{table}\n\n"
                + (f"Body: {body}. " if body else "")
                + f"Answers: {answers}."
            )
    return "\n\n".join(parts) + "\n"


def settings() -> str:
    """The service's settings, as their class says them."""
    rows = [
        f"| `W1BENCH_{name.upper()}` | {_value(field.default)} | {_cell(field.description)} |"
        for name, field in Settings.model_fields.items()
    ]
    head = "# Settings, from the code\n\nVariables of the environment of `w1bench serve` and `w1bench work`; how they are used: [the service](../service.md)."
    return "\n".join([head, "", "| variable | default | |", "|---|---|---|", *rows]) + "\n"


def _class(name: str, kind: type) -> str:
    members = [
        f"### `{name}.{member}`\n\n{_signed(member, found) if inspect.isfunction(found) else inspect.getdoc(found)}"
        for member, found in vars(kind).items()
        if not member.startswith(("_", "model_"))
        and inspect.getdoc(found)
        and (inspect.isfunction(found) or isinstance(found, property))
    ]
    return "\n\n".join([f"## `{name}`\n\n{_prose(inspect.getdoc(kind))}", *members])


def _signed(name: str, function: Any) -> str:
    signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))  # annotations without quotes
    signature = re.sub(r"\b(?:[a-z_0-9]+\.)+([A-Z]\w*)", r"\1", signature)  # and without modules
    if len(signature) > 90:
        signature = re.sub(r"(?<=[(,]) ?(?=\w+: |\*\*?\w*[:,]|\*, )", "\n    ", signature).replace(") ->", "\n) ->")
    return f"```python\n{name}{signature}\n```\n\n{_prose(inspect.getdoc(function))}"


def _prose(text: str | None) -> str:
    """A docstring as Markdown: `Raises:` and its lines as a list."""
    lines = (text or "").replace("<", "&lt;").splitlines()
    return "\n".join(
        f"**{line}**\n" if line in ("Raises:", "Returns:", "Yields:") else re.sub(r"^    (\w[\w, ]*: )", r"- \1", line)
        for line in lines
    )


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _default(parameter: Any) -> str:
    return (
        _value(parameter.default)
        if parameter.default not in (None, False, ()) and not callable(parameter.default)
        else ""
    )


def _value(value: object) -> str:
    shown = getattr(value, "value", value)
    return "" if shown is None or shown == () else f"`{shown}`"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", r"\|").replace("\n", " ").replace("<", "&lt;")
