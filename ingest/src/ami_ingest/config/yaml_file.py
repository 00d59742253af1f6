"""YAML in, and what is wrong with it in one sentence."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ami_ingest.errors import ConfigError


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key written twice, where YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"key '{key.value}' stands twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top is a mapping. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{path}: the configuration cannot be read ({reason}); give its path with --config") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from None
    try:
        tree = yaml.load(text, _UniqueKeyLoader)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise ConfigError(f"{path}: {where} is not valid YAML ({error.problem}); correct the line") from None
    except (yaml.YAMLError, RecursionError):
        raise ConfigError(f"{path}: the file is not valid YAML; correct it") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: the file must hold keys like `agent:` and `kafka:`; it holds none")
    return tree


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Say the first problem: the key's path, what is wrong, what to do."""
    problems = error.errors()
    first = problems[0]
    path = _path(first["loc"])
    kind = first["type"]
    context = first.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(first["loc"][-1])
        near = difflib.get_close_matches(name, _keys(model, first["loc"][:-1]), n=1)
        remedy = f"did you mean '{near[0]}'?" if near else "remove it"
        if name in {"password", "guek", "gak"}:
            remedy = "secrets go into the secrets file"
        return f"{path}: unknown key; {remedy}"
    if kind == "missing":
        return f"{path}: this key is missing; add it"
    if kind == "value_error":
        reason = str(context.get("error", first["msg"]))
        return f"{path}: {reason}" if path else reason
    if kind == "string_pattern_mismatch":
        return f"{path}: {_shown(first)} is no name; use letters, digits and . _ : - (at most 100)"
    if kind == "literal_error":
        return f"{path}: {_shown(first)} is not known; write one of {context['expected']}"
    sentence = first["msg"].replace("Input should be", "must be")
    return f"{path}: {_shown(first)} {sentence[:1].lower()}{sentence[1:]}; correct the value"


def _shown(problem: Any) -> str:
    value = problem["input"]
    return f"'{value}'" if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _path(location: Sequence[int | str]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """Keys known at a place of the file, by walking the models' fields."""
    current = model
    for step in location:
        if isinstance(step, int):
            continue
        field = current.model_fields.get(step)
        inner = None if field is None else _model_of(field.annotation)
        if inner is None:
            return []
        current = inner
    return list(current.model_fields)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_of(argument)
        if found is not None:
            return found
    return None
