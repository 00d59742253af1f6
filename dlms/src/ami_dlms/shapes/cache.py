"""The shapes seen so far."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from ami_dlms import apdu as apdus
from ami_dlms.apdu import Apdu
from ami_dlms.shapes.heads import SHAPED
from ami_dlms.shapes.template import Template
from ami_dlms.shapes.trace import Untraceable

_LAYOUTS: Final = 16
"""Layouts of one length: each costs a look-up for every message of that length."""
_VARIANTS: Final = 256
"""Templates of one layout: they differ in constants (OBIS codes, units)."""
_TRIALS: Final = 4096
"""Attempts to make a template before any was of use; a long message counts for several."""
_YIELD: Final = 8
"""Messages read by templates for each further attempt."""
_RAREST: Final = 64
"""Of unknown shapes, one in so many is learned whatever the yield."""
_PER_ATTEMPT: Final = 1024
"""Octets of a message that count as one attempt."""

_Layouts = dict[int, dict[int, dict[int, Template]]]
"""Templates by length of the message, mask and masked message."""


class Decoded(NamedTuple):
    """A decoded message: a template and its values, or what the generic decoder made of it."""

    template: Template | None
    values: tuple[Any, ...]
    """Of the template's slots, in the order of the message; see `Template.runs`."""
    generic: Apdu | None

    @property
    def apdu(self) -> Apdu:
        """The APDU, equal to what `ami_dlms.apdu.decode` gives. Made at each call where there is a template."""
        if self.template is not None:
            return self.template.rebuild(self.values)
        assert self.generic is not None  # noqa: S101  one of the two is always there
        return self.generic


class Shapes:
    """Decodes plain APDUs, and learns their shapes as they come.

    What it keeps is bounded in templates and, about, in octets: two generations of half the bounds each. What was not
    used while the younger one filled up is dropped. For one thread.
    """

    def __init__(self, max_templates: int = 4096, *, max_octets: int = 64 * 1024 * 1024, lenient: bool = False) -> None:
        """Start empty. `lenient` is that of `ami_dlms.apdu.decode`."""
        self._most = max(1, max_templates // 2)
        self._most_octets = max_octets // 2
        self._largest = max_octets // 16
        self._lenient = lenient
        self._young: _Layouts = {}
        self._old: _Layouts = {}
        self._young_count = 0
        self._old_count = 0
        self._octets = 0
        self._attempts = 0
        self.hits = 0
        """Messages read by a template so far."""
        self.learned = 0
        """Templates made so far."""
        self.generic = 0
        """Messages that the generic decoder had to decode so far."""

    def __len__(self) -> int:
        """Templates kept now."""
        return self._young_count + self._old_count

    def decode(self, plaintext: bytes) -> Decoded:
        """Decode one whole plain APDU.

        Raises what `ami_dlms.apdu.decode` raises.
        """
        known = self.read(plaintext)
        return self._unusual(plaintext) if known is None else Decoded(*known, None)

    def read(self, plaintext: bytes) -> tuple[Template, tuple[Any, ...]] | None:
        """Return template and values of an APDU whose shape was met of late, as `decode` does; None of any other."""
        layouts = self._young.get(len(plaintext))
        if layouts is not None:
            number = int.from_bytes(plaintext, "big")
            for mask, variants in layouts.items():
                template = variants.get(number & mask)
                if template is not None:
                    self.hits += 1
                    try:
                        return template, template.read(plaintext)
                    except UnicodeDecodeError:
                        break  # the generic decoder says what is wrong
        return None

    def _unusual(self, plaintext: bytes) -> Decoded:
        """Decode what has no template in the younger generation."""
        template = self._remembered(plaintext)
        if template is not None:
            self.hits += 1
            try:
                return Decoded(template, template.read(plaintext), None)
            except UnicodeDecodeError:
                pass
        self.generic += 1
        apdu = apdus.decode(plaintext, lenient=self._lenient)
        template = self._learn(apdu, plaintext)
        if template is None:
            return Decoded(None, (), apdu)
        return Decoded(template, template.read(plaintext), apdu)

    def _learn(self, apdu: Apdu, plaintext: bytes) -> Template | None:
        """Make a template and keep it; but hardly ever while those made so far are of little use."""
        if type(apdu) not in SHAPED or len(plaintext) > self._largest:
            return None
        if self._attempts > _TRIALS + self.hits // _YIELD and self.generic % _RAREST:
            return None
        self._attempts += 1 + len(plaintext) // _PER_ATTEMPT
        try:
            template = Template(apdu, plaintext)
        except Untraceable:
            return None
        if template.weight > self._largest:
            return None
        self.learned += 1
        self._keep(template)
        return template

    def _remembered(self, plaintext: bytes) -> Template | None:
        """Look into the older generation; what is found there moves to the younger one."""
        layouts = self._old.get(len(plaintext))
        if layouts is None:
            return None
        number = int.from_bytes(plaintext, "big")
        for mask, variants in layouts.items():
            template = variants.pop(number & mask, None)
            if template is not None:
                self._old_count -= 1
                self._keep(template)
                return template
        return None

    def _keep(self, template: Template) -> None:
        """Put a template into the younger generation; where that is full, it becomes the older one."""
        if self._young_count >= self._most or self._octets + template.weight > self._most_octets:
            self._turn()
        layouts = self._young.setdefault(template.length, {})
        variants = layouts.get(template.mask)
        if variants is None:
            if len(layouts) >= _LAYOUTS:
                self._forget(layouts, next(iter(layouts)))
            variants = layouts[template.mask] = {}
        elif len(variants) >= _VARIANTS:
            self._forget(layouts, template.mask)
            variants = layouts[template.mask] = {}
        variants[template.constant] = template
        self._young_count += 1
        self._octets += template.weight

    def _forget(self, layouts: dict[int, dict[int, Template]], mask: int) -> None:
        gone = layouts.pop(mask)
        self._young_count -= len(gone)
        self._octets -= sum(template.weight for template in gone.values())

    def _turn(self) -> None:
        """Begin a new generation."""
        self._old, self._young = self._young, {}
        self._old_count, self._young_count = self._young_count, 0
        self._octets = 0
