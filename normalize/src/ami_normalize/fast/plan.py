"""How the messages of one template and the same signs are interpreted: found out once, by the generic pipeline.

A plan knows which slot each reading's value comes from, which slot holds the time, and what of the values decides more
than itself. All messages that agree on these decisions have the same layout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple

from ami_dlms.axdr import Data, Tag
from ami_normalize import plausibility
from ami_normalize.dialects import Dialect
from ami_normalize.fast.clocks import Clock
from ami_normalize.fast.layout import Cell, Form, Pool, picker
from ami_normalize.fast.slots import Places
from ami_normalize.fast.texts import TextKind, Texts
from ami_normalize.fast.unusual import Unusual
from ami_normalize.model import VALUE_ATTRIBUTE, Entry, Reading, ScalerUnit, Statement
from ami_normalize.numbers import Value
from ami_normalize.pipeline.buffers import is_period, profiles_of
from ami_normalize.pipeline.interpret import Objects, valued_entries
from ami_normalize.shapes import events, objects, profile

_IDENTITIES: Final = frozenset((objects.LOGICAL_DEVICE_NAME, *objects.SERIALS))
_WHOLE: Final = objects.INTEGERS | {Tag.ENUM, Tag.BCD}
_FLOATS: Final = frozenset({Tag.FLOAT32, Tag.FLOAT64})
_TEXTS: Final = frozenset(
    {Tag.OCTET_STRING, Tag.VISIBLE_STRING, Tag.UTF8_STRING, Tag.DATE_TIME, Tag.DATE, Tag.TIME, Tag.BIT_STRING}
)
_JOINED_TAIL: Final = 3
"""Octets behind date and time in a clock joined of two columns: they are the same for all."""

Take = Callable[[Pool], Any]


class Written(NamedTuple):
    """A text among the values."""

    take: Take
    field: Callable[[Any], bytes]
    """See `Texts.field`."""


class Real(NamedTuple):
    """A float among the values, and how it is scaled."""

    slot: int
    scaler: int
    single: bool


class Identity(NamedTuple):
    """A value that may name the meter, by its code."""

    code: str
    tag: int
    of: Take
    """Gives the content."""
    value: Callable[[Pool], Value]
    """Gives the value of its reading."""
    is_value: bool
    """It is the attribute value of its object."""
    is_text: bool
    """Its value is made of its content."""


class Watched(NamedTuple):
    """Numbers of a reading that mean something else: no value, a counter at its end."""

    slot: int
    numbers: frozenset[int]
    absent: frozenset[int]
    """Those that stand for no value."""
    reading: int
    """Which reading."""


class Scaled(NamedTuple):
    """A number that a check looks at: an integer in a slot, one of the floats, or always the same."""

    slot: int = -1
    down: bool = False
    """Divided by `power`, else multiplied."""
    power: int = 1
    real: int = -1
    constant: float | None = None

    @classmethod
    def of(cls, slot: int, scale: int) -> Scaled:
        """Describe an integer of a scale."""
        return cls(slot, scale < 0, 10 ** abs(scale))


class Checked(NamedTuple):
    """The numbers that checks look at, by the places of their readings."""

    numbers: tuple[float | None, ...]
    """Of all readings: those that are always the same, None for the others."""
    integers: tuple[tuple[int, int, bool, int], ...]
    """Place, slot, and how it is scaled, as in `Scaled`."""
    reals: tuple[tuple[int, int], ...]
    """Place, and which of the floats."""

    @classmethod
    def of(cls, scaled: Mapping[int, Scaled], readings: int) -> Checked:
        """Sort numbers by where they come from; `readings` is how many there are."""
        numbers = tuple(scaled[at].constant if at in scaled else None for at in range(readings))
        integers = tuple((at, each.slot, each.down, each.power) for at, each in scaled.items() if each.slot >= 0)
        return cls(numbers, integers, tuple((at, each.real) for at, each in scaled.items() if each.real >= 0))


class Connection(NamedTuple):
    """Voltages and currents of phases, and the powers that they carry, by their places among the readings."""

    voltages: tuple[int, ...]
    currents: tuple[int, ...]
    powers: tuple[int, ...]


class Column(NamedTuple):
    """A profile column of whole numbers."""

    pick: Callable[[Pool], Pool]
    numbers: frozenset[int]
    """Numbers that need the generic pipeline."""
    limit: tuple[str, int, Scaled] | None
    """Kind and phase for the check against the meter's limits, and the scale."""


