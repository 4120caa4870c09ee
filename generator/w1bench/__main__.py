"""`python -m w1bench` equals `w1bench`."""

from w1bench.cli.main import main

if __name__ == "__main__":
    main()
