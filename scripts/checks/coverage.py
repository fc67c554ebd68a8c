#!/usr/bin/env python3
"""How much of the code that meets hostile bytes the fuzzers reach.

Every fuzz_<name> of a coverage build starts from what its seeds_<name> writes, grows that corpus
for its share of the seconds, and then runs the corpus once: the lines of that run count. A line
that any target runs is covered. The groups and their limits stand here and nowhere else.
"""

import argparse
import collections
import glob
import os
import shutil
import subprocess
import sys

GROUPS = (
    ("lib/wire", 95, ("lib/wire/",)),
    ("receive path", 85, (
        "lib/engine/engine.",
        "lib/engine/qp_table.",
        "lib/memory/region_table.",
        "lib/transport/feedback.",
        "lib/transport/payload.",
        "lib/transport/queue_pair.",
        "lib/transport/requester_ack.",
        "lib/transport/responder.",
    )),
)


def tool(name):
    return shutil.which(name + "-14") or shutil.which(name) or sys.exit(f"{name} is not installed")


def run(command, log, profile):
    """Runs a target; its profile goes to the file, or nowhere."""
    environment = dict(os.environ, LLVM_PROFILE_FILE=profile)
    with open(log, "ab") as out:
        done = subprocess.run(command, stdout=out, stderr=out, env=environment, check=False)
    if done.returncode != 0:
        sys.exit(f"{os.path.basename(command[0])} ended with status {done.returncode}; the log is {log}")


def run_target(target, out, seconds):
    """Grows the corpus of one target, runs it once, and returns the profile of that run."""
    name = os.path.basename(target)[len("fuzz_"):]
    folder = os.path.join(out, name)
    corpus = os.path.join(folder, "corpus")
    os.makedirs(corpus)
    log = os.path.join(folder, "log")
    profile = os.path.join(folder, "profile")
    seeds = os.path.join(os.path.dirname(target), "seeds_" + name)
    if os.path.exists(seeds):
        run([seeds, corpus], log, os.devnull)
    common = [target, "-timeout=20", "-seed=1", f"-artifact_prefix={folder}/"]
    if seconds > 0:
        run([*common, f"-max_total_time={seconds}", corpus], log, os.devnull)
    run([*common, "-runs=0", corpus], log, profile)
    print(f"{os.path.basename(target)}: {len(os.listdir(corpus))} inputs after {seconds} s")
    return profile


def covered_lines(targets, profiles):
    """{file: {line: runs}}; a header has one entry, by whatever link it was included.

    Target by target: two programs may each have a function of one name that differs.
    """
    root = os.path.realpath(os.getcwd()) + os.sep
    lines = collections.defaultdict(dict)
    for target, profile in zip(targets, profiles):
        merged = profile + ".merged"
        subprocess.run([tool("llvm-profdata"), "merge", "-sparse", "-o", merged, profile],
                       check=True)
        text = subprocess.run([tool("llvm-cov"), "export", "-format=lcov", "-instr-profile", merged,
                               target], check=True, stdout=subprocess.PIPE, text=True).stdout
        name = ""
        for row in text.splitlines():
            key, _, value = row.partition(":")
            if key == "SF":
                name = os.path.realpath(os.path.join(os.path.dirname(target), "../..", value))
                name = name[len(root):] if name.startswith(root) else name
            elif key == "DA":
                line, count = value.split(",")[:2]
                file = lines[name]
                file[int(line)] = max(file.get(int(line), 0), int(count))
    return lines


def runs_of(missed):
    """[3, 4, 5, 9] -> "3-5 9"."""
    parts = []
    for line in missed:
        if parts and parts[-1][1] == line - 1:
            parts[-1][1] = line
        else:
            parts.append([line, line])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def judge(lines):
    short = False
    for group, limit, prefixes in GROUPS:
        total = hit = 0
        print(f"{group}:")
        for name in sorted(lines):
            if not name.startswith(prefixes):
                continue
            file = lines[name]
            good = sum(1 for count in file.values() if count > 0)
            missed = runs_of(sorted(line for line, count in file.items() if count == 0))
            total, hit = total + len(file), hit + good
            print(f"  {100 * good / len(file):5.1f} % of {len(file):4} lines  {name}"
                  + (f"  without {missed}" if missed else ""))
        share = 100 * hit / total if total else 0
        print(f"{group}: {share:.1f} % of {total} lines, at least {limit} % are asked for")
        short = short or share < limit
    return short


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build-coverage")
    parser.add_argument("--out", default="out/coverage")
    parser.add_argument("--seconds", type=int, default=60, help="of growing, all targets together")
    options = parser.parse_args()
    targets = sorted(path for path in glob.glob(f"{options.build}/tests/fuzz/fuzz_*")
                     if os.path.isfile(path) and os.access(path, os.X_OK))
    if not targets:
        sys.exit(f"no fuzz target in {options.build}/tests/fuzz: scripts/build coverage")
    shutil.rmtree(options.out, ignore_errors=True)
    share = options.seconds // len(targets)
    profiles = [run_target(target, options.out, share) for target in targets]
    sys.exit(judge(covered_lines(targets, profiles)))


if __name__ == "__main__":
    main()
