"""Every answer, read without an SDK and held against the SDK's types without any leniency."""

import itertools
import json

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from fold import fold, frames
from stack import ALICE, BOTH, CLAUDE_STRUCTURED, CLAUDE_THINKING, GATEWAY, GPT, call, chat, user
from test_tools import TOOLS

SCHEMA = {
    "type": "object",
    "properties": {"town": {"type": "string"}},
    "required": ["town"],
    "additionalProperties": False,
}
ASKS = {
    "text": {"messages": user("hello")},
    "tools": {"messages": user("weather and clock?"), "tools": TOOLS},
    "schema": {
        "messages": user("plan it"),
        "response_format": {"type": "json_schema", "json_schema": {"name": "plan", "strict": True, "schema": SCHEMA}},
    },
    "thinking": {"messages": user("weather?"), "tools": TOOLS, "reasoning_effort": "high", "max_tokens": 4096},
}
CASES = [
    *itertools.product(BOTH, ["text", "tools", "schema"]),
    (CLAUDE_STRUCTURED, "schema"),
    (CLAUDE_THINKING, "thinking"),
    (GPT, "thinking"),
]

# What a provider tells its customer, the host, is not for the host's customers.
PRIVATE = ("openai-organization", "anthropic-", "set-cookie", "request-id", "x-api-key", "authorization")


def assert_head(answer, content_type):
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.headers["x-request-id"]
    assert [name for name in answer.headers if name.startswith(PRIVATE)] == []


@pytest.mark.parametrize(("model", "kind"), CASES)
def test_whole(model, kind):
    answer = chat({"model": model, **ASKS[kind]})
    assert_head(answer, "application/json")
    ChatCompletion.model_validate_json(answer.body, strict=True)
    document = answer.json()
    assert isinstance(document["created"], int)
    message = document["choices"][0]["message"]
    assert "content" in message
    assert message.get("tool_calls", True), "tool_calls is absent where there are none"
    assert document["choices"][0]["logprobs"] is None


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize(("model", "kind"), CASES)
def test_stream(model, kind, usage):
    options = {"stream_options": {"include_usage": True}} if usage else {}
    answer = chat({"model": model, **ASKS[kind], "stream": True, **options})
    assert_head(answer, "text/event-stream")
    assert "content-length" not in answer.headers
    chunks, done = frames(answer.body)
    assert done
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)
    assert "" not in [c["delta"].get("content") for chunk in chunks[1:] for c in chunk["choices"]]
    if usage:
        assert chunks[-1]["choices"] == []
        assert all(chunk["usage"] is None for chunk in chunks[:-1])
    else:
        assert all(chunk["choices"] and chunk.get("usage") is None for chunk in chunks)


@pytest.mark.parametrize(("model", "kind"), CASES)
def test_stream_and_whole_say_the_same(model, kind):
    message = chat({"model": model, **ASKS[kind]}).json()["choices"][0]
    options = {"stream": True, "stream_options": {"include_usage": True}}
    folded = fold(chat({"model": model, **ASKS[kind], **options}).body)
    finish, message = message["finish_reason"], message["message"]
    assert folded["finish"] == finish
    content = json.loads if kind == "schema" else str
    assert content(folded["content"]) == content(message["content"] or "")
    assert (folded["reasoning"] or None) == message.get("reasoning_content")
    assert folded["details"] == message.get("reasoning_details", [])
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", [])]
    assert [(call["name"], compact(call["arguments"])) for call in folded["calls"]] == [
        (name, compact(arguments)) for name, arguments in calls
    ]
    assert folded["usage"]["total_tokens"] == 18


def test_models():
    answer = call(GATEWAY, "GET", "/v1/models", headers={"authorization": f"Bearer {ALICE}"})
    assert_head(answer, "application/json")
    assert answer.json()["object"] == "list"
    for model in answer.json()["data"]:
        Model.model_validate_json(json.dumps(model), strict=True)


def compact(arguments):
    """Tool arguments without the spaces that a model may put between them."""
    return arguments.replace(" ", "")
