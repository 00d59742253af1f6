"""Every byte of real meters' messages, from the listener to the topics, by the contract alone."""

import asyncio
import collections
import json
import re

import pytest
from support.kafka_reader import headers, read_all
from support.processes import AMI, running, until

from ami_ingest.frames import read_frames
from ami_ingest.send import send
from ami_schemas import topics

pytestmark = [pytest.mark.e2e, pytest.mark.kafka, pytest.mark.timeout(300)]

DERIVED = (topics.READINGS, topics.EVENTS, topics.DEAD_LETTERS, topics.PARKED)


@pytest.fixture(scope="module")
def accounts(own_kafka, corpus_dir, tmp_path_factory):
    """Send the corpus through the whole path; give what was sent and what is in the topics."""
    import subprocess

    folder = tmp_path_factory.mktemp("accounting")
    subprocess.run([*AMI, "topics", "apply", "--bootstrap", own_kafka], check=True, capture_output=True)
    config = folder / "agent.yaml"
    config.write_text(
        f"""
agent: accounting
kafka: {{bootstrap: "{own_kafka}"}}
state_dir: {folder / "state"}
listen: [{{transport: tcp, host: 127.0.0.1, port: 0}}]
"""
    )
    agent_log, normalize_log = folder / "agent.log", folder / "normalize.log"
    normalizing = running(
        "normalize", "--bootstrap", own_kafka, "--unidentified", "accept", log=normalize_log, ready="ready"
    )
    with running("collect", "--config", config, log=agent_log, ready="listening"), normalizing:
        port = int(re.search(r"127\.0\.0\.1:(\d+)", agent_log.read_text())[1])
        sent = []
        for path in (corpus_dir / "vectors.jsonl", corpus_dir / "streams" / "kaifa-han-20170914.hex"):
            frames = read_frames(path)
            if path.suffix == ".hex":
                whole = frames[0]._replace(id="stream", data=b"".join(frame.data for frame in frames))
                frames = [whole]
            sent += asyncio.run(_send_all(frames, port))
        expected = b"".join(item.data for item in sent)
        until(
            lambda: sum(len(r.value()) for r in read_all(own_kafka, topics.RAW)) >= len(expected),
            "every byte in the raw topic",
            log=agent_log,
        )
        raw = read_all(own_kafka, topics.RAW)
        until(
            lambda: len(_by_source(own_kafka)) >= len(raw),
            "an outcome of every raw record",
            log=normalize_log,
        )
        derived = {topic: read_all(own_kafka, topic) for topic in DERIVED}
    return sent, raw, derived


async def _send_all(frames, port):
    return [item async for item in send(frames, "127.0.0.1", port)]


def _source(record):
    return headers(record)["ami-source"].decode().partition("#")[0]


def _by_source(bootstrap):
    return {_source(record) for topic in DERIVED for record in read_all(bootstrap, topic)}


def test_the_raw_values_are_the_bytes_sent(accounts):
    sent, raw, _ = accounts
    in_order = sorted(raw, key=lambda record: int(headers(record)["ce_id"].decode().rsplit("/", 1)[1]))

    assert b"".join(record.value() for record in in_order) == b"".join(item.data for item in sent)


def test_every_raw_record_has_its_contract_headers(accounts):
    _, raw, _ = accounts
    ids = [headers(record)["ce_id"] for record in raw]

    assert len(set(ids)) == len(ids)
    for record in raw:
        named = headers(record)
        assert named["ce_type"] == b"ami.raw.apdu.v1"
        assert named["ami-exchange"] == b"push"
        assert named["ami-framing"] in {b"wrapper", b"hdlc", b"mbus", b"p1", b"none"}
        assert record.key().startswith((b"st-", b"peer-"))


def test_every_raw_record_has_an_outcome_and_none_is_counted_twice(accounts, capsys):
    _, raw, derived = accounts
    coordinates = {f"{r.topic()}/{r.partition()}/{r.offset()}" for r in raw}
    rank = (topics.READINGS, topics.EVENTS, topics.PARKED, topics.DEAD_LETTERS)
    outcome = {}
    reasons = collections.Counter()
    for topic in rank:
        exact = [headers(record)["ami-source"] for record in derived[topic]]
        assert len(set(exact)) == len(exact), f"a source stands twice in {topic}"
        for record in derived[topic]:
            if outcome.setdefault(_source(record), topic) == topic and "dlq.reason" in headers(record):
                reasons[topic, headers(record)["dlq.reason"].decode()] += 1

    assert set(outcome) == coordinates
    counts = collections.Counter(outcome.values())
    with capsys.disabled():
        print(f"\n{len(raw)} raw records: " + ", ".join(f"{counts[topic]} {topic}" for topic in rank))
        for (topic, reason), count in sorted(reasons.items()):
            print(f"  {count:4} {topic} {reason}")
    assert sum(counts.values()) == len(raw)


def test_rejected_and_parked_records_are_byte_identical(accounts):
    _, raw, derived = accounts
    by_source = {f"{r.topic()}/{r.partition()}/{r.offset()}": r for r in raw}
    for topic in (topics.DEAD_LETTERS, topics.PARKED):
        for record in derived[topic]:
            original = by_source[_source(record)]
            named = headers(record)

            assert (record.value(), record.key()) == (original.value(), original.key())
            assert headers(original).items() <= named.items()
            assert record.partition() == original.partition()
            assert named["dlq.message"]


def test_associations_carry_no_meter_data_and_responses_wait_for_their_request(accounts, corpus):
    sent, _raw, derived = accounts
    reason_of = {
        record.value(): headers(record)["dlq.reason"].decode()
        for topic in (topics.DEAD_LETTERS, topics.PARKED)
        for record in derived[topic]
    }
    data_of = {item.id: item.data for item in sent}
    for vector in corpus:
        if vector["apdu_type"] in {"aarq", "aare", "rlrq", "rlre"} and vector.get("axdr_ok"):
            assert reason_of.get(data_of[vector["id"]]) == "NO_METER_DATA", vector["id"]
        if vector["id"].startswith("gurux") and vector["apdu_type"] == "get-response-normal":
            assert reason_of.get(data_of[vector["id"]]) == "CONTEXT_MISSING", json.dumps(vector)[:300]
