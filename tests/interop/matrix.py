"""The cases of scripts/interop: which there are, and which of them a quick run takes.

A case is a dictionary of the dimensions below. `full()` lists all that make sense; `pairwise()` picks
from them until every pair of values that occurs in any case occurs in one that was picked. Both are
the same list in every run.
"""

import itertools
import zlib

SIZES = ("0", "1", "mtu-1", "mtu", "mtu+1", "100K", "16M")
FAULTS = {
    "none": {},
    "loss 0.1 %": {"drop": 0.001},
    "loss 1 %": {"drop": 0.01},
    "duplication": {"duplicate": 0.02},
    "reordering": {"reorder": 0.02},
    "corruption": {"corrupt": 0.01},
}
# What must go wrong: the number is the completion status that the initiator must see (enum
# ibv_wc_status: remote access error, remote operation error, retries of either kind exceeded).
FAILURES = {
    "bad rkey": {"bad_rkey": 1, "expect": 10, "depth": 1},
    "short receive": {"short_receive": 1, "expect": 11, "depth": 1},
    "dead peer": {"drop": 1, "retry": 2, "expect": 12, "depth": 1},
    "RNR for ever": {"no_receive": 1, "rnr_retry": 2, "expect": 13, "depth": 1},
}
RC_OPS = ("send", "send_imm", "write", "write_imm", "read")
ATOMICS = ("fadd", "cswap")
QUICK_MOST = 112  # and 8 conversations of connections.py
DIMENSIONS = ("service", "op", "initiator", "family", "mtu", "size", "fault", "special")


def bytes_of(size, mtu):
    return {"0": 0, "1": 1, "mtu-1": mtu - 1, "mtu": mtu, "mtu+1": mtu + 1, "100K": 100_000,
            "16M": 16 << 20}[size]


def case(service, op, initiator="ours", family=4, mtu=1024, size="1", fault="none", special="none"):
    return dict(zip(DIMENSIONS, (service, op, initiator, family, mtu, size, fault, special)))


def both_ways(**fixed):
    for initiator, family in itertools.product(("ours", "theirs"), (4, 6)):
        yield case(initiator=initiator, family=family, **fixed)


def reliable():
    for op, mtu, size, fault in itertools.product(RC_OPS, (1024, 4096), SIZES, FAULTS):
        yield from both_ways(service="rc", op=op, mtu=mtu, size=size, fault=fault)
    for op, fault in itertools.product(ATOMICS, FAULTS):
        yield from both_ways(service="rc", op=op, size="word", fault=fault)


def unreliable():
    for op, mtu, size in itertools.product(RC_OPS[:4], (1024, 4096), SIZES):
        yield from both_ways(service="uc", op=op, mtu=mtu, size=size)
    for op, mtu, size in itertools.product(RC_OPS[:2], (1024, 4096), SIZES[:4]):
        yield from both_ways(service="ud", op=op, mtu=mtu, size=size)
    # What is lost is gone; what arrives is whole. Immediates say which message it is.
    for fault in list(FAULTS)[1:]:
        for op in ("send_imm", "write_imm"):
            yield from both_ways(service="uc", op=op, size="mtu+1", fault=fault)
        yield from both_ways(service="ud", op="send_imm", size="mtu", fault=fault)


def special():
    for op, fault in itertools.product(RC_OPS + ATOMICS, ("none", "loss 1 %")):
        size = "word" if op in ATOMICS else "mtu+1"
        yield from both_ways(service="rc", op=op, size=size, special="16 QPs", fault=fault)
        yield from both_ways(service="rc", op=op, size=size, special="PSN wrap", fault=fault)
    for op in ("send", "send_imm", "write_imm"):
        for fault in ("none", "loss 1 %"):
            yield from both_ways(service="rc", op=op, size="mtu+1", special="RNR", fault=fault)
    for service, op in (("uc", "send"), ("uc", "write"), ("ud", "send")):
        yield from both_ways(service=service, op=op, size="mtu", special="16 QPs")
        yield from both_ways(service=service, op=op, size="mtu", special="PSN wrap")
    for op in RC_OPS[2:] + ATOMICS:
        yield from both_ways(service="rc", op=op, size="word" if op in ATOMICS else "mtu+1",
                             special="bad rkey")
    for op in RC_OPS[:2]:
        yield from both_ways(service="rc", op=op, size="mtu+1", special="short receive")
        yield from both_ways(service="rc", op=op, size="mtu+1", special="RNR for ever")
    for op in ("send", "write"):
        yield from both_ways(service="rc", op=op, size="1", special="dead peer")
    for opcode in ("opcode 0xc0", "opcode 0xe0"):
        for family in (4, 6):
            yield case("rc", "send", family=family, size="mtu-1", special=opcode)


