"""What a check found, and what to do about it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ami_cli.explain import explain


class Level(str, Enum):
    """How good a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One line of the report."""

    level: Level
    name: str
    found: str
    remedy: str = ""


def from_error(level: Level, name: str, error: Exception) -> Finding:
    """Return the finding of a check that ended with an error; a defect of ours is a failure."""
    told = explain(error)
    if told is None:
        return Finding(Level.FAIL, name, f"{type(error).__name__}: {error}", "report this")
    sentence = f"{told.sentence} (the first of {len(told.further) + 1} mistakes)" if told.further else told.sentence
    return Finding(level, name, sentence, told.remedy)
