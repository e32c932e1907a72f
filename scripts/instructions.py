#!/usr/bin/env python3
"""Holds the instruction counts of benches/instructions.rs against benches/baseline.txt.

    scripts/instructions.py             fails where a count is more than 5 % over the baseline's
    scripts/instructions.py --accept    writes the baseline anew

Needs valgrind and `cargo install gungraun-runner --locked` in the version of Cargo.lock. The counts are the same for the
same program on the same kind of machine, whatever else it does; where the compiler, valgrind, the C library or the
processor's vector instructions are others than the baseline's, the comparison is told and fails nobody.
"""

import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BASELINE = ROOT / "benches" / "baseline.txt"
AT_MOST = 0.05  # more than this is a regression
NOISE = 150  # but so few instructions are none: hash maps have random seeds
# Guessing a key must not tell how much of it is right: within 2 %.
ALIKE = ("door::nothing_in_common", "door::prefix_in_common", 0.02)


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def machine():
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    vectors = next((flag for flag in ("avx512bw", "avx2") if f" {flag} " in flags.replace("\n", " ")), "no avx2")
    return [output("rustc", "--version"), output("valgrind", "--version"), " ".join(platform.libc_ver()), platform.machine(), vectors]


def counts():
    found, name = {}, None
    try:
        told = output("cargo", "bench", "--bench", "instructions")
    except subprocess.CalledProcessError as error:
        sys.exit(f"cargo bench --bench instructions ended with {error.returncode}")
    for line in told.splitlines():
        begun = re.match(r"instructions::\w+::(\w+) (\w+):", line)
        count = re.match(r"\s+Instructions:\s+(\d+)\|", line)
        if begun:
            name = f"{begun[1]}::{begun[2]}"
        elif count and name:
            found[name] = int(count[1])
    if not found:
        sys.exit("no counts: does `cargo bench --bench instructions` work?")
    return found


def main():
    here, now = machine(), counts()
    one, other, at_most = ALIKE
    for tries in range(3):
        if abs(now[one] - now[other]) <= at_most * now[one]:
            break
        # A hash map with random seeds may look in one place more, now and then.
        now = counts()
    else:
        sys.exit(f"a guessed key tells how much of it is right: {one} {now[one]}, {other} {now[other]}")
    if "--accept" in sys.argv:
        lines = [f"# {line}" for line in here] + [f"{name} {count}" for name, count in sorted(now.items())]
        BASELINE.write_text("\n".join(lines) + "\n")
        print(f"{len(now)} counts are the new baseline")
        return
    lines = BASELINE.read_text().splitlines()
    there = [line[2:] for line in lines if line.startswith("# ")]
    before = {name: int(count) for name, count in (line.split() for line in lines if not line.startswith("#"))}
    worse = []
    for name in sorted(now.keys() | before.keys()):
        if name not in now or name not in before:
            worse.append(f"{name} is {'new' if name in now else 'gone'}")
            continue
        change = now[name] / before[name] - 1
        if abs(change) > 0.01:
            print(f"{name:28} {before[name]:>10} -> {now[name]:>10}  {change:+.1%}")
        if change > AT_MOST and now[name] - before[name] > NOISE:
            worse.append(f"{name} costs {change:.1%} more: {before[name]} -> {now[name]}")
    if here != there:
        differ = ", ".join(f"{a} for {b}" for a, b in zip(here, there) if a != b)
        print(f"{len(worse)} regressions, which prove nothing: this machine has {differ}")
    elif worse:
        print(*worse, sep="\n", file=sys.stderr)
        sys.exit("If that is meant: scripts/instructions.py --accept, and say why in the commit.")
    else:
        print(f"{len(now)} counts, none more than {AT_MOST:.0%} over the baseline")


main()
