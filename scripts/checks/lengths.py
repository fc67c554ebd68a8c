#!/usr/bin/env python3
"""A file is at most 500 lines, a main in apps/ 150, a function 70, the README 900 words.

scripts/ratchet holds what is longer for now, one `path[:function]<TAB>lines` a line. It only
tightens: a line that has become too generous, or needless, is itself a finding.
"""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree  # noqa: E402

FILE, MAIN, FUNCTION, README = 500, 150, 70, 900
RATCHET = "scripts/ratchet"


def read_ratchet(findings):
    known = {}
    path = os.path.join(tree.ROOT, RATCHET)
    for number, line in enumerate(tree.read(RATCHET).splitlines() if os.path.exists(path) else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, tab, length = line.partition("\t")
        if not tab or not length.strip().isdigit():
            findings.say(RATCHET, number, "is not `path[:function]<TAB>lines`", "mend the line")
            continue
        known[name] = (int(length), number)
    return known


def functions(names):
    """(file, line, function, lines) by ctags, for C++ and Python."""
    # ctags reads the list of files from standard input.
    asked = subprocess.run(
        ["ctags", "--output-format=json", "--fields=+ne", "--kinds-C++=f", "--kinds-Python=fm",
         "--langmap=C++:+.h", "--languages=C++,Python", "-f", "-", "-L", "-"],
        input="\n".join(names), capture_output=True, text=True, check=True, cwd=tree.ROOT)
    for line in asked.stdout.splitlines():
        tag = json.loads(line)
        if tag.get("_type") == "tag" and "end" in tag:
            yield tag["path"], tag["line"], tag["name"], tag["end"] - tag["line"] + 1


def main():
    findings = tree.Findings()
    known, met = read_ratchet(findings), set()

    def judge(key, name, line, length, limit, what, cure):
        allowed, _ = known.get(key, (limit, 0))
        if length > limit and key in known:
            met.add(key)
            if length < allowed:
                findings.say(name, line, f"{what} is down to {length}, below its line in {RATCHET}",
                             f"lower that line to {length}")
        if length > max(limit, allowed):
            findings.say(name, line, f"{what} has {length}, and {max(limit, allowed)} is the limit",
                         cure)

    sources = tree.files(".h", ".cc", ".py")
    for name in sources:
        limit = MAIN if name.startswith("apps/") else FILE
        cure = ("move the work into a room of lib/" if limit == MAIN
                else "a file is one idea: part it")
        judge(name, name, 1, tree.read(name).count("\n"), limit, "the file", cure)
    for name, line, function, length in functions(sources):
        judge(f"{name}:{function}", name, line, length, FUNCTION, f"{function}()",
              "part it by what it does")
    if os.path.exists(os.path.join(tree.ROOT, "README.md")):
        judge("README.md", "README.md", 1, len(tree.read("README.md").split()), README,
              "the README, in words,", "move detail into docs/")
    for key in sorted(set(known) - met):
        findings.say(RATCHET, known[key][1], f"{key} is within the limits", "delete the line")
    findings.leave()


if __name__ == "__main__":
    main()
