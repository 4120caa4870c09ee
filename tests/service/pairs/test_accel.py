"""Behind a real nginx, downloads come from it, under the headers that the service gave them."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import h5py
import httpx2
import pytest
from starlette.testclient import TestClient

from support.files import ROOT
from support.recipes import small_recipe
from support.servers import serving
from w1bench.scoring.submission import largest_bytes
from w1bench_server.pairs.catalogue import PublishedPair, PublishedPairs
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

HOSTING = (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")
FILES = "/v1/pairs/small-d2-n4-p8/files"


def test_the_answer_names_the_file_to_nginx_and_is_empty(settings: Settings, pair: PublishedPair) -> None:
    with TestClient(create_app(settings.model_copy(update={"accel_prefix": "/_archive/"}))) as client:
        past_nginx = client.get(f"{FILES}/test.h5", headers={"Range": "bytes=5-9"})
        assert (past_nginx.status_code, len(past_nginx.content)) == (206, 5)
        client.headers["X-Forwarded-For"] = "192.0.2.7"
        answer = client.get(f"{FILES}/test.h5", headers={"Range": "bytes=5-9"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["x-accel-redirect"] == "/_archive/small-d2-n4-p8/test.h5"
        assert answer.headers["etag"] == f'"{pair.manifest.files["test.h5"].sha256}"'
        has_it = client.get(f"{FILES}/test.h5", headers={"If-None-Match": answer.headers["etag"]})
        assert has_it.status_code == 304
        assert "x-accel-redirect" not in has_it.headers
        for path in (f"{FILES}/nothing", f"{FILES}/..%2fmanifest.json", "/v1/pairs/nothing/files/test.h5"):
            refused = client.get(path)
            assert refused.status_code == 404
            assert "x-accel-redirect" not in refused.headers


Started = Callable[[str, dict[str, str]], httpx2.Client]


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Started]:
    """Starts an nginx with a configuration in which words are replaced; returns a client of it."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    with ExitStack() as stack:

        def start(text: str, words: dict[str, str]) -> httpx2.Client:
            folder = Path(mkdtemp(dir=tmp_path))
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            secure = "ssl;" in text
            here = f"127.0.0.1:{port}"
            listen = next(each for each in ("listen 443", "listen 127.0.0.1:8080", "listen 8080") if each in text)
            words = {"/tmp/": f"{folder}/", listen: f"listen {here}"} | words
            for word, other in words.items():
                assert word in text, word
                text = text.replace(word, other)
            config = folder / "nginx.conf"
            config.write_text(text)
            # root reads what the tests wrote
            process = stack.enter_context(subprocess.Popen([program, "-c", config, "-g", "daemon off; user root;"]))
            stack.callback(process.terminate)
            return stack.enter_context(_client(f"{'https' if secure else 'http'}://{here}"))

        yield start


def _client(address: object, source: str = "127.0.0.1") -> httpx2.Client:
    """A client that comes from the address `source`; the balancer's certificate is its own."""
    transport = httpx2.HTTPTransport(local_address=source, verify=False)
    return httpx2.Client(base_url=str(address), transport=transport, timeout=20)


@pytest.fixture
def in_front(nginx: Started) -> Iterator[Callable[[Settings], httpx2.Client]]:
    """Starts a server behind docker/nginx.conf as the command in hosting.md changes it; returns a client of that nginx."""
    with ExitStack() as stack:

        def start(settings: Settings) -> httpx2.Client:
            trusting = {"accel_prefix": "/_archive/", "trusted_proxies": ("127.0.0.1/32",), "log_level": "error"}
            _, direct = stack.enter_context(serving(settings.model_copy(update=trusting)))
            (command,) = re.findall(r"^sed .* docker/nginx.conf(?= >)", HOSTING, re.MULTILINE)
            done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True)
            here = {
                "127.0.0.1:8100": f"127.0.0.1:{direct.base_url.port}",
                "/srv/w1bench/archive": str(settings.archive),
            }
            client = nginx(done.stdout, here)
            _wait(client)
            return client

        yield start


@pytest.fixture
def behind_nginx(in_front: Callable[[Settings], httpx2.Client], settings: Settings) -> httpx2.Client:
    return in_front(settings)


