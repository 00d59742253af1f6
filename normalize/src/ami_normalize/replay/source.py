"""The coordinates of a raw record, as `ami-source` names them in everything derived from it."""

from __future__ import annotations

from typing import NamedTuple


class Source(NamedTuple):
    """A raw record."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, name: bytes | str | None) -> Source | None:
        """Read `<topic>/<partition>/<offset>`, with or without `#k`; None for what is something else."""
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name or ""
        parts = text.partition("#")[0].split("/")
        if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"
