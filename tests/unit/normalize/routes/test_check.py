"""A file of routes is read as it stands, and each thing wrong with it has line, column, sentence and remedy."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ami_normalize.errors import RoutesInvalid
from ami_normalize.mapping.located_yaml import NotYaml, parse
from ami_normalize.mapping.schema import breaches_of
from ami_normalize.routes.check import check, published, routes_of, schema_text

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).resolve().parents[4] / "deploy" / "examples" / "routes.yaml"


def test_the_example_is_right():
    billing, grid, lake = routes_of(EXAMPLE.read_bytes(), "routes.yaml")

    assert (billing.topic, billing.format) == ("mdms.billing.v1", "protobuf")
    assert "1.0.1.8.2.101" in billing.obis
    assert "1.0.32.7.0.255" not in billing.obis
    assert billing.meters.groups == {"household", "business"}
    assert (grid.format, grid.meters.ids, grid.meters.utilities) == ("json", ("st-*", "feeder-??"), {"north"})
    assert grid.settings == {"retention.ms": "604800000"}
    assert lake.framing.prefix == b"\0\0\0\0\7\0"
    jsonschema.Draft202012Validator(published()).validate(yaml.safe_load(EXAMPLE.read_bytes()))


@pytest.mark.parametrize(
    ("text", "where", "sentence", "remedy"),
    [
        ("", (1, 1), '"routes" is missing', "Write `routes:`"),
        ("[]", (1, 1), "a list is no object", "Readings also"),
        ("routes: 3", (1, 9), "3 is no array", "Write `routes:`"),
        ("routes:\n- {}", (2, 3), '"name" is missing in a route', "mdms.<name>.v1"),
        ("routes:\n- name: Billing", (2, 9), '"Billing" has not the form', "lower-case"),
        ("routes:\n- name: 12", (2, 9), "12 is no string", "lower-case"),
        ("routes:\n- name: a\n  formatx: json", (3, 3), 'a route has no member "formatx"', '"format"'),
        ("routes:\n- name: a\n  format: xml", (3, 11), '"xml" is none of protobuf, json', "canonical"),
        ("routes:\n- name: a\n- name: a", (3, 9), 'the name "a" stands twice', "topic"),
        ("routes:\n- name: a\n  name: b", (3, 3), '"name" stands twice', "Keep one"),
        ("routes:\n- name: a\n  meters: {}", (3, 11), "the object is empty", "all meters"),
        ("routes:\n- name: a\n  meters: {groups: [1]}", (3, 21), "1 is no string", "quotes"),
        ("routes:\n- name: a\n  meters: {ids: ['']}", (3, 18), "the text is empty", "Quotes"),
        ("routes:\n- name: a\n  obis: [1-0.8]", (3, 10), '"1-0.8" is no OBIS code', "Write A.B.C.D.E.F"),
        ("routes:\n- name: a\n  obis: []", (3, 9), "the list is empty", "all values"),
        ("routes:\n- name: a\n  framing: {confluent: prefix}", (3, 12), "by its id, which is missing", "Register"),
        ("routes:\n- name: a\n  framing: {confluent: header, id: 1}", (3, 12), "by its guid", "Register"),
        ("routes:\n- name: a\n  framing: {confluent: prefix, id: 0}", (3, 36), "0 is out of range", "registry gave"),
        (
            "routes:\n- name: a\n  framing: {confluent: prefix, id: 1, guid: 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0}",
            (3, 39),
            '"prefix" does not use it',
            "Remove",
        ),
        ("routes:\n- name: a\n  topic: {retention.ms: long}", (3, 25), '"long" is no integer', "-1 for ever"),
        ("routes:\n- name: a\n\tformat: json", (3, 1), "this is no YAML", "Indent with blanks"),
        ("routes:\n- name: *", (2, 10), "this is no YAML", "quotes"),
        ("routes: &a\n- name: a", (1, 9), "anchors and aliases", "Write it out"),
        ("routes: []\n---\nroutes: []", (2, 1), "a second document", "one document"),
        ("routes: !!set []", (1, 9), "tags", "Remove"),
        ("? [a]\n: b", (1, 3), "a name is due", "name: value"),
        ("routes: " + 40 * "[", (1, 40), "nested deeper", "brackets"),
        ("routes: \x01", (1, 9), "this character", "Remove"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(text, where, sentence, remedy):
    problem = check(text.encode()).problems[0]

    assert (problem.line, problem.column) == where, problem
    assert sentence in problem.sentence, problem
    assert remedy in problem.remedy, problem


def test_a_file_that_is_not_utf8_is_said():
    (problem,) = check(b"routes:\n- name: \xff").problems

    assert (problem.line, problem.column, problem.sentence) == (2, 9, "this is not UTF-8")


def test_a_refusal_names_the_file_the_first_problem_and_how_to_see_all():
    with pytest.raises(RoutesInvalid) as refused:
        routes_of(b"routes:\n- name: A\n- name: B", "r.yaml")

    assert str(refused.value).startswith("r.yaml:2:9: ")
    assert str(refused.value).endswith("(1 more.); run: ami routes check r.yaml")


def test_no_routes_are_no_problem():
    assert check(b"routes: []") == ((), ())


@given(st.binary(max_size=200) | st.text(alphabet="routes:-nam \n{}[],*&!'\"#|>%@?\t0\u20ac").map(str.encode))
def test_anything_is_answered(content):
    checked = check(content)

    assert checked.problems or not checked.routes or checked.routes[0].name


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet="abc *&:#-'\"{}1\n\u20ac", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet="abc-", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), PLAIN, min_size=1))
def test_data_is_read_as_others_read_it(value):
    text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    try:
        read = parse(text).plain()
    except NotYaml as refused:
        assert "anchors" in str(refused)  # safe_dump's own, for a value that stands twice
    else:
        assert read == yaml.safe_load(text)


def route(**members):
    return {"routes": [{"name": "a", **members}]}


@pytest.mark.parametrize(
    "document",
    [
        route(),
        route(meters={"groups": ["x"], "utilities": ["y"], "ids": ["z*"]}),
        route(meters={"groups": "x"}),
        route(format="avro"),
        route(framing={"confluent": "header", "guid": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"}),
        route(framing={"confluent": "header", "guid": "0f1e"}),
        route(framing={}),
        route(topic={"retention.ms": -1, "compression.type": "zstd"}),
        route(topic={"retention.ms": -2}),
        route(topic={"cleanup.policy": "compact"}),
        route(name="-"),
        {"routes": []},
        {"routes": {}},
        {},
    ],
)
def test_our_reading_of_the_schema_is_that_of_others(document):
    ours = not list(breaches_of(parse(json.dumps(document)), published(), published()))

    assert ours == jsonschema.Draft202012Validator(published()).is_valid(document)


def test_the_schema_is_one_and_describes_every_member():
    jsonschema.Draft202012Validator.check_schema(published())
    assert json.loads(schema_text())["$schema"].endswith("2020-12/schema")

    def described(schema):
        assert schema["title"], schema
        assert schema["description"], schema
        for member in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else ())):
            if "$ref" not in member:
                described(member)

    for definition in (published(), *published()["$defs"].values()):
        described(definition)
