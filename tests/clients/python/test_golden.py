"""The golden exchanges of tests/golden, over real sockets: the scripted upstream replays the provider's answer.

What may differ is what the exchanges' own rules leave free: order of object keys, `created`, a string of text or its
one block, the spelling of mapped tool ids, chunk boundaries, absent nulls, and details of usage that are zero.
"""

import base64
import json
import re
from pathlib import Path

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from fold import fold, frames
from stack import ALICE, GATEWAY, call, chat

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
REQUEST = ".request.openai.json"
DIALECTS = ("openai", "anthropic", "gemini", "bedrock", "azure", "compatible")
EXCHANGES = sorted(path for name in DIALECTS for path in (GOLDEN / name).glob(f"*{REQUEST}"))


class Exchange:
    def __init__(self, request):
        self.dialect = request.parent.name
        self.base = str(request).removesuffix(REQUEST)
        self.meta = json.loads(self.read("meta.json"))
        self.client_sends = request.read_bytes()
        if self.meta.get("base_url", "").endswith("/openai/v1"):  # the same model, on Azure's other surface
            self.client_sends = self.client_sends.replace(b'"az-mini"', b'"az-mini-v1"')

    def read(self, part):
        return Path(f"{self.base}.{part}").read_bytes()

    def has(self, part):
        return Path(f"{self.base}.{part}").exists()

    def provider_answer(self):
        """What the upstream replays."""
        headers = dict(self.meta.get("provider_response_headers", {}))
        answer = {"status": self.meta.get("provider_status", 200), "headers": headers, "encoding": "utf-8"}
        if self.has("response.provider.eventstream"):
            body = base64.b64encode(self.read("response.provider.eventstream")).decode()
            return {**answer, "content_type": headers.pop("content-type"), "body": body, "encoding": "base64"}
        stream = self.has("response.provider.sse")
        body = self.read("response.provider.sse" if stream else "response.provider.json").decode()
        return {**answer, "content_type": "text/event-stream" if stream else "application/json", "body": body}

    def equal_form(self, request):
        """Forms of a request that say the same, as one."""
        forms = {"anthropic": anthropic_form, "bedrock": bedrock_form, "gemini": gemini_form}
        return forms.get(self.dialect, lambda request: request)(request)


def name_of(path):
    return f"{path.parent.name}/{path.name.removesuffix(REQUEST)}"


def test_there_are_golden_exchanges():
    assert len(EXCHANGES) >= 13


@pytest.mark.parametrize("request_file", EXCHANGES, ids=name_of)
def test_exchange(watch, request_file):
    exchange = Exchange(request_file)
    if exchange.meta.get("provider_called", True):
        watch.upstream.replay(**exchange.provider_answer())
    try:
        answer = chat(exchange.client_sends)
    finally:
        watch.upstream.stop_replay()

    compare_answer(exchange, answer)
    received = watch.received()
    assert bool(received) == exchange.meta.get("provider_called", True)
    for request in received:
        compare_request(exchange, request)


def test_models_shape():
    golden = json.loads((GOLDEN / "openai" / "models.response.openai.json").read_bytes())
    listed = call(GATEWAY, "GET", "/v1/models", headers={"authorization": f"Bearer {ALICE}"}).json()
    assert listed.keys() == golden.keys()
    by_id = {model["id"]: model for model in listed["data"]}
    for model in golden["data"]:
        assert by_id[model["id"]].keys() >= model.keys()


# ---- what the provider received


def compare_request(exchange, received):
    target = received["path"] + (f"?{received['query']}" if received["query"] else "")
    assert target.endswith(exchange.meta.get("provider_path", ""))
    for name, value in exchange.meta.get("provider_headers", {}).items():
        assert received["headers"].get(name) == value
    body, golden = json.loads(received["body"]), json.loads(exchange.read("request.provider.json"))
    assert exchange.equal_form(body) == exchange.equal_form(golden)


