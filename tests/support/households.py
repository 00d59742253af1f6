"""Virtual metering points: a load that rises and falls as people live, sun on some roofs, and the counters of it.

A household is seeded: the same seed lives the same days. Its state is computed once a minute; counters add up what
each minute used, so that what a message shows follows from all that was between two messages, not from the messages.
"""

import math
import random
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

from ami_dlms.apdu import DataNotification
from ami_dlms.axdr import NULL, Data, Tag, structure
from ami_normalize.pipeline import RawRecord

START = datetime(2026, 5, 4, tzinfo=timezone.utc)
HEADERS = {"ami-framing": b"none", "ami-exchange": b"push"}


def states(seed, *, days, every_s, sun=False, phases=3, late_s=0):
    """Yield the state of a household at each message: instantaneous values and counters, in W, var, V, A, Wh, varh."""
    dice = random.Random(seed)
    grid = random.Random(1)  # the same for all
    base, share = dice.uniform(70, 260), [dice.uniform(0.2, 1.0) for _ in range(phases)]
    share = [one / sum(share) for one in share]
    roof = dice.uniform(2500, 6000) if sun else 0.0
    motors, electronics = dice.uniform(0.12, 0.3), dice.uniform(30, 120)
    state = SimpleNamespace(
        number=0,
        seed=seed,
        serial=f"{10_000_000 + seed * 7919}",
        imported=dice.uniform(1e6, 2e7),
        exported=dice.uniform(1e5, 4e6) if sun else 0.0,
        reactive_import=dice.uniform(1e5, 2e6),
        reactive_export=dice.uniform(1e5, 2e6),
    )
    state.day_tariff, state.night_tariff = state.imported * 0.6, state.imported * 0.4
    appliances, cloud, outdoor = [], 0.7, dice.uniform(8, 12)
    next_message = dice.randrange(every_s)
    for minute in range(days * 24 * 60):
        hour = minute / 60 % 24
        busy = 0.2 + 1.6 * math.exp(-((hour - 6.5) ** 2) / 2) + 2.2 * math.exp(-((hour - 18.5) ** 2) / 6)
        if dice.random() < 0.012 * busy:
            appliances.append([dice.uniform(300, 2400), dice.randint(5, 70)])
        appliances = [[watts, left - 1] for watts, left in appliances if left > 0]
        cooling = 90 if (minute + seed * 13) % 47 < 17 else 0
        used = base + cooling + sum(watts for watts, _ in appliances) + dice.uniform(-8, 8) + 60 * busy
        cloud = min(1.0, max(0.1, cloud + dice.uniform(-0.08, 0.08)))
        made = roof * cloud * max(0.0, math.sin(math.pi * (hour - 5.2) / 14.2)) if 5.2 < hour < 19.4 else 0.0
        net = used - made
        reactive = motors * (used - base) * 0.6 + cooling * 0.7 - electronics + dice.uniform(-5, 5)
        state.import_w, state.export_w = max(net, 0.0), max(-net, 0.0)
        state.import_var, state.export_var = max(reactive, 0.0), max(-reactive, 0.0)
        state.imported += state.import_w / 60
        state.exported += state.export_w / 60
        state.reactive_import += state.import_var / 60
        state.reactive_export += state.export_var / 60
        if 6 <= hour < 22:
            state.day_tariff += state.import_w / 60
        else:
            state.night_tariff += state.import_w / 60
        frequency = 50 + 0.02 * math.sin(minute / 37) + grid.uniform(-0.012, 0.012)
        outdoor += 0.002 * math.sin(2 * math.pi * (hour - 9) / 24) + dice.uniform(-0.05, 0.05)
        if minute * 60 < next_message:
            continue
        next_message += every_s
        state.number += 1
        state.at = START + timedelta(minutes=minute, seconds=late_s)
        state.volts = [
            231 + 2 * math.sin(minute / 200 + phase) - net * one / 2500 + dice.uniform(-1.2, 1.2)
            for phase, one in enumerate(share)
        ]
        state.phase_w = [net * one for one in share]
        state.amperes = [math.hypot(net, reactive) * one / volts for one, volts in zip(share, state.volts, strict=True)]
        state.factor = abs(net) / math.hypot(net, reactive)
        state.frequency, state.outdoor = frequency, outdoor
        state.random = dice.randrange(65536)
        yield SimpleNamespace(**vars(state))


class Number:
    """A place of a list that holds a number: what it should be learnt as, and how it is made of a state."""

    def __init__(self, obis, unit, scaler, value, tag=Tag.UINT32):
        self.obis, self.unit, self.scaler, self.value, self.tag = obis, unit, scaler, value, tag

    def item(self, state):
        """The value of this place."""
        value = self.value(state)
        return NULL if value is None else Data(self.tag, int(value // 10.0**self.scaler))


class Text:
    """A place of a list that holds a text."""

    def __init__(self, obis, value, tag=Tag.OCTET_STRING):
        self.obis, self.unit, self.scaler, self.value, self.tag = obis, None, 0, value, tag

    def item(self, state):
        """The value of this place."""
        text = self.value(state)
        return Data(self.tag, text if self.tag == Tag.VISIBLE_STRING else text.encode())


class Octets(Text):
    """A place of a list that holds octets, such as a time."""

    def item(self, state):
        """The value of this place."""
        return Data(Tag.OCTET_STRING, self.value(state))


def date_time(state, deviation=b"\x80\x00"):
    """The octets of a date-time."""
    return date(state) + time(state) + deviation + b"\x00"


def date(state):
    """The octets of a date."""
    return state.at.year.to_bytes(2, "big") + bytes((state.at.month, state.at.day, state.at.isoweekday()))


def time(state):
    """The octets of a time."""
    return bytes((state.at.hour, state.at.minute, state.at.second, 0))


def records(layout, homes, maker="", *, header=b"", tagged=False, by_meter=True):
    """Raw records of all homes, as `ami.parked.v1` has them: in the order of time."""
    found = []
    for seed, life in homes:
        title = maker.encode() + (1000 + seed).to_bytes(5, "big") if maker else b""
        for state in life:
            body = structure(*(place.item(state) for place in layout))
            time_of_head = header if isinstance(header, bytes) else header(state)
            apdu = DataNotification(1, time_of_head, body, tagged_date_time=tagged).to_bytes()
            key = f"st-{title.hex()}" if title else f"meter-{seed}" if by_meter else f"line-{seed}-{state.number}"
            stamp = {"ce_time": (state.at + timedelta(seconds=3)).isoformat().encode()}
            found.append((state.at, RawRecord("ami.raw.v1", 0, len(found), key.encode(), apdu, HEADERS | stamp)))
    return [record for _, record in sorted(found, key=lambda each: each[0])]
