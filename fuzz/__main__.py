"""Fuzz every target for a while, one after the other, and say what came of it; ends with 1 if there is a find."""

import argparse
import hashlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from fuzz.seeds import MOST
from fuzz.targets import TARGETS

ROOT = Path(__file__).resolve().parents[1]
FINDS = ROOT / ".state" / "fuzz"
"""Where the octets of finds are kept."""
MEMORY_MB = 1024
ONE_INPUT_S = 10
"""What one input may cost; more is a find. Its work is counted exactly in tests/unit."""


class Run(NamedTuple):
    """How the fuzzing of one target ended."""

    target: str
    executions: int
    coverage: int
    find: str
    """The end of what the process said, where it found something."""
    octets: Path | None
    """The input of the find."""


def fuzz(target: str, seconds: int) -> Run:
    """Fuzz one target in a process of its own."""
    FINDS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={MOST}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-timeout={ONE_INPUT_S}",
            f"-artifact_prefix={folder}/find-",
            "-seed=1",
            "-print_final_stats=1",
        ]
        command = [sys.executable, "-m", "fuzz.child", target, _made(folder), *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        said = done.stderr + done.stdout
        octets = next((_kept(target, path) for path in Path(folder).glob("find-*")), None)
    failed = done.returncode != 0
    return Run(
        target,
        _last(r"number_of_executed_units:\s*(\d+)", said),
        _last(r"cov: (\d+)", said),
        _reason(said) if failed else "",
        octets,
    )


def _made(folder: str) -> str:
    seeds = Path(folder) / "seeds"
    seeds.mkdir()
    return str(seeds)


def _kept(target: str, path: Path) -> Path:
    octets = path.read_bytes()
    kept = FINDS / f"{target}-{hashlib.sha256(octets).hexdigest()[:12]}"
    kept.write_bytes(octets)
    return kept


def _last(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _reason(said: str) -> str:
    """What was raised and where, or the end of what was said."""
    raised = said.partition("Uncaught Python exception: ===")[2].partition("\n==")[0].strip()
    return raised or said[-2000:]


def main() -> int:
    """Parse the command line, fuzz, report."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"which ones: {', '.join(TARGETS)} (all where none is named)")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    options = parser.parse_args()
    unknown = set(options.target) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        print("Atheris is missing; make fuzz installs it (Linux x86-64, Python 3.11 to 3.13).", file=sys.stderr)
        return 2
    runs = []
    for target in options.target or TARGETS:
        run = fuzz(target, options.seconds)
        ended = "FOUND" if run.find else "clean"
        print(f"{target:<12}{run.executions:>12,} executions{run.coverage:>8,} edges   {ended}", flush=True)
        runs.append(run)
    finds = [run for run in runs if run.find]
    for run in finds:
        print(f"\n{run.target}: {run.octets or 'no input kept'}\n{run.find}")
    print(f"\n{sum(run.executions for run in runs):,} executions, {len(finds)} finds")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
