"""What differs between two configurations, and what of it takes effect at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, NamedTuple

from ami_ingest.config.model import AgentConfig

LIVE: Final = frozenset({"meters", "push", "poll", "spool", "key_store"})
"""What a running agent takes over, beside the log's level: meters with all that settings, groups, schedules, links and
networks say of them, the key store, and the bounds and policies of pushes, polling and the spool. Everything else waits
for a restart."""


class Difference(NamedTuple):
    """Meters that came, went and changed, and the keys that differ beside them."""

    added: int
    removed: int
    changed: int
    live: tuple[str, ...]
    """Keys that take effect at once."""
    waiting: tuple[str, ...]
    """Keys that wait for a restart."""


def difference(old: AgentConfig, new: AgentConfig) -> Difference:
    """Compare the configuration in force with the next one."""
    before = {meter.id: meter for meter in old.meters}
    after = {meter.id: meter for meter in new.meters}
    common = before.keys() & after.keys()
    return Difference(
        added=len(after) - len(common),
        removed=len(before) - len(common),
        changed=sum(before[name] != after[name] for name in common),
        live=tuple(_keys(old, taken_over(old, new))),
        waiting=tuple(_keys(taken_over(old, new), new)),
    )


def taken_over(old: AgentConfig, new: AgentConfig) -> AgentConfig:
    """Return the configuration that a running agent has afterwards."""
    live = {name: getattr(new, name) for name in LIVE}
    return replace(old, logs=replace(old.logs, level=new.logs.level), **live)


def _keys(old: AgentConfig, new: AgentConfig) -> Iterator[str]:
    for field in fields(AgentConfig):
        if field.name != "meters":
            yield from _differing(field.name, getattr(old, field.name), getattr(new, field.name))


def _differing(name: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if is_dataclass(old) and type(old) is type(new):
        for field in fields(old):
            yield from _differing(f"{name}.{field.name}", getattr(old, field.name), getattr(new, field.name))
    else:
        # `max_age_s` is `max_age` in the file; `connections_per_s` is called so there too.
        yield name.removesuffix("_s") if name.endswith(("max_age_s", "idle_timeout_s")) else name
