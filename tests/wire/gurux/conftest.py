"""The independent programs of simulator/gurux, each a process of its own, and the secrets both sides share."""

import json
import os
import select
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GURUX = ROOT / "simulator" / "gurux"

SECRETS = {
    "password": "Pa55word",
    "guek": "000102030405060708090A0B0C0D0E0F",
    "gak": "D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF",
}
CLIENT_TITLE = "414D490000000001"
METER_TITLE = "4752580000000007"


@pytest.fixture(scope="session")
def secrets_file(tmp_path_factory):
    """Secrets in the form of `ami read --secrets` and of the Gurux programs, readable to us alone."""
    return _private(
        tmp_path_factory.mktemp("secrets") / "secrets.json", {**SECRETS, "client_system_title": CLIENT_TITLE}
    )


@pytest.fixture(scope="session")
def meter_secrets():
    """The same secrets as a meter holds them: with its own system title."""
    return {**SECRETS, "system_title": METER_TITLE}


@pytest.fixture(scope="session")
def meter_keys_file(tmp_path_factory, meter_secrets):
    """The meter's secrets in a file."""
    return _private(tmp_path_factory.mktemp("meter") / "secrets.json", meter_secrets)


@pytest.fixture(scope="session")
def private():
    """Write JSON to a file that only we can read."""
    return _private


def _private(path, content):
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="session")
def gurux_python(require):
    """The Python that has gurux_dlms, and nothing of ours."""
    python = ROOT / ".venv-gurux" / "bin" / "python"
    if not python.is_file():
        require("the Gurux programs have no .venv-gurux; `make test` installs it")
    return python


@pytest.fixture(scope="session")
def gurux_push(gurux_python):
    """Run push.py to its end; give what it says it sent, one dict a push."""

    def push(*arguments):
        return _lines([gurux_python, GURUX / "push.py", *arguments])

    return push


@pytest.fixture(scope="session")
def gurux_head_end(gurux_python):
    """Run head_end.py to its end; give what it read, one dict an object."""

    def read(*arguments):
        return _lines([gurux_python, GURUX / "head_end.py", *arguments])

    return read


@pytest.fixture(scope="session")
def gurux_codec(gurux_python):
    """Ask codec.py: a request in, what the library makes of it out ({"ok": …} or {"error": …})."""
    command = [str(gurux_python), str(GURUX / "codec.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:

        def ask(**request):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def _lines(command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 and not lines:
        raise AssertionError(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
    return lines


@pytest.fixture(scope="session")
def gurux_meter_jar(require):
    """The Java meter, built where its sources are newer."""
    folder = GURUX / "meter"
    jar = folder / "target" / "meter.jar"
    newest = max(path.stat().st_mtime for path in [folder / "pom.xml", *folder.glob("src/**/*.java")])
    if not jar.is_file() or jar.stat().st_mtime < newest:
        if not (shutil.which("mvn") and shutil.which("javac")):
            require("the Java meter is not built; install Maven and a JDK of at least 17")
        build = ["mvn", "--quiet", "--batch-mode", "--strict-checksums", "-f", str(folder), "package"]
        done = subprocess.run(build, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode != 0:
            require(f"Maven cannot build the Java meter: {done.stdout[-2000:]}")
    return jar


@pytest.fixture
def gurux_meter(gurux_meter_jar, tmp_path):
    """Run the Java meter for a block; give what it says it holds."""

    def run(*arguments):
        return _serving(["java", "-jar", gurux_meter_jar, *arguments], tmp_path / "gurux-meter.log")

    return run


@pytest.fixture(scope="session")
def gurux_meters(gurux_meter_jar, tmp_path_factory):
    """Run several Java meters in one process for a block, each with its options; give what each says it holds."""

    def run(*meters):
        arguments = [argument for options in meters for argument in (*options, "--")][:-1]
        log = tmp_path_factory.mktemp("gurux") / "meters.log"
        return _serving_all(["java", "-jar", gurux_meter_jar, *arguments], log, len(meters))

    return run


@pytest.fixture
def virtual_meter(tmp_path):
    """Run one of our virtual meters for a block; give its ready line."""

    def run(*arguments):
        return _serving([sys.executable, "-m", "ami_simulator", *arguments], tmp_path / "virtual-meter.log")

    return run


@pytest.fixture(scope="session")
def serving():
    """Run a program for a block; give the line of JSON it prints when it is ready."""
    return _serving


@contextmanager
def _serving(command, log):
    with _serving_all(command, log, 1) as (ready,):
        yield ready


@contextmanager
def _serving_all(command, log, count):
    with log.open("ab") as errors:
        process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=errors, cwd=ROOT)
    try:
        readable, _, _ = select.select([process.stdout], [], [], 60)
        lines = [process.stdout.readline() if readable else b"" for _ in range(count)]
        if not all(lines):
            raise AssertionError(f"{command[0]} is not ready: {log.read_text()[-2000:]}")
        yield [json.loads(line) for line in lines]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@pytest.fixture
def ami(tmp_path):
    """Run `ami …` to its end with a state of its own; give what it did."""

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "ami_cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "AMI_STATE": str(tmp_path / "state")},
        )

    return run
