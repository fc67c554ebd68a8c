#!/usr/bin/env python3
"""sluice-perf loopback: the promised JSON, and every byte under every fault.

    loopback_test.py PROGRAM          all of it
    loopback_test.py PROGRAM --soak   10^7 messages over queue pairs that come and go under loss
"""
import os
import sys
import tempfile
import unittest

import perf

PROGRAM, SOAK = sys.argv[1], '--soak' in sys.argv
NUMBER = (int, float)
# What the commands' contract promises of the JSON, with its types.
FIELDS = {
    'test': str, 'op': str, 'size_bytes': int, 'qps': int, 'cc': str, 'cc_params': dict,
    'icrc': bool, 'cores': int, 'seconds': NUMBER, 'messages': int, 'bytes': int,
    'verified_bytes': int, 'mismatches': int, 'lost_messages': int,
    'messages_per_second': NUMBER, 'gbps': NUMBER, 'cycles_per_message': NUMBER, 'packets': int,
    'retransmissions': int, 'timeouts': int, 'drops': dict, 'rtt_ns': dict, 'mbufs_leaked': int,
    'qps_leaked': int, 'tsc_hz': NUMBER, 'version': str, 'commit': str,
}
FAULTS = {'loss': 'dropped', 'duplicate': 'duplicated', 'reorder': 'reordered',
          'corrupt': 'corrupted'}


def loopback(*words):
    return perf.run(PROGRAM, 'loopback', '--json', '-', *words,
                    limit=perf.SOAK_LIMIT if SOAK else perf.LIMIT)


