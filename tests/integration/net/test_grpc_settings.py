"""Settings of a gRPC target: what a plan keeps of a .proto, and what cannot work told before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from krawall.engine.program import connector_of
from krawall.errors import DocumentError, PluginError
from krawall.mockbot.behaviour import Behaviour
from krawall.mockbot.grpc import proto
from krawall.mockbot.http import serve
from krawall.model.policy import Timeouts
from krawall.plugins import registry
from krawall.testing.asking import ask, line_of, prompt_of, target_of
from krawall.wire.proto import library

URL = "grpc://127.0.0.1:8011"
TYPES = (
    'syntax = "proto3"; package krawall.mock.v1; message Question { string message = 1; string conversation_id = 2; }'
)
SERVICE = """
syntax = "proto3";
package krawall.mock.v1;
import "shared/types.proto";
import "google/protobuf/timestamp.proto";
service Chat { rpc Ask (Question) returns (Answer); }
message Answer { string reply = 1; google.protobuf.Timestamp at = 99; }
"""
NAMED = [{"name": "shared/types.proto", "text": TYPES}, {"name": "chat.proto", "text": SERVICE}]


def planned(folder: Path | None = None, *, url: str = URL, **options: Any) -> Any:
    target = target_of(connector="grpc", url=url, options=options, reply={"text": "reply"})
    return connector_of("grpc", options).planned(target, folder)


def wrong(folder: Path | None = None, **options: Any) -> tuple[str, str]:
    with pytest.raises(DocumentError) as caught:
        planned(folder, **options)
    [place] = caught.value.places
    return place.path, place.message


def folder_with(tmp_path: Path) -> Path:
    (tmp_path / "protos" / "shared").mkdir(parents=True)
    (tmp_path / "protos" / "shared" / "types.proto").write_text(TYPES)
    (tmp_path / "protos" / "chat.proto").write_text(SERVICE)
    return tmp_path


async def test_a_plan_keeps_descriptors_and_is_played_without_the_files(tmp_path: Path) -> None:
    kept = planned(folder_with(tmp_path), proto={"file": "protos/chat.proto"})
    assert kept.proto is None
    options = kept.model_dump(mode="json", exclude_unset=True, exclude={"kind"})
    assert set(options) == {"descriptors"}
    assert planned(None, **options) == kept, "a plan of a plan is the same"
    async with serve(Behaviour(persona="echo"), grpc_port=0) as bot:
        target = target_of(connector="grpc", url=bot.grpc_url, options=options, reply={"text": "reply"})
        async with line_of(target) as line:
            channel = line.channel()
            assert (await ask(channel, "hi")).text == "hi"
            await channel.close()


@pytest.mark.parametrize("given", [NAMED, NAMED[::-1]])
def test_texts_import_each_other_by_name(given: list[dict[str, str]]) -> None:
    assert planned(proto=given).descriptors


def test_a_server_reads_no_files(tmp_path: Path) -> None:
    path, message = wrong(None, proto={"file": "protos/chat.proto"})
    assert path == "target.options.proto"
    assert "write the text of the .proto instead" in message


def test_what_the_compiler_says_has_a_line() -> None:
    broken = 'syntax = "proto3";\nmessage Question { strin message = 1; }'
    assert wrong(proto=broken) == ("target.options.proto", 'target.proto:2:20: "strin" is not defined.')


@pytest.mark.parametrize("name", ["../x.proto", "/x.proto", "a/../x.proto", ".proto", ""])
def test_names_of_texts_stay_where_they_are_put(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        connector_of("grpc", {"proto": [{"name": name, "text": TYPES}]})


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"service": "Chad"}, "service", "did you mean 'Chat'"),
        ({"method": "Aks"}, "method", "did you mean 'Ask'"),
        ({"method": "Ask", "per": "user"}, "per", "only a bidirectional call can be kept"),
        ({"method": "Ask", "opening": [{"message": "hi"}]}, "opening", "its request is one message"),
        ({"method": "Talk", "opening": [{"mesage": "hi"}]}, "opening", 'no field named "mesage"'),
        ({"method": "Talk", "ends": {"path": "a["}}, "ends", ""),
    ],
)
def test_what_does_not_fit_the_service_is_told_at_its_place(options: Any, path: str, message: str) -> None:
    where, said = wrong(proto=proto(), **options)
    assert where == f"target.options.{path}"
    assert message in said


@pytest.mark.parametrize(
    ("given", "path"),
    [({"url": f"{URL}/chat"}, "target.url"), ({"auth": {"query": {"key": "${K}"}}}, "target.auth.query")],
)
def test_what_grpc_does_not_have_is_refused(given: dict[str, Any], path: str) -> None:
    target = target_of(**({"connector": "grpc", "url": URL} | given))
    with pytest.raises(DocumentError) as caught:
        connector_of("grpc", {}).planned(target, None)
    assert [place.path for place in caught.value.places] == [path]


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ("string query = 1; string session_id = 2;", b'{"query":"hello","session_id":"c1"}'),
        ("int32 message = 1; string text = 2;", b'{"text":"hello"}'),
    ],
)
def test_a_message_goes_into_the_field_that_is_called_so(fields: str, body: bytes) -> None:
    text = f'syntax = "proto3"; service S {{ rpc Ask (Q) returns (Q); }} message Q {{ {fields} }}'
    settings = registry.load("connectors", "grpc").model_validate({"proto": text})
    target = target_of(connector="grpc", url=URL)
    calling = settings.calling(target, settings.found(settings.files(None), False), Timeouts())
    assert calling.encode(prompt_of("hello", "c1")).shown == body


def test_a_message_that_goes_nowhere_by_itself_is_asked_for() -> None:
    text = 'syntax = "proto3"; service S { rpc Ask (Q) returns (Q); } message Q { string name = 1; }'
    assert wrong(proto=text) == ("target.body", "say how the message goes; its fields of text are name")


@pytest.mark.parametrize("options", [{"proto": proto(), "descriptors": "eA=="}, {"reflection": False}])
def test_there_is_one_description(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="proto"):
        connector_of("grpc", options)


def test_descriptors_that_are_none_are_told() -> None:
    assert wrong(descriptors="eA==")[0] == "target.options.descriptors"


@pytest.mark.parametrize(
    "headers", [{"x-ümlaut": "a"}, {"grpc-timeout": "1S"}, {"x-data-bin": "no base64!"}, {"x-name": "Zoë"}]
)
async def test_headers_that_cannot_be_metadata_are_told_without_their_value(headers: dict[str, str]) -> None:
    with pytest.raises((DocumentError, ValueError)) as caught:
        async with line_of(target_of(connector="grpc", url=URL, headers=headers)):
            raise AssertionError
    assert not any(value in str(caught.value) for value in headers.values() if len(value) > 1)


def test_a_package_that_is_missing_names_the_extra() -> None:
    with pytest.raises(PluginError, match="not installed") as caught:
        library("grpc_that_is_not_there")
    assert caught.value.hint == "install Krawall with its extra: krawall[grpc]"
