"""Pictures and pages: records in, files out.

`plots` draws sounds, `charts` draws figures, both for files; `drawings` draws what pages show, and `html` writes the
report of a run. matplotlib (extra ``plot``) is imported when the first picture is drawn.
"""

from auscult.report.charts import (
    CurveRow,
    plot_confusions,
    plot_learning_curves,
)
from auscult.report.html import report_html, write_report
from auscult.report.plots import Spectrogram, plot_classification, plot_examples, plot_spectrogram
from auscult.report.run_report import DataFacts, Mistake, ModelFacts, RunReport
from auscult.report.style import DARK, LIGHT, Theme, save_figure

__all__ = [
    "DARK",
    "LIGHT",
    "CurveRow",
    "DataFacts",
    "Mistake",
    "ModelFacts",
    "RunReport",
    "Spectrogram",
    "Theme",
    "plot_classification",
    "plot_confusions",
    "plot_examples",
    "plot_learning_curves",
    "plot_spectrogram",
    "report_html",
    "save_figure",
    "write_report",
]
