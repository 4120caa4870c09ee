"""A download is the file, byte for byte, whole or in any pieces, under its SHA-256."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Sequence
from email import message_from_bytes
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from starlette.testclient import TestClient

from support.ranges import rows_by_curl
from support.servers import serving
from w1bench_server.pairs.catalogue import PublishedPair
from w1bench_server.pairs.downloads import read_pieces
from w1bench_server.pairs.range_header import Span
from w1bench_server.settings import Settings

FILES = "/v1/pairs/small-d2-n4-p8/files"
Problem = Callable[[Any, int], dict[str, Any]]


def test_every_file_comes_whole_under_its_digest(shared: TestClient, pair: PublishedPair) -> None:
    for name in pair.files:
        answer = shared.get(f"{FILES}/{name}")
        content = (pair.folder / name).read_bytes()
        assert answer.content == content
        digest = hashlib.sha256(content)
        assert answer.headers["etag"] == f'"{digest.hexdigest()}"'
        assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        assert answer.headers["accept-ranges"] == "bytes"
        data = name in pair.manifest.files
        assert answer.headers["cache-control"] == ("public, max-age=31536000, immutable" if data else "no-cache")
        if data:
            assert pair.manifest.files[name].sha256 == digest.hexdigest()


def test_head_says_the_same_without_the_body(shared: TestClient) -> None:
    whole, head = shared.get(f"{FILES}/test.h5"), shared.head(f"{FILES}/test.h5")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**whole.headers, "x-request-id": ""}
    part = shared.head(f"{FILES}/test.h5", headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.headers["content-length"]) == (206, "2")


@examples(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 124_983), max_size=6, unique=True))
def test_any_pieces_make_the_file(shared: TestClient, pair: PublishedPair, cuts: list[int]) -> None:
    content = (pair.folder / "test.h5").read_bytes()
    edges = [0, *sorted(cuts), len(content)]
    pieces = b""
    for first, after in pairwise(edges):
        answer = shared.get(f"{FILES}/test.h5", headers={"Range": f"bytes={first}-{after - 1}"})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{after - 1}/{len(content)}"
        pieces += answer.content
    assert pieces == content


@pytest.mark.parametrize("cached", [True, False])
def test_a_file_of_several_pieces_comes_whole_from_the_cache_and_from_the_disk(archive: Path, cached: bool) -> None:
    path = archive / "small-d2-n4-p8" / "test.h5"
    content = path.read_bytes()

    async def read(body: Sequence[bytes | Span]) -> list[bytes]:
        return [bytes(piece) async for piece in read_pieces(path, body, piece_bytes=1000, ask_cache=cached)]

    for first, last in ((0, 999), (0, 1000), (1, 2001), (500, len(content) - 1), (0, len(content) - 1)):
        pieces = asyncio.run(read([(first, last)]))
        assert b"".join(pieces) == content[first : last + 1]
        assert max(map(len, pieces)) <= 1000
    assert b"".join(asyncio.run(read([(0, 1999), b"between", (5000, 9000)]))) == b"between".join(
        [content[:2000], content[5000:9001]]
    )


def test_several_ranges_come_in_parts(shared: TestClient, pair: PublishedPair) -> None:
    content = (pair.folder / "test.h5").read_bytes()
    answer = shared.get(f"{FILES}/test.h5", headers={"Range": "bytes=0-3,10-13"})
    assert answer.status_code == 206
    assert int(answer.headers["content-length"]) == len(answer.content)
    parts = message_from_bytes(
        b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    )
    assert [(part["content-range"], part.get_payload(decode=True)) for part in parts.get_payload()] == [
        (f"bytes 0-3/{len(content)}", content[:4]),
        (f"bytes 10-13/{len(content)}", content[10:14]),
    ]


def test_curl_and_od_read_the_rows_of_every_data_set(settings: Settings, pair: PublishedPair) -> None:
    with serving(settings) as (_, client):
        for file, entry in pair.manifest.files.items():
            assert entry.places is not None
            with h5py.File(pair.folder / file) as opened:
                for name, place in entry.places.items():
                    rows = rows_by_curl(
                        f"{str(client.base_url).rstrip('/')}/v1/pairs/{pair.name}/files/{file}",
                        place,
                        1,
                        min(5, place.shape[0]),
                    )
                    assert (rows == opened[name][1 : 1 + len(rows)]).all(), (file, name)
        assert client.get(f"/v1/pairs/{pair.name}").json()["files"]["test.h5"]["places"]["input"]["dtype"] == "<f8"


@pytest.mark.parametrize("malformed", ["bytes=5-2", "bytes=x", "pages=1-2", "bytes=" + "0-0," * 5000 + "0-0"])
def test_a_malformed_range_is_ignored(shared: TestClient, pair: PublishedPair, malformed: str) -> None:
    answer = shared.get(f"{FILES}/test.h5", headers={"Range": malformed})
    assert (answer.status_code, len(answer.content)) == (200, pair.manifest.files["test.h5"].bytes)


def test_a_range_beyond_the_end_is_a_problem(shared: TestClient, pair: PublishedPair, is_problem: Problem) -> None:
    answer = shared.get(f"{FILES}/test.h5", headers={"Range": "bytes=9999999-"})
    is_problem(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{pair.manifest.files['test.h5'].bytes}"


def test_who_has_the_file_gets_304(shared: TestClient) -> None:
    etag = shared.head(f"{FILES}/test.h5").headers["etag"]
    for tags in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        answer = shared.get(f"{FILES}/test.h5", headers={"If-None-Match": tags, "Range": "bytes=0-1"})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert shared.get(f"{FILES}/test.h5", headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{FILES}/nothing.h5",
        f"{FILES}/..%2fmanifest.json",
        f"{FILES}/%2e%2e",
        f"{FILES}/%00",
        f"{FILES}/../../../../../etc/passwd",
        "/v1/pairs/..%2f..%2fetc/files/passwd",
        "/v1/pairs/%2e%2e/files/catalogue.json",
        "/v1/pairs/%2e/files/catalogue.json",
        "/v1/pairs/.hidden/files/manifest.json",
        "/static/../app.py",
        "/static/..%2fapp.py",
    ],
)
def test_nothing_else_on_the_disk_is_served(shared: TestClient, is_problem: Problem, path: str) -> None:
    is_problem(shared.get(path), 404)
