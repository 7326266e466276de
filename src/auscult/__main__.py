"""`python -m auscult` is the command `auscult`."""

from auscult.cli import main

main()
