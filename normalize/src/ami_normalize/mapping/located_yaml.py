"""YAML in which every value knows where it stands, as `located` does for JSON: the part of YAML that is data."""

from __future__ import annotations

from typing import Any, Final

import yaml

from ami_normalize.mapping.located import Node

_MOST_DEPTH: Final = 32
_MOST_CHARACTERS: Final = 1 << 20
_SCALARS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))


class NotYaml(ValueError):
    """The text is no YAML, or more of YAML than data; `at` is the index of the first character that cannot be."""

    def __init__(self, at: int, sentence: str, remedy: str) -> None:
        super().__init__(f"{sentence}; {remedy}")
        self.at = at
        self.sentence = sentence
        self.remedy = remedy


def parse(text: str) -> Node:
    """Read one YAML document; raises NotYaml. Anchors, aliases, tags and keys that are no text are not data."""
    if len(text) > _MOST_CHARACTERS:
        raise NotYaml(0, f"the file is longer than {_MOST_CHARACTERS} characters", "Make it shorter.")
    try:
        _only_data(text)
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(
            mark.index if mark else 0,
            f"this is no YAML ({error.problem or error.context})",
            "Indent with blanks, and put texts that begin with * { [ & ! % @ ` # or hold ': ' in quotes.",
        ) from None
    except yaml.reader.ReaderError as error:
        raise NotYaml(error.position, "this character may not stand in YAML", "Remove it.") from None
    return Node({}, 0) if root is None else _located(root)


def _only_data(text: str) -> None:
    """See that nothing nests too deep or stands for something written elsewhere, before anything is built."""
    depth = documents = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        at = event.start_mark.index if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise NotYaml(at, "anchors and aliases are not understood here", "Write it out, or put it in quotes.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > _MOST_DEPTH:
            raise NotYaml(at, f"nested deeper than {_MOST_DEPTH}", "Nothing needs that: look at the brackets.")
        if documents > 1:
            raise NotYaml(at, "a second document begins", "Have one document in the file.")
        if getattr(event, "tag", None):
            raise NotYaml(at, "tags are not understood here", "Remove what begins with !.")


def _located(node: yaml.Node) -> Node:
    at = node.start_mark.index
    if isinstance(node, yaml.SequenceNode):
        return Node([_located(item) for item in node.value], at)
    if not isinstance(node, yaml.MappingNode):
        return Node(_scalar(node), at)
    members: dict[str, Node] = {}
    names: dict[str, int] = {}
    repeated: list[tuple[str, int]] = []
    for key, value in node.value:
        where = key.start_mark.index
        if not isinstance(key, yaml.ScalarNode):
            raise NotYaml(where, "a name is due", "Write a member as `name: value`.")
        if key.value in members:
            repeated.append((key.value, where))
        names[key.value] = where
        members[key.value] = _located(value)
    return Node(members, at, names, tuple(repeated))


def _scalar(node: yaml.Node) -> Any:
    """Return null, a truth value or a number as such, and all else as the text that is written."""
    if node.tag not in _SCALARS:
        return node.value
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, OverflowError):
        return node.value
