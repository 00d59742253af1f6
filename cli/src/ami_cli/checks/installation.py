"""What is installed: Python, the operating system, our packages, the Kafka client, Java."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from ami_cli.checks.finding import Finding, Level, from_error

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


def hot_path() -> Finding:
    """Look at the form in which the normalizer's hot path runs."""
    try:
        from ami_normalize import compiled
    except ModuleNotFoundError:
        return Finding(Level.OK, "hot path", "not here: ami-normalize is not installed")
    found, changed = compiled.form(), list(compiled.stale())
    if changed:
        sentence = f"{found.value}, but not what the sources say: {', '.join(changed)} changed since"
        return Finding(Level.FAIL, "hot path", sentence, compiled.REMEDY)
    if found is compiled.Form.COMPILED:
        return Finding(Level.OK, "hot path", found.value)
    return Finding(Level.WARN, "hot path", found.value, "install a C compiler and run `make compiled` for more speed")


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
        return from_error(Level.WARN, "Java", error)
    return Finding(Level.OK, "Java", f"{found.major} from {found.origin} ({found.path})")


def _first(version: object) -> str:
    # the client answers ("2.16.1", 0x02100100), and newer ones just the text
    return str(version[0] if isinstance(version, tuple) else version)
