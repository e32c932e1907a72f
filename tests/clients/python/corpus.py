"""Requests as the world sends them: what varies is the conversation, the options, the tools, and all of them together.

None of them names a model. Each is legal for OpenAI."""

import itertools
import json
import random

from stack import user

PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"
TEXT_FILE = "data:text/plain;base64,R3LDvMOfZQ=="


def tool(name, parameters=None, **more):
    function = {"name": name, **({"parameters": parameters} if parameters is not None else {}), **more}
    return {"type": "function", "function": function}


def obj(properties, **more):
    return {"type": "object", "properties": properties, **more}


STRING = {"type": "string"}
TOWN = obj({"town": STRING}, required=["town"])
WEATHER = tool("get_weather", TOWN, description="Weather in a town")
CLOCK = tool("get_clock")


def call(id, name, arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def calling(*calls, content=None):
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(id, content):
    return {"role": "tool", "tool_call_id": id, "content": content}


WEATHER_CALL = call("call_1", "get_weather", {"town": "Graz"})
CLOCK_CALL = call("call_2", "get_clock", {})
TEXT = {"type": "text", "text": "What is this?"}


def image(url=PNG, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


def file(data, name):
    return {"type": "file", "file": {"file_data": data, "filename": name}}


def said(*turns):
    """Turns of user and assistant in their order."""
    return [{"role": role, "content": text} for role, text in zip(itertools.cycle(["user", "assistant"]), turns)]


SYSTEM = {"role": "system", "content": "Answer briefly."}
DEVELOPER = {"role": "developer", "content": "Use plain words."}

CONVERSATIONS = {
    "one turn": user("hello"),
    "parts": [{"role": "user", "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": " there"}]}],
    "unicode": user('Grüße 世界 🦀 \u2028 \u0085 \ufeff "quoted" \\ \t end'),
    "separators": user("data: [DONE]\n\ndata: {}\r\n\r\nevent: x"),
    "long": user("word " * 4000),
    "system": [SYSTEM, *user("hello")],
    "developer": [DEVELOPER, *user("hello")],
    "system and developer": [SYSTEM, DEVELOPER, *user("hello")],
    "system parts": [
        {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        *user("x"),
    ],
    "three turns": said("hello", "Hi.", "and now?"),
    "nine turns": said("a", "b", "c", "d", "e", "f", "g", "h", "i"),
    "two users in a row": [*user("one"), *user("two")],
    "two assistants in a row": [*said("a", "b"), {"role": "assistant", "content": "c"}, *user("d")],
    "system in between": [*said("a", "b"), SYSTEM, *user("c")],
    "names": [{"role": "user", "name": "Ann", "content": "hello"}],
    "empty assistant": [*user("a"), {"role": "assistant", "content": ""}, *user("b")],
    "refusal in history": [*user("a"), {"role": "assistant", "content": None, "refusal": "No."}, *user("b")],
    "assistant parts": [*user("a"), {"role": "assistant", "content": [{"type": "text", "text": "b"}]}, *user("c")],
    "one image": [{"role": "user", "content": [TEXT, image()]}],
    "image first": [{"role": "user", "content": [image(), TEXT]}],
    "image detail": [{"role": "user", "content": [TEXT, image(detail="low")]}],
    "two images": [{"role": "user", "content": [image(), TEXT, image(detail="high")]}],
    "image in history": [
        {"role": "user", "content": [TEXT, image()]},
        {"role": "assistant", "content": "A dot."},
        *user("sure?"),
    ],
    "pdf": [{"role": "user", "content": [TEXT, file(PDF, "paper.pdf")]}],
    "two files of one name": [{"role": "user", "content": [TEXT, file(PDF, "a.pdf"), file(PDF, "a.pdf")]}],
    "odd file name": [{"role": "user", "content": [TEXT, file(PDF, "../Übung (1)__final.v2.pdf")]}],
    "text file": [{"role": "user", "content": [TEXT, file(TEXT_FILE, "notes.txt")]}],
}

HISTORIES = {
    "one result": [*user("weather"), calling(WEATHER_CALL), result("call_1", "rain")],
    "text and call": [*user("weather"), calling(WEATHER_CALL, content="Let me look."), result("call_1", "rain")],
    "two results": [*user("both"), calling(WEATHER_CALL, CLOCK_CALL), result("call_1", "rain"), result("call_2", "12:00")],
    "results in another order": [*user("both"), calling(WEATHER_CALL, CLOCK_CALL), result("call_2", "12:00"), result("call_1", "rain")],
    "result and user": [*user("weather"), calling(WEATHER_CALL), result("call_1", "rain"), *user("thanks")],
    "two rounds": [
        *user("weather"), calling(WEATHER_CALL), result("call_1", "rain"),
        calling(call("call_3", "get_weather", {"town": "Linz"})), result("call_3", "sun"),
    ],
    "rounds apart": [
        *user("weather"), calling(WEATHER_CALL), result("call_1", "rain"), {"role": "assistant", "content": "Rain."},
        *user("and in Linz?"), calling(call("call_9", "get_weather", {"town": "Linz"})), result("call_9", "sun"),
    ],
    "an id used again": [
        *user("weather"), calling(WEATHER_CALL), result("call_1", "rain"), {"role": "assistant", "content": "Rain."},
        *user("again"), calling(WEATHER_CALL), result("call_1", "sun"),
    ],
    "odd ids": [*user("weather"), calling(call("functions.get_weather:0", "get_weather", {})), result("functions.get_weather:0", "x")],
    "long ids": [*user("weather"), calling(call("call_" + "x" * 90, "get_weather", {})), result("call_" + "x" * 90, "x")],
    "empty result": [*user("weather"), calling(WEATHER_CALL), result("call_1", "")],
    "result of parts": [*user("weather"), calling(WEATHER_CALL), result("call_1", [{"type": "text", "text": "rain"}])],
    "result is an object": [*user("weather"), calling(WEATHER_CALL), result("call_1", '{"sky": "rain", "$ref": "#/x"}')],
    "result is an array": [*user("weather"), calling(WEATHER_CALL), result("call_1", '[1, 2]')],
    "empty arguments": [
        *user("clock"),
        calling({"id": "call_5", "type": "function", "function": {"name": "get_clock", "arguments": ""}}),
        result("call_5", "12:00"),
    ],
    "with a system": [SYSTEM, *user("weather"), calling(WEATHER_CALL), result("call_1", "rain")],
}  # fmt: skip

OPTIONS = {
    "temperature 0": {"temperature": 0},
    "temperature 0.7": {"temperature": 0.7},
    "temperature 1": {"temperature": 1},
    "temperature 2": {"temperature": 2},
    "top_p": {"top_p": 0.9},
    "both samplings": {"temperature": 0.5, "top_p": 0.5},
    "max_tokens": {"max_tokens": 100},
    "max_completion_tokens": {"max_completion_tokens": 5000},
    "stop": {"stop": "END"},
    "stops": {"stop": ["END", "\n\nHuman:"]},
    "no stops": {"stop": []},
    "seed": {"seed": 7},
    "penalties": {"presence_penalty": 0, "frequency_penalty": 0},
    "n 1": {"n": 1},
    "user": {"user": "user-7"},
    "safety identifier": {"safety_identifier": "abc"},
    "metadata": {"metadata": {"team": "search"}},
    "store": {"store": False},
    "effort low": {"reasoning_effort": "low", "max_completion_tokens": 8000},
    "effort medium": {"reasoning_effort": "medium", "max_completion_tokens": 8000},
    "effort high": {"reasoning_effort": "high", "max_completion_tokens": 30000},
    "verbosity": {"verbosity": "low"},
    "tier auto": {"service_tier": "auto"},
    "tier default": {"service_tier": "default"},
    "cache key": {"prompt_cache_key": "k"},
    "logprobs off": {"logprobs": False, "logit_bias": {}},
    "format text": {"response_format": {"type": "text"}},
    "format object": {"response_format": {"type": "json_object"}},
    "modalities": {"modalities": ["text"]},
    "nulls": {"temperature": None, "top_p": None, "stop": None, "seed": None, "n": None, "max_tokens": None},
    "everything": {
        "temperature": 0.3, "max_completion_tokens": 300, "stop": ["X"], "seed": 1, "user": "u", "metadata": {"a": "b"},
        "store": False, "n": 1,
    },
}  # fmt: skip


def schema(name, schema, strict=True):
    return {
        "response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": strict, "schema": schema}}
    }


