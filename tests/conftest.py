"""What all tests share: the corpus of real payloads, the reference tables, and a real Kafka."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ami_normalize import compiled

# A slow machine is no finding. The gate runs the same examples each time; everywhere else hypothesis explores.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", settings.get_profile("patient"), derandomize=True)
settings.load_profile("gate" if os.environ.get("AMI_REQUIRE") == "1" else "patient")

ROOT = Path(__file__).resolve().parent.parent


def pytest_sessionstart():
    """Test no compiled hot path that is not what its sources say."""
    stale = ", ".join(compiled.stale())
    if stale:
        raise pytest.UsageError(f"the hot path was compiled before {stale} changed; {compiled.REMEDY}")


def pytest_report_header():
    """Say which form of the hot path is tested."""
    return f"hot path: {compiled.form().value}"


def missing(sentence):
    """Skip, or fail where the run demands everything (`AMI_REQUIRE=1`, set by `.ci/run`)."""
    if os.environ.get("AMI_REQUIRE") == "1":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def require():
    """Give the function that skips with a sentence, or fails where everything is demanded."""
    return missing


@pytest.fixture(scope="session")
def corpus_dir():
    """Directory of the third-party payloads (`AMI_CORPUS`, or shared/corpus beside the checkout)."""
    path = Path(os.environ.get("AMI_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not (path / "vectors.jsonl").is_file():
        missing(f"the corpus of real payloads is not at {path}; set AMI_CORPUS to where it is")
    return path


@pytest.fixture(scope="session")
def corpus(corpus_dir):
    """The vectors of the corpus, in file order."""
    return [json.loads(line) for line in (corpus_dir / "vectors.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def reference_dir(corpus_dir):
    """Directory of the reference tables, beside the corpus."""
    path = corpus_dir.parent / "reference"
    if not (path / "obis_map.csv").is_file():
        missing(f"the reference tables are not at {path}")
    return path


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory):
    """Address of a real Kafka, shared: use topics and groups of your own."""
    yield from _real_kafka(tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="module")
def own_kafka(tmp_path_factory):
    """Address of a real Kafka of this module's own, where the topics have their real names."""
    from ami_kafka.broker import LocalBroker
    from ami_kafka.errors import KafkaRoomError

    try:
        with LocalBroker(tmp_path_factory.mktemp("own-kafka")) as broker:
            broker.start()
            yield broker.bootstrap
    except KafkaRoomError as error:
        missing(f"no real Kafka: {error}")


def _real_kafka(state_dir):
    from ami_kafka.testing import NoKafka, real_kafka

    try:
        with real_kafka(state_dir) as bootstrap:
            yield bootstrap
    except NoKafka as error:
        missing(f"no real Kafka: {error}")
