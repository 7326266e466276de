"""`docs/architecture.md` and the import contract say of the code what is true of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "auscult"


def table() -> dict[str, tuple[int, set[str]]]:
    """Room -> floor and modules, from the table under "The house"."""
    rows = {}
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 6 and cells[1].isdigit():
            rows[cells[2].strip("`")] = (int(cells[1]), set(re.findall(r"`([^`]+)`", cells[4])))
    return rows


def modules_of(room: Path) -> set[str]:
    return {path.relative_to(room).as_posix() for path in room.rglob("*.py") if path.name != "__init__.py"}


def test_the_table_is_found() -> None:
    assert "classifier.py" in table()


def test_every_room_has_a_row_and_every_row_a_room() -> None:
    packages = {f"{path.parent.name}/" for path in SOURCE.glob("*/__init__.py")}
    files = {path.name for path in SOURCE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert set(table()) == packages | files


def test_every_row_names_the_modules_of_its_room() -> None:
    for room, (_, modules) in table().items():
        there = modules_of(SOURCE / room) if room.endswith("/") else set()
        assert modules == there, f"docs/architecture.md, {room}: missing {there - modules}, gone {modules - there}"


def test_the_floors_are_those_of_the_import_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    floors = {room.removesuffix("/").removesuffix(".py"): floor for room, (floor, _) in table().items()}
    named = [re.findall(r"\w+", layer) for layer in layers if layer != "__main__"]
    assert sorted(room for layer in named for room in layer) == sorted(floors)
    # A layer lies on one floor, and layers come from the top down. Floors of single files hold several.
    heights = [{floors[room] for room in layer} for layer in named]
    assert all(len(height) == 1 for height in heights), heights
    levels = [height.pop() for height in heights]
    assert levels == sorted(levels, reverse=True)
    of_packages = [floors[layer[0]] for layer in named if (SOURCE / layer[0]).is_dir()]
    assert len(of_packages) == len(set(of_packages))
