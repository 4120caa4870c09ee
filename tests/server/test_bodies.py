"""Accepted bodies lie under their digest; what a killed server left is swept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from w1bench_server.bodies import Bodies


def test_a_kept_body_has_its_digest_for_a_name(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    bodies.sweep(frozenset())
    digest = hashlib.sha256(b"body").hexdigest()
    for name in ("one", "again"):
        upload = bodies.incoming / name
        upload.write_bytes(b"body")
        assert bodies.keep(upload, digest) == tmp_path / "submissions" / digest[:2] / digest
        assert not upload.exists()
    assert bodies.path(digest).read_bytes() == b"body"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_leftovers_are_swept_and_recorded_bodies_stay(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    bodies.sweep(frozenset())
    for name in ("aa", "bb"):
        (bodies.incoming / name).write_bytes(b"")
        bodies.keep(bodies.incoming / name, name * 32)
    (bodies.incoming / "partial").write_bytes(b"")
    bodies.sweep({"aa" * 32})
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["aa" * 32]
