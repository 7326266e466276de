"""Commands for those who work on auscult; none of them is in the package."""
