"""The declaration of the topics."""

import pytest

from ami_kafka import topics
from ami_kafka.errors import TopicFileInvalid
from ami_schemas import topics as names

pytestmark = pytest.mark.unit


def test_every_named_topic_is_declared_with_the_same_partition_count():
    specs = {spec.name: spec for spec in topics.load()}
    assert set(specs) == {
        names.RAW,
        names.READINGS,
        names.EVENTS,
        names.DEAD_LETTERS,
        names.PARKED,
        names.LEDGER,
        names.REGISTRY,
        names.WATCH,
    }
    assert {spec.partitions for spec in specs.values()} == {12}


def test_topics_that_hold_raw_bytes_take_two_mebibytes():
    specs = {spec.name: spec for spec in topics.load()}
    for name in (names.RAW, names.DEAD_LETTERS, names.PARKED):
        assert specs[name].config["max.message.bytes"] == str(2 << 20)


def test_only_what_is_read_from_its_start_is_compacted():
    compacted = {spec.name for spec in topics.load() if spec.config["cleanup.policy"] == "compact"}
    assert compacted == {names.LEDGER, names.REGISTRY, names.WATCH}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "topics: [a, b]",
        "topics: {a: {partitions: 0}}",
        "topics: {a: {partitions: many}}",
        "topics: {a: {b: []}}",
        "{",
    ],
)
def test_a_wrong_declaration_is_one_sentence(tmp_path, text):
    path = tmp_path / "topics.yaml"
    path.write_text(text)
    with pytest.raises(TopicFileInvalid, match=r"topics\.yaml"):
        topics.load(path)


def test_a_missing_declaration_is_one_sentence(tmp_path):
    with pytest.raises(TopicFileInvalid, match="cannot be read"):
        topics.load(tmp_path / "none.yaml")


def test_a_topic_may_have_its_own_count(tmp_path):
    path = tmp_path / "topics.yaml"
    path.write_text("partitions: 3\ntopics: {a: , b: {partitions: 1, compression.type: zstd, preallocate: false}}")
    assert topics.load(path) == [
        topics.TopicSpec("a", 3, {}),
        topics.TopicSpec("b", 1, {"compression.type": "zstd", "preallocate": "false"}),
    ]


def test_topics_beside_the_declared_are_like_one_of_them():
    specs = topics.load()
    model = next(spec for spec in specs if spec.name == names.READINGS)
    *same, one, two = topics.beside(specs, names.READINGS, {"mdms.a.v1": {}, "mdms.b.v1": {"retention.ms": "1"}})

    assert same == specs
    assert one == topics.TopicSpec("mdms.a.v1", model.partitions, model.config)
    assert two.config == {**model.config, "retention.ms": "1"}


def test_a_topic_beside_needs_its_model_and_a_name_of_its_own():
    specs = topics.load()
    with pytest.raises(TopicFileInvalid, match="lacks"):
        topics.beside([], names.READINGS, {"mdms.a.v1": {}})
    with pytest.raises(TopicFileInvalid, match="declared twice"):
        topics.beside([*specs, specs[0]._replace(name="mdms.a.v1")], names.READINGS, {"mdms.a.v1": {}})
