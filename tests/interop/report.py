"""Writes the results of scripts/interop --full into docs/interop.md, between two marks.

The file's own text is kept. Nothing in it tells when it was written: the same results give the same
bytes.
"""

import matrix

BEGIN, END = "<!-- results: written by scripts/interop --full -->", "<!-- end of results -->"
TITLES = {
    "send": "SEND", "send_imm": "SEND with immediate", "write": "RDMA WRITE",
    "write_imm": "RDMA WRITE with immediate", "read": "RDMA READ", "fadd": "FETCH AND ADD",
    "cswap": "COMPARE AND SWAP",
}


def cell(verdicts):
    if not verdicts:
        return "-"
    passed = sum(v.result == "passed" for v in verdicts)
    return f"{passed} of {len(verdicts)}" if passed < len(verdicts) else f"{passed}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def by(verdicts, **fixed):
    return [v for v in verdicts if all(v.case[key] == value for key, value in fixed.items())]


def kinds(verdicts):
    """(service, op) in the order of the matrix."""
    return list(dict.fromkeys((v.case["service"], v.case["op"]) for v in verdicts))


def results(versions, verdicts, talks, talks_failed, selection):
    plain = by(verdicts, special="none")
    odd = [v for v in verdicts if v.case["special"] != "none"]
    failed = [v for v in verdicts if v.result == "failed"]
    passed = sum(v.result == "passed" for v in verdicts)
    lines = [BEGIN, "",
             f"Peer: Debian's Linux {versions['linux']} with rdma_rxe, rdma-core "
             f"{versions['rdma-core']}. {passed} of {len(verdicts)} cases passed"
             + (" (a pairwise selection)." if selection else "."), "",
             "Cases passed; a failure would show as `n of m`. "
             + ("A pairwise selection takes some of the initiators, address families, MTUs and sizes "
                "of each cell, so that every pair of values occurs in some case; `-`: none of that "
                "cell:" if selection else
                "Each cell covers both initiators, IPv4 and IPv6, and the MTUs and sizes of that "
                "service:"), ""]
    lines += table(["", *(f if f != "none" else "no fault" for f in matrix.FAULTS)],
                   [[f"{service.upper()} {TITLES[op]}",
                     *(cell(by(plain, service=service, op=op, fault=f)) for f in matrix.FAULTS)]
                    for service, op in kinds(plain)])
    specials = list(dict.fromkeys(v.case["special"] for v in odd))
    lines += ["", "Further cases:", ""]
    lines += table(["", *specials],
                   [[f"{service.upper()} {TITLES[op]}",
                     *(cell(by(odd, service=service, op=op, special=s)) for s in specials)]
                    for service, op in kinds(odd)])
    lines += ["", f"RDMA-CM: {len(talks) - talks_failed} of {len(talks)} conversations with rping and "
              "ucmatose of rdma-core, as client and as server, over IPv4 and IPv6, with nothing known "
              "but addresses (ARP and neighbour discovery by the guest's kernel and lib/net)."]
    again = [v for v in verdicts if v.again]
    if again:
        lines += ["", f"In {len(again)} of the cases the guest's queue pair stopped in the first run (no frame "
                  "of it for a second, whatever came) and the case was run once more, with a guest "
                  "booted anew: " + ", ".join(f"`{matrix.name(v.case)}`" for v in again) + "."]
    if failed:
        lines += ["", "Failed:", ""] + [f"- `{matrix.name(v.case)}`: {v.why}" for v in failed]
    return "\n".join([*lines, "", END])


def write(path, versions, verdicts, talks=(), talks_failed=0, selection=False):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the marks between which results are written")
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + results(versions, verdicts, talks, talks_failed, selection) + after)
