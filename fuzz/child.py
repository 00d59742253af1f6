"""One target under atheris, in a process of its own: `python -m fuzz.child TARGET SEED_FOLDER [libFuzzer options]`."""

import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

import atheris


def _sources(folder: str) -> FileFinder:
    """Import only sources from our folders: compiled modules tell the fuzzer of no coverage."""
    if not {"ami_dlms", "ami_normalize"}.intersection(Path(folder).parts):
        raise ImportError
    return FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))


sys.path_hooks.insert(0, _sources)
with atheris.instrument_imports(include=["ami_dlms", "ami_normalize"]):
    from fuzz.targets import TARGETS
from fuzz import seeds  # noqa: E402


def main() -> None:
    """Write the seeds into the folder and fuzz; ends by itself as the options say, with 77 for a find."""
    name, folder, *options = sys.argv[1:]
    for number, seed in enumerate(seeds.of(name)):
        (Path(folder) / f"seed-{number:05}").write_bytes(seed)
    atheris.Setup([name, folder, *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
