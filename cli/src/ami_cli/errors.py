"""How a command ends: the exit codes, and the error that carries one sentence and what to do.

`docs/exit-codes.md` is the same table for people; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of `ami`. A number is never reused for something else."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    CONFIG = 3
    KAFKA = 4
    METER = 5
    REFUSED = 6
    MISSING = 7
    ROOM = 8
    INCOMPLETE = 9
    DATA = 10
    DIFFERS = 11
    INTERRUPTED = 130


class CommandError(Exception):
    """A failure the user can act on: printed as one sentence and what to do, without a traceback."""

    def __init__(
        self,
        sentence: str,
        remedy: str = "",
        code: ExitCode = ExitCode.DEFECT,
        *,
        further: Sequence[CommandError] = (),
    ) -> None:
        """`further` are more of the same kind: other mistakes of the same file."""
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy
        self.code = code
        self.further = further
