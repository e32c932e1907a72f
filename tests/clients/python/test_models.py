"""`GET /v1/models`, as each key may see it."""

import openai
import pytest

from stack import CLAUDE, GPT


def test_list(client):
    models = client.models.list().data
    assert {GPT, CLAUDE} <= {model.id for model in models}
    assert all(model.object == "model" and model.created > 0 and model.owned_by for model in models)


def test_list_holds_what_the_key_may_use(bob):
    names = [model.id for model in bob.models.list()]
    assert GPT in names
    assert all(name.startswith("gpt-") for name in names)


def test_retrieve(client):
    assert client.models.retrieve(CLAUDE).id == CLAUDE


def test_retrieve_of_an_unknown_and_of_a_forbidden_model_look_alike(client, bob):
    with pytest.raises(openai.NotFoundError) as unknown:
        bob.models.retrieve("claude-unknown")
    with pytest.raises(openai.NotFoundError) as forbidden:
        bob.models.retrieve(CLAUDE)
    assert unknown.value.code == forbidden.value.code == "model_not_found"
    assert unknown.value.message.replace("claude-unknown", CLAUDE) == forbidden.value.message
