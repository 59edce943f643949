"""Protocol buffers as JSON: methods found among descriptors, messages both ways."""

from __future__ import annotations

import msgspec
import pytest
from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from krawall.wire.proto import find_method, services

Field = descriptor_pb2.FieldDescriptorProto


def _field(name: str, number: int, kind: int, type_name: str = "", repeated: bool = False) -> Field:
    return Field(
        name=name, number=number, type=kind, type_name=type_name or None,
        label=Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL,
    )  # fmt: skip


def _files() -> list[bytes]:
    """A service in a file that needs another, as `protoc` would describe them."""
    needed = descriptor_pb2.FileDescriptorProto(name="usage.proto", package="desk.v1", syntax="proto3")
    usage = needed.message_type.add(name="Usage")
    usage.field.extend([_field("tokens_in", 1, Field.TYPE_INT64), _field("tokens_out", 2, Field.TYPE_UINT32)])
    finish = needed.enum_type.add(name="Finish")
    for number, name in enumerate(["FINISH_UNSPECIFIED", "STOP"]):
        finish.value.add(name=name, number=number)
    file = descriptor_pb2.FileDescriptorProto(
        name="desk.proto", package="desk.v1", syntax="proto3", dependency=["usage.proto"]
    )
    ask = file.message_type.add(name="Ask")
    ask.field.extend([_field("message", 1, Field.TYPE_STRING), _field("at_most", 2, Field.TYPE_INT32)])
    said = file.message_type.add(name="Said")
    said.field.extend(
        [
            _field("reply_text", 1, Field.TYPE_STRING),
            _field("usage", 2, Field.TYPE_MESSAGE, ".desk.v1.Usage"),
            _field("finish", 3, Field.TYPE_ENUM, ".desk.v1.Finish"),
            _field("offsets", 4, Field.TYPE_UINT64, repeated=True),
            _field("done", 5, Field.TYPE_BOOL),
        ]
    )
    service = file.service.add(name="Desk")
    for name, one, other in (("Ask", 0, 0), ("Follow", 0, 1), ("Tell", 1, 0), ("Talk", 1, 1)):
        service.method.add(
            name=name, input_type=".desk.v1.Ask", output_type=".desk.v1.Said",
            client_streaming=bool(one), server_streaming=bool(other),
        )  # fmt: skip
    return [file.SerializeToString(), needed.SerializeToString()]


FILES = _files()


@given(st.permutations(FILES))
def test_the_order_of_descriptors_is_of_no_matter(files: list[bytes]) -> None:
    assert services(files) == {"desk.v1.Desk": ["Ask", "Follow", "Talk", "Tell"]}
    assert find_method(files, "desk.v1.Desk", "Talk").path == "/desk.v1.Desk/Talk"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Ask", "unary"), ("Follow", "server streaming"),
        ("Tell", "client streaming"), ("Talk", "bidirectional streaming"),
    ],
)  # fmt: skip
def test_who_streams_is_read_from_the_descriptor(name: str, words: str) -> None:
    assert find_method(FILES, "", name).words == words


@pytest.mark.parametrize("service", ["", "Desk", "desk.v1.Desk"])
def test_a_service_is_named_with_or_without_its_package_or_not_at_all(service: str) -> None:
    assert find_method(FILES, service, "Ask").path == "/desk.v1.Desk/Ask"


@pytest.mark.parametrize(
    ("service", "method", "words"),
    [
        ("Desc", "Ask", "there is no service named 'Desc'"),
        ("", "Aks", "did you mean 'Ask'"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(service: str, method: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_method(FILES, service, method)


@pytest.mark.parametrize(("stream", "name"), [(False, "Ask"), (True, "Follow")])
def test_a_method_that_is_not_named_is_the_plain_one(stream: bool, name: str) -> None:
    assert find_method(FILES, "", "", stream=stream).path == f"/desk.v1.Desk/{name}"


def test_descriptors_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="no descriptors"):
        find_method(FILES[:1], "", "Ask")
    with pytest.raises(ValueError, match="no descriptors"):
        find_method([b"\xff\xff"], "", "Ask")


@given(st.text(), st.integers(-(2**31), 2**31 - 1))
def test_a_request_holds_what_the_body_says(text: str, most: int) -> None:
    text = text.encode("utf-8", "replace").decode()
    method = find_method(FILES, "", "Ask")
    for name in ("at_most", "atMost"):
        data = method.encode(msgspec.json.encode({"message": text, name: most}))
        # https://protobuf.dev/programming-guides/encoding/: field 1 is a length and bytes
        assert text.encode() in data
        assert bool(data) == bool(text or most)


def test_a_body_that_does_not_fit_is_refused_by_name() -> None:
    method = find_method(FILES, "", "Ask")
    with pytest.raises(ValueError, match='no field named "mesage"'):
        method.encode(b'{"mesage": "hello"}')
    with pytest.raises(ValueError, match=r"no desk\.v1\.Ask"):
        method.encode(b"[]")


def _said(**fields: object) -> dict[str, object]:
    """What a reply with these fields says. The reply's bytes are made by another method's encoder."""
    files = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in FILES]
    files[0].service[0].method.add(name="Back", input_type=".desk.v1.Said", output_type=".desk.v1.Said")
    back = find_method([file.SerializeToString() for file in files], "", "Back")
    found: dict[str, object] = msgspec.json.decode(back.decode(back.encode(msgspec.json.encode(fields))))
    return found


def test_names_are_those_of_the_proto_and_what_is_not_set_is_there() -> None:
    assert _said(reply_text="hi") == {"reply_text": "hi", "offsets": [], "done": False}
    assert _said(usage={}) == {
        "reply_text": "", "usage": {"tokens_in": 0, "tokens_out": 0}, "offsets": [], "done": False,
    }  # fmt: skip


@given(st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(0, 2**64 - 1)))
def test_whole_numbers_of_64_bits_are_numbers(tokens: int, offsets: list[int]) -> None:
    said = _said(usage={"tokens_in": tokens}, offsets=offsets)
    assert said["usage"] == {"tokens_in": tokens, "tokens_out": 0}
    assert said["offsets"] == offsets


def test_an_enumeration_is_a_word_and_left_out_while_it_says_nothing() -> None:
    assert _said(finish="STOP")["finish"] == "STOP"
    assert "finish" not in _said(finish="FINISH_UNSPECIFIED")


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    method = find_method(FILES, "", "Ask")
    try:
        said = method.decode(data)
    except ValueError:
        with pytest.raises(ValueError, match=r"the message is no desk\.v1\.Said"):
            method.decode(data)
    else:
        assert isinstance(msgspec.json.decode(said), dict)
