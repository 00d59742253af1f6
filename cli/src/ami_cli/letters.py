"""What `ami dlq` and `ami parked` share: which letters are meant, how they are listed, and one of them explained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from ami_cli.console import console, note, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.verbs.decode import complete, read_keys
from ami_cli.view.explained import print_explained
from ami_kafka.errors import TopicMissing
from ami_normalize.dialects import Dialects
from ami_normalize.explanation.page import explain
from ami_normalize.letters.choice import Choice, moment_ms
from ami_normalize.letters.letter import Letter
from ami_normalize.letters.overview import Overview
from ami_normalize.letters.scan import Resolved, letters, resolved
from ami_normalize.mapping.watched import DEFAULT_MAPPING
from ami_normalize.pipeline import Context
from ami_schemas import headers, topics
from ami_schemas.reasons import Reason

_SOURCE: Final = re.compile(r"(?:([\w.-]+)/)?(\d+)/(\d+)(?:#\d+)?")
_TRANSPORTS: Final = {
    "hdlc": "hdlc",
    "wrapper": "wrapper",
    "mbus": "mbus",
    "p1": "dsmr-p1",
    "none": "raw-apdu",
}
"""Words of `ami decode` by those of `ami-framing`."""


def choice_of(
    *,
    reasons: list[str] | None,
    meters: list[str] | None,
    stages: list[str] | None,
    makers: list[str] | None,
    since: str | None,
    until: str | None,
) -> Choice:
    """Read the options that choose letters. Raises CommandError."""
    codes = frozenset(code.upper() for code in reasons or ())
    unknown = codes - {reason.value for reason in Reason}
    if unknown:
        raise CommandError(
            f"There is no reason {', '.join(sorted(unknown))}", "look them up in docs/reasons.md", ExitCode.USAGE
        )
    return Choice(
        reasons=codes,
        meters=frozenset(meter.lower() if re.fullmatch("[0-9A-Fa-f]{16}", meter) else meter for meter in meters or ()),
        stages=frozenset(stages or ()),
        makers=frozenset(maker.upper() for maker in makers or ()),
        since_ms=_moment("--since", since),
        until_ms=_moment("--until", until),
    )


def chosen(
    bootstrap: str, topic: str, choice: Choice, *, every: bool, done: Resolved | None = None
) -> Iterator[Letter]:
    """Yield the letters meant, without those that were resolved since, unless `every` is wanted."""
    known = done if done is not None else _resolved(bootstrap)
    for letter in letters(bootstrap, topic, since_ms=choice.since_ms):
        if choice(letter) and (every or not _is_done(letter, known)):
            yield letter


def _is_done(letter: Letter, known: Resolved) -> bool:
    """Tell whether a later redrive ended otherwise than as such a letter."""
    own = "parked" if letter.topic == topics.PARKED else "rejected"
    return known.attempts.get(letter.source, 0) > letter.attempt and known.outcomes[letter.source] != own


def _resolved(bootstrap: str) -> Resolved:
    try:
        return resolved(bootstrap)
    except TopicMissing:
        return Resolved({}, {})


def list_letters(found: Iterable[Letter], most: int | None, *, as_json: bool, summary: bool, what: str) -> None:
    """Print letters: counted by reason and maker, and the last ones; or a JSON object each."""
    overview = Overview()
    kept: list[Letter] = []
    shown = most or 20
    for count, letter in enumerate(found, start=1):
        if as_json and not summary:
            if most is not None and count > most:
                return
            print_json(as_object(letter))
            continue
        overview.add(letter)
        kept.append(letter)
        if len(kept) > 4 * shown:
            kept = _last(kept, shown)
    if as_json:
        if summary:
            for group in overview.groups():
                print_json(
                    {**group._asdict(), "first_ms": None, "last_ms": None}
                    | {"first": _iso(group.first_ms), "last": _iso(group.last_ms)}
                )
        return
    _print(overview, [] if summary else _last(kept, shown), what)


def as_object(letter: Letter) -> dict[str, Any]:
    """Return a letter as one object, with its bytes."""
    reason = letter.known_reason
    return {
        "source": letter.source,
        "reason": letter.reason,
        "stage": letter.stage,
        "message": letter.message,
        "diagnosis": letter.diagnosis or None,
        "remedy": reason.remedy if reason else None,
        "meter": letter.meter,
        "manufacturer": letter.maker,
        "at": _iso(letter.at_ms),
        "attempt": letter.attempt,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "hex": letter.value.hex(),
    }


def show_letter(
    bootstrap: str, topic: str, source: str, keys: Path | None, mapping: list[Path] | None, *, as_json: bool, all_: bool
) -> None:
    """Explain the letters that a raw record ended as. Raises CommandError where there is none."""
    partition, offset = _coordinates(source)
    found = [
        letter
        for letter in letters(bootstrap, topic, partitions=[partition])
        if letter.source.rpartition("/")[2] == str(offset)
    ]
    if not found:
        raise CommandError(
            f"{topic} holds nothing of raw record {partition}/{offset}",
            "`ami dlq ls`, `ami parked ls` list what there is; readings have their source in `ami-source`",
            ExitCode.MISSING,
        )
    files = mapping or ([DEFAULT_MAPPING] if DEFAULT_MAPPING.exists() else [])
    context = Context(dialects=Dialects.load(*files))
    known = read_keys(keys)
    fate = _resolved(bootstrap).outcomes.get(found[0].source)
    out = console()
    for letter in found:
        page = explain(complete(_message(letter), "auto", None, known), context)
        if as_json:
            print_json({**as_object(letter), "resolved": fate, "explained": page})
            continue
        _print_letter(letter, fate)
        if headers.SESSION_KEY in letter.headers:
            note(f"it came under the key of an association: `ami explain {letter.source} --kek FILE` opens it")
        elif keys is None and letter.stage == "decrypt":
            note("without --keys the content stays closed; the page shows what is in clear")
        out.print()
        print_explained(out, page, everything=all_)


def _coordinates(source: str) -> tuple[int, int]:
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise CommandError(f"'{source}' names no raw record", "write PARTITION/OFFSET, such as 3/42", ExitCode.USAGE)
    return int(match[2]), int(match[3])


def _message(letter: Letter) -> dict[str, Any]:
    """Return a letter as `ami decode` takes messages."""
    made: dict[str, Any] = {"id": letter.meter or letter.source, "hex": letter.value.hex()}
    made["transport"] = _TRANSPORTS.get(letter.text(headers.FRAMING), "raw-apdu")
    context = letter.headers.get(headers.CONTEXT)
    if context:
        from google.protobuf.message import DecodeError

        from ami.raw.v1 import exchange_pb2

        try:
            made["request_hex"] = exchange_pb2.Exchange.FromString(context).request.hex() or None
        except DecodeError:
            return made
    return made


def _print_letter(letter: Letter, fate: str | None) -> None:
    out = console()
    reason = letter.known_reason
    drawn = table("", "")
    drawn.show_header = False
    for name, value in (
        ("raw record", letter.source),
        ("reason", letter.reason),
        ("means", reason.meaning if reason else "a reason of another version"),
        ("do", reason.remedy if reason else "look it up in the documentation of that version"),
        ("says", letter.message),
        *((("keys", f"{letter.diagnosis}, see docs/diagnoses.md"),) if letter.diagnosis else ()),
        (
            "found by",
            f"{letter.stage}, decoder {letter.text(headers.DLQ_DECODER)}, group {letter.text(headers.DLQ_GROUP)}",
        ),
        ("meter", letter.meter),
        ("at", _iso(letter.at_ms) + (f", by redrive {letter.attempt}" if letter.attempt else "")),
        ("lies at", f"{letter.topic}/{letter.partition}/{letter.offset}"),
        ("since then", f"processed again: {fate}" if fate else "nothing"),
    ):
        drawn.add_row(name, value)
    out.print(drawn)


def _print(overview: Overview, listed: list[Letter], what: str) -> None:
    out = console()
    if not overview.total:
        out.print(f"no {what}")
        return
    groups = table("reason", "maker", "count>", "meters>", "first", "last", "most of")
    for group in overview.groups():
        groups.add_row(
            group.reason,
            group.maker,
            str(group.letters),
            str(group.meters),
            _short(group.first_ms),
            _short(group.last_ms),
            group.most,
        )
    out.print(groups)
    out.print(f"\n{overview.total} {what}; the reasons: docs/reasons.md")
    if not listed:
        return
    drawn = table("raw record", "at", "meter", "reason", "step", "says", title=f"\nthe last {len(listed)}")
    for letter in listed:
        drawn.add_row(
            letter.source.partition("/")[2], _short(letter.at_ms), letter.meter, letter.reason, letter.stage,
            letter.message,
        )  # fmt: skip
    out.print(drawn)


def _last(found: list[Letter], count: int) -> list[Letter]:
    return sorted(found, key=lambda letter: letter.at_ms)[-count:]


def _moment(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return moment_ms(text)
    except ValueError:
        raise CommandError(
            f"{option} {text} is no time", "write 30m, 2h, 7d, or 2024-03-01T12:00:00Z", ExitCode.USAGE
        ) from None


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
