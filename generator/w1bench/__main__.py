"""`w1bench` and `python -m w1bench`: the command line, which is imported only to run it.

A process that is spawned imports the program of the one that spawned it once more, and needs none of its commands.
"""


def main() -> None:
    """Run the command line."""
    from w1bench.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
