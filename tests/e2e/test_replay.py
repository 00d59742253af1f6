"""`ami archive` and `ami replay`, as a user runs them."""

import json
import signal
import subprocess
import time

import pytest
from support.kafka_reader import headers, read_all
from support.processes import AMI, running, start, until

from ami_dlms.framing import wrapper
from ami_kafka import clients
from ami_schemas import topics

pytestmark = pytest.mark.e2e

COUNT = 40
APDU = bytes.fromhex("0f0000000100" + "0202" + "0600000001" + "0600000002")


def ami(*arguments, code=0):
    ended = subprocess.run([*AMI, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=100)
    assert ended.returncode == code, ended.stderr
    return ended


def layouts(unit):
    columns = [{"type": "number", "obis": f"1.0.{group}.8.0.255", "unit": unit} for group in (1, 2)]
    return json.dumps([{"name": "new-maker", "layouts": [{"name": "two energies", "columns": columns}]}])


@pytest.fixture(scope="module")
def live(own_kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    mapping, log = folder / "mapping.json", folder / "log"
    mapping.write_text(layouts("Wh"))
    ami("topics", "apply", "--bootstrap", own_kafka)
    producer = clients.producer(own_kafka)
    for number in range(COUNT):
        framed = [("ami-framing", b"wrapper"), ("ami-exchange", b"push")]
        key, stamp = b"meter-%d" % (number % 4), int(time.time() - 3600) * 1000 + number
        producer.produce(topics.RAW, wrapper.encode(APDU, 1, 16), key, timestamp=stamp, headers=framed)
    producer.flush()
    with running("normalize", "--bootstrap", own_kafka, "--mapping", mapping, log=log, ready="normalizing"):
        until(lambda: len(read_all(own_kafka, topics.READINGS)) == COUNT, "all readings", log=log)
    return own_kafka, mapping


def test_a_candidate_mapping_is_tried_and_gated(live, tmp_path):
    kafka, mapping = live
    candidate = tmp_path / "candidate.json"
    candidate.write_text(layouts("varh"))

    same = ami("replay", "--from", "beginning", "--mapping", mapping, "--id", "same", "--bootstrap", kafka, "--json")
    told = json.loads(same.stdout)
    assert (told["records"], told["readings"], told["complete"]) == (COUNT, COUNT, True)
    assert told["diff"]["values"] == {"added": 0, "removed": 0, "changed": 0}
    ami("replay", "diff", "same", "--max-changed", 0, "--max-removed", 0, "--bootstrap", kafka)

    tried = ami("replay", "--from", "beginning", "--mapping", candidate, "--id", "tried", "--bootstrap", kafka)
    assert "80 changed" in tried.stdout
    gated = ami("replay", "diff", "tried", "--max-changed", 10, "--json", "--bootstrap", kafka, code=11)
    *found, report = map(json.loads, gated.stdout.splitlines())
    assert report["values"]["changed"] == len(found) == 2 * COUNT
    assert {(each["before"]["unit"], each["after"]["unit"]) for each in found} == {("Wh", "varh")}
    assert "80 changed, allowed 10" in gated.stderr
    for_people = ami("replay", "diff", "tried", "--examples", 3, "--bootstrap", kafka).stdout
    assert for_people.count("~ meter-") == 3
    assert "and 77 more" in for_people

    ami("replay", "drop", "tried", "--bootstrap", kafka)
    assert "tried" not in ami("replay", "ls", "--bootstrap", kafka).stdout
    assert "there is no replay 'tried'" in ami("replay", "diff", "tried", "--bootstrap", kafka, code=7).stderr


def test_from_the_archive(live, tmp_path):
    kafka, mapping = live

    written = json.loads(ami("archive", tmp_path, "--bootstrap", kafka, "--json").stdout)
    assert (written["records"], written["left"]) == (COUNT, 0)
    again = ami(
        "replay", "--from", "beginning", "--from-archive", tmp_path, "--mapping", mapping, "--id", "files",
        "--bootstrap", kafka, "--json",
    )  # fmt: skip
    assert json.loads(again.stdout)["records"] == COUNT
    assert json.loads(again.stdout)["diff"]["differing"] == 0


def test_a_killed_replay_goes_on_and_doubles_nothing(live, tmp_path):
    kafka, mapping = live
    log = tmp_path / "log"
    options = ("replay", "--from", "beginning", "--mapping", mapping, "--id", "killed", "--bootstrap", kafka)
    process = start(*options, "--rate", 5, log=log)
    topic = f"{topics.READINGS}.replay.killed"
    until(lambda: topic in listed(kafka) and read_all(kafka, topic), "some of it", process=process, log=log)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(read_all(kafka, topic)) < COUNT

    again = json.loads(ami(*options, "--json").stdout)

    sources = [headers(record)["ami-source"] for record in read_all(kafka, topic)]
    assert (len(sources), len(set(sources))) == (COUNT, COUNT)
    assert (again["records"], again["readings"], again["diff"]["differing"]) == (COUNT, COUNT, 0)


def listed(bootstrap):
    return clients.admin(bootstrap).list_topics(timeout=10).topics


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "--from is missing"),
        (("--from", "yesterday"), 2, "no time with offset"),
        (("--from", "beginning", "--id", "A B"), 3, "no id of a replay"),
        (("--from", "beginning", "--mapping", "/none.json"), 7, "does not exist"),
        (("diff", "a", "b", "c"), 2, "too many names"),
        (("diff", "nobody"), 7, "there is no replay 'nobody'"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(live, arguments, code, says):
    assert says in ami("replay", *arguments, "--bootstrap", live[0], code=code).stderr
