#!/usr/bin/env python3
"""Every target of every meson.build takes sluice_args and sees no header that it does not name.

Without sluice_args a target would take its -march from DPDK's flags and its floating point from the
compiler's mood; with implicit include directories a room could see its neighbours.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree  # noqa: E402

CALL = re.compile(
    r"\b(executable|static_library|shared_library|both_libraries|library|shared_module)\s*\(")


def without_comments(text):
    """Blanks comments and keeps the length, so that positions stay."""
    return re.sub(r"'[^'\n]*'|#[^\n]*",
                  lambda found: found.group(0) if found.group(0)[0] == "'"
                  else " " * len(found.group(0)), text)


def call_text(text, start):
    """From the opening parenthesis to the closing one."""
    depth = 0
    for index in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[index], 0)
        if depth == 0:
            return text[start:index + 1]
    return text[start:]


def carriers(text):
    """sluice_args itself, and the variables of this file that are made from it."""
    names = ["sluice_args"]
    for name in re.findall(r"^\s*(\w+)\s*=\s*[^\n]*\bsluice_args\b", text, re.M):
        names.append(name)
    return "|".join(names)


def main():
    findings = tree.Findings()
    for name in tree.files("meson.build"):
        text = without_comments(tree.read(name))
        for found in CALL.finditer(text):
            call, line = call_text(text, found.end() - 1), text.count("\n", 0, found.start()) + 1
            target = re.search(r"'([^']*)'", call)
            label = f"target {target.group(1) if target else found.group(1)}"
            if not re.search(rf"\bcpp_args\s*:[^:]*\b(?:{carriers(text)})\b", call):
                findings.say(name, line, f"{label} does not take sluice_args",
                             "write cpp_args: sluice_args + [...]")
            if not re.search(r"\bimplicit_include_directories\s*:\s*false\b", call):
                findings.say(name, line, f"{label} sees its own directory",
                             "write implicit_include_directories: false")
        for word in ("-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-w'"):
            if word in text:
                line = text.count("\n", 0, text.index(word)) + 1
                findings.say(name, line, f"{word.strip(chr(39))} is banned",
                             "a run must be the same on every machine, and warnings are errors")
    findings.leave()


if __name__ == "__main__":
    main()
