import openai
import pytest

import stack


@pytest.fixture
def client():
    with openai.OpenAI(base_url=f"{stack.GATEWAY}/v1", api_key=stack.ALICE, max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
def bob(client):
    return client.with_options(api_key=stack.BOB)


@pytest.fixture
def async_client():
    """Made inside the test's event loop: `async with async_client() as client`."""
    return lambda: openai.AsyncOpenAI(base_url=f"{stack.GATEWAY}/v1", api_key=stack.ALICE, max_retries=0, timeout=30)


class Watch:
    """What the upstream saw during one test."""

    def __init__(self):
        self.upstream = stack.Upstream()
        state = self.upstream.state()
        self.requests, self.rejections = state["requests"], len(state["rejected"])
        self.may_reject = False

    def received(self):
        return self.upstream.received(self.requests)

    def rejected(self):
        return self.upstream.state()["rejected"][self.rejections :]


@pytest.fixture(autouse=True)
def watch():
    """A request that the provider would refuse fails the test, whatever the client made of it."""
    watch = Watch()
    yield watch
    assert watch.may_reject or watch.rejected() == []
