"""What OpenAI and Anthropic refuse: the SDKs' own request types, closed, plus the rules that no type can say.

The other providers stand in files of their own."""

import json
import re

import anthropic.types as anthropic_types
import pydantic
from openai.types.chat import completion_create_params as openai_params
from pydantic import TypeAdapter

from script import SIGNATURE, THOUGHT, blocks

API_KEY = "provider-secret"

OPENAI_UNARY = TypeAdapter(openai_params.CompletionCreateParamsNonStreaming)
OPENAI_STREAM = TypeAdapter(openai_params.CompletionCreateParamsStreaming)
ANTHROPIC_UNARY = TypeAdapter(anthropic_types.message_create_params.MessageCreateParamsNonStreaming)
ANTHROPIC_STREAM = TypeAdapter(anthropic_types.message_create_params.MessageCreateParamsStreaming)

# Caller's headers that must never travel upstream.
SMUGGLED = re.compile(r"x-stainless-.*|cookie|openai-.*|x-forwarded-.*|forwarded|proxy-.*")


class Refused(Exception):
    def __init__(self, message, *, status=400, kind="invalid_request_error", param=None):
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param


def require(condition, message, param=None):
    if not condition:
        raise Refused(message, param=param)


def plain(value):
    """The validated value as plain lists and dicts (pydantic validates an Iterable only while one walks it)."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return [plain(item) for item in value]


def check_shape(adapter, body):
    """The SDK's types, closed: a field that the type does not know, or a value that had to be converted, is refused."""
    try:
        known = plain(adapter.validate_python(body))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise Refused(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", param=str(first["loc"][0])) from error
    for name in body:
        require(name in known, f"{name}: Extra inputs are not permitted", name)
        require(known[name] == body[name], f"{name}: has fields or values that are not permitted", name)


def check_headers(headers, secret_header, secret):
    if headers.get(secret_header) != secret:
        raise Refused("Incorrect API key provided.", status=401, kind="authentication_error")
    require(headers.get("content-type", "").startswith("application/json"), "content-type must be application/json")
    for name, value in headers.items():
        require(not SMUGGLED.fullmatch(name), f"header {name} was smuggled upstream")
        require("sk-test-" not in value, f"the caller's key was smuggled upstream in {name}")


def check_openai(request):
    check_headers(request.headers, "authorization", f"Bearer {API_KEY}")
    require("x-api-key" not in request.headers, "x-api-key was smuggled upstream")
    check_openai_body(request.document)


def check_openai_body(body):
    # An assistant turn comes back as it was answered, with a field that only answers have.
    for message in body.get("messages") or []:
        if isinstance(message, dict) and message.get("role") == "assistant":
            message.pop("annotations", None)
    check_shape(OPENAI_STREAM if body.get("stream") else OPENAI_UNARY, body)
    require(body["messages"], "Expected an array with minimum length 1", "messages")
    require(0 <= (body.get("temperature") or 0) <= 2, "Invalid 'temperature': at most 2", "temperature")
    require("stream_options" not in body or body.get("stream"), "only allowed when 'stream' is true", "stream_options")
    require(body.get("tools") != [], "[] is too short", "tools")
    if "tools" not in body:
        require("tool_choice" not in body, "only allowed when 'tools' are specified", "tool_choice")
        require("parallel_tool_calls" not in body, "only allowed when 'tools' are specified", "parallel_tool_calls")
    open_calls = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            require(message["tool_call_id"] in open_calls, "a tool message must answer a preceding call", "messages")
            open_calls.remove(message["tool_call_id"])
        else:
            require(not open_calls, "an assistant turn with tool_calls must be followed by its results", "messages")
            open_calls = {call["id"] for call in message.get("tool_calls") or []}
    require(not open_calls, "an assistant turn with tool_calls must be followed by its results", "messages")


STRICT_FORBIDS = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "contains", "prefixItems", "patternProperties", "propertyNames", "minProperties", "maxProperties",
    "unevaluatedProperties", "if", "then", "else", "not", "oneOf",
}  # fmt: skip


def check_strict_schema(schema, param):
    if isinstance(schema, list):
        for item in schema:
            check_strict_schema(item, param)
    elif isinstance(schema, dict):
        banned = STRICT_FORBIDS & set(schema)
        require(not banned, f"{param}: keywords {sorted(banned)} are not supported in strict schemas", param)
        if schema.get("type") == "object":
            closed = schema.get("additionalProperties") is False
            require(closed, f"{param}: additionalProperties must be false", param)
        for key, value in schema.items():
            inner = value.values() if key in ("properties", "$defs") else [value]
            for item in inner:
                check_strict_schema(item, param)