class Loopback(unittest.TestCase):
    def verified(self, *words):
        result = loopback(*words)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        found = perf.document(result)
        for zero in ('mismatches', 'lost_messages', 'mbufs_leaked', 'qps_leaked'):
            self.assertEqual(found[zero], 0, zero)
        self.assertEqual(found['bytes'], found['messages'] * found['size_bytes'])
        # In a ping-pong both ends verify; what is fetched has one way.
        ways = 2 if found['test'] == 'lat' and found['op'] in ('send', 'write') else 1
        self.assertEqual(found['verified_bytes'], ways * found['bytes'])
        return found

    def test_fields_and_types(self):
        for words in (('--messages', 1000), ('--messages', 50, '--test', 'lat', '--op', 'write'),
                      ('--messages', 100, '--qps', 5, '--icrc', 'off', '--cc', 'fixed')):
            found = self.verified(*words)
            for name, kind in FIELDS.items():
                self.assertIn(name, found)
                self.assertIsInstance(found[name], kind, name)
                self.assertEqual(isinstance(found[name], bool), kind is bool, name)
            self.assertEqual(found['messages'], words[1])
            self.assertEqual(set(found['rtt_ns']), {'p50', 'p99', 'p999', 'min'})
            for cause, count in found['drops'].items():
                self.assertIsInstance(cause, str)
                self.assertIsInstance(count, int)
            self.assertAlmostEqual(found['gbps'], found['bytes'] * 8e-9 / found['seconds'],
                                   delta=0.001 * found['gbps'])
            self.assertAlmostEqual(found['messages_per_second'],
                                   found['messages'] / found['seconds'],
                                   delta=0.001 * found['messages_per_second'])

    def test_every_size_around_the_mtu_and_every_mtu(self):
        for mtu in (256, 512, 1024, 2048, 4096):
            for size in (1, 3, mtu - 1, mtu, mtu + 1, 3 * mtu + 2):
                op = 'write' if size % 2 else 'send'
                found = self.verified('--mtu', mtu, '--size', size, '--op', op, '--messages', 100)
                self.assertGreaterEqual(found['packets'], 100 * -(-size // mtu))

    def test_json_goes_to_a_file_and_text_to_people(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'x.json')
            result = perf.run(PROGRAM, 'loopback', '--messages', 100, '--json', path)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn('100 messages', result.stdout)
            with open(path) as f:
                self.assertEqual(perf.json.load(f)['messages'], 100)

    def test_not_verified_is_said(self):
        found = perf.document(loopback('--messages', 100, '--noverify'))
        self.assertEqual(found['verified_bytes'], 0)
        result = perf.run(PROGRAM, 'loopback', '--messages', 100, '--noverify')
        self.assertIn('NOT verified', result.stdout)

    def test_two_cores(self):
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("one core")
        # A busy machine may take one of the cores away for longer than loopback's 7 x 1 ms.
        cores = ('--cores', 2, '--timeout', 14)
        for op in ('send', 'write'):
            self.verified(*cores, '--op', op, '--size', 9000, '--messages', 2000)
            self.verified(*cores, '--op', op, '--size', 9000, '--messages', 500, '--loss', '1%')

    def test_each_fault_and_all_four(self):
        everything = [w for name in FAULTS for w in ('--' + name, '0.01')]
        for words in [['--' + name, '0.01'] for name in FAULTS] + [everything]:
            for op, size, messages in (('write', 65536, 400), ('send', 9000, 1500)):
                found = self.verified('--op', op, '--size', size, '--messages', messages, *words)
                self.assertEqual(found['messages'], messages)
                for name, count in FAULTS.items():
                    self.assertEqual(found['faults_injected'][count] > 0, '--' + name in words)
                if '--loss' in words:
                    self.assertGreater(found['retransmissions'], 0)
                if '--corrupt' in words:
                    self.assertGreater(found['drops']['icrc'], 0)

    def test_reads_and_atomics(self):
        # Every byte of a READ is compared; an atomic must find what the one before it left, and the
        # word must hold what the last one left.
        for words in (('--op', 'read'), ('--op', 'read', '--size', 1), ('--op', 'fadd'),
                      ('--op', 'cas'), ('--op', 'read', '--size', 9000, '--qps', 3),
                      ('--op', 'fadd', '--qps', 3), ('--op', 'read', '--size', '1MiB'),
                      ('--op', 'read', '--size', 300000, '--cc', 'fixed:window=32KiB'),
                      ('--op', 'read', '--size', 5000, '--cc', 'tita')):
            for loss in ((), ('--loss', '0.01')):
                messages = 100 if 'MiB' in str(words) else 1000
                found = self.verified('--messages', messages, *words, *loss)
                self.assertEqual(found['messages'], messages)
                # Without loss a probe may be wrong when the loop is kept waiting, loss is always mended.
                if loss:
                    self.assertGreater(found['retransmissions'], 0, words)
        found = self.verified('--messages', 500, '--test', 'lat', '--op', 'read')
        self.assertGreater(found['rtt_ns']['min'], 0)

    def test_reads_and_atomics_under_each_fault(self):
        everything = [w for name in FAULTS for w in ('--' + name, '0.01')]
        for words in [['--' + name, '0.01'] for name in FAULTS] + [everything]:
            for op, size, messages in (('read', 65536, 300), ('fadd', 8, 2000), ('cas', 8, 2000)):
                self.verified('--op', op, '--size', size, '--messages', messages, *words)

    def test_relaxed_ordering_verifies_too(self):
        for words in ((), ('--relaxed-ordering',)):
            found = self.verified('--op', 'write', '--size', 3000, '--mtu', 1024, '--messages', 500,
                                  '--loss', '2%', *words)
            self.assertEqual((found['reliability'], found['relaxed_ordering']),
                             ('extended', len(words) == 1))

    def test_half_of_the_packets_lost(self):
        self.verified('--op', 'write', '--size', 2000, '--messages', 50, '--loss', '0.5')

    def test_goodput_under_loss(self):
        # The ratio of two runs, one after the other; tried three times, because another program may
        # take the core during either.
        words = ('--op', 'write', '--size', 65536, '--depth', 64, '--seconds', 1)
        ratios = []
        for _ in range(3):
            whole = self.verified(*words)['gbps']
            lossy = self.verified(*words, '--loss', '0.01')['gbps']
            ratios.append(lossy / whole)
            if ratios[-1] >= 0.25:
                return
        self.fail(f'goodput at 1 % loss over goodput without: {ratios}')

    def test_queue_pairs_made_and_unmade_under_loss(self):
        messages, churn = (10_000_000, 5000) if SOAK else (20_000, 200)
        found = self.verified('--messages', messages, '--churn', churn, '--qps', 4, '--loss',
                              '0.01', '--size', 64)
        self.assertEqual(found['messages'], messages)
        self.assertGreaterEqual(found['qps_created'], 2 * 4 * messages // churn)


class BadInput(unittest.TestCase):
    """Each with the exit status of the contract, and one line that names the cause and the cure."""

    def refused(self, status, says, *words):
        result = perf.run(PROGRAM, *words)
        told = f'{words}: {result.returncode} {result.stderr}'
        self.assertEqual(result.returncode, status, told)
        self.assertEqual(result.stdout, '', told)
        self.assertEqual(len(result.stderr.splitlines()), 1, told)
        self.assertRegex(result.stderr, says)
        # The same with --json, which then holds the error.
        if '--json' in words or '--help' in says:
            return
        again = perf.run(PROGRAM, *words, '--json', '-')
        self.assertEqual(again.returncode, status, told)
        found = perf.document(again)
        self.assertEqual((found['exit'], type(found['error'])), (status, str))
        self.assertIn(found['error'], again.stderr)

    def test_loopback(self):
        for says, *words in (
                ("unknown option '--sise'.*--size", '--sise', 64),
                ("unknown option '--bogus'", '--bogus'),
                ('--mtu 1500: choose 256, 512, 1024, 2048 or 4096', '--mtu', 1500),
                ('1 to 2.31 bytes', '--size', 2**31 + 1),
                ('1 to 2.31 bytes', '--size', '3GiB'),
                ('1 to 2.31 bytes', '--size', 0),
                ('unknown unit', '--size', '64Q'),
                ('--size', '--size', '-1'),
                ('8 GiB', '--size', '2GiB'),
                ("did you mean 'dcqcn'", '--cc', 'dcqnc'),
                ('no such parameter', '--cc', 'dcqcn:bogus=1'),
                ('not key=value', '--cc', 'fixed:rate='),
                ('--cc', '--cc', 'fixed:rate=-5Gbps'),
                ('--cc', '--cc', ''),
                ('given twice', '--seed', 1, '--seed', 2),
                ('an atomic has 8 bytes', '--op', 'fadd', '--size', 16),
                ("did you mean 'write'", '--op', 'wriet'),
                ('probability', '--loss', 2),
                ('probability', '--loss', '-1%'),
                ('probability', '--reorder', 'nan'),
                ('too small', '--qps', 0),
                ('too large', '--qps', 130001),
                ('too large', '--timeout', 32),
                ('--cores', '--cores', 3),
                ('exclude each other', '--messages', 5, '--seconds', 1),
                ('--seconds', '--seconds', '5 parsecs'),
                ('--line-rate', '--line-rate', '10Gb'),
                ('iCRC', '--corrupt', '1%', '--icrc', 'off'),
                ('--relaxed-ordering with --reliability base.*leave one',
                 '--relaxed-ordering', '--reliability', 'base'),
                ("did you mean '--relaxed-ordering'", '--relaxed-order'),
                ('--capture.*cannot be written', '--capture', '/nonexistent/x'),
                ("unexpected word 'extra'", 'extra'),
                ("'--vdev'", '--vdev', 'net_null0')):
            with self.subTest(words):
                self.refused(2, says, 'loopback', *words)
        self.refused(2, 'name a file that can be written', 'loopback', '--json', '/nonexistent/x')
        self.refused(2, "did you mean 'loopback'.*--help", 'looback')

    def test_devices(self):
        ours = ('--ip', '198.51.100.2', '--control', f'127.0.0.1:{perf.free_port()}')
        for status, says, device in (
                (2, 'did you mean net_ring0', 'net_rign0'),
                (2, 'bogus0', 'bogus0'),
                (2, 'number behind', 'net_vhost,iface=/tmp/s'),
                (2, 'net_vhost needs iface=', 'net_vhost0'),
                (2, "did you mean 'iface'", 'net_vhost0,ifcae=/tmp/s'),
                (2, 'given twice', 'net_vhost0,iface=/tmp/s,iface=/tmp/t'),
                (2, 'role=server', 'net_memif0,role=boss'),
                (2, 'bsize=2048 is too small', 'net_memif0,bsize=2048'),
                (2, 'ip -br link', 'net_af_packet0,iface=nosuch'),
                # A port that does not come up.
                (1, 'directory', 'net_vhost0,iface=/nonexistent/s'),
                (1, 'start the side with role=server', 'net_memif0,role=client,socket=/nosuch'),
                (1, 'start the server', 'net_virtio_user0,path=/nosuch')):
            with self.subTest(device):
                self.refused(status, says, 'server', '--vdev', device, *ours)

    def test_addresses_and_control(self):
        device = ('--vdev', 'net_null0')
        for says, *words in (
                ("'--ip' is required", 'server', *device),
                ("'--to' is required", 'client', *device, '--ip', '198.51.100.1'),
                ("'--vdev' is required", 'server', '--ip', '198.51.100.1'),
                ('--ip.*300', 'server', *device, '--ip', '300.1.1.1'),
                ('one family', 'client', *device, '--ip', '198.51.100.1', '--to', '::1'),
                ('HOST:PORT', 'server', *device, '--ip', '198.51.100.1', '--control', 'x'),
                ('1 to 65535', 'server', *device, '--ip', '198.51.100.1', '--control', 'x:70000')):
            with self.subTest(words):
                self.refused(2, says, *words)
        # Nobody's address: the port cannot be listened at.
        self.refused(1, 'cannot listen.*choose', 'server', *device, '--ip', '198.51.100.1',
                     '--control', '192.0.2.1:1234')


if __name__ == '__main__':
    case = ['Loopback.test_queue_pairs_made_and_unmade_under_loss'] if SOAK else []
    unittest.main(argv=sys.argv[:1] + case, verbosity=2)
