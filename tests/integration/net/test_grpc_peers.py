"""gRPC against servers that we did not write, and a server that is killed in mid-stream."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection

from krawall.model.exchange import FaultKind
from krawall.net.protoc import compile_proto
from krawall.testing.asking import ask, line_of, target_of

HELLO = """
syntax = "proto3";
package helloworld;
service Greeter {
  rpc SayHello (HelloRequest) returns (HelloReply) {}
  rpc SayHelloStreamReply (HelloRequest) returns (stream HelloReply) {}
}
message HelloRequest { string name = 1; }
message HelloReply { string message = 1; }
"""


@contextmanager
def greeter() -> Iterator[int]:
    """The service of gRPC's first tutorial, on grpcio's threaded server, with its own reflection (v1alpha)."""
    pool = descriptor_pool.DescriptorPool()
    for file in compile_proto({"helloworld.proto": HELLO}):
        pool.AddSerializedFile(file)
    made = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"helloworld.{name}"))
        for name in ("HelloRequest", "HelloReply")
    }
    read, write = made["HelloRequest"].FromString, made["HelloReply"].SerializeToString

    def hello(request: Any, context: Any) -> Any:
        return made["HelloReply"](message=f"Hello, {request.name}!")

    def hellos(request: Any, context: Any) -> Iterator[Any]:
        for greeting in ("Hello", ", ", request.name, "!"):
            yield made["HelloReply"](message=greeting)

    handlers = {
        "SayHello": grpc.unary_unary_rpc_method_handler(hello, read, write),
        "SayHelloStreamReply": grpc.unary_stream_rpc_method_handler(hellos, read, write),
    }
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("helloworld.Greeter", handlers),))
    reflection.enable_server_reflection(("helloworld.Greeter", reflection.SERVICE_NAME), server, pool)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(0).wait()


@pytest.mark.parametrize("options", [{}, {"proto": HELLO}], ids=["reflection v1alpha", "proto"])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_service_of_the_tutorial_greets(stream: bool, options: dict[str, str]) -> None:
    with greeter() as port:
        target = target_of(
            preset="custom-grpc", url=f"grpc://127.0.0.1:{port}", stream=stream, options=options,
            body={"name": "$message"},
        )  # fmt: skip
        async with line_of(target) as line:
            await line.probe()
            channel = line.channel()
            for _ in range(3):
                answer = await ask(channel, "you")
                assert answer.text == "Hello, you!"
                assert answer.mark.events == (4 if stream else 1)
            await channel.close()


def _mock(port: int) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "krawall", "mock", "--port", "0", "--grpc-port", str(port),
        "--first-token", "0ms", "--gap", "20ms", "--tokens", "200",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout
    assert process.stdout.readline()
    assert "grpc://" in process.stdout.readline()
    return process


async def test_a_server_killed_in_mid_stream_truncates_the_reply_and_its_successor_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    target = target_of(preset="custom-grpc", url=f"grpc://127.0.0.1:{port}", stream=True)
    async with line_of(target) as line:
        channel = line.channel()
        for _ in range(2):
            process = await asyncio.to_thread(_mock, port)
            try:
                channel.listen(lambda way, data, process=process: process.kill() if way == "received" else None)
                answer = await ask(channel)
                assert answer.fault.kind is FaultKind.truncated, answer.fault
                assert answer.trouble is not None
                assert answer.trouble.text
                assert (await ask(channel)).fault.kind is FaultKind.connect
            finally:
                process.kill()
                process.wait()
                assert process.stdout
                process.stdout.close()
        await channel.close()
