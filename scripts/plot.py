#!/usr/bin/env python3
"""Writes tables and plot of docs/performance.md from what the shared bench's measure.py has measured.

    scripts/plot.py [FILE.json …]    results of `measure.py --out FILE.json`, one or several: what is in a later one takes the place
                                     of the same in an earlier one. Without files, those that are kept

What the page needs of them is kept in benches/results/bench.json, with commit and machine. Ratios are medians over the rounds of what each
round found; for the rungs they are taken to the harness's own `meter` and `translate`, which `--ladder` starts.
"""

import datetime
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys

import svg

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / "benches" / "results" / "bench.json"
BASELINE = ROOT / "benches" / "baseline.txt"
PAGE = ROOT / "docs" / "performance.md"

# scenario, what it is, goal of CPU against bare, rung of the ladder
SCENARIOS = [
    ("unary_small", "whole, 455 B", 1.35, "meter"),
    ("unary_large", "whole, 63 KB", 1.75, "meter"),
    ("stream_paced", "stream, an event every 5 ms, per event", 1.2, "meter"),
    ("stream_burst", "stream, 200 events at once, per event", 1.0, "meter"),
    ("translate_small", "whole, to Anthropic, 455 B", 1.5, "translate"),
    ("translate_large", "whole, to Anthropic, 63 KB", 2.0, "translate"),
    ("translate_stream_paced", "stream from Anthropic, every 5 ms, per event", 1.3, "translate"),
    ("translate_stream_burst", "stream from Anthropic, 200 at once, per event", 1.3, "translate"),
]
SLOW = [("slow_streams", "passed on", 1.25), ("translate_slow_streams", "from Anthropic", 1.4)]
RUNG = 1.25
NOISE = 0.09
# What issue 7 and the harness's README say of others, as multiples of the bare proxy's CPU: from, to.
PEERS = {
    "unary_small": (3.3, 6.7),
    "unary_large": (5.6, 8.1),
    "translate_small": (8.8, 10.8),
}
OTHERS = [("nginx", 0.13, 0.9), ("Portkey", 52, 95), ("LiteLLM", 170, 460)]
FIGURES = ("cpu_us_per_request", "cpu_us_per_token", "p50_ms", "p99_ms", "ttft_p50_ms", "ttft_p99_ms", "rps", "errors", "short",
           "rss_peak_kb", "rss_start_kb", "streams", "ok")


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def about():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ", 1)[1] for line in cpuinfo if line.startswith("model name")), "unknown")
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "commit": output("git", "rev-parse", "--short", "HEAD"),
            "rustc": output("rustc", "--version"), "cpu": model, "cores": os.cpu_count()}


def read(paths):
    """All rounds of all files: (scenario, how many streams if slow) -> target -> list of results, one for each round."""
    runs = {}
    for path in paths:
        document = json.loads(pathlib.Path(path).read_text())
        found = {}
        for run in document["raw"]:
            result = run["res"]
            if not result or not result.get("ok"):
                continue
            kept = {name: result[name] for name in FIGURES if name in result}
            key = run["scenario"] + (f":{kept['streams']}" if "slow" in run["scenario"] else "")
            found.setdefault(key, {}).setdefault(run["target"], {})[str(run["round"])] = kept
        runs.update(found)
    return {"about": about(), "conns": document["conns"], "runs": runs}


class Results:
    def __init__(self, kept):
        self.about, self.conns, self.runs = kept["about"], kept["conns"], kept["runs"]

    def rounds(self, scenario, target="gateway"):
        return self.runs.get(scenario, {}).get(target, {})

    def median(self, scenario, target, figure):
        values = [result[figure] for result in self.rounds(scenario, target).values()]
        return statistics.median(values) if values else None

    def ratios(self, scenario, figure, over="bare", of="gateway"):
        """What each round found, against the same round of another target."""
        base = self.rounds(scenario, over)
        pairs = [(result[figure], base[number][figure]) for number, result in self.rounds(scenario, of).items() if number in base]
        return [mine / other for mine, other in pairs if other]

    def sum(self, figure):
        return sum(result[figure] for targets in self.runs.values() for result in targets.get("gateway", {}).values())


