"""`python -m w1bench` equals `w1bench`."""

from w1bench.cli import main

main()
