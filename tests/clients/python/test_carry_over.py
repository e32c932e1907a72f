"""Conversations that move from provider to provider at each turn: what was said, shown and called stays said, shown and
called; each provider's own types take it (../upstream), and no provider is shown another's signatures."""

import json
import random

import pytest

from corpus import CLOCK, PNG, WEATHER, image
from stack import MODELS

TURNS = 10
DATA = PNG.partition(",")[2]
TOOLS = [WEATHER, CLOCK]


THINKERS = [name for name in MODELS if name not in ("openai", "azure", "azure-v1")]


def dropped(answer):
    return [name.strip() for name in answer.headers.get("x-dropped-params", "").split(",") if name.strip()]


def said(dice, number):
    """What the user says: a word that nothing else has, perhaps a picture, perhaps something for the tools to do."""
    wish = dice.choice(["", "", "the weather?", "the clock?", "weather and clock?"])
    text = {"type": "text", "text": f"marker-{number} {wish}".strip()}
    if dice.random() < 0.3:
        return {"role": "user", "content": [text, image()]}
    return {"role": "user", "content": text["text"] if dice.random() < 0.5 else [text]}


@pytest.mark.parametrize("seed", range(24))
def test_conversation(client, watch, seed):
    dice = random.Random(seed)
    messages = [{"role": "system", "content": "marker-system"}] if dice.random() < 0.5 else []
    markers = ["marker-system"] if messages else []
    keeps_extra = dice.random() < 0.7
    pictures = calls = results = 0
    protocol = None
    for number in range(TURNS):
        protocol = dice.choice([other for other in MODELS if other != protocol])
        if messages and messages[-1].get("tool_calls"):
            for call in messages[-1]["tool_calls"]:
                results += 1
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": f"marker-result-{results}"})
                markers.append(f"marker-result-{results}")
        else:
            messages.append(said(dice, number))
            markers.append(f"marker-{number}")
            pictures += json.dumps(messages[-1]).count(DATA)

        thinks = {"reasoning_effort": "low"} if protocol in THINKERS and dice.random() < 0.6 else {}
        answer = client.chat.completions.with_raw_response.create(
            model=MODELS[protocol], messages=messages, tools=TOOLS, max_completion_tokens=4000, **thinks
        )
        assert set(dropped(answer)) <= {"reasoning_effort"}, answer.headers
        (sent,) = watch.received()[-1:]
        for marker in markers:
            assert marker in sent["body"], f"{protocol} was not told of {marker}"
        assert sent["body"].count(DATA) == pictures
        assert sent["body"].count("Graz") >= calls, "the arguments of every call are there"

        message = answer.parse().choices[0].message
        turn = message.model_dump(exclude_none=True)
        if not keeps_extra:  # a client that sends OpenAI's own fields back and nothing else
            turn = {name: value for name, value in turn.items() if name in ("role", "content", "tool_calls")}
        messages.append(turn)
        calls += sum(call.function.name == "get_weather" for call in message.tool_calls or [])
