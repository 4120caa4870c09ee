"""A pair in words: what P, Q and the family are, what is easy about it, and how its critics are scored from the outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import starmap
from shlex import quote
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlencode

from w1bench.archive.manifest import Manifest
from w1bench.client.metadata import Metadata
from w1bench.site.board.rows import Row
from w1bench.site.numbers import half
from w1bench.trials.results import reference_methods

FAMILIES = {
    "funnel": "minima of cones: all mass runs towards many centres, and the potential has a kink wherever two of them meet",
    "ball": "one centre: all mass runs towards the middle of a ball",
    "attenuation": "pictures that lose contrast or detail: what lies outside of a subspace shrinks",
    "smooth": "mass runs towards an ellipsoid, along rays that no kink divides",
    "shift": "everything moves by one vector",
    "product": "independent blocks of coordinates, each with funnels of its own",
    "spiked": "the pair lives in a few dimensions that nobody names, and all others are noise",
    "late": "most inputs are targets already, and a small share has been moved",
}


_NOTHING = Metadata()
PLACE = "ADDRESS"  # where pages of files lie; a page's script puts its own place there


class Snippet(NamedTuple):
    """A way to score a critic: the name of its tab and its lines."""

    name: str
    text: str


def source(manifest: Manifest) -> str:
    """What the targets Q are."""
    from w1bench.builder.describe.family import describe_source  # here, so that a server loads nothing that builds

    return describe_source(manifest)


def inputs(manifest: Manifest) -> str:
    """What the inputs P are."""
    from w1bench.builder.describe.family import describe_map

    return describe_map(manifest)


def easy(manifest: Manifest) -> str:
    """What the true gradient is made of; empty where that is not published."""
    from w1bench.builder.describe.family import describe_profile

    return describe_profile(manifest)


def resolution(rows: Iterable[Row]) -> float | None:
    """The least gap between two cosines that the test points of a pair tell apart, by the rows' intervals; None where there are none."""
    halves = [found for row in rows if (found := half(row.metrics.get("cos"))) is not None]
    return median(halves) * 2**0.5 if halves else None


def snippets(address: str, pair: str, *, sealed: bool = False) -> list[Snippet]:
    """From nothing to a row, in numpy, torch, JAX and with curl alone; `address` is the service's, empty where there are only files, which take no rows."""
    names = '"W1BENCH_SERVER"] = os.environ["W1BENCH_ARCHIVE"' if address else '"W1BENCH_ARCHIVE"'
    head = f'import os\nos.environ[{names}] = "{address or PLACE}"'
    tail = "evaluation = w1bench.evaluate(critic, pair)\nprint(evaluation)                        # every metric, and what is wrong in words"
    if address:
        tail += '\nrow = evaluation.submit(method="mine")      # with W1BENCH_TOKEN set; row["url"] is its page'
    load = f'pair = w1bench.load("{pair}")\nx, y = pair.train.input[:], pair.train.target[:]   # draws of P and of Q'
    numpy = (
        f"{head}\nimport numpy as np, w1bench\n\n{load}\na, b = (rows[:512].reshape(len(rows[:512]), -1) for rows in (x, y))\n\ndef critic(points):          # high on P, low on Q\n"
        "    def to(rows):\n        return np.linalg.norm(points.reshape(len(points), 1, -1) - rows, axis=2).mean(axis=1)\n    return to(b) - to(a)\n\n"
        + tail
    )
    torch = (
        f"{head}\nimport torch, w1bench\n\n{load}\ncritic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(x[0].size, 128),\n"
        "                             torch.nn.ReLU(), torch.nn.Linear(128, 1))\n# ... train it: mean f(x) - mean f(y), slopes of at most 1 ...\n"
        + tail
    )
    jax = (
        f"{head}\nimport jax.numpy as jnp, w1bench\n\n{load}\nmiddle = jnp.asarray(y.mean(axis=0))\n\ndef critic(point):           # of one point; w1bench takes its gradient\n"
        "    return -jnp.linalg.norm((point - middle).ravel())\n\n" + tail
    )
    files = (
        f"curl -O {PLACE}/{pair}/train.h5          # draws of P and Q\n"
        f"curl -O {PLACE}/{pair}/test.h5           # the points to answer at, and the truth there"
    )
    curl = (
        f"curl -O {address}/v1/pairs/{pair}/files/train.h5          # draws of P and Q\n"
        f"curl -O {address}/v1/pairs/{pair}/files/test.h5           # the points to answer at\n"
        "# write grad f at the rows of test.h5's `input` to mine.npy, then a dry run and the row:\n"
        f'curl --data-binary @mine.npy "{address}/v1/validate?pair={pair}"\n'
        f'curl --data-binary @mine.npy -H "Authorization: Bearer $W1BENCH_TOKEN" \\\n     "{address}/v1/submissions?pair={pair}&method=mine"'
    )
    if sealed:  # nobody here can score it; its row comes from a worker that has the truth
        sent = (
            f"{head}\nimport numpy as np, w1bench\n\n{load}\ng = np.tile(x.mean(axis=0) - y.mean(axis=0), (len(pair.test.input), 1))   # grad f at pair.test.input\n"
            'row = w1bench.submit(pair, method="mine", gradient=g / np.linalg.norm(g[0]))   # with W1BENCH_TOKEN set; scored as a job'
        )
        return [Snippet("numpy", sent), Snippet("curl", curl)] if address else [Snippet("curl", files)]
    return [
        Snippet("numpy", numpy),
        Snippet("torch", torch),
        Snippet("JAX", jax),
        Snippet("curl", curl if address else files),
    ]


