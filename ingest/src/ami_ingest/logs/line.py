"""One event as one line: text for people, JSON for programs, and text with a priority for the journal."""

from __future__ import annotations

import json
from typing import Any, Final

Event = dict[str, Any]
"""`event` is the sentence, `level` how grave, `timestamp` when (RFC 3339, UTC); the rest are its fields."""

_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""Of syslog (RFC 5424, 6.2.1), as the journal reads them at the begin of a line."""
_WHO: Final = ("meter", "line", "peer")
"""Stand in front of the sentence."""
_LAST: Final = ("cause", "remedy")
_PLAIN: Final = frozenset({"event", "level", "timestamp", "exception", *_WHO, *_LAST})


def text(event: Event) -> str:
    """Return `2026-11-26T22:30:00.123Z WARNING meter=m-1 Connection Refused (Error 111) address=… remedy="…"`.

    Every event is one line, whatever it holds; a traceback follows in lines that begin with `  | `.
    """
    when = _milliseconds(str(event.get("timestamp", "")))
    return f"{when} {str(event.get('level', 'info')).upper():<7} {_told(event)}"


def json_line(event: Event) -> str:
    """Return the event as an object of JSON; what is no JSON stands as its text."""
    return json.dumps(event, default=str, ensure_ascii=False)


def journal(event: Event) -> str:
    """Return the event with `<3>` in front, and without a time: the journal has its own."""
    mark = f"<{_PRIORITIES.get(str(event.get('level')), 6)}>"
    return "\n".join(f"{mark}{line}" for line in _told(event).split("\n"))


def _told(event: Event) -> str:
    who = [f"{name}={_word(event[name])}" for name in _WHO if event.get(name) is not None]
    fields = [f"{name}={_word(value)}" for name, value in event.items() if name not in _PLAIN and value is not None]
    last = [f"{name}={_word(event[name])}" for name in _LAST if event.get(name)]
    line = " ".join([*who, _escaped(str(event.get("event", ""))), *fields, *last])
    trace = event.get("exception")
    return line if not trace else "\n".join([line, *(f"  | {_escaped(each)}" for each in str(trace).splitlines())])


def _word(value: object) -> str:
    """Write a value: in quotes where it would not be one word."""
    told = _escaped(str(value))
    if told and not any(sign in ' "=' for sign in told):
        return told
    return '"{}"'.format(told.replace('"', '\\"'))


def _escaped(told: str) -> str:
    """Write what is not printable as its escape: what a meter says must not make lines of its own."""
    if told.isprintable():
        return told
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in told)


def _milliseconds(timestamp: str) -> str:
    whole, point, fraction = timestamp.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:3]:0<3}Z" if point else f"{whole}Z"
