"""Files that people write, judged: each thing that is wrong with its place, the line itself, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ami_cli.console import console, print_json
from ami_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ami_normalize.mapping.check import Problem

Judge = Callable[[bytes], tuple[int, "Sequence[Problem]"]]
"""How many things a content holds, and what is wrong with it."""


def judge(files: Sequence[Path], by: Judge, *, things: str, form: str, as_json: bool) -> None:
    """Say what is wrong with files; raises CommandError where something is. `form` says where their form is shown."""
    out = console()
    wrong = 0
    for path in files:
        content = path.read_bytes()
        count, problems = by(content)
        wrong += len(problems)
        for problem in problems:
            if as_json:
                print_json({"file": str(path), **problem._asdict()})
            else:
                _print(out, path, content, problem)
        if not problems and not as_json:
            out.print(f"{path}: {count} {things}, nothing is wrong", markup=False, soft_wrap=True)
    if wrong:
        raise CommandError(
            f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong",
            f"correct the lines named; {form}",
            ExitCode.CONFIG,
        )


def _print(out: Console, path: Path, content: bytes, problem: Problem) -> None:
    where = f"{path}:{problem.line}:{problem.column}"
    inside = f" ({problem.path})" if problem.path else ""
    out.print(f"{where}: ", style="bold", markup=False, end="")
    out.print(f"{problem.sentence}{inside}", markup=False, soft_wrap=True)
    lines = content.decode("utf-8", "replace").split("\n")
    line = lines[problem.line - 1].rstrip("\r") if problem.line <= len(lines) else ""
    begin = max(0, problem.column - 1 - 60)
    excerpt = line[begin : begin + 90].replace("\t", " ")
    if excerpt.strip():
        out.print(f"    {excerpt}", markup=False, style="dim", soft_wrap=True)
        out.print(f"    {' ' * (problem.column - 1 - begin)}^", style="bold red", soft_wrap=True)
    out.print(f"    {problem.remedy}", markup=False, soft_wrap=True)
