"""Messages of one layout as a table: a row a message, a column a place, each meter's rows in the order of time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timezone
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_normalize.instants import Instant, from_octets
from ami_normalize.learning.samples import Sample
from ami_normalize.shapes import objects

Number = int | float
Series = tuple[tuple["Number | None", ...], ...]
"""The numbers of a column: of each meter, in the order of time; None where a message has none."""

NUMBERS: Final = objects.INTEGERS | {Tag.FLOAT32, Tag.FLOAT64}
_STRINGS: Final = frozenset({Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING})
_BY_LENGTH: Final = {12: "date-time", 5: "date", 4: "time", 6: "obis"}
_MEDIA: Final = 16
_FEW_NAMES: Final = 0.5
"""Of as many rows, at most so many different names of meters: else they name messages."""
_LAST_MONTH, _LAST_DAY, _ANY = 12, 31, 0xFF
_HOURS, _SIXTY = 24, 60


class Step(NamedTuple):
    """What two messages of a meter that follow each other say."""

    meter: int
    seconds: float
    hour: int
    """Of the day in which it ends, by the meter's own clock where it tells the time."""
    before: Number
    after: Number

    @property
    def moved(self) -> Number:
        """The difference."""
        return self.after - self.before


@dataclass(frozen=True)
class Column:
    """One place of the list over all messages."""

    index: int
    kind: str
    """As in a mapping: `number`, `text`, `boolean`, `date-time`, …; `any` for what is none or not always the same."""
    cells: tuple[tuple[Data, ...], ...]
    """Of each meter."""
    times: tuple[tuple[float | None, ...], ...]
    """Seconds since 1970 of each meter's messages."""
    hours: tuple[tuple[int | None, ...], ...]
    """The hour of the day of each message, by the meter's own clock where it tells the time."""
    local: bool
    """All messages tell the time by the meter's own clock."""

    @cached_property
    def series(self) -> Series:
        """The numbers; a null or empty string is None."""
        return tuple(tuple(cell.value if cell.tag in NUMBERS else None for cell in cells) for cells in self.cells)

    @cached_property
    def values(self) -> list[Number]:
        """All numbers there are."""
        return [value for series in self.series for value in series if value is not None]

    @cached_property
    def strings(self) -> list[list[bytes]]:
        """The strings there are, of each meter."""
        return [[octets_of(cell) for cell in cells if cell.tag in _STRINGS and len(cell.value)] for cells in self.cells]

    @cached_property
    def steps(self) -> list[Step]:
        """What follows what, where both have a number and time went on."""
        found = []
        for meter, (series, times, hours) in enumerate(zip(self.series, self.times, self.hours, strict=True)):
            known = [
                (t, hour, v)
                for t, hour, v in zip(times, hours, series, strict=True)
                if t is not None and hour is not None and v is not None
            ]
            found += [
                Step(meter, after - before, hour, old, new)
                for (before, _, old), (after, hour, new) in pairwise(known)
                if after > before
            ]
        return found

    @cached_property
    def is_counter(self) -> bool:
        """Never goes back, and goes on."""
        forward = False
        for series in self.series:
            known = [value for value in series if value is not None]
            for before, after in pairwise(known):
                if after < before:
                    return False
                forward = forward or after > before
        return forward

    @property
    def is_silent(self) -> bool:
        """Has never a number but 0."""
        return not any(self.values)

    @property
    def distinct(self) -> int:
        """How many different numbers there are."""
        return len(set(self.values))


@dataclass(frozen=True)
class Table:
    """All messages of one layout."""

    fingerprints: tuple[str, ...]
    maker: str
    """FLAG id, empty where no system title tells it."""
    samples: tuple[Sample, ...]
    tagged_time: bool
    """All notifications carry a tagged time."""
    meters: tuple[str, ...]
    columns: tuple[Column, ...]
    """Empty for a body that is no list."""
    stated: tuple[tuple[Instant | None, ...], ...]
    """The time each message states, in its head or in its clock."""
    received: tuple[tuple[float | None, ...], ...]


