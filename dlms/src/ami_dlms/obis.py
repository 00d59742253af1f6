"""OBIS codes: six value groups A to F (IEC 62056-6-1), kept as six octets; patterns of them with wildcards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ami_dlms.errors import UsageError

_TEXT: Final = re.compile(r"(\d{1,3})[-.](\d{1,3})[:.](\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?:[.*&](\d{1,3}))?")
_GROUP: Final = r"(\*|\d{1,3}|\{[\d,-]+\})"
_PATTERN: Final = re.compile(rf"{_GROUP}[-.]{_GROUP}[:.]{_GROUP}\.{_GROUP}(?:\.{_GROUP})?(?:[.*&]{_GROUP})?")
_CHOICE: Final = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?")
_ANY: Final = frozenset(range(256))
_ABSENT: Final = frozenset({255})


@lru_cache(maxsize=4096)
def format_obis(code: bytes) -> str:
    """Write six octets as `A.B.C.D.E.F`, for example `1.0.1.8.0.255`."""
    if len(code) != 6:
        raise UsageError(f"an OBIS code has six octets, not {len(code)}")
    return ".".join(map(str, code))


@lru_cache(maxsize=4096)
def parse_obis(text: str) -> bytes:
    """Read `1.0.1.8.0.255`, `1-0:1.8.0*255` or `1-0:1.8.0`; E and F default to 255."""
    match = _TEXT.fullmatch(text.strip())
    groups = [int(group) if group is not None else 255 for group in match.groups()] if match else [256]
    if max(groups) > 255:
        raise UsageError(f"'{text}' is no OBIS code; write A.B.C.D.E.F like 1.0.1.8.0.255")
    return bytes(groups)


@dataclass(frozen=True, slots=True)
class Pattern:
    """OBIS codes that are alike: the values each of the six groups may have."""

    groups: tuple[frozenset[int], ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Read a code in which a group may be `*` (any value) or a choice, as in `1-*:{1,2,21-24}.8.*`.

        As in a code, E and F default to 255: write `1-0:1.8.*.*` for the values of all billing periods too. Raises
        UsageError.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise _no_pattern(text)
        return cls(tuple(_ABSENT if group is None else _group(group, text) for group in match.groups()), text.strip())

    def match(self, code: bytes) -> bool:
        """Tell whether a code (six octets) is one of them."""
        return len(code) == 6 and all(octet in group for octet, group in zip(code, self.groups, strict=True))

    def __str__(self) -> str:
        return self.text


def _group(text: str, pattern: str) -> frozenset[int]:
    if text == "*":
        return _ANY
    values: set[int] = set()
    for choice in text.strip("{}").split(","):
        bounds = _CHOICE.fullmatch(choice)
        if bounds is None:
            raise _no_pattern(pattern)
        values.update(range(int(bounds[1]), int(bounds[2] or bounds[1]) + 1))
    if not values or not values <= _ANY:
        raise _no_pattern(pattern)
    return frozenset(values)


def _no_pattern(text: str) -> UsageError:
    return UsageError(f"'{text}' is no pattern of OBIS codes; write one like 1-*:{{1,2}}.8.*")
