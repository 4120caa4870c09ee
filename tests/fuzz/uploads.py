"""Mutated uploads at length against a running service; writes what came of them to docs/benchmarks/fuzz-uploads.md."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from support.mutations import many, valid
from support.recipes import small_recipe
from support.servers import growth_of, serving
from w1bench.archive import hdf5 as store
from w1bench.builder.build import build
from w1bench_server.settings import Settings

RESULT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "fuzz-uploads.md"
PACKAGES = ("w1bench", "h5py", "numpy", "fastapi")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        recipe = small_recipe()
        with store.open_file(build(recipe, archive) / "test.h5") as test:
            bodies = valid({name: test[name][:] for name in ("gradient", "input_potential", "target_potential")})
        settings = Settings(archive=archive, data=Path(folder) / "data", port=0, min_free_bytes=0)
        statuses: Counter[int] = Counter()
        with serving(settings, seconds=2 * given.count + 60) as (process, client):
            for body in bodies.values():
                client.post("/v1/validate", params={"pair": recipe.name}, content=body).raise_for_status()
            with growth_of(process.pid) as growth:
                for description, body in many(bodies, given.count, given.seed):
                    answer = client.post("/v1/validate", params={"pair": recipe.name}, content=body)
                    if answer.status_code not in (200, 413, 422):
                        raise SystemExit(f"{answer.status_code} of {description}: {answer.text}")
                    statuses[answer.status_code] += 1
            client.get("/readyz").raise_for_status()
    text = _report(given.count, given.seed, statuses, max(growth))
    print(text)
    RESULT.write_text(text, encoding="utf-8")


def _report(count: int, seed: int, statuses: Counter[int], growth: int) -> str:
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    lines = [
        "# Mutated uploads",
        "",
        f"`python -m fuzz.uploads --count {count} --seed {seed}`, {datetime.now(UTC).date()}; {versions}.",
        "",
        "Valid `.h5` (contiguous, chunked, gzip; old and new format) and `.npy` uploads after bit flips, strange bytes, swaps,",
        "insertions, truncations and splices, posted to `/v1/validate` of a running service one after the other. 200: what was hit",
        "is not the arrays. Any other status than those below ends the run.",
        "",
        "| status | uploads |",
        "|---|---:|",
        *(f"| {status} | {number} |" for status, number in sorted(statuses.items())),
        "",
        f"The server and all its processes together grew by at most {growth / 1e6:.0f} MB.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