class Rows(NamedTuple):
    """A profile buffer whose rows are alike."""

    stamps: Callable[[Pool], Pool]
    size: int
    period_s: int
    """0: by the stamps."""
    period_slot: int
    """Where each message states a period that goes first, if it is not 0; -1 where none does."""
    only_first: bool
    """Only the first row has a stamp, the others count on from it."""
    stamps_start: bool
    columns: tuple[Column, ...]
    status: Callable[[Pool], Pool] | None


class Origin(NamedTuple):
    """What an entry was read from."""

    data: tuple[Data, ...]
    no_value: frozenset[int] = frozenset()
    """Numbers that stand for no value, by the column of its layout."""


class Shared(NamedTuple):
    """What plans have in common."""

    clock: Clock
    """Reads the times of this dialect and zone."""
    texts: Callable[[TextKind, Clock], Texts]
    number: Callable[[object], int]
    """Gives equal things the same number."""


class Plan:
    """How messages are interpreted; see the module. `layouts` come with the messages."""

    __deletable__ = ["_content", "_dialect", "_named", "_quiet", "_scaled", "_shared", "_watched"]  # noqa: RUF012  as mypyc wants it

    def __init__(
        self, statement: Statement, found: Objects, content: Places, body: Data | None, *, shared: Shared
    ) -> None:
        """Compile from one message; raises Unusual where values decide what no plan can foresee.

        `found` and `statement` are what the generic pipeline made of it, `content` where its values stand, `body` the
        body of a notification.
        """
        self.layouts: dict[object, Any] = {}
        self.dialect = statement.dialect
        self.clock = shared.clock
        self.header = content.attributes.get("date_time", -1) if found.header_time else -1
        self.at: Take | None = None
        self.at_may_fail = False
        """The clock is joined of two columns, whose signs do not tell whether it names a moment."""
        self.cells: list[Cell] = []
        self.written: list[Written] = []
        self.reals: list[Real] = []
        self.identities: list[Identity] = []
        self._named: list[object] = []
        self._scaled: list[Scaled] = []
        self._watched: list[Watched] = []
        self._quiet: list[int] = []
        self._content, self._shared, self._dialect = content, shared, found.dialect
        entries = valued_entries(found)
        logs = any(events.log(buffer) is not None for buffer in found.buffers)
        if logs or len(entries) != len(statement.readings) or (found.header_time and self.header < 0):
            raise Unusual
        origins = _origins(found, body)
        for entry, reading in zip(entries, statement.readings, strict=True):
            self._add(entry, reading, origins.get(id(entry), Origin((entry.data,))))
        self.naming = shared.number(tuple(self._named))
        """Equal for plans in which equal contents name the same meter."""
        self.quiet = tuple(self._quiet)
        """Slots of event codes and alarm registers: zero, or the message tells of events."""
        self.watched = tuple(self._watched)
        self.watched_numbers = frozenset(chain.from_iterable(watch.numbers for watch in self._watched))
        shape = plausibility.plan(
            tuple(plausibility.Member(reading.obis, reading.attribute, reading.unit) for reading in statement.readings)
        )
        self.connections = _connections(shape.powers)
        self.limited = shape.limited
        checked = {check.at for check in shape.limited}
        for power in shape.powers:
            checked |= {power.power, *power.voltages, *power.currents}
        self.checked = Checked.of({index: self._scaled[index] for index in sorted(checked)}, len(statement.readings))
        self.size = len(statement.readings)
        self.rows = tuple(_rows(buffer, found, content) for buffer in found.buffers)
        del self._content, self._shared, self._dialect, self._scaled, self._watched, self._quiet, self._named

    def _add(self, entry: Entry, reading: Reading, origin: Origin) -> None:
        """Add the reading of an entry."""
        data = origin.data
        slots = [self._content.slots.get(id(one), -1) for one in data]
        scaled = Scaled()
        if events.source(self._dialect.code(entry.obis)) is not None and entry.attribute == VALUE_ATTRIBUTE:
            if -1 in slots or data[0].tag not in objects.NUMBERS:
                raise Unusual
            self._quiet.append(slots[0])
        if -1 in slots:
            scaled = Scaled(constant=plausibility.number(reading.value))
            if len(slots) > 1 or id(data[0]) not in self._content.constants:
                raise Unusual
            self._identify(reading, data[0].tag, _always(data[0].value), _always(reading.value), repr(reading.value))
            self.cells.append(Cell(Form.CONSTANT))
        elif len(slots) > 1:
            take = _joined(slots, entry.data.value)
            self._text(entry, reading, take, Tag.OCTET_STRING)
            self.at, self.at_may_fail = take, True
        else:
            scaled = self._value(entry, reading, origin, slots[0])
            if self.cells[-1].form is not Form.TEXT:
                self._identify(reading, data[0].tag, itemgetter(slots[0]), _always(None), None)
        self._scaled.append(scaled)

    def _value(self, entry: Entry, reading: Reading, origin: Origin, slot: int) -> Scaled:
        """Add a reading whose value is in one slot."""
        tag = origin.data[0].tag
        stated = self._stated(entry)
        scaler = stated.scaler if stated else 0
        if tag in _WHOLE:
            self.cells.append(Cell(Form.INTEGER, slot))
            absent, end = special(entry.obis, tag, self._dialect)
            absent |= origin.no_value if tag in objects.INTEGERS else frozenset()
            if absent or end:
                self._watched.append(Watched(slot, absent | end, absent, len(self.cells) - 1))
            return Scaled.of(slot, scaler if tag in objects.INTEGERS else 0)
        if tag in _FLOATS:
            self.cells.append(Cell(Form.REAL, slot))
            self.reals.append(Real(slot, scaler, tag == Tag.FLOAT32))
            return Scaled(real=len(self.reals) - 1)
        if tag == Tag.BOOLEAN:
            self.cells.append(Cell(Form.BOOLEAN, slot))
        elif tag in _TEXTS:
            self._text(entry, reading, itemgetter(slot), tag)
        else:
            raise Unusual
        return Scaled()

    def _text(self, entry: Entry, reading: Reading, take: Take, tag: int) -> None:
        rule = self._dialect.rule(entry.obis)
        number = entry.number or (rule is not None and rule.number and tag == Tag.OCTET_STRING)
        kind = TextKind(tag, objects.is_clock(reading.obis), number, self._dialect.deviation_inverted)
        texts = self._shared.texts(kind, self.clock)
        self._identify(reading, tag, take, lambda values: texts.value(take(values)), (kind, id(self.clock)))
        self.written.append(Written(take, texts.field))
        self.cells.append(Cell(Form.TEXT))
        is_time = objects.is_clock(self._dialect.code(entry.obis))
        if is_time and self.at is None and objects.clock(entry.data, self._dialect) is not None:
            self.at = take

    def _identify(self, reading: Reading, tag: int, of: Take, value: Callable[[Pool], Value], how: object) -> None:
        """Note what may name the meter; `how` its value comes from its content is equal for what gives equal values."""
        if reading.obis in _IDENTITIES:
            is_value = reading.attribute == VALUE_ATTRIBUTE
            is_text = isinstance(how, tuple)
            self.identities.append(Identity(reading.obis, tag, of, value, is_value, is_text))
            self._named.append((reading.obis, tag, is_value, how))

    def _stated(self, entry: Entry) -> ScalerUnit | None:
        rule = self._dialect.rule(entry.obis)
        if rule is not None and rule.scaler_unit is not None and (rule.override or entry.scaler_unit is None):
            return rule.scaler_unit
        return entry.scaler_unit


