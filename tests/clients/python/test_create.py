"""`chat.completions.create`, whole and streamed, sync and async."""

import asyncio

import pytest

from stack import BOTH, CLAUDE, said, user


@pytest.mark.parametrize("model", BOTH)
def test_sync(client, model):
    answer = client.chat.completions.create(model=model, messages=user("hello"), max_tokens=64)
    assert answer.choices[0].message.content == said("hello")
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model.startswith(model)
    assert_usage(answer.usage)
    assert answer._request_id


@pytest.mark.parametrize("model", BOTH)
def test_async(async_client, model):
    async def run():
        async with async_client() as client:
            return await client.chat.completions.create(model=model, messages=user("hello"))

    assert asyncio.run(run()).choices[0].message.content == said("hello")


@pytest.mark.parametrize("model", BOTH)
def test_every_kind_of_turn(client, watch, model):
    messages = [
        {"role": "system", "content": "You are terse."},
        {"role": "developer", "content": [{"type": "text", "text": "Metric units only."}]},
        {"role": "user", "content": "hi", "name": "kim"},
        {"role": "assistant", "content": "Hello."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aWNvbg==", "detail": "low"}},
            ],
        },
    ]
    answer = client.chat.completions.create(model=model, messages=messages, temperature=0.5, stop=["END"], user="u-1")
    assert answer.choices[0].message.content == said("what is this?")
    assert "aWNvbg==" in watch.received()[0]["body"]


@pytest.mark.parametrize("usage", [True, False])
@pytest.mark.parametrize("model", BOTH)
def test_stream(client, model, usage):
    options = {"stream_options": {"include_usage": True}} if usage else {}
    with client.chat.completions.create(model=model, messages=user("hello"), stream=True, **options) as stream:
        chunks = list(stream)
    assert text_of(chunks) == said("hello")
    assert [c.finish_reason for chunk in chunks for c in chunk.choices if c.finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    if usage:
        assert chunks[-1].choices == []
        assert_usage(chunks[-1].usage)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks[: -1 if usage else None])


@pytest.mark.parametrize("model", BOTH)
def test_async_stream(async_client, model):
    async def run():
        async with async_client() as client:
            stream = await client.chat.completions.create(model=model, messages=user("hello"), stream=True)
            return [chunk async for chunk in stream]

    assert text_of(asyncio.run(run())) == said("hello")


def test_many_at_once_on_one_pool(async_client):
    """Forty answers of both protocols, whole and streamed, over one client's connections: none sees another's text."""

    async def whole(client, model, text):
        answer = await client.chat.completions.create(model=model, messages=user(text))
        return answer.choices[0].message.content

    async def streamed(client, model, text):
        stream = await client.chat.completions.create(model=model, messages=user(text), stream=True)
        return text_of([chunk async for chunk in stream])

    async def run():
        async with async_client() as client:
            asks = [(how, BOTH[k % 2], f"tenant {how.__name__} {k}") for k in range(20) for how in (whole, streamed)]
            answers = await asyncio.gather(*(how(client, model, text) for how, model, text in asks))
            return [(answer, said(text)) for answer, (_, _, text) in zip(answers, asks)]

    for answer, expected in asyncio.run(run()):
        assert answer == expected


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("model", BOTH)
def test_sources(client, model, streamed):
    """A streamed answer has them in one chunk: the stream helper raises when a second list of them comes, for they have
    no index (and openai-node's keeps only the last list)."""
    if streamed:
        with client.chat.completions.stream(model=model, messages=user("cite")) as stream:
            message = stream.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(model=model, messages=user("cite")).choices[0].message
    annotations = message.model_dump()["annotations"]
    found = [annotation["url_citation"] for annotation in annotations]
    assert [one["url"] for one in found] == ["https://a.example/1", "https://b.example/2"]
    assert [message.content[one["start_index"] : one["end_index"]] for one in found] == ["It rains. ", "It pours."]


def test_dropped_hints_are_named(client):
    response = client.chat.completions.with_raw_response.create(
        model=CLAUDE, messages=user("hello"), seed=7, frequency_penalty=0.5, temperature=1.5
    )
    named = response.headers["x-dropped-params"]
    assert all(name in named for name in ("seed", "frequency_penalty", "temperature"))
    assert response.parse().choices[0].message.content == said("hello")


def test_always_asks_the_upstream_for_usage(client, watch):
    list(client.chat.completions.create(model=BOTH[0], messages=user("hello"), stream=True))
    assert '"include_usage":true' in watch.received()[0]["body"].replace(" ", "")


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def assert_usage(usage):
    """Both protocols' scripts bill alike: 11 tokens in, of which 5 cached, and 7 out."""
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, 7, 18)
    assert usage.prompt_tokens_details.cached_tokens == 5