def anthropic_form(request):
    """Anthropic's equal forms as one: text as a list of blocks, tool ids numbered in order of appearance."""
    numbers = {}

    def block(value):
        if value["type"] == "tool_use":
            return {**value, "id": numbers.setdefault(value["id"], len(numbers))}
        if value["type"] == "tool_result":
            return {**value, "tool_use_id": numbers[value["tool_use_id"]], "content": blocks(value.get("content", ""))}
        return value

    def blocks(content):
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        return [block(part) for part in parts if part != {"type": "text", "text": ""}]

    request = dict(request)
    request["messages"] = [{**turn, "content": blocks(turn["content"])} for turn in request["messages"]]
    if "system" in request:
        request["system"] = blocks(request["system"])
    return request


def bedrock_form(request):
    """Tool ids numbered in order of appearance."""
    numbers = {}

    def walk(value):
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        number = {"toolUseId": numbers.setdefault(value["toolUseId"], len(numbers))} if "toolUseId" in value else {}
        return {name: walk(item) for name, item in value.items()} | number

    return walk(request)


def gemini_form(request):
    """The words of Google's enums in lower case, and no wish for thoughts that is left to the gateway."""
    config = request.get("generationConfig", {})
    thinking = config.get("thinkingConfig", {})
    thinking.pop("includeThoughts", None)
    if level := thinking.get("thinkingLevel"):
        thinking["thinkingLevel"] = level.lower()
    if thinking == {}:
        config.pop("thinkingConfig", None)
    return request


# ---- what the client received


def compare_answer(exchange, answer):
    assert answer.status == exchange.meta.get("openai_status", 200), answer.body
    for name, value in exchange.meta.get("openai_headers", {}).items():
        assert answer.headers[name] == value
    if exchange.has("response.openai.sse"):
        assert answer.headers["content-type"].startswith("text/event-stream")
        for chunk in frames(answer.body)[0]:
            if "error" not in chunk and exchange.dialect != "openai":  # what is passed on is the provider's own
                ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)
        compare_folds(fold(answer.body), fold(exchange.read("response.openai.sse")))
    else:
        assert answer.headers["content-type"].startswith("application/json")
        if answer.status == 200 and exchange.dialect != "openai":
            ChatCompletion.model_validate_json(answer.body, strict=True)
        compare_trees(essence(answer.json()), essence(json.loads(exchange.read("response.openai.json"))))


def compare_folds(ours, golden):
    for folded in (ours, golden):
        del folded["created"]
        folded["usage"] = essence(folded["usage"])
        for detail in folded["details"]:
            detail["format"] = once(detail.get("format"))
    compare_trees(ours, golden)


def once(word):
    """A word that a golden stream tells with each piece of a detail, and ours with the first."""
    half = len(word or "") // 2
    return word[:half] if word and word == word[:half] * 2 else word


def compare_trees(ours, golden):
    """Equal, but for `<generated-N>` in the golden file, which is any non-empty id."""
    if isinstance(golden, str) and re.fullmatch(r"<generated-\d+>", golden):
        assert isinstance(ours, str) and ours
    elif isinstance(golden, dict) and isinstance(ours, dict):
        assert ours.keys() == golden.keys()
        for name in golden:
            compare_trees(ours[name], golden[name])
    elif isinstance(golden, list) and isinstance(ours, list):
        assert len(ours) == len(golden)
        for one, other in zip(ours, golden):
            compare_trees(one, other)
    else:
        assert ours == golden


def essence(value):
    """A value without what an answer may leave out: nulls that say nothing, `created`, details that are zero."""
    if isinstance(value, list):
        return [essence(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {name: essence(item) for name, item in value.items() if name != "created"}
    for name in ("refusal", "logprobs"):
        if kept.get(name, 0) is None:
            del kept[name]
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        if name in kept:
            kept[name] = {detail: count for detail, count in (kept[name] or {}).items() if count}
            if not kept[name]:
                del kept[name]
    return kept
