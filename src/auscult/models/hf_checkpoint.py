"""Checkpoints of transformers: found in a folder or on the hub, pinned, and looked at before anything is loaded.

What is taken from a checkpoint is JSON, plain text and safetensors. Weights as pickle, and Python beside the weights,
could run code when opened, so neither is fetched or opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from auscult.errors import ModelFileError, UsageError
from auscult.extras import require_extra

HF = "hf:"
EXTRA = "hf"
PURPOSE = "a transformers checkpoint (hf:...)"

# Configuration, vocabulary, model card, and weights, whole or in shards. Nothing else is fetched from the hub.
_WANTED = ("*.json", "*.txt", "README.md", "model.safetensors", "model-*.safetensors")
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_BLOCK_BYTES = 1 << 20
_MAX_JSON_BYTES = 1 << 26


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk.

    Attributes
    ----------
    name : as it was asked for, without "hf:" and revision
    folder : where its files are
    revision : the hub's commit, 40 hexadecimal digits; None for a folder that did not come from the hub
    config : what `config.json` holds
    """

    name: str
    folder: Path
    revision: str | None
    config: Mapping[str, Any]

    @property
    def model_type(self) -> str:
        """Family of the network, as transformers names it, e.g. "wav2vec2"."""
        return str(self.config["model_type"])

    @property
    def architectures(self) -> tuple[str, ...]:
        """Classes of transformers that the weights were saved from."""
        names = self.config.get("architectures") or ()
        return tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()

    @property
    def origin(self) -> str:
        """Where it comes from, in a form that opens it again: ``hf:NAME@COMMIT`` or ``hf:FOLDER``."""
        return f"{HF}{self.name}" + (f"@{self.revision}" if self.revision else "")

    @property
    def weights(self) -> tuple[Path, ...]:
        """Its safetensors files, by name."""
        return tuple(sorted(path for path in self.folder.iterdir() if _WEIGHTS.fullmatch(path.name)))

    @property
    def license(self) -> str:
        """What the model card says at its head; words that say so where it does not."""
        card = self.folder / "README.md"
        head = card.read_text("utf-8", "replace")[:10_000] if card.is_file() else ""
        block = re.match(r"---\n(.*?)\n---", head, re.DOTALL)
        said = re.search(r"^license:[ \t]*([\w.+-]+)", block[1], re.MULTILINE) if block else None
        return said[1] if said else "unspecified: see the card of the checkpoint"

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names and contents of configuration, vocabulary and weights, hexadecimal."""
        total = hashlib.sha256()
        for path in sorted(self.folder.iterdir()):
            if path.suffix in (".json", ".txt") or _WEIGHTS.fullmatch(path.name):
                total.update(f"{path.name}\n{path.stat().st_size}\n".encode())
                with path.open("rb") as file:
                    while block := file.read(_BLOCK_BYTES):
                        total.update(block)
        return total.hexdigest()

    def read_json(self, name: str) -> dict[str, Any]:
        """What one of its JSON files holds; empty where there is no such file."""
        path = self.folder / name
        return _read_json(path) if path.is_file() else {}


def find_checkpoint(asked: str, *, revision: str | None = None, quiet: bool = False) -> Checkpoint:
    """A checkpoint by what follows "hf:", fetched from the hub where need be.

    Parameters
    ----------
    asked : a folder; or the name of a repository on the hub, such as "MIT/ast-finetuned-audioset-10-10-0.4593", alone
        or followed by ``@`` and a revision
    revision : commit, tag or branch on the hub; None: that in `asked`, else the newest
    quiet : show no progress where it is fetched

    Raises
    ------
    ModelFileError : no such checkpoint, one that cannot be fetched, or one that only code or pickle could open
    UsageError : a revision of a folder, or two different ones
    MissingExtraError : without the extra `hf`
    """
    folder = Path(asked).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise UsageError(
                f"{asked}: the 'revision' parameter belongs to names on the hub, and this is a folder; leave it out."
            )
        return _opened(asked, folder, None)
    name, _, of_name = asked.partition("@")
    if of_name and revision is not None and of_name != revision:
        raise UsageError(
            f"{HF}{asked}: its revision is named twice and differently. Got {revision!r} for 'revision'; leave one out."
        )
    if not _NAME.fullmatch(name) or ".." in name:
        raise ModelFileError(
            f"{HF}{asked}: there is no such folder, and it cannot be a name on the hub, which looks like "
            "organisation/model; correct the path or the name"
        )
    folder, commit = _fetched(name, of_name or revision, quiet=quiet)
    return _opened(name, folder, commit)


def _fetched(name: str, revision: str | None, *, quiet: bool) -> tuple[Path, str | None]:
    """The snapshot of a repository in the hub's own cache, and its commit. Nothing is fetched that is there."""
    hub = require_extra("huggingface_hub", extra=EXTRA, purpose=PURPOSE)
    errors = require_extra("huggingface_hub.errors", extra=EXTRA, purpose=PURPOSE)
    try:
        with _quiet_hub(hub, bars=not quiet):
            folder = Path(hub.snapshot_download(name, revision=revision, allow_patterns=list(_WANTED)))
    except errors.GatedRepoError as error:
        raise ModelFileError(
            f"{HF}{name}: its owner asks for consent before it is fetched; agree on its page on the hub and log in "
            "with: hf auth login"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelFileError(
            f"{HF}{name}: the hub has no revision {revision!r} of it; name a commit, tag or branch that its page shows"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelFileError(
            f"{HF}{name}: there is no such folder here, and no such model on the hub (or it is private); correct the "
            "name, or log in with: hf auth login"
        ) from error
    # Whatever else goes wrong on the way has many types: of the hub, of its HTTP client, of the disk.
    except Exception as error:
        at = f" at revision {revision}" if revision else ""
        raise ModelFileError(
            f"{HF}{name}: not a folder here, not in the cache of models{at}, and the hub could not be asked "
            f"({first_line(error)}); names on the hub need a network the first time. Go online once, or name a folder "
            f"that holds config.json and model.safetensors: {HF}FOLDER"
        ) from error
    return folder, folder.name if _COMMIT.fullmatch(folder.name) else None


def _opened(name: str, folder: Path, revision: str | None) -> Checkpoint:
    """Look at a checkpoint's files without loading any."""
    where = f"{HF}{name}"
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise ModelFileError(
            f"{where}: it holds no config.json, so it is no transformers checkpoint; name the folder that "
            "save_pretrained wrote"
        )
    config = _read_json(config_path)
    if not isinstance(config.get("model_type"), str):
        raise ModelFileError(
            f"{where}: its config.json names no 'model_type', so transformers cannot tell what it is; save it again "
            "with save_pretrained"
        )
    checkpoint = Checkpoint(name, folder, revision, config)
    _refuse_code(checkpoint, where)
    if not checkpoint.weights:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLES)
        found = f"only {', '.join(pickles)}, which is pickle and could run code" if pickles else "none"
        if revision is not None:
            found += " (weights in other forms are not fetched)"
        raise ModelFileError(
            f"{where}: its weights must be model.safetensors; there is {found}. Take a revision that has them, or on a "
            "machine that you can lose, load it with transformers and save_pretrained it"
        )
    return checkpoint


def _refuse_code(checkpoint: Checkpoint, where: str) -> None:
    auto = require_extra("transformers.models.auto.configuration_auto", extra=EXTRA, purpose=PURPOSE)
    if checkpoint.model_type in auto.CONFIG_MAPPING:
        return
    if "auto_map" in checkpoint.config:
        raise ModelFileError(
            f"{where}: it needs Python code of its own (its config.json has an 'auto_map'), which auscult never runs; "
            "take a model of a family that transformers knows"
        )
    transformers = require_extra("transformers", extra=EXTRA, purpose=PURPOSE)
    raise ModelFileError(
        f"{where}: transformers {transformers.__version__} knows no model_type {checkpoint.model_type!r}; upgrade it "
        "with: pip install -U transformers"
    )


@contextlib.contextmanager
def _quiet_hub(hub: Any, *, bars: bool) -> Iterator[None]:
    """The hub may draw its `bars` of files that are fetched; it warns of nothing that a user must know."""
    verbosity = hub.logging.get_verbosity()
    hub.logging.set_verbosity_error()
    hide = not bars and not hub.utils.are_progress_bars_disabled()
    # Without effect, but for a warning, where the user's environment asks for bars.
    with warnings.catch_warnings(action="ignore"):
        if hide:
            hub.utils.disable_progress_bars()
    try:
        yield
    finally:
        hub.logging.set_verbosity(verbosity)
        if hide:
            hub.utils.enable_progress_bars()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ValueError(f"larger than {_MAX_JSON_BYTES >> 20} MiB")
        values = json.loads(path.read_text("utf-8"))
        if not isinstance(values, dict):
            raise ValueError("not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: it must hold a JSON object ({error}); fetch or save the model again") from error
    return values


def not_together(checkpoint: Checkpoint, error: Exception) -> ModelFileError:
    """What to say where files of a checkpoint, saved for another network or edited, go wrong when they are used."""
    return ModelFileError(
        f"{checkpoint.origin}: its files do not go together ({type(error).__name__}: {first_line(error)}); the "
        "preprocessor_config.json must be the one that was saved with these weights, so fetch or save it again"
    )


def first_line(error: Exception) -> str:
    """What another library's exception says, on one line."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
