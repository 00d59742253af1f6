"""Run benchmarks by name. Each module of this folder with a `run` function is one."""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bench
from ami_normalize import compiled


def names() -> list[str]:
    """Benchmarks of this folder."""
    return [info.name for info in pkgutil.iter_modules(bench.__path__) if not info.name.startswith("_")]


def show(result: dict[str, Any]) -> str:
    """One result as a line for people."""
    line = f"{result['name']:<28}{result['value']:>14,.0f} {result['unit']}"
    if "ratio" in result:
        line += f"   {result['ratio']:.2f} x {result['ratio_to']}"
    return line


def main() -> int:
    """Parse the command line and print results as they come."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=names(), help="which one (all where none is named)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--input", type=Path, help="normalize: messages in the format of `ami decode --jsonl`")
    parser.add_argument("--out", type=Path, help="normalize: write {id, hex} of each MeterReadings to this file")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each measurement takes (default 3)")
    parser.add_argument(
        "--meters", type=int, default=200_000, help="how many (default 200000; associate at most 10000)"
    )
    parser.add_argument("--records", type=int, default=200_000, help="stream: raw records (default 200000)")
    parser.add_argument("--batch", type=int, default=5000, help="stream: records in a transaction (default 5000)")
    parser.add_argument("--steady", type=float, default=20.0, help="stream: seconds of steady load (default 20)")
    options = parser.parse_args()
    changed = ", ".join(compiled.stale())
    if changed:
        parser.error(f"the hot path was compiled before {changed} changed; {compiled.REMEDY}")
    print(f"hot path: {compiled.form().value}", file=sys.stderr)
    for name in [options.name] if options.name else names():
        results: Iterator[dict[str, Any]] = importlib.import_module(f"bench.{name}").run(options)
        for result in results:
            print(json.dumps(result) if options.json else show(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
