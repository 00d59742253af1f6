"""The web view: one page, plain HTML, nothing fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote

from ami_normalize.watch.rules.overview import CONCERNS, Overview, Row

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --mute: #777; --bad: #b3261e; --odd: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --mute: #999; --bad: #ff8a80; --odd: #ffcc80; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; }
a { color: inherit; } .mute { color: var(--mute); }
nav { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.2rem 0; }
nav a { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; min-width: 6rem; }
nav a { text-decoration: none; }
nav a[aria-current] { border-color: currentColor; } nav b { display: block; font-size: 1.4rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--mute); white-space: nowrap; }
th, td { padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; } .silent, .security { color: var(--bad); } .gaps, .drift { color: var(--odd); }
"""
_WORDS: Final = {"silent": "silent", "gaps": "gaps", "drift": "clock", "security": "security"}


def overview(seen: Overview, health: Mapping[str, Any], concern: str | None = None) -> str:
    """Show the meters that need attention, of one concern only if asked."""
    rows = [row for row in seen.rows if concern is None or concern in row.concerns]
    wanted = concern or ""
    cards = [_card("/", "meters", seen.meters, current=concern is None)]
    cards += [
        _card(f"/?concern={name}", _WORDS[name], seen.concerned[name], current=name == wanted) for name in CONCERNS
    ]
    state = f"as of {escape(seen.at)} · {_health(health)}"
    body = f"<header><h1>AMI Gateway: watch</h1><p class=mute>{state}</p></header><nav>{''.join(cards)}</nav>"
    if not rows:
        return _document(f"{body}<p>No meter needs attention.</p>", "watch")
    head = (
        "meter",
        "needs attention for",
        "last heard",
        "usually every",
        "intervals missing",
        "clock",
        "security, lately",
    )
    body += _table(head, [_row(row) for row in rows], {3, 4, 5, 6})
    total = sum(1 for _ in rows)
    more = max(seen.concerned.values()) if concern is None else seen.concerned[wanted]
    if more > total:
        body += f"<p class=mute>{total} are shown.</p>"
    return _document(body, "watch")


def meter(details: Mapping[str, Any]) -> str:
    """Show all tables of a meter."""
    concerns = " · ".join(f"<span class={name}>{_WORDS[name]}</span>" for name in details["concerns"]) or "nothing"
    heard = escape(str(details["last_heard"] or "never"))
    body = (
        f"<header><h1>{escape(str(details['meter']))}</h1><p class=mute><a href=/>all meters</a> · "
        f"partition {details['partition']}</p></header><p>Needs attention for: {concerns}. Last heard {heard}, "
        f"{details['presence']['messages']} messages in all.</p>"
    )
    for title in ("intervals", "registers", "balance", "security"):
        entries = details[title]
        if entries:
            cells = [[_cell(value) for value in entry.values()] for entry in entries]
            body += f"<h2>{title}</h2>{_table([name.replace('_', ' ') for name in entries[0]], cells, set())}"
    offset, trend = details["clock_offset_s"], details["clock_trend_s_per_day"]
    if offset is not None:
        going = "" if trend is None else f", going {trend:+.2f} s a day"
        body += f"<h2>clock</h2><p>{offset:+.1f} s against reception{going}</p>"
    return _document(body, str(details["meter"]))


def not_found(what: str) -> str:
    """Say that there is no such meter here."""
    return _document(f"<h1>Not here</h1><p>{escape(what)}</p><p><a href=/>all meters</a></p>", "not here")


def _health(health: Mapping[str, Any]) -> str:
    status = escape(str(health["status"]))
    return f"<a href=/healthz>{status}</a>, {health['lag']} records to read"


def _card(link: str, word: str, count: int, *, current: bool) -> str:
    mark = " aria-current=page" if current else ""
    return f'<a href="{link}"{mark}><b>{count}</b>{word}</a>'


def _row(row: Row) -> list[str]:
    words = ", ".join(f"<span class={name}>{_WORDS[name]}</span>" for name in row.concerns)
    clock = "" if row.clock_offset_s is None else f"{row.clock_offset_s:+.1f} s"
    return [
        f'<a href="/meters/{row.partition}/{quote(row.meter, safe="")}">{escape(row.meter)}</a>',
        words,
        escape(row.last_heard),
        "" if row.usual_s is None else f"{row.usual_s} s",
        str(row.missing_intervals or ""),
        clock,
        str(row.security_failures or ""),
    ]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "<br>".join(
            escape(", ".join(f"{name.replace('_', ' ')} {of}" for name, of in each.items())) for each in value
        )
    return "" if value is None else escape(str(value))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: set[int]) -> str:
    def cells(tag: str, values: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=n' if at in numbers else ''}>{value}</{tag}>" for at, value in enumerate(values)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<div class=wide><table><thead><tr>{cells('th', head)}</tr></thead><tbody>{lines}</tbody></table></div>"


def _document(body: str, title: str) -> str:
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<meta http-equiv=refresh content=15><title>{escape(title)} · AMI Gateway</title>"
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