@dataclass
class _Group:
    form: tuple[object, ...]
    members: list[Sample]


def tables(found: Sequence[Sample]) -> Iterator[Table]:
    """Yield the tables, the one with most messages first: messages of one maker that differ in nulls at most."""
    groups: list[_Group] = []
    by_form: dict[tuple[object, ...], list[Sample]] = defaultdict(list)
    for sample in found:
        by_form[_form(sample)].append(sample)
    for form, alike in sorted(by_form.items(), key=lambda each: -len(each[1])):
        for group in groups:
            joined = _joined(group.form, form)
            if joined is not None:
                group.form = joined
                group.members += alike
                break
        else:
            groups.append(_Group(form, list(alike)))
    for group in sorted(groups, key=lambda each: -len(each.members)):
        yield _table(group.members)


def _form(sample: Sample) -> tuple[object, ...]:
    """Return what messages of one layout share, None in the place of a value that is missing."""
    items = sample.items
    if items is None:
        return (sample.maker, sample.fingerprint)
    return (
        sample.maker or _letters(items),
        sample.body.tag,
        *(None if objects.is_null(item) else _type(item) for item in items),
    )


def _type(item: Data) -> object:
    if item.tag == Tag.STRUCTURE:
        return (item.tag, *(_type(inner) for inner in item.value))
    return item.tag


def _letters(items: Sequence[Data]) -> str:
    """Return the letters the first text begins with: they tell makers apart where no system title does."""
    for item in items:
        text = objects.text(item) if item.tag in _STRINGS else None
        if text:
            return text[: next((at for at, sign in enumerate(text) if not sign.isalpha()), len(text))]
    return ""


def _joined(known: tuple[object, ...], form: tuple[object, ...]) -> tuple[object, ...] | None:
    """Return the form of both, or None where they differ in more than what is missing."""
    if len(known) != len(form) or known[:2] != form[:2]:
        return None
    if any(one != other and None not in {one, other} for one, other in zip(known, form, strict=True)):
        return None
    return tuple(other if one is None else one for one, other in zip(known, form, strict=True))


def _table(members: Sequence[Sample]) -> Table:
    names = _names(members)
    by_meter: dict[str, list[Sample]] = defaultdict(list)
    for name, sample in zip(names, members, strict=True):
        by_meter[name].append(sample)
    width = len(members[0].items or ())
    kinds = [_kind([(sample.items or ())[index] for sample in members]) for index in range(width)]
    kinds = [
        "any" if kind == "scaler-unit" and before != "number" else kind
        for before, kind in zip(["", *kinds], kinds, strict=False)
    ]
    clock = _clock_of(kinds, members)
    for rows in by_meter.values():
        rows.sort(key=lambda sample: _seconds(sample, clock) or 0.0)
    times = tuple(tuple(_seconds(sample, clock) for sample in rows) for rows in by_meter.values())
    stated = tuple(tuple(_stated(sample, clock) for sample in rows) for rows in by_meter.values())
    hours = tuple(
        tuple(_hour(instant, at) for instant, at in zip(*both, strict=True)) for both in zip(stated, times, strict=True)
    )
    local = all(instant is not None for row in stated for instant in row)
    return Table(
        fingerprints=tuple(each for each, _ in Counter(sample.fingerprint for sample in members).most_common()),
        maker=members[0].maker,
        samples=tuple(members),
        tagged_time=all(sample.tagged_time for sample in members),
        meters=tuple(by_meter),
        columns=tuple(
            Column(
                index,
                kind,
                tuple(tuple((sample.items or ())[index] for sample in rows) for rows in by_meter.values()),
                times,
                hours,
                local,
            )
            for index, kind in enumerate(kinds)
        ),
        stated=stated,
        received=tuple(tuple(sample.received for sample in rows) for rows in by_meter.values()),
    )


