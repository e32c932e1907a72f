"""Where the stack under test is (run.sh starts it), and how to talk to its two ends without an SDK."""

import http.client
import json
import os
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

GATEWAY = os.environ["GATEWAY_URL"]
UPSTREAM = os.environ["UPSTREAM_URL"]
ALICE = "sk-test-alice"  # may use every model
BOB = "sk-test-bob"  # may use gpt-*

GPT = "gpt-4o-mini"
CLAUDE = "claude-sonnet-4-20250514"
CLAUDE_STRUCTURED = "claude-sonnet-4-5"  # the first that has structured output of its own
CLAUDE_THINKING = "claude-sonnet-4-6"  # the first that thinks adaptively
BOTH = [GPT, CLAUDE]

# One model for each protocol, and for each that a protocol treats in a way of its own.
MODELS = {
    "openai": GPT,
    "anthropic": CLAUDE,
    "anthropic-4.6": CLAUDE_THINKING,
    "gemini": "gemini-2.5-flash",
    "gemini-3": "gemini-3-pro-preview",
    "bedrock": "anthropic.claude-sonnet-4-20250514-v1:0",
    "bedrock-nova": "amazon.nova-2-lite-v1:0",
    "azure": "az-mini",
    "azure-v1": "az-mini-v1",
}


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


def call(base, method, path, body=None, headers=None):
    """One exchange over a connection of its own; bytes go out as they are, anything else as JSON."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=30)
    try:
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, raw, {"content-type": "application/json", **(headers or {})})
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def chat(body, key=ALICE):
    return call(GATEWAY, "POST", "/v1/chat/completions", body, {"authorization": f"Bearer {key}"} if key else {})


class Upstream:
    """The scripted provider's control routes; see ../upstream."""

    def state(self):
        return call(UPSTREAM, "GET", "/__state").json()

    def received(self, after):
        """The requests that came after the first `after` ones."""
        return call(UPSTREAM, "GET", f"/__log?after={after}").json()

    def replay(self, **answer):
        """What every request gets: status, headers, content_type, body and its encoding (or base64)."""
        call(UPSTREAM, "PUT", "/__replay", answer)

    def stop_replay(self):
        call(UPSTREAM, "DELETE", "/__replay")

    def await_state(self, marker, state, seconds):
        """How long it took until the exchange whose user text holds `marker` was `state`."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            found = [exchange for exchange in self.state()["exchanges"] if marker in exchange["text"]]
            if found and all(exchange["state"] == state for exchange in found):
                return time.monotonic() - begin
            time.sleep(0.01)
        raise AssertionError(f"upstream saw {found or 'nothing'} after {seconds} s, not {state!r}")


def user(text):
    return [{"role": "user", "content": text}]


def said(text):
    """What the script answers to a plain text."""
    return f"You said: {text} Grüße, 世界 🦀"
