"""What became of each raw record, by the contract alone: read committed, `ami-source`, markers, natural keys."""

import array
import collections
import logging
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from ami.readings.v1 import meter_readings_pb2 as pb
from ami_schemas import topics
from support.kafka_reader import headers, watermarks

OUTCOMES = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)
MARKERS = "markers"

_QUIET = logging.getLogger("account")  # what the client says of brokers that are killed is expected
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Reader:
    """Committed records of whole topics, each once and in order, whatever the brokers do meanwhile."""

    def __init__(self, bootstrap, names):
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"account-{time.monotonic_ns()}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "logger": _QUIET,
            }
        )
        found = self._consumer.list_topics(timeout=30).topics
        self._next = {(name, number): 0 for name in names for number in found[name].partitions}
        self._consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in self._next])

    def read(self, timeout_s=0.5):
        """Give records that are new."""
        found = []
        for message in self._consumer.consume(5000, timeout_s):
            place, error = (message.topic(), message.partition()), message.error()
            if error is not None:
                assert error.code() != KafkaError._AUTO_OFFSET_RESET, f"{place}: {error.str()}"
            elif message.offset() >= self._next[place]:
                self._next[place] = message.offset() + 1
                found.append(message)
        return found

    def read_to_end(self, within):
        """Give all records up to the ends as of now, in pieces; fail, naming the places, where one is not reached."""
        behind = {place: watermarks(self._consumer, TopicPartition(*place))[1] for place in self._next}
        deadline = time.monotonic() + within
        while behind:
            yield self.read()
            behind = {place: end for place, end in behind.items() if self._position(place) < end}
            assert time.monotonic() < deadline, f"a transaction hangs; not read to these ends: {behind}"

    def _position(self, place):
        """Where the client stands: control records and aborted ones are passed over."""
        (where,) = self._consumer.position([TopicPartition(*place)])
        return max(where.offset, self._next[place])

    def close(self):
        """End."""
        self._consumer.close()


class Account:
    """How often each source was seen in each topic, and why those that are no readings are none."""

    def __init__(self, late=frozenset()):
        """Begin; `late` are the keys of records that shall not stay parked."""
        self._late = late
        self._seen = {name: collections.defaultdict(bytearray) for name in (*OUTCOMES, MARKERS)}
        self._reasons = collections.defaultdict(dict)
        self.ended = 0
        """Sources that were seen."""
        self.waiting = 0
        """Parked records that shall not stay so."""

    def take(self, message):
        """Note one record."""
        topic, held = message.topic(), headers(message)
        marked = held.get("ami-resolves")
        partition, offset = place_of(marked or held["ami-source"])
        late = topic == topics.PARKED and message.key() in self._late
        if marked:
            topic = MARKERS
        else:
            self.ended += not any(_at(self._seen[name][partition], offset) for name in OUTCOMES)
        if late and not _at(self._seen[topic][partition], offset):
            self.waiting += -1 if marked else 1
        if "dlq.reason" in held:
            self._reasons[partition][offset] = held["dlq.reason"].decode()
        _count(self._seen[topic][partition], offset)

    def outcome(self, partition, offset):
        """Give how often a source was seen in each topic where it was seen, and the last reason."""
        found = {name: _at(counts[partition], offset) for name, counts in self._seen.items()}
        return {name: times for name, times in found.items() if times}, self._reasons[partition].get(offset)


def place_of(source):
    """Give partition and offset of an `ami-source`; the records of this story never become several of one topic."""
    _, partition, offset = source.split(b"/")
    return int(partition), int(offset)


def _at(counts, index):
    return counts[index] if index < len(counts) else 0


def _count(counts, index):
    if index >= len(counts):
        counts.extend(bytes(index + 1 - len(counts)))
    counts[index] = min(255, counts[index] + 1)


def verdict(bootstrap, stream, within):
    """Read everything afresh; give what is wrong, a sentence each, and how many records ended in which way."""
    numbers = _numbers(bootstrap, within)
    account, times = Account(), bytearray(stream.records * stream.width)
    wrong = []
    reader = Reader(bootstrap, OUTCOMES)
    try:
        for messages in reader.read_to_end(within):
            for message in messages:
                account.take(message)
                if message.topic() == topics.READINGS:
                    wrong += _read(message, numbers, stream, times)
    finally:
        reader.close()
    ends = collections.Counter()
    fed = bytearray(stream.records)
    for partition, each in numbers.items():
        for offset, number in enumerate(each):
            fed[number] += 1
            found, reason = account.outcome(partition, offset)
            ends[tuple(found), reason] += 1
            if not stream.accepts(number, found, reason):
                wrong.append(f"record {number} at raw {partition}/{offset} ended as {found}, {reason}")
            values = times[number * stream.width : (number + 1) * stream.width]
            if set(values) != {int(topics.READINGS in found)}:
                wrong.append(
                    f"record {number} at raw {partition}/{offset}: its natural keys are there {list(values)} times"
                )
    assert set(fed) == {1}, "the records were not fed once each: nothing can be said"
    return wrong, ends


def _read(message, numbers, stream, times):
    """Count the natural keys of a message; yield what does not belong to its source."""
    read = pb.MeterReadings.FromString(message.value())
    partition, offset = place_of(headers(message)["ami-source"])
    number = numbers[partition][offset]
    meter, wanted = stream.values(number)
    for reading in read.readings:
        value = (reading.obis, reading.measured_at_us, reading.mantissa)
        if read.meter.id == meter and value in wanted:
            index = number * stream.width + wanted.index(value)
            times[index] = min(255, times[index] + 1)
        else:
            yield f"record {number} became {value} of {read.meter.id}"


def _numbers(bootstrap, within):
    """Give, of each raw partition, the numbers of its records by offset."""
    numbers = collections.defaultdict(lambda: array.array("I"))
    reader = Reader(bootstrap, [topics.RAW])
    try:
        for messages in reader.read_to_end(within):
            for message in messages:
                each = numbers[message.partition()]
                assert len(each) == message.offset(), "raw has a gap"
                each.append(int(headers(message)["ce_id"].rpartition(b"/")[2]))
    finally:
        reader.close()
    return numbers
