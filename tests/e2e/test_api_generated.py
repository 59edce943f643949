"""Requests that Schemathesis makes up from the OpenAPI document, and chains of them by its links, against a real server.

With KRAWALL_SCHEMATHESIS=full it also tries every boundary of every parameter: 15,000 requests, three minutes more.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from krawall.testing.installation import Installation, free_port

ENDLESS = r"/stream$|/api/v1/events$|/sessions/import$|/targets/(\S+/)?test$"
"""Streams do not end; an import wants a tar; a connection test goes wherever a made-up address leads."""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,use_after_free,ensure_resource_availability,ignored_auth"


FULL = os.environ.get("KRAWALL_SCHEMATHESIS") == "full"
PHASES = "examples,coverage,fuzzing,stateful" if FULL else "examples,fuzzing,stateful"


def test_no_made_up_request_and_no_chain_of_them_finds_anything(tmp_path: Path):
    with Installation(tmp_path, KRAWALL_REQUESTS_PER_S="100000", KRAWALL_LOG_LEVEL="error") as place:
        place.serve(free_port(), "--no-worker")
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")), "run", f"{place.url}/api/openapi.json",
                "--exclude-path-regex", ENDLESS, "--checks", CHECKS, "--max-examples", "3", "--seed", "1",
                "--generation-database", "none", "--no-color", "--request-timeout", "30",
                "--suppress-health-check", "all", "--phases", PHASES, *([] if FULL else ["--max-time", "15"]),
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=540, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
