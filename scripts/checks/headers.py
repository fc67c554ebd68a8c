#!/usr/bin/env python3
"""Each header of lib/ and cc/ compiles alone, twice over, seeing only the rooms that it may see.

It must carry the guard SLUICE_<ROOM>_<FILE>_H_. What passed is remembered by content, below
build/check, and compiled again only when the header or one of ours that it includes has changed.
"""

import concurrent.futures
import hashlib
import os
import re
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import layers  # noqa: E402
import tree  # noqa: E402

WORK = os.path.join(tree.ROOT, "build", "check")
FLAGS = ["-std=c++20", "-march=x86-64-v3", "-O1", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic",
         "-Wshadow", "-Wno-missing-field-initializers", "-Werror", "-x", "c++"]


def spelled(name):
    """lib/wire/bth.h -> wire/bth.h, as an include names it; cc/x.h stays."""
    return name[len("lib/"):] if name.startswith("lib/") else name


def closure(name, by_spelling, seen):
    """The header and all of ours that it includes, directly or not."""
    if name in seen:
        return seen
    seen.add(name)
    for target in re.findall(r'#\s*include\s*"([^"]+)"', tree.read(name)):
        if target in by_spelling:
            closure(by_spelling[target], by_spelling, seen)
    return seen


def include_flags(name):
    """One include root for each room that may be reached, and DPDK where lib/dpdk is among them."""
    room = layers.room_of(name)
    rooms = layers.reachable(room) if room in layers.TABLE else {room}
    flags = []
    for there in sorted(rooms):
        root = os.path.join(WORK, "layers", there.replace("-", "_"))
        if os.path.isdir(root):
            flags.append("-I" + root)
    if "dpdk" in rooms:
        asked = subprocess.run(["pkg-config", "--cflags", "libdpdk"], capture_output=True, text=True,
                               check=True)
        for flag in shlex.split(asked.stdout):
            if not flag.startswith("-march"):
                flags += ["-isystem", flag[2:]] if flag.startswith("-I") else [flag]
    return flags


def guard_of(name):
    path = spelled(name)
    return "SLUICE_" + re.sub(r"\W", "_", path).upper() + "_"


def compile_alone(name, compiler):
    source = f'#include "{spelled(name)}"\n#include "{spelled(name)}"\n'
    return subprocess.run([*compiler, *FLAGS, *include_flags(name), "-"], input=source,
                          capture_output=True, text=True, check=False, cwd=tree.ROOT)


def key_of(name, by_spelling, identity):
    digest = hashlib.sha256(identity.encode())
    for part in sorted(closure(name, by_spelling, set())):
        digest.update(part.encode() + b"\0" + tree.read(part).encode() + b"\0")
    digest.update(" ".join(include_flags(name)).encode())
    return digest.hexdigest()


def main():
    findings = tree.Findings()
    os.makedirs(os.path.join(WORK, "headers"), exist_ok=True)
    subprocess.run([os.path.join(tree.ROOT, "scripts", "make-layers"), tree.ROOT,
                    os.path.join(WORK, "layers")], check=True)
    compiler = shlex.split(os.environ.get("CXX", "g++"))
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=True)
    identity = version.stdout + " ".join(FLAGS)
    headers = [name for name in tree.files(".h") if name.startswith(("lib/", "cc/"))]
    by_spelling = {spelled(name): name for name in headers}

    waiting = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in headers:
            if f"#ifndef {guard_of(name)}\n#define {guard_of(name)}\n" not in tree.read(name):
                findings.say(name, 1, "has not the guard of its path", f"guard it by {guard_of(name)}")
            mark = os.path.join(WORK, "headers", key_of(name, by_spelling, identity))
            if not os.path.exists(mark):
                waiting[pool.submit(compile_alone, name, compiler)] = (name, mark)
        for index, done in enumerate(concurrent.futures.as_completed(waiting), 1):
            (name, mark), result = waiting[done], done.result()
            print(f"[{index}/{len(waiting)}] {name}", file=sys.stderr)
            if result.returncode == 0:
                open(mark, "w", encoding="utf-8").close()
                continue
            errors = [line for line in result.stderr.splitlines() if "error:" in line]
            first = re.search(r":(\d+):\d+: (?:fatal )?error: (.*)", errors[0]) if errors else None
            findings.say(name, first.group(1) if first else 1,
                         f"does not compile alone: {first.group(2) if first else result.stderr[:200]}",
                         "include what it uses; a room sees only the rooms that it names")
    findings.leave()


if __name__ == "__main__":
    main()
