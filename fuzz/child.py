"""One target under atheris, in a process of its own: `python -m fuzz.child TARGET SEED_FOLDER [libFuzzer options]`."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ami_dlms", "ami_normalize"]):
    from fuzz.targets import TARGETS
from fuzz import seeds


def main() -> None:
    """Write the seeds into the folder and fuzz; ends by itself as the options say, with 77 for a find."""
    name, folder, *options = sys.argv[1:]
    for number, seed in enumerate(seeds.of(name)):
        (Path(folder) / f"seed-{number:05}").write_bytes(seed)
    atheris.Setup([name, folder, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
