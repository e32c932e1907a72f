"""Amazon's Converse: what botocore's service model and signer refuse, the rules that no type can say, and its words."""

import base64
import binascii
import json
import re
import struct
import zlib
from datetime import datetime
from urllib.parse import unquote

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator

from refuse import API_KEY, Refused, check_headers, require
from script import SIGNATURE, THOUGHT, Ask, fragments_of

PATH = re.compile(r"/model/([A-Za-z0-9._~%-]+)/(converse|converse-stream)")
ACCESS_KEY, REGION = "AKIDEXAMPLE", "eu-west-1"
SERVICE = botocore.session.get_session().get_service_model("bedrock-runtime")
SHAPES = {
    "converse": SERVICE.operation_model("Converse").input_shape,
    "converse-stream": SERVICE.operation_model("ConverseStream").input_shape,
}


def check(request):
    if request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
        check_headers({**request.headers, "authorization": API_KEY}, "authorization", API_KEY)
        check_signature(request)
    else:
        check_headers(request.headers, "authorization", f"Bearer {API_KEY}")
        require("x-amz-date" not in request.headers, "a bearer key needs no signature")
    model, operation = PATH.fullmatch(request.path).groups()
    parameters = {"modelId": unquote(model), **from_json(SHAPES[operation], request.document, "body")}
    report = ParamValidator().validate(parameters, SHAPES[operation])
    require(not report.has_errors(), report.generate_report())
    body = request.document
    check_tools(body)
    check_messages(body.get("messages") or [])


def check_signature(request):
    """Signs the request as botocore does, with the headers that were signed, and compares."""
    given = dict(re.findall(r"(\w+)=([^,\s]+)", request.headers["authorization"]))
    signed = given["SignedHeaders"].split(";")
    require(given["Credential"].startswith(f"{ACCESS_KEY}/"), "UnrecognizedClientException")
    require({"host", "x-amz-date"} <= set(signed), "host and x-amz-date must be signed")
    headers = {name: request.headers[name] for name in signed if name != "host"}
    again = AWSRequest("POST", f"http://{request.headers['host']}{request.path}", headers, request.body)
    again.context["timestamp"] = request.headers["x-amz-date"]
    datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    signer = SigV4Auth(Credentials(ACCESS_KEY, API_KEY), "bedrock", REGION)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    if signer.signature(text, again) != given["Signature"]:
        message = "The request signature we calculated does not match the signature you provided."
        raise Refused(message, status=403, kind="InvalidSignatureException")


