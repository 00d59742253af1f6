"""Judge the canonical JSON of readings: by the published schema, and by the protobuf JSON mapping."""

import json
from functools import lru_cache

from jsonschema import Draft202012Validator

from ami_schemas.json_form import BESIDE, schema_text


@lru_cache(maxsize=1)
def closed():
    """The published schema, which lets members be added, as one that lets none."""
    return Draft202012Validator(_closed(json.loads(schema_text())))


def _closed(schema):
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed(each) for name, each in schema.items()}
    return made | {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else made


def beside_removed(made):
    """The form without what stands beside the protobuf JSON mapping."""
    if isinstance(made, list):
        return [beside_removed(each) for each in made]
    if isinstance(made, dict):
        return {name: beside_removed(each) for name, each in made.items() if name not in BESIDE}
    return made
