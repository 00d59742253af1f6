"""A file of routes takes effect when it changes; one that cannot be used is refused once, and the old stays."""

import pytest

from ami_normalize.errors import RoutesInvalid
from ami_normalize.routes.watched import RouteFile

pytestmark = pytest.mark.unit


def test_routes_that_come_change_and_break(tmp_path):
    path = tmp_path / "routes.yaml"
    watched = RouteFile(path)
    assert watched.missing
    assert not watched.routes

    path.write_text("routes: [{name: one}]")
    assert watched.refresh()
    assert watched.routes.topics == ("mdms.one.v1",)
    assert not watched.refresh()

    path.write_text("routes: [{name: One}]")
    with pytest.raises(RoutesInvalid, match="1:17"):
        watched.refresh()
    assert not watched.refresh()
    assert watched.routes.topics == ("mdms.one.v1",)

    path.write_text("routes: [{name: two}]")
    assert watched.refresh()
    assert watched.routes.topics == ("mdms.two.v1",)

    path.unlink()
    with pytest.raises(RoutesInvalid, match="is gone"):
        watched.refresh()
    assert watched.routes.topics == ("mdms.two.v1",)


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(RoutesInvalid, match="no such folder"):
        RouteFile(tmp_path / "none" / "routes.yaml")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(RoutesInvalid, match="cannot be read"):
        RouteFile(tmp_path)
