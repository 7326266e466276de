"""The run folder: where each file of a training lies, and whose run it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from auscult.errors import OutputError, UsageError
from auscult.files import write_text
from auscult.locks import locked

# What `files.atomic_path` leaves when the process is killed while it writes.
UNFINISHED = ".*.partial*"
LOCK = ".lock"
# The part of `config.yaml` that is not given but found on the way.
CHOICE = "chosen"


class RunFolder:
    """`auscult train ... -o PATH` writes here.

    ``config.yaml`` (all that is needed to repeat the run), ``split.csv``, ``train_batch.png``, ``results.csv`` (a row
    an epoch), ``checkpoints/``, ``model.onnx``, ``metrics.json``, ``predictions.csv``, ``confusion_matrix.csv`` and
    ``.png``, and last ``report.html``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def split(self) -> Path:
        return self.path / "split.csv"

    @property
    def results(self) -> Path:
        return self.path / "results.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model.onnx"

    @property
    def backbones(self) -> Path:
        return self.path / "backbones.csv"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def open(self, *, config: Mapping[str, Any], resume: bool) -> None:
        """Begin a run here, or go on with the one that was begun with the same `config`.

        What a kill left half written is removed.

        Raises
        ------
        UsageError : the folder holds another run, or anything else
        OutputError : the folder cannot be written, or is a file
        """
        if not self._begun():
            self._check_empty()
            write_text(self.config, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))
        elif not resume:
            raise UsageError(
                f"{self.path}: holds a run already; add --resume to go on with it, or choose another folder with -o."
            )
        else:
            self._check_same(config)
        for folder in (self.path, self.checkpoints):
            for unfinished in folder.glob(UNFINISHED):
                unfinished.unlink(missing_ok=True)

    def keep_choice(self, choice: Mapping[str, Any]) -> None:
        """Add to `config.yaml` what was chosen on the way, so that a resumed run chooses no more."""
        config = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        write_text(self.config, yaml.safe_dump(config | {CHOICE: dict(choice)}, sort_keys=False, allow_unicode=True))

    def kept_choice(self) -> dict[str, Any] | None:
        """What `keep_choice` kept, if it did."""
        choice: dict[str, Any] | None = yaml.safe_load(self.config.read_text(encoding="utf-8")).get(CHOICE)
        return choice

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out of this folder for as long as the block lasts.

        Raises
        ------
        UsageError : another process has it
        OutputError : the folder cannot be written, or is a file
        """
        self._make()
        taken = f"{self.path}: another process trains here; wait for it, stop it, or choose another folder with -o."
        with locked(self.path / LOCK, taken=taken):
            try:
                yield
            finally:
                (self.path / LOCK).unlink(missing_ok=True)

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise OutputError(f"{self.path}: is a file; choose a folder with -o.") from error
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be made ({error.strerror or error}); choose another place with -o."
            ) from error

    def _begun(self) -> bool:
        """Whether anything was trained, or a fold begun: a run that failed before is begun anew."""
        folds = self.path.glob("fold-*/config.yaml")
        begun = self.checkpoints.exists() or self.results.exists() or self.backbones.exists() or any(folds)
        return self.config.exists() and begun

    def _check_empty(self) -> None:
        try:
            # A run killed or refused in its first moments leaves no more than these.
            others = [
                path.name
                for path in self.path.iterdir()
                if not path.match(UNFINISHED) and path.name not in (LOCK, "config.yaml", "split.csv", "train_batch.png")
            ]
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            raise OutputError(f"{self.path}: is a file; choose a folder with -o.") from error
        if others:
            raise UsageError(
                f"{self.path}: must be a new or empty folder, or hold a run to resume. "
                f"Got one with {', '.join(sorted(others)[:3])} in it; choose another with -o."
            )

    def _check_same(self, config: Mapping[str, Any]) -> None:
        try:
            before = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.config}: cannot be read ({error}); begin again in another folder.") from error
        if isinstance(before, dict):
            before.pop(CHOICE, None)
        changed = sorted(_differences(before, dict(config)))
        # What follows from the options says nothing more where these differ.
        changed = [one for one in changed if not one.startswith(("plan", "settled"))] or changed
        if changed:
            raise UsageError(
                f"{self.path}: holds a run that was begun otherwise ({'; '.join(changed)}); "
                "resume with the options and clips that it began with, or choose another folder with -o."
            )


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Each value that is not the same, as "name was X, is Y"."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [
            line
            for key in sorted({*before, *now})
            for line in _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        ]
    # Where the source lies may change between two starts (a relative path, another mount); its clips may not.
    if before == now or name == "source":
        return []
    return [f"{name} was {before}, is {now}"]
