"""What the verbs of keys and meters share: the key store, the registry as it stands, whom a person means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ami_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from ami_keys.keystore import KeyStore
    from ami_normalize.pipeline import Context
    from ami_normalize.registry.packed import RegistryView
    from ami_normalize.registry.records import Record


def store_of(kek: Path | None, *, needed: bool = False) -> KeyStore:
    """Return the key store; raises CommandError where one is needed and none is named."""
    from ami_keys.keystore import FileKeyStore, NoKeyStore

    if kek is not None:
        return FileKeyStore(kek)
    if needed:
        raise CommandError(
            "Keys go to the registry wrapped, and no key encryption key is named",
            "make one with `ami keys kek FILE`, and name it by --kek or AMI_KEK",
            ExitCode.USAGE,
        )
    return NoKeyStore()


def registry_of(bootstrap: str, store: KeyStore) -> RegistryView:
    """Read the registry to its end."""
    from ami_normalize.stream.registry_reader import snapshot

    return snapshot(bootstrap, store)


def registered(bootstrap: str, context: Context, store: KeyStore) -> Context:
    """Return a context with what is registered: meters, and their keys beside those of the context.

    What comes with records under keys of their own opens by the key store too.
    """
    from dataclasses import replace

    from ami_kafka.errors import TopicMissing
    from ami_normalize.session_keys import SessionKeys

    context = replace(context, session_keys=SessionKeys(store))
    try:
        view = registry_of(bootstrap, store)
    except TopicMissing:
        return context
    return replace(context, registry=view, keys=context.keys.renewed(timelines=view))


def title_meant(text: str, view: RegistryView | None) -> bytes:
    """Return the system title that a person means: itself in hex, or the one of a registered meter by any name."""
    from ami_normalize.meter import TITLE_NAME, title_of

    name = text.strip()
    title = title_of(name) or title_of(f"{TITLE_NAME}{name}")
    if title is not None:
        return title
    meter = view.by_name(name) if view is not None else None
    if meter is None:
        raise CommandError(
            f"'{name[:60]}' is neither a system title nor a registered meter",
            "give 16 hex digits, or look at `ami meters list`",
            ExitCode.MISSING,
        )
    if not meter.system_title:
        raise CommandError(
            f"{meter.meter_id} has no system title, by which keys are found", "import it with one", ExitCode.DATA
        )
    return meter.system_title


def written(bootstrap: str, made: Iterable[Record], total: int) -> int:
    """Write records to the registry, with a progress bar where there are many; return how many."""
    from rich.progress import track

    from ami_cli.console import console
    from ami_kafka.table import Row, write
    from ami_schemas import topics

    def rows() -> Iterator[Row]:
        shown = track(made, "registering", total, console=console(stderr=True), transient=True, disable=total < 1000)
        return (Row(*record) for record in shown)

    return write(bootstrap, topics.REGISTRY, rows())
