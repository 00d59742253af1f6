"""The plans of a template: one for each way its messages are interpreted."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple, Union
from weakref import WeakValueDictionary

from ami_dlms.apdu import DataNotification, GetResponseNormal, GetResponseWithList
from ami_dlms.shapes import Template
from ami_dlms.shapes.heads import Shaped
from ami_normalize.fast.clocks import Clock
from ami_normalize.fast.exchanges import Asked
from ami_normalize.fast.layout import Pool, picker
from ami_normalize.fast.opened import Opened
from ami_normalize.fast.plan import Identity, Plan, Shared
from ami_normalize.fast.signs import CLOCK, DATE_TIME, DATED, STRINGS, UNSAFE, Signs
from ami_normalize.fast.slots import places
from ami_normalize.fast.texts import TextKind, Texts
from ami_normalize.fast.unusual import Unusual
from ami_normalize.fast.weak import Weak
from ami_normalize.fast.who import Who, Whose
from ami_normalize.meter import NO_METERS
from ami_normalize.model import Statement
from ami_normalize.pipeline import Context, Outcomes, RawRecord, Refused
from ami_normalize.pipeline.decode import Answer, Said
from ami_normalize.pipeline.decrypt import Plain
from ami_normalize.pipeline.identify import identify
from ami_normalize.pipeline.interpret import Objects, objects_of, state, zone_for
from ami_normalize.shapes import telegram
from ami_schemas.reasons import Reason

_MOST_MET: Final = 65_536
"""Last pushes kept, one a meter and template."""
_MOST_PLANS: Final = 64
"""Of one template: where strings differ in more ways, its messages go by the generic pipeline."""
_SHAPED_REASONS: Final = frozenset({Reason.MAPPING_MISSING, Reason.NO_METER_DATA})
"""Why a message of a shape and signs is refused whatever its values."""

Key = tuple[object, ...]


class Ended(NamedTuple):
    """Messages that end the same whatever their values: refused by what they are."""

    outcomes: Outcomes


class Met(NamedTuple):
    """How the last push of a meter was read."""

    whose: Whose
    """What the meter was found by: a later registry may know it otherwise."""
    plain: Pool
    """Its strings that are no times."""
    dated: tuple[tuple[int, bytes | None], ...]
    """Its strings of twelve octets: what they were, None for a time."""
    plan: Plan | Ended
    who: Who


class _Generic:
    """Messages that no plan holds for."""


GENERIC: Final = _Generic()
Found = Union[Plan, Ended, _Generic]


class Plans:
    """The plans of all templates, for one context."""

    def __init__(self, context: Context) -> None:
        self._in_force(context)
        usual = (context.default_zone, False, False)
        self.usual = Clock(context.default_zone, configured=False, inverted=False)
        """Reads times of whom nothing special is known."""
        self._clocks = {usual: self.usual}
        self.signs = Signs(context.dialects, self.usual)
        self._texts: dict[tuple[TextKind, int], Texts] = {}
        self._lasts: WeakValueDictionary[int, Weak[bytes, Met]] = WeakValueDictionary()
        """The last pushes of all templates, as long as these are there; by `id`."""
        self._met = 0
        self._most_met = _MOST_MET
        self._numbers: dict[object, int] = {}

    def renewed(self, context: Context) -> Plans:
        """Go on with another context that has the same dialects and default zone."""
        self._in_force(context)
        return self

    def _in_force(self, context: Context) -> None:
        self.context = context
        self.unregistered = replace(context, registry=NO_METERS)
        """The context as if no meter were registered."""

    def of(self, template: Template, values: Pool) -> TemplatePlans:
        """Return the plans of a template; `values` are those of any message of it."""
        plans = template.plan
        if plans is None or plans.owner is not self:
            plans = template.plan = TemplatePlans(self, template, values)
            self._lasts[id(plans.met)] = plans.met
        found: TemplatePlans = plans
        return found

    def count_met(self) -> None:
        """Make room for one more last push: where there is none left, all are forgotten."""
        self._met += 1
        if self._met > self._most_met:
            for last in list(self._lasts.values()):
                last.clear()
            self._met = 1

    def clock(self, found: Objects, context: Context) -> Clock:
        """Return what reads the times of a dialect in its meter's zone."""
        zone, configured = zone_for(found.meter, found.dialect, context)
        key = (zone, configured, found.dialect.deviation_inverted)
        clock = self._clocks.get(key)
        if clock is None:
            clock = self._clocks[key] = Clock(zone, configured=configured, inverted=key[2])
        return clock

    def number(self, thing: object) -> int:
        """Give equal things the same number."""
        return self._numbers.setdefault(thing, len(self._numbers))

    def texts(self, kind: TextKind, clock: Clock) -> Texts:
        """Return what writes the values of a kind."""
        key = (kind, id(clock) if kind.is_clock else 0)
        texts = self._texts.get(key)
        if texts is None:
            texts = self._texts[key] = Texts(kind, clock)
        return texts


