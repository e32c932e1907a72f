"""What a client meets at its limits: the SDK's own exception, a time to wait that is right, and its built-in retry."""

import time

import openai
import pytest

from stack import GATEWAY, GPT, call, user

CAROL = "sk-test-carol"  # thirty requests a minute
DAVE = "sk-test-dave"  # less money than one answer costs


def use_up(carol):
    """Asks until it is refused."""
    for _ in range(200):
        try:
            carol.chat.completions.create(model=GPT, messages=user("hi"), max_completion_tokens=10)
        except openai.RateLimitError as error:
            return error
    raise AssertionError("200 requests in a row were let in")


def test_the_wait_is_told_and_the_built_in_retry_succeeds(client):
    carol = client.with_options(api_key=CAROL)
    error = use_up(carol)
    assert (error.code, error.type) == ("rate_limit_exceeded", "rate_limit_error")
    headers = error.response.headers
    assert 0 < int(headers["retry-after-ms"]) <= 2000
    assert int(headers["retry-after"]) in (1, 2)
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("30", "0")
    assert "30" in error.message and "carol" in error.message

    begin = time.monotonic()
    patient = carol.with_options(max_retries=2)
    answer = patient.chat.completions.create(model=GPT, messages=user("hi"), max_completion_tokens=10)
    assert answer.choices[0].message.content
    assert time.monotonic() - begin < 4


@pytest.mark.parametrize("stream", [False, True])
def test_a_spent_budget_is_not_tried_again(client, watch, stream):
    dave = client.with_options(api_key=DAVE, max_retries=2)
    try:
        dave.chat.completions.create(model=GPT, messages=user("hi"))
    except openai.RateLimitError:
        assert stream, "the first answer is let in: nothing was spent yet"
    before = len(watch.received())
    begin = time.monotonic()
    with pytest.raises(openai.RateLimitError) as caught:
        dave.chat.completions.create(model=GPT, messages=user("hi"), stream=stream)
    assert caught.value.code == "insufficient_quota"
    assert time.monotonic() - begin < 0.4, "the SDK was told not to try again"
    assert len(watch.received()) == before


def test_a_budget_refuses_what_it_cannot_price(client, watch):
    dave = client.with_options(api_key=DAVE, max_retries=0)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        dave.chat.completions.create(model="unpriced", messages=user("hi"))
    assert caught.value.code == "model_not_priced"
    assert watch.received() == []


def test_a_caller_may_ask_how_it_stands():
    report = call(GATEWAY, "GET", "/v1/usage", headers={"authorization": f"Bearer {DAVE}"}).json()
    assert (report["object"], report["id"]) == ("usage", "dave")
    assert report["budget"]["limit_usd"] == "0.000001" and report["requests"] is None
