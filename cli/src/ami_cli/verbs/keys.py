"""`ami keys`: the keys of meters in the registry, wrapped; nobody ever sees one again."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ami_cli.captured import messages_of, transport_of
from ami_cli.console import console, note, print_json, table
from ami_cli.errors import CommandError, ExitCode
from ami_cli.options import Bootstrap, Json, Kek, bootstrap_servers
from ami_cli.registry import registry_of, store_of, title_meant, written

if TYPE_CHECKING:
    from ami_normalize.key_check import Checked
    from ami_normalize.keys import KeyRing, MeterKeys
    from ami_normalize.pipeline import RawRecord
    from ami_normalize.registry.key_lists import ListedKeys
    from ami_normalize.registry.packed import RegistryView
    from ami_normalize.registry.records import Record
    from ami_normalize.registry.timeline import KeyVersion

app = typer.Typer(help="Keys of meters in the registry: added, listed, retired, checked.", no_args_is_help=True)

Meter = Annotated[str, typer.Argument(metavar="METER", help="System title (16 hex digits), or a registered meter.")]
From = Annotated[
    str, typer.Option("--valid-from", metavar="TIME", help="In force from then (2026-01-31, or with time and offset).")
]
Until = Annotated[str, typer.Option("--valid-until", metavar="TIME", help="In force until then.")]


@app.command()
def kek(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file; made where there is none.")],
    name: Annotated[str, typer.Option("--name", metavar="ID", help="Its id, such as 2026-1.")] = "1",
) -> None:
    """Make a key encryption key: it wraps all keys from now on, those before it still open what they wrapped.

    Give a copy of the file to every normalizer before adding keys, and keep one in a safe: without it they are lost.
    """
    from ami_keys.keystore import add_kek

    add_kek(file, name)
    note(f"{file} holds the KEK {name}, which wraps keys from now on; keep a copy of it in a safe place.")


@app.command()
def add(
    meter: Meter,
    *,
    secrets: Annotated[
        Path | None,
        typer.Option(
            "--secrets",
            metavar="FILE",
            help='JSON, mode 600, or - for stdin: {"guek", "gak", "gbek", "kek", "signature_key"}, any of them. '
            "Without it: asked for, not shown.",
        ),
    ] = None,
    valid_from: From = "",
    valid_until: Until = "",
    kek: Kek = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Add keys of a meter. Later ones of a kind end those before them; running normalizers use them at once."""
    from ami_normalize.keys import key_material
    from ami_normalize.registry.key_lists import ListedKeys, validity

    servers, store = bootstrap_servers(bootstrap), store_of(kek, needed=True)
    span = validity(valid_from, valid_until, "the validity")
    material = key_material(_secrets(secrets), str(secrets or "what was typed"))
    if not material:
        raise CommandError("There is no key to add", "give guek, gak, gbek, kek or signature_key", ExitCode.USAGE)
    view = None if _is_title(meter) else registry_of(servers, store)
    _add(servers, [ListedKeys(title_meant(meter, view), material, *span)], kek, as_json=as_json)


@app.command(name="import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="keys.json, or a list in CSV, YAML or JSON with system_title, guek, gak, …, valid_from, valid_until; "
            "mode 600.",
        ),
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and write nothing.")] = False,
    kek: Kek = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Add the keys of many meters. The whole file is checked before anything is written.

    A key that is registered already gets the validity of the file; otherwise a second run changes nothing.
    """
    from ami_normalize.registry.key_lists import listed_keys

    found = listed_keys(file)
    if dry_run:
        note(f"{file}: keys of {len({one.system_title for one in found})} meters, nothing is wrong")
        return
    _add(bootstrap_servers(bootstrap), found, kek, as_json=as_json)


@app.command(name="list")
def list_(
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="Only this one's.")] = None,
    *,
    kek: Kek = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Show which versions of which keys are registered and when they are in force; with --kek whether it opens them."""
    store = store_of(kek)
    view = registry_of(bootstrap_servers(bootstrap), store)
    titles = [title_meant(meter, view)] if meter else sorted(view.titles())
    drawn = table("system title", "meter", "key", "version", "in force", "KEK", "opens")
    for title in titles:
        for version in sorted(view.versions(title), key=lambda one: (one.kind.value, one.from_us)):
            told = _described(title, version, view, opens=kek is not None)
            if as_json:
                print_json(told)
            else:
                drawn.add_row(
                    told["system_title"],
                    told["meter"] or "",
                    told["kind"],
                    told["version"],
                    told["in_force"],
                    told["kek"],
                    {None: "", True: "yes"}.get(told["opens"], told["opens"]),
                )
    if not as_json:
        console().print(drawn)


