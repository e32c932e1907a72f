"""A scripted provider on 127.0.0.1 that speaks every provider's wire protocol, for the client suites.

It shares no code with the crate's own mock, and it is as strict as the providers are: a request that they would refuse
gets a 400 in their shape, is listed under `rejected` in `GET /__state`, and so fails the test that caused it.

The request decides the answer, by words in the newest user turn:

    "count forever"   a stream without end, one delta every 20 ms
    "fall silent"     a stream that stops talking after its first delta, without closing
    "never answer"    no response head at all
    a schema          an example of that schema, as JSON text
    a tool's name     a call of each tool that it names ("weather" is enough for get_weather), or of the forced one
    tool results      "The tools said: …"
    "cite"            two sentences, each with its source on the web
    anything else     "You said: …", with characters of two, three and four bytes

Control: `GET /__state` (what is open, done, aborted), `GET /__log?after=N` (the requests as they came),
`PUT /__replay` (answer everything with this status, content type and body) and `DELETE /__replay`.
"""

import asyncio
import base64
import itertools
import json
import re
from dataclasses import dataclass

import azure
import bedrock
import gemini
from refuse import Refused, check_anthropic, check_openai
from script import anthropic_ask, openai_ask, reply_to
from words import Anthropic, OpenAi

PIECE = 13  # streamed bodies are cut into pieces of this many bytes: inside lines, and inside characters
TICK = 0.02  # seconds between two deltas of an endless stream


@dataclass
class Request:
    path: str
    query: str
    headers: dict
    body: bytes
    document: dict  # the body, once it is known to be JSON


@dataclass
class Protocol:
    name: str
    paths: re.Pattern
    check: callable
    ask: callable
    words: type
    headers: dict  # what a real provider adds and a gateway must not pass on
    error: callable

    def headers_of(self, refused):
        if self.name != "bedrock":
            return self.headers
        kind = refused.kind if refused.kind.endswith("Exception") else "ValidationException"
        return {**self.headers, "x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/"}


def openai_error(refused):
    return {"error": {"message": str(refused), "type": refused.kind, "param": refused.param, "code": None}}


def anthropic_error(refused):
    detail = {"message": str(refused), "type": refused.kind}
    return {"type": "error", "error": detail, "request_id": "req_upstream"}


PROTOCOLS = [
    Protocol(
        "openai", re.compile("/v1/chat/completions"),
        check_openai, lambda request: openai_ask(request.document), OpenAi,
        {"openai-organization": "org-of-the-host", "set-cookie": "__cf_bm=1", "x-request-id": "req_upstream"},
        openai_error,
    ),
    Protocol(
        "anthropic", re.compile("/v1/messages"),
        check_anthropic, lambda request: anthropic_ask(request.document), Anthropic,
        {"anthropic-organization-id": "org-of-the-host", "set-cookie": "__cf_bm=1", "request-id": "req_upstream"},
        anthropic_error,
    ),
    Protocol(
        "gemini", gemini.PATH, gemini.check, gemini.ask, gemini.Gemini,
        {"x-gemini-service-tier": "standard", "set-cookie": "__cf_bm=1", "server": "scaffolding"}, gemini.error,
    ),
    Protocol(
        "bedrock", bedrock.PATH, bedrock.check, bedrock.ask, bedrock.Bedrock,
        {"x-amzn-requestid": "amzn-upstream", "set-cookie": "__cf_bm=1"}, bedrock.error,
    ),
    Protocol(
        "azure", re.compile(f"{azure.CLASSIC.pattern}|{azure.V1.pattern}"), azure.check, azure.ask, azure.Azure,
        {"apim-request-id": "apim-upstream", "x-ms-region": "West Europe", "set-cookie": "__cf_bm=1"}, openai_error,
    ),
]  # fmt: skip


class Gone(Exception):
    """The gateway closed the connection before the answer was complete."""