def full():
    return [*reliable(), *unreliable(), *special()]


def combinations(c, width):
    """Every `width` values that the case brings together."""
    return set(itertools.combinations([(d, str(c[d])) for d in DIMENSIONS], width))


def cover(left, most, width):
    """Moves cases out of `left`, each showing most combinations that none before it has shown, until
    all are shown or `most` are taken."""
    shown_by = [(c, combinations(c, width)) for c in left]
    missing = set().union(*(shown for _, shown in shown_by))
    taken = []
    while missing and len(taken) < most:
        best = max(shown_by, key=lambda item: len(item[1] & missing))
        taken.append(best[0])
        missing -= best[1]
    for c in taken:
        left.remove(c)
    return taken


def pairwise(cases=None):
    """Every pair of values that occurs in any case, and as many triples as QUICK_MOST cases show."""
    cases = full() if cases is None else cases
    # Of equals the quick ones are taken.
    left = sorted(cases, key=lambda c: (c["size"] == "16M", c["size"] == "100K"))
    taken = cover(left, len(left), 2)
    taken += cover(left, QUICK_MOST - len(taken), 3)
    rank = {name(c): i for i, c in enumerate(cases)}
    return sorted(taken, key=lambda c: rank[name(c)])


def name(c):
    parts = [c["service"], c["op"], c["initiator"], f"v{c['family']}", f"mtu{c['mtu']}", c["size"]]
    parts += [c[d] for d in ("fault", "special") if c[d] != "none"]
    return "_".join(parts).replace(" ", "")


def words(c):
    """What interop_case is told."""
    size = 8 if c["op"] in ATOMICS else bytes_of(c["size"], c["mtu"])
    # So many that faults come: a thousand packets where one in a thousand is lost.
    small = {"none": 60, "loss 0.1 %": 1000}.get(c["fault"], 300)
    count = {"100K": 12, "16M": 1}.get(c["size"], small)
    limit = 0.002 if c["size"] == "16M" else 1  # of faults that come in thousands otherwise
    settings = {
        "service": c["service"], "op": c["op"], "initiator": c["initiator"],
        "ipv6": int(c["family"] == 6), "mtu": c["mtu"], "size": size, "count": count,
        "depth": min(count, 16), "seed": zlib.crc32(name(c).encode()), "psn": 0x5a0000,
        "limit_s": 120 if c["size"] == "16M" else 60, **FAULTS[c["fault"]],
    }
    for fault in set(settings) & {"duplicate", "reorder", "corrupt"}:
        settings[fault] = min(settings[fault], limit)
    if c["op"] == "read" and c["size"] == "16M":
        # rxe sends a READ's responses to the end, whatever is asked for again meanwhile, and as a
        # requester waits for that end and a timeout: each fault costs the whole stream once more. Our
        # requester asks for pieces of its window, theirs meets fewer faults.
        settings.update(algorithm="fixed:window=128KB")
        for fault in set(settings) & {"drop", "duplicate", "reorder", "corrupt"}:
            settings[fault] = min(settings[fault], 0.01 if c["initiator"] == "ours" else 0.0005)
    if c["service"] != "rc":
        settings["lossy"] = int(c["fault"] != "none")
        # Nothing holds back a sender whom nobody answers; the guest's socket buffer is 200 KB.
        settings["depth"] = min(count, 4)
    if c["special"] == "16 QPs":
        settings.update(qps=16, count=20, depth=4)
    elif c["special"] == "PSN wrap":
        settings["psn"] = 0xfffff5
    elif c["special"] == "planted":
        settings.update(plant=1)
    elif c["special"] == "RNR":
        settings.update(delay_ms=60)
    elif c["special"].startswith("opcode"):
        settings.update(inject=int(c["special"].split()[1], 16), depth=1)
    settings.update(FAILURES.get(c["special"], {}))
    return settings
