"""Write the lists of published checksums in `src/auscult/data/corpora/checksums`.

    python -m tools.corpus_checksums SOUNDATA_WHEEL --esc50 FOLDER

soundata 0.1.0 (BSD-3-Clause) comes with an index of each of its corpora: every file's path and MD5. The lists are
these, as `md5sum` writes them, sorted by path and compressed. ESC-10's is the part of ESC-50's that is in its table,
which is read from a tree of ESC-50. FSD50K's index is left out, since its 51,204 checksums take 1.2 MB; its archives
have checksums of their own, and a list of its files is written when they are unpacked.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "src" / "auscult" / "data" / "corpora" / "checksums"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the lists of published checksums.")
    parser.add_argument("wheel", type=Path, help="soundata-0.1.0-py3-none-any.whl")
    parser.add_argument("--esc50", type=Path, required=True, help="a tree of ESC-50, for its table")
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        esc50 = sums_in(wheel, "esc50")
        write("esc50", esc50)
        write("esc10", of_esc10(esc50, arguments.esc50 / "meta" / "esc50.csv"))
        write("urbansound8k", sums_in(wheel, "urbansound8k"))


def sums_in(wheel: zipfile.ZipFile, name: str) -> dict[str, str]:
    """The MD5 of each file of a corpus, by its path in the corpus's tree."""
    index = json.loads(wheel.read(f"soundata/datasets/indexes/{name}_index.json"))
    pairs = [clip["audio"] for clip in index["clips"].values()] + list(index["metadata"].values())
    return dict(pairs)


def of_esc10(sums: Mapping[str, str], table: Path) -> dict[str, str]:
    with open(table, encoding="utf-8", newline="") as file:
        names = {f"audio/{row['filename']}" for row in csv.DictReader(file) if row["esc10"] == "True"}
    return {name: sum_ for name, sum_ in sums.items() if name in names or name.startswith("meta/")}


def write(name: str, sums: Mapping[str, str]) -> None:
    text = "".join(f"{sums[path]}  {path}\n" for path in sorted(sums))
    # No name and no time in the header, so that the same list is the same file.
    with open(FOLDER / f"{name}.md5.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write(text.encode())
    print(f"{name}: {len(sums)} files")


if __name__ == "__main__":
    main()
