"""A client that leaves is noticed upstream within a second: while text flows, while the model is silent, and before
any answer has begun."""

import asyncio
import socket
import struct
import uuid
from urllib.parse import urlsplit

import openai
import pytest

from stack import ALICE, BOTH, GATEWAY, user

SECOND = 1.0


def marked(words):
    marker = uuid.uuid4().hex
    return marker, user(f"{words} {marker}")


@pytest.mark.parametrize("words", ["count forever", "fall silent"])
@pytest.mark.parametrize("model", BOTH)
def test_leaves_a_stream(client, watch, model, words):
    marker, messages = marked(words)
    stream = client.chat.completions.create(model=model, messages=messages, stream=True)
    read_some(stream)
    watch.upstream.await_state(marker, "open", SECOND)
    stream.close()
    watch.upstream.await_state(marker, "aborted", SECOND)


@pytest.mark.parametrize("words", ["count forever", "fall silent"])
@pytest.mark.parametrize("model", BOTH)
def test_async_leaves_a_stream(async_client, watch, model, words):
    marker, messages = marked(words)

    async def run():
        async with async_client() as client:
            stream = await client.chat.completions.create(model=model, messages=messages, stream=True)
            async for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    break
            await stream.close()
            await asyncio.to_thread(watch.upstream.await_state, marker, "aborted", SECOND)

    asyncio.run(run())


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", BOTH)
def test_gives_up_before_an_answer(client, watch, model, stream):
    marker, messages = marked("never answer")
    impatient = client.with_options(timeout=0.5)
    with pytest.raises(openai.APITimeoutError):
        impatient.chat.completions.create(model=model, messages=messages, stream=stream)
    watch.upstream.await_state(marker, "aborted", SECOND)


@pytest.mark.parametrize("model", BOTH)
def test_dies(watch, model):
    """A reset instead of a close: the machine of the client is gone."""
    marker, _ = marked("")
    body = f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"count forever {marker}"}}]}}'
    address = urlsplit(GATEWAY)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {ALICE}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall((head + body).encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        watch.upstream.await_state(marker, "open", SECOND)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    watch.upstream.await_state(marker, "aborted", SECOND)


def read_some(stream):
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            return
