"""Each rule of the operators, on the reference and on SQLite."""

import pytest

from torematrix.core.storage import Storage
from torematrix.core.storage.testing.examples import EXAMPLES, LOOSE, SORTS, TYPED, Typed


@pytest.fixture(scope="module", params=["memory://", "sqlite:///:memory:"])
def repositories(request):
    with Storage.open(request.param) as storage:
        typed, loose = storage.repository(Typed, "typed"), storage.repository(dict, "loose")
        typed.bulk_create(list(TYPED))
        loose.bulk_create(list(LOOSE))
        yield typed, loose


def held(repositories, example):
    found = repositories[example.loose].list(example.filters)
    return {item["id"] if example.loose else item.id for item in found}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_the_filter_holds_for_these(repositories, example):
    """A filter gives exactly the entities that its rule says."""
    assert held(repositories, example) == example.ids


@pytest.mark.parametrize("example", SORTS, ids=str)
def test_the_order_is_this(repositories, example):
    """A sort gives the entities in the order that the rules say."""
    found = repositories[0].list(example.filters, sort_by=example.sort_by)
    assert [item.id for item in found] == example.order.split()
