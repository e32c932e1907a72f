#!/usr/bin/env python3
"""What the crate asks of those who build it: dependencies, build time, size of a program; the table of docs/performance.md.

    scripts/size.py crates                  crates in the tree, by default and with each feature
    scripts/size.py build NAME…             cold builds, each in an empty folder with two jobs: library, library-debug, gateway
    scripts/size.py binary FILE BARE        the gateway that was built (with its symbols), and the harness's bare proxy
    scripts/size.py                         only writes the table again

Figures are kept in benches/results/size.json. Crates are downloaded beforehand; what the machine does besides makes builds slower.
"""

import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import svg

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEPT = ROOT / "benches" / "results" / "size.json"
BUILDS = {
    "library": ("the library, default features, release", ["--release", "--lib"]),
    "library-debug": ("the library, default features, debug", ["--lib"]),
    "gateway": ("the example gateway with jemalloc, release (with the dev-dependencies that cargo builds for any example)",
                ["--release", "--example", "gateway", "--features", "jemalloc"]),
}


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def tree(*features):
    lines = output("cargo", "tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", *features).splitlines()
    return len({line.split(" (")[0] for line in lines if line.strip()}) - 1  # one is this crate


def features():
    lines = (ROOT / "Cargo.toml").read_text().split("[features]")[1].split("\n[")[0].splitlines()
    names = [line.split("=")[0].strip() for line in lines if "=" in line and not line.startswith(("#", " ", "]"))]
    return [name for name in names if name != "default"]


def crates():
    found = {"by default": tree(), "without features": tree("--no-default-features")}
    found |= {f"default and `{name}`": tree("--features", name) for name in features()}
    return found | {"all features": tree("--all-features")}


def build(name):
    _, arguments = BUILDS[name]
    folder = tempfile.mkdtemp(prefix="cold-build-")
    environment = {**os.environ, "CARGO_TARGET_DIR": folder, "CARGO_INCREMENTAL": "0"}
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    try:
        subprocess.run(["cargo", "build", "--quiet", "--locked", "--jobs", "2", *arguments], cwd=ROOT, check=True, env=environment)
        wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if name == "gateway":
            shutil.copy(pathlib.Path(folder) / "release" / "examples" / "gateway", "/tmp/gateway-cold")
    finally:
        shutil.rmtree(folder)
    return {"seconds": round(wall, 1), "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)}


def binary(path):
    with tempfile.NamedTemporaryFile() as stripped:
        subprocess.run(["strip", "-o", stripped.name, path], check=True)
        return {"bytes": os.path.getsize(path), "stripped": os.path.getsize(stripped.name)}


def table(kept):
    lines = []
    if "crates" in kept:
        lines += ["| tree | crates beside this one |", "|---|---|"] + [f"| {name} | {count} |" for name, count in kept["crates"].items()] + [""]
    if "builds" in kept:
        lines += ["| cold build, two jobs on two cores | seconds | CPU seconds |", "|---|---|---|"]
        lines += [f"| {BUILDS[name][0]} | {found['seconds']} | {found['cpu_seconds']} |" for name, found in kept["builds"].items()] + [""]
    if "binaries" in kept:
        lines += ["| program | MB | stripped, MB |", "|---|---|---|"]
        lines += [f"| {name} | {found['bytes'] / 1e6:.1f} | {found['stripped'] / 1e6:.1f} |" for name, found in kept["binaries"].items()]
    return "\n".join(lines).rstrip()


def main():
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    match sys.argv[1:]:
        case ["crates"]:
            kept["crates"] = crates()
        case ["build", *names]:
            for name in names:
                kept.setdefault("builds", {})[name] = build(name)
        case ["binary", gateway, bare]:
            kept["binaries"] = {"the example gateway, all features and jemalloc": binary(gateway), "the bare proxy of the harness": binary(bare)}
        case []:
            pass
        case _:
            sys.exit(__doc__)
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    svg.between(ROOT / "docs" / "performance.md", "size", table(kept))


if __name__ == "__main__":
    main()
