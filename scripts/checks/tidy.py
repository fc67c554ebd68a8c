#!/usr/bin/env python3
"""clang-tidy over the files that are named (default: all of lib, cc, apps and tests).

A source is read with the flags of build/compile_commands.json, a header alone with the flags of
headers.py. What passed is remembered by content below build/check, as there.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import headers  # noqa: E402
import tree  # noqa: E402

DATABASE = os.path.join(tree.ROOT, "build", "compile_commands.json")
# Flags that gcc knows and clang does not are no finding.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-ignored-optimization-argument"]


def known_sources():
    """Sources that the release build compiles: others have no flags."""
    if not os.path.exists(DATABASE):
        sys.exit("build/compile_commands.json is missing; run scripts/build first")
    with open(DATABASE, encoding="utf-8") as file:
        entries = json.load(file)
    return {os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])),
                            tree.ROOT): entry.get("command", "") for entry in entries}


def command(tidy, name):
    if name.endswith(".h"):
        flags = [flag for flag in headers.FLAGS if flag not in ("-O1", "-fsyntax-only", "-Werror")]
        return [tidy, "--quiet", *EXTRA, name, "--", *flags, *headers.include_flags(name)]
    return [tidy, "--quiet", *EXTRA, "-p", os.path.join(tree.ROOT, "build"), name]


def real(path):
    """build/layers/base/base/time.h -> lib/base/time.h."""
    return os.path.relpath(os.path.realpath(os.path.join(tree.ROOT, path)), tree.ROOT)


def main():
    findings = tree.Findings()
    tidy = shutil.which("clang-tidy-14") or shutil.which("clang-tidy")
    sources = known_sources()
    os.makedirs(os.path.join(headers.WORK, "tidy"), exist_ok=True)
    everything = [name for name in tree.files(".h", ".cc")
                  if name.startswith(("lib/", "cc/", "apps/", "tests/"))]
    by_spelling = {headers.spelled(name): name for name in everything if name.endswith(".h")}
    asked = set(sys.argv[1:]) or set(everything)
    identity = tree.read(".clang-tidy") + str(EXTRA)

    waiting, said = {}, set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name in everything:
            header = name.endswith(".h")
            if name not in asked or (name not in sources and not header) or (
                    header and not name.startswith(("lib/", "cc/"))):
                continue
            digest = hashlib.sha256((identity + sources.get(name, "")).encode())
            for part in sorted(headers.closure(name, by_spelling, set())):
                digest.update(part.encode() + b"\0" + tree.read(part).encode() + b"\0")
            mark = os.path.join(headers.WORK, "tidy", digest.hexdigest())
            if not os.path.exists(mark):
                job = pool.submit(subprocess.run, command(tidy, name), capture_output=True,
                                  text=True, check=False, cwd=tree.ROOT)
                waiting[job] = (name, mark)
        for index, done in enumerate(concurrent.futures.as_completed(waiting), 1):
            (name, mark), result = waiting[done], done.result()
            print(f"[{index}/{len(waiting)}] {name}", file=sys.stderr)
            if result.returncode == 0:
                open(mark, "w", encoding="utf-8").close()
                continue
            found = re.findall(r"^(/?[^\s:]+):(\d+):\d+: (?:error|warning): (.*)$", result.stdout, re.M)
            for path, line, what in found:
                if (real(path), line, what) not in said:
                    said.add((real(path), line, what))
                    findings.say(real(path), line, what.replace(",-warnings-as-errors", ""),
                                 "mend it, or end the line with // NOLINT(check): reason")
            if not found:
                words = (result.stdout + result.stderr).strip()
                findings.say(name, 1, f"clang-tidy failed: {words[-300:]}", "run it by hand")
    findings.leave()


if __name__ == "__main__":
    main()
