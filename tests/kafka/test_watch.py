"""Watch on a real broker: committed records only, at least once through kills, silence, its pages, and two of them."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest
from support.kafka_reader import headers, read_all
from support.processes import running, start, stop, until
from support.watched import ENERGY, MINUTE, SECOND, Watched, block, readings

from ami.events.v1 import meter_events_pb2 as events_pb
from ami_kafka import clients, topics
from ami_kafka.offsets import bounds
from ami_normalize.watch.rules.fleet import Record
from ami_normalize.watch.rules.policy import load
from ami_schemas import topics as names

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

PATIENT = "presence: {at_least_s: 10000000, at_most_s: 10000000}\n"
"""Nobody is silent: what is found follows from the records alone."""


@pytest.fixture(scope="module")
def bootstrap(own_kafka):
    topics.apply(own_kafka)
    return own_kafka


@pytest.fixture
def patient(tmp_path):
    path = tmp_path / "watch.yaml"
    path.write_text(PATIENT)
    return path


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def arguments(bootstrap, port, *more, instance="a"):
    """`ami watch`; under its instance id nobody waits for the session of a dead one."""
    named = ["--instance-id", instance] if instance else []
    return ["watch", "--bootstrap", bootstrap, "--web", f"127.0.0.1:{port}", *named, *more]


def get(port, path):
    """A page of watch: status and text; status 0 while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def caught_up(port, records):
    """Whether that many records were read in all by this process, and none are left."""
    status, text = get(port, "/healthz")
    if status != 200:
        return False
    report = json.loads(text)
    read = sum(report["counts"].get(name, 0) for name in (names.READINGS, names.DEAD_LETTERS))
    return report["lag"] == 0 and read >= records


def findings(bootstrap, prefix):
    """Findings of the meters whose id begins so, by `ami-source`: what is there twice is one."""
    records = {headers(record)["ami-source"].decode(): record for record in read_all(bootstrap, names.EVENTS)}
    return {source: record for source, record in records.items() if source.split("/")[2].startswith(prefix)}


def events(bootstrap):
    """How many records there are in the topic of events."""
    return sum(each.high for each in bounds(clients.admin(bootstrap), names.EVENTS, range(12)).values())


