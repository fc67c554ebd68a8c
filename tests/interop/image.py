"""The guest of scripts/interop: Debian's own kernel with rdma_rxe, and an initramfs around it.

Everything comes from Debian packages that `apt-get download` fetches and this module unpacks; nothing
is installed and no root is needed. What is fetched and built stays in one folder, by default
~/.cache/sluice/interop ($XDG_CACHE_HOME is honoured), so that only the first run needs a network.
Remove the folder to take newer packages.
"""

import gzip
import hashlib
import os
import re
import shutil
import stat
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
GUEST = os.path.join(HERE, "guest")

# The kernel's meta package is replaced by the package that it depends on.
KERNEL = "linux-image-amd64"
PACKAGES = """
    busybox-static iproute2 rdma-core ibverbs-providers libibverbs1 libibverbs-dev librdmacm1
    rdmacm-utils libnl-3-200 libnl-route-3-200 libmnl0 libbpf1 libelf1 zlib1g libcap2 libbsd0 libmd0
    libdb5.3 libtirpc3 libselinux1 libpcre2-8-0 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libcom-err2
    libkrb5support0 libkeyutils1 libc6 libgcc-s1
""".split()
PROGRAMS = ["ip", "rdma", "rping", "ucmatose"]
# iproute2 loads libgcc_s when a thread ends, the verbs their provider by name: no ELF entry says so.
EXTRA_LIBRARIES = ["libgcc_s.so.1"]
PROVIDER = "librxe-rdmav34.so"
MODULES = """
    virtio_pci virtio_net virtio_console crc32_generic crc32c_generic crc32c_intel crc32_pclmul
    ib_uverbs rdma_ucm rdma_rxe
""".split()
# Of the kernel's package only these parts are unpacked: it is 400 MB, they are 20.
KERNEL_PARTS = """
    ./boot/vmlinuz* */kernel/drivers/infiniband/* */kernel/drivers/virtio/*
    */kernel/drivers/net/virtio_net.ko */kernel/drivers/net/net_failover.ko
    */kernel/drivers/char/virtio_console.ko */kernel/net/core/* */kernel/net/ipv4/*udp_tunnel*
    */kernel/net/ipv6/*udp_tunnel* */kernel/crypto/* */kernel/arch/x86/crypto/* */kernel/lib/*
    */kernel/fs/configfs/*
""".split()


class NoPeer(Exception):
    """The peer cannot be had on this machine; the text says what would cure it."""


def default_cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "sluice", "interop")


class Image:
    """kernel and initramfs: paths; versions: {"linux": ..., "rdma-core": ...}."""

    def __init__(self, folder):
        self.kernel = os.path.join(folder, "vmlinuz")
        self.initramfs = os.path.join(folder, "initramfs.gz")
        self.manifest = os.path.join(folder, "manifest")

    def ready(self):
        return all(os.path.exists(p) for p in (self.kernel, self.initramfs, self.manifest))

    def versions(self):
        with open(self.manifest, encoding="utf-8") as lines:
            return dict(line.split(None, 1) for line in lines.read().splitlines())


