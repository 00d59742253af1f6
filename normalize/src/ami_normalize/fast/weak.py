"""Dictionaries that may be held weakly. Never compiled: native classes know no weak references."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Weak(dict[K, V]):
    """A dictionary that whoever empties it need not keep alive."""

    __slots__ = ("__weakref__",)
