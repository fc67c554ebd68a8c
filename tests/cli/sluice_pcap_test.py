#!/usr/bin/env python3
"""Runs the program sluice-pcap: over every golden capture, against a second implementation, and
over wrong command lines and damaged files.

    sluice_pcap_test.py PROGRAM CAPTURES
"""
import glob
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

import roce_reference

PROGRAM, CAPTURES = sys.argv[1], sys.argv[2]


def run(*words, **kwargs):
    return subprocess.run([PROGRAM, *words], capture_output=True, timeout=60, **kwargs)


def golden(name):
    return os.path.join(CAPTURES, name + '.pcap')


ALL = sorted(glob.glob(os.path.join(CAPTURES, '*.pcap')))
BAD_ICRC = golden('fault_rc_send_badicrc_v4')
UNDECODED = {golden('inj_unsupported_opcode_v4'), golden('inj_tver_1_v4')}


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def file(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path


class Golden(Folder):
    def test_verify_agrees_with_the_reference_on_every_frame(self):
        self.assertGreaterEqual(len(ALL), 90)
        result = run('verify', '--json', '-', *ALL)
        self.assertEqual(result.returncode, 1)  # one iCRC is wrong on purpose
        self.assertEqual(result.stderr, b'')
        verdicts = json.loads(result.stdout)
        self.assertEqual([v['file'] for v in verdicts], ALL)
        total = 0
        for v in verdicts:
            frames = [roce_reference.decode(f) for _, f in roce_reference.records(v['file'])]
            roce = [(i, p) for i, p in enumerate(frames, 1) if p]
            total += len(roce)
            self.assertEqual(v['frames'], len(frames), v['file'])
            self.assertEqual(v['roce'], len(roce), v['file'])
            self.assertEqual(v['icrc_bad'], [i for i, p in roce if not p['icrc_ok']], v['file'])
            self.assertEqual(v['undecoded'], [i for i, p in roce if not p['usable']], v['file'])
            self.assertEqual(v['reencode_diff'], [], v['file'])
            self.assertEqual(len(v['icrc_bad']), int(v['file'] == BAD_ICRC))
            self.assertEqual(len(v['undecoded']), int(v['file'] in UNDECODED))
        self.assertGreater(total, 1800)

    def test_show_agrees_with_the_reference_on_every_packet(self):
        for path in ALL:
            result = run('show', '--json=-', path)
            self.assertEqual((result.returncode, result.stderr), (0, b''), path)
            shown = {p['frame']: p for p in json.loads(result.stdout)}
            for number, (time_ns, frame) in enumerate(roce_reference.records(path), 1):
                wanted = roce_reference.decode(frame)
                if wanted is None:
                    self.assertNotIn(number, shown)
                    continue
                packet = shown[number]
                where = f'{path} frame {number}'
                self.assertEqual(packet['time_ns'], time_ns, where)
                self.assertEqual('undecoded' not in packet, wanted.pop('usable'), where)
                if wanted['opcode'] is None:
                    wanted['opcode'] = packet['opcode']
                    self.assertTrue(packet['opcode'].endswith('_0x1f'), where)
                if packet['aeth']:
                    del packet['aeth']['kind']
                self.assertEqual({k: packet[k] for k in wanted}, wanted, where)

    def test_exit_status_by_file(self):
        self.assertEqual(run('verify', golden('rc_send_1B_v4')).returncode, 0)
        self.assertEqual(run('verify', BAD_ICRC).returncode, 1)
        for path in UNDECODED:
            self.assertEqual(run('verify', path).returncode, 0)

    def test_text_has_a_summary_line_for_each_file_and_differences_below(self):
        lines = run('verify', golden('rc_send_1B_v4'), BAD_ICRC).stdout.decode().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].startswith(golden('rc_send_1B_v4') + ': ok;'))
        self.assertTrue(lines[1].startswith(BAD_ICRC + ': DIFFERS;'))
        self.assertIn('frame 9: iCRC', lines[2])
        self.assertNotIn('\x1b', ''.join(lines))

    def test_text_of_show_is_a_line_for_each_packet(self):
        lines = run('show', golden('rc_send_100msg_q64_ackreq_v4')).stdout.decode().splitlines()
        self.assertEqual(len(lines), 200 + 1)
        self.assertEqual(lines[-1], '(13 other frames, not RoCEv2)')

    def test_json_to_a_file_and_text_to_standard_output(self):
        path = os.path.join(self.folder.name, 'out.json')
        result = run('--json', path, 'verify', golden('rc_send_1B_v4'))
        self.assertIn(b': ok;', result.stdout)
        with open(path) as f:
            self.assertEqual(json.load(f)[0]['roce'], 6)

    def test_standard_input(self):
        with open(golden('rc_send_1B_v4'), 'rb') as f:
            result = run('verify', '--json', '-', '-', stdin=f)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(json.loads(result.stdout)[0]['roce'], 6)

    def test_pcapng_with_the_same_frames(self):
        def block(kind, body):
            body += b'\0' * (-len(body) % 4)
            length = struct.pack('<I', len(body) + 12)
            return struct.pack('<I', kind) + length + body + length
        data = block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1))
        data += block(1, struct.pack('<HHI', 1, 0, 65535))
        for time_ns, frame in roce_reference.records(BAD_ICRC):
            micros = time_ns // 1000
            data += block(6, struct.pack('<IIIII', 0, micros >> 32, micros & 0xffffffff,
                                         len(frame), len(frame)) + frame)
        path = self.file('made.pcapng', data)
        a, b = run('show', '--json=-', BAD_ICRC), run('show', '--json=-', path)
        self.assertEqual(b.returncode, 0)
        self.assertEqual(a.stdout, b.stdout)
        self.assertEqual(run('verify', path).returncode, 1)
        for cut in range(1, len(data), 97):
            result = run('verify', self.file('cut.pcapng', data[:cut]))
            self.assertIn(result.returncode, (0, 1, 2))
            if result.returncode == 2:
                self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_frames_cut_by_the_snap_length_are_reported(self):
        data = struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 96, 1)
        for _, frame in roce_reference.records(golden('rc_send_10KB_mtu1024_v4')):
            data += struct.pack('<IIII', 1, 0, min(96, len(frame)), len(frame)) + frame[:96]
        path = self.file('snap.pcap', data)
        result = run('verify', '--json=-', path)
        self.assertEqual(result.returncode, 0)
        verdict = json.loads(result.stdout)[0]
        self.assertEqual(verdict['roce'], 22)
        self.assertEqual(len(verdict['cut']), 20)  # all but the two ACKs
        self.assertEqual(verdict['undecoded'], verdict['cut'])
        shown = json.loads(run('show', '--json=-', path).stdout)
        self.assertEqual(sum('undecoded' in p for p in shown), 20)