def run(command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def kernel_package():
    """The package that the meta package stands for, such as linux-image-6.1.0-56-amd64."""
    try:
        found = re.search(r"Depends: (linux-image-\S+)", run(["apt-cache", "depends", KERNEL]))
    except (OSError, subprocess.CalledProcessError):
        found = None
    if not found:
        raise NoPeer(f"apt knows no package {KERNEL}: run `apt-get update` as root on Debian 12")
    return found.group(1)


def package_file(folder, package):
    """The newest .deb of the package in the folder, or None."""
    found = sorted(name for name in os.listdir(folder)
                   if name.startswith(package + "_") and name.endswith(".deb"))
    return os.path.join(folder, found[-1]) if found else None


def download(folder, packages):
    os.makedirs(folder, exist_ok=True)
    missing = [p for p in packages if not package_file(folder, p)]
    if missing:
        done = subprocess.run(["apt-get", "-q", "download", *missing], cwd=folder,
                              capture_output=True, text=True, check=False)
        missing = [p for p in missing if not package_file(folder, p)]
        if missing:
            said = re.findall(r"^(?:E|Err).*", done.stderr + done.stdout, re.M)
            raise NoPeer(f"cannot download {' '.join(missing)} ({'; '.join(said[:2])}): "
                         "give this machine a network and run `apt-get update` as root")
    return [package_file(folder, p) for p in packages]


def unpack(deb, into):
    name = os.path.basename(deb)
    stamp = os.path.join(into, ".unpacked-" + name)
    if os.path.exists(stamp):
        return
    os.makedirs(into, exist_ok=True)
    if name.startswith("linux-image"):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
            run(["tar", "-x", "-C", into, "--wildcards", *KERNEL_PARTS], stdin=tar.stdout)
    else:
        run(["dpkg-deb", "-x", deb, into])
    open(stamp, "w", encoding="utf-8").close()


class Tree:
    """The guest's root folder, filled from unpacked packages; libraries follow the programs."""

    LIBRARIES = "lib/x86_64-linux-gnu"

    def __init__(self, packages, root):
        self.packages, self.root = packages, root
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("bin", "dev", "etc/libibverbs.d", "lib/modules", "lib64", "proc", "sys",
                       "tmp", "usr", "run", self.LIBRARIES + "/libibverbs"):
            os.makedirs(os.path.join(root, folder))
        for link, target in (("sbin", "bin"), ("usr/bin", "../bin"), ("usr/lib", "../lib")):
            os.symlink(target, os.path.join(root, link))

    def find(self, name, *folders):
        for folder in folders:
            path = os.path.join(self.packages, folder, name)
            if os.path.exists(path):
                return path
        raise NoPeer(f"no package of the guest holds {name}: remove the cache and try again")

    def copy(self, source, to):
        shutil.copy(os.path.realpath(source), os.path.join(self.root, to))

    def shared_library(self, name):
        if name.startswith("ld-linux"):
            return self.copy(self.find(name, "lib64", "lib/x86_64-linux-gnu"), "lib64/" + name)
        if not os.path.exists(os.path.join(self.root, self.LIBRARIES, name)):
            source = self.find(name, "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
            self.copy(source, os.path.join(self.LIBRARIES, name))
            self.needed(source)
        return None

    def needed(self, binary):
        for name in re.findall(r"\(NEEDED\).*\[(.*)\]", run(["readelf", "-d", binary])):
            self.shared_library(name)

    def program(self, source, name):
        self.copy(source, "bin/" + name)
        os.chmod(os.path.join(self.root, "bin", name), 0o755)
        self.needed(source)

    def text(self, name, content):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
            file.write(content)

    def modules(self, folder, wanted):
        """Copies the modules with what they depend on and lists them in the order of loading."""
        files = {}
        for where, _, names in os.walk(folder):
            for name in names:
                if name.endswith(".ko"):
                    files[name[:-3].replace("-", "_")] = os.path.join(where, name)
        order = []

        def add(name):
            if name in order or name not in files:  # what has no file is built in
                return
            with open(files[name], "rb") as file:
                depends = re.search(rb"\0depends=([^\0]*)\0", file.read())
            for other in depends.group(1).decode().split(",") if depends else []:
                add(other.replace("-", "_"))
            order.append(name)
            self.copy(files[name], f"lib/modules/{name}.ko")

        for name in wanted:
            add(name)
        if "rdma_rxe" not in order:
            raise NoPeer("the kernel's package holds no rdma_rxe: remove the cache and try again")
        self.text("lib/modules/order", "".join(name + "\n" for name in order))


def compile_agent(packages, output):
    """Against the headers and the library of the guest, whatever is installed here."""
    libraries = os.path.join(packages, "usr/lib/x86_64-linux-gnu")
    sources = [os.path.join(GUEST, n) for n in sorted(os.listdir(GUEST)) if n.endswith(".c")]
    try:
        run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror",
             "-I", os.path.join(packages, "usr/include"), "-o", output, *sources,
             os.path.join(libraries, "libibverbs.so.1"), "-Wl,--allow-shlib-undefined"])
    except FileNotFoundError as error:
        raise NoPeer("gcc is missing: run scripts/packages build") from error
    except subprocess.CalledProcessError as error:
        raise RuntimeError("the agent does not compile:\n" + error.stderr) from error


def cpio_entry(number, name, mode, data=b"", device=(0, 0)):
    """One member of an archive of the "newc" form, which the kernel unpacks."""
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return b"".join(part + b"\0" * (-len(part) % 4) for part in (head, data))


