"""Behind a real nginx, downloads come from it, under the headers that the service gave them."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from support.servers import serving
from w1bench_server.pairs.published import PublishedPair
from w1bench_server.settings import Settings
from w1bench_server.web.app import create_app

CONFIG = Path(__file__).parents[3] / "docker" / "nginx.conf"
FILES = "/v1/pairs/small-d2-n4-p8/files"


def test_the_answer_names_the_file_to_nginx_and_is_empty(settings: Settings, pair: PublishedPair) -> None:
    with TestClient(create_app(settings.model_copy(update={"accel_prefix": "/_archive/"}))) as client:
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


@pytest.fixture
def behind_nginx(settings: Settings, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of the nginx of docker/nginx.conf, before a server of its own."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    trusting = {"accel_prefix": "/_archive/", "trusted_proxies": ("127.0.0.1/32",), "log_level": "error"}
    with serving(settings.model_copy(update=trusting)) as (_, direct):
        text = CONFIG.read_text(encoding="utf-8")
        for word, here in (
            ("server server:8100;", f"server 127.0.0.1:{direct.base_url.port};"),
            ("listen 8080;", f"listen 127.0.0.1:{port};"),
            ("alias /archive/;", f"alias {settings.archive}/;"),
            ("/tmp/nginx", f"{tmp_path}/nginx"),
        ):
            assert word in text
            text = text.replace(word, here)
        config = tmp_path / "nginx.conf"
        config.write_text(text)
        with subprocess.Popen(
            [program, "-c", config, "-g", "daemon off; user root;"]
        ) as process:  # root reads what the tests wrote
            try:
                with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
                    _wait(client)
                    yield client
            finally:
                process.terminate()


def _wait(client: httpx2.Client) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            assert client.get("/livez").status_code == 200
            return
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
