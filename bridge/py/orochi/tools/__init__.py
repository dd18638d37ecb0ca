"""The developer commands of the `orochi` program that are written in Python: generate, describe, check, new."""


def main(argv):
    """Runs one command; see cli.main."""
    from .cli import main
    return main(argv)
