"""Compile the hot path, beside its sources: `make compiled`, `make interpreted`.

The sources stay the only form of the code. mypyc makes an extension module of each module named here, for the Python
that runs this, and the import system prefers it. Without any, or under another Python, the sources run.

Needs the rooms installed in place, mypy with mypyc, setuptools, a C compiler and Python's headers; ends with 3 and a
sentence where there is no compiler. What was made before and is still what the sources say is left as it is.
"""

import argparse
import ast
import contextlib
import io
import json
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from ami_normalize.compiled import NOTE, SUFFIX, digest, find_source

ROOT = Path(__file__).resolve().parent
HOT = {
    "dlms": ("ami_dlms", ("shapes/*.py",)),
    "normalize": (
        "ami_normalize",
        ("fast/*.py", "ledger/window.py", "ledger/windows.py", "numbers.py", "plausibility.py", "recent.py"),
    ),
}
"""Package and modules by room. Each room is compiled by itself, as it is installed by itself."""
NEVER = {"__init__.py", "weak.py"}
SEEN = ("dlms", "schemas", "keys", "kafka", "normalize")
"""Rooms whose types the compiler reads."""
SHARED = "compiled"
"""The module in a package that all its compiled modules stand in; theirs only point at it."""
NO_COMPILER = 3


def sources(room: str) -> list[Path]:
    """Return the modules of a room to compile."""
    package, patterns = HOT[room]
    folder = ROOT / room / "src" / package
    return sorted(path for each in patterns for path in folder.glob(each) if path.name not in NEVER)


def note(room: str) -> dict[str, str]:
    """Return the digests of what goes into the compiled modules of a room, by module."""
    base = ROOT / room / "src"
    wanted = [".".join(path.relative_to(base).with_suffix("").parts) for path in sources(room)]
    known: dict[str, str] = {}
    while wanted:
        module = wanted.pop()
        source = find_source(module)
        if module in known or source is None or not source.is_file():
            continue
        known[module] = digest(source)
        if source in sources(room) or source.name == "__init__.py":
            wanted += imported(source)
    return dict(sorted(known.items()))


def imported(source: Path) -> Iterator[str]:
    """Yield the modules of the rooms that a source names in its imports."""
    for statement in ast.walk(ast.parse(source.read_text())):
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("ami_"):
            yield str(statement.module)
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def compile_room(room: str) -> None:
    """Make the extension modules of a room in place, and the note last."""
    from mypyc.build import mypycify  # noqa: PLC0415  only here is it needed
    from setuptools import Distribution  # noqa: PLC0415

    package, _ = HOT[room]
    made = ROOT / ".state" / "compile" / f"{room}{SUFFIX}"
    shutil.rmtree(made / "lib", ignore_errors=True)  # of modules that are no longer compiled
    made.mkdir(parents=True, exist_ok=True)
    os.environ["MYPYPATH"] = os.pathsep.join(str(ROOT / each / "src") for each in SEEN)
    os.chdir(made)
    options = ["--config-file=", "--follow-imports=silent", "--namespace-packages", "--explicit-package-bases"]
    names = [str(path) for path in sources(room)]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):  # warnings about style, unless it fails
            extensions = mypycify(
                [*options, *names],
                opt_level="3",
                debug_level="0",
                target_dir=str(made),
                group_name=f"{package}.{SHARED}",
            )
    except SystemExit:
        print(said.getvalue())
        raise
    building = Distribution({"name": package, "ext_modules": extensions})
    command = building.get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(made / "lib"), str(made / "temp")
    command.ensure_finalized()
    command.run()
    remove(room)
    for path in (made / "lib").rglob(f"*{SUFFIX}"):
        target = ROOT / room / "src" / path.relative_to(made / "lib")
        partial = target.with_name(f"{target.name}.part")
        shutil.copyfile(path, partial)
        partial.replace(target)  # never into a file that a process has mapped
    (ROOT / room / "src" / package / NOTE).write_text(json.dumps(note(room), indent=1) + "\n")


def remove(room: str) -> None:
    """Remove what was made for this Python."""
    package, _ = HOT[room]
    folder = ROOT / room / "src" / package
    (folder / NOTE).unlink(missing_ok=True)
    for path in folder.rglob(f"*{SUFFIX}"):
        path.unlink()


def is_fresh(room: str) -> bool:
    """Tell whether what was made is of the sources as they are."""
    package, _ = HOT[room]
    path = ROOT / room / "src" / package / NOTE
    return path.is_file() and json.loads(path.read_text()) == note(room)


def can_compile() -> bool:
    """Tell whether there are a C compiler and Python's headers."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    return bool(shutil.which(compiler)) and Path(sysconfig.get_path("include"), "Python.h").is_file()


def main() -> int:
    """Compile what is not fresh."""
    parser = argparse.ArgumentParser(description="Compile the hot path, beside its sources.")
    parser.add_argument("--remove", action="store_true", help="remove the compiled modules: the sources run")
    parser.add_argument(
        "--possible", action="store_true", help="only tell whether there is a C compiler, by the exit code"
    )
    options = parser.parse_args()
    if options.possible:
        return 0 if can_compile() else NO_COMPILER
    if options.remove:
        for room in HOT:
            remove(room)
        return 0
    left = [room for room in HOT if not is_fresh(room)]
    if left and not can_compile():
        for room in HOT:
            remove(room)
        print("No C compiler or no Python headers here: the hot path runs as its sources, slower.")
        return NO_COMPILER
    for room in left:
        print(f"Compiling the hot path of {room} …", flush=True)
        compile_room(room)
    return 0


if __name__ == "__main__":
    sys.exit(main())
