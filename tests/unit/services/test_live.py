"""What a reader has not taken yet: one tick and one flag."""

from __future__ import annotations

from krawall.queue.bus import Poke
from krawall.services.live import Mailbox, Topic


def a_topic(readers=1):
    topic = Topic("session.ses_1")
    boxes = [Mailbox(topic) for _ in range(readers)]
    topic.readers.update(boxes)
    for box in boxes:
        box.look = False
    return topic, boxes


def test_a_newer_tick_takes_the_place_of_an_older_one():
    topic, boxes = a_topic(2)
    for second in range(100):
        topic.take(Poke("session.ses_1", b'{"tick": {"second": %d}}' % second))
    for box in boxes:
        assert box.tick() == b'{"second": 99}'
        assert box.tick() is None
        assert not box.look


def test_anything_else_says_that_there_may_be_new_rows():
    for payload in (b'{"event": 7}', b'{"id": 7}', b"", b"nonsense", b"[]", b'"x"'):
        topic, (box,) = a_topic()
        topic.take(Poke("session.ses_1", payload))
        assert box.look
        assert box.tick() is None


def test_after_a_gap_the_rows_are_read_again():
    topic, (box,) = a_topic()
    topic.state(followed=False)
    assert not box.followed
    box.look = False
    topic.take(Poke("", gap=True))
    assert box.followed
    assert box.look


async def test_waiting_ends_when_something_comes_or_the_time_is_over():
    topic, (box,) = a_topic()
    await box.wait(0)
    topic.take(Poke("session.ses_1", b'{"event": 7}'))
    await box.wait(1000)