@pytest.fixture
def balanced(nginx: Started, tmp_path: Path) -> Callable[..., httpx2.Client]:
    """Starts the balancer of hosting.md, with TLS, before an nginx, or before several; returns a client of it."""

    def start(inner: httpx2.Client, *others: httpx2.Client) -> httpx2.Client:
        key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
        names = ["-subj", "/CN=w1.example.org", "-keyout", key, "-out", certificate]
        made = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            *names,
        ]
        subprocess.run(made, check=True, capture_output=True)
        (block,) = [part for part in re.findall(r"```\n(.*?)```", HOSTING, re.DOTALL) if "http://10.0.0.8:8080" in part]
        words = {
            "10.0.0.8:8080": f"127.0.0.1:{inner.base_url.port}",
            "/etc/letsencrypt/live/w1.example.org": str(tmp_path),
        }
        for other in others:
            (upstream,) = [
                part for part in re.findall(r"```\n(.*?)```", HOSTING, re.DOTALL) if part.startswith("upstream")
            ]
            assert "with `proxy_pass http://w1bench;` and `proxy_request_buffering on;`" in HOSTING
            block = upstream + block.replace("http://10.0.0.8:8080", "http://w1bench")
            block = block.replace("proxy_request_buffering off;", "proxy_request_buffering on;")
            words["10.0.0.9:8080"] = f"127.0.0.1:{other.base_url.port}"
        client = nginx(f"pid /tmp/pid; events {{}}\nhttp {{ {_TEMPORARY}\n{block} }}", words)
        _wait(client)
        return client

    return start