def _connections(powers: Sequence[plausibility.Power]) -> tuple[Connection, ...]:
    """Put powers of the same voltages and currents together."""
    found: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for power in powers:
        found.setdefault((power.voltages, power.currents), []).append(power.power)
    return tuple(Connection(*carrying, tuple(those)) for carrying, those in found.items())


def special(obis: str, tag: int, dialect: Dialect) -> tuple[frozenset[int], frozenset[int]]:
    """Return the numbers of an object that stand for no value, and those that are the end of its counter."""
    rule = dialect.rule(obis)
    absent = rule.no_value if rule is not None and tag in objects.INTEGERS else frozenset()
    return absent, objects.ends_of_counter(dialect.code(obis), tag, rule.digits if rule is not None else 0)


def _always(value: Any) -> Callable[[Pool], Any]:
    return lambda _values: value


def _joined(slots: Sequence[int], example: bytes) -> Take:
    """Return what joins date and time of two columns to a date-time."""
    date, time = slots
    tail = example[-_JOINED_TAIL:]
    return lambda values: bytes(values[date] + values[time] + tail)


def _origins(found: Objects, body: Data | None) -> dict[int, Origin]:
    """Return what the entries of a positional list were read from, by the entry's identity."""
    layout = found.layout
    if layout is None or body is None:
        return {}
    items: Sequence[Data] = body.value.items if body.tag == Tag.COMPACT_ARRAY else body.value
    named = [(column, item) for column, item in zip(layout.columns, items, strict=True) if column.obis]
    surplus = len(found.entries) - len(named)
    by_part = {column.part: item for column, item in zip(layout.columns, items, strict=True) if column.part}
    origins = {id(entry): Origin((by_part["date"], by_part["time"])) for entry in found.entries[:surplus]}
    for entry, (column, item) in zip(found.entries[surplus:], named, strict=True):
        origins[id(entry)] = Origin((item,), column.no_value)
    return origins