def story(prefix, meters, messages, begin_us):
    """Readings in which there is something to find: registers that go backwards, gaps that open and close."""
    for number in range(messages):
        for meter in range(meters):
            at = begin_us + number * MINUTE + meter * SECOND
            value = 1000 * number - (1500 if (number + meter) % 10 == 0 else 0)
            row = number if (number + meter) % 7 else number + 1
            rows = block(begin_us // MINUTE * MINUTE + row * MINUTE, [number], period_s=60)
            yield meter % 12, readings(at, meter=f"{prefix}{meter}", registers=[(ENERGY, value)], blocks=[rows])


def write(bootstrap, records, *, commit=True, flush=2000):
    """Write readings in transactions, as the normalizer does; give them back as records of the broker."""
    producer = clients.transactional_producer(bootstrap, f"test-{time.monotonic_ns()}")
    producer.init_transactions(30)
    written = []
    records = list(records)

    def kept(error, message):
        assert error is None or not commit
        if error is None:
            written.append((message.partition(), message.offset(), message.value()))

    for at in range(0, len(records), flush):
        producer.begin_transaction()
        for partition, message in records[at : at + flush]:
            producer.produce(
                names.READINGS, message.SerializeToString(), message.meter.id, partition, on_delivery=kept,
                headers=[("ami-source", b"test/0/0")],
            )  # fmt: skip
            producer.poll(0)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    return [Record(names.READINGS, partition, offset, 0, b"", value, {}) for partition, offset, value in written]


def expected(records, policy):
    """The sources that the rules alone find in records."""
    watched = Watched(policy)
    for record in sorted(records, key=lambda record: (record.partition, record.offset)):
        watched.take(record)
    return {found.source for found in watched.found}


def test_killed_over_and_over_it_finds_everything_under_the_same_names(bootstrap, port, tmp_path, patient):
    begin = time.time_ns() // 1000 - 600 * MINUTE
    records = write(bootstrap, story("killed-", 60, 300, begin))
    wanted = expected(records, load(patient))
    assert len(wanted) > 3000
    log = tmp_path / "watch.log"
    run = arguments(bootstrap, port, "--config", patient)
    for _ in range(3):
        done = events(bootstrap)
        process = start(*run, log=log)
        until(lambda before=done: events(bootstrap) > before, "a finding of this life", process=process, log=log)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert len(findings(bootstrap, "killed-")) < len(wanted), "it was done before it was killed: write more"
    with running(*run, log=log):
        until(lambda: set(findings(bootstrap, "killed-")) >= wanted, "every finding", log=log)
        until(lambda: caught_up(port, 0), "no record is left", log=log)
    found = findings(bootstrap, "killed-")
    assert set(found) == wanted, "none is lost, and none is there under another name"
    for source, record in found.items():
        message = events_pb.MeterEvents.FromString(record.value())
        _, _, meter, kind, *_ = source.split("/")
        assert (record.key().decode(), message.meter.id) == (meter, meter)
        assert [event.kind for event in message.events] == [kind]
        assert record.partition() == int(meter.rpartition("-")[2]) % 12


def test_a_restart_remembers_its_meters_and_reads_nothing_again(bootstrap, port, tmp_path, patient):
    records = write(bootstrap, story("again-", 24, 10, time.time_ns() // 1000 - 60 * MINUTE), flush=7)
    with running(*arguments(bootstrap, port, "--config", patient), log=tmp_path / "1.log") as process:
        until(lambda: caught_up(port, len(records)), "all read", process=process, log=tmp_path / "1.log")
        until(lambda: get(port, "/api/meters/3/again-3")[0] == 200, "the meter is known")
        before = json.loads(get(port, "/api/meters/3/again-3")[1])
    log = tmp_path / "2.log"
    with running(*arguments(bootstrap, port, "--config", patient), log=log) as process:
        until(lambda: caught_up(port, 0), "all read", process=process, log=log)
        assert json.loads(get(port, "/api/meters/3/again-3")[1]) == before
        assert json.loads(get(port, "/healthz")[1])["counts"].get(names.READINGS, 0) == 0
        assert stop(process) == 0


def test_what_an_aborted_transaction_left_behind_is_not_seen(bootstrap, port, tmp_path, patient):
    begin = time.time_ns() // 1000 - 60 * MINUTE
    write(bootstrap, story("aborted-", 24, 50, begin), commit=False, flush=600)
    records = write(bootstrap, story("committed-", 24, 50, begin), flush=600)
    write(bootstrap, story("aborted-", 24, 50, begin), commit=False, flush=600)
    log = tmp_path / "watch.log"
    with running(*arguments(bootstrap, port, "--config", patient), log=log) as process:
        watched = {"process": process, "log": log}
        wanted = expected(records, load(patient))
        until(lambda: set(findings(bootstrap, "committed-")) >= wanted, "the findings", **watched)
        until(lambda: caught_up(port, len(records)), "nothing is left to read", **watched)
        assert get(port, "/api/meters/3/committed-3")[0] == 200
        assert get(port, "/api/meters/3/aborted-3")[0] == 404
    assert not findings(bootstrap, "aborted-")


def test_silence_is_noticed_by_the_clock_and_shown_first(bootstrap, port, tmp_path):
    config = tmp_path / "watch.yaml"
    config.write_text("presence: {factor: 2, at_least_s: 1, at_most_s: 100000}\n")
    now = time.time_ns() // 1000
    write(bootstrap, [(5, readings(now - (10 - number) * 60 * SECOND, meter="quiet-<1>")) for number in range(5)])
    with running(*arguments(bootstrap, port, "--config", config), log=tmp_path / "watch.log"):
        until(lambda: findings(bootstrap, "quiet-"), "the finding")
        (source,) = findings(bootstrap, "quiet-")
        assert source.startswith("watch/presence/quiet-<1>/SILENT_METER/")
        until(lambda: "quiet-&lt;1&gt;" in get(port, "/?concern=silent")[1], "it is shown")
        rows = json.loads(get(port, "/api/overview?concern=silent")[1])["rows"]
        assert any(row["meter"] == "quiet-<1>" and row["concerns"] == ["silent"] for row in rows)
        status, text = get(port, "/meters/5/quiet-%3C1%3E")
        assert (status, "<1>" in text) == (200, False)
        write(bootstrap, [(5, readings(time.time_ns() // 1000, meter="quiet-<1>"))])
        until(lambda: any("METER_RETURNED" in source for source in findings(bootstrap, "quiet-")), "it is back")


def test_two_share_the_work_and_one_takes_over_from_the_other(bootstrap, tmp_path, patient):
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    begin = time.time_ns() // 1000 - 300 * MINUTE
    parts = list(story("shared-", 24, 300, begin))
    with running(*arguments(bootstrap, ports[0], "--config", patient), log=logs[0]) as first:
        until(lambda: caught_up(ports[0], 0), "the first is at work", process=first, log=logs[0])
        records = write(bootstrap, parts[:2400], flush=200)
        with running(*arguments(bootstrap, ports[1], "--config", patient, instance=None), log=logs[1]) as second:
            records += write(bootstrap, parts[2400:4800], flush=200)
            until(lambda: caught_up(ports[1], 0), "the second is at work", process=second, log=logs[1])

            def owned(port):
                text = get(port, "/healthz")[1]
                report = json.loads(text) if text else {"partitions": []}
                return {(each["topic"], each["partition"]) for each in report["partitions"]}

            until(lambda: len(owned(ports[0])) == len(owned(ports[1])) == 18, "each has half", log=logs[1])
            assert not owned(ports[0]) & owned(ports[1])
            partitions = [{partition for _, partition in owned(port)} for port in ports]
            assert not partitions[0] & partitions[1], "the topics of a partition stay together"
            records += write(bootstrap, parts[4800:6000], flush=200)
        records += write(bootstrap, parts[6000:], flush=200)
        wanted = expected(records, load(patient))
        until(lambda: set(findings(bootstrap, "shared-")) >= wanted, "every finding", process=first, log=logs[0])
    assert set(findings(bootstrap, "shared-")) == wanted
