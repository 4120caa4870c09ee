"""Accepted bodies lie under their digest; what a killed server left is swept."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from w1bench.errors import CheckFailedError
from w1bench_server.submissions.bodies import Bodies


def test_a_kept_body_has_its_digest_for_a_name(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    bodies.sweep(frozenset())
    digest = hashlib.sha256(b"body").hexdigest()
    for name in ("one", "again"):
        upload = bodies.incoming / name
        upload.write_bytes(b"body")
        bodies.keep(upload, digest)
        assert not upload.exists()
    with bodies.borrowed(digest) as path:
        assert path == tmp_path / "submissions" / digest[:2] / digest
        assert path.read_bytes() == b"body"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def age(folder: Path) -> None:
    """Let the bodies in a folder be old enough to be swept."""
    for path in folder.glob("*/*"):
        os.utime(path, (0, 0))


def test_leftovers_are_swept_and_recorded_bodies_stay(tmp_path: Path) -> None:
    bodies = Bodies(tmp_path)
    bodies.sweep(frozenset())
    for name in ("aa", "bb"):
        (bodies.incoming / name).write_bytes(b"")
        bodies.keep(bodies.incoming / name, name * 32)
    age(tmp_path / "submissions")
    (bodies.incoming / "partial").write_bytes(b"")
    bodies.sweep({"aa" * 32})
    stay = [path.name for path in tmp_path.rglob("*") if path.is_file() and "trash" not in path.parts]
    assert stay == ["aa" * 32]


def test_a_body_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckFailedError, match=r"is missing.*backup"), Bodies(tmp_path).borrowed("a" * 64):
        pass


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_bodies_elsewhere_are_shared_and_never_swept(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = str(tmp_path / "shared") if kind == "folder" else f"{request.getfixturevalue('bucket')}/{tmp_path.name}"
    one, two = (Bodies(tmp_path / name, url) for name in ("one", "two"))
    content = bytes(range(256)) * 40_000  # 10 MB: more than a part of an upload
    digest = hashlib.sha256(content).hexdigest()
    for bodies in (one, two):
        bodies.sweep(frozenset())
        for _ in range(2):
            upload = bodies.incoming / "upload"
            upload.write_bytes(content)
            bodies.keep(upload, digest)
            upload.unlink(missing_ok=True)
    two.sweep(frozenset())
    for bodies in (one, two):
        with bodies.borrowed(digest) as path:
            assert path.read_bytes() == content
        assert list(bodies.incoming.iterdir()) == []
        with pytest.raises(CheckFailedError, match="is missing"), bodies.borrowed("a" * 64):
            pass
    assert not (tmp_path / "one" / "submissions").exists()


def test_a_body_waits_for_its_job_and_is_kept_from_there(tmp_path: Path) -> None:
    bodies, job, digest = Bodies(tmp_path), "0" * 32, hashlib.sha256(b"body").hexdigest()
    bodies.sweep(frozenset())
    for name in (job, "f" * 32):
        (bodies.incoming / "upload").write_bytes(b"body")
        bodies.keep_waiting(bodies.incoming / "upload", name)
    age(tmp_path / "submissions")
    bodies.sweep({job})
    assert [path.name for path in (tmp_path / "submissions" / "waiting").iterdir()] == [job]
    with bodies.borrowed(digest, job=job) as path:
        bodies.keep(path, digest)
    with bodies.borrowed(digest, job=job) as path:  # as after a kill
        assert path == tmp_path / "submissions" / digest[:2] / digest
    for _ in range(2):
        bodies.forget_waiting(job)
