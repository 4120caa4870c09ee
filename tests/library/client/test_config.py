"""The environment: what each variable means for the others, and those that nothing reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from w1bench.client.config import DEFAULT_SERVER, SERVICE, UnknownVariableWarning, from_environment
from w1bench_server.settings import Settings


def test_pairs_come_from_the_archive_else_from_the_service() -> None:
    nothing = from_environment({})
    assert (nothing.archive, nothing.origin, nothing.server) == ("archive", "archive", DEFAULT_SERVER)
    server = from_environment({"W1BENCH_SERVER": "https://w1.example.org"})
    assert (server.archive, server.origin, server.server) == (
        "archive",
        "https://w1.example.org",
        "https://w1.example.org",
    )
    both = from_environment(
        {"W1BENCH_SERVER": "https://w1.example.org", "W1BENCH_ARCHIVE": "pairs", "W1BENCH_HOME": "h"}
    )
    assert (both.archive, both.origin, both.home) == ("pairs", "pairs", Path("h"))
    assert from_environment({"W1BENCH_SERVER": ""}).server == DEFAULT_SERVER


@pytest.mark.parametrize(
    ("name", "sentence"), [("W1BENCH_TOKENS", "perhaps W1BENCH_TOKEN was meant"), ("W1BENCH_XYZZY", "docs/commands.md")]
)
def test_a_variable_that_nothing_reads_is_named(name: str, sentence: str) -> None:
    with pytest.warns(UnknownVariableWarning, match=f"{name} is read by nothing; {sentence}"):
        from_environment({name: "x", "W1BENCH_SERVER": "http://here"})


def test_the_service_s_variables_are_its_settings() -> None:
    assert sorted(SERVICE) == sorted(name.upper() for name in Settings.model_fields)
