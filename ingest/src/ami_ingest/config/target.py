"""What to read: `OBIS`, `CLASS:OBIS` or `CLASS:OBIS:ATTRIBUTE`, as the command and the configuration write it."""

from __future__ import annotations

from typing import NamedTuple

from ami_dlms.errors import DlmsError
from ami_dlms.obis import format_obis, parse_obis
from ami_ingest.errors import TargetError

_FORMS = "write 1.0.1.8.0.255, 3:1.0.1.8.0.255 or 3:1.0.1.8.0.255:2"


class Target(NamedTuple):
    """One attribute of one object; `class_id` None means: find it in the association's object list."""

    class_id: int | None
    obis: bytes
    attribute: int

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read the text form; the attribute is 2 (the value) if absent. Raises TargetError."""
        pieces = text.strip().split(":")
        # `1-0:1.8.0*255` is an OBIS with a colon of its own.
        if len(pieces) > 1 and "-" in pieces[-2]:
            pieces[-2:] = [":".join(pieces[-2:])]
        elif len(pieces) > 2 and "-" in pieces[-3]:
            pieces[-3:-1] = [":".join(pieces[-3:-1])]
        try:
            if len(pieces) == 1:
                return cls(None, _obis(pieces[0]), 2)
            if len(pieces) == 2:
                if "." in pieces[0]:
                    return cls(None, _obis(pieces[0]), _number(pieces[1], 127))
                return cls(_number(pieces[0], 0xFFFF), _obis(pieces[1]), 2)
            if len(pieces) == 3:
                return cls(_number(pieces[0], 0xFFFF), _obis(pieces[1]), _number(pieces[2], 127))
        except (ValueError, DlmsError):
            pass
        raise TargetError(f"'{text}' names no object to read; {_FORMS}")

    def __str__(self) -> str:
        prefix = "" if self.class_id is None else f"{self.class_id}:"
        return f"{prefix}{format_obis(self.obis)}:{self.attribute}"


def _obis(text: str) -> bytes:
    return parse_obis(text)


def _number(text: str, largest: int) -> int:
    number = int(text)
    if not 0 < number <= largest:
        raise ValueError(text)
    return number
