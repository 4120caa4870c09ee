"""Settings come from arguments, then from the environment, then from the defaults, and cannot be changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from w1bench_server.settings import Settings


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W1BENCH_PORT", "9000")
    monkeypatch.setenv("W1BENCH_DATA", "/somewhere")
    monkeypatch.setenv("W1BENCH_ARCHIVE", "")
    settings = Settings(port=9001)
    assert (settings.port, settings.data, settings.archive) == (9001, Path("/somewhere"), Path("archive"))


def test_the_database_lies_in_data_unless_another_is_named(tmp_path: Path) -> None:
    odd = tmp_path / "a folder?with#signs"
    assert Settings(data=odd).database.database == str(odd / "w1bench.sqlite")
    assert Settings(database_url="postgresql+psycopg://host/base").database.drivername == "postgresql+psycopg"


def test_trusted_proxies_are_networks_with_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("W1BENCH_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,::1")
    settings = Settings()
    assert [str(network) for network in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_required_layers_have_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().jail_required == ()
    monkeypatch.setenv("W1BENCH_JAIL_REQUIRED", "seccomp, landlock")
    assert Settings().jail_required == ("seccomp", "landlock")


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted_proxies": "*"},
        {"trusted_proxies": "10.0.0.1/8"},
        {"jail_required": "selinux"},
        {"port": 65536},
        {"scoring_processes": 0},
        {"public_url": "ftp://x"},
        {"unknown": 1},
        {"scoring_seconds": 0},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)  # pyright: ignore[reportArgumentType]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # pyright: ignore[reportAttributeAccessIssue]
