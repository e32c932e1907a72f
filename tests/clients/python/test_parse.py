"""Structured output: `chat.completions.parse` and the stream helper with a pydantic model."""

import asyncio
from typing import Literal

import pytest
from pydantic import BaseModel

from stack import BOTH, CLAUDE_STRUCTURED, said, user

# Claude before 4.5 has no structured output: there the gateway forces one tool and unwraps its input.
MODELS = [*BOTH, CLAUDE_STRUCTURED]


class Person(BaseModel):
    name: str
    age: int | None


class Event(BaseModel):
    town: str
    kind: Literal["fair", "talk"]
    people: list[Person]
    open: bool


EVENT = Event(town="Graz", kind="fair", people=[Person(name="Graz", age=7)], open=True)


@pytest.mark.parametrize("model", MODELS)
def test_parse(client, model):
    answer = client.chat.completions.parse(model=model, messages=user("plan it"), response_format=Event)
    assert answer.choices[0].message.parsed == EVENT
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", MODELS)
def test_async_parse(async_client, model):
    async def run():
        async with async_client() as client:
            return await client.chat.completions.parse(model=model, messages=user("plan it"), response_format=Event)

    assert asyncio.run(run()).choices[0].message.parsed == EVENT


@pytest.mark.parametrize("model", MODELS)
def test_stream_helper_parses(client, model):
    with client.chat.completions.stream(model=model, messages=user("plan it"), response_format=Event) as stream:
        done = [event for event in stream if event.type == "content.done"]
        final = stream.get_final_completion()
    assert [event.parsed for event in done] == [EVENT]
    assert final.choices[0].message.parsed == EVENT


@pytest.mark.parametrize("model", BOTH)
def test_stream_helper_with_text(client, model):
    options = {"stream_options": {"include_usage": True}}
    with client.chat.completions.stream(model=model, messages=user("hello"), **options) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    assert "".join(event.delta for event in events if event.type == "content.delta") == said("hello")
    assert [event.content for event in events if event.type == "content.done"] == [said("hello")]
    assert final.choices[0].message.content == said("hello")
    assert final.usage.total_tokens == 18


@pytest.mark.parametrize("model", BOTH)
def test_async_stream_helper(async_client, model):
    async def run():
        async with async_client() as client:
            async with client.chat.completions.stream(model=model, messages=user("hello")) as stream:
                return [event.type async for event in stream], await stream.get_final_completion()

    kinds, final = asyncio.run(run())
    assert "content.delta" in kinds
    assert final.choices[0].message.content == said("hello")
