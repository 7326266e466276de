"""`auscult listen`: what is heard now."""

from __future__ import annotations

import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from auscult.audio.live import BACKLOG_S
from auscult.cli.deciding import Deciding
from auscult.cli.opening import Opening
from auscult.cli.output import check_at_least_one, columns, emit, failure_record, print_json, say, say_error
from auscult.errors import InputError, UsageError
from auscult.records import Event

if TYPE_CHECKING:
    from auscult.audio.live import LiveInput
    from auscult.classifier import Classifier
    from auscult.listening import Heard, Listening

    Show = Callable[[Listening, list[Heard]], None]

STDIN = "-"
AS_THE_MODEL_SAYS = Opening()
AS_USUAL = Deciding()


def listen(
    source: Annotated[str | None, Parameter(allow_leading_hyphen=True, metavar="-|URL")] = None,
    *,
    device: Annotated[str | None, Parameter(metavar="NUMBER|NAME")] = None,
    devices: bool = False,
    model: Annotated[str | None, Parameter(name=["--model", "-m"], metavar="FILE|NAME")] = None,
    rate: Annotated[int | None, Parameter(metavar="HZ")] = None,
    channels: int | None = None,
    encoding: Annotated[str, Parameter(metavar="NAME")] = "s16le",
    duration: Annotated[float | None, Parameter(metavar="SECONDS")] = None,
    backlog: Annotated[float, Parameter(metavar="SECONDS")] = BACKLOG_S,
    show: int = 5,
    windows: bool = False,
    json: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
    deciding: Annotated[Deciding, Parameter(name="*", group="Events")] = AS_USUAL,
    opening: Annotated[Opening, Parameter(name="*", group="Labels and model")] = AS_THE_MODEL_SAYS,
) -> int:
    """Say what is heard now: from a microphone, a pipe, or an address.

    On a terminal, levels, the best labels and events are shown as they come; elsewhere, and with --json, a line is
    printed for each event. Ctrl-C ends it, with exit code 0.

    Parameters
    ----------
    source
        "-" for PCM or WAV on standard input, a URL (http, rtsp, ...), or a file; a microphone if not given.
    device
        The microphone: its number or a part of its name, as --devices shows them; the system's own if not given.
    devices
        Show the microphones, and end.
    model
        Model file, such as a run's model.onnx, or a name that "auscult models list" shows. If not given, yamnet,
        which knows 521 kinds of sound and is fetched once.
    rate
        Of PCM on standard input, which WAV says itself; of a microphone, if not its own.
    channels
        Of PCM on standard input, or how many of a microphone's to hear; 1 if not given.
    encoding
        Of PCM on standard input: u8, s16le, s16be, s24le, s32le, s32be, f32le, f32be or f64le.
    duration
        End when so much sound was heard.
    backlog
        How much sound may wait for the model; when more does, the oldest is dropped until half of this is left.
    show
        How many labels of a window are shown or, with --windows, printed.
    windows
        Print each window of time, too.
    json
        Print a JSON object a line, one for each event, gap and, with --windows, window.
    quiet
        Print events and errors only.
    deciding
        When scores make an event.
    opening
        How the model is opened.
    """
    if devices:
        return _show_devices(json)
    check_at_least_one("--show", show)
    for name, value in (("--backlog", backlog), ("--duration", duration)):
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"{name} must be a number of seconds above 0. Got {value:g} instead.")
    deciding.check()
    sound = _input(source, device, rate, channels, encoding)
    classifier = opening.load(model, top_k=show, for_people=not json, quiet=quiet)
    with _shown(classifier, show, windows=windows, json=json, quiet=quiet) as printer:
        return _listen(sound, classifier, deciding, printer, duration=duration, backlog=backlog, json=json, quiet=quiet)


def _listen(
    sound: LiveInput,
    classifier: Classifier,
    deciding: Deciding,
    show: Show,
    *,
    duration: float | None,
    backlog: float,
    json: bool,
    quiet: bool,
) -> int:
    from auscult.audio.live import Capture
    from auscult.listening import Listening

    options = deciding.options(classifier.labels)
    code = 0
    with _stopped_by_signals() as stop, Capture(sound, backlog_s=backlog) as capture:
        listening = Listening(classifier, capture, options, seconds=duration)
        try:
            trouble = ""
            while not stop.is_set() and not listening.ended:
                show(listening, listening.take())
                if listening.trouble != trouble:
                    trouble = listening.trouble
                    if trouble:
                        say_error(f"{listening.source}: {trouble}")
        except InputError as error:
            code = 1
            say_error(str(error))
            if json:
                print_json(failure_record(error))
        show(listening, listening.finish())
    if listening.duration_s > 0:
        say(_summary(listening), quiet=quiet)
    return code


