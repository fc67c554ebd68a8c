#!/usr/bin/env python3
"""Which room may include which: the table of docs/architecture.md, and the check of every include.

Direct includes are checked. A room sees itself and base; beyond that what its line names. `+theirs`
after a name adds what that room may include. cc/ is seen as the contracts (`cc-contract`), with the
table of algorithms (`cc-registry`) or whole (`cc`).
"""

import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tree  # noqa: E402

TABLE = {
    "base": "",
    "telemetry": "",
    "wire": "",
    "wheel": "",
    "memory": "",
    "switch": "wire",
    "port": "telemetry wire",
    "cc": "",
    "transport": "wire wheel telemetry memory port cc-contract",
    "net": "wire telemetry",
    "cm": "wire wheel telemetry",
    "engine": "transport+theirs net+theirs cm+theirs cc-registry",
    "runtime": "engine port telemetry",
    "sim": "telemetry wire switch port",
    "dpdk": "telemetry port",
    "verbs": "runtime engine+theirs memory",
    "open": "verbs runtime port wire dpdk",
    "export": "telemetry port",
    "lab": "verbs runtime engine sim switch port wire telemetry cli cc-registry",
    "bridge": "lab+theirs switch port dpdk",
    "pcap": "wire cli",
    "perf": "verbs runtime port wire telemetry export cli cc-registry",
    "daemon": "switch port wire net telemetry dpdk export cli",
    "cli": "",
    "ibverbs": "verbs",
    "collective": "verbs",
}

CONTRACTS = {"cc/controller.h", "cc/receiver.h", "cc/path.h", "cc/signals.h"}


def permitted(room, seen=()):
    """The names that a room may include directly, itself and base among them."""
    names = {room, "base"}
    for word in TABLE[room].split():
        name, plus, _ = word.partition("+")
        names.add(name)
        if plus and name not in seen:
            names |= permitted(name, (*seen, room))
    if "cc-registry" in names:
        names.add("cc-contract")
    return names


def reachable(room):
    """permitted() and all that the headers of those rooms may include in turn."""
    done, todo = set(), {room}
    while todo:
        name = todo.pop()
        done.add(name)
        if name in TABLE:
            todo |= permitted(name) - done
    return done


def room_of(name):
    """lib/wire/bth.h -> wire, cc/dcqcn.cc -> cc, apps/x.cc -> apps."""
    parts = name.split("/")
    if parts[0] == "lib" and len(parts) > 2:
        return parts[1]
    return parts[0]


def may(room, target):
    """Whether files of a room may include "target"."""
    there = target.split("/")[0]
    names = permitted(room)
    if there == "cc":
        return ("cc" in names or ("cc-contract" in names and target in CONTRACTS)
                or ("cc-registry" in names and target == "cc/registry.h"))
    return there in names


def judge(name, target, angled, rooms):
    """What is wrong with one include and its cure, or None."""
    room, there = room_of(name), target.split("/")[0]
    if re.match(r"rte_\w+\.h$", target):
        own_test = re.match(r"tests/(?:unit|bench|support)/dpdk/", name)
        if room != "dpdk" and not own_test:
            return (f"includes {target}, and only lib/dpdk may see DPDK",
                    "go through the Port or another interface of lib/dpdk")
        return None
    if angled:
        return None
    if there in ("apps", "tests", "lib", "..", ".") and name.split("/")[0] != "tests":
        return f'includes "{target}"', 'write "room/file.h"; nothing includes apps or tests'
    if there == "apps":
        return f'includes "{target}"', "nothing includes apps: test the room that does the work"
    if name.split("/")[0] in ("apps", "tests"):
        return None
    if "/" not in target and not target.endswith(".inc"):  # a made table has no room
        return f'includes "{target}" without its room', f'write "{room}/{target}"'
    if there in rooms and not may(room, target):
        allowed = " ".join(sorted(permitted(room) - {room, "base"})) or "base alone"
        return (f'{room} may not include "{target}" (it may: {allowed})',
                "turn the dependency round or hand the thing in as an interface")
    return None


def main():
    findings = tree.Findings()
    rooms = set(TABLE)
    for name in tree.files(".h", ".cc"):
        top, room = name.split("/")[0], room_of(name)
        if top == "lib" and room not in TABLE:
            findings.say(name, 1, f"room lib/{room} is not in the table",
                         "add it to scripts/checks/layers.py and docs/architecture.md")
            continue
        if top not in ("lib", "cc", "apps", "tests"):
            continue
        for number, line in enumerate(tree.code_only(tree.read(name)).splitlines(), 1):
            found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            wrong = found and judge(name, found.group(2), found.group(1) == "<", rooms)
            if wrong:
                findings.say(name, number, *wrong)
    findings.leave()


if __name__ == "__main__":
    main()
