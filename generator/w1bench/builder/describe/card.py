"""README.md, the data card of a pair."""

from __future__ import annotations

from w1bench.archive import hdf5 as store
from w1bench.archive.manifest import Manifest, PairState
from w1bench.builder.describe.family import describe_map, describe_pictures, describe_profile, describe_source
from w1bench.builder.describe.responsible import author_of
from w1bench.recipes.families import ASKS


def card(manifest: Manifest) -> str:
    """The data card as Markdown: what the pair is, how certain its truth is, and how to use it."""
    files = "\n".join(
        f"| `{name}` | {', '.join(f'`{n}` {s.shape}' for n, s in manifest.specs(name[:-3]).items())} | {entry.bytes:,} |"
        for name, entry in manifest.files.items()
    )
    figures = "\n".join(
        f"| {f.name} | {f.value:.3g} | {f.limit:.3g} | {_cell(f.meaning)} |" for f in manifest.certificate
    )
    return f"""# {manifest.name}, version {manifest.version}

{_about(manifest)}{_sealed(manifest) if manifest.state is PairState.SEALED else _known(manifest)}

- family `{manifest.family}`: it asks a critic {ASKS[manifest.family]};
- targets Q: {describe_source(manifest)}, all points inside half width {manifest.half_width:g};
- inputs P: {describe_map(manifest)};
{_remarks(manifest)}- points of shape {manifest.shape}, {manifest.dtype}; recipe SHA-256 `{manifest.recipe_sha256}`.

| file | data sets | bytes |
|---|---|---|
{files}

Certificate (every value is at most its limit; `w1bench verify` computes them again):

| figure | value | limit | meaning |
|---|---|---|---|
{figures}

```python
import w1bench
pair = w1bench.load("{manifest.name}")
{_use(manifest)}
```

Format: {store.FORMAT} {manifest.format_version}. Licence: {manifest.licence}. Author: {author_of(manifest)}.
Cite: {manifest.citation}
"""


def _cell(text: str) -> str:
    """Text in a cell of a Markdown table, whose bars are not those between cells."""
    return text.replace("|", r"\|")


def _about(manifest: Manifest) -> str:
    """The recipe's own description, if it has one."""
    about = manifest.public_recipe().about
    return f"{about.description}\n\n" if about and about.description else ""


def _known(manifest: Manifest) -> str:
    w1 = manifest.known_w1
    return f"""Two distributions whose Wasserstein-1 distance, optimal potential, gradient and plan are known:
**W1 = {w1.value:.8g}{
        f" +- {w1.stderr:.2g}** (standard error over {w1.rays:,} transport rays)" if w1.rays else "**, exactly"
    }.{f" By an integral over all rays it is {manifest.w1_exact:.12g}." if manifest.w1_exact is not None else ""}"""


def _remarks(manifest: Manifest) -> str:
    """Lines on the gradient and on the pictures, where there is something to say."""
    profile, pictures = describe_profile(manifest), describe_pictures(manifest.public_recipe())
    return (f"- the gradient: {profile};\n" if profile else "") + (f"- {pictures};\n" if pictures else "")


def _sealed(manifest: Manifest) -> str:
    return f"""Two distributions whose Wasserstein-1 distance, optimal potential, gradient and plan are kept back: **sealed**.
The truth was fixed beforehand, under the commitment `{manifest.commitment}`; when it is revealed, reveal.json, truth.h5
and what determines the potential lie beside these files, and `w1bench verify` holds them against it. Nothing here is paired."""


def _use(manifest: Manifest) -> str:
    if manifest.state is PairState.SEALED:
        return 'w1bench.submit(pair, method="mine", gradient=...)   # grad f at pair.test.input'
    return "card = w1bench.score(pair, gradient=...)   # grad f at pair.test.input"
