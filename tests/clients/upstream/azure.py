"""Azure OpenAI: OpenAI's bodies at other places, with the marks of its content filter."""

import json
import re

from refuse import API_KEY, check_headers, check_openai_body, require
from script import openai_ask
from words import OpenAi

CLASSIC = re.compile(r"/openai/deployments/([A-Za-z0-9._~%-]+)/chat/completions")
V1 = re.compile(r"/openai/v1/chat/completions")
SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}
PROMPT = [{"prompt_index": 0, "content_filter_results": SAFE}]


def check(request):
    check_headers(request.headers, "api-key", API_KEY)
    require("authorization" not in request.headers, "authorization was smuggled upstream")
    if CLASSIC.fullmatch(request.path):
        require(re.fullmatch(r"api-version=\d{4}-\d\d-\d\d(-preview)?", request.query), f"query {request.query!r}")
    else:
        require(request.query in ("", "api-version=preview", "api-version=v1"), f"query {request.query!r}")
    nulls = [name for name, value in request.document.items() if value is None]
    require(not nulls, f"{nulls}: null is not of type")
    check_openai_body({"model": "in-the-path", **request.document})


def ask(request):
    classic = CLASSIC.fullmatch(request.path)
    return openai_ask({**request.document, **({"model": classic[1]} if classic else {})})


class Azure(OpenAi):
    def whole(self, reply):
        answer = super().whole(reply)
        for choice in answer["choices"]:
            choice["content_filter_results"] = SAFE
        return {**answer, "prompt_filter_results": PROMPT}

    def stream(self, reply):
        yield from self.first()
        yield from super().stream(reply)

    def first(self):
        empty = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        yield f"data: {json.dumps({**empty, 'prompt_filter_results': PROMPT})}\n\n"