class Upstream:
    def __init__(self):
        self.log, self.exchanges, self.rejected, self.replay = [], [], [], None

    async def connection(self, reader, writer):
        try:
            while request := await read_request(reader):
                await self.serve(Exchange(reader, writer), *request)
        except (ConnectionError, asyncio.IncompleteReadError, Gone):
            pass
        finally:
            writer.close()

    async def serve(self, exchange, method, target, headers, body):
        path, _, query = target.partition("?")
        if path.startswith("/__"):
            await exchange.json(200, self.control(method, path, query, body))
            return
        number = len(self.log) + 1
        self.log.append({"number": number, "path": path, "query": query, "headers": headers, "body": body.decode()})
        state = {"number": number, "text": "", "state": "open"}
        self.exchanges.append(state)
        try:
            await self.answer(exchange, state, method, Request(path, query, headers, body, {}))
            state["state"] = "done"
        except (ConnectionError, Gone):
            state["state"] = "aborted"
            raise

    def control(self, method, path, query, body):
        match method, path:
            case "GET", "/__state":
                return {"requests": len(self.log), "rejected": self.rejected, "exchanges": self.exchanges[-100:]}
            case "GET", "/__log":
                return self.log[int(query.removeprefix("after=") or 0) :]
            case "PUT", "/__replay":
                self.replay = json.loads(body)
            case "DELETE", "/__replay":
                self.replay = None
            case _:
                return {"error": f"no such control: {method} {path}"}
        return {}

    async def answer(self, exchange, state, method, request):
        if self.replay:
            await exchange.replay(**self.replay)
            return
        protocol = next((one for one in PROTOCOLS if one.paths.fullmatch(request.path)), None)
        if method != "POST" or not protocol:
            await exchange.json(404, {"error": {"message": f"{method} {request.path}", "type": "not_found_error"}})
            return
        try:
            request.document = json.loads(request.body)
            protocol.check(request)
            ask = protocol.ask(request)
        except (Refused, ValueError) as error:
            refused = error if isinstance(error, Refused) else Refused(f"not JSON: {error}")
            self.rejected.append({"number": state["number"], "protocol": protocol.name, "reason": str(refused)})
            await exchange.json(refused.status, protocol.error(refused), protocol.headers_of(refused))
            return
        state["text"] = ask.text
        words = protocol.words(ask, state["number"])
        if "never answer" in ask.text:
            await exchange.wait_until_gone()
        elif not ask.stream:
            await exchange.json(200, words.whole(reply_to(ask)), protocol.headers)
        else:
            await exchange.stream(self.events(ask, words, exchange), words.content_type, protocol.headers)

    async def events(self, ask, words, exchange):
        if "count forever" in ask.text or "fall silent" in ask.text:
            for text in itertools.chain(words.head(), words.text("1 ")):
                yield text
            if "fall silent" in ask.text:
                await exchange.wait_until_gone()
            for number in itertools.count(2):
                await asyncio.sleep(TICK)
                for text in words.text(f"{number} "):
                    yield text
        else:
            for text in words.stream(reply_to(ask)):
                yield text


class Exchange:
    """One response on a connection, with an eye on whether the other side is still there."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def gone(self):
        return self.reader.at_eof() or self.reader.exception() is not None or self.writer.is_closing()

    async def wait_until_gone(self):
        while not self.gone():
            await asyncio.sleep(0.005)
        raise Gone

    async def send(self, *pieces):
        for piece in pieces:
            if self.gone():
                raise Gone
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    def head(self, status, content_type, headers, framing):
        lines = {"content-type": content_type, "date": "Sat, 22 Nov 2025 12:00:00 GMT", **headers, **framing}
        return "".join(
            [f"HTTP/1.1 {status} Scripted\r\n", *(f"{k}: {v}\r\n" for k, v in lines.items()), "\r\n"]
        ).encode()

    async def json(self, status, document, headers={}):
        body = json.dumps(document, ensure_ascii=False).encode()
        await self.send(self.head(status, "application/json", headers, {"content-length": len(body)}) + body)

    async def replay(self, status, content_type, body, encoding="utf-8", headers={}):
        raw = base64.b64decode(body) if encoding == "base64" else body.encode(encoding)
        await self.send(self.head(status, content_type, headers, {"content-length": len(raw)}) + raw)

    async def stream(self, events, content_type, headers):
        framing = {"cache-control": "no-cache", "transfer-encoding": "chunked"}
        await self.send(self.head(200, content_type, headers, framing))
        async for text in events:
            raw = text if isinstance(text, bytes) else text.encode()
            pieces = [raw[start : start + PIECE] for start in range(0, len(raw), PIECE)]
            await self.send(*(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces))
        await self.send(b"0\r\n\r\n")


async def read_request(reader):
    """Method, target, headers and body of the next request; None when the connection ends between two requests."""
    line = await reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers = {}
    while (line := (await reader.readline()).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return method, target, headers, body


async def main():
    server = await asyncio.start_server(Upstream().connection, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(f"listening on http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
