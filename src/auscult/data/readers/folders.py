"""A folder per class, or ``train/``, ``val/``, ``test/`` folders of those."""

from __future__ import annotations

import os
from pathlib import Path

from auscult.audio import find_audio_files, find_files
from auscult.data.listing import ListedClip, Listing, some
from auscult.data.schema import SPLIT_NAMES
from auscult.errors import DataError, InputError
from auscult.features import PICTURE_SUFFIXES
from auscult.files import printable

# Folders that lie beside class folders and hold no sound; with sounds in it, a folder of this name is a class too.
NO_CLASSES = frozenset(
    {"__macosx", "__pycache__", "lost+found", "$recycle.bin", "system volume information", "@eadir"}
    | {"doc", "docs", "meta", "metadata", "runs"}
)
# A training run may lie there too.
RUN_FILES = ("config.yaml", "model.onnx")


def read_class_folders(root: Path, *, pictures: bool = False) -> Listing:
    """List the sounds under `root`; a clip's class is the name of the outermost folder inside its split, if
    any.

    Where there is no sound, or with `pictures`, it lists pictures instead, and never both.

    A class folder without a sound, and a folder that cannot be read, are problems of the listing.

    Raises
    ------
    DataError : no audio, no class folders, or split folders mixed with others
    """
    found, unreadable = _sounds_below(root, pictures)
    files = [(path, path.relative_to(root).parts) for path in found]
    depth = 1 if _is_split(root, sorted({parts[0] for _, parts in files if len(parts) > 1})) else 0
    clips = [
        ListedClip(path, (parts[depth],), split=SPLIT_NAMES[parts[0].casefold()] if depth else None)
        for path, parts in files
        if len(parts) > depth + 1
    ]
    loose = [path for path, parts in files if len(parts) <= depth + 1]
    if not clips:
        place = "in its split folders" if depth else "in it"
        raise DataError(
            f"{printable(root)}: the recordings of each class must be in a folder of their own. Got audio "
            f"directly {place} instead, {some([printable(p) for p in loose], limit=1)}; make a folder "
            "per class, or "
            "list the files with their labels in a CSV and give that."
        )
    return Listing(
        root=root,
        clips=tuple(clips),
        source_kind="split_folders" if depth else "class_folders",
        problems=(
            *unreadable,
            *(_without_class(path) for path in loose),
            *_without_sound(root, depth, {clip.path for clip in clips} | {Path(each.source) for each in unreadable}),
        ),
    )


def read_unlabelled(root: Path, *, pictures: bool = False) -> Listing:
    """List every sound below `root`, without labels; pictures as in `read_class_folders`.

    Raises
    ------
    DataError : no audio
    """
    found, unreadable = _sounds_below(root, pictures)
    clips = tuple(ListedClip(path, None) for path in found)
    return Listing(root=root, clips=clips, source_kind="files", problems=tuple(unreadable))


def _sounds_below(root: Path, pictures: bool) -> tuple[list[Path], list[InputError]]:
    """Sounds, or else pictures, and a problem for each folder that cannot be read."""
    unreadable: list[InputError] = []
    found = [] if pictures else find_audio_files(root, on_error=unreadable.append)
    if not found:
        unreadable.clear()
        found = find_files(root, PICTURE_SUFFIXES, on_error=unreadable.append)
    unreadable.sort(key=lambda problem: problem.source)
    if not found and unreadable:
        raise DataError(
            f"{printable(root)}: no {'picture' if pictures else 'audio'} was found, and {len(unreadable)} folders "
            "cannot be read. "
            f"The first: {unreadable[0]}"
        )
    if not found:
        raise DataError(
            f"{printable(root)}: no {'picture' if pictures else 'audio'} was found in this folder or below; "
            "put the recordings of each class into a folder of its own."
        )
    return found, unreadable


def _is_split(root: Path, folders: list[str]) -> bool:
    """Whether the folders with audio are parts of a split. A class may be "train", beside "bus"."""
    others = [name for name in folders if name.casefold() not in SPLIT_NAMES]
    if folders and not others:
        return True
    parts = {SPLIT_NAMES[name.casefold()] for name in folders if name not in others}
    if "train" in parts and len(parts) > 1:
        raise DataError(
            f"{printable(root)}: besides the split folders "
            f"({some([name for name in folders if name not in others])}) there must be no other "
            "folder of audio. "
            f"Got {some(others)}; move it elsewhere, or rename the folders if these are classes."
        )
    return False


def _without_sound(root: Path, depth: int, found: set[Path]) -> list[InputError]:
    """A problem for each class folder that has nothing of what was `found` in it."""
    parents = [part for part in _folders_in(root) if part.name.casefold() in SPLIT_NAMES] if depth else [root]
    holding = {folder for path in found for folder in (path, *path.parents)}
    return [
        InputError(
            printable(folder),
            "empty",
            "this folder of a class holds no sound",
            "put recordings of the class there, or remove the folder",
        )
        for parent in parents
        for folder in _folders_in(parent)
        if folder not in holding and not _is_no_class(folder)
    ]


def _folders_in(folder: Path) -> list[Path]:
    """Folders that are not hidden, sorted; none where `folder` cannot be read, which is a problem already."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []
    return sorted(folder / name for name in names)


def _is_no_class(folder: Path) -> bool:
    return folder.name.casefold() in NO_CLASSES or any((folder / name).exists() for name in RUN_FILES)


def _without_class(path: Path) -> InputError:
    return InputError(
        printable(path),
        "invalid",
        "it lies outside every class folder, so that its label is not known",
        "move it into the folder of its class",
    )