CLOSED = {"additionalProperties": False}
STEP = obj({"text": STRING, "done": {"type": "boolean"}}, required=["text", "done"], **CLOSED)
SCHEMAS = {
    "plain schema": schema("plan", obj({"town": STRING}, required=["town"], **CLOSED)),
    "nested schema": schema("plan", obj({"steps": {"type": "array", "items": STEP}}, required=["steps"], **CLOSED)),
    "enum schema": schema("plan", obj({"kind": {"type": "string", "enum": ["a", "b"]}}, required=["kind"], **CLOSED)),
    "refs": schema(
        "plan", obj({"step": {"$ref": "#/$defs/step"}}, required=["step"], **CLOSED, **{"$defs": {"step": STEP}})
    ),
    "any of": schema("plan", obj({"v": {"anyOf": [STRING, {"type": "null"}]}}, required=["v"], **CLOSED)),
    "numbers": schema("plan", obj({"a": {"type": "integer"}, "b": {"type": "number"}}, required=["a", "b"], **CLOSED)),
}

TOOLS = {
    "one tool": {"tools": [WEATHER]},
    "two tools": {"tools": [WEATHER, CLOCK]},
    "no parameters": {"tools": [CLOCK]},
    "empty parameters": {"tools": [tool("get_clock", obj({}))]},
    "refs in tools": {"tools": [tool("plan", obj({"step": {"$ref": "#/$defs/step"}}, **{"$defs": {"step": STEP}}))]},
    "keywords": {
        "tools": [
            tool(
                "measure",
                obj({"n": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}, "c": {"const": "x"}}),
            )
        ]
    },
    "additional properties": {"tools": [tool("note", {"type": "object", "additionalProperties": {"type": "string"}})]},
    "union type": {"tools": [tool("maybe", obj({"v": {"type": ["string", "null"]}}))]},
    "strict tool": {"tools": [tool("plan", obj({"town": STRING}, required=["town"], **CLOSED), strict=True)]},
    "property named type": {"tools": [tool("typed", obj({"type": STRING, "properties": STRING, "required": STRING}))]},
    "long description": {"tools": [tool("tell", TOWN, description="d" * 900)]},
    "thirty tools": {"tools": [tool(f"tool_{k}", TOWN) for k in range(30)]},
    "choice auto": {"tools": [WEATHER], "tool_choice": "auto"},
    "choice none": {"tools": [WEATHER], "tool_choice": "none"},
    "choice required": {"tools": [WEATHER, CLOCK], "tool_choice": "required"},
    "choice named": {"tools": [WEATHER, CLOCK], "tool_choice": {"type": "function", "function": {"name": "get_clock"}}},
    "no parallel calls": {"tools": [WEATHER, CLOCK], "parallel_tool_calls": False},
}

