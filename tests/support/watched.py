"""Records as a normalizer writes them, for `ami watch`: made directly, so that each can say what it likes."""

from ami.events.v1 import meter_events_pb2 as events_pb
from ami.readings.v1 import meter_readings_pb2 as pb
from ami_normalize.watch.rules.fleet import Fleet, Record
from ami_normalize.watch.rules.policy import Policy
from ami_schemas import topics

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
DAY = 24 * HOUR
T0 = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z

METER = "st-414d490000000001"
ENERGY, EXPORT, PER_INTERVAL = "1.0.1.8.0.255", "1.0.2.8.0.255", "1.0.1.29.0.255"
PROFILE = "1.0.99.1.0.255"
WH = 30


def readings(received_us, *, meter=METER, meter_time_us=None, registers=(), blocks=(), origin=pb.TIME_ORIGIN_UTC):
    """Readings of a meter: `registers` of (obis, mantissa) or (obis, mantissa, scale), measured when received."""
    message = pb.MeterReadings(
        meter=pb.Meter(id=meter),
        time=pb.MessageTime(
            meter_time_us=received_us if meter_time_us is None else meter_time_us,
            meter_time_origin=origin,
            received_us=received_us,
        ),
        interval_blocks=blocks,
    )
    for obis, mantissa, *scale in registers:
        message.readings.add(
            obis=obis, unit=WH, measured_at_us=received_us, mantissa=mantissa, scale=scale[0] if scale else 0
        )
    return message


def block(first_end_us, values, *, period_s=900, obis=PER_INTERVAL, profile=PROFILE, scale=0):
    """A column of a profile; None in `values` is a row that is missing."""
    return pb.IntervalBlock(
        profile_obis=profile,
        obis=obis,
        unit=WH,
        period_s=period_s,
        first_interval_end_us=first_end_us,
        scale=scale,
        mantissas=[value or 0 for value in values],
        quality=[
            pb.IntervalQuality(index=index, quality=[pb.QUALITY_MISSING])
            for index, value in enumerate(values)
            if value is None
        ],
    )


def event(meter=METER, kind="PUSH_EVENT"):
    """An event of a meter."""
    return events_pb.MeterEvents(meter=pb.Meter(id=meter), events=[events_pb.Event(kind=kind)])


class Watched:
    """A fleet with its table, fed record after record; what was found is kept."""

    def __init__(self, policy=None):
        self.table = {}
        self.policy = policy or Policy()
        self.fleet = Fleet(self.table, self.policy)
        self.found = []
        self.offsets = {}

    def give(self, message, *, at_us=None, topic=topics.READINGS, headers=None, key=METER, partition=0):
        """Take a record; give the kinds of what was found."""
        value = message if isinstance(message, bytes) or message is None else message.SerializeToString()
        received = getattr(message, "time", None)
        at_us = at_us if at_us is not None else received.received_us if received else T0
        offset = self.offsets.get(topic, 0)
        self.offsets[topic] = offset + 1
        record = Record(topic, partition, offset, at_us // 1000, key.encode(), value, headers or {})
        return self.take(record)

    def take(self, record):
        found = self.fleet.take(record)
        self.keep()
        self.found += found
        return [each.finding.kind.value for each in found]

    def keep(self):
        """Write what changed to the table."""
        for key, value in self.fleet.changes().items():
            if value is None:
                self.table.pop(key, None)
            else:
                self.table[key] = value
        self.fleet.settle()

    def judge(self, now_us):
        """Look for silent meters; give the kinds of what was found."""
        found = [each for key in list(self.table) for each in self.fleet.judge(key, now_us)]
        self.keep()
        self.found += found
        return [each.finding.kind.value for each in found]

    def state(self, meter=METER, partition=0):
        return self.fleet.state(f"{partition}/{meter}".encode())