def figure_of(scenario):
    return "cpu_us_per_token" if "stream" in scenario else "cpu_us_per_request"


def verdict(found, goal, text=None):
    """Within the goal, within the noise of it, or not."""
    shown = text or f"{found:.2f}"
    return shown if found <= goal else f"{shown} (within noise)" if found <= goal * (1 + NOISE) else f"**{shown}**"


def few(rounds):
    """Fewer than seven rounds tell little."""
    return "" if rounds >= 7 else f" (**of {rounds} only**)"


def cpu_table(results):
    lines = ["| scenario | bare, µs | ours, µs | goal | ours × bare | rounds from … to | × the rung `meter` or `translate`, at most 1.25 |",
             "|---|---|---|---|---|---|---|"]
    for scenario, name, goal, rung in SCENARIOS:
        figure, ratios = figure_of(scenario), results.ratios(scenario, figure_of(scenario))
        if not ratios:
            lines.append(f"| {name} | | | {goal} | not measured | | |")
            continue
        rungs = results.ratios(scenario, figure, rung)
        over = verdict(statistics.median(rungs), RUNG) if rungs else "not measured"
        floor = results.ratios(scenario, figure, "bare", rung)
        over += f" (`{rung}` is {statistics.median(floor):.2f} × bare)" if floor else ""
        lines.append(f"| {name} | {results.median(scenario, 'bare', figure):.1f} | {results.median(scenario, 'gateway', figure):.1f} | {goal} "
                     f"| {verdict(statistics.median(ratios), goal)} | {min(ratios):.2f} … {max(ratios):.2f}{few(len(ratios))} | {over} |")
    return lines


def other_table(results):
    lines = ["| what | goal | bare | ours | |", "|---|---|---|---|---|"]
    for prefix, name, goal in SLOW:
        for key in sorted((key for key in results.runs if key.startswith(prefix + ":")), key=lambda key: int(key.split(":")[1])):
            streams = int(key.split(":")[1])
            each = {target: [(run["rss_peak_kb"] - run["rss_start_kb"]) / streams for run in results.rounds(key, target).values()]
                    for target in ("bare", "gateway")}
            if not each["bare"] or not each["gateway"]:
                continue
            bare, ours = (statistics.median(each[target]) for target in ("bare", "gateway"))
            lines.append(f"| memory of each of {streams:,} slow streams, {name} | {goal} × bare | {bare:.1f} KiB | {ours:.1f} KiB "
                         f"| {verdict(ours / bare, goal, f'{ours / bare:.2f} ×')} |")
    for scenario, name in (("stream_paced", "passed on"), ("translate_stream_paced", "from Anthropic")):
        for figure, percentile, goal in (("ttft_p50_ms", "p50", 1.0), ("ttft_p99_ms", "p99", 3.0)):
            bare, ours = results.median(scenario, "bare", figure), results.median(scenario, "gateway", figure)
            if bare is not None and ours is not None:
                lines.append(f"| time to the first token, {percentile}, paced stream {name} | {goal:g} ms over bare | {bare:.2f} ms | {ours:.2f} ms "
                             f"| {verdict(ours - bare, goal, f'{ours - bare:+.2f} ms')} |")
    for scenario, name in (("unary_small", "455 B"), ("translate_small", "to Anthropic, 455 B")):
        ratios = results.ratios(scenario, "p99_ms")
        if ratios:
            found = statistics.median(ratios)
            lines.append(f"| p99 of a whole answer, {results.conns} connections, {name} | 1.5 × bare | {results.median(scenario, 'bare', 'p99_ms'):.2f} ms "
                         f"| {results.median(scenario, 'gateway', 'p99_ms'):.2f} ms | {verdict(found, 1.5, f'{found:.2f} ×')} |")
    return lines


