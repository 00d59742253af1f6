"""A running agent's configuration kept true: read again on SIGHUP and when files change, the registry followed.

What is wrong is refused and said once; what was in force stays.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final

from structlog.typing import FilteringBoundLogger

from ami_ingest.config.changes import Difference, difference, taken_over
from ami_ingest.config.file import Loaded, Stamp, read, stamp
from ami_ingest.config.model import AgentConfig
from ami_ingest.config.registry import KEPT, Entries, RegistryFollower, RegistryMeters, kept_entries
from ami_ingest.errors import ConfigError

_PERIOD_S: Final = 2.0
_SECRETS_EVERY_S: Final = 30.0

_Stamps = dict[str, Stamp | None]


class Watch:
    """Watches what a configuration was read from."""

    def __init__(
        self, loaded: Loaded, *, period_s: float = _PERIOD_S, secrets_every_s: float = _SECRETS_EVERY_S
    ) -> None:
        """Begin with a configuration just read.

        Files are looked at every `period_s`, secrets files every `secrets_every_s`: they may be ten thousand. As often
        a configuration that was refused is read again, because any of its files may have been the reason.
        """
        self._loaded = loaded
        self._period_s = period_s
        self._secrets_every_s = secrets_every_s
        self._files: _Stamps = dict(loaded.files)
        self._secrets = _stamps(loaded.resolver.secrets)
        self._kept = loaded.config.state_dir / KEPT
        self._entries: Entries = kept_entries(self._kept) if loaded.registry else {}
        self._follower: RegistryFollower | None = None
        self._stale = False
        """Whether what is wanted must be put together again."""
        self._awake = asyncio.Event()
        self._asked = False
        self._refused: tuple[str, ...] = ()
        self._registered = RegistryMeters(loaded.resolver)
        self._wanted, self.left_out = self._whole()
        """What is wanted; a sentence for each mistake of a meter of the registry, which is left out of it."""
        self.config = self._wanted
        """The configuration in force. What waits for a restart is in it as it was at the start."""

    def reload(self) -> None:
        """Read everything again soon, changed or not (SIGHUP). Called in the event loop."""
        self._asked = True
        self._awake.set()

    async def run(self, apply: Callable[[AgentConfig], None], log: FilteringBoundLogger) -> None:
        """Watch until cancelled; `apply` gets each configuration of which something takes effect at once."""
        secrets_due = self._now() + self._secrets_every_s
        _complain(self.left_out, log)
        try:
            while True:
                await self._follow_registry(log)
                await self._pause()
                asked, self._asked = self._asked, False
                thorough = asked or self._now() >= secrets_due
                if thorough:
                    secrets_due = self._now() + self._secrets_every_s
                    # The secrets file that a meter of the registry lacked may be there by now.
                    self._stale |= bool(self.left_out)
                changed = await asyncio.to_thread(self._look, thorough=thorough)
                if asked or changed or (thorough and self._refused):
                    await self._read(log)
                try:
                    await self._take_over(apply, log, asked=asked)
                except Exception:
                    # The agent goes on with what it has.
                    log.exception("the configuration was not taken over by a defect of ours")
        finally:
            await self._stop_following()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._awake.wait(), self._period_s)
        self._awake.clear()

    def _look(self, *, thorough: bool) -> bool:
        """Look at the files; tell whether any is another."""
        before = (self._files, self._secrets)
        self._files = _stamps(self._files)
        if thorough:
            self._secrets = _stamps(self._secrets)
        return (self._files, self._secrets) != before

    async def _read(self, log: FilteringBoundLogger) -> None:
        """Read the files; refuse what is wrong."""
        try:
            loaded = await asyncio.to_thread(read, self._loaded.path, bootstrap=self._loaded.bootstrap)
        except ConfigError as error:
            if error.mistakes != self._refused:
                self._refused = error.mistakes
                log.error(  # noqa: TRY400  a sentence, no trace
                    "the configuration is refused: what was in force stays", reason=str(error), **self._further()
                )
            return
        if self._refused:
            log.info("the configuration is in order again")
        self._refused = ()
        self._loaded = loaded
        self._registered = RegistryMeters(loaded.resolver)
        self._stale = True
        self._files = dict(loaded.files)
        # What was looked at before it was read keeps that stamp: a change meanwhile is found the next time.
        self._secrets = {path: self._secrets.get(path) or stamp(path) for path in loaded.resolver.secrets}

    def _further(self) -> dict[str, object]:
        """Say how many mistakes there are beside the first, and what tells them."""
        further = len(self._refused) - 1
        told = f"`ami collect --check --config {self._loaded.path}` tells all"
        return {"further_mistakes": further, "remedy": told} if further else {}

    async def _take_over(self, apply: Callable[[AgentConfig], None], log: FilteringBoundLogger, *, asked: bool) -> None:
        """Give the agent what differs, and say what waits for a restart."""
        follower = self._follower if self._loaded.registry else None
        entries = self._entries if follower is None else follower.entries
        wanted, left_out = self._wanted, self.left_out
        if entries is not self._entries or self._stale:
            self._entries, self._stale = entries, False
            wanted, left_out = await asyncio.to_thread(self._whole)
        if wanted is self._wanted and not asked:
            return
        _complain(left_out - self.left_out, log)
        self.left_out = left_out
        same, taken, found = await asyncio.to_thread(self._compare, wanted)
        if same:
            if asked and not self._refused:
                log.info("the configuration was read again: nothing has changed", waiting=list(found.waiting))
            return
        self._wanted = wanted
        if taken is not None:
            apply(taken)
            self.config = taken
        log.info(
            "the configuration has changed",
            meters=len(self.config.meters),
            added=found.added,
            removed=found.removed,
            changed=found.changed,
            keys=list(found.live),
        )
        if found.waiting:
            log.warning(
                "these keys take effect after a restart",
                keys=list(found.waiting),
                remedy="restart the agent when it suits; nothing that was spooled is lost",
            )

    def _compare(self, wanted: AgentConfig) -> tuple[bool, AgentConfig | None, Difference]:
        """Tell whether this was wanted before, what the agent is to take over of it, and what differs."""
        taken = taken_over(self.config, wanted)
        differs = taken != self.config
        return wanted == self._wanted, taken if differs else None, difference(self.config, wanted)

    def _whole(self) -> tuple[AgentConfig, frozenset[str]]:
        """Put files and registry together; return also what cannot be meant."""
        entries = self._entries if self._loaded.registry else {}
        meters, problems = self._registered.of(entries)
        self._secrets = {**_stamps(self._loaded.resolver.secrets - self._secrets.keys()), **self._secrets}
        return self._loaded.with_registry(meters), frozenset(problems)

    async def _follow_registry(self, log: FilteringBoundLogger) -> None:
        """Follow the registry as long as the configuration asks for it."""
        if self._loaded.registry and self._follower is None:
            loop = asyncio.get_running_loop()
            self._follower = RegistryFollower(
                self.config.kafka.bootstrap,
                self.config.agent,
                self._kept,
                log,
                lambda: _wake(loop, self._awake),
            )
            self._follower.start()
        elif not self._loaded.registry:
            await self._stop_following()

    async def _stop_following(self) -> None:
        if self._follower is not None:
            follower, self._follower = self._follower, None
            await asyncio.to_thread(follower.stop)


def _wake(loop: asyncio.AbstractEventLoop, awake: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(awake.set)


def _complain(sentences: frozenset[str], log: FilteringBoundLogger) -> None:
    for sentence in sorted(sentences):
        log.warning("a meter of the registry is left out", reason=sentence)


def _stamps(paths: Iterable[str]) -> _Stamps:
    return {path: stamp(path) for path in paths}
