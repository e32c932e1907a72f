"""The model calls tools, the client answers them, the model sums up: whole, streamed, in parallel, while thinking."""

import json

import openai
import pytest
from pydantic import BaseModel

from stack import BOTH, CLAUDE_THINKING, user

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a town",
        "parameters": {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
    },
}
CLOCK = {"type": "function", "function": {"name": "get_clock"}}
TOOLS = [WEATHER, CLOCK]
ANSWERS = {"get_weather": "rain", "get_clock": "12:00"}


def answer_calls(message):
    """The turn that called, as the SDK's users send it back, and a result for each call."""
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": ANSWERS[call.function.name]} for call in message.tool_calls
    ]
    return [message.model_dump(exclude_none=True), *results]


@pytest.mark.parametrize("model", BOTH)
def test_round_trip(client, model):
    messages = user("the weather?")
    first = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    assert first.choices[0].finish_reason == "tool_calls"
    (call,) = first.choices[0].message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == {"town": "Graz"}

    messages += answer_calls(first.choices[0].message)
    second = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "The tools said: rain"
    assert second.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("model", BOTH)
def test_parallel_results_in_any_order(client, model, reverse):
    messages = user("weather and clock?")
    first = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    assert [call.function.name for call in first.choices[0].message.tool_calls] == ["get_weather", "get_clock"]
    turn, *results = answer_calls(first.choices[0].message)
    messages += [turn, *(reversed(results) if reverse else results)]
    second = client.chat.completions.create(model=model, messages=messages, tools=TOOLS)
    expected = ["rain", "12:00"]
    if reverse and model.startswith("gpt"):
        expected.reverse()  # an OpenAI-shaped upstream gets what the client sent
    assert second.choices[0].message.content == f"The tools said: {' | '.join(expected)}"


@pytest.mark.parametrize("model", BOTH)
def test_choices(client, model):
    def names(**options):
        messages = user("weather and clock?")
        answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS, **options)
        return [call.function.name for call in answer.choices[0].message.tool_calls or []]

    assert names(tool_choice="auto") == ["get_weather", "get_clock"]
    assert names(tool_choice="required", parallel_tool_calls=False) == ["get_weather"]
    assert names(tool_choice={"type": "function", "function": {"name": "get_clock"}}) == ["get_clock"]
    assert names(tool_choice="none") == []


@pytest.mark.parametrize("model", BOTH)
def test_streamed_calls(client, model):
    calls = {}
    for chunk in client.chat.completions.create(
        model=model, messages=user("weather and clock?"), tools=TOOLS, stream=True
    ):
        for choice in chunk.choices:
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, {"ids": [], "names": [], "arguments": ""})
                call["ids"] += [part.id] if part.id else []
                call["names"] += [part.function.name] if part.function.name else []
                call["arguments"] += part.function.arguments or ""
    assert list(calls) == [0, 1]
    assert all(len(call["ids"]) == 1 for call in calls.values())
    assert [call["names"] for call in calls.values()] == [["get_weather"], ["get_clock"]]
    assert [json.loads(call["arguments"]) for call in calls.values()] == [{"town": "Graz"}, {}]


class GetWeather(BaseModel):
    """Weather in a town."""

    town: str


@pytest.mark.parametrize("model", BOTH)
def test_stream_helper_with_tools(client, model):
    tool = openai.pydantic_function_tool(GetWeather, name="get_weather")
    with client.chat.completions.stream(model=model, messages=user("the weather?"), tools=[tool]) as stream:
        events = list(stream)
        final = stream.get_final_completion()
    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [(event.name, event.index, event.parsed_arguments) for event in done] == [
        ("get_weather", 0, GetWeather(town="Graz"))
    ]
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments == GetWeather(town="Graz")


@pytest.mark.parametrize("streamed", [False, True])
def test_signed_thinking_survives_a_round_trip(client, watch, streamed):
    """What a client sends back of a thinking turn reaches Claude again with its signature.

    The stream helper joins strings of list items that share an index, all but `type`: a `format` that came with every
    chunk would come back as a repetition of itself.
    """
    ask = {"model": CLAUDE_THINKING, "tools": TOOLS, "reasoning_effort": "high", "max_completion_tokens": 4096}
    messages = user("the weather?")
    if streamed:
        with client.chat.completions.stream(messages=messages, **ask) as stream:
            stream.until_done()
            message = stream.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(messages=messages, **ask).choices[0].message
    assert message.reasoning_content == "The user wants this done. Schritt für Schritt."
    assert [detail["format"] for detail in message.reasoning_details] == ["anthropic-claude-v1"]

    messages += answer_calls(message)
    second = client.chat.completions.create(messages=messages, **ask)
    assert second.choices[0].message.content == "The tools said: rain"
    turn = json.loads(watch.received()[1]["body"])["messages"][1]["content"]
    assert turn[0] == {
        "type": "thinking",
        "thinking": "The user wants this done. Schritt für Schritt.",
        "signature": "c2lnbmVkIGJ5IHVwc3RyZWFtLnB5",
    }
