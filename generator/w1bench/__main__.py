"""`python -m w1bench` equals `w1bench`."""

from __future__ import annotations

from w1bench.cli.main import main

if __name__ == "__main__":
    main()
