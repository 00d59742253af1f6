"""Captured messages as people have them: hex on the command line, files of hex, of JSON lines, or of bytes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from ami_cli.errors import CommandError, ExitCode

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}[\s:,]*)+")
_SEPARATORS: Final = re.compile(r"[\s:,]+")
_LONGEST_NAME: Final = 255
"""What is longer cannot be the name of a file, and must not be looked for."""


def transport_of(data: bytes) -> str:
    """Guess the transport of a message from its first bytes, in the words of `ami decode`."""
    if data[:1] == b"\x7e":
        return "hdlc"
    if data[:1] == b"\x68":
        return "mbus"
    if data[:1] == b"/":
        return "dsmr-p1"
    if data[:2] == b"\x00\x01":
        return "wrapper"
    return "raw-apdu"


def lines_of(source: str) -> Iterator[str]:
    """Yield the lines of a file, or of stdin for `-`. Raises OSError; what is not UTF-8 is replaced, not refused.

    Only a line feed ends a line: a carriage return or another of Unicode's line ends within one is its own matter.
    """
    with nullcontext(sys.stdin.buffer) if source == "-" else Path(source).open("rb") as file:
        for line in file:
            yield line.decode("utf-8", "replace")


def messages_of(source: str) -> Iterator[dict[str, Any]]:
    """Yield messages as `{"id", "hex", …}`: from hex, or from a file of hex lines, of JSON lines, or of bytes.

    Raises CommandError where the source is neither hex nor a file, or a line of a file is neither hex nor JSON.
    """
    text = source.strip()
    if _HEX.fullmatch(text) and not (len(text) <= _LONGEST_NAME and Path(text).exists()):
        yield message_of(text)
        return
    path = Path(source)
    if not path.is_file() and not re.search(r"[./\\]", text):
        raise CommandError(
            f"'{_short(text)}' is neither hexadecimal nor a file", "give an even number of hex digits", ExitCode.USAGE
        )
    content = path.read_bytes()
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError:
        lines = None
    if lines is None or content[:1] == b"/":  # a P1 telegram is text, but no list of messages
        yield {"id": path.name, "hex": content.hex()}
        return
    for number, line in enumerate(lines, start=1):
        stripped = line.partition("#")[0].strip() if not line.lstrip().startswith("{") else line.strip()
        if stripped:
            yield _message(path, number, stripped)


def message_of(text: str) -> dict[str, Any]:
    """Return the message written in hex; blanks, colons and commas between octets are taken.

    Raises CommandError where it is no hex.
    """
    stripped = text.strip()
    if not _HEX.fullmatch(stripped):
        raise CommandError(f"'{_short(stripped)}' is no hex", "give an even number of hex digits", ExitCode.USAGE)
    return {"id": "1", "hex": _SEPARATORS.sub("", stripped)}


def _message(path: Path, number: int, line: str) -> dict[str, Any]:
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return {"id": f"line {number}", **found}
    elif _HEX.fullmatch(line):
        return {"id": f"line {number}", "hex": _SEPARATORS.sub("", line)}
    raise CommandError(
        f"{path}: line {number} is neither hexadecimal nor a JSON object", "correct the line", ExitCode.DATA
    )


def _short(text: str) -> str:
    return text if len(text) <= 32 else f"{text[:32]}…"