class Wrong(Folder):
    def refused(self, *words, says):
        """Status 2, one line that says `says`, nothing on standard output; the same as JSON."""
        result = run(*words)
        line = result.stderr.decode()
        self.assertEqual(result.returncode, 2, (words, line))
        self.assertEqual(line.count('\n'), 1, (words, line))
        self.assertTrue(line.startswith('sluice-pcap: '), line)
        self.assertIn(says, line)
        self.assertLess(len(line), 600)
        if '--json' in words or any(w.startswith('--json=') for w in words):
            return
        result = run('--json=-', *words)
        self.assertEqual(result.returncode, 2)
        document = json.loads(result.stdout)
        self.assertEqual(document['exit'], 2)
        self.assertEqual(result.stderr.decode(), f'sluice-pcap: {document["error"]}\n')

    def test_command_lines(self):
        good = golden('rc_send_1B_v4')
        for words, says in [
                (['verfy', good], "did you mean 'verify'?"),
                (['Show', good], "did you mean 'show'?"),
                (['check', good], "unknown command 'check'"),
                ([good], 'unknown command'),
                (['verify'], 'no FILE given'),
                (['show'], 'no FILE given'),
                (['show', good, good], 'unexpected word'),
                (['verify', ''], 'empty word'),
                (['verify', '--jsn', '-', good], "did you mean '--json'?"),
                (['verify', '--jso=-', good], "did you mean '--json'?"),
                (['verify', '--JSON=-', good], "did you mean '--json'?"),
                (['verify', '-json', good], "unknown option '-json'"),
                (['verify', '--verbose', good], "unknown option '--verbose'"),
                (['verify', '--help=1', good], 'takes no value'),
                (['verify', '-x', good], "unknown option '-x'"),
                (['verify', '-r', good], 'say '),
                (['verify', good, '--json'], "'--json' has no value"),
                (['verify', '--json=', good], 'empty value'),
                (['verify', '--json=-', '--json=-', good], 'given twice'),
                (['verify', '--json', '/no/such/folder/x', good], 'No such file'),
                (['help', 'verfy'], "did you mean 'verify'?"),
                (['--', 'verify', good], 'no command'),
        ]:
            if 'no command' in says:
                self.assertEqual(run(*words).returncode, 2)
            else:
                self.refused(*words, says=says)

    def test_one_edit_typos_of_all_names(self):
        for name in ('verify', 'show', '--json'):
            for i in range(2 if name[0] == '-' else 0, len(name)):
                for typo in (name[:i] + name[i + 1:], name[:i] + '~' + name[i + 1:],
                             name[:i] + '~' + name[i:]):
                    words = ['verify', typo, 'x'] if name[0] == '-' else [typo, 'x']
                    result = run(*words)
                    self.assertEqual(result.returncode, 2)
                    self.assertIn(f"'{name}'", result.stderr.decode(), typo)

    def test_files(self):
        good = golden('rc_send_1B_v4')
        for words, says in [
                (['no_such.pcap'], 'No such file'),
                ([good[:-6] + '5.pcap'], "did you mean 'rc_send_1B_v4.pcap'?"),
                ([CAPTURES], 'Is a directory'),
                ([self.file('empty', b'')], 'empty file'),
                ([self.file('garbage', os.urandom(64) * 100)], 'no pcap or pcapng file'),
                ([self.file('text', b'hello\n' * 9)], 'no pcap or pcapng file'),
                ([self.file('wifi', struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 105))],
                 'not Ethernet'),
                ([self.file('new\nline', b'')], 'empty file'),
        ]:
            self.refused('verify', *words, says=says)
            self.refused('show', *words, says=says)

    def test_captures_cut_anywhere(self):
        with open(golden('rc_send_1B_v4'), 'rb') as f:
            data = f.read()
        ends, at = [24], 24
        while at < len(data):
            at += 16 + struct.unpack_from('<I', data, at + 8)[0]
            ends.append(at)
        for cut in list(range(1, 30)) + list(range(30, len(data), 23)):
            if cut in ends:
                continue
            path = self.file('cut.pcap', data[:cut])
            frame = sum(e <= cut for e in ends)
            says = 'before frame 1' if cut < 24 else f'cut.pcap: truncated at frame {frame};'
            result = run('verify', path)
            self.assertEqual(result.returncode, 2, cut)
            self.assertEqual(result.stdout, b'')
            self.assertEqual(result.stderr.count(b'\n'), 1)
            self.assertIn(says, result.stderr.decode())

    def test_an_unreadable_file_does_not_hide_the_others(self):
        good, cut = golden('rc_send_1B_v4'), self.file('cut.pcap', b'\xd4\xc3\xb2\xa1\x02')
        result = run('verify', good, cut, BAD_ICRC)
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stdout.decode().count('RoCEv2'), 2)
        document = json.loads(run('verify', '--json=-', good, cut, BAD_ICRC).stdout)
        self.assertEqual(document['exit'], 2)
        self.assertIn('cut.pcap', document['error'])
        self.assertEqual([f['file'] for f in document['files']], [good, BAD_ICRC])

    def test_random_damage_never_crashes(self):
        with open(golden('rc_write_3B_v4'), 'rb') as f:
            data = bytearray(f.read())
        for i in range(24, len(data), 31):
            changed = bytearray(data)
            changed[i] ^= 0xff
            result = run('verify', self.file('damaged.pcap', bytes(changed)))
            self.assertIn(result.returncode, (0, 1, 2), (i, result.stderr))
            self.assertLessEqual(result.stderr.count(b'\n'), 1)