TALK = user("weather and clock and plan and note and measure and maybe and typed and tell and 7?")


def corpus():
    """The requests by their names."""
    requests = {f"conversation: {name}": {"messages": messages} for name, messages in CONVERSATIONS.items()}
    requests |= {
        f"history: {name}": {"messages": turns, "tools": [WEATHER, CLOCK]} for name, turns in HISTORIES.items()
    }
    requests |= {f"option: {name}": {"messages": user("hello"), **options} for name, options in OPTIONS.items()}
    requests |= {f"schema: {name}": {"messages": user("plan"), **options} for name, options in SCHEMAS.items()}
    requests |= {f"tools: {name}": {"messages": TALK, **options} for name, options in TOOLS.items()}
    requests["history: without tools"] = {"messages": HISTORIES["one result"]}
    dice = random.Random(7)
    for number in range(110):
        name, history = dice.choice([*CONVERSATIONS.items(), *HISTORIES.items()])
        pick = [dice.choice([*OPTIONS.items(), *SCHEMAS.items()]) for _ in range(dice.randint(1, 2))]
        with_tools = name in HISTORIES or dice.random() < 0.3
        options = {"tools": [WEATHER, CLOCK]} if with_tools else {}
        for _, more in pick:
            options |= more
        names = ", ".join([name, *(chosen for chosen, _ in pick), *(["tools"] if with_tools else [])])
        requests[f"mixed {number}: {names}"] = {"messages": history, **options}
    return requests
