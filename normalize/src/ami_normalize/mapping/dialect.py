"""What the pipeline asks of a dialect: whether it knows a message, and what it says of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_dlms.obis import Pattern, parse_obis
from ami_normalize.model import ScalerUnit
from ami_normalize.status import Bits
from ami_schemas.event_types import Companion

_NUMBERS = frozenset(
    {Tag.INT8, Tag.INT16, Tag.INT32, Tag.INT64, Tag.UINT8, Tag.UINT16, Tag.UINT32, Tag.UINT64, Tag.FLOAT32, Tag.FLOAT64}
)
_TEXTS = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING})
_LENGTHS = {"date-time": 12, "date": 5, "time": 4, "obis": 6}
_FLAG_LETTERS: Final = 3


class Column(NamedTuple):
    """One place of a positional list."""

    type: str
    obis: str = ""
    part: str = ""
    starts: str = ""
    scaler_unit: ScalerUnit | None = None
    number: bool = False
    no_value: frozenset[int] = frozenset()

    def fits(self, data: Data) -> bool:
        """Tell whether a value can stand here; a null, or an empty string for a number, always can."""
        if data.tag == Tag.NULL or self.type == "any":
            return True
        if self.type == "number":
            return data.tag in _NUMBERS or (data.tag == Tag.OCTET_STRING and not data.value)
        if self.type == "boolean":
            return data.tag == Tag.BOOLEAN
        if self.type == "scaler-unit":
            return data.tag == Tag.STRUCTURE and [item.tag for item in data.value] == [Tag.INT8, Tag.ENUM]
        if data.tag not in _TEXTS:
            return False
        if self.type in _LENGTHS:
            return len(data.value) == _LENGTHS[self.type]
        text = data.value.decode("latin-1") if isinstance(data.value, bytes) else str(data.value)
        return text.startswith(self.starts)


class Layout(NamedTuple):
    """A positional list."""

    name: str
    columns: tuple[Column, ...]
    tagged_time: bool | None
    profile: str = ""
    """Of a layout of rows: the profile they are of, as A.B.C.D.E.F."""
    period_s: int = 0
    """Of a layout of rows: the capture period, 0 where the stamps tell."""

    def fits(self, items: Sequence[Data], *, tagged_time: bool, size: int) -> bool:
        """Tell whether a list is of this layout; it says to have `size` elements, and may end early."""
        return (
            not self.profile
            and size == len(self.columns) >= len(items)
            and self.tagged_time in {None, tagged_time}
            and all(column.fits(item) for column, item in zip(self.columns, items))  # noqa: B905  the list may end early
        )

    def fits_rows(self, items: Sequence[Data]) -> bool:
        """Tell whether all of an array are rows of this layout."""
        return bool(items) and all(
            row.tag == Tag.STRUCTURE
            and len(row.value) == len(self.columns)
            and all(column.fits(cell) for column, cell in zip(self.columns, row.value, strict=True))
            for row in items
        )


class Traits(NamedTuple):
    """What a message shows of its maker; empty where it does not say."""

    system_title: bytes = b""
    list_version: str = ""
    logical_device_name: str = ""
    deviation: str = ""
    codes: tuple[str, ...] = ()
    """The codes of its objects, of a message that names them."""
    size: int = 0
    """How many objects it has."""


class Condition(NamedTuple):
    """What must hold for a message to be of this maker; empty members say nothing."""

    flag: str = ""
    system_title: bytes = b""
    logical_device_name: str = ""
    list_version: str = ""
    deviation: str = ""
    objects: tuple[Pattern, ...] = ()
    size: int = 0
    registry: bool = False
    """The registry names the dialect: nothing in a message does."""

    def holds(self, traits: Traits) -> bool:
        """Tell whether the message shows all of it."""
        return (
            not self.registry
            and traits.system_title.startswith(self.system_title)
            and traits.logical_device_name.startswith(self.logical_device_name)
            and traits.list_version.startswith(self.list_version)
            and self.flag in {"", flag_of(traits.system_title)}
            and self.deviation in {"", traits.deviation}
            and self.size in {0, traits.size}
            and all(any(pattern.match(parse_obis(code)) for code in traits.codes) for pattern in self.objects)
        )

    def contradicted(self, system_title: bytes) -> bool:
        """Tell whether the system title, where there is one, is another maker's or meter's."""
        if self.registry:
            return True
        known = bool(system_title)
        return known and not (system_title.startswith(self.system_title) and self.flag in {"", flag_of(system_title)})


class Rule(NamedTuple):
    """What a dialect says of objects with a code."""

    pattern: Pattern
    scaler_unit: ScalerUnit | None = None
    override: bool = False
    code: tuple[int | None, ...] = ()
    """The code to read it as; None for a group that stays."""
    number: bool = False
    no_value: frozenset[int] = frozenset()
    digits: int = 0
    """How many decimal digits a counter has; 0 where nobody says."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a maker's meters leave unsaid."""

    name: str
    manufacturer: str = ""
    match: tuple[Condition, ...] = ()
    objects: tuple[Rule, ...] = ()
    layouts: tuple[Layout, ...] = ()
    deviation_inverted: bool = False
    zone: str = ""
    """The IANA zone of clocks that state no deviation; empty: the default zone."""
    stamps_start: bool = False
    """The stamp of a profile's row is the start of its interval."""
    nulls_absent: bool = False
    """A null is an object the meter does not have."""
    companion: Companion | None = None
    """The companion specification whose event codes, alarm bits and status words it has."""
    status: Bits | None = None
    """What the bits of status words mean; None: as the companion has it."""
    renames: bool = False
    """Some rule reads objects as another code."""
    source: str = ""
    """The file it comes from."""

    def knows(self, traits: Traits) -> bool:
        """Tell whether the message is of this maker: one of its conditions holds in all its members."""
        return any(condition.holds(traits) for condition in self.match)

    def may_know(self, system_title: bytes) -> bool:
        """Tell whether a list that names nothing can be of this maker: no system title speaks against it."""
        return not self.match or not all(condition.contradicted(system_title) for condition in self.match)

    def rule(self, obis: str) -> Rule | None:
        """Return what it says of an object, or None."""
        if not self.objects:
            return None
        code = parse_obis(obis)
        return next((rule for rule in self.objects if rule.pattern.match(code)), None)

    def code(self, obis: str) -> str:
        """Return the code an object is to be read as."""
        rule = self.rule(obis) if self.renames else None
        if rule is None or not rule.code:
            return obis
        stated = obis.split(".")
        return ".".join(old if new is None else str(new) for old, new in zip(stated, rule.code, strict=True))


NO_DIALECT = Dialect("")


def flag_of(system_title: bytes) -> str:
    """Return the maker's three letters that a system title begins with, or nothing where it does not."""
    letters = system_title[:_FLAG_LETTERS].decode("latin-1")
    return letters if len(letters) == _FLAG_LETTERS and letters.isascii() and letters.isupper() else ""
