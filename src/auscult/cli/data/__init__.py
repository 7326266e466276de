"""`auscult data`: labelled sounds, before anything is learned from them. A module for each group of commands."""

from __future__ import annotations

from cyclopts import App, Group

from auscult.cli.data import versions
from auscult.cli.data.check import check
from auscult.cli.data.corpora import corpora
from auscult.cli.data.show import show
from auscult.cli.data.spectrograms import spectrograms

data = App(name="data", help="Look at labelled sounds, fetch known ones, and keep versions of your own.", sort_key=5)
data.command(check, sort_key=1)
data.command(show, sort_key=2)
data.command(spectrograms, sort_key=3)
data.command(corpora)

VERSIONS = Group("Versions of datasets", sort_key=2)
for command in (
    versions.create,
    versions.sync,
    versions.add,
    versions.remove,
    versions.log,
    versions.diff,
    versions.verify,
    versions.get,
    versions.tag,
    versions.prune,
):
    data.command(command, group=VERSIONS)
data.command(versions.set_values, name="set", group=VERSIONS)
data.command(versions.list_datasets, name="list", group=VERSIONS)
