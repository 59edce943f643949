"""The compiler of .proto files, as a child process; the files of a set in memory."""

from __future__ import annotations

import base64
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from krawall.wire.proto import library

_PATIENCE_S = 30
_MOST = 4_000_000  # bytes of one .proto; the largest in use are far below


def compile_proto(texts: Mapping[str, str], folders: Sequence[Path] = ()) -> list[bytes]:
    """Return the serialized FileDescriptorProtos of .proto texts by file name, and of all that they import.

    Imports are looked for among the texts, in `folders`, and among the well-known types.

    Raises:
        ValueError: it does not compile; the message is the compiler's, with file, line and column.
        PluginError: the compiler is not installed.
    """
    protos = library("google.protobuf.descriptor_pb2")
    if importlib.util.find_spec("grpc_tools") is None:
        library("grpc_tools")
    with tempfile.TemporaryDirectory(prefix="krawall-proto") as place:
        for name, text in texts.items():
            if len(text) > _MOST:
                raise ValueError(f"{name} is larger than {_MOST:,} characters")
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        out = Path(place) / ".descriptors"
        done = subprocess.run(
            [
                sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={place}",
                *(f"--proto_path={folder}" for folder in folders),
                "--include_imports", f"--descriptor_set_out={out}", *texts,
            ],
            capture_output=True, text=True, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ValueError(_said(done.stderr, place))
        files = protos.FileDescriptorSet.FromString(out.read_bytes()).file
    return [file.SerializeToString() for file in files]


def _said(words: str, place: str) -> str:
    lines = [line.strip() for line in words.replace(f"{place}/", "").splitlines() if line.strip()]
    return "; ".join(lines[:5]) or "the compiler failed without a word"


def packed(files: Sequence[bytes]) -> str:
    """Return descriptors as one text: a FileDescriptorSet in base64."""
    protos = library("google.protobuf.descriptor_pb2")
    made = protos.FileDescriptorSet(file=[protos.FileDescriptorProto.FromString(data) for data in files])
    return base64.b64encode(made.SerializeToString()).decode()


def unpacked(text: str) -> list[bytes]:
    """Return the descriptors of such a text, as `protoc --descriptor_set_out` makes it too. Raises ValueError."""
    protos = library("google.protobuf.descriptor_pb2")
    try:
        files = protos.FileDescriptorSet.FromString(base64.b64decode(text, validate=True)).file
    except (library("google.protobuf.message").Error, ValueError) as error:
        raise ValueError(f"no FileDescriptorSet in base64: {error}") from None
    return [file.SerializeToString() for file in files]
