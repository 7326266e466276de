"""`auscult spectrogram`: a picture of each file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from auscult.audio import load_waveform, probe
from auscult.cli.output import gather_sources, say, say_error, say_problems
from auscult.errors import InputError, MissingExtraError, OutputNameError
from auscult.extras import require_extra
from auscult.features import PRESETS, FeatureSpec, band_edges_hz, log_mel, preset, write_spectrogram_png
from auscult.progress import progress


def spectrogram(
    *files: str,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("spectrograms"),
    features: Annotated[str, Parameter(choices=sorted(PRESETS))] = "clearml",
    axes: bool = False,
    files_from: Annotated[str | None, Parameter(metavar="FILE|-", allow_leading_hyphen=True)] = None,
    since: Annotated[str | None, Parameter(metavar="DATE|DURATION")] = None,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"])] = False,
) -> int:
    """Draw the mel spectrogram of each file, whole, as a PNG.

    Parameters
    ----------
    files
        Sound files, folders of them, patterns in quotes such as "site*/**/*.wav", or http(s) URLs.
    output
        Folder for the pictures; those of a folder of sounds keep its tree.
    features
        Numbers of the spectrogram: whose sample rate, frames and bands.
    axes
        Draw axes with seconds and Hz, for people; without them each frame is a pixel, for image classifiers.
    files_from
        Read names from this file, one a line; "-" reads them from standard input.
    since
        Only what was recorded since then: a date, or how long ago, such as 12h or 7d. By header or name of the file,
        and where they do not tell by the time of its last change.
    quiet
        Name only what failed.
    """
    require_extra("matplotlib", extra="plot", purpose="drawing spectrograms")
    sources, problems = gather_sources(files, files_from, since)
    say_problems(problems)
    pictures = picture_paths(sources, output)
    n_drawn = 0
    with progress("Drawing", len(sources), quiet=quiet) as advance:
        for source, picture in zip(sources, pictures, strict=True):
            try:
                _draw(source, picture, features, axes)
                n_drawn += 1
            # A format that needs an extra, or a name that no picture can have, is one file's problem.
            except (InputError, MissingExtraError, OutputNameError) as problem:
                say_error(str(problem))
            advance()
    say(f"{n_drawn} of {len(sources) + len(problems)} pictures in {output}", quiet=quiet)
    return 0 if n_drawn == len(sources) + len(problems) else 1


def picture_paths(sources: list[str], output: Path) -> list[Path]:
    """A picture for each source, named after it, with as much of the path as tells them apart.

    Examples
    --------
    >>> [p.as_posix() for p in picture_paths(["a/dog.wav", "b/dog.wav", "c/cat.wav"], Path("out"))]
    ['out/a/dog.png', 'out/b/dog.png', 'out/c/cat.png']
    >>> [p.as_posix() for p in picture_paths(["a/dog.wav", "a/dog.mp3"], Path("out"))]
    ['out/dog.wav.png', 'out/dog.mp3.png']
    >>> [p.as_posix() for p in picture_paths(["https://a.org/?id=1", "https://a.org/?id=2"], Path("out"))]
    ['out/a.org.png', 'out/a.org-2.png']
    """
    parts = {source: _name_parts(source) for source in sources}
    stems = {source: Path(*names) for source, names in _without_shared_folders(parts).items()}
    paths = {source: stem.with_suffix(".png") for source, stem in stems.items()}
    if len(set(paths.values())) < len(paths):
        paths = {source: stem.with_name(stem.name + ".png") for source, stem in stems.items()}
    taken: set[Path] = set()
    for source, path in paths.items():
        number = 2
        while paths[source] in taken:
            paths[source] = path.with_stem(f"{path.stem}-{number}")
            number += 1
        taken.add(paths[source])
    return [output / paths[source] for source in sources]


def _without_shared_folders(parts: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    n_shared = 0
    for folders in zip(*(names[:-1] for names in parts.values()), strict=False):
        if len(set(folders)) > 1:
            break
        n_shared += 1
    return {source: names[n_shared:] for source, names in parts.items()}


def _name_parts(source: str) -> tuple[str, ...]:
    if "://" in source:
        source = source.partition("://")[2].partition("?")[0]
    path = Path(source)
    return tuple(part for part in path.parts if part not in (path.anchor, "..", ".")) or ("sound",)


def _draw(source: str, picture: Path, features: str, axes: bool) -> None:
    spec = _spec_for(source, features)
    waveform = load_waveform(source, sample_rate=spec.sample_rate)
    image = log_mel(waveform.samples, spec)
    if axes:
        # Imported here, as all commands are imported for each.
        from auscult.report import Spectrogram, plot_spectrogram, save_figure

        drawn = Spectrogram(image, band_edges_hz(spec), waveform.duration_s)
        save_figure(plot_spectrogram(drawn, title=Path(source).name), picture)
    else:
        write_spectrogram_png(picture, image)


def _spec_for(source: str, features: str) -> FeatureSpec:
    """Our own preset follows the sound's rate; the others have one of their own."""
    if features == "auscult":
        return preset("auscult", sample_rate=min(max(probe(source).sample_rate, 4000), 32000))
    return preset(features)
