"""What the script answers: a request of any protocol, reduced to what matters, and the reply to it."""

import itertools
import json
from dataclasses import dataclass, field


def blocks(content):
    """Anthropic and OpenAI both allow a string where a list of parts may stand."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


THOUGHT = "The user wants this done. Schritt für Schritt."
SIGNATURE = "c2lnbmVkIGJ5IHVwc3RyZWFtLnB5"  # Claude's, at Anthropic and on Bedrock
GEMINI_SIGNATURE = "Z2VtaW5pIHNpZ25lZCB0aGlz"


SOURCES = [("It rains. ", "https://a.example/1", "One"), ("It pours.", "https://b.example/2", "Two")]


@dataclass
class Ask:
    """A request of any protocol, reduced to what the script looks at."""

    model: str
    stream: bool
    text: str  # the newest user turn that is not a tool result
    results: list  # texts of the tool results that end the conversation
    tools: list  # (name, schema)
    choice: str | None  # None, "none", "any", or a tool's name
    schema: dict | None
    thinks: bool
    usage: bool  # OpenAI: the stream's usage chunk was asked for
    single: bool  # no parallel tool calls


@dataclass
class Reply:
    text: str | None = None
    thought: str | None = None
    calls: list = field(default_factory=list)  # (name, arguments as JSON text)
    sources: list = field(default_factory=list)  # (text, url, title): what the answer says and where it read that


def fragments_of(text, size):
    """A text in pieces; none of nothing."""
    return [text[start : start + size] for start in range(0, len(text or ""), size)]


def text_of(content):
    return "".join(part["text"] for part in blocks(content or []) if part["type"] == "text")


def openai_ask(body):
    messages = body["messages"]
    results = list(itertools.takewhile(lambda message: message["role"] == "tool", reversed(messages)))
    choice = body.get("tool_choice", "auto")
    form = body.get("response_format") or {}
    return Ask(
        model=body["model"],
        stream=bool(body.get("stream")),
        text=next((text_of(m["content"]) for m in reversed(messages) if m["role"] == "user"), ""),
        results=[text_of(message["content"]) for message in reversed(results)],
        tools=[
            (t["function"]["name"], t["function"].get("parameters") or {"type": "object"})
            for t in body.get("tools") or []
        ],
        choice={"auto": None, "required": "any"}.get(choice, choice)
        if isinstance(choice, str)
        else choice["function"]["name"],
        schema=form["json_schema"]["schema"] if form.get("type") == "json_schema" else None,
        thinks=False,
        usage=bool((body.get("stream_options") or {}).get("include_usage")),
        single=body.get("parallel_tool_calls") is False,
    )


def anthropic_ask(body):
    users = [blocks(message["content"]) for message in body["messages"] if message["role"] == "user"]
    last = users[-1] if users else []
    choice = body.get("tool_choice") or {"type": "auto"}
    form = (body.get("output_config") or {}).get("format")
    said = [turn for turn in users if any(block["type"] == "text" for block in turn)]
    return Ask(
        model=body["model"],
        stream=bool(body.get("stream")),
        text=text_of(said[-1]) if said else "",
        results=[text_of(block.get("content")) for block in last if block["type"] == "tool_result"],
        tools=[(tool["name"], tool["input_schema"]) for tool in body.get("tools") or []],
        choice={"auto": None, "tool": choice.get("name")}.get(choice["type"], choice["type"]),
        schema=form and form["schema"],
        thinks=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        usage=True,
        single=bool(choice.get("disable_parallel_tool_use")),
    )


def example(schema, root=None):
    """The smallest value that a JSON schema allows and a test can predict."""
    root = root or schema
    if "$ref" in schema:
        target = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        return example(target, root)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], root)
    match schema.get("type"):
        case "object":
            return {name: example(inner, root) for name, inner in (schema.get("properties") or {}).items()}
        case "array":
            return [example(schema["items"], root)]
        case "integer" | "number":
            return 7
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "Graz"


def reply_to(ask):
    reply = Reply(thought=THOUGHT if ask.thinks else None)
    if ask.schema:
        reply.text = json.dumps(example(ask.schema))
    elif ask.results:
        reply.text = f"The tools said: {' | '.join(ask.results)}"
    elif calls := called_tools(ask):
        # Claude talks before it calls, unless it is forced to call.
        reply.text = "Let me look." if "claude" in ask.model and ask.choice is None else None
        reply.calls = [(name, json.dumps(example(schema))) for name, schema in calls]
    elif "cite" in ask.text:
        reply.sources = SOURCES
        reply.text = "".join(text for text, _, _ in SOURCES)
    else:
        reply.text = f"You said: {ask.text} Grüße, 世界 🦀"
    return reply


def called_tools(ask):
    said = ask.text.lower()
    if ask.choice == "none":
        return []
    calls = [
        tool
        for tool in ask.tools
        if ask.choice in (None, "any") and any(word in said for word in tool[0].lower().split("_") if word != "get")
    ] or [tool for tool in ask.tools if ask.choice in ("any", tool[0])][:1]
    return calls[:1] if ask.single else calls
