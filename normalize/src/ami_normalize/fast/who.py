"""Which meter a message is of, once for each meter: its id, its message, what is registered of it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_dlms.axdr import Data
from ami_normalize.fast import wire
from ami_normalize.fast.plan import Identity, Plan
from ami_normalize.meter import MeterFacts, title_name
from ami_normalize.model import Statement
from ami_normalize.pipeline import Context, Outcomes, RawRecord, Refused
from ami_normalize.pipeline.decrypt import Plain
from ami_normalize.pipeline.encode import meter_message, meter_of
from ami_normalize.pipeline.identify import identify, registered
from ami_normalize.pipeline.interpret import Understood
from ami_normalize.plausibility import NO_BOUNDS, Bounds, bounds
from ami_normalize.shapes import objects
from ami_schemas import headers

_MOST_KEPT: Final = 65_536
PUSHED: Final = (False, b"")
"""What a push was asked for."""
_METER: Final = b"\x0a"
"""Tag of MeterReadings.meter."""


class Who(NamedTuple):
    """A meter."""

    meter_id: str
    message: bytes
    """MeterReadings.meter, with its tag."""
    facts: MeterFacts | None
    """What is registered of it."""
    kind: Any
    """What of that decides how its messages are interpreted; None: nothing."""
    bounds: Bounds
    titled: bool = False
    """Its title tells, whatever key its record has."""
    refused: Outcomes = ()
    """How its messages end instead: nothing names the meter."""


class Whose:
    """Finds the meters of messages."""

    def __init__(self, context: Context) -> None:
        """Find them by what is registered in `context`."""
        self._context = context
        self._kept: dict[tuple[Any, ...], Who] = {}
        self._titled: dict[bytes, Who] = {}
        """Those that their title alone tells, for messages that name nobody."""

    def of(self, title: bytes | None, asked: object, record: RawRecord, plan: Plan | None, values: Any) -> Who:
        """Return the meter of a message.

        `asked` is whether it answers, and the name that its context states; `plan` is given where values may name it.
        """
        if plan is None and title is not None and asked == PUSHED:
            known = self._titled.get(title)
            if known is not None:
                return known
        key: tuple[Any, ...] = (title, record.key, asked)
        identities: list[Identity] = []
        if plan is not None:
            identities = plan.identities
            key += (plan.naming, *[identity.of(values) for identity in identities])
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            found = self._kept[key] = self._find(title, record, identities, values)
        return found

    def _find(self, title: bytes | None, record: RawRecord, identities: list[Identity], values: Any) -> Who:
        context = self._context
        registry = context.registry
        name, serial = _stated(identities, values) if identities else ("", "")
        facts = registry.by_title(title) if title and len(registry) else None
        if title and (facts or not len(registry)) and headers.CONTEXT not in record.headers:
            who = _known(meter_of(facts.meter_id if facts else title_name(title), name, title), facts)._replace(
                titled=True
            )
            if not identities:
                if len(self._titled) >= _MOST_KEPT:
                    self._titled.clear()
                self._titled[title] = who
            return who
        identified = identify(record, context)
        facts = registered(identified, title, *_claimed(identities, values), context)
        statement = Statement(logical_device_name=name, serial=serial)
        try:
            meter = meter_message(Understood(Plain(b"", title), statement, facts), identified, context)
        except Refused as refused:
            return Who("", b"", facts, None, NO_BOUNDS, refused=(refused.outcome(),))
        return _known(meter, facts)


def _known(meter: pb.Meter, facts: MeterFacts | None) -> Who:
    return Who(
        meter.id,
        wire.field(_METER, meter.SerializeToString()),
        facts,
        _kind(facts) if facts else None,
        bounds(facts.limits) if facts else NO_BOUNDS,
    )


def _kind(facts: MeterFacts) -> object:
    if not (facts.zone or facts.dialect or facts.profiles):
        return None
    return facts.zone, facts.dialect, tuple(facts.profiles.items())


def _stated(identities: list[Identity], values: Any) -> tuple[str, str]:
    """Return logical device name and serial as `interpret.state` finds them among the readings."""
    texts = {
        identity.code: value
        for identity in identities
        if identity.is_value and isinstance(value := identity.value(values), str) and value.strip()
    }
    return _first(texts)


def _claimed(identities: list[Identity], values: Any) -> tuple[str, str]:
    """Return logical device name and serial as `interpret.objects_of` finds them among the objects."""
    texts = {identity.code: objects.text(Data(identity.tag, identity.of(values))) or "" for identity in identities}
    return _first(texts)


def _first(texts: dict[str, str]) -> tuple[str, str]:
    name, serial = (
        next((text for code in codes if (text := texts.get(code, "").strip())), "")
        for codes in ((objects.LOGICAL_DEVICE_NAME,), objects.SERIALS)
    )
    return name, serial
