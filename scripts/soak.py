#!/usr/bin/env python3
"""Draws what `cargo bench --bench soak` has measured, and writes its table into docs/performance.md.

    scripts/soak.py FOLDER        reads FOLDER/samples.csv and summary.json (target/tmp/soak, or benches/results/soak),
                                  writes docs/soak.svg and what is between the markers `soak` of docs/performance.md

With `--keep` it also copies the two files to benches/results/soak, from where plot and table can be made again.
"""

import csv
import json
import pathlib
import shutil
import sys

import svg

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / "benches" / "results" / "soak"


def ticks(seconds):
    """The unit of the axis of time, and its ticks."""
    unit, scale = ("minutes", 60) if seconds >= 180 else ("seconds", 1)
    step = next(step for step in (5, 10, 20, 60, 120, 300, 600, 1200) if seconds / step <= 8)
    return unit, [(at, f"{at / scale:g}") for at in range(0, int(seconds) + 1, step)]


def length(seconds):
    return f"{seconds / 60:.0f} minutes" if seconds >= 180 else f"{seconds:.0f} seconds"


def draw(samples, summary):
    seconds = summary["seconds"]
    samples = [row for row in samples if float(row["second"]) <= seconds]
    column = lambda name, scale=1: [(float(row["second"]), float(row[name]) * scale) for row in samples]
    memory = column("memory_kb", 1 / 1024)
    own = [(float(row["second"]), float(row["files"]) - float(row["to_providers"])) for row in samples]
    slope, begin = summary["slope_kb_per_minute"], seconds / 3
    late = [value for second, value in memory if second >= begin]
    middle = sum(late) / len(late)
    ends = [(at, middle + slope / 1024 * (at - (begin + seconds) / 2) / 60) for at in (begin, seconds)]
    panels = [
        svg.Panel("Resident memory, MB", [svg.Line(memory, "a"), svg.Line(ends, "b", f"{slope:+.1f} kB a minute", width=2)]),
        svg.Panel("Open files", [
            svg.Line(column("files"), "a", "all"), svg.Line(own, "b", "without connections to providers")]),
        svg.Panel("Answers a second", [svg.Line(column("answers"), "a")]),
        svg.Panel("CPU, % of one core", [svg.Line(column("cpu_percent"), "a")]),
    ]
    unit, marks = ticks(seconds)
    title = (f"The example gateway for {length(seconds)} at {summary['rate']:.0f} requests a second, "
             f"half of what it bore")
    return svg.time_panels(title, unit, marks, panels)


def table(summary):
    seen, outcomes = summary["seen"], summary["outcomes"]
    count = lambda number: f"{number:,}"
    lines = [
        f"{count(summary['requests'])} requests in {length(summary['seconds'])}, {summary['rate']:.0f} a second (the same mix in a closed "
        f"loop of 512 clients: {summary['max_rate']:.0f}, all that two cores give to gateway, clients and providers together); {count(summary['streams'])} streams, of which "
        f"{summary['streams_to_be_left'] / summary['streams']:.1%} were to be left; {count(summary['faults'])} faults in "
        f"{count(summary['attempts'])} attempts ({summary['faults'] / summary['attempts']:.1%}). What clients saw: "
        f"{count(seen['whole'])} whole answers, {count(seen['left'])} left, {count(seen['refused'])} refused with 429, {count(seen['failed'])} errors, "
        f"{count(seen['broken'])} streams that ended in an error. The ledger: "
        + ", ".join(f"{count(number)} {name}" for name, number in outcomes.items()) + ".",
        "",
        "| what has to be so | | found |",
        "|---|---|---|",
    ]
    for check in summary["checks"]:
        found = check["found"].split("\n")[0].strip() or "none"
        lines.append(f"| {check['check']} | {'yes' if check['holds'] else '**no**'} | {found[:300].replace('|', '/')} |")
    return "\n".join(lines)


def main():
    folders = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    folder = pathlib.Path(folders[0]) if folders else KEPT
    summary = json.loads((folder / "summary.json").read_text())
    with open(folder / "samples.csv", newline="") as file:
        samples = list(csv.DictReader(file))
    (ROOT / "docs" / "soak.svg").write_text(draw(samples, summary))
    svg.between(ROOT / "docs" / "performance.md", "soak", table(summary))
    if "--keep" in sys.argv:
        KEPT.mkdir(parents=True, exist_ok=True)
        for name in ("summary.json", "samples.csv"):
            shutil.copy(folder / name, KEPT / name)


if __name__ == "__main__":
    main()
