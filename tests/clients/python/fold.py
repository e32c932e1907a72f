"""Server-sent events of chat completions, read by hand: split, checked, and folded into what they say."""

import json


def frames(raw):
    """The JSON of each event, and whether `[DONE]` came last."""
    text = raw.decode()
    assert text.endswith("\n\n"), f"the stream ends inside an event: {text[-80:]!r}"
    datas = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        assert all(line.startswith("data: ") for line in lines), block
        if lines:
            assert len(lines) == 1, f"one line of data for each event: {block!r}"
            datas.append(lines[0].removeprefix("data: "))
    done = bool(datas) and datas[-1] == "[DONE]"
    assert "[DONE]" not in datas[: len(datas) - done], "[DONE] comes once, and last"
    return [json.loads(data) for data in datas[: len(datas) - done]], done


def fold(raw):
    """The chunks of a stream as one answer; its grammar is checked on the way (protocols: OpenAI, §4)."""
    chunks, done = frames(raw)
    folded = dict(
        done=done, error=None, roles=0, content="", reasoning="", refusal="", calls=[], finish=None, usage=None
    )
    details = []
    for position, chunk in enumerate(chunks):
        if "error" in chunk:
            assert position == len(chunks) - 1 and not done, "an error ends the stream, without [DONE]"
            folded["error"] = chunk["error"]
            continue
        assert chunk["object"] == "chat.completion.chunk"
        for name in ("id", "model", "created"):
            assert folded.setdefault(name, chunk[name]) == chunk[name], f"{name} changes within the stream"
        assert position or chunk["choices"][0]["delta"]["role"] == "assistant", "the first chunk has the role"
        folded["usage"] = chunk.get("usage") or folded["usage"]
        for choice in chunk["choices"]:
            fold_choice(folded, details, choice)
    assert folded["roles"] == 1
    folded["details"] = details
    return folded


def fold_choice(folded, details, choice):
    delta = choice["delta"]
    assert choice["index"] == 0
    assert folded["finish"] is None, "nothing follows the finish reason"
    folded["finish"] = choice["finish_reason"]
    folded["roles"] += "role" in delta
    folded["content"] += delta.get("content") or ""
    folded["reasoning"] += delta.get("reasoning_content") or ""
    folded["refusal"] += delta.get("refusal") or ""
    for part in delta.get("reasoning_details", []):
        fold_detail(details, part)
    for part in delta.get("tool_calls") or []:
        if part["index"] == len(folded["calls"]):
            assert part["id"] and part["type"] and part["function"]["name"]
            folded["calls"].append({"id": part["id"], "name": part["function"]["name"], "arguments": ""})
        else:
            assert part["index"] == len(folded["calls"]) - 1, "tool indices are dense, calls do not interleave"
            assert not part.keys() & {"id", "type"} and "name" not in part["function"], "id, type and name come once"
        folded["calls"][-1]["arguments"] += part["function"].get("arguments") or ""


def fold_detail(details, part):
    """openai-python's rule: parts of one index are one item, and its strings join, all but `type`. So what is not cut
    in pieces, `format` or an `id`, must come once; and indices are dense, or each part becomes an item of its own."""
    if part["index"] == len(details):
        details.append(dict(part))
        return
    item = details[part["index"]]
    for name, value in part.items():
        joins = name != "type" and isinstance(item.get(name), str) and isinstance(value, str)
        item[name] = item[name] + value if joins else value
