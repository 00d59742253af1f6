"""Many raw records, normalized live and replayed with a changed mapping: what must come out is counted here."""

import json
import struct
import threading
import time
from pathlib import Path
from types import SimpleNamespace

from ami_dlms.framing import wrapper
from ami_kafka import clients
from ami_kafka.loop import EventKind
from ami_normalize.dialects import Dialects
from ami_normalize.pipeline import Context
from ami_normalize.replay.diff import diff
from ami_normalize.replay.promote import Settings as PromoteSettings
from ami_normalize.replay.promote import promote
from ami_normalize.replay.run import Settings as ReplaySettings
from ami_normalize.replay.run import replay
from ami_normalize.stream.run import run
from ami_normalize.stream.settings import Settings
from ami_schemas import topics

VALUES = 10
PARTITIONS = 12
TOUCHED = "1.0.3.8.0.255"
"""The object that the candidate mapping gives another unit."""
_CODES = (1, 2, 3, 4, 21, 22, 41, 42, 61, 62)
_HEADERS = [("ami-framing", b"wrapper"), ("ami-exchange", b"push")]


def mapping(unit):
    """A dialect for the meters that list ten bare numbers, with the unit of the third."""
    units = {code: unit if code == 3 else "Wh" if code % 20 < 3 else "varh" for code in _CODES}
    columns = [{"type": "number", "obis": f"1.0.{code}.8.0.255", "unit": units[code]} for code in _CODES]
    return json.dumps([{"name": "bare", "layouts": [{"name": "ten numbers", "columns": columns}]}]).encode()


def is_bare(meter):
    """Whether a meter lists bare numbers: one of three does; the others say object, scaler and unit of each."""
    return meter % 3 == 0


def fill(bootstrap, count, meters):
    """Produce raw records of meters in turn, a millisecond apart; return the time of the first."""
    start = int(time.time()) * 1000 - count - 60_000
    producer = clients.producer(bootstrap)
    for number in range(count):
        meter = number % meters
        while True:
            try:
                producer.produce(
                    topics.RAW,
                    _push(meter, number),
                    b"meter-%d" % meter,
                    meter % PARTITIONS,
                    timestamp=start + number,
                    headers=_HEADERS,
                )
            except BufferError:
                producer.poll(0.1)
            else:
                break
    assert producer.flush(120) == 0
    return start


def _push(meter, number):
    parts = [bytes.fromhex("0f000000010002"), bytes([VALUES])]
    for index, code in enumerate(_CODES):
        value = struct.pack(">BI", 6, number + index)
        if is_bare(meter):
            parts.append(value)
        else:
            unit = 30 if code % 20 < 3 else 32
            parts.append(b"\x02\x03\x09\x06" + bytes((1, 0, code, 8, 0, 255)) + value + bytes((2, 2, 15, 0, 22, unit)))
    return wrapper.encode(b"".join(parts), 1, 16)


def normalize(bootstrap, path, count):
    """Run a live normalizer until so many raw records are done."""
    stop, seen = threading.Event(), [0]

    def on_event(event):
        if event.kind is EventKind.COMMITTED:
            seen[0] += event.fields["records"]
            if seen[0] >= count:
                stop.set()

    run(Settings(bootstrap, mappings=(path,)), stop, on_event)


def _resident():
    """MiB of memory held now; the peak counts anew from here (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak():
    return _status("VmHWM")


def _status(name):
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) // 1024


def story(bootstrap, tmp_path, count, meters, tell):
    """Live, replay of the same, replay with a candidate, diff, promotion; asserts that nothing else differs."""
    path = tmp_path / "mapping.json"
    path.write_bytes(mapping("Wh"))

    def timed(what, function, *arguments, **more):
        before, began = _resident(), (time.perf_counter(), time.process_time())
        made = function(*arguments, **more)
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        tell(f"{what}: {wall:.1f} s, {cpu:.1f} s of CPU, {_peak() - before} MiB more than the {before} MiB before")
        return made

    start = timed(f"produced {count} raw records", fill, bootstrap, count, meters)
    timed("normalized live", normalize, bootstrap, path, count)
    for name, unit in (("same", "Wh"), ("candidate", "varh")):
        context = Context(dialects=Dialects.of_contents([("mapping.json", mapping(unit))]))
        plan = timed(f"replayed {name}", replay, ReplaySettings(bootstrap, name), context, threading.Event())
        assert (plan.records, plan.written) == (count, {topics.READINGS: count})

    same = timed("diff of the same", diff, bootstrap, "same")
    assert (same.records["live"], same.records["replayed"]) == (count, count)
    assert (same.meters, same.differing, same.kinds, same.outcomes) == (meters, 0, {}, {})

    found = SimpleNamespace(seen=bytearray(count), wrong=[])

    def on_difference(each):
        number = each.key.at_us // 1000 - start
        meter = f"meter-{number % meters}"
        if (each.meter, each.key.obis, each.fields) != (meter, TOUCHED, ("unit", "quality")) or found.seen[number]:
            found.wrong.append(each)
        found.seen[number] = 1

    report = timed("diff of the candidate", diff, bootstrap, "candidate", on_difference)
    assert found.wrong == []
    assert list(found.seen) == [is_bare(number % meters) for number in range(count)]
    assert report.kinds == {"changed": sum(found.seen)}

    done = timed("promoted", promote, PromoteSettings(bootstrap, "candidate", settle_s=0.0))
    assert (done.values, done.withdrawn, done.meters) == (sum(found.seen), 0, report.differing)
    assert timed("diff after the promotion", diff, bootstrap, "candidate").kinds == {}
    assert diff(bootstrap, "same").kinds == {"changed": sum(found.seen)}
