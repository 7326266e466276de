"""What training gives: the network and a row an epoch. Without Lightning, which takes seconds to import."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from auscult.files import csv_text
from auscult.models.nets.waveform_net import WaveformNet
from auscult.records import FloatArray


@dataclass(frozen=True)
class EpochRow:
    """One row of `results.csv`; None where there is no validation part."""

    epoch: int
    train_loss: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    waiting_share: float


@dataclass(frozen=True, eq=False)
class Fit:
    """What training gives: the finished network and the rows of the learning curve.

    `graph` is a model file of the same network with another head, where there is one; see `export.graphs`.
    `val_logits` are those of the validation clips, float32 `(clips, classes)`, where they are known already.
    """

    net: WaveformNet
    rows: tuple[EpochRow, ...]
    graph: Path | None = None
    val_logits: FloatArray | None = None

    @property
    def n_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.net.parameters())


def rows_to_csv(rows: list[EpochRow]) -> str:
    return csv_text(list(EpochRow.__annotations__), [list(asdict(row).values()) for row in rows])
