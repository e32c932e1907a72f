#!/usr/bin/env python3
"""Where the instructions of a request go, in the whole gateway and in the bare proxy: the table `profile` of docs/performance.md.

    scripts/profile.py GATEWAY HARNESS      runs both under callgrind; HARNESS is the folder with the shared bench's programs
    scripts/profile.py                      writes the table again, from benches/results/profile.json

Needs valgrind, and a gateway with its symbols (`cargo build --release --example gateway --features jemalloc`). Each program runs twice, with so
many requests and with three times as many; the difference is theirs. Only user space is counted.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import svg

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / "benches" / "results" / "profile.json"
MOCK, GATEWAY, BARE = "127.0.0.1:9301", "127.0.0.1:9311", "127.0.0.1:9312"
EVENTS = 200
# name: model, path of the bare proxy, bytes of the prompt, stream, requests
SCENARIOS = {
    "whole, 455 B": ("gpt-mock", "/v1/chat/completions", 150, False, 300),
    "whole, 63 KB": ("gpt-mock", "/v1/chat/completions", 62_700, False, 60),
    "to Anthropic, 455 B": ("claude-mock", "/v1/messages", 150, False, 300),
    "to Anthropic, 63 KB": ("claude-mock", "/v1/messages", 62_700, False, 60),
    "an event of a burst": ("gpt-mock", "/v1/chat/completions", 150, True, 20),
    "an event of a burst from Anthropic": ("claude-mock", "/v1/messages", 150, True, 20),
}
# The first that fits a function's name is its part.
PARTS = [
    ("malloc and free", r"malloc|calloc|realloc|_rjem|_je_|arena_|tcache|sdallocx|dallocx|\bfree\b|_int_free|__rdl|__rust_|edata|emap_|unlink_chunk"),
    ("copying and comparing", r"mem(move|cpy|set|cmp)|bcmp"),
    ("ours: reading JSON, requests and answers", r"tower_completions::(json|chat|observe|tap)"),
    ("ours: limits", r"tower_completions::limit"),
    ("ours: receipts and the log", r"tower_completions::(meter|usage|price|clock)"),
    ("ours: translation and its upstream request", r"tower_completions::(translate|client|connection|collect)"),
    ("ours: authentication", r"tower_completions::(auth|secret)|sha2"),
    ("ours: routing, retries, health", r"tower_completions::route|tower::retry"),
    ("ours: else", r"tower_completions|gateway::"),
    ("hash maps and header maps", r"hash|header::(map|name)"),
    ("hyper, HTTP's types and parser", r"hyper|httparse|\bhttp::|http_body|bytes::"),
    ("tokio", r"tokio|mio::"),
    ("UTF-8 and searching", r"from_utf8|run_utf8|memchr|memmem"),
    ("else", r""),
]
FILE = """listen = "{gateway}"
[usage]
path = "{log}"
[[providers]]
name = "mock-openai"
protocol = "openai"
base_url = "http://{mock}/v1"
api_key = "provider-secret"
[[providers]]
name = "mock-anthropic"
protocol = "anthropic"
base_url = "http://{mock}"
api_key = "provider-secret"
[[models]]
id = "gpt-mock"
provider = "mock-openai"
price = {{ input = 3.0, output = 15.0, cached_input = 0.3 }}
[[models]]
id = "claude-mock"
provider = "mock-anthropic"
price = {{ input = 3.0, output = 15.0, cached_input = 0.3 }}
[[keys]]
id = "alice"
secret = "sk-test-alice"
rpm = 1000000000
tpm = 1000000000000
budget_usd = 1000000000.0
"""


def body(model, prompt, stream):
    """A conversation of so many bytes; both protocols take it."""
    text = ("the cache returns a stale value when two writers race on one key " * (prompt // 65 + 1))[:prompt]
    messages = [{"role": "user", "content": text}, {"role": "assistant", "content": "I see."}, {"role": "user", "content": "Well? " + "Go on. " * 12}]
    return json.dumps({"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 512, "stream": stream})


def wait(address):
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://{address}/", timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on {address}")


def once(harness, folder, command, environment, address, path, request, stream, requests, tries=5):
    out = folder / "callgrind.out"
    # A gateway that starts reads the log of the one before it, which is no part of a request.
    (folder / "usage.jsonl").unlink(missing_ok=True)
    process = subprocess.Popen(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *command], env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(address)
        load = [harness / "loadgen", "--url", f"http://{address}{path}", "--body", request, "--conns", "4", "--requests", str(requests),
                "--warmup", "8", "--max-secs", "240", "--header", "authorization: Bearer sk-test-alice"]
        told = json.loads(subprocess.run(load + (["--stream", "--tokens", str(EVENTS)] if stream else []), check=True, stdout=subprocess.PIPE).stdout)
    finally:
        process.terminate()
        process.wait()
    if told["ok"] != requests or told["errors"] or told["short"]:
        # A machine that stops for a while makes time limits pass, and then something else is counted.
        if tries == 0:
            sys.exit(f"not all were answered: {told}")
        return once(harness, folder, command, environment, address, path, request, stream, requests, tries - 1)
    listing = subprocess.run(["callgrind_annotate", "--threshold=100", out], check=True, stdout=subprocess.PIPE, text=True).stdout
    counts = collections.Counter()
    for line in listing.splitlines():
        found = re.match(r"\s*([\d,]+) \([\s\d.]+%\)\s+[^:]*:(.*?)(?: \[.*\])?$", line)
        if found and "PROGRAM TOTALS" not in line:
            part = next(name for name, pattern in PARTS if re.search(pattern, found[2]))
            counts[part] += int(found[1].replace(",", ""))
    return counts


def measure(gateway, harness):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "gateway.toml").write_text(FILE.format(gateway=GATEWAY, mock=MOCK, log=folder / "usage.jsonl"))
        mock = subprocess.Popen([harness / "mock-upstream"], env={"MOCK_ADDR": MOCK}, stdout=subprocess.DEVNULL)
        try:
            wait(MOCK)
            urllib.request.urlopen(urllib.request.Request(f"http://{MOCK}/__ctl?chunks={EVENTS}&delay_us=0", method="POST"))
            for name, (model, bare_path, prompt, stream, requests) in SCENARIOS.items():
                (folder / "body.json").write_text(body(model, prompt, stream))
                bare = {"PROXY_MODE": "bare", "PROXY_ADDR": BARE, "PROXY_UPSTREAM": MOCK}
                for who, command, environment, address, path in (
                    ("ours", [gateway, "--config", folder / "gateway.toml"], {}, GATEWAY, "/v1/chat/completions"),
                    ("bare", [harness / "bare-proxy"], bare, BARE, bare_path),
                ):
                    few, many = (once(harness, folder, command, {"PATH": "/usr/bin:/bin", **environment}, address, path, folder / "body.json", stream, count)
                                 for count in (requests, 3 * requests))
                    each = 2 * requests * (EVENTS if stream else 1)
                    found.setdefault(name, {})[who] = {part: round((many[part] - few[part]) / each) for part, _ in PARTS}
                    print(name, who, sum(found[name][who].values()), flush=True)
        finally:
            mock.terminate()
    return found


def table(found):
    names = list(found)
    cell = lambda name, part: f"{found[name]['ours'][part]:,}" + (f" ({found[name]['bare'][part]:,})" if found[name]["bare"][part] else "")
    total = lambda name, who: sum(found[name][who].values())
    lines = ["| ours (bare) | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    lines += [f"| {part} | " + " | ".join(cell(name, part) for name in names) + " |" for part, _ in PARTS]
    lines.append("| **all** | " + " | ".join(f"**{total(name, 'ours'):,}** ({total(name, 'bare'):,})" for name in names) + " |")
    lines.append("| × bare | " + " | ".join(f"{total(name, 'ours') / total(name, 'bare'):.2f}" for name in names) + " |")
    return "\n".join(lines)


def main():
    if len(sys.argv) == 3:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(json.dumps(measure(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()), indent=1) + "\n")
    svg.between(ROOT / "docs" / "performance.md", "profile", table(json.loads(KEPT.read_text())))


if __name__ == "__main__":
    main()
