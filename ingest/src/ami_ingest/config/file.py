"""The configuration file and what it names, checked completely, made into the configuration as the agent works with it.

Relative paths are relative to the file's folder. Secrets never stand in it: it names secrets files.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from ami_ingest.config import environment
from ami_ingest.config.form import FileForm
from ami_ingest.config.inventory import Listed, Row, read_list
from ami_ingest.config.mistakes import Mistakes
from ami_ingest.config.model import AgentConfig, Kafka, Listen, Logs, Meter, Poll, Push, Spool
from ami_ingest.config.resolve import Resolver
from ami_ingest.config.yaml_file import Document, Location, explain, read_text, read_yaml
from ami_ingest.errors import ConfigError
from ami_keys.errors import KeysUnreadable
from ami_keys.keystore import FileKeyStore

DEFAULT_PATH: Final = Path("/etc/ami-gateway/dlms_config.yaml")
_MOST_SOCKET_PATH: Final = 107
"""Octets of the path of a Unix socket (Linux, sun_path)."""


Stamp = tuple[int, int, int]
"""What changes when a file does: time, size, identity."""


def stamp(path: str) -> Stamp | None:
    """Return the stamp of a file, None where it cannot be seen."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, and what it takes to keep it true while the agent runs."""

    config: AgentConfig
    path: Path
    bootstrap: str | None
    """The Kafka that goes before the file's."""
    files: Mapping[str, Stamp | None]
    """What was read beside secrets, and its stamp from before that."""
    resolver: Resolver
    """Makes meters of what else is written of them: in the registry."""
    registry: bool
    """Whether meters of the registry belong to the inventory."""

    def with_registry(self, meters: Iterable[Meter]) -> AgentConfig:
        """Return the configuration with the registry's meters; those of the files go before."""
        own = {meter.id for meter in self.config.meters}
        return replace(self.config, meters=(*self.config.meters, *(one for one in meters if one.id not in own)))


