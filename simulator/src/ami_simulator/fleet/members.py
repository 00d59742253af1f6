"""The meters of a fleet: who they are, where they are, and what they keep secret, all drawn from the seed.

A meter is known by its index. Behind each stands a spare one with the identity `meters + index`, which takes its place
when the meter is swapped.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Final, Generic, TypeVar

from ami_dlms.framing import Framing
from ami_dlms.security import Keys, Protection
from ami_dlms.server import Authentication
from ami_simulator.fleet.description import FleetDescription
from ami_simulator.meter import MANUFACTURER, default_system_title
from ami_simulator.push import Transport

PUBLIC_CLIENT, MANAGEMENT_CLIENT = 16, 1
FIRST_PHYSICAL: Final = 16
"""HDLC physical address of the first meter behind an address; lower ones are reserved."""
T = TypeVar("T")
_KEY_OCTETS: Final = {0: 16, 1: 16, 2: 32}


@dataclass(frozen=True, slots=True)
class FleetMeter:
    """One meter as its owner knows it: what an inventory says."""

    index: int
    id: str
    serial: int
    logical_device_name: str
    system_title: bytes
    authentication: Authentication
    framing: Framing
    suite: int
    client_address: int
    logical_device: int
    physical_device: int | None
    address: tuple[str, int] | None
    """Where it is served; None where the fleet only pushes."""
    push_transport: Transport | None
    """None: it does not push."""
    push_protection: Protection
    password: bytes = field(repr=False)
    keys: Keys = field(repr=False)

    @property
    def ciphers(self) -> bool:
        """Whether it uses its keys."""
        pushes = self.push_transport is not None and self.push_protection is not Protection.NONE
        return pushes or self.authentication is Authentication.HLS_GMAC


class Members:
    """All meters of a description. Shares are met exactly; who is in which is drawn by the seed."""

    def __init__(self, description: FleetDescription) -> None:
        self.description = description
        self._seed = description.seed.to_bytes(8, "big")
        self._authentication = self._draw("authentication", description.authentication, Authentication)
        self._framing = self._draw("framing", description.framing, Framing)
        push = description.push
        if push is not None:
            self._pushes = self._draw("push", {"yes": push.share, "": 1 - push.share}, bool)
            self._transport = self._draw("transport", push.transport, Transport)
            self._protection = self._draw("protection", push.protection, Protection) if push.protection else None
            self._kept = self._draw("kept", {"yes": push.kept, "": 1 - push.kept}, bool)

    def __len__(self) -> int:
        return self.description.meters

    def authentication(self, index: int) -> Authentication:
        """Return how clients of a meter prove who they are."""
        return self._authentication[index]

    def framing(self, index: int) -> Framing:
        """Return the framing a meter speaks and pushes in."""
        return self._framing[index]

    @cached_property
    def hdlc(self) -> list[int]:
        """The meters that speak HDLC."""
        return [index for index in range(len(self)) if self._framing[index] is Framing.HDLC]

    def pushes(self, index: int) -> bool:
        """Tell whether a meter pushes."""
        return self.description.push is not None and self._pushes[index]

    def transport(self, index: int) -> Transport:
        """Return what carries a meter's pushes."""
        return self._transport[index]

    def keeps(self, index: int) -> bool:
        """Tell whether a meter's pushes go over a connection that is kept."""
        return self._kept[index]

    def protection(self, index: int) -> Protection:
        """Return how a meter's pushes are protected."""
        if self._protection is not None:
            return self._protection[index]
        ciphers = self._authentication[index] is Authentication.HLS_GMAC
        return Protection.AUTHENTICATED_ENCRYPTED if ciphers else Protection.NONE

    def serial(self, identity: int) -> int:
        """Return a serial number."""
        return self.description.first_serial + identity

    def seed(self, identity: int) -> int:
        """Return the seed of what a meter measures."""
        return self.description.seed << 32 | self.serial(identity)

    def system_title(self, identity: int) -> bytes:
        """Return a system title."""
        return default_system_title(self.serial(identity))

    def key_pair(self, identity: int, *, wrong: bool = False) -> tuple[bytes, bytes]:
        """Return encryption and authentication key; the wrong ones are those that the inventory does not know."""
        drawn = self._secret(identity, b"wrong keys" if wrong else b"keys")
        octets = _KEY_OCTETS[self.description.suite]
        return drawn[:octets], drawn[32 : 32 + octets]

    def keys(self, identity: int, *, wrong: bool = False) -> Keys:
        """Return the keys of a meter."""
        return Keys(*self.key_pair(identity, wrong=wrong))

    def password(self, index: int, *, wrong: bool = False) -> bytes:
        """Return the password (lls), or the shared secret of hls; a spare meter has that of the one it replaces."""
        return self._secret(index, b"wrong password" if wrong else b"password")[:4].hex().encode("ascii")

    def logical_device(self, index: int) -> int:
        """Return the server SAP: that of a meter behind a shared address tells which it is, over the wrapper."""
        listen = self.description.listen
        if listen is None or self._framing[index] is Framing.HDLC:
            return 1
        return 1 + index % listen.behind

    def physical_device(self, index: int) -> int | None:
        """Return the lower HDLC address: that of a meter behind a shared address tells which it is."""
        listen = self.description.listen
        if listen is None or listen.behind == 1 or self._framing[index] is not Framing.HDLC:
            return None
        return FIRST_PHYSICAL + index % listen.behind

    def meter(self, index: int, port: int | None = None) -> FleetMeter:
        """Return what is to be known about a meter; `port` where another one than that of the description was taken."""
        description, serial, authentication = self.description, self.serial(index), self.authentication(index)
        listen, pushes = description.listen, self.pushes(index)
        return FleetMeter(
            index=index,
            id=f"amv-{serial:08d}",
            serial=serial,
            logical_device_name=f"{MANUFACTURER.decode()}{serial:013d}",
            system_title=self.system_title(index),
            authentication=authentication,
            framing=self.framing(index),
            suite=description.suite,
            client_address=PUBLIC_CLIENT if authentication is Authentication.NONE else MANAGEMENT_CLIENT,
            logical_device=self.logical_device(index),
            physical_device=self.physical_device(index),
            address=None if listen is None else (listen.host(index), port or listen.port),
            push_transport=self.transport(index) if pushes else None,
            push_protection=self.protection(index) if pushes else Protection.NONE,
            password=self.password(index),
            keys=self.keys(index),
        )

    def _secret(self, identity: int, what: bytes) -> bytes:
        return blake2b(self.serial(identity).to_bytes(8, "big"), key=self._seed, person=what).digest()

    def _draw(self, what: str, shares: Mapping[str, float], choice: Callable[[str], T]) -> _Drawn[T]:
        return _Drawn(f"{self.description.seed}/{what}", shares, choice, len(self))


class _Drawn(Generic[T]):
    """Who has what: each choice exactly as often as its share says."""

    __slots__ = ("_choices", "_places")

    def __init__(self, seed: str, shares: Mapping[str, float], choice: Callable[[str], T], count: int) -> None:
        names = [name for name, share in shares.items() if share > 0]
        self._choices = [choice(name) for name in names]
        self._places = b""
        if len(self._choices) > 1:
            bounds, total = [0], 0.0
            for name in names:
                total += shares[name]
                bounds.append(round(total * count))
            places = [place for place in range(len(self._choices)) for _ in range(bounds[place], bounds[place + 1])]
            random.Random(seed).shuffle(places)  # noqa: S311  # a draw, no secret
            self._places = bytes(places)

    def __getitem__(self, index: int) -> T:
        return self._choices[self._places[index] if self._places else 0]
