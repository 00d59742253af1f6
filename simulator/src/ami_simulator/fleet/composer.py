"""Pushes of a fleet, composed by patching: the layout is encoded once, each push is one pack and one encryption.

What comes out is octet for octet what `ami_simulator.push` makes of the meter's objects; only the price differs.
"""

from __future__ import annotations

from datetime import tzinfo
from struct import Struct
from typing import Final

from ami_dlms import axdr
from ami_dlms.apdu import DataNotification
from ami_dlms.cosem.data import scaler_unit
from ami_dlms.framing import Framing, hdlc, wrapper
from ami_dlms.framing.units import LLC_COMMAND
from ami_dlms.security import Form, Keys, Protection, protect
from ami_dlms.security.gcm import seal_once
from ami_simulator.fleet.members import FIRST_PHYSICAL, Members
from ami_simulator.meter import MEASURED, SERIAL, stamp
from ami_simulator.push import PUSH_CLIENT, SERVER
from ami_simulator.signals import Household

INVOKE_IDS: Final = 0xFF_FFFF
_BOTH: Final = 0x30
"""Security control: authenticated and encrypted, suite 0."""
_HEAD: Final = Struct(">BB8sBHBI")
"""Ciphered: tag, title, length (of two octets), security control, counter."""
_TAG_OCTETS: Final = 12


def _layout() -> tuple[Struct, list[object]]:
    """Return how a push is packed, and its parts with gaps (0 or empty) where a push differs from another."""
    serial = axdr.encode(axdr.structure(axdr.octets(SERIAL), axdr.octets(bytes(8))))[:-8]
    head = DataNotification(0, bytes(12), axdr.NULL).to_bytes()
    body = axdr.encode(axdr.structure(*(axdr.NULL,) * (len(MEASURED) + 1)))[:2]
    parts: list[object] = [head[:1], 0, head[5:6], bytes(12), body + serial, bytes(8)]
    form = f">1sI1s12s{len(body + serial)}s8s"
    before = b""
    for obis, encode, scaler, unit in MEASURED:
        element = axdr.encode(axdr.structure(axdr.octets(obis), encode(0), scaler_unit(scaler, unit)))
        value = axdr.encode(encode(0))
        at = element.index(value, 10)
        constant = before + element[: at + 1]
        width = len(value) - 1
        form += f"{len(constant)}s{'I' if width == 4 else 'H'}"
        parts += [constant, 0]
        before = element[at + len(value) :]
    return Struct(f"{form}{len(before)}s"), [*parts, before]


_PACKER, _PARTS = _layout()
_INVOKE, _STAMP, _SERIAL, _FIRST_VALUE = 1, 3, 5, 7


class Composer:
    """Composes pushes of any meter of a fleet."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._suite = members.description.suite
        self._parts = list(_PARTS)

    def plain(self, identity: int, counter: int, second: int, zone: tzinfo) -> bytes:
        """Return the data-notification of a meter at a second of its clock."""
        members, parts = self._members, self._parts
        parts[_INVOKE] = counter & INVOKE_IDS
        parts[_STAMP] = stamp(second, zone)
        parts[_SERIAL] = b"%08d" % members.serial(identity)
        parts[_FIRST_VALUE:-1:2] = Household.of(members.seed(identity)).values(second)
        return _PACKER.pack(*parts)

    def apdu(
        self, identity: int, counter: int, second: int, zone: tzinfo, protection: Protection, *, wrong: bool = False
    ) -> bytes:
        """Return a push, protected; `wrong` takes keys that nobody knows."""
        plain = self.plain(identity, counter, second, zone)
        if protection is Protection.NONE:
            return plain
        title = self._members.system_title(identity)
        encryption, authentication = self._members.key_pair(identity, wrong=wrong)
        if protection is not Protection.AUTHENTICATED_ENCRYPTED:
            return protect(
                plain,
                keys=Keys(encryption, authentication),
                system_title=title,
                invocation_counter=counter,
                protection=protection,
                suite=self._suite,
                form=Form.GENERAL_GLO,
            )
        control = _BOTH | self._suite
        sealed = seal_once(encryption, title, counter, plain, bytes((control,)) + authentication)
        return _HEAD.pack(0xDB, 8, title, 0x82, 5 + len(sealed), control, counter) + sealed

    def framed(self, index: int, apdu: bytes, framing: Framing) -> bytes:
        """Return a push in the meter's framing."""
        if framing is Framing.HDLC:
            physical = self._members.physical_device(index)
            source = hdlc.address(SERVER, FIRST_PHYSICAL if physical is None else physical)
            frame = hdlc.HdlcFrame(hdlc.address(PUSH_CLIENT), source, hdlc.UI, LLC_COMMAND + apdu)
            return frame.to_bytes()
        return wrapper.encode(apdu, self._members.logical_device(index), PUSH_CLIENT)
