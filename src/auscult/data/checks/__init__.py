"""Looking at data: levels, duplicates, leaks. Read `check.py` first; `survey.py` decodes, `duplicates.py` compares."""

from auscult.data.checks.check import Check, CheckedClip, check
from auscult.data.checks.duplicates import Duplicate, find_duplicates
from auscult.data.checks.findings import Finding, NearDuplicate, Parting, StraddlingGroup
from auscult.data.checks.fingerprint import FINGERPRINT_RATE, Fingerprint, Fingerprinter, fingerprint
from auscult.data.checks.levels import LevelMeter, Levels
from auscult.data.checks.survey import Surveyed, survey

__all__ = [
    "FINGERPRINT_RATE",
    "Check",
    "CheckedClip",
    "Duplicate",
    "Finding",
    "Fingerprint",
    "Fingerprinter",
    "LevelMeter",
    "Levels",
    "NearDuplicate",
    "Parting",
    "StraddlingGroup",
    "Surveyed",
    "check",
    "find_duplicates",
    "fingerprint",
    "survey",
]
