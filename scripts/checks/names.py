#!/usr/bin/env python3
"""Names that may not stand in a place: what would make a run differ from the same run elsewhere.

A line that must break a rule carries `// check: allow <rule>: reason`.
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree  # noqa: E402

# The core: a run of it is (seed, configuration, commit), bit for bit.
CORE = ("cc/",) + tuple("lib/%s/" % room for room in (
    "base wire wheel memory switch transport net cm engine sim").split())
OURS = ("lib/", "cc/", "apps/")

# (rule, where, where not, pattern, cure). A name that follows . -> or a letter is a member or a
# longer word, and not meant.
FREE = r"(?<![\w.>:])(?:std::|::)?"
RULES = [
    ("clock", CORE, (),
     r"\bstd::chrono\b|<chrono>|<sys/time\.h>|\bclock_gettime\b|\bgettimeofday\b|\b_*rdtscp?\b"
     + "|" + FREE + r"time\s*\(\s*(?:NULL|nullptr|0|&)|\bstd::clock\b",
     "take the time as an argument (base/clock.h)"),
    ("random", CORE, (),
     FREE + r"(?:s?rand(?:om)?|[de]rand48|rand_r|getrandom|getentropy)\s*\("
     r"|\bstd::(?:random_device|mt19937|minstd_rand|ranlux|knuth_b|default_random_engine)"
     r"|\bstd::\w+_distribution\b|\bstd::(?:shuffle|sample)\b|<random>",
     "use an Rng that is handed in (base/rng.h)"),
    ("thread", CORE, (),
     r"\bstd::(?:j?thread|async|mutex|shared_mutex|recursive_mutex|timed_mutex|condition_variable"
     r"|this_thread)\b|<(?:thread|mutex|future|pthread\.h)>"
     r"|\bpthread_\w+|\babsl::Mutex",
     "the core owns no thread and no lock: hand in an Executor, or pass over an SPSC ring"),
    ("libm", CORE, (),
     FREE + r"(?:log|log2|log10|log1p|exp|exp2|expm1|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh"
     r"|tanh|cbrt|hypot|erfc?|[tl]gamma)[fl]?\s*\(",
     "libm differs between machines: use base/math.h"),
    ("unordered", CORE, (),
     r"\bstd::unordered_\w+|\babsl::(?:flat|node)_hash_\w+|<unordered_(?:map|set)>"
     r"|\bstd::(?:multi)?(?:map|set)\s*<\s*(?:const\s+)?[\w:]+\s*(?:const\s*)?\*",
     "its order differs between runs: index an array, or order by a number"),
    ("print", CORE, (),
     r"\bstd::(?:cout|cerr|clog)\b|<iostream>|" + FREE + r"(?:v?f?printf|puts|putchar)\s*\(",
     "the core counts and returns: printing belongs to lib/cli and lib/export"),
    ("environment", OURS, ("lib/cli/", "apps/"),
     FREE + r"(?:secure_)?getenv\s*\(|\bDEFINE_(?:bool|string|u?int32|u?int64|double)\b|<gflags/",
     "lib/cli is the only reader of flags and environment: take it as an argument"),
    ("optional-time", OURS, (), r"\bstd::optional<\s*(?:const\s+)?(?:sluice::)?Time\s*>",
     "a core waits for each copy of it: use OptionalTime (base/optional_time.h)"),
    ("throw", OURS, (), r"\bthrow\b(?!\s*\(\s*\))",
     "set-up returns absl::Status, the hot path drops and counts"),
]


def main():
    findings = tree.Findings()
    rules = [(rule, where, but, re.compile(pattern), cure)
             for rule, where, but, pattern, cure in RULES]
    for name in tree.files(".h", ".cc"):
        active = [rule for rule in rules if name.startswith(rule[1]) and not name.startswith(rule[2])]
        if not active:
            continue
        raw = tree.read(name)
        for number, (line, whole) in enumerate(
                zip(tree.code_only(raw).splitlines(), raw.splitlines()), 1):
            for rule, _, _, pattern, cure in active:
                found = pattern.search(line)
                if found and not tree.allowed_on(whole, rule):
                    word = found.group(0).strip()
                    findings.say(name, number, f"'{word}' is banned here (rule {rule})", cure)
    findings.leave()


if __name__ == "__main__":
    main()
