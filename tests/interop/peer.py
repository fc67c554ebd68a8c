"""The peer of scripts/interop: one QEMU guest that stays up while the cases run.

Its network card is a pair of unix datagram sockets, one Ethernet frame to the datagram; its agent is
reached through a virtio-serial port. Neither needs root.
"""

import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import time

from image import NoPeer

QEMU = "qemu-system-x86_64"
GUEST = {"mac": "52:54:00:00:00:01", 4: "198.51.100.1", 6: "2001:db8:51::1"}
OURS = {"mac": "02:00:00:00:00:02", 4: "198.51.100.2", 6: "2001:db8:51::2"}
NIC_MTU = 4400  # room for a path MTU of 4096 with all headers
BOOT_SECONDS = 120


def accelerator():
    """A KVM that is itself a PVM guest cannot run a stock kernel; emulation always can."""
    if os.access("/dev/kvm", os.W_OK) and not os.path.exists("/sys/module/kvm_pvm"):
        return ["-accel", "kvm", "-accel", "tcg", "-cpu", "max"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def end_with_parent():
    """In the child: a guest must not outlive a suite that is killed (prctl PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Peer:
    """Boots at once; `ready` waits for the agent. The folder's path must be short (socket names)."""

    def __init__(self, image, folder):
        if not shutil.which(QEMU):
            raise NoPeer(f"{QEMU} is missing: apt-get install -y --no-install-recommends "
                         "qemu-system-x86")
        self.folder = folder
        self.guest_socket = os.path.join(folder, "guest")
        self.our_socket = os.path.join(folder, "ours")
        self.console = os.path.join(folder, "console.log")
        agent = os.path.join(folder, "agent")
        for path in (self.guest_socket, self.our_socket, agent):
            if os.path.exists(path):
                os.unlink(path)
        self.agent_path, self.agent, self.buffer, self.next_id = agent, None, b"", 0
        self.started = time.monotonic()
        with open(os.path.join(folder, "qemu.log"), "wb") as log:
            self.process = subprocess.Popen(
                self.command(image), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=end_with_parent)

    def command(self, image):
        arguments = (f"console=ttyS0 quiet panic=-1 sluice.mtu={NIC_MTU} "
                     f"sluice.ip={GUEST[4]}/24 sluice.ip6={GUEST[6]}/64 "
                     f"sluice.peer={OURS[4]},{OURS['mac']} sluice.peer={OURS[6]},{OURS['mac']}")
        # No offload: a frame on the wire is what the guest's kernel made.
        card = (f"virtio-net-pci,netdev=n0,mac={GUEST['mac']},host_mtu={NIC_MTU},csum=off,gso=off,"
                "guest_csum=off,guest_tso4=off,guest_tso6=off,mrg_rxbuf=on,romfile=")
        return [QEMU, "-M", "q35", *accelerator(), "-m", "320", "-smp", "1", "-nodefaults",
                "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", image.kernel, "-initrd", image.initramfs, "-append", arguments,
                "-netdev", "dgram,id=n0,local.type=unix,remote.type=unix,"
                f"local.path={self.guest_socket},remote.path={self.our_socket}",
                "-device", card, "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self.agent_path},server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=agent",
                "-serial", f"file:{self.console}"]

    def ready(self):
        """Waits for the agent; seconds since the start."""
        while True:
            if self.process.poll() is not None:
                raise NoPeer(f"{QEMU} ended with {self.process.returncode}: see {self.folder}")
            if time.monotonic() - self.started > BOOT_SECONDS:
                raise NoPeer(f"the guest was not ready in {BOOT_SECONDS} s: see {self.console}")
            try:
                if self.agent is None:
                    connection = socket.socket(socket.AF_UNIX)
                    connection.connect(self.agent_path)
                    self.agent = connection
                if self.ask("ping", seconds=1) is not None:
                    return time.monotonic() - self.started
            except OSError:
                time.sleep(0.1)

    def new_id(self):
        self.next_id += 1
        return self.next_id

    def line(self, seconds):
        """The agent's next line, or None."""
        end = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            wait = end - time.monotonic()
            if wait <= 0 or not select.select([self.agent], [], [], wait)[0]:
                return None
            data = self.agent.recv(65536)
            if not data:
                raise ConnectionError("the guest is gone")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode("utf-8", "replace")

    def ask(self, word, rest="", seconds=30):
        """(the result line, lines of output) of one request beside cases; None when it does not come."""
        number = self.new_id()
        self.agent.sendall(f"{word} id={number} {rest}\n".encode())
        output, end = [], time.monotonic() + seconds
        while True:
            line = self.line(end - time.monotonic())
            if line is None:
                return None
            if line.startswith(f"result id={number} "):
                return line, output
            if line.startswith("| "):
                output.append(line[2:])

    def shell(self, command, seconds=30):
        found = self.ask("shell", command, seconds)
        return "\n".join(found[1]) if found else ""

    def idle(self, number):
        """Ends whatever case is under way; False when the agent does not answer any more."""
        try:
            self.agent.sendall(f"stop id={number}\n".encode())
            return self.ask("ping", seconds=20) is not None
        except OSError:
            return False

    def last_words(self):
        """What the kernel said when it ended; nothing while it runs."""
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return ""
        with open(self.console, encoding="utf-8", errors="replace") as console:
            said = [line.strip() for line in console if "BUG" in line or "panic" in line]
        return said[0] if said else f"{QEMU} ended with {self.process.returncode}"

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.agent is not None:
            self.agent.close()
