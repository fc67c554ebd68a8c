"""Runs sluice-perf as its users do: one process, or a server and clients beside it."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Only against hanging for ever: a busy machine is slow, and that is no failure.
LIMIT = 120
SOAK_LIMIT = 3000


def run(program, *words, prefix=(), limit=LIMIT, **kwargs):
    return subprocess.run([*prefix, program, *map(str, words)], capture_output=True, text=True,
                          timeout=limit, stdin=subprocess.DEVNULL, check=False, **kwargs)


def document(result):
    """The JSON of a run with --json -, and nothing but that on standard output."""
    try:
        return json.loads(result.stdout)
    except json.JSONDecodeError as error:
        raise AssertionError(f'no JSON: {error}\n{result.stdout}\n{result.stderr}') from error


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'{what} did not happen within {LIMIT} s')
        time.sleep(0.02)


class Process:
    """A program in the background, with what it says in files."""

    def __init__(self, folder, name, words):
        self.out = os.path.join(folder, name + '.out')
        self.err = os.path.join(folder, name + '.err')
        with open(self.out, 'w') as out, open(self.err, 'w') as err:
            self.process = subprocess.Popen([str(w) for w in words], stdout=out, stderr=err,
                                            stdin=subprocess.DEVNULL)

    def said(self):
        with open(self.err) as f:
            return f.read()

    def printed(self):
        with open(self.out) as f:
            return f.read()

    def running(self):
        return self.process.poll() is None

    def wait(self):
        return self.process.wait(timeout=LIMIT)

    def kill(self, number=signal.SIGKILL):
        if self.running():
            self.process.send_signal(number)
        return self.wait()


class Pair:
    """What a server and its clients share: a folder, the device of each, addresses, a control port,
    and a prefix that puts both into a network namespace."""

    def __init__(self, program, server_vdev, client_vdev, addresses=('198.51.100.2', '198.51.100.1'),
                 prefix=(), options=()):
        self.program = program
        self.folder = tempfile.mkdtemp(prefix='sluice-')
        self.vdevs = [v.replace('FOLDER', self.folder) for v in (server_vdev, client_vdev)]
        self.addresses = addresses
        self.control = f'127.0.0.1:{free_port()}'
        self.prefix = list(prefix)
        self.options = list(options)
        self.server = None
        self.count = 0

    def server_words(self, *words):
        return [self.program, 'server', '--vdev', self.vdevs[0], '--ip', self.addresses[0],
                '--control', self.control, *self.options, *words]

    def client_words(self, *words, to=None):
        return ['client', '--vdev', self.vdevs[1], '--ip', self.addresses[1],
                '--to', to or self.addresses[0], '--control', self.control, *self.options, *words]

    def start_server(self, *words):
        self.count += 1
        self.server = Process(self.folder, f'server{self.count}',
                              [*self.prefix, *self.server_words(*words)])
        wait_for(lambda: 'serving' in self.server.said() or not self.server.running(),
                 'the start of the server')
        if not self.server.running():
            raise AssertionError('the server ended: ' + self.server.said())
        return self.server

    def client(self, *words, to=None):
        return run(self.program, *self.client_words(*words, to=to), prefix=self.prefix)

    def start_client(self, *words):
        self.count += 1
        return Process(self.folder, f'client{self.count}',
                       [*self.prefix, self.program, *self.client_words(*words)])

    def start_client_at_work(self, *words):
        """A client that ends by being told to, returned once it has sent packets."""
        capture = os.path.join(self.folder, f'{self.count}.pcap')
        client = self.start_client('--seconds', 600, '--json', '-', '--cc', 'fixed:rate=50Mbps',
                                   '--capture', capture, *words)
        wait_for(lambda: not client.running() or
                 os.path.exists(capture) and os.path.getsize(capture) > 20000, 'the first packets')
        if not client.running():
            raise AssertionError('the client ended: ' + client.said() + client.printed())
        return client

    def close(self):
        if self.server is not None:
            self.server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Namespace:
    """A network namespace with two ends of a veth pair, gone when the object is closed. `why` says
    what is missing where it cannot be made."""

    def __init__(self, mtu):
        self.holder = None
        self.why = self._make(mtu)

    def _make(self, mtu):
        for tool in ('unshare', 'nsenter', 'ip'):
            if shutil.which(tool) is None:
                return f'no network namespace: {tool} is not installed'
        root = os.geteuid() == 0
        words = ['unshare', '--net'] if root else ['unshare', '--user', '--map-root-user', '--net']
        self.holder = subprocess.Popen([*words, 'sh', '-c', 'echo up; exec sleep 3600'],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != 'up\n':
            return 'no network namespace: ' + self.holder.stderr.read().strip()
        user = [] if root else ['--user', '--preserve-credentials']
        self.prefix = ['nsenter', '--target', str(self.holder.pid), '--net', *user]
        for command in (f'link add veth0 mtu {mtu} type veth peer name veth1 mtu {mtu}',
                        'link set lo up', 'link set veth0 up', 'link set veth1 up'):
            made = subprocess.run([*self.prefix, 'ip', *command.split()], capture_output=True,
                                  text=True, check=False)
            if made.returncode != 0:
                return f'no network namespace: ip {command}: {made.stderr.strip()}'
        return ''

    def close(self):
        if self.holder is not None:
            self.holder.kill()
            self.holder.communicate()
