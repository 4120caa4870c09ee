"""The data card of a pair: README.md beside its files."""

from __future__ import annotations

from w1bench import store
from w1bench.manifest import Manifest


def card(manifest: Manifest) -> str:
    """Markdown that says what the pair is, how sure its truth is, and how to use it."""
    files = "\n".join(
        f"| `{name}` | {', '.join(f'`{n}` {s.shape}' for n, s in manifest.specs(name[:-3]).items())} | {entry.bytes:,} |"
        for name, entry in manifest.files.items()
    )
    figures = "\n".join(f"| {f.name} | {f.value:.3g} | {f.limit:.3g} | {f.meaning} |" for f in manifest.certificate)
    return f"""# {manifest.name}, version {manifest.version}

Two distributions whose Wasserstein-1 distance, optimal potential, gradient and plan are known:
**W1 = {manifest.w1:.8g} +- {manifest.w1_stderr:.2g}** (standard error over {manifest.w1_rays:,} transport rays).

- targets Q: {manifest.recipe["source"]}, inside half width {manifest.half_width};
- inputs P: Q moved down the rays of a MinFunnel of {manifest.funnels} funnels with power {manifest.power}
  ({manifest.dominated_funnels} dominated funnels dropped);
- points of shape {manifest.shape}, {manifest.dtype}; recipe SHA-256 `{manifest.recipe_sha256}`.

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
card = w1bench.score(pair, gradient=...)   # grad f at pair.test.input
```

Format: {store.FORMAT} {manifest.format_version}. Licence: {manifest.licence}.
Cite: {manifest.citation}
"""
