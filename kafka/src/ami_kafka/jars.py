"""Fetch the jars of a Kafka server from Maven Central into a cache, and check each against the list beside this file.

`jars.sha256` names every artifact and its SHA-256, so that nothing has to be resolved, and nothing else can come in.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from ami_kafka.errors import JarsUnavailable
from ami_kafka.state import state_dir

KAFKA_VERSION = "4.3.0"

Fraction = Callable[[float], None]
"""Told how much is done, 0 to 1."""


class Jar(NamedTuple):
    """An artifact of a Maven repository and the SHA-256 of its jar, in hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the file in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    def intact(self, folder: Path) -> bool:
        """Tell whether the folder holds exactly this jar."""
        path = folder / self.filename
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def expected() -> list[Jar]:
    """Read the list of jars a server needs."""
    text = resources.files("ami_kafka").joinpath("jars.sha256").read_text(encoding="ascii")
    lines = (line.replace(":", " ").split() for line in text.splitlines())
    return [Jar(group, artifact, version, sha256) for sha256, group, artifact, version in lines]


def ensure(cache: Path | None = None, progress: Fraction | None = None) -> Path:
    """Give the folder that holds exactly the jars of the list, fetching what is missing; raise `JarsUnavailable`.

    Several processes may ask at once: one fetches, the others wait for it. A download cut short leaves nothing behind.
    """
    folder = (cache or state_dir() / "cache") / f"kafka-{KAFKA_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    tell = progress or (lambda _: None)
    with _locked(folder):
        jars = expected()
        names = {jar.filename for jar in jars}
        for stranger in folder.glob("*.jar"):
            if stranger.name not in names:
                stranger.unlink()
        missing = [jar for jar in jars if not jar.intact(folder)]
        if missing:
            tell(1 - len(missing) / len(jars))
            _fetch(missing, folder, lambda part: tell(1 - (1 - part) * len(missing) / len(jars)))
    tell(1.0)
    return folder


def _fetch(jars: Sequence[Jar], folder: Path, tell: Fraction) -> None:
    failures = []
    for fetch in (_with_jgo, _with_maven):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as scratch:
            try:
                fetch(jars, Path(scratch), folder, tell)
            except JarsUnavailable:
                raise
            except Exception as error:  # noqa: BLE001  whatever a resolver raises: the other one may do
                failures.append(_first_line(error))
            else:
                return
    raise JarsUnavailable(
        f"the jars of Kafka {KAFKA_VERSION} could not be fetched ({'; '.join(failures)})",
        "check the connection to Maven Central (AMI_MAVEN_URL names a mirror), or name a Kafka in KAFKA_BOOTSTRAP",
    )


def _with_jgo(jars: Sequence[Jar], scratch: Path, folder: Path, tell: Fraction) -> None:
    """Download by jgo's own code: needs neither Maven nor Java."""
    try:
        from jgo.maven import MavenContext  # noqa: PLC0415  an extra: only who runs a local broker needs it
    except ImportError:
        raise RuntimeError("jgo is not installed: pip install 'ami-kafka[broker]'") from None
    _trust_the_system()
    mirror = os.environ.get("AMI_MAVEN_URL")
    repositories = {"mirror": mirror.rstrip("/")} if mirror else None
    context = MavenContext(repo_cache=scratch, remote_repos=repositories, timeout=60)

    def download(jar: Jar) -> None:
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        _keep(jar, Path(artifact.resolve()), folder)

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(download, jar) for jar in jars]
        for done, task in enumerate(as_completed(tasks), start=1):
            task.result()
            tell(done / len(jars))


def _trust_the_system() -> None:
    """Let jgo's HTTP client trust whom this machine trusts, a company's own authority among them, as pip does."""
    paths = ssl.get_default_verify_paths()
    trusted = paths.cafile or paths.capath
    if trusted and not os.environ.get("CURL_CA_BUNDLE"):
        os.environ.setdefault("REQUESTS_CA_BUNDLE", trusted)


def _with_maven(jars: Sequence[Jar], scratch: Path, folder: Path, tell: Fraction) -> None:
    """Download by the `mvn` command, where one is installed: it knows the machine's proxies and mirrors."""
    maven = shutil.which("mvn")
    if maven is None:
        raise RuntimeError("there is no mvn either")
    pom = scratch / "pom.xml"
    pom.write_text(_pom(jars), encoding="utf-8")
    done = subprocess.run(  # noqa: S603
        [
            maven,
            "--quiet",
            "--batch-mode",
            "-Dstyle.color=never",
            f"--file={pom}",
            "dependency:copy-dependencies",
            "-DexcludeTransitive=true",
            f"-DoutputDirectory={scratch}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"mvn: {(done.stdout + done.stderr).strip()[:200]}")
    for jar in jars:
        _keep(jar, scratch / jar.filename, folder)
    tell(1.0)


def _keep(jar: Jar, path: Path, folder: Path) -> None:
    """Move a downloaded jar into the cache if it is the one expected."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != jar.sha256:
        raise JarsUnavailable(
            f"{jar.filename} has SHA-256 {found}, not the expected {jar.sha256}",
            "do not use it: find out what stands between this machine and Maven Central",
        )
    path.replace(folder / jar.filename)


def _pom(jars: Sequence[Jar]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>{jar.group}</groupId><artifactId>{jar.artifact}</artifactId>"
        f"<version>{jar.version}</version></dependency>"
        for jar in jars
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>ami</groupId><artifactId>kafka-jars</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
