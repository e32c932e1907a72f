"""How each protocol says a reply, whole and streamed. A streamed reply is a sequence of server-sent events, as text."""

import itertools
import json

from script import SIGNATURE, fragments_of


def fragments(text):
    return fragments_of(text, 9)


def event(data, name=None):
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data, ensure_ascii=False)}\n\n"


OPENAI_USAGE = {
    "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}  # fmt: skip


class OpenAi:
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, ask, number):
        self.ask, self.number = ask, number
        self.common = {"id": f"chatcmpl-{number}", "created": 1_763_800_000, "model": f"{ask.model}-2024-07-18"}

    def call(self, position, name):
        return {"id": f"call_{self.number}_{position}", "type": "function", "function": {"name": name, "arguments": ""}}

    def whole(self, reply):
        message = {"role": "assistant", "content": reply.text, "refusal": None, "annotations": self.annotations(reply)}
        if reply.calls:
            message["tool_calls"] = [self.call(k, name) for k, (name, _) in enumerate(reply.calls)]
            for call, (_, arguments) in zip(message["tool_calls"], reply.calls):
                call["function"]["arguments"] = arguments
        finish = "tool_calls" if reply.calls and self.ask.choice in (None, "any") else "stop"
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {**self.common, "object": "chat.completion", "choices": [choice], "usage": OPENAI_USAGE,
                "service_tier": "default", "system_fingerprint": "fp_1"}  # fmt: skip

    def annotations(self, reply):
        ends = list(itertools.accumulate(len(text) for text, _, _ in reply.sources))
        return [
            {
                "type": "url_citation",
                "url_citation": {"start_index": end - len(text), "end_index": end, "url": url, "title": title},
            }
            for end, (text, url, title) in zip(ends, reply.sources, strict=True)
        ]

    def chunk(self, delta=None, finish=None, **more):
        choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
        usage = {"usage": None} if self.ask.usage else {}
        head = {
            **self.common,
            "object": "chat.completion.chunk",
            "service_tier": "default",
            "system_fingerprint": "fp_1",
        }
        return event({**head, "choices": choices, **usage, **more, "obfuscation": "x" * 8})

    def head(self):
        yield self.chunk({"role": "assistant", "content": "", "refusal": None})

    def text(self, text):
        yield self.chunk({"content": text})

    def stream(self, reply):
        yield from self.head()
        for piece in fragments(reply.text or ""):
            yield from self.text(piece)
        if reply.sources:
            yield self.chunk({"annotations": self.annotations(reply)})
        for position, (name, arguments) in enumerate(reply.calls):
            yield self.chunk({"tool_calls": [{"index": position, **self.call(position, name)}]})
            for piece in fragments(arguments):
                yield self.chunk({"tool_calls": [{"index": position, "function": {"arguments": piece}}]})
        yield self.chunk({}, "tool_calls" if reply.calls and self.ask.choice in (None, "any") else "stop")
        if self.ask.usage:
            yield self.chunk(usage=OPENAI_USAGE)
        yield "data: [DONE]\n\n"


ANTHROPIC_INPUT = {"input_tokens": 4, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 5}


class Anthropic:
    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, ask, number):
        self.ask, self.number = ask, number
        self.message = {
            **{"id": f"msg_{number}", "type": "message", "role": "assistant", "model": ask.model},
            **{"content": [], "stop_reason": None, "stop_sequence": None},
            "usage": {**ANTHROPIC_INPUT, "output_tokens": 1, "service_tier": "standard"},
        }
        self.blocks = 0

    def tool_use(self, position, name):
        return {"type": "tool_use", "id": f"toolu_{self.number}_{position}", "name": name, "input": {}}

    def stop_reason(self, reply):
        return "tool_use" if reply.calls else "end_turn"

    def whole(self, reply):
        content = []
        if reply.thought:
            content.append({"type": "thinking", "thinking": reply.thought, "signature": SIGNATURE})
        for text, citations in self.texts(reply):
            content.append({"type": "text", "text": text, **({"citations": citations} if citations else {})})
        for position, (name, arguments) in enumerate(reply.calls):
            content.append({**self.tool_use(position, name), "input": json.loads(arguments)})
        usage = {**self.message["usage"], "output_tokens": 7}
        return {**self.message, "content": content, "stop_reason": self.stop_reason(reply), "usage": usage}

    def texts(self, reply):
        """The text blocks: one for each source, or the one that there is."""
        for text, url, title in reply.sources:
            found = {"type": "web_search_result_location", "cited_text": text, "encrypted_index": "aW5kZXg="}
            yield text, [{**found, "url": url, "title": title}]
        if reply.text and not reply.sources:
            yield reply.text, []

    def named(self, kind, **fields):
        return event({"type": kind, **fields}, kind)

    def block(self, start, deltas):
        yield self.named("content_block_start", index=self.blocks, content_block=start)
        for delta in deltas:
            yield self.named("content_block_delta", index=self.blocks, delta=delta)
        yield self.named("content_block_stop", index=self.blocks)
        self.blocks += 1

    def head(self):
        yield self.named("message_start", message=self.message)
        yield self.named("ping")

    def text(self, text):
        if self.blocks == 0:
            self.blocks = 1
            yield self.named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield self.named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def stream(self, reply):
        yield from self.head()
        if reply.thought:
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in fragments(reply.thought)]
            deltas.append({"type": "signature_delta", "signature": SIGNATURE})
            yield from self.block({"type": "thinking", "thinking": "", "signature": ""}, deltas)
        for text, citations in self.texts(reply):
            deltas = [{"type": "citations_delta", "citation": citation} for citation in citations]
            deltas += [{"type": "text_delta", "text": piece} for piece in fragments(text)]
            yield from self.block({"type": "text", "text": ""}, deltas)
        for position, (name, arguments) in enumerate(reply.calls):
            pieces = [] if arguments == "{}" else fragments(arguments)
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ["", *pieces]]
            yield from self.block(self.tool_use(position, name), deltas)
        stop = {"stop_reason": self.stop_reason(reply), "stop_sequence": None}
        yield self.named("message_delta", delta=stop, usage={"output_tokens": 7})
        yield self.named("message_stop")