def _rows(buffer: profile.Buffer, found: Objects, content: Places) -> Rows:
    """Compile a profile buffer; raises Unusual unless its rows are alike and all their cells vary."""
    dialect = found.dialect
    period_slot, period_s = _period(buffer, found, content)
    table = [row.value if row.tag == Tag.STRUCTURE else () for row in buffer.rows]
    width = len(buffer.columns)
    clocks = [index for index, column in enumerate(buffer.columns) if column.is_clock]
    if len(clocks) != 1 or buffer.columns[clocks[0]].is_unix_clock or any(len(row) != width for row in table):
        raise Unusual
    stamps = [row[clocks[0]] for row in table]
    only_first = len(stamps) > 1 and all(stamp.tag in objects.EMPTY for stamp in stamps[1:])
    if only_first and not buffer.period_s:
        raise Unusual
    columns = []
    status = None
    for index, column in enumerate(buffer.columns):
        if index == clocks[0] or index in buffer.without:
            continue
        cells = [row[index] for row in table]
        tag = cells[0].tag
        if tag not in _WHOLE or any(cell.tag != tag for cell in cells):
            raise Unusual
        absent, end = special(column.obis, tag, dialect)
        absent |= column.no_value if tag in objects.INTEGERS else frozenset()
        columns.append(Column(_column(cells, content), absent | end, _limit(column, tag, dialect)))
        if status is None and profile.is_status(dialect.code(column.obis)):
            status = columns[-1].pick
    return Rows(
        stamps=_column(stamps[:1] if only_first else stamps, content),
        size=len(table),
        period_s=period_s,
        period_slot=period_slot,
        only_first=only_first,
        stamps_start=dialect.stamps_start,
        columns=tuple(columns),
        status=status,
    )


def _period(buffer: profile.Buffer, found: Objects, content: Places) -> tuple[int, int]:
    """Return the slot of the period, if the message states it, and what holds where that says nothing."""
    stated = [entry.data for entry in found.entries if is_period(entry) and entry.obis == buffer.obis]
    slot = content.slots.get(id(stated[-1]), -1) if stated else -1
    if slot < 0:
        return -1, buffer.period_s
    if not any(column.class_id for column in buffer.columns):
        raise Unusual  # a layout of rows has a period of its own
    facts = profiles_of(found.meter).get(buffer.obis)
    return slot, facts.period_s if facts else 0


def _limit(column: profile.Column, tag: int, dialect: Dialect) -> tuple[str, int, Scaled] | None:
    """Return how the values of a column are bounded by their meter's limits."""
    rule = dialect.rule(column.obis)
    stated = column.scaler_unit
    if rule is not None and rule.scaler_unit is not None and (rule.override or stated is None):
        stated = rule.scaler_unit
    role = plausibility.role(dialect.code(column.obis)) if column.attribute == VALUE_ATTRIBUTE else None
    if role is None or stated is None or not plausibility.is_limited(role, stated.unit):
        return None
    return role.kind, role.phase, Scaled.of(-1, stated.scaler if tag in objects.INTEGERS else 0)


def _column(cells: Sequence[Data], content: Places) -> Callable[[Pool], Pool]:
    """Return what takes the values of some cells; raises Unusual where one does not vary."""
    slots = [content.slots.get(id(cell), -1) for cell in cells]
    if -1 in slots:
        raise Unusual
    step = slots[1] - slots[0] if len(slots) > 1 else 1
    if slots == list(range(slots[0], slots[0] + step * len(slots), step)):
        return itemgetter(slice(slots[0], slots[-1] + 1, step))
    return picker(slots)