def check_anthropic(request):
    headers, body = request.headers, request.document
    check_headers(headers, "x-api-key", API_KEY)
    require("authorization" not in headers, "authorization was smuggled upstream")
    require(headers.get("anthropic-version") == "2023-06-01", "anthropic-version: header is required")
    sampling = {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body}
    check_shape(
        ANTHROPIC_STREAM if body.get("stream") else ANTHROPIC_UNARY,
        {name: value for name, value in body.items() if name not in sampling},
    )
    generation = claude_generation(body["model"])
    require(body["max_tokens"] >= 1, "max_tokens: must be at least 1", "max_tokens")
    require(0 <= sampling.get("temperature", 0) <= 1, "temperature: range: 0..1", "temperature")
    require(len(sampling) < 2 or generation < (4, 1), "temperature and top_p cannot both be specified", "top_p")
    require(all(text.strip() for text in body.get("stop_sequences", [])), "stop_sequences: blank", "stop_sequences")
    for block in blocks(body.get("system") or []):
        require(block["text"].strip(), "system: text content blocks must be non-empty", "system")
    check_anthropic_tools(body)
    check_anthropic_thinking(body, generation)
    if form := (body.get("output_config") or {}).get("format"):
        require(generation >= (4, 5), "output_config.format: not supported by this model", "output_config")
        check_strict_schema(form["schema"], "output_config.format.schema")
    check_anthropic_messages(body["messages"], prefill=generation < (4, 6))
    require(json.dumps(body).count('"cache_control": {') <= 4, "A maximum of 4 blocks with cache_control", "messages")


def claude_generation(model):
    """(4, 5) of claude-sonnet-4-5, (4, 0) of claude-sonnet-4-20250514."""
    match = re.fullmatch(r"claude-[a-z]+-(\d+)(?:-(\d{1,2}))?(?:-\d{8})?", model)
    require(match, f"model: {model}", "model")
    return int(match[1]), int(match[2] or 0)


def check_anthropic_tools(body):
    tools = {tool["name"]: tool for tool in body.get("tools", [])}
    for name, tool in tools.items():
        require(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name), f"tools: name {name!r}", "tools")
        require(tool["input_schema"].get("type") == "object", "tools: input_schema.type must be object", "tools")
        if tool.get("strict"):
            check_strict_schema(tool["input_schema"], "tools")
    choice = body.get("tool_choice")
    require(not choice or tools, "tool_choice may only be specified while providing tools", "tool_choice")
    if choice and choice["type"] == "tool":
        require(choice["name"] in tools, f"tool_choice: no tool {choice['name']}", "tool_choice")
    if choice and choice["type"] in ("any", "tool"):
        enabled = (body.get("thinking") or {}).get("type") == "enabled"
        require(not enabled, "Thinking may not be enabled when tool_choice forces tool use", "tool_choice")


def check_anthropic_thinking(body, generation):
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled":
        budget = thinking["budget_tokens"]
        require(1024 <= budget < body["max_tokens"], "thinking.budget_tokens: 1024 ≤ budget < max_tokens", "thinking")
    if thinking.get("type") == "adaptive":
        require(generation >= (4, 6), "thinking.type: adaptive is not supported by this model", "thinking")
    if "effort" in (body.get("output_config") or {}):
        require(generation >= (4, 6), "output_config.effort: not supported by this model", "output_config")


def check_anthropic_messages(messages, prefill):
    require(messages, "messages: at least one message is required", "messages")
    require(prefill or messages[-1]["role"] == "user", "This model does not support assistant prefill", "messages")
    previous, open_calls = None, []
    for position, message in enumerate(messages):
        where, turn = f"messages.{position}", blocks(message["content"])
        kinds = [block["type"] for block in turn]
        require(message["role"] in ("user", "assistant"), f"{where}: role {message['role']}", "messages")
        require(message["role"] != previous, f"{where}: two {previous} turns in a row", "messages")
        require(turn, f"{where}: content must be non-empty", "messages")
        for block in turn:
            if block["type"] == "text":
                require(block["text"].strip(), f"{where}: text content blocks must be non-empty", "messages")
            if block["type"] == "thinking":
                ours = block["thinking"] == THOUGHT and block["signature"] == SIGNATURE
                require(ours, f"{where}: thinking blocks cannot be modified", "messages")
        if message["role"] == "assistant":
            thoughts = [kind in ("thinking", "redacted_thinking") for kind in kinds]
            require(thoughts == sorted(thoughts, reverse=True), f"{where}: thinking must come first", "messages")
            open_calls = [block["id"] for block in turn if block["type"] == "tool_use"]
            require(len(set(open_calls)) == len(open_calls), f"{where}: tool_use ids must be unique", "messages")
            for call in open_calls:
                require(re.fullmatch(r"[a-zA-Z0-9_-]+", call), f"{where}: tool_use.id {call!r}", "messages")
        else:
            results = [block["tool_use_id"] for block in turn if block["type"] == "tool_result"]
            message_text = f"{where}: tool_use ids were found without tool_result blocks immediately after"
            require(sorted(results) == sorted(open_calls), message_text, "messages")
            first = kinds[: len(results)] == ["tool_result"] * len(results)
            require(first, f"{where}: tool_result blocks must come first", "messages")
            open_calls = []
        previous = message["role"]
    require(not open_calls, "tool_use ids were found without tool_result blocks immediately after", "messages")
    if previous == "assistant" and kinds[-1] == "text":
        text = turn[-1]["text"]
        require(text == text.rstrip(), "final assistant content cannot end with trailing whitespace", "messages")
