"""`auscult data`: labelled sounds, before anything is learned from them. A module for each group of commands."""

from __future__ import annotations

from cyclopts import App

data = App(name="data", help="Look at labelled sounds, fetch known ones, and keep versions of your own.", sort_key=5)
