"""The page: those who need attention, nothing from elsewhere, nothing of what a meter calls itself taken for HTML."""

from html.parser import HTMLParser

import pytest
from support.watched import DAY, ENERGY, HOUR, MINUTE, T0, block, readings

from ami_normalize.watch import page
from ami_normalize.watch.rules.overview import Survey, details
from ami_normalize.watch.rules.policy import Policy

pytestmark = pytest.mark.unit

EVIL = "ldn-<script>alert(1)</script>\"'&/.."
VOID = {"meta", "br"}
HEALTH = {"status": "ok", "lag": 0}


class Reader(HTMLParser):
    """Checks that elements close in order; keeps links, scripts and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tags, self.text = [], [], set(), ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name in {"href", "src"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def seen(watched):
    for number in range(4):
        at = T0 + number * HOUR
        watched.give(
            readings(
                at, meter=EVIL, registers=[(ENERGY, number)], blocks=[block(at, [1, None, 1])], meter_time_us=at + DAY
            )
        )
    watched.give(readings(T0, meter="healthy"))
    survey = Survey(T0 + MINUTE, Policy())
    for key in watched.table:
        survey.add(key, watched.fleet.state(key))
    return survey.overview()


@pytest.mark.parametrize("concern", [None, "gaps", "drift", "silent"])
def test_the_overview_is_well_formed_and_fetches_nothing(seen, concern):
    read = Reader(page.overview(seen, HEALTH, concern))
    assert (EVIL in read.text) == (concern != "silent")
    assert "healthy" not in read.text
    assert read.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert all(link.startswith("/") and not link.startswith("//") for link in read.links)
    assert ("No meter needs attention" in read.text) == (concern == "silent")


def test_a_link_leads_to_the_meter_whatever_it_is_called(seen):
    (link,) = [link for link in Reader(page.overview(seen, HEALTH)).links if link.startswith("/meters/")]
    assert link == "/meters/0/ldn-%3Cscript%3Ealert%281%29%3C%2Fscript%3E%22%27%26%2F.."


def test_the_page_of_a_meter_is_well_formed(watched, seen):
    key = f"0/{EVIL}".encode()
    read = Reader(page.meter(details(key, watched.fleet.state(key), T0, Policy())))
    assert EVIL in read.text
    assert "script" not in read.tags
    for word in ("gaps", "clock", "registers", ENERGY, "intervals", "+86400.0 s"):
        assert word in read.text


def test_what_is_not_here_is_said():
    assert EVIL in Reader(page.not_found(EVIL)).text
