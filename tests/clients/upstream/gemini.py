"""Google's generateContent: what google-genai's own types refuse, the rules that no type can say, and its words."""

import json
import re

import pydantic
from google.genai import types
from pydantic import TypeAdapter

from refuse import API_KEY, Refused, check_headers, require
from script import GEMINI_SIGNATURE, THOUGHT, Ask, fragments_of

PATH = re.compile(r"/v1beta/models/([A-Za-z0-9._~%-]+):(generateContent|streamGenerateContent)")

# google-genai's types of the fields of the body; those that the SDK hides in its config are named here.
FIELDS = {
    "contents": list[types.Content],
    "systemInstruction": types.Content,
    "tools": list[types.Tool],
    "toolConfig": types.ToolConfig,
    "safetySettings": list[types.SafetySetting],
    "generationConfig": types.GenerationConfig,
    "cachedContent": str,
    "serviceTier": str,
    "store": bool,
    "labels": dict[str, str],
}
ADAPTERS = {name: TypeAdapter(kind) for name, kind in FIELDS.items()}
FINISH = "STOP"
NO_PARAMETERS = {"type": "object", "properties": {}}

# What stands for the signature of a call that another model made: raw, and in base64.
BYPASS = ("skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")


def check(request):
    check_headers(request.headers, "x-goog-api-key", API_KEY)
    require("authorization" not in request.headers, "authorization was smuggled upstream")
    require("key=" not in request.query and API_KEY not in request.query, "the key stands in the URL")
    streams = request.path.endswith(":streamGenerateContent")
    require(request.query == ("alt=sse" if streams else ""), f"query {request.query!r}")
    body = request.document
    for name, value in body.items():
        require(name in FIELDS, f'Unknown name "{name}": Cannot find field.', name)
        try:
            ADAPTERS[name].validate_python(value)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, (name, *first["loc"])))
            raise Refused(f"{place}: {first['msg']}", param=name) from error
    require(body.get("contents"), "contents is not specified", "contents")
    model = PATH.fullmatch(request.path)[1]
    check_config(body.get("generationConfig") or {}, generation(model))
    check_tools(body)
    check_contents(body["contents"], generation(model))


def generation(model):
    found = re.match(r"gemini-(\d+)(?:\.(\d+))?", model)
    return (int(found[1]), int(found[2] or 0)) if found else (9, 0)


def check_config(config, since):
    thinking = config.get("thinkingConfig") or {}
    both = "thinkingBudget" in thinking and "thinkingLevel" in thinking
    require(not both, "You can only set only one of thinking budget and thinking level.", "generationConfig")
    require("thinkingLevel" not in thinking or since >= (3, 0), "Thinking level is not supported", "generationConfig")
    require(all(config.get("stopSequences", ["x"])), "stop sequences must not be empty", "generationConfig")
    if since >= (3, 0):
        for name in ("presencePenalty", "frequencyPenalty"):
            require(not config.get(name), f"{name} is not supported by this model", "generationConfig")
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    require(not schema or config.get("responseMimeType"), "a schema needs responseMimeType", "generationConfig")


