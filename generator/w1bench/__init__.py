"""w1bench: pairs of distributions with a known Wasserstein-1 distance, potential and gradient.

```
pair = w1bench.load("hd-d16-n64-p8")
card = w1bench.score(pair, gradient=g)
```
"""

from w1bench.errors import W1BenchError
from w1bench.opened import OpenedPair, load, score, submit
from w1bench.scorecard import Scorecard

__all__ = ["OpenedPair", "Scorecard", "W1BenchError", "load", "score", "submit"]