def load(
    path: Path = DEFAULT_PATH,
    *,
    bootstrap: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> AgentConfig:
    """Read and check a configuration file, the inventory and the secrets files it names.

    `bootstrap` goes before the file's `kafka.bootstrap`, and `environ` (the process' if absent) before the file's
    single values. Raises ConfigError with a sentence for each mistake that names the file, the line, the key and the
    remedy. What keys mean together is looked at once each is right by itself.
    """
    return read(path, bootstrap=bootstrap, environ=environ).config


def read(path: Path, *, bootstrap: str | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Do as `load`, and return what else keeps a running agent's configuration true."""
    path = path.absolute() if not path.is_absolute() else path
    files = {str(path): stamp(str(path))}
    written = _Written.read(path, bootstrap, os.environ if environ is None else environ)
    folder = path.parent
    form = written.form
    found = Mistakes()
    resolver = Resolver(form, folder, found)
    with found:
        config = _agent(form, folder, resolver, found)
    wrong = written.sentences([(mistake.at, str(mistake)) for mistake in found.found])
    rows = [Row(meter, Listed(written.document, ("meters",)), number) for number, meter in enumerate(form.meters)]
    if form.inventory is not None and form.inventory.file is not None:
        inventory = folder / form.inventory.file
        files[str(inventory)] = stamp(str(inventory))
        try:
            rows += read_list(inventory, wrong)
        except ConfigError as error:
            wrong += error.mistakes
    meters = _meters(rows, resolver, wrong)
    if wrong:
        raise ConfigError(*wrong)
    return Loaded(
        config=replace(config, meters=meters),
        path=path,
        bootstrap=bootstrap,
        files=files,
        resolver=resolver,
        registry=form.inventory is not None and form.inventory.topic,
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """The file and the environment, put together."""

    document: Document
    variables: Mapping[Location, str]
    form: FileForm

    @classmethod
    def read(cls, path: Path, bootstrap: str | None, environ: Mapping[str, str]) -> _Written:
        document = read_yaml(path, read_text(path, "configuration", "give its path with --config"))
        if not isinstance(document.tree, dict):
            raise ConfigError(f"{path}: the file must hold keys, and holds none; begin with `agent:` and `kafka:`")
        tree: Mapping[str, Any] = document.tree
        variables = environment.overrides(environ)
        strangers = list(environment.strangers(environ))
        for location, name in variables.items():
            tree = environment.put(tree, location, environ[name])
        if bootstrap is not None:
            tree = environment.put(tree, ("kafka", "bootstrap"), bootstrap)
        try:
            form = FileForm.model_validate(tree)
        except ValidationError as error:
            raise ConfigError(*strangers, *_sentences(document, variables, explain(error, FileForm))) from None
        if strangers:
            raise ConfigError(*strangers)
        return cls(document, variables, form)

    def sentences(self, wrong: Iterable[tuple[Location, str]]) -> list[str]:
        return _sentences(self.document, self.variables, wrong)


def _sentences(
    document: Document, variables: Mapping[Location, str], wrong: Iterable[tuple[Location, str]]
) -> list[str]:
    """Name the variable that said something, else file, line and key; in the order of the lines."""
    placed = [
        (0, f"{variables[at]}: {sentence}")
        if at in variables
        else (document.line(at), f"{document.place(at)}: {sentence}")
        for at, sentence in wrong
    ]
    return [sentence for _, sentence in sorted(placed, key=lambda each: each[0])]


def _agent(form: FileForm, folder: Path, resolver: Resolver, wrong: Mistakes) -> AgentConfig:
    """Return everything but the meters; what is wrong goes to `wrong`."""
    config = AgentConfig(
        agent=form.agent,
        kafka=Kafka(form.kafka.bootstrap, form.kafka.compression),
        state_dir=folder / form.state_dir,
        listen=tuple(
            Listen(
                one.transport,
                one.host,
                one.port,
                None if one.tls is None else resolver.tls(one.tls, ("listen", number, "tls"), wrong),
                one.role,
            )
            for number, one in enumerate(form.listen)
        ),
        push=Push(
            form.push.idle_timeout,
            form.push.max_connections,
            form.push.max_connections_per_peer,
            form.push.unknown,
            form.push.max_bytes_per_s_per_peer,
        ),
        spool=Spool(form.spool.max_mb, form.spool.max_age, form.spool.when_full),
        poll=Poll(form.poll.concurrency, form.poll.connections_per_s),
        logs=Logs(
            None if form.logs.folder is None else folder / form.logs.folder,
            form.logs.max_mb,
            form.logs.keep,
            form.logs.format,
            form.logs.level,
        ),
        observe=form.observe,
        control=None if form.control is None else folder / form.control,
        control_group=form.control_group,
        key_store=None if form.key_store is None else folder / form.key_store,
    )
    if config.key_store is not None:
        try:
            FileKeyStore(config.key_store)
        except KeysUnreadable as error:
            wrong.add(("key_store",), str(error))
    opened: dict[tuple[str, str, int], int] = {}
    for number, one in enumerate(config.listen):
        first = opened.setdefault((one.transport, one.host, one.port), number)
        if first != number and one.port:
            wrong.add(("listen", number), f"listen[{first}] opens the same socket; remove one")
    if len(os.fsencode(config.control_socket)) > _MOST_SOCKET_PATH:
        at: Location = ("state_dir",) if config.control is None else ("control",)
        wrong.add(
            at,
            f"{config.control_socket} is longer than the {_MOST_SOCKET_PATH} octets of a socket's path; "
            "write a shorter one",
        )
    return config


def _meters(rows: list[Row], resolver: Resolver, wrong: list[str]) -> tuple[Meter, ...]:
    """Make the meters; what is wrong is added to `wrong`, with the place in the list they are in."""
    meters: list[Meter] = []
    ids: dict[str, Row] = {}
    senders: dict[str, Row] = {}
    inherited: set[tuple[Location, str]] = set()
    for row in rows:
        first = ids.setdefault(row.form.id, row)
        if first is not row:
            wrong.append(
                f"{row.place(('id',))}: '{row.form.id}' is the id of the meter at {first.place()} too; rename one"
            )
        if row.form.push_from is not None:
            first = senders.setdefault(row.form.push_from, row)
            if first is not row:
                wrong.append(
                    f"{row.place(('push_from',))}: '{first.form.id}' pushes from {row.form.push_from} too, so that "
                    "the address identifies neither; leave it out of both"
                )
        found = Mistakes()
        with found:
            meters.append(resolver.meter(row.form, found))
        for mistake in found.found:
            # What many meters have of one group or of the defaults is one mistake.
            if mistake.at[0] not in row.form.model_fields_set:
                if (mistake.at, str(mistake)) in inherited:
                    continue
                inherited.add((mistake.at, str(mistake)))
            wrong.append(f"{row.place(mistake.at)}: {mistake}")
    return tuple(meters)
