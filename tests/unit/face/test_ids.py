"""Ids and times that the storage fills in."""

import datetime as dt
import multiprocessing
import re
import threading
import time
import uuid

import pytest

from torematrix.core.storage.face import ids
from torematrix.core.storage.face.ids import new_id, now, now_text
from torematrix.core.storage.model.kinds import Kind, Scalar, encode_scalar


def test_an_id_is_a_uuid_of_version_7():
    """Its text is canonical, its version and variant are right, and it begins with the time in milliseconds."""
    before = time.time_ns() // 1_000_000
    made = [new_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    for text in made:
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 7
        assert parsed.variant == uuid.RFC_4122
    assert before <= int(made[0].replace("-", "")[:12], 16) <= after + 1


def test_ids_increase():
    """Every id is greater than all before it, within a millisecond too."""
    made = [new_id() for _ in range(50_000)]
    assert made == sorted(set(made))


def test_ids_increase_when_the_clock_does_not(monkeypatch):
    """A clock that stands still or steps back, and a count that runs over, do not repeat or reorder ids."""
    clock = ids._Clock()
    moments = iter([5_000, 5_000, 4_000, 3_000, 3_000, 3_000])
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(moments) * 1_000_000)
    made = [clock.next(), clock.next(), clock.next()]
    clock.count = 2**48 - 1
    made += [clock.next(), clock.next()]
    assert made == sorted(set(made))
    assert int(made[-1].replace("-", "")[:12], 16) == 5_001


def test_threads_share_the_order():
    """Ids of many threads are all different, and increase within each."""
    made = [[] for _ in range(8)]
    threads = [
        threading.Thread(target=lambda mine=mine: mine.extend(new_id() for _ in range(2_000)))
        for mine in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({text for mine in made for text in mine}) == 16_000


def _report(connection):
    connection.send([new_id() for _ in range(100)])
    connection.close()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_makes_its_own_ids():
    """A child neither repeats the parent's ids nor waits for a lock that nobody holds."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    new_id()
    with ids._clock.lock:
        child = context.Process(target=_report, args=(sender,))
        child.start()
    assert receiver.poll(30)
    theirs = receiver.recv()
    child.join()
    mine = [new_id() for _ in range(100)]
    assert not set(mine) & set(theirs)
    assert len({text[13:] for text in theirs} | {text[13:] for text in mine}) == 200


def test_now():
    """The time is aware, in UTC, and its text is canonical."""
    assert now().tzinfo is dt.UTC
    text = now_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", text)
    moment = dt.datetime.fromisoformat(text)
    assert encode_scalar(Scalar(Kind.DATETIME), moment) == text
    assert abs(now() - moment) < dt.timedelta(minutes=1)