def from_json(shape, value, where):
    """The body as botocore's parameters: blobs are bytes there, and base64 in JSON."""
    if shape.type_name == "blob":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise Refused(f"{where}: not base64") from error
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        return {
            name: from_json(shape.members[name], inner, f"{where}.{name}") if name in shape.members else inner
            for name, inner in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [from_json(shape.member, inner, where) for inner in value]
    return value


def check_tools(body):
    config = body.get("toolConfig") or {}
    names = [tool["toolSpec"]["name"] for tool in config.get("tools", []) if "toolSpec" in tool]
    require(len(set(names)) == len(names), "toolConfig.tools: names must be unique")
    for tool in config.get("tools", []):
        if "toolSpec" in tool:
            require(tool["toolSpec"]["inputSchema"]["json"].get("type") == "object", "inputSchema.json.type: object")
    if named := (config.get("toolChoice") or {}).get("tool"):
        require(named["name"] in names, f"toolChoice: no tool {named['name']}")
    used = any("toolUse" in b or "toolResult" in b for m in body.get("messages") or [] for b in m["content"])
    require(names or not used, "The toolConfig field must be defined when using toolUse and toolResult content blocks.")


def check_messages(messages):
    require(messages, "A conversation must start with a user message.")
    require(messages[0]["role"] == "user", "A conversation must start with a user message.")
    previous, open_calls, documents = None, [], []
    for position, message in enumerate(messages):
        where, content = f"messages.{position}", message["content"]
        require(message["role"] != previous, f"{where}: roles must alternate between user and assistant")
        require(content, f"{where}: The content field is empty.")
        for block in content:
            require(
                "text" not in block or block["text"].strip(), f"{where}: The text field in a ContentBlock is blank."
            )
            if "document" in block:
                require(any("text" in other for other in content), f"{where}: a text block must be included")
                name = block["document"]["name"]
                legal = re.fullmatch(r"[A-Za-z0-9\-()\[\]]+( [A-Za-z0-9\-()\[\]]+)*", name)
                require(legal and name not in documents, f"{where}: document name {name!r}")
                documents.append(name)
            if thought := block.get("reasoningContent", {}).get("reasoningText"):
                ours = thought == {"text": THOUGHT, "signature": SIGNATURE}
                require(ours, f"{where}: thinking blocks cannot be modified")
        calls = [block["toolUse"]["toolUseId"] for block in content if "toolUse" in block]
        results = [block["toolResult"]["toolUseId"] for block in content if "toolResult" in block]
        if message["role"] == "assistant":
            require(len(set(calls)) == len(calls), f"{where}: toolUseId must be unique")
            open_calls = calls
        else:
            require(sorted(results) == sorted(open_calls), f"{where}: Expected toolResult blocks for {open_calls}")
            open_calls = []
        previous = message["role"]
    require(not open_calls, "Expected toolResult blocks at the end")


def ask(request):
    model, operation = PATH.fullmatch(request.path).groups()
    body = request.document
    users = [message["content"] for message in body["messages"] if message["role"] == "user"]
    said = [content for content in users if any("text" in block for block in content)]
    config = body.get("toolConfig") or {}
    choice = config.get("toolChoice") or {}
    extra = body.get("additionalModelRequestFields") or {}
    form = (body.get("outputConfig") or {}).get("textFormat")
    single = (extra.get("tool_choice") or {}).get("disable_parallel_tool_use", False)
    return Ask(
        model=unquote(model).removeprefix("anthropic."),
        stream=operation == "converse-stream",
        text="".join(block.get("text", "") for block in said[-1]) if said else "",
        results=[text_of_result(block["toolResult"]) for block in users[-1] if "toolResult" in block],
        tools=[(t["toolSpec"]["name"], t["toolSpec"]["inputSchema"]["json"]) for t in config.get("tools", [])],
        choice="any" if "any" in choice else (choice.get("tool") or {}).get("name"),
        schema=json.loads(form["structure"]["jsonSchema"]["schema"]) if form else None,
        thinks=(extra.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        usage=True,
        single=single,
    )


def text_of_result(result):
    return "".join(block.get("text", "") for block in result["content"])


USAGE = {
    "inputTokens": 4, "outputTokens": 7, "totalTokens": 18, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 2,
}  # fmt: skip


class Bedrock:
    content_type = "application/vnd.amazon.eventstream"

    def __init__(self, ask, number):
        self.ask, self.number, self.blocks = ask, number, 0

    def stop_reason(self, reply):
        return "tool_use" if reply.calls else "end_turn"

    def tool_use(self, position, name):
        return {"toolUseId": f"tooluse_{self.number}_{position}", "name": name}

    def whole(self, reply):
        content = []
        if reply.thought:
            text = {"text": reply.thought, "signature": SIGNATURE}
            content.append({"reasoningContent": {"reasoningText": text}})
        content += [block for text in self.texts(reply) for block in text]
        for position, (name, arguments) in enumerate(reply.calls):
            content.append({"toolUse": {**self.tool_use(position, name), "input": json.loads(arguments)}})
        message = {"role": "assistant", "content": content}
        return {"output": {"message": message}, "stopReason": self.stop_reason(reply), "usage": USAGE,
                "metrics": {"latencyMs": 1}}  # fmt: skip

    def texts(self, reply):
        for text, url, title in reply.sources:
            citation = {"title": title, "location": {"web": {"url": url}}}
            yield [{"citationsContent": {"content": [{"text": text}], "citations": [citation]}}]
        if reply.text and not reply.sources:
            yield [{"text": reply.text}]

    def block(self, deltas, start=None):
        index = {"contentBlockIndex": self.blocks}
        if start is not None:
            yield frame("contentBlockStart", {**index, "start": start})
        for delta in deltas:
            yield frame("contentBlockDelta", {**index, "delta": delta})
        yield frame("contentBlockStop", index)
        self.blocks += 1

    def head(self):
        yield frame("messageStart", {"role": "assistant"})

    def text(self, text):
        yield frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})

    def stream(self, reply):
        yield from self.head()
        if reply.thought:
            deltas = [{"reasoningContent": {"text": piece}} for piece in fragments_of(reply.thought, 9)]
            yield from self.block([*deltas, {"reasoningContent": {"signature": SIGNATURE}}])
        for text, url, title in reply.sources:
            citation = {"title": title, "location": {"web": {"url": url}}}
            deltas = [{"citation": citation}, *({"text": piece} for piece in fragments_of(text, 9))]
            yield from self.block(deltas)
        if reply.text and not reply.sources:
            yield from self.block([{"text": piece} for piece in fragments_of(reply.text, 9)])
        for position, (name, arguments) in enumerate(reply.calls):
            pieces = [] if arguments == "{}" else fragments_of(arguments, 9)
            deltas = [{"toolUse": {"input": piece}} for piece in ["", *pieces]]
            yield from self.block(deltas, {"toolUse": self.tool_use(position, name)})
        metadata = frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}})
        stop = frame("messageStop", {"stopReason": self.stop_reason(reply)})
        # Amazon sends them in either order.
        yield from [metadata, stop] if self.number % 2 else [stop, metadata]


def frame(kind, payload):
    """A frame of the event stream: prelude, its checksum, headers, payload, checksum of it all."""
    names = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in names.items()
    )
    body = json.dumps({**payload, "p": "abcdefgh"}, ensure_ascii=False).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    frame = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return frame + struct.pack(">I", zlib.crc32(frame))


def error(refused):
    return {"message": str(refused)}