@app.command()
def retire(
    meter: Meter,
    *,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="guek, gak, gbek, kek or signature_key. Without it: all.")
    ] = None,
    version: Annotated[str | None, typer.Option(metavar="VERSION", help="As `ami keys list` shows it.")] = None,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="In force until then. Without it: now.")] = "",
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """End the validity of keys. They stay registered, and still open what was received while they were in force."""
    import time

    from ami_normalize.keys import KeyKind
    from ami_normalize.registry.records import KeyName, version_record
    from ami_normalize.registry.tables import instant_of

    if kind is not None and kind not in {one.value for one in KeyKind}:
        known = ", ".join(one.value for one in KeyKind)
        raise CommandError(f"There is no kind of key called '{kind[:40]}'", f"one of {known}", ExitCode.USAGE)
    until_us = instant_of(until, "--until") if until else time.time_ns() // 1000
    servers = bootstrap_servers(bootstrap)
    view = registry_of(servers, store_of(None))
    title = title_meant(meter, view)
    chosen = [
        one
        for one in view.versions(title)
        if kind in (None, one.kind.value) and version in (None, one.version) and one.from_us < until_us < one.until_us
    ]
    if not chosen:
        raise CommandError(
            f"{title.hex()} has no such key in force then", f"look at: ami keys list {title.hex()}", ExitCode.MISSING
        )
    ended = [one._replace(until_us=until_us) for one in chosen]
    made = [version_record(one, KeyName(title, one.kind, one.version)) for one in ended]
    written(servers, made, len(made))
    for one in ended:
        told = _described(title, one, view, opens=False)
        if as_json:
            print_json(told)
        else:
            note(f"{told['kind']} {told['version']} of {told['system_title']} is in force {told['in_force']}")