class TemplatePlans:
    """The plans of one template, by what of a message decides its interpretation."""

    def __init__(self, owner: Plans, template: Template, values: Pool) -> None:
        """Hold no plan yet; `values` are those of any message of the template."""
        self.owner = owner
        self.template = template
        self.found: dict[object, Found] = {}
        """Those made so far, by key."""
        strings: list[tuple[int, int]] = []
        columns: list[tuple[slice, int]] = []
        for run in template.runs:
            for position, field in enumerate(run.fields):
                if field.tag not in STRINGS:
                    continue
                if run.rows > 1 and len(values[run.start + position]) == DATE_TIME:
                    columns.append((run.column(position), field.tag))
                else:
                    width = len(run.fields)
                    strings += [(run.start + row * width + position, field.tag) for row in range(run.rows)]
        self._strings, self._columns = tuple(strings), tuple(columns)
        dated = [slot for slot, tag in strings if tag in DATED and len(values[slot]) == DATE_TIME]
        plain = [slot for slot, _ in strings if slot not in dated]
        self._dated = tuple(dated)
        """Slots of what may be a date-time."""
        self._plain = picker(plain) if plain else None
        self._read = owner.usual.read
        self.met: Weak[bytes, Met] = Weak()
        """The last pushes of meters, by system title."""
        self._sign = owner.signs.of
        self._column_sign = owner.signs.of_column
        self.values = sum(len(run.fields) * run.rows for run in template.runs)
        """How many values the template reads."""

    def meets(self, met: Met, values: Pool) -> bool:
        """Tell whether a push has the strings of the last one of its meter, but for times: then it is read alike."""
        if self._plain is not None and self._plain(values) != met.plain:
            return False
        for slot, content in met.dated:
            value = values[slot]
            if value != content if content is not None else self._read(value) is None:
                return False
        return not self._columns or self._are_stamps(values)

    def meet(self, title: bytes, values: Pool, whose: Whose, plan: Plan | Ended, who: Who) -> None:
        """Keep how a meter's push was read, for the next one; a profile only if all of its stamps are times."""
        identities = plan.identities if isinstance(plan, Plan) else ()
        if not self._are_stamps(values) or any(self._is_time(identity, values) for identity in identities):
            return
        if title not in self.met:
            self.owner.count_met()
        dated = tuple((slot, None if self._read(values[slot]) is not None else values[slot]) for slot in self._dated)
        self.met[title] = Met(whose, self._plain(values) if self._plain is not None else (), dated, plan, who)

    def _are_stamps(self, values: Pool) -> bool:
        """Tell whether the columns of twelve octets are the stamps of profiles."""
        return all(self._column_sign(tag, values[column]) == CLOCK for column, tag in self._columns)

    def _is_time(self, identity: Identity, values: Pool) -> bool:
        """Tell whether what names a meter is a time: a later one would name another."""
        if not identity.is_text or identity.tag not in STRINGS:
            return identity.is_text
        content = identity.of(values)
        return identity.tag in DATED and len(content) == DATE_TIME and self._read(content) is not None

    def key(self, title: bytes | None, asked: Asked, values: Pool) -> Key:
        """Return what of a message decides its interpretation, but for what is registered of its meter."""
        titled = self.owner.signs.of_title(title) if title else None
        if not self._strings and not self._columns:
            return titled, asked.key
        sign = self._sign
        signs: list[object] = [sign(tag, values[slot]) for slot, tag in self._strings]
        if self._columns:
            signs += [self._column_sign(tag, values[column]) for column, tag in self._columns]
        return (titled, asked.key, *signs)

    def learn(self, key: Key, record: RawRecord, opened: Opened, values: Pool, *, registered: bool) -> Found:
        """Make the plan of a key; `registered` by what is registered of the meter too."""
        if len(self.found) >= _MOST_PLANS:
            return GENERIC
        try:
            plan = self._made(record, opened, values, registered=registered) if UNSAFE not in key else GENERIC
        except Unusual:
            plan = GENERIC
        self.found[key] = plan
        return plan

    def _made(self, record: RawRecord, opened: Opened, values: Pool, *, registered: bool) -> Found:
        context = self.owner.context if registered else self.owner.unregistered
        apdu = self.template.rebuild(values)
        body = apdu.body if isinstance(apdu, DataNotification) else None
        if body is not None and telegram.envelope(body) is not None:
            raise Unusual  # it may be a telegram
        try:
            found, statement = interpreted(apdu, record, opened, context)
        except Refused as refused:
            return Ended((refused.outcome(),)) if refused.reason in _SHAPED_REASONS else GENERIC
        clock = self.owner.clock(found, context)
        return Plan(
            statement,
            found,
            places(self.template, apdu),
            body,
            shared=Shared(clock, self.owner.texts, self.owner.number),
        )


def interpreted(apdu: Shaped, record: RawRecord, opened: Opened, context: Context) -> tuple[Objects, Statement]:
    """Interpret an APDU by the generic pipeline; raises Refused, and Unusual for what is no answer or notification."""
    if isinstance(apdu, DataNotification):
        content: DataNotification | Answer = apdu
    elif isinstance(apdu, GetResponseNormal):
        content = Answer((apdu.result,))
    elif isinstance(apdu, GetResponseWithList):
        content = Answer(tuple(apdu.results))
    else:
        raise Unusual
    plain = Plain(opened.octets, opened.title, opened.protection, opened.key_version)
    found = objects_of(Said(plain, content), content, identify(record, context), context)
    return found, state(found, context)
