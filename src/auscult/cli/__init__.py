"""The command line: parse, call, print, exit. Whatever it does, Python can do with one call."""

from auscult.cli.app import main

__all__ = ["main"]
