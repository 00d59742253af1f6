"""What `ami doctor` looks at: each check one function that returns what it found and, where needed, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple

from ami_cli.explain import explain


class Level(str, Enum):
    """How good a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One line of the report."""

    level: Level
    name: str
    found: str
    remedy: str = ""


ROOMS: Final = {
    "ami-schemas": "kafka",
    "ami-dlms": "dlms",
    "ami-kafka": "kafka",
    "ami-ingest": "ingest",
    "ami-normalize": "normalize",
    "ami-simulator": "simulator",
}
"""Distribution of each room and the extra of ami-cli that brings it."""

_OLDEST, _NEWEST = (3, 10), (3, 13)
_GIB: Final = 1 << 30


def checks(bootstrap: str) -> Iterator[Finding]:
    """Yield every finding, from the machine up to the topics."""
    yield python()
    yield system()
    yield from rooms()
    yield kafka_client()
    yield java()
    yield disk()
    yield port(4059, "the agent's listener")
    yield port(9092, "Kafka")
    yield from kafka(bootstrap)


def python() -> Finding:
    """Look at the interpreter."""
    found = f"{platform.python_version()} ({sys.executable})"
    if _OLDEST <= sys.version_info[:2] <= _NEWEST:
        return Finding(Level.OK, "Python", found)
    if sys.version_info[:2] < _OLDEST:
        return Finding(Level.FAIL, "Python", found, "use Python 3.10 to 3.13")
    return Finding(Level.WARN, "Python", found, "tested with 3.10 to 3.13; report what breaks")


def system() -> Finding:
    """Look at the operating system."""
    found = f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count() or '?'} CPUs"
    if platform.system() == "Linux":
        return Finding(Level.OK, "platform", found)
    return Finding(
        Level.WARN, "platform", found, "tested on Linux only; use a Linux machine or container in production"
    )


def rooms() -> Iterator[Finding]:
    """Look at our own packages and whether they are of one version."""
    own = metadata.version("ami-cli")
    yield Finding(Level.OK, "ami-cli", own)
    for package, extra in ROOMS.items():
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            yield Finding(Level.WARN, package, "not installed", f"pip install 'ami-cli[{extra}]' if you need it here")
            continue
        if version == own:
            yield Finding(Level.OK, package, version)
        else:
            yield Finding(Level.FAIL, package, f"{version}, but ami-cli is {own}", "install all of them in one version")


def kafka_client() -> Finding:
    """Look at the Kafka client library."""
    try:
        import confluent_kafka
    except ModuleNotFoundError:
        return Finding(Level.WARN, "Kafka client", "not installed", "pip install 'ami-cli[kafka]'")
    version, library = confluent_kafka.version(), confluent_kafka.libversion()
    found = f"confluent-kafka {_first(version)}, librdkafka {_first(library)}"
    if tuple(int(part) for part in _first(version).split(".")[:2]) < (2, 14):
        return Finding(Level.FAIL, "Kafka client", found, "pip install 'confluent-kafka>=2.14'")
    return Finding(Level.OK, "Kafka client", found)


def java() -> Finding:
    """Look for the Java that a local Kafka would run on."""
    try:
        from ami_kafka import java as runtime

        found = runtime.find()
    except Exception as error:  # noqa: BLE001 - a check reports, whatever happened
        return _from_error(Level.WARN, "Java", error)
    return Finding(Level.OK, "Java", f"{found.major} from {found.origin} ({found.path})")


def disk() -> Finding:
    """Look for room for the spool and the local broker."""
    try:
        from ami_kafka.state import state_dir

        folder = state_dir()
    except ModuleNotFoundError:
        folder = Path.cwd()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free / _GIB
    found = f"{free:.1f} GiB free for {folder}"
    if not os.access(existing, os.W_OK):
        return Finding(Level.FAIL, "disk", f"{existing} is not writable", "set AMI_STATE to a folder of your own")
    if free < 1:
        return Finding(Level.FAIL, "disk", found, "free some space, or set AMI_STATE to another disk")
    if free < 5:
        return Finding(Level.WARN, "disk", found, "enough for a trial; spool and Kafka need more for long")
    return Finding(Level.OK, "disk", found)


def port(number: int, what: str) -> Finding:
    """See whether a well-known port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", number))
        except OSError as error:
            found = f"in use or not ours ({error.strerror})"
            return Finding(Level.WARN, f"port {number}", found, f"fine if it is {what}; else choose another port")
    return Finding(Level.OK, f"port {number}", f"free for {what}")


def kafka(bootstrap: str) -> Iterator[Finding]:
    """Ask the broker, and look for our topics on it."""
    try:
        from ami_kafka.check import metadata as cluster
        from ami_kafka.topics import load

        found = cluster(bootstrap)
    except Exception as error:  # noqa: BLE001 - a check reports, whatever happened
        yield _from_error(Level.FAIL, "Kafka", error)
        return
    brokers = len(found.brokers)
    yield Finding(Level.OK, "Kafka", f"{bootstrap}, {brokers} broker" + ("s" if brokers != 1 else ""))
    declared = load()
    missing = [topic.name for topic in declared if topic.name not in found.topics]
    differing = [
        f"{topic.name} has {len(found.topics[topic.name].partitions)} partitions, not {topic.partitions}"
        for topic in declared
        if topic.name in found.topics and len(found.topics[topic.name].partitions) != topic.partitions
    ]
    if missing:
        yield Finding(Level.FAIL, "topics", f"missing: {', '.join(missing)}", "ami topics apply")
    elif differing:
        yield Finding(Level.FAIL, "topics", "; ".join(differing), "all topics keyed by meter need the same count")
    else:
        yield Finding(Level.OK, "topics", f"{len(declared)} as declared")


def _from_error(level: Level, name: str, error: Exception) -> Finding:
    told = explain(error)
    if told is None:
        return Finding(Level.FAIL, name, f"{type(error).__name__}: {error}", "report this")
    return Finding(level, name, told.sentence, told.remedy)


def _first(version: object) -> str:
    # the client answers ("2.16.1", 0x02100100), and newer ones just the text
    return str(version[0] if isinstance(version, tuple) else version)
