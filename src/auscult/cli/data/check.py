"""`auscult data check`: what a dataset holds, and what in it would make figures wrong."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.cli.help import READING
from auscult.cli.output import columns, emit, print_json, say
from auscult.data.reading import AS_IT_IS, Reading

if TYPE_CHECKING:
    from auscult.data.checks import Check

NAME_COLUMNS = 12
WIDTH = 100
MANY_PARTS = 10


def check(
    source: str,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    reading: Annotated[Reading, Parameter(name="*", group=READING)] = AS_IT_IS,
) -> int:
    """Decode every clip and say what is wrong: damage, clipping, silence, duplicates, leaks between the parts.

    The exit code is 1 where something would make figures wrong: clips that cannot be read, recordings or near
    duplicates on both sides of a split.

    Parameters
    ----------
    source
        Labelled sounds, in any form that train takes.
    output
        Folder for check.json, clips.csv (the levels of each clip), near_duplicates.csv and index.html.
    json
        Print what check.json holds.
    quiet
        Show no progress.
    reading
        How the sounds are read.
    """
    from auscult.data import open_dataset
    from auscult.data.checks import check as checked
    from auscult.data.checks.summary import check_to_dict

    found = checked(open_dataset(source, reading, quiet=quiet), name=source, quiet=quiet)
    if output is not None:
        from auscult.looking import write_check

        write_check(found, output)
        say(f"written to {output}", quiet=quiet)
    if json:
        print_json(check_to_dict(found))
    else:
        for line in in_words(found):
            emit(line)
    return 0 if found.is_harmless else 1


def in_words(check: Check) -> list[str]:
    """The facts, a table of the classes, and what was found."""
    from auscult.data.checks.summary import check_to_dict

    facts = check_to_dict(check)
    lines = [f"{name:<{NAME_COLUMNS}}{value}" for name, value in _facts(facts).items() if value]
    lines += ["", *(_classes(facts) if facts["classes"] else ["No clip has a label."]), ""]
    for finding in check.findings:
        lines.append(_filled("WRONG" if finding.harms else "note", finding.text))
    if check.is_harmless:
        lines.append("Nothing was found that would make figures wrong.")
    return lines


def _facts(facts: dict[str, Any]) -> dict[str, str]:
    groups = f"{facts['n_groups']} recordings" if facts["has_groups"] else "no recordings are named (column group)"
    parted = {"split": "parts are given", "fold": "in official folds", None: "no split is given"}[facts["parted_by"]]
    task = "one label a clip" if facts["task"] == "single_label" else "any number of labels a clip"
    return {
        "source": f"{facts['source']} ({facts['source_kind']}), {task}",
        "clips": f"{facts['n_clips']} in {facts['n_files']} files, {hours(facts['seconds'])}; {groups}; {parted}",
        "length": _spread(facts["duration_s"], "s", digits=2),
        "rate": _counted(facts["sample_rates"], " Hz"),
        "channels": _counted(facts["channels"], ""),
        "format": _counted(facts["formats"], ""),
        "peak": _spread(facts["peak_dbfs"], "dBFS", digits=1),
        "level": _spread(facts["rms_dbfs"], "dBFS (RMS)", digits=1),
        "silence": _silence(facts["silent_share"]),
    }


def _spread(values: dict[str, float] | None, unit: str, *, digits: int) -> str:
    """
    >>> _spread({"min": 1.0, "median": 2.0, "max": 4.0}, "s", digits=1)
    '1.0 to 4.0 s, median 2.0'
    >>> _spread({"min": 4.0, "median": 4.0, "max": 4.0}, "s", digits=2)
    '4.00 s each'
    """
    if values is None:
        return ""
    least, median, most = (f"{values[name]:.{digits}f}" for name in ("min", "median", "max"))
    return f"{least} {unit} each" if least == most else f"{least} to {most} {unit}, median {median}"


def _silence(shares: dict[str, float] | None) -> str:
    if shares is None:
        return ""
    median, most = (f"{shares[name]:.0%}".replace("%", " %") for name in ("median", "max"))
    return f"{median} of a clip lies below -60 dBFS (median), {most} at most"


def _counted(counts: dict[str, int], unit: str) -> str:
    """
    >>> _counted({"44100": 3, "8000": 1}, " Hz")
    '44100 Hz (3), 8000 Hz (1)'
    >>> _counted({"44100": 3}, " Hz")
    '44100 Hz'
    """
    if len(counts) == 1:
        return f"{next(iter(counts))}{unit}"
    shown = [f"{value}{unit} ({n})" for value, n in counts.items()]
    return ", ".join(shown[:6]) + (f" and {len(shown) - 6} more" if len(shown) > 6 else "")


def hours(seconds: float) -> str:
    """
    >>> hours(5025.2), hours(125), hours(3.25)
    ('1 h 23 min 45 s', '2 min 5 s', '3.2 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    whole, minutes = divmod(minutes, 60)
    return f"{whole} h {minutes} min {rest} s" if whole else f"{minutes} min {rest} s"


def _classes(facts: dict[str, Any]) -> list[str]:
    classes: dict[str, dict[str, Any]] = facts["classes"]
    parts = list(next(iter(classes.values()))["parts"]) if classes else []
    parts = parts if len(parts) <= MANY_PARTS else []
    total = sum(one["clips"] for one in classes.values())
    rows = [("class", "clips", "share", "length", *(["groups"] if facts["has_groups"] else []), *parts)]
    for label, one in classes.items():
        share = f"{one['clips'] / total:.1%}".replace("%", " %") if total else ""
        groups = [str(one["groups"])] if facts["has_groups"] else []
        counts = [str(one["parts"][part]) for part in parts]
        rows.append((label, str(one["clips"]), share, hours(one["seconds"]), *groups, *counts))
    return [line.removeprefix("  ") for line in columns(rows, right=range(1, len(rows[0])))]


def _filled(kind: str, text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=f"{kind:<7}",
        subsequent_indent=" " * 7,
        break_long_words=False,
        break_on_hyphens=False,
    )
