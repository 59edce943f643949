"""What changed, as pages call it; and the bytes of a message."""

from __future__ import annotations

import pytest

from krawall.api.following import message_of, names
from krawall.model.event import (
    AccountChanged,
    CredentialChanged,
    DocumentChanged,
    Event,
    SessionDeleted,
    SessionPaused,
    TargetTested,
    WebhookTest,
    WorkerLost,
)


@pytest.mark.parametrize(
    ("body", "session", "named"),
    [
        (SessionPaused(), "ses_1", ["session:ses_1"]),
        (SessionDeleted("ses_2", "n"), None, ["session:ses_2"]),
        (DocumentChanged("scenario", "scn_1", "n", 2, "revised"), None, ["scenario:scn_1"]),
        (WorkerLost("wrk_1", "box"), None, ["worker:wrk_1"]),
        (CredentialChanged("key", "set"), None, ["credential:key"]),
        (AccountChanged("ada", "login"), None, ["account:ada"]),
        (WebhookTest("whk_1"), None, ["webhook:whk_1"]),
        (TargetTested("tgt_1", "bot", True, 12.5), None, ["target:tgt_1"]),
    ],
)
def test_each_event_names_what_changed(body, session, named):
    assert names(Event(1, 0, "ada", body, session)) == named


def test_a_message_is_one_block_whatever_its_texts_hold():
    sent = message_of("event", {"text": "a\nb\r\n\n: c"}, 7)
    assert sent == b'event: event\ndata: {"text":"a\\nb\\r\\n\\n: c"}\nid: 7\n\n'
    assert message_of("tick", {}) == b"event: tick\ndata: {}\n\n"