def tables(results):
    about = results.about
    rounds = max((len(targets.get("gateway", {})) for targets in results.runs.values()), default=0)
    head = (f"Measured on {about['date']} at commit {about['commit']}: {about['cores']} cores of {about['cpu']}, {about['rustc']}; {rounds} rounds, "
            f"{results.conns} connections. Bold is a goal that is missed. Errors: {results.sum('errors')}; streams that lacked something: {results.sum('short')}.")
    return "\n".join([head, "", *cpu_table(results), "", *other_table(results)])


def instructions():
    lines = BASELINE.read_text().splitlines()
    counts = [line.split() for line in lines if not line.startswith("#")]
    machine = ", ".join(line[2:] for line in lines if line.startswith("#"))
    table = [f"User-space instructions ({machine}):", "", "| what | instructions |", "|---|---|"]
    return "\n".join(table + [f"| `{name}` | {int(count):,} |" for name, count in counts])


def draw(results):
    left, right, top, row = 330, svg.WIDTH - 60, 78, 30
    low, high = 0.1, 1000.0
    x = lambda value: left + (right - left) * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))
    rows = len(SCENARIOS) + len(OTHERS)
    bottom = top + rows * row
    title = "CPU for the same work, as a multiple of a bare hyper proxy's (less is better)"
    parts = []
    for at, (colour, words) in enumerate((("fa", "ours, and its rounds"), ("fg", "the goal"), ("fc", "nearest Rust gateways; others"))):
        parts += [f'<rect x="{10 + at * 210}" y="36" width="11" height="11" class="{colour}"/>', svg.text(27 + at * 210, 46, words)]
    for value in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        parts += [svg.rule(x(value), top - 8, x(value), bottom, "axis" if value == 1 else "grid"),
                  svg.text(x(value), bottom + 16, f"{value:g}", "small", "middle")]
    parts.append(svg.text(svg.WIDTH - 12, top - 12, "ours", anchor="end"))
    parts.append(svg.text((left + right) / 2, bottom + 34, "times the CPU time of the bare proxy, logarithmic", "small", "middle"))
    band = lambda y, begin, end: f'<rect x="{x(begin):.1f}" y="{y - 8:.1f}" width="{x(end) - x(begin):.1f}" height="16" class="fc"/>'
    for at, (scenario, name, goal, _) in enumerate(SCENARIOS):
        y = top + at * row + row / 2
        parts.append(svg.text(left - 10, y + 4, name, anchor="end"))
        if scenario in PEERS:
            begin, end = PEERS[scenario]
            parts += [band(y, begin, end), svg.text(x(end) + 9, y + 4, f"{begin:g}–{end:g}", "small")]
        parts.append(f'<path d="M{x(goal):.1f} {y - 10:.1f} V{y + 10:.1f}" class="goal"/>')
        ratios = results.ratios(scenario, figure_of(scenario))
        if ratios:
            middle = statistics.median(ratios)
            parts += [svg.rule(x(min(ratios)), y, x(max(ratios)), y, "a"), f'<circle cx="{x(middle):.1f}" cy="{y:.1f}" r="5" class="fa"/>',
                      svg.text(svg.WIDTH - 12, y + 4, f"{middle:.2f}", anchor="end")]
    for at, (name, begin, end) in enumerate(OTHERS):
        y = top + (len(SCENARIOS) + at) * row + row / 2
        parts += [svg.text(left - 10, y + 4, f"{name}, over its scenarios", anchor="end"), band(y, begin, end),
                  svg.text(x(end) + 9, y + 4, f"{begin:g}–{end:g}", "small")]
    return svg.document(bottom + 45, title, parts)


def main():
    paths = sys.argv[1:]
    if paths:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(json.dumps(read(paths), indent=1, sort_keys=True) + "\n")
    results = Results(json.loads(KEPT.read_text()))
    svg.between(PAGE, "bench", tables(results))
    svg.between(PAGE, "instructions", instructions())
    (ROOT / "docs" / "performance.svg").write_text(draw(results))


if __name__ == "__main__":
    main()