def pack(root, output):
    """root as a compressed archive; the nodes that need root to be made exist only in it."""
    entries = [("dev", stat.S_IFDIR | 0o755, b"", (0, 0)),
               ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))]
    for where, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(folders + names):
            path = os.path.join(where, name)
            relative = os.path.relpath(path, root)
            if relative == "dev":
                continue
            if os.path.islink(path):
                mode, data = stat.S_IFLNK | 0o777, os.readlink(path).encode()
            elif os.path.isdir(path):
                mode, data = stat.S_IFDIR | 0o755, b""
            else:
                mode = stat.S_IFREG | stat.S_IMODE(os.stat(path).st_mode)
                with open(path, "rb") as file:
                    data = file.read()
            entries.append((relative, mode, data, (0, 0)))
    entries.append(("TRAILER!!!", 0, b"", (0, 0)))
    with gzip.GzipFile(output, "wb", compresslevel=6, mtime=0) as archive:
        for number, entry in enumerate(entries, 1):
            archive.write(cpio_entry(number, *entry))


def fingerprint(debs):
    """Of everything that the image is made of."""
    state = hashlib.sha256(" ".join(os.path.basename(deb) for deb in debs).encode())
    for path in [os.path.abspath(__file__)] + [os.path.join(GUEST, n)
                                               for n in sorted(os.listdir(GUEST))]:
        with open(path, "rb") as file:
            state.update(file.read())
    return state.hexdigest()[:16]


def build(cache, kernel, debs, folder):
    packages, root = os.path.join(cache, "packages"), os.path.join(folder, "root")
    for deb in debs:
        unpack(deb, packages)
    version = kernel[len("linux-image-"):]
    tree = Tree(packages, root)
    tree.copy(tree.find("busybox", "bin"), "bin/busybox")
    for name in PROGRAMS:
        tree.program(tree.find(name, "bin", "sbin", "usr/bin", "usr/sbin"), name)
    for name in EXTRA_LIBRARIES:
        tree.shared_library(name)
    provider = tree.find(PROVIDER, "usr/lib/x86_64-linux-gnu/libibverbs")
    tree.copy(provider, os.path.join(Tree.LIBRARIES, "libibverbs", PROVIDER))
    tree.needed(provider)
    agent = os.path.join(folder, "agent")
    compile_agent(packages, agent)
    tree.program(agent, "agent")
    tree.modules(os.path.join(packages, "lib/modules", version), MODULES)
    tree.text("etc/libibverbs.d/rxe.driver", "driver rxe\n")
    tree.text("etc/passwd", "root:x:0:0:root:/:/bin/sh\n")
    tree.text("etc/hosts", "127.0.0.1 localhost\n")
    tree.copy(os.path.join(GUEST, "init"), "init")
    os.chmod(os.path.join(root, "init"), 0o755)
    image = Image(folder)
    shutil.copy(os.path.join(packages, "boot", "vmlinuz-" + version), image.kernel)
    pack(root, image.initramfs)
    shutil.rmtree(root)

    def version_of(start):
        name = next(os.path.basename(deb) for deb in debs
                    if os.path.basename(deb).startswith(start + "_"))
        return name.split("_")[1].replace("%3a", ":")

    with open(image.manifest + ".new", "w", encoding="utf-8") as file:
        file.write(f"linux {version} ({version_of(kernel)})\nrdma-core {version_of('rdma-core')}\n")
    os.rename(image.manifest + ".new", image.manifest)
    return image


def ensure(cache=None):
    """The image, built if it is not there; NoPeer when it cannot be had."""
    cache = cache or default_cache()
    debs_folder = os.path.join(cache, "debs")
    os.makedirs(debs_folder, exist_ok=True)
    here = [n for n in sorted(os.listdir(debs_folder)) if n.startswith("linux-image-")]
    kernel = here[-1].split("_")[0] if here else kernel_package()
    debs = download(debs_folder, [kernel, *PACKAGES])
    folder = os.path.join(cache, "image-" + fingerprint(debs))
    image = Image(folder)
    if image.ready():
        return image
    for old in os.listdir(cache):
        if old.startswith("image-"):
            shutil.rmtree(os.path.join(cache, old))
    os.makedirs(folder)
    return build(cache, kernel, debs, folder)
