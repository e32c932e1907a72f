#!/usr/bin/env python3
"""Seeds and words for the fuzz targets from the golden files, into fuzz/target/seeds/TARGET and fuzz/target/words/TARGET.

The first byte of a seed picks a setting, the next two cut; see src/input.rs. `fuzz/run` reads the seeds beside the kept
corpus, and `fuzz/keep` takes over what adds to it.
"""

import json
import pathlib
import re
import shutil

FUZZ = pathlib.Path(__file__).resolve().parent
GOLDEN = FUZZ.parent / "tests" / "golden"
OUT = FUZZ / "target" / "seeds"
WORDS = FUZZ / "target" / "words"
CUT = b"ab"


def write(target, data, picks):
    folder = OUT / target
    folder.mkdir(parents=True, exist_ok=True)
    for pick in picks:
        (folder / f"seed-{len(list(folder.iterdir())):04}").write_bytes(bytes([pick]) + CUT + data)


def requests():
    """Every request of a client, and a request for each row of the tables."""
    for path in sorted(GOLDEN.rglob("*.request.openai.json")):
        yield path.read_bytes()
    for path in sorted(GOLDEN.rglob("rows/*.json")):
        for row in json.loads(path.read_text()):
            chat = {"model": row.get("model", "m"), "messages": [{"role": "user", "content": "Hi"}], **row.get("send", {})}
            if isinstance(row.get("messages"), list):
                chat["messages"] = row["messages"]
            yield json.dumps(chat, ensure_ascii=False).encode()


shutil.rmtree(OUT, ignore_errors=True)
for request in requests():
    write("chat", request, [0])
    write("encode", request, [0, 18, 23, 28])
    write("encode", request, [4, 7, 16, 18 + 96, 23 + 160, 28 + 192])
for path in sorted(GOLDEN.rglob("*.sse")):
    stream = path.read_bytes()
    kind = path.parts[len(GOLDEN.parts)]
    write("sse", stream, [255])
    write("sse", stream.replace(b"\n", b"\r\n"), [255])
    if ".provider." not in path.name:
        write("tap", stream, [0])
    elif kind in ("anthropic", "anthropic_streams"):
        write("anthropic", stream, [0, 4, 8, 12])
    elif kind == "gemini":
        write("gemini", stream, [0, 4, 12])
    else:
        write("tap", stream, [0])
        write("openai", stream, [8 * at + more for at in range(18) for more in (0, 4)])
for path in sorted(GOLDEN.rglob("*.response.provider.json")):
    body = path.read_bytes()
    kind = path.parts[len(GOLDEN.parts)]
    if kind in ("anthropic", "gemini", "bedrock"):
        write(kind, body, [2, 6, 10, 14, 3])
    else:
        write("openai", body, [8 * at + more for at in range(18) for more in (2, 3)])
        write("tap", body, [1])
for path in sorted(GOLDEN.rglob("*.events.jsonl")):
    lines = []
    for event in map(json.loads, path.read_text().splitlines()):
        headers, payload = event["headers"], event["payload"]
        name = headers.get(":event-type") or "!" + headers.get(":exception-type", "e")
        lines.append(f"{name} {payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)}\n")
    write("bedrock", "".join(lines).encode(), [0, 4, 8])
for path in sorted(GOLDEN.rglob("*.eventstream")):
    write("bedrock_frames", path.read_bytes(), [0, 1])
EXAMPLES = FUZZ.parent / "examples" / "gateway"
for path in sorted(EXAMPLES.rglob("*.toml")):
    write("gateway_file", path.read_bytes(), [0])
for path in sorted(EXAMPLES.rglob("*.rs")):
    for source in path.read_text().split('r#"')[1:]:
        source = source.split('"#')[0].replace("sk-planted", "sk-planted-in-the-file")
        write("gateway_file", "\n".join(line.strip() for line in source.splitlines()).encode(), [0])

# The words: what stands in quotes or at the beginning of a line, and what is odd everywhere.
ODD = [b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\\ud83d", b"\\ude00", b"\r\n\r\n", b"\r\r", b"data: [DONE]\n\n", b"1e400", b"-0.0", b"[[[[[[[["]
KEY = [b"sk-upstream-planted", b"\\u0073k-upstream-planted", b"sk-planted-in-the-file"]
WORDS.mkdir(exist_ok=True)
for target in sorted(OUT.iterdir()):
    words = set(ODD + KEY)
    for seed in target.iterdir():
        words.update(re.findall(rb'"[\w./:-]{1,40}"', seed.read_bytes()))
        words.update(re.findall(rb"(?m)^[!\w\[\]]{1,24}(?:: ?| = | |$)", seed.read_bytes()))
    text = lambda word: "".join(f"\\x{byte:02x}" for byte in word)
    (WORDS / f"{target.name}.dict").write_text("".join(f'"{text(word)}"\n' for word in sorted(words)))
for target in sorted(OUT.iterdir()):
    print(f"{len(list(target.iterdir())):5} {target.name}")
