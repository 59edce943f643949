"""A server whose archive is a bucket: what engines write is uploaded while they play, and read from there."""

from __future__ import annotations

import json
from pathlib import Path

from krawall.testing.buckets import s3_server
from krawall.testing.installation import Installation, free_port


def test_a_session_is_played_into_a_bucket_and_read_from_it(tmp_path: Path):
    with (
        s3_server() as buckets,
        Installation(tmp_path, KRAWALL_ARCHIVE=buckets.make("sessions"), **buckets.environment) as place,
    ):
        bot = place.bot(free_port())
        place.serve(free_port(), "--engines", "2")
        scenario = {
            "name": "bucket",
            "target": {"preset": "mock", "url": f"{bot}/v1/chat/completions"},
            "steps": [{"message": "hello {{ conversation }}"}, {"message": "turn {{ turn }}"}],
            "load": {"users": 4, "conversations": 20},
        }
        id = place.post("/sessions", {"scenario": scenario, "shards": 2})["id"]
        done = place.finished(id)
        assert (done["outcome"], done["turns"]) == ("completed", 40)
        assert len(place.get(f"/sessions/{id}/messages?limit=200")["items"]) == 40
        place.until(lambda: place.get(f"/sessions/{id}")["compacted"])
        found = place.get(f"/sessions/{id}/messages?search=hello&limit=200")["items"]
        assert sorted(int(item["said"].split()[1]) for item in found) == list(range(20))
        assert b"</html>" in place.client.get(f"{place.url}/api/v1/sessions/{id}/report").content
        place.until(lambda: not list((tmp_path / "cache" / "spool").glob("*")))  # what is uploaded takes no room here
        assert not (tmp_path / "archive").exists()
        assert json.dumps(place.get("/settings")).count("testing") == 0
