"""What the limit of open files is enough for, told at the start and when a configuration changes it."""

from pathlib import Path

import pytest

from ami_ingest import descriptors
from ami_ingest.config.model import AgentConfig, Kafka, Listen, Push
from ami_ingest.descriptors import OpenFiles

pytestmark = pytest.mark.unit

BELOW = "the limit of open files is below max_connections"


@pytest.mark.parametrize(
    ("listen", "most"),
    [
        ((), 0),
        ((Listen("udp"),), 0),
        ((Listen("tcp"), Listen("tcp", port=4060), Listen("udp")), 1000),
        ((Listen("tcp", role="call-in"),), 1000),
        ((Listen("tcp"), Listen("tcp", port=4060, role="call-in")), 2000),
    ],
)
def test_pushes_and_calls_are_bounded_each(listen, most):
    config = AgentConfig("a", Kafka("x:1"), Path("/s"), listen=listen, push=Push(max_connections=1000))

    assert config.most_connections == most


def test_what_those_who_connect_leave_is_ours(log, monkeypatch):
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 4096)
    files = OpenFiles(log.logger())

    assert files.left(2000) == 1896
    assert files.left(2000) == 1896
    (entry,) = log
    assert (entry["event"], entry["open_files"], entry["connections"], entry["wanted"]) == (
        "open files",
        4096,
        3896,
        2000,
    )


def test_a_limit_that_is_too_low_is_said_again_when_it_is_another(log, monkeypatch):
    monkeypatch.setattr(descriptors, "raise_limit", lambda: 1024)
    files = OpenFiles(log.logger())

    assert [files.left(15_000), files.left(15_000), files.left(30_000)] == [1, 1, 1]
    assert [(one["event"], one["connections"], one["wanted"]) for one in log] == [
        (BELOW, 824, 15_000),
        (BELOW, 824, 30_000),
    ]
    assert "LimitNOFILE" in log[0]["remedy"]
