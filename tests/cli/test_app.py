"""Messages and exit codes of the command as a whole, in this process and as a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from auscult import __version__

from .conftest import Auscult

COMMANDS = (
    *(["classify"], ["train"], ["evaluate"], ["spectrogram"], ["demo"]),
    *(["models"], ["models", "list"], ["models", "show"], ["models", "get"]),
)
AUSCULT = [sys.executable, "-W", "error", "-m", "auscult"]


def process(*arguments: object, **options) -> subprocess.CompletedProcess[str]:
    command = [*AUSCULT, *map(str, arguments)]
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=120, check=False, **options)


def test_version(auscult: Auscult) -> None:
    done = auscult("--version")
    assert (done.code, done.out, done.err) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_fits_a_terminal(auscult: Auscult, command: list[str]) -> None:
    done = auscult(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(" ".join(["Usage: auscult", *command]))
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["shout"], 'Unknown command "shout". Available commands: classify, detect'),
        (["--loud"], 'Unknown command "--loud"'),
        (["models", "shout"], 'Unknown command "shout"'),
        (["models", "show"], "See auscult models show --help."),
        (["train"], "See auscult train --help."),
        (["train", "sounds"], "--output"),
        (["train", "sounds", "-o", "run", "--epochs", "many"], 'unable to convert "many" into int'),
        (["demo", "more"], "more"),
    ],
)
def test_wrong_use_is_said_on_stderr(auscult: Auscult, arguments: list[str], said: str) -> None:
    done = auscult(*arguments)
    assert (done.code, done.out) == (2, "")
    (message,) = done.err.splitlines()
    assert message.startswith("auscult: ")
    assert said in message


def test_ctrl_c_is_130(auscult: Auscult, monkeypatch: pytest.MonkeyPatch, clip: Path, model: Path) -> None:
    def interrupted(text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("auscult.cli.classify.emit", interrupted)
    done = auscult("classify", clip, "--model", model)
    assert (done.code, done.out, done.err) == (130, "", "auscult: interrupted\n")


def test_a_process_keeps_stdout_for_results(model: Path, clip: Path) -> None:
    done = process("classify", clip, clip.with_name("missing.wav"), "--model", model, "--json")
    assert done.returncode == 1
    assert [set(json.loads(line)) for line in done.stdout.splitlines()] == [
        {"source", "duration_s", "model", "predictions"},
        {"source", "error"},
    ]
    assert "missing.wav: there is no such file" in done.stderr


def test_a_terminal_that_knows_only_ascii_gets_utf_8(model: Path, clip: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = process("classify", clip, "--model", model, env=environment, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert "█" in done.stdout


def test_a_name_that_is_not_unicode_is_still_printed(model: Path) -> None:
    done = process(
        "classify", "--files-from", "-", "--model", model, "--json", input="caf\udce9.wav\n", errors="surrogateescape"
    )
    assert done.returncode == 1
    (record,) = map(json.loads, done.stdout.splitlines())
    assert record["error"]["kind"] == "missing"


def test_a_reader_that_goes_ends_it_quietly(model: Path, new_sounds: Path) -> None:
    folders = [new_sounds] * 100
    with subprocess.Popen(
        [*AUSCULT, "classify", *folders, "--model", model, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        json.loads(running.stdout.readline())
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("arguments", [["classify"], ["classify", "--json"], ["classify", "--csv"], ["models", "show"]])
def test_results_that_go_to_a_full_disk(model: Path, clip: Path, arguments: list[str]) -> None:
    what = [clip, "--model", model] if arguments[0] == "classify" else [model]
    with open("/dev/full", "w") as full:
        done = process(*arguments, *what, stdout=full)
    assert done.returncode == 1
    assert done.stderr == "auscult: standard output: the disk is full; free some space and run again\n"


def test_options_are_called_alike_and_their_units_stand_behind_them(auscult: Auscult) -> None:
    pages = {
        words: auscult(*words, "--help").out
        for words in [("mix",), ("train",), ("detect",), ("listen",), ("search",), ("data", "spectrograms")]
    }
    for words, page in pages.items():
        assert not re.findall(r"--(?:n-[a-z-]+|[a-z-]+-(?:s|db|hz))\b", page), words
    assert "--duration SECONDS" in pages["mix",]
    assert "--snr DB DB" in pages["mix",]
    assert "--window SECONDS" in pages["train",]
    assert "--clip-hop SECONDS" in pages["train",]
    assert "--gain DB" in pages["train",]
    assert "--learning-rate FLOAT" in pages["train",]
    assert "--low DB" in pages["data", "spectrograms"]
