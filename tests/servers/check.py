"""Asks a real model server through the gateway with openai-python: both of its protocols, whole and streamed."""

import concurrent.futures
import json
import sys
import time

import httpx
import openai

GATEWAY, SERVER = sys.argv[1], sys.argv[2]
MODELS = ["through-openai", "through-anthropic"]
SCHEMA = {
    "type": "object",
    "properties": {"name": {"enum": ["ant", "elephant"]}, "large": {"type": "boolean"}},
    "required": ["name", "large"],
    "additionalProperties": False,
}

client = openai.OpenAI(base_url=f"{GATEWAY}/v1", api_key="sk-test-alice", max_retries=0, timeout=60)


def said(text):
    return [{"role": "system", "content": "Speak."}, {"role": "user", "content": text}]


def whole(model, text, **options):
    options = {"max_completion_tokens": 24, "temperature": 0, **options}
    return client.chat.completions.create(model=model, messages=said(text), **options)


def streamed(model, text, **options):
    options = {"max_completion_tokens": 24, "temperature": 0, "stream_options": {"include_usage": True}, **options}
    chunks = list(client.chat.completions.create(model=model, messages=said(text), stream=True, **options))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    reasons = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    usages = [c.usage for c in chunks if c.usage]
    return text, reasons, usages, chunks


def tokens_that_the_server_counts():
    metrics = httpx.get(f"{SERVER}/metrics").text
    line = next(line for line in metrics.splitlines() if line.startswith("llamacpp:tokens_predicted_total"))
    return int(float(line.split()[-1]))


def whole_and_streamed_say_the_same(model):
    one = whole(model, "hello")
    text, reasons, usages, chunks = streamed(model, "hello")
    assert one.choices[0].message.content == text and text, (one, text)
    assert reasons == [one.choices[0].finish_reason] == ["length"], reasons
    assert len(usages) == 1 and usages[0].completion_tokens == one.usage.completion_tokens == 24, usages
    assert usages[0].prompt_tokens == one.usage.prompt_tokens > 5, (usages, one.usage)
    assert len({chunk.id for chunk in chunks}) == 1


def the_usage_is_what_the_server_counts(model):
    before = tokens_that_the_server_counts()
    used = sum(whole(model, f"count {n}").usage.completion_tokens for n in range(5))
    assert tokens_that_the_server_counts() - before == used, used


def a_schema_is_kept(model):
    schema = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": SCHEMA}}
    answer = whole(model, "a thing", response_format=schema, max_completion_tokens=400)
    thing = json.loads(answer.choices[0].message.content)
    assert set(thing) == {"name", "large"} and thing["name"] in ("ant", "elephant"), thing
    text, *_ = streamed(model, "a thing", response_format=schema, max_completion_tokens=400)
    assert json.loads(text) == thing, text


def a_stop_sequence_stops(model):
    text = whole(model, "stop here", max_completion_tokens=64).choices[0].message.content
    word = text.split()[2]
    cut = whole(model, "stop here", max_completion_tokens=64, stop=[word])
    assert cut.choices[0].finish_reason == "stop" and word not in cut.choices[0].message.content


def bad_input_is_the_clients(model):
    try:
        whole(model, "x" * 40_000)
    except openai.BadRequestError as error:
        assert error.body["type"], error.body
    else:
        raise AssertionError("a prompt beyond the context was taken")


def thirty_two_at_once(model):
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        texts = list(pool.map(lambda n: streamed(model, f"number {n % 4}", seed=1)[0], range(32)))
    assert all(texts)


def a_client_that_leaves_stops_the_server(model):
    stream = client.chat.completions.create(
        model=model, messages=said("go on"), stream=True, max_completion_tokens=3000
    )
    next(iter(stream))
    stream.close()
    time.sleep(1)
    before = tokens_that_the_server_counts()
    busy = [slot for slot in httpx.get(f"{SERVER}/slots").json() if slot["is_processing"]]
    assert not busy, "the server still works for a client that has left"
    time.sleep(0.5)
    assert tokens_that_the_server_counts() == before


# What a model of random weights cannot be brought to: a tool call, since the server forces none of it; and a schema in
# Anthropic's protocol, of which the server knows nothing.
ONLY_OPENAI = [a_schema_is_kept]

CHECKS = [
    whole_and_streamed_say_the_same,
    the_usage_is_what_the_server_counts,
    a_schema_is_kept,
    a_stop_sequence_stops,
    bad_input_is_the_clients,
    thirty_two_at_once,
    a_client_that_leaves_stops_the_server,
]

failed = 0
for model in MODELS:
    for check in CHECKS:
        if check in ONLY_OPENAI and model != "through-openai":
            continue
        began = time.monotonic()
        try:
            check(model)
            outcome = "ok"
        except Exception as error:  # each check is reported, whatever goes wrong in it
            outcome, failed = f"FAILED: {type(error).__name__}: {error}"[:600], failed + 1
        print(f"{model:18} {check.__name__.replace('_', ' '):42} {time.monotonic() - began:6.2f} s  {outcome}")
sys.exit(failed > 0)