@app.command()
def check(
    what: Annotated[
        str,
        typer.Argument(
            metavar="METER|MESSAGE", help="A meter, whose last records are tried; or messages, hex or file."
        ),
    ],
    *,
    secrets: Annotated[
        Path | None,
        typer.Option(
            "--secrets", metavar="FILE", help="Try these keys (JSON, mode 600, or - for stdin), and no others."
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="METER", help="Whose a message is, where it does not say so itself.")
    ] = None,
    last: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="Records of a meter to try.")] = 10,
    kek: Kek = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Try whether keys open a captured message, or the last records of a meter; if not, say what is wrong.

    By the registry's keys, or by those of --secrets, before they are added. Ends with 6 where something does not open.
    """
    from ami_normalize.key_check import checked
    from ami_normalize.pipeline import Context
    from ami_normalize.session_keys import SessionKeys

    servers = bootstrap_servers(bootstrap)
    captured = _captured(what)
    asks = secrets is None or not captured or (title is not None and not _is_title(title))
    store = store_of(kek)
    view = registry_of(servers, store) if asks else None
    whose = title_meant(title, view) if title else None
    records = captured or _last(servers, title_meant(what, view), last)
    context = Context(keys=_ring(secrets, view), session_keys=SessionKeys(store), system_title=whose)
    drawn = table("record", "opens", "protection", "keys", "why not")
    failed = 0
    for record in records:
        found = checked(record, context)
        failed += not found.opens
        told = {"record": _place(record), **found._asdict()}
        if as_json:
            print_json(told)
        else:
            drawn.add_row(*_row(_place(record), found))
    if not as_json:
        console().print(drawn)
    if failed:
        raise CommandError(
            f"{failed} of {len(records)} do not open", "see above for what is wrong with each", ExitCode.REFUSED
        )


def _add(servers: str, listed: Sequence[ListedKeys], kek: Path | None, *, as_json: bool) -> None:
    from ami_normalize.keys import span_text
    from ami_normalize.registry.records import KeyName, key_record

    store = store_of(kek, needed=True)
    names: list[KeyName] = []

    def made() -> Iterator[Record]:
        for one in listed:
            for kind, key in one.material.items():
                unnamed = KeyName(one.system_title, kind, "")
                name, record = key_record(unnamed, key, store, from_us=one.from_us, until_us=one.until_us)
                names.append(name)
                yield record

    written(servers, made(), sum(len(one.material) for one in listed))
    if as_json:
        for name in names:
            told = {"system_title": name.system_title.hex(), "kind": name.kind.value, "version": name.version}
            print_json(told)
    meters = len({one.system_title for one in listed})
    when = span_text(listed[0].from_us, listed[0].until_us) if len(listed) == 1 else "as listed"
    note(f"{len(names)} keys of {meters} {'meter' if meters == 1 else 'meters'} are registered, in force {when}")


def _secrets(path: Path | None) -> dict[str, object]:
    """Read keys from a file, from stdin, or from the person at the terminal, unseen."""
    import json

    from ami_keys.secret_file import read_secret

    if path is not None and str(path) != "-":
        return read_secret(path)
    if path is None and sys.stdin.isatty():
        asked = {
            kind: typer.prompt(f"{kind} (hex, not shown)", "", hide_input=True, err=True) for kind in ("guek", "gak")
        }
        return {kind: value for kind, value in asked.items() if value}
    try:
        found = json.loads(sys.stdin.read())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise CommandError("stdin holds no JSON object of keys", 'give {"guek": "…", "gak": "…"}', ExitCode.USAGE)
    return found


def _is_title(text: str) -> bool:
    from ami_normalize.meter import TITLE_NAME, title_of

    return title_of(f"{TITLE_NAME}{text.strip()}") is not None


def _described(title: bytes, version: KeyVersion, view: RegistryView, *, opens: bool) -> dict[str, Any]:
    from ami_normalize.keys import BEGIN, END, span_text

    meter = view.by_title(title)
    return {
        "system_title": title.hex(),
        "meter": meter.meter_id if meter else None,
        "kind": version.kind.value,
        "version": version.version,
        "valid_from_us": None if version.from_us == BEGIN else version.from_us,
        "valid_until_us": None if version.until_us == END else version.until_us,
        "in_force": span_text(version.from_us, version.until_us),
        "kek": version.wrapped.kek_id,
        "opens": view.opens(title, version) if opens else None,
    }


def _captured(what: str) -> list[RawRecord]:
    """Return captured messages, none where a meter is meant."""
    from ami_normalize.offline import to_record

    if _is_title(what) and not Path(what).exists():
        return []
    try:
        found = list(messages_of(what))
    except CommandError as error:
        if error.code is not ExitCode.USAGE:
            raise
        return []
    return [to_record({"transport": transport_of(bytes.fromhex(one["hex"])), **one}) for one in found]


def _last(servers: str, title: bytes, most: int) -> list[RawRecord]:
    from ami_kafka.lately import lately
    from ami_normalize.meter import title_name
    from ami_normalize.stream.derived import raw_record
    from ami_schemas import topics

    found = [raw_record(one) for one in lately(servers, topics.RAW, title_name(title).encode(), most=most)]
    if not found:
        raise CommandError(
            f"There is no record of {title.hex()} lately", "try a captured message instead", ExitCode.MISSING
        )
    return found


def _ring(secrets: Path | None, view: RegistryView | None) -> KeyRing:
    from ami_normalize.keys import KeyRing, meter_keys

    if secrets is None:
        return KeyRing(timelines=view)
    keys: MeterKeys = meter_keys(_secrets(secrets), str(secrets))
    return KeyRing(any_title=keys)


def _place(record: RawRecord) -> str:
    return record.source if record.topic != "-" else (record.key or b"").decode()


def _row(place: str, found: Checked) -> tuple[str, ...]:
    why = f"{found.reason}: {found.sentence}" if found.reason else ""
    return place, "yes" if found.opens else "no", found.protection, found.key_version, why
