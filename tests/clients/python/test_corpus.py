"""Two hundred requests for each protocol: the provider's own types take what the gateway makes of them (../upstream
refuses what they do not, which fails the test), and OpenAI's types take every answer, whole and streamed."""

import json

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from corpus import corpus
from fold import fold, frames
from stack import MODELS, chat

CORPUS = corpus()


def refused_field(protocol, body):
    """The field for which the gateway refuses a request with a 400, because the protocol or the model cannot express it."""
    has_schema = (body.get("response_format") or {}).get("type") == "json_schema"
    if protocol == "anthropic" and has_schema and (body.get("tools") or body.get("reasoning_effort")):
        return "response_format"  # an older Claude's schema is a forced tool, which excludes other tools and thinking
    return None


def said(content, name):
    """What an answer says; JSON without the spaces that a model may put into it."""
    return json.loads(content) if "response_format" in CORPUS[name] and content.startswith("{") else content or None


def test_there_are_enough():
    for protocol in MODELS:
        assert sum(refused_field(protocol, body) is None for body in CORPUS.values()) >= 150, protocol


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("protocol", MODELS)
def test_request(protocol, name):
    body = {"model": MODELS[protocol], **CORPUS[name]}
    answer = chat(body)
    if field := refused_field(protocol, body):
        assert answer.status == 400 and answer.json()["error"]["param"].startswith(field), answer.body
        return
    assert answer.status == 200, (answer.status, answer.body)
    ChatCompletion.model_validate_json(answer.body, strict=True)
    choice = answer.json()["choices"][0]

    answer = chat({**body, "stream": True, "stream_options": {"include_usage": True}})
    assert answer.status == 200, answer.body
    chunks, done = frames(answer.body)
    assert done
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)
    folded = fold(answer.body)
    assert said(folded["content"], name) == said(choice["message"]["content"], name)
    assert folded["finish"] == choice["finish_reason"]
    assert [call["name"] for call in folded["calls"]] == [
        call["function"]["name"] for call in choice["message"].get("tool_calls", [])
    ]
    assert folded["usage"]["total_tokens"] == 18
