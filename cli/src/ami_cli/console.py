"""Where output goes: results to stdout, everything else to stderr; tables for people, JSON lines for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from ami_cli.errors import CommandError

MOST_TOLD: Final = 20
"""Mistakes told at once: who corrects these has begun."""
PLAIN_WIDTH: Final = 160
"""Columns of a table where stdout is no terminal and COLUMNS does not say."""


def console(*, stderr: bool = False) -> Console:
    """Return a console on stdout (or stderr): coloured on a terminal, plain and wide elsewhere."""
    stream = sys.stderr if stderr else sys.stdout
    wide = None if stream.isatty() or os.environ.get("COLUMNS") else PLAIN_WIDTH
    return Console(file=stream, width=wide, highlight=False, soft_wrap=False, emoji=False)


def table(*columns: str, title: str | None = None) -> Table:
    """Return an empty table in the house style; a column whose name ends in `>` is right-aligned."""
    made = Table(
        title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", title_justify="left"
    )
    for column in columns:
        right = column.endswith(">")
        made.add_column(column.rstrip(">"), justify="right" if right else "left", overflow="fold")
    return made


def visible(text: str) -> str:
    """Return text that was received, safe for a terminal: what is not printable stands as its escape."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text)


def print_json(obj: Mapping[str, Any]) -> None:
    """Print one JSON object on one line of stdout and flush, so that a reader of a pipe sees it at once."""
    line = json.dumps(obj, ensure_ascii=False, separators=(",", ":"))
    try:
        sys.stdout.write(line + "\n")
    except UnicodeEncodeError:  # a lone surrogate of somebody's JSON, or a terminal without UTF-8
        sys.stdout.write(json.dumps(obj, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def counted(count: int, what: str) -> str:
    """Write how many there are of something: 1 meter, 2 meters."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def note(sentence: str) -> None:
    """Tell the person at the terminal something that is no result (stderr)."""
    console(stderr=True).print(sentence, style="dim", markup=False)


def print_error(error: CommandError) -> None:
    """Print one sentence and what to do on stderr; likewise what is further wrong, within bounds."""
    _print_error(error)
    for one in error.further[: MOST_TOLD - 1]:
        _print_error(one)
    left = len(error.further) + 1 - MOST_TOLD
    if left > 0:
        note(f"… and {left} more")


def _print_error(error: CommandError) -> None:
    out = console(stderr=True)
    sentence = error.sentence if error.sentence.endswith((".", "!", "?")) else error.sentence + "."
    out.print("[bold red]error:[/]", end=" ")
    out.print(sentence, markup=False, soft_wrap=True)
    if error.remedy:
        out.print("[bold]  try:[/]", end=" ")
        out.print(error.remedy, markup=False, soft_wrap=True)
