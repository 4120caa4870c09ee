"""A real server on the loopback: download, submit, kill -9, start again; it says where it is and ends when told."""

from __future__ import annotations

import hashlib
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from support.forks import command
from support.processes import wait_for
from support.servers import serving
from w1bench.errors import CheckFailedError, InputError, PairError
from w1bench_server.database import connection as database
from w1bench_server.ledger.chain import check_chain
from w1bench_server.ledger.ledger import Ledger
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.submissions.bodies import Bodies
from w1bench_server.web.serve import serve


def break_off(client: httpx2.Client, settings: Settings) -> None:
    """Begin an upload and hang up; what came of it must go."""
    incoming = settings.data / "incoming"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as connection:
        head = "POST /v1/validate?pair=small-d2-n4-p8 HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n"
        connection.sendall(head.encode() + bytes(1000))
        wait_for(lambda: len(list(incoming.iterdir())) == 1, seconds=20)
    wait_for(lambda: list(incoming.iterdir()) == [], seconds=20)


def test_rows_survive_a_kill_and_workers_do_not(
    settings: Settings, pair: PublishedPair, truth: dict[str, Any], h5: Callable[..., bytes], bearer: Callable[..., Any]
) -> None:
    headers = bearer(settings)
    with serving(settings) as (process, client):
        url = f"/v1/pairs/{pair.name}/files/train.h5"
        head = client.head(url)
        size = int(head.headers["content-length"])
        parts = [client.get(url, headers={"Range": f"bytes={a}-{a + 29_999}"}) for a in range(0, size, 30_000)]
        content = b"".join(part.content for part in parts)
        assert head.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"' == parts[0].headers["etag"]
        assert client.get(url).content == content
        assert client.get(url, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
        params = {"pair": pair.name, "method": "mine"}
        answer = client.post("/v1/submissions", params=params, content=h5(truth), headers=headers)
        assert answer.status_code == 201
        assert answer.json()["url"] == f"/submissions/{answer.json()['id']}"
        board = client.get("/v1/leaderboard").json()["rows"]
        break_off(client, settings)
        children = psutil.Process(process.pid).children(recursive=True)
        (settings.data / "incoming" / "partial").write_bytes(b"left by a killed server")
        process.kill()
        process.wait(10)
        assert children
        assert psutil.wait_procs(children, timeout=10)[1] == []
    with serving(settings) as (process, client):
        again = client.get("/v1/leaderboard").json()["rows"]
        assert [{**row, "url": ""} for row in again] == [{**row, "url": ""} for row in board]
        repeated = client.post("/v1/submissions", params=params, content=h5(truth), headers=headers)
        assert repeated.status_code == 200
        assert list((settings.data / "incoming").iterdir()) == []
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""  # one line is all it printed
        assert psutil.wait_procs(children, timeout=10)[1] == []


def test_two_servers_share_a_database_and_lose_and_double_nothing(
    settings: Settings, tmp_path: Path, new_database: Callable[[str], str | None], truth: dict[str, Any],
    npy: Callable[..., bytes], bearer: Callable[..., Any],
) -> None:  # fmt: skip
    shared = {
        "database_url": new_database("postgresql"),
        "bodies_url": str(tmp_path / "bodies"),
        "scoring_processes": 1,
    }
    both = [settings.model_copy(update={**shared, "data": tmp_path / name}) for name in ("one", "two")]
    headers = bearer(both[0])
    bodies = [npy(scale * truth["gradient"]) for scale in range(1, 13)]
    with serving(both[0]) as (_, one), serving(both[1]) as (_, two):

        def post(task: tuple[int, httpx2.Client]) -> Any:
            params = {"pair": "small-d2-n4-p8", "method": f"m{task[0] % 3}"}
            return task[1].post("/v1/submissions", params=params, content=bodies[task[0]], headers=headers)

        tasks = [(i, client) for i in range(len(bodies)) for client in (one, two)]
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(post, tasks))
        assert sorted(answer.status_code for answer in answers) == [200] * 12 + [201] * 12
        assert all(a.json()["id"] == b.json()["id"] for a, b in zip(answers[::2], answers[1::2], strict=True))
        boards = [client.get("/v1/leaderboard").json() for client in (one, two)]
        for board in boards:
            for row in board["rows"]:
                row["url"] = ""
        assert boards[0] == boards[1]
        assert boards[0]["as_of"] == 12
    with database.opened(both[0]) as engine:
        rows = Ledger(engine).rows()
        check_chain(rows)
        assert len(rows) == 12
        assert len(list((tmp_path / "bodies").glob("*/*"))) == 12


def test_an_interrupt_ends_it_cleanly(settings: Settings) -> None:
    with serving(settings) as (process, client):
        assert client.get("/readyz").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_what_cannot_be_served_is_said_in_a_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PairError, match="is not a folder"):
        serve(settings.model_copy(update={"archive": tmp_path / "nowhere"}))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match="cannot be listened on"):
            serve(settings.model_copy(update={"port": port}))


def test_an_empty_database_beside_bodies_is_said_in_a_sentence(settings: Settings) -> None:
    Bodies(settings.data).set_owner("of another database")
    answer = command("serve", "--archive", settings.archive, "--data", settings.data, "--port", 0)
    assert answer.returncode == InputError.code
    assert answer.stdout == ""
    assert answer.stderr.splitlines()[-1].startswith("w1bench: The bodies in ")
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr) < 1000


def test_the_ledger_does_not_lie_in_the_archive(settings: Settings) -> None:
    for inside in (settings.archive, settings.archive / "data"):
        with pytest.raises(InputError, match="inside the archive"):
            serve(settings.model_copy(update={"data": inside}))
        assert not (settings.archive / "data").exists()


def test_a_broken_ledger_is_not_served(settings: Settings, make_entry: Callable[..., Any]) -> None:
    from sqlalchemy import text

    with database.opened(settings) as engine:
        Ledger(engine).append(make_entry("a", cos=0.1))
        with database.writing(engine) as connection:
            connection.execute(text("DROP TRIGGER ledger_refuse_update"))
            connection.execute(text("UPDATE ledger SET document = replace(document, 'mine', 'better')"))
    with pytest.raises(CheckFailedError, match="broken at row 1"):
        serve(settings)


def test_the_data_are_closed_to_other_users(
    settings: Settings, truth: dict[str, Any], npy: Callable[..., bytes], bearer: Callable[..., Any]
) -> None:
    headers = bearer(settings)
    settings.data.chmod(0o775)  # as an older release left it, with a group that is the operator's business
    with serving(settings) as (_, client):
        params = {"pair": "small-d2-n4-p8", "method": "mine"}
        answer = client.post("/v1/submissions", params=params, content=npy(truth["gradient"]), headers=headers)
        assert answer.status_code == 201
    assert settings.data.stat().st_mode & 0o777 == 0o770
    made = list((settings.data / "submissions").rglob("*"))
    assert made
    assert [path for path in made if path.stat().st_mode & 0o007] == []


def test_a_new_data_folder_is_its_owners_alone(settings: Settings, tmp_path: Path) -> None:
    with serving(settings.model_copy(update={"data": tmp_path / "new"})):
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
