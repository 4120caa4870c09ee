"""A recipe from the network is read, held against what may be built here, and refused at once where it may not be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from support.recipes import small_recipe
from w1bench.archive.drafts import unfinished
from w1bench.recipes.files import read_recipe
from w1bench.recipes.templates import TEMPLATES
from w1bench_server.errors import ProblemError
from w1bench_server.jobs.proposals import read_proposal
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

RECIPES = Path(__file__).parents[3] / "datasets" / "recipes"
URL = "/v1/pairs"
PAIR = "small-d2-n4-p8"
UNIFORM = {
    "name": "asked", "power": 8.0, "half_width": 2.5, "source": {"kind": "uniform", "dim": 2}, "funnel": {"count": 4},
    "sizes": {"train": 200, "test": 100, "probe": 10},
}  # fmt: skip
PHOTOS = UNIFORM | {"half_width": 1.2, "source": {"kind": "images", "dataset": "photos", "noise": 0.01}}
BLOCKS = {name: value for name, value in UNIFORM.items() if name != "power"} | {
    "source": {"kind": "uniform", "dim": 128},
    "sizes": {"train": 5000, "test": 100, "probe": 10},
}
ROTATED = {
    "name": "asked",
    "smooth": {"dim": 3, "axes": [1.0, 2.0], "reach": 1.0, "fraction": 0.5, "rotated": True},
    "sizes": {"w1_rays": 10**6},
}
GENERATED = {"kind": "generator", "checkpoint": "patches32.safetensors", "architecture": "x", "noise": 0.01}
PROJECTED = {"through": "projection", "generator": {"checkpoint": "patches32.safetensors", "architecture": "x"}}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_catalogued_recipe_may_be_asked_for(path: Path) -> None:
    asked = read_proposal(path.read_bytes())
    assert asked.canonical() == read_recipe(path).canonical()
    assert read_proposal(asked.canonical().encode()) == asked  # JSON says the same


@pytest.mark.parametrize("path", sorted((RECIPES / "outside").glob("*.toml")), ids=lambda path: path.stem)
def test_recipes_of_files_outside_may_not(path: Path) -> None:
    with pytest.raises(ProblemError) as refused:
        read_proposal(path.read_bytes())
    assert refused.value.status == 422


@pytest.mark.parametrize("kind", TEMPLATES)
def test_every_family_may_be_asked_for(kind: str) -> None:
    assert read_proposal(TEMPLATES[kind].encode()).family == kind


def changed(path: str, value: Any, recipe: dict[str, Any] = UNIFORM) -> bytes:
    """A recipe with one field set."""
    copy = json.loads(json.dumps(recipe))
    *tables, name = path.split(".")
    table = copy
    for key in tables:
        table = table[key]
    table[name] = value
    return json.dumps(copy).encode()


WRONG = [
    (b"", "#/body/name"),
    (b"\xff", "#/body"),
    (b"name = ", "#/body"),
    (b"{", "#/body"),
    (b"[" * 16_000, "#/body"),
    (b"[" * 100_000, "#/body"),
    (b'{"a": ' * 2500, "#/body"),
    (b'{"name": 1' + b"0" * 5000 + b"}", "#/body"),
    (b'{"name": "\\ud800"}', "#/body/name"),
    (changed("name", "../x"), "#/body/name"),
    (changed("name", "catalogue.json"), "#/body"),
    (changed("power", float("nan")), "#/body/power"),
    (changed("power", float("inf")), "#/body/power"),
    (changed("half_width", "2.5"), "#/body/half_width"),
    (changed("source", 3), "#/body/source"),
    (changed("source.kind", "hidden-kind"), "#/body/source"),
    (changed("source.dim", 0), "#/body/source/dim"),
    (changed("source.hidden", 1), "#/body/source"),
    (changed("secret", "0" * 64), "#/body/secret"),
    (changed("nothing", 1), "#/body"),
    (changed("funnel", []), "#/body/funnel"),
    (changed("funnel.count", 0), "#/body/funnel/count"),
    (changed("funnel.file", "/etc/passwd"), "#/body/funnel/file"),
    (changed("source.root", "/etc", PHOTOS), "#/body/source/root"),
    (changed("source.dataset", "cifar10", PHOTOS), "#/body/source/dataset"),
    (changed("source.sha256", "0" * 64, PHOTOS), "#/body/source/dataset"),
    (changed("source", GENERATED | {"checkpoint": "/etc/passwd"}), "#/body/source/checkpoint"),
    (changed("source", GENERATED | {"checkpoint": "../../README.md"}), "#/body/source/checkpoint"),
    (changed("source", GENERATED | {"checkpoint": 3}), "#/body/source/checkpoint"),
    (changed("source", GENERATED | {"sha256": "0" * 64}), "#/body/source/checkpoint"),
    (changed("source", GENERATED | {"path": "/etc/passwd"}), "#/body/source/path"),
    (changed("source", PHOTOS["source"] | PROJECTED | {"generator": {"checkpoint": "x"}}), "#/body/source/generator/checkpoint"),
    (changed("source", PHOTOS["source"] | PROJECTED | {"generator": {"path": "x"}}), "#/body/source/generator/path"),
    (changed("sizes.train", 10**9), "#/body/sizes"),
    (changed("late", {"share": 1.5}), "#/body/late/share"),
    (json.dumps(UNIFORM | {"spike": {"dim": 65536, "nuisance_std": 1.0}, "sizes": {"train": 20_000}}).encode(), "#/body/sizes"),
    (changed("smooth", {"dim": 2, "axes": [1.0, 2.0], "reach": 1.0, "fraction": 0.5}), "#/body"),
    (json.dumps(BLOCKS | {"product": {"blocks": 1024, "fraction": 0.1}}).encode(), "#/body/sizes"),
    (json.dumps(ROTATED | {"smooth": ROTATED["smooth"] | {"dim": 4096}}).encode(), "#/body/sizes"),
    (changed("sizes.w1_rays", 10**9, UNIFORM | {"funnel": {"count": 8192}}), "#/body/sizes"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "pointer"), WRONG, ids=[str(number) for number in range(len(WRONG))])
def test_what_may_not_be_built_is_refused_at_once_and_not_repeated(
    shared: TestClient,
    shared_settings: Settings,
    bearer: Callable[..., Any],
    is_problem: Any,
    body: bytes,
    pointer: str,
) -> None:
    problem = is_problem(shared.post(URL, content=body, headers=bearer(shared_settings, scope="admin")), 422)
    assert pointer in [part["pointer"] for part in problem["errors"]], problem
    assert not [
        word for word in ("hidden", "passwd", "etc", "\ud800") if word in json.dumps(problem, ensure_ascii=False)
    ]
    assert shared.app_state["service"].jobs.page(limit=9) == []


@pytest.mark.parametrize("body", [b"a." * 8000 + b"b = 1", b"[" + b"a." * 8000 + b"b]", b"#" * 16_385])
def test_what_takes_memory_to_parse_is_not_parsed(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr("tomllib.loads", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(ProblemError, match="neither TOML|16384 at most"):
        read_proposal(body)


def test_it_needs_an_admin_and_a_body_of_a_megabyte_at_most(
    shared: TestClient, shared_settings: Settings, bearer: Callable[..., Any], is_problem: Any
) -> None:
    body = json.dumps(UNIFORM).encode()
    is_problem(shared.post(URL, content=body), 401)
    is_problem(shared.post(URL, content=body, headers=bearer(shared_settings)), 403)
    is_problem(shared.post(URL, content=bytes(2 << 20), headers=bearer(shared_settings, scope="admin")), 413)
    is_problem(shared.get("/v1/jobs"), 401)
    is_problem(shared.get("/v1/jobs", headers=bearer(shared_settings)), 403)
    is_problem(shared.post("/v1/jobs/x/cancel", headers=bearer(shared_settings)), 403)


def test_the_same_recipe_is_the_same_job_and_a_taken_name_is_said(
    archive: Path, settings: Settings, bearer: Callable[..., Any], is_problem: Any
) -> None:
    admin = bearer(settings, scope="admin")
    own = settings.model_copy(update={"archive": settings.data / "archive"})
    shutil.copytree(archive / PAIR, own.archive / PAIR)
    hidden = unfinished(own.archive, "begun")
    hidden.mkdir()
    (hidden / "recipe.json").write_text(small_recipe("begun", seed=1).canonical())
    with TestClient(create_app(own)) as client:

        def post(recipe: dict[str, Any], key: str | None = None) -> Any:
            keyed = admin | ({"Idempotency-Key": key} if key else {})
            return client.post(URL, content=json.dumps(recipe), headers=keyed)

        first = post(UNIFORM, "k")
        assert first.status_code == 202
        row = first.json()
        assert (row["queue"], row["pair"], row["user"], row["state"]) == ("build", "asked", "ann", "queued")
        assert first.headers["location"] == f"/v1/jobs/{row['id']}"
        assert client.get(first.headers["location"]).json() == row
        for again in (post(UNIFORM, "k"), post(UNIFORM), post(UNIFORM, "another")):
            assert (again.status_code, again.json()) == (200, row)
        other = UNIFORM | {"power": 9.0}
        assert "new key" in is_problem(post(other, "k"), 409)["detail"]
        assert "Another job" in is_problem(post(other), 409)["detail"]
        assert "published already" in is_problem(post(UNIFORM | {"name": PAIR}), 409)["detail"]
        assert "unfinished build of another" in is_problem(post(UNIFORM | {"name": "begun"}), 409)["detail"]
        assert [job["id"] for job in client.get("/v1/jobs", headers=admin).json()["jobs"]] == [row["id"]]
        cancelled = client.post(f"/v1/jobs/{row['id']}/cancel", headers=admin).json()
        assert (cancelled["state"], cancelled["reason"]) == ("cancelled", "It was cancelled.")
        assert post(other, "k").status_code == 202  # the name and the key are free again
        page = client.get("/v1/jobs", params={"limit": 1}, headers=admin).json()
        rest = client.get("/v1/jobs", params={"limit": 1, "cursor": page["next"]}, headers=admin).json()
        assert [page["jobs"][0]["state"], rest["jobs"][0]["id"], rest["next"]] == ["queued", row["id"], None]
        is_problem(client.get("/v1/jobs", params={"limit": 501}, headers=admin), 400)
        is_problem(client.get("/v1/jobs", params={"cursor": "!"}, headers=admin), 400)


def test_a_disk_without_room_takes_no_recipe(settings: Settings, bearer: Callable[..., Any], is_problem: Any) -> None:
    full = settings.model_copy(update={"min_free_bytes": 1 << 62})
    with TestClient(create_app(full)) as client:
        admin = bearer(settings, scope="admin")
        assert "disk is full" in is_problem(client.post(URL, content=json.dumps(UNIFORM), headers=admin), 507)["detail"]
