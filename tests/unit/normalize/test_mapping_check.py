"""A mapping says what is wrong with it: what, at which line and column, and what to do."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ami_normalize.errors import MappingInvalid
from ami_normalize.mapping.check import check
from ami_normalize.mapping.compile import dialects_of
from ami_normalize.mapping.located import NotJson, parse, place
from ami_normalize.mapping.schema import published, schema_text

pytestmark = pytest.mark.unit

LAYOUT = {"name": "two", "columns": [{"type": "number", "obis": "1.0.1.8.0.255", "unit": "Wh"}]}


def dialect(**members):
    return {"name": "mine", "layouts": [LAYOUT], **members}


def problems(text):
    return check(text.encode() if isinstance(text, str) else text).problems


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence"),
    [
        ("", 1, 1, "ends where a value is due"),
        ("[\n  {'name': 1}]", 2, 4, "name is due"),
        ('[{"name": "a"},\n]', 1, 15, "a comma stands before ]"),
        ('{"name" "a"}', 1, 9, "a colon is due"),
        ('[{"name": "a"} {"name": "b"}]', 1, 16, "a comma or ] is due"),
        ('[{"name": "a"}', 1, 15, "ends before its ]"),
        ("[1]\nx", 2, 1, "something follows"),
        ("[NaN]", 1, 2, "no JSON number"),
        ("[\n// all of them\n]", 2, 1, "no comments"),
        ("[" * 100, 1, 33, "nested deeper"),
        (b'["\xff"]', 1, 3, "not UTF-8"),
    ],
)
def test_what_is_no_json_says_where(text, line, column, sentence):
    (found,) = problems(text)
    assert (found.line, found.column) == (line, column)
    assert sentence in found.sentence
    assert found.remedy


@pytest.mark.parametrize(
    ("text", "line", "column", "sentence", "remedy"),
    [
        ("[1]", 1, 2, "1 is no object", ""),
        ('[{\n "name": "a",\n "matchh": []}]', 3, 2, 'no member "matchh"', 'mean "match"'),
        ('{"name": "a",\n "name": "b", "layouts": []}', 2, 2, '"name" stands twice', "Keep one"),
        ('[{"layouts": []}]', 1, 2, '"name" is missing', "provenance"),
        ('{"name": "a", "match": [{}]}', 1, 25, "the object is empty", ""),
        ('{"name": "a", "match": [{"flag":\n"kam"}]}', 2, 1, "has not the form", "three capital letters"),
        ('{"name": "a", "objects": [{"obis": "1.0.1.8.0.255", "scaler": 3}]}', 1, 53, 'without "unit"', "Wh"),
        (
            '{"name": "a", "objects": [{"obis": "1.0.1.8.0.255", "scaler": 12, "unit": "V"}]}',
            1,
            63,
            "range",
            "exponent",
        ),
    ],
)
def test_what_breaks_the_schema_says_where(text, line, column, sentence, remedy):
    (found,) = problems(text)
    assert (found.line, found.column) == (line, column)
    assert sentence in found.sentence
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("entry", "sentence", "remedy"),
    [
        ({"name": "a"}, "nothing ever uses", "condition"),
        (dialect(time={"zone": "Mars/Base"}), "no time zone", "Europe/Vienna"),
        (dialect(objects=[{"obis": "1.0.{1,2}.999.0.255", "unit": "V"}]), "no OBIS code", "choice"),
        (dialect(objects=[{"obis": "1.0.1.8.0.255", "unit": "kWh"}]), "no unit", 'Write "Wh" and add 3'),
        (dialect(objects=[{"obis": "1.0.1.8.0.255", "unit": "wh"}]), "no unit", 'mean "Wh"'),
        (dialect(objects=[{"obis": "1.0.1.8.0.255"}]), "says nothing", "Add unit"),
        (dialect(objects=[{"obis": "1.1.*.*.*.*", "as": "1.0.*.*.*.999"}]), "no OBIS code", "255"),
        (dialect(match=[{"shape": {"objects": ["1.0.1.8"]}}]), "", ""),
        (dialect(match=[{"shape": {"objects": ["energy"]}}]), "no OBIS code", ""),
        (dialect(layouts=[{"name": "x", "columns": [{"type": "date", "part": "date"}]}]), "both", "missing"),
        (dialect(layouts=[{"name": "x", "columns": [{"type": "scaler-unit"}]}]), "follows no number", "behind"),
        (dialect(layouts=[{"name": "x", "columns": [{"type": "number", "starts": "K"}]}]), "start", "text"),
    ],
)
def test_what_makes_no_sense_says_so(entry, sentence, remedy):
    found = problems(json.dumps([entry]))
    assert len(found) == (1 if sentence else 0)
    for problem in found:
        assert sentence in problem.sentence
        assert remedy in problem.remedy


def test_all_problems_are_told_and_the_pipeline_names_the_first():
    text = '[{"name": "a", "matc": 1},\n {"name": "b", "x": 2}]'
    assert [problem.line for problem in problems(text)] == [1, 2]
    with pytest.raises(MappingInvalid, match=r'^m\.json:1:16: .*"matc".*Did you mean "match"\? \(1 more'):
        dialects_of(text.encode(), "m.json")


@pytest.mark.parametrize("form", [lambda d: d, lambda d: [d], lambda d: {"$schema": "x", "dialects": [d]}])
def test_a_dialect_a_list_and_an_object_of_dialects_are_mappings(form):
    (found,) = dialects_of(json.dumps(form(dialect())).encode(), "m.json")
    assert found.name == "mine"


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
)


@settings(deadline=None, max_examples=60)
@given(documents, st.sampled_from([None, 1]))
def test_json_with_places_is_json(document, indent):
    text = json.dumps(document, indent=indent)
    assert parse(text).plain() == document
    check(text.encode())


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet='[]{}",:1 \nae', max_size=30))
def test_what_python_takes_for_json_is_taken_and_nothing_else(text):
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(NotJson):
            parse(text)
    else:
        assert parse(text).plain() == expected
    check(text.encode())


def test_places_count_from_one():
    assert place("ab\ncd", 4) == (2, 2)


def members_of(schema):
    for name, member in schema.get("properties", {}).items():
        yield name, member
        yield from members_of(member)


def test_the_schema_is_one_and_describes_every_member():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(published())
    for name, definition in published()["$defs"].items():
        assert definition["title"], name
        assert definition["description"], name
        for member, schema in members_of(definition):
            assert "$ref" in schema or (schema["title"] and schema["description"]), member
    assert json.loads(schema_text())["$schema"].endswith("2020-12/schema")


MUTATIONS = [
    dialect(),
    dialect(match=[{"flag": "KAM", "system_title": "4b41"}], time={"zone": "UTC"}, nulls="absent"),
    dialect(name=""),
    dialect(name=1),
    dialect(match=[{"flag": "kam"}]),
    dialect(match=[{"system_title": "4b4"}]),
    dialect(objects=[{"obis": "1.0.1.8.0.255", "scaler": 1}]),
    dialect(objects=[{"obis": "1.0.1.8.0.255", "scaler": True, "unit": None}]),
    dialect(layouts=[{"name": "x", "columns": []}]),
    dialect(layouts=[{"name": "x", "columns": [{"type": "what"}]}]),
    dialect(nulls=None),
    [],
    {"dialects": []},
    {"dialects": {}},
    "text",
]


@pytest.mark.parametrize("document", MUTATIONS)
def test_our_reading_of_the_schema_is_that_of_others(document):
    jsonschema = pytest.importorskip("jsonschema")
    from ami_normalize.mapping.schema import breaches

    ours = not list(breaches(parse(json.dumps(document))))
    assert ours == jsonschema.Draft202012Validator(published()).is_valid(document)