def check_tools(body):
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    require(sum("functionDeclarations" in tool for tool in body.get("tools") or []) <= 1, "one tool holds them all")
    names = [one["name"] for one in declared]
    require(len(set(names)) == len(names), "Duplicate function declaration found", "tools")
    for one in declared:
        require(re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", one["name"]), f"name {one['name']!r}", "tools")
        if "parameters" in one:
            properties = one["parameters"].get("properties")
            require(properties, "properties: should be non-empty for OBJECT type", "tools")
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    for name in calling.get("allowedFunctionNames") or []:
        require(name in names, f"allowed_function_names: {name} is not declared", "toolConfig")
        require(calling["mode"] in ("ANY", "VALIDATED"), "allowed_function_names needs mode ANY", "toolConfig")


def check_contents(contents, since):
    open_calls = []
    current = max((k for k, content in enumerate(contents) if is_said_by_user(content)), default=0)
    for position, content in enumerate(contents):
        where = f"contents[{position}]"
        parts = content.get("parts")
        require(content.get("role") in ("user", "model"), f"{where}: Please use a valid role: user, model.")
        require(parts, f"{where}.parts: contents.parts must not be empty.")
        for part in parts:
            signature = part.get("thoughtSignature", GEMINI_SIGNATURE)
            require(signature in (GEMINI_SIGNATURE, *BYPASS), f"{where}: Corrupted thought signature.")
            require(THOUGHT not in part.get("text", ""), f"{where}: a thought came back as a text")
            require(part.get("text") != "" or "thoughtSignature" in part, f"{where}: empty text")
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        results = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if content["role"] == "model":
            require(not open_calls, f"{where}: a function response turn must come after a function call turn")
            require(not results, f"{where}: the model gives no function responses")
            open_calls = calls
            if since >= (3, 0) and calls and position > current:
                first = next(part for part in parts if "functionCall" in part)
                require("thoughtSignature" in first, f"{where}: Function call is missing a thought_signature")
            require(since >= (3, 0) or not any("id" in call for call in calls), f"{where}: unknown name id")
        else:
            names = [result["name"] for result in results]
            expected = [call["name"] for call in open_calls]
            message = "the number of function response parts must equal that of the function call parts, in their order"
            require(names == expected, f"{where}: {message}: {names} for {expected}")
            open_calls = []
    require(not open_calls, "a function call turn must be followed by its responses")


def is_said_by_user(content):
    return content.get("role") == "user" and any("text" in part or "inlineData" in part for part in content["parts"])


def ask(request):
    body = request.document
    users = [content["parts"] for content in body["contents"] if content["role"] == "user"]
    said = [parts for parts in users if any("text" in part for part in parts)]
    config = body.get("generationConfig") or {}
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    allowed = calling.get("allowedFunctionNames") or []
    choice = {"ANY": "any", "NONE": "none"}.get(calling.get("mode"))
    tools = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations") or []]
    tools = [one for one in tools if not allowed or one["name"] in allowed]
    thinking = config.get("thinkingConfig") or {}
    return Ask(
        model=PATH.fullmatch(request.path)[1],
        stream=request.path.endswith(":streamGenerateContent"),
        text="".join(part.get("text", "") for part in said[-1]) if said else "",
        results=[text_of_result(part["functionResponse"]) for part in users[-1] if "functionResponse" in part],
        tools=[(one["name"], one.get("parametersJsonSchema") or one.get("parameters") or NO_PARAMETERS) for one in tools],
        choice=allowed[0] if choice == "any" and len(allowed) == 1 else choice,
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        thinks=bool(thinking) and thinking.get("thinkingBudget") != 0,
        usage=True,
        single=False,
    )


def text_of_result(result):
    response = result["response"]
    return response["output"] if isinstance(response.get("output"), str) else json.dumps(response)


class Gemini:
    content_type = "text/event-stream"

    def __init__(self, ask, number):
        self.ask, self.number = ask, number

    def usage(self, reply):
        thoughts = 3 if reply.thought else 0
        usage = {"promptTokenCount": 11, "cachedContentTokenCount": 5, "totalTokenCount": 18}
        return {**usage, "candidatesTokenCount": 7 - thoughts, **({"thoughtsTokenCount": 3} if thoughts else {})}

    def answer(self, parts, finish=None, usage=None):
        candidate = {"index": 0, **({"content": {"role": "model", "parts": parts}} if parts else {})}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "modelVersion": self.ask.model,
            "responseId": f"resp-{self.number}",
            **({"usageMetadata": usage} if usage else {}),
        }

    def calls(self, reply):
        signed = generation(self.ask.model) >= (3, 0)
        for position, (name, arguments) in enumerate(reply.calls):
            call = {"name": name, **({"args": json.loads(arguments)} if arguments != "{}" else {})}
            part = {"functionCall": call}
            if signed:
                call["id"] = f"fc-{self.number}-{position}"
                if position == 0:
                    part["thoughtSignature"] = GEMINI_SIGNATURE
            yield part

    def whole(self, reply):
        parts = [{"text": reply.thought, "thought": True}] if reply.thought else []
        parts += [{"text": text} for text in fragments_of(reply.text, 40)]
        answer = self.answer([*parts, *self.calls(reply)], FINISH, self.usage(reply))
        if reply.sources:
            answer["candidates"][0]["groundingMetadata"] = grounding(reply)
        return answer

    def event(self, answer):
        return f"data: {json.dumps(answer, ensure_ascii=False)}\r\n\r\n"

    def head(self):
        return iter(())

    def text(self, text):
        yield self.event(self.answer([{"text": text}]))

    def stream(self, reply):
        for piece in fragments_of(reply.thought, 9):
            yield self.event(self.answer([{"text": piece, "thought": True}]))
        for piece in fragments_of(reply.text, 9):
            yield from self.text(piece)
        for part in self.calls(reply):
            yield self.event(self.answer([part], usage={"promptTokenCount": 11, "totalTokenCount": 11}))
        last = self.answer([], FINISH, self.usage(reply))
        if reply.sources:
            last["candidates"][0]["groundingMetadata"] = grounding(reply)
        yield self.event(last)


def grounding(reply):
    supports, at = [], 0
    for position, (text, _, _) in enumerate(reply.sources):
        end = at + len(text.encode())
        segment = {"startIndex": at, "endIndex": end, "text": text}
        supports.append({"segment": segment, "groundingChunkIndices": [position]})
        at = end
    chunks = [{"web": {"uri": url, "title": title}} for _, url, title in reply.sources]
    return {"groundingChunks": chunks, "groundingSupports": supports}


def error(refused):
    status = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED"}.get(refused.status, "INTERNAL")
    return {"error": {"code": refused.status, "message": str(refused), "status": status}}
