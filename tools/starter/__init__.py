"""Builds the starter model: `python -m tools.starter ESC-10 --work FOLDER`. See `__main__.py`."""
