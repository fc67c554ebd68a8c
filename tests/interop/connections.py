"""rping and ucmatose of rdma-core in the guest against our end of the same conversation.

Nothing but addresses is known: before each, the guest forgets our MAC address and has to ask for it.
"""

import itertools
import subprocess

from peer import GUEST, OURS

COUNT, SIZE, SECONDS = 5, 1000, 60


def names():
    return [f"cm_{program}_{ours}_v{family}" for program, ours, family
            in itertools.product(("rping", "ucmatose"), ("client", "server"), (4, 6))]


def guest_command(program, role, family):
    address = OURS[family] if role == "client" else GUEST[family]
    if program == "rping":
        role_words = f"-c -a {address}" if role == "client" else f"-s -a {address}"
        return f"rping {role_words} -C {COUNT} -S {SIZE} -v -V"
    role_words = f"-s {address}" if role == "client" else f"-b {address}"
    return f"ucmatose {role_words} -c 1 -C {COUNT} -S {SIZE}"


def run(peer, program, name):
    """(whether it passed, what was said). `program` is interop_cm."""
    _, which, ours, family = name.split("_")
    family = int(family[1])
    peer.shell(f"/bin/ip neigh del {OURS[family]} dev eth0")
    theirs = "server" if ours == "client" else "client"
    command = guest_command(which, theirs, family)
    said_by_guest = f"(timeout {SECONDS} {command}; echo status $?) >/tmp/said 2>&1"
    if theirs == "server":
        peer.shell(said_by_guest + " & sleep 2")
    us = subprocess.Popen([program, which, ours, str(family), str(COUNT), str(SIZE),
                           peer.our_socket, peer.guest_socket], stdout=subprocess.PIPE, text=True)
    if theirs == "client":
        us.stdout.readline()
        peer.shell(said_by_guest, SECONDS + 5)
    try:
        output, _ = us.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        us.kill()
        output = "our end hangs"
    said = peer.shell("for i in 1 2 3 4 5; do grep -q ^status /tmp/said && break; sleep 1; done; "
                      "cat /tmp/said")
    peer.shell(f"killall {which}; /bin/ip neigh replace {OURS[family]} lladdr {OURS['mac']} dev eth0 "
               "nud permanent")
    # rping's server calls the end of every conversation a failure.
    content = which == "rping" and theirs == "server" or "\nstatus 0" in said
    passed = us.returncode == 0 and content
    return passed, output.strip() + " | guest: " + said.replace("\n", "; ")[-300:]
