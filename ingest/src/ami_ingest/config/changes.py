"""What differs between two configurations, and what of it takes effect at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, NamedTuple

from ami_ingest.config.model import AgentConfig

LIVE: Final = frozenset({"push", "meters"})
"""What a running agent takes over: meters with all that settings, groups, schedules, links and networks say of them,
and the push listener's bounds and policies. Everything else waits for a restart."""


class Difference(NamedTuple):
    """Meters that came, went and changed, and the keys that wait for a restart."""

    added: int
    removed: int
    changed: int
    push: bool
    """Whether bounds or policies of the push listener changed."""
    waiting: tuple[str, ...]


def difference(old: AgentConfig, new: AgentConfig) -> Difference:
    """Compare the configuration in force with the next one."""
    before = {meter.id: meter for meter in old.meters}
    after = {meter.id: meter for meter in new.meters}
    common = before.keys() & after.keys()
    return Difference(
        added=len(after) - len(common),
        removed=len(before) - len(common),
        changed=sum(before[name] != after[name] for name in common),
        push=old.push != new.push,
        waiting=tuple(_waiting(old, new)),
    )


def taken_over(old: AgentConfig, new: AgentConfig) -> AgentConfig:
    """Return the configuration that a running agent has afterwards."""
    return replace(old, **{name: getattr(new, name) for name in LIVE})


def _waiting(old: AgentConfig, new: AgentConfig) -> Iterator[str]:
    for field in fields(AgentConfig):
        if field.name not in LIVE:
            yield from _differing(field.name, getattr(old, field.name), getattr(new, field.name))


def _differing(name: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if is_dataclass(old) and type(old) is type(new):
        for field in fields(old):
            yield from _differing(f"{name}.{field.name}", getattr(old, field.name), getattr(new, field.name))
    else:
        # `max_age_s` is `max_age` in the file.
        yield name.removesuffix("_s") if name.endswith("max_age_s") else name
