"""The developer commands of the `orochi` program that are written in Python: generate, describe, check, new."""

from .cli import main

__all__ = ['main']