_TEMPORARY = "".join(f"{name}_temp_path /tmp/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def _wait(client: httpx2.Client) -> None:
    assert _when_up(client, "/livez") == 200


def _when_up(client: httpx2.Client, path: str) -> int:
    end = time.monotonic() + 10
    while True:
        try:
            return client.get(path).status_code
        except httpx2.TransportError:
            assert time.monotonic() < end, "nginx did not start"
            time.sleep(0.05)


def test_nginx_sends_the_files_and_nothing_else(
    behind_nginx: httpx2.Client, pair: PublishedPair, is_problem: Callable[..., Any]
) -> None:
    client = behind_nginx
    for name in pair.files:
        content = (pair.folder / name).read_bytes()
        answer = client.get(f"{FILES}/{name}")
        assert answer.content == content
        assert answer.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
        assert answer.headers["server"] == "nginx"
        assert answer.headers["repr-digest"].startswith("sha-256=:")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert len(answer.headers["x-request-id"]) == 32
        immutable = name in pair.manifest.files
        assert answer.headers["cache-control"] == ("public, max-age=31536000, immutable" if immutable else "no-cache")
    url, content = f"{FILES}/test.h5", (pair.folder / "test.h5").read_bytes()
    etag = client.head(url).headers["etag"]
    assert client.get(url).headers["content-type"] == "application/x-hdf5"
    part = client.get(url, headers={"Range": "bytes=100-199", "If-Range": etag})
    assert (part.status_code, part.content) == (206, content[100:200])
    other = client.get(url, headers={"Range": "bytes=100-199", "If-Range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, len(content))
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(url, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.get("/_archive/small-d2-n4-p8/test.h5").status_code == 404
    for inside in ("/metrics", "/readyz"):
        assert client.get(inside).status_code == 404
    is_problem(client.get(f"{FILES}/nothing"), 404)


def test_uploads_pass_through_it(
    behind_nginx: httpx2.Client, settings: Settings, bearer: Callable[..., Any], truth: Any, npy: Callable[..., bytes]
) -> None:
    params = {"pair": "small-d2-n4-p8", "method": "mine"}
    answer = behind_nginx.post(
        "/v1/submissions", params=params, content=npy(truth["gradient"]), headers=bearer(settings)
    )
    assert answer.status_code == 201
    assert answer.json()["url"].startswith("/submissions/")


def test_the_largest_submission_passes_a_balancer(
    in_front: Callable[[Settings], httpx2.Client],
    balanced: Callable[[httpx2.Client], httpx2.Client],
    settings: Settings,
    bearer: Callable[..., Any],
    h5: Callable[..., bytes],
) -> None:
    """Beyond what nginx takes as it is (1 MB), up to the bound of the service, which says 413 itself."""
    pair = PublishedPairs(settings.archive).get("small-photos")
    with h5py.File(pair.folder / "test.h5") as file:
        arrays = {name: file[name][:].astype("f8") for name in ("gradient", "input_potential", "target_potential")}
    body = h5(arrays)
    assert len(body) > 4 << 20
    client = balanced(in_front(settings))
    send = partial(client.post, "/v1/submissions", params={"pair": "small-photos", "method": "mine"})
    answer = send(content=body, headers=bearer(settings))
    assert answer.status_code == 201, answer.text
    assert answer.json()["url"].startswith("/submissions/")
    padding = bytes(largest_bytes(pair.manifest) - len(body))
    assert client.post("/v1/validate", params={"pair": "small-photos"}, content=body + padding).status_code == 200
    beyond = send(content=body + padding + b"0", headers=bearer(settings))
    assert (beyond.status_code, beyond.headers["content-type"]) == (413, "application/problem+json")


def test_a_server_whose_service_is_stopped_is_passed_over(
    nginx: Started,
    in_front: Callable[[Settings], httpx2.Client],
    balanced: Callable[..., httpx2.Client],
    settings: Settings,
    bearer: Callable[..., Any],
    truth: Any,
    npy: Callable[..., bytes],
) -> None:
    """Its nginx lives, and answers 502, to uploads as well."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nothing = f"127.0.0.1:{taken.getsockname()[1]}"
    stopped = nginx(
        f"pid /tmp/pid; events {{}}\nhttp {{ {_TEMPORARY} server {{ listen 8080; location / {{ proxy_pass http://{nothing}; }} }} }}",
        {},
    )
    client = balanced(in_front(settings), stopped)
    assert _when_up(stopped, "/livez") == 502
    send = partial(client.post, "/v1/submissions", content=npy(truth["gradient"]), headers=bearer(settings))
    for number in range(6):
        answer = send(params={"pair": "small-d2-n4-p8", "method": f"mine {number}"})
        assert answer.status_code == 201, answer.text
    assert [client.get("/v1/pairs").status_code for _ in range(6)] == [200] * 6


def test_behind_a_balancer_each_client_has_its_own_limit(
    in_front: Callable[[Settings], httpx2.Client],
    balanced: Callable[[httpx2.Client], httpx2.Client],
    settings: Settings,
) -> None:
    limited = in_front(settings.model_copy(update={"requests_per_minute": 5}))
    for address, source in ((balanced(limited).base_url, "127.0.1"), (limited.base_url, "127.0.2")):
        with _client(address, f"{source}.1") as one, _client(address, f"{source}.2") as other:
            if (left := 60 - time.time() % 60) < 10:  # the server counts by minutes of the clock
                time.sleep(left)
            # A name that the client gives itself makes it no other.
            answers = [one.get("/v1/pairs", headers={"X-Forwarded-For": f"192.0.2.{i}"}) for i in range(6)]
            assert [answer.status_code for answer in answers] == [200] * 5 + [429]
            assert other.get("/v1/pairs").status_code == 200


def test_ranges_and_streams_pass_a_balancer_and_figures_stay_inside(
    in_front: Callable[[Settings], httpx2.Client],
    balanced: Callable[[httpx2.Client], httpx2.Client],
    settings: Settings,
    pair: PublishedPair,
    bearer: Callable[..., Any],
) -> None:
    client = balanced(in_front(settings.model_copy(update={"worker": "none"})))
    content = (pair.folder / "test.h5").read_bytes()
    head = client.head(f"{FILES}/test.h5")
    assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", len(content))
    part = client.get(f"{FILES}/test.h5", headers={"Range": "bytes=100-199", "If-Range": head.headers["etag"]})
    assert (part.status_code, part.content) == (206, content[100:200])
    for inside in ("/metrics", "/readyz", "/_archive/small-d2-n4-p8/test.h5"):
        assert client.get(inside).status_code == 404
    recipe, admin = small_recipe("asked").canonical(), bearer(settings, scope="admin")
    job = client.post("/v1/pairs", content=recipe, headers=admin).json()["id"]
    with client.stream("GET", f"/v1/jobs/{job}/events", timeout=5) as stream:  # nobody does the job: it stays open
        assert next(line for line in stream.iter_lines() if line.startswith("event: ")) == "event: queued"