def commands(address: str, pair: str, method: str, said: Metadata = _NOTHING) -> list[Snippet]:
    """What a page's form does, from a terminal: a dry run, and the row with what it says of itself."""
    given = said.given()
    named = {"pair": pair, "method": method}
    dry, row = (_query(named | of) for of in (said.facts.model_dump(exclude_none=True), given))
    cli = f"export W1BENCH_SERVER={address} W1BENCH_TOKEN=w1b_...\n{_submit(pair, 'mine.npy', method, given)}"
    if said.seed is not None:
        seeds = (f" --seed {seed}" for seed in (said.seed, said.seed + 1))
        others = {name: value for name, value in given.items() if name != "seed"}
        several = _submit(pair, "mine.npy another.npy", method, others) + "".join(seeds)
        cli += f"\n# several seeds are one row of the board, a file each:\n# {several}"
    curl = (
        f'curl --data-binary @mine.npy "{address}/v1/validate?{dry}"        # a dry run: nothing is kept\n'
        f'curl --data-binary @mine.npy -H "Authorization: Bearer $W1BENCH_TOKEN" "{address}/v1/submissions?{row}"'
    )
    return [Snippet("w1bench", cli), Snippet("curl", curl)]


def about(row: Row) -> Mapping[str, str] | None:
    """What is known of a row's method, if it is a reference method (see `w1bench.trials.results.reference_methods`)."""
    return reference_methods().get(row.method.split(" (")[0]) if row.reference else None


def citation(method: str, metadata: dict[str, Any], address: str, known: Mapping[str, str] | None = None) -> str:
    """BibTeX of a row's method, as far as the row, or what is `known` of a reference method, says where it was published."""
    key = "".join(letter for letter in method.lower() if letter.isalnum()) or "method"
    if known and "paper" in known:
        said = {
            "author": known["authors"].replace(", ", " and "), "title": known["paper"], "year": known["venue"][-4:],
            "note": known["venue"] + (f", arXiv:{known['arxiv']}" if "arxiv" in known else ""),
        }  # fmt: skip
    else:
        said = {"title": method} | ({"note": str(metadata["paper"])} if metadata.get("paper") else {})
    lines = [f"  {name} = {{{_escaped(text)}}}" for name, text in said.items()]
    lines += [f"  howpublished = {{{_escaped(metadata.get('code') or address)}}}"]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"


def _submit(pair: str, files: str, method: str, given: Mapping[str, Any]) -> str:
    """`w1bench submit` with an option for each thing that is said."""
    return " ".join([f"w1bench submit {pair} {files} --method {quote(method)}", *starmap(_option, given.items())])


def _option(name: str, value: Any) -> str:
    words = "batch-size" if name == "batch" else name.replace("_", "-")
    return f"--{'' if value else 'no-'}{words}" if isinstance(value, bool) else f"--{words} {quote(str(value))}"


def _query(given: Mapping[str, Any]) -> str:
    return urlencode({name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()})


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "&%$#_{}" else letter for letter in text)
