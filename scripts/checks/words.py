#!/usr/bin/env python3
"""No unfinished business and no path of somebody's machine in the tree; no trailing blanks."""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree  # noqa: E402

# The patterns are written so that they do not find themselves.
RULES = [
    (re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"), "unfinished business",
     "do it, or open an issue"),
    # A command line has its stand-ins for values, <file>; code has none.
    (re.compile(r"\b(?:a|as|just|only) place" r"holder\b(?! for a value)|\bplace" r"holder "
                r"(?:code|implementation|test|text|until|for now)\b|\blorem ip" r"sum\b", re.I),
     "a stand-in",
     "write the real thing, or leave it out"),
    (re.compile(r"(?<![\w./~-])/(?:home/\w|root/|work/|Users/\w)"), "a path of one machine",
     "take it from the root of the tree or from an argument"),
    (re.compile(r"^(?:<{7} |>{7} |={7}$)"), "a merge conflict", "resolve it"),
    (re.compile(r"[ \t]+$"), "trailing blanks", "remove them"),
]
# Captures and corpora are evidence, the licence is not ours to change.
EXEMPT = re.compile(r"LICENSE$|tests/fuzz/corpus/|.*\.(?:pcap|pcapng|png|svg|patch|diff)$")
# Nothing large or made belongs into the tree.
LARGEST = 2 << 20


def main():
    findings = tree.Findings()
    for name in tree.files():
        size = os.path.getsize(os.path.join(tree.ROOT, name))
        if size > LARGEST:
            findings.say(name, 1, f"has {size} bytes", "make it when it is needed")
        if EXEMPT.match(name) or not tree.is_text(name):
            continue
        text = tree.read(name)
        for number, line in enumerate(text.splitlines(), 1):
            for pattern, what, cure in RULES:
                found = pattern.search(line)
                if found:
                    findings.say(name, number, f"{what}: '{found.group(0).strip()}'", cure)
        if text and not text.endswith("\n"):
            findings.say(name, text.count("\n") + 1, "the last line has no end", "add a newline")
    findings.leave()


if __name__ == "__main__":
    main()