class Program(Folder):
    def test_help_is_short_and_goes_to_standard_output(self):
        for words in (['-h'], ['help'], ['verify', '-h'], ['help', 'show'], ['help', 'units']):
            result = run(*words)
            self.assertEqual((result.returncode, result.stderr), (0, b''), words)
            self.assertLessEqual(result.stdout.count(b'\n'), 24, words)
        self.assertIn(b'--json PATH', run('verify', '--help').stdout)

    def test_version(self):
        self.assertRegex(run('--version').stdout.decode(), r'^sluice-pcap \d+\.\d+\.\d+\n$')

    def test_no_command(self):
        result = run()
        self.assertEqual(result.returncode, 2)
        self.assertEqual(result.stderr.count(b'\n'), 1)
        self.assertLessEqual(result.stdout.count(b'\n'), 15)

    def test_examples_in_help_run(self):
        for command in ('verify', 'show'):
            text = run(command, '--help').stdout.decode()
            line = next(x for x in text.splitlines() if x.startswith('  sluice-pcap '))
            words = line.strip().split('  ')[0].split()[1:]
            words = [golden('rc_send_1B_v4') if w == 'trace.pcap' else w for w in words]
            self.assertEqual(run(*words).returncode, 0, line)

    def test_interrupt_ends_with_130_and_a_partial_document(self):
        for cut in (None, 201):  # the other file comes whole, or ends in the middle
            with self.subTest(cut=cut):
                self.interrupt(cut)

    def interrupt(self, cut):
        fifo = os.path.join(self.folder.name, 'fifo')
        if not os.path.exists(fifo):
            os.mkfifo(fifo)
        process = subprocess.Popen([PROGRAM, 'verify', '--json=-', golden('rc_send_1B_v4'), fifo],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(golden('x_rc_write_300KB_mtu1024_v4'), 'rb') as f:
            data = f.read()
        # Opened once the program reads it, after the first file. Unbuffered, so that closing writes
        # nothing to a program that left already.
        with open(fifo, 'wb', buffering=0) as out:
            out.write(data[:200])
            out.flush()
            process.send_signal(signal.SIGINT)
            try:
                out.write(data[200:cut])
            except BrokenPipeError:
                pass  # it left already
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, stderr)
        document = json.loads(stdout)
        self.assertEqual((document['exit'], document['complete']), (130, False))
        self.assertEqual(document['files'][0]['roce'], 6)
        self.assertIn(b'interrupted', stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
