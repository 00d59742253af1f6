"""One mapping of a description, read key by key: what is wrong is said with its place, and no key is passed over."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import NoReturn

from ami_dlms.errors import UsageError


class Section:
    """A mapping at `path`. Each method takes a key, or its default where it is absent; UsageError where it is wrong."""

    def __init__(self, tree: object, path: str = "") -> None:
        self._path = path
        self._known: list[str] = []
        if not isinstance(tree, Mapping):
            self._wrong("", f"{_shown(tree)} is no mapping of keys to values")
        self._tree: Mapping[str, object] = tree

    def __contains__(self, key: str) -> bool:
        self._known.append(key)
        return self._tree.get(key) is not None

    def end(self) -> None:
        """Refuse keys nobody asked for."""
        for key in self._tree:
            if key not in self._known:
                near = difflib.get_close_matches(str(key), self._known, n=1)
                meant = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(self._known))}"
                self._wrong(str(key), f"is not known{meant}")

    def section(self, key: str) -> Section:
        """Return the mapping under a key; an empty one where it is absent."""
        return Section(self._take(key, {}), self._at(key))

    def optional(self, key: str) -> Section | None:
        """Return the mapping under a key; None where it is absent."""
        return self.section(key) if key in self else None

    def sections(self, key: str) -> list[Section]:
        """Return the mappings of a list."""
        found = self._take(key, ())
        if isinstance(found, str) or not isinstance(found, Sequence):
            self._wrong(key, f"{_shown(found)} is no list")
        return [Section(item, f"{self._at(key)}[{number}]") for number, item in enumerate(found)]

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number between `low` and `high`."""
        found = self._take(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            self._wrong(key, f"{_shown(found)} is no whole number from {low} to {high}")
        return found

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        found = self._take(key, default)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not low <= found <= high:
            self._wrong(key, f"{_shown(found)} is no number from {low:g} to {high:g}")
        return float(found)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        found = self._take(key, default)
        if not isinstance(found, bool):
            self._wrong(key, f"{_shown(found)} is neither true nor false")
        return found

    def text(self, key: str, default: str) -> str:
        """Return text."""
        found = self._take(key, default)
        if not isinstance(found, str):
            self._wrong(key, f"{_shown(found)} is no text")
        return found

    def choice(self, key: str, default: str, choices: Iterable[str]) -> str:
        """Return one of `choices`."""
        found, known = self._take(key, default), list(choices)
        if found not in known:
            self._wrong(key, f"{_shown(found)} is none of {', '.join(known)}")
        return str(found)

    def instant(self, key: str, default: datetime | None) -> datetime | None:
        """Return a point in time with its offset; one without is UTC."""
        found = self._take(key, default)
        if isinstance(found, str):
            try:
                found = datetime.fromisoformat(found.replace("Z", "+00:00"))
            except ValueError:
                self._wrong(key, f"{_shown(found)} is no time; write for example 2026-10-25T00:30:00Z")
        if found is None:
            return None
        if not isinstance(found, datetime):
            self._wrong(key, f"{_shown(found)} is no time; write for example 2026-10-25T00:30:00Z")
        return found if found.tzinfo else found.replace(tzinfo=timezone.utc)

    def shares(self, key: str, default: str, choices: Iterable[str]) -> dict[str, float]:
        """Return `{choice: share}` whose shares add up to 1; a choice alone has all."""
        found, known = self._take(key, default), list(choices)
        if isinstance(found, str):
            found = {found: 1}
        if not isinstance(found, Mapping):
            self._wrong(key, f"{_shown(found)} is neither a name nor shares by name")
        section = Section(found, self._at(key))
        shares = {name: section.number(name, 0.0, 0.0, 1.0) for name in known}
        section.end()
        if abs(sum(shares.values()) - 1) > 1e-6:
            self._wrong(key, f"the shares add up to {sum(shares.values()):g}, not to 1")
        return {name: share for name, share in shares.items() if share}

    def numbers(self, key: str, limit: int) -> tuple[int, ...]:
        """Return numbers below `limit` out of a list of numbers and of ranges like `10-19`."""
        found = self._take(key, ())
        if isinstance(found, (int, str)):
            found = [found]
        if not isinstance(found, Sequence):
            self._wrong(key, f"{_shown(found)} is no list of numbers")
        numbers: list[int] = []
        for item in found:
            first, dash, last = str(item).partition("-")
            if isinstance(item, bool) or not first.isdecimal() or (dash and not last.isdecimal()):
                self._wrong(key, f"{_shown(item)} is no meter and no range like 10-19")
            numbers += range(int(first), int(last or first) + 1)
        if numbers and max(numbers) >= limit:
            self._wrong(key, f"there is no meter {max(numbers)}; they count from 0 to {limit - 1}")
        return tuple(numbers)

    def _take(self, key: str, default: object) -> object:
        self._known.append(key)
        found = self._tree.get(key)
        return default if found is None else found

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path and key else self._path or key

    def wrong(self, key: str, what: str) -> UsageError:
        """Return the error that says what is wrong with a key."""
        return UsageError(f"{self._at(key) or 'the description'}: {what}.")

    def _wrong(self, key: str, what: str) -> NoReturn:
        raise self.wrong(key, what)


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
