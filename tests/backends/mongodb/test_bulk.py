"""Bulk writes larger than one message."""

from dataclasses import dataclass

import pytest

from torematrix.core.storage import Storage


@dataclass
class Text:
    number: int
    text: str
    id: str | None = None


@pytest.mark.parametrize("within", [False, True], ids=["alone", "in a transaction"])
def test_documents_that_do_not_show_in_a_sample(new_database, within):
    """A few large ones among many small ones: all of them are stored, in as many messages as it takes."""
    with Storage.open(new_database("{mongodb}")) as storage:
        repository = storage.repository(Text, "texts", searchable=[])
        texts = [
            Text(number, "x" * (2_000_000 if number % 60 == 7 else 5), f"{number:03}")
            for number in range(600)
        ]
        if within:
            with storage.transaction():
                repository.bulk_create(texts)
                repository.bulk_update(texts)
        else:
            repository.bulk_create(texts)
            repository.bulk_update(texts)
        assert repository.count() == 600
        assert repository.get("007").text == "x" * 2_000_000
        assert repository.list(sort_by="id") == texts