def _input(source: str | None, device: str | None, rate: int | None, channels: int | None, encoding: str) -> LiveInput:
    from auscult.audio.live.addresses import AddressInput
    from auscult.audio.live.microphone import MicrophoneInput
    from auscult.audio.live.pcm import PcmForm, PcmInput

    for name, value in (("--rate", rate), ("--channels", channels)):
        check_at_least_one(name, value)
    if source is not None and device is not None:
        raise UsageError("A source and --device exclude each other; name one of them.")
    if source is None:
        chosen = int(device) if device is not None and device.isdecimal() else device
        return MicrophoneInput(chosen, sample_rate=rate, channels=channels or 1)
    if source == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("Standard input is a terminal; send PCM or WAV through a pipe, or leave - out.")
        form = None if rate is None else PcmForm(rate, channels or 1, encoding)
        return PcmInput(sys.stdin.fileno(), form)
    if rate is not None or channels is not None:
        raise UsageError("--rate and --channels are for microphones and PCM; an address says them itself.")
    return AddressInput(source)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM are how listening ends: the first asks it to, a second Ctrl-C does not wait for it."""
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _shown(
    classifier: Classifier, n_labels: int, *, windows: bool, json: bool, quiet: bool
) -> AbstractContextManager[Show]:
    if json:
        return nullcontext(_json_printer(windows))
    if sys.stdout.isatty() and not quiet and not windows:
        return _on_a_terminal(classifier, n_labels)
    return nullcontext(_text_printer(windows, quiet))


@contextmanager
def _on_a_terminal(classifier: Classifier, n_labels: int) -> Iterator[Show]:
    from auscult.cli.live_view import LiveView

    with LiveView(classifier.spec.name, n_labels=n_labels) as view:
        yield view.show


def _json_printer(windows: bool) -> Show:
    from auscult.streaming import StreamWindow

    def show(listening: Listening, heard: list[Heard]) -> None:
        for one in heard:
            if isinstance(one, StreamWindow):
                if windows:
                    print_json(one.to_dict())
            elif isinstance(one, Event):
                moment = listening.clock(one.start_s)
                print_json({**one.to_dict(), "time": None if moment is None else moment.isoformat()})
            else:
                print_json(one.to_dict())

    return show


def _text_printer(windows: bool, quiet: bool) -> Show:
    from auscult.cli.live_view import clock_time, event_line, gap_line
    from auscult.streaming import StreamWindow

    def show(listening: Listening, heard: list[Heard]) -> None:
        for one in heard:
            if isinstance(one, Event):
                emit(event_line(listening, one).plain)
            elif isinstance(one, StreamWindow):
                if windows:
                    named = ", ".join(f"{found.name} {found.score:.0%}" for found in one.predictions)
                    emit(f"{clock_time(listening.clock(one.start_s))}  window    {named}")
            else:
                say(gap_line(listening, one).plain, quiet=quiet)

    return show


def _summary(listening: Listening) -> str:
    latency_s, worst_s = listening.latency_s(), listening.latency_s(1.0)
    late = (
        ""
        if latency_s is None or worst_s is None
        else (f"; scores came {1000 * latency_s:.0f} ms after the sound, {1000 * worst_s:.0f} ms at most of late")
    )
    dropped = listening.n_dropped_windows
    return (
        f"heard {listening.duration_s:.1f} s in {listening.n_windows} windows, {listening.n_events} events; "
        f"{dropped or 'no'} windows dropped{late}"
    )


def _show_devices(json: bool) -> int:
    from auscult.audio.live.microphone import devices

    found = devices()
    if json:
        for device in found:
            print_json(device.to_dict())
        return 0
    if not found:
        say("There is no microphone.")
        return 1
    rows = [("", "", "channels", "Hz", "")]
    for one in found:
        rows.append(
            (str(one.index), one.name, str(one.channels), str(one.sample_rate), "default" if one.is_default else "")
        )
    emit("\n".join(columns(rows, right=(0, 2, 3))))
    return 0
