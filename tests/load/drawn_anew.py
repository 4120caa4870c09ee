"""The service as it is, but that it draws the resamples of every submission anew, as it once did.

PYTHONPATH=tests python -m load.drawn_anew, with the settings in W1BENCH_* variables
"""

from __future__ import annotations

from w1bench.scoring import bootstrap
from w1bench_server.settings import Settings
from w1bench_server.web.serve import serve

# Scoring processes import this module, too, because it is the main one.
bootstrap._KEPT._most_bytes = 0  # pyright: ignore[reportPrivateUsage]

if __name__ == "__main__":
    serve(Settings())
