"""What a client gets when it is wrong, or the provider is: the SDK's own exception, with OpenAI's four fields."""

import openai
import pytest

from stack import BOTH, CLAUDE, GPT, chat, user


def error_of(raises, call, **options):
    with pytest.raises(raises) as caught:
        call(**options)
    error = caught.value
    assert set(error.body) >= {"message", "type", "param", "code"}
    assert error.body["message"] and error.type
    assert error.request_id
    return error


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [*BOTH, "unknown"])
def test_wrong_key(client, watch, model, stream):
    stranger = client.with_options(api_key="sk-test-nobody")
    create = stranger.chat.completions.create
    error = error_of(openai.AuthenticationError, create, model=model, messages=user("hi"), stream=stream)
    assert error.code == "invalid_api_key"
    assert "nobody" not in str(error.body)
    assert watch.received() == []


def test_missing_and_wrong_key_look_alike():
    ask = {"model": GPT, "messages": user("hi")}
    missing, wrong = chat(ask, key=None), chat(ask, key="sk-test-nobody")
    assert missing.status == wrong.status == 401
    assert missing.body == wrong.body


@pytest.mark.parametrize("stream", [False, True])
def test_unknown_model(client, stream):
    create = client.chat.completions.create
    error = error_of(openai.NotFoundError, create, model="unknown", messages=user("hi"), stream=stream)
    assert (error.code, error.param) == ("model_not_found", "model")
    assert "unknown" in error.message


def test_a_model_of_others_does_not_exist(client, bob, watch):
    unknown = error_of(openai.NotFoundError, bob.chat.completions.create, model="claude-x", messages=user("hi"))
    hidden = error_of(openai.NotFoundError, bob.chat.completions.create, model=CLAUDE, messages=user("hi"))
    assert unknown.message.replace("claude-x", CLAUDE) == hidden.message
    assert unknown.code == hidden.code == "model_not_found"
    assert watch.received() == []


@pytest.mark.parametrize(
    ("param", "wrong"),
    [
        ("messages", {"messages": []}),
        ("messages", {"messages": "hi"}),
        ("messages", {"messages": None}),
        ("model", {"model": 7}),
        ("model", {"model": None}),
        ("stream", {"stream": "yes"}),
    ],
)
@pytest.mark.parametrize("model", BOTH)
def test_bad_request(client, watch, model, param, wrong):
    create = client.chat.completions.create
    error = error_of(openai.BadRequestError, create, model=model, messages=user("hi"), extra_body=wrong)
    assert error.param == param
    assert error.type == "invalid_request_error"
    assert watch.received() == []


@pytest.mark.parametrize(
    ("param", "ask"),
    [
        ("logit_bias", {"logit_bias": {"50256": -100}}),
        ("n", {"n": 2}),
        ("logprobs", {"logprobs": True}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_untranslatable(client, watch, param, ask, stream):
    create = client.chat.completions.create
    error = error_of(openai.BadRequestError, create, model=CLAUDE, messages=user("hi"), stream=stream, **ask)
    assert (error.param, error.code) == (param, "unsupported_parameter")
    assert watch.received() == []


@pytest.mark.parametrize("stream", [False, True])
def test_the_providers_own_refusal_passes(client, watch, stream):
    watch.may_reject = True
    create = client.chat.completions.create
    error = error_of(openai.BadRequestError, create, model=GPT, messages=user("hi"), temperature=3, stream=stream)
    assert error.param == "temperature"
    assert "Invalid 'temperature'" in error.message