def _names(members: Sequence[Sample]) -> list[str]:
    """Name the meter of each message: by its system title, by the record's key, else by the texts that come again."""
    if all(sample.title for sample in members):
        return [sample.title.hex() for sample in members]
    keys = [sample.title.hex() or sample.key for sample in members]
    if len(set(keys)) <= _FEW_NAMES * len(members):
        return keys
    for item in range(len(members[0].items or ())):
        texts = [_name(sample, item) for sample in members]
        if 1 < len(set(texts)) <= _FEW_NAMES * len(members):
            return texts
    return [""] * len(members)


def _name(sample: Sample, index: int) -> str:
    item = (sample.items or ())[index]
    return (objects.text(item) or "") if item.tag in _STRINGS else ""


def _kind(cells: Sequence[Data]) -> str:
    """Return the type of a column of a mapping that fits all its values."""
    given = [cell for cell in cells if not objects.is_null(cell)]
    tags = {cell.tag for cell in given}
    if not given:
        return "any"
    if tags <= NUMBERS and all(cell.tag in NUMBERS or cell.tag in {Tag.NULL, Tag.OCTET_STRING} for cell in cells):
        return "number"
    if tags == {Tag.BOOLEAN}:
        return "boolean"
    if tags == {Tag.STRUCTURE} and all([one.tag for one in cell.value] == [Tag.INT8, Tag.ENUM] for cell in given):
        return "scaler-unit"
    if not tags <= _STRINGS:
        return "any"
    return _kind_of_strings(given, whole=len(given) == sum(cell.tag in _STRINGS for cell in cells))


def _kind_of_strings(given: Sequence[Data], *, whole: bool) -> str:
    """Tell strings apart by their length, where what they hold is of that sort; `whole`: none is empty."""
    lengths = {len(cell.value) for cell in given}
    kind = _BY_LENGTH.get(lengths.pop(), "") if len(lengths) == 1 and whole else ""
    if kind and all(cell.tag == Tag.OCTET_STRING and _is_of(kind, cell.value) for cell in given):
        return kind
    return "text"


def _is_of(kind: str, octets: bytes) -> bool:
    if kind == "date-time":
        return from_octets(octets) is not None
    if kind == "date":
        return from_octets(octets + b"\x00\x00\x00\x00\x80\x00\xff") is not None
    if kind == "time":
        return octets[0] < _HOURS and octets[1] < _SIXTY and (octets[2] < _SIXTY or octets[2] == _ANY)
    return octets[0] < _MEDIA and octets[5] == _ANY


def _clock_of(kinds: Sequence[str], members: Sequence[Sample]) -> tuple[int, ...]:
    """Return the columns that tell the time of a message, where its head does not: one, or a date and a time."""
    if all(sample.stated is not None for sample in members):
        return ()
    if "date-time" in kinds:
        moving = [
            index
            for index, kind in enumerate(kinds)
            if kind == "date-time" and len({(sample.items or ())[index].value for sample in members}) > 1
        ]
        return tuple(moving[:1])
    if "date" in kinds and "time" in kinds:
        return (kinds.index("date"), kinds.index("time"))
    return ()


def _stated(sample: Sample, clock: Sequence[int]) -> Instant | None:
    if sample.stated is not None or not clock:
        return sample.stated
    octets = b"".join(octets_of((sample.items or ())[index]) for index in clock)
    return from_octets(octets if len(clock) == 1 else octets + b"\x80\x00\xff")


def _seconds(sample: Sample, clock: Sequence[int]) -> float | None:
    """Return the time of a message: what its meter says, else its reception."""
    stated = _stated(sample, clock)
    if stated is None:
        return sample.received
    return (stated.utc or stated.local.replace(tzinfo=timezone.utc)).timestamp()


def _hour(stated: Instant | None, at: float | None) -> int | None:
    if stated is not None:
        return stated.local.hour
    return None if at is None else int(at // 3600 % _HOURS)


def octets_of(cell: Data) -> bytes:
    """Return the octets of a string, nothing for what is none."""
    if cell.tag not in _STRINGS:
        return b""
    value: bytes | str = cell.value
    return value if isinstance(value, bytes) else value.encode("utf-8")
