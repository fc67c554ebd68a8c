#!/usr/bin/env python3
"""The wire world as a user runs it: `sluice-lab ... --world wire` becomes sluice-wire. Nothing here
depends on how quiet the machine is: a run that was skipped for its poll gap is a legal outcome, if
the JSON says so.

    wire_test.py SLUICE_LAB SLUICE_WIRE
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, WIRE = sys.argv[1], sys.argv[2]
SMALL = 'incast:senders=3,size=50KB'
ALGORITHMS = ['fixed', 'dcqcn', 'dctcp', 'hpcc', 'timely', 'tita']


def run(*words, program=PROGRAM):
    return subprocess.run([program, *words], capture_output=True, timeout=300, text=True)


class Wire(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name

    def tearDown(self):
        self.folder.cleanup()

    def document(self, *words):
        result = run(*words, '--json', '-')
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def check_world(self, world, verified):
        self.assertEqual(world['name'], 'wire')
        self.assertGreater(world['scale'], 1)
        self.assertGreater(world['rate_bps'], 0)
        self.assertGreaterEqual(world['base_rtt_ns'], 1e6)
        self.assertGreater(world['poll_gap_ns'], 0)
        self.assertEqual(world['verified_bytes'], verified)

    def test_exec_delivers_what_was_sent(self):
        where = os.path.join(self.path, 'run')
        found = self.document('exec', SMALL, '-a', 'dctcp', '--world', 'wire', '-o', where)
        self.check_world(found['world'], 150_000)
        self.assertEqual((found['flows'], found['unfinished'], found['arm']), (3, 0, 'dctcp'))
        self.assertGreater(found['goodput_gbps'], 0)
        late = found['world']['poll_gap_ns'] * 20 > found['world']['base_rtt_ns'] + 20
        self.assertEqual(late, 'skipped' in found)
        with open(os.path.join(where, 'result.json'), encoding='utf-8') as f:
            self.assertEqual(json.load(f), found)
        with open(os.path.join(where, 'fct.txt'), encoding='utf-8') as f:
            self.assertEqual(len(f.readlines()), 3)
        again = run('replay', where)
        self.assertEqual(again.returncode, 2)
        self.assertIn('wire', again.stderr)

    def test_run_judges_or_says_why_not(self):
        found = self.document('run', SMALL, '-a', 'dctcp', '-b', 'dcqcn', '--world=wire',
                              '--seeds', '3')
        self.assertEqual((found['a'], found['b']), ('dctcp', 'dcqcn'))
        self.check_world(found['world'], 150_000)
        self.assertLessEqual(found['seeds'], 3)
        skipped = found.get('skipped', [])
        for one in skipped:
            self.assertIn('stood still', one['cause'])
            self.assertIn(one['cc'], ('dctcp', 'dcqcn'))
            self.assertIn(one['seed'], (1, 2, 3))
        self.assertEqual(found['seeds'], 3 - len({one['seed'] for one in skipped}))
        if found['seeds'] == 0:
            self.assertEqual(found['metrics'], [])
            return
        self.assertIn('goodput_gbps', {m['name'] for m in found['metrics']})

    def test_run_speaks_to_people(self):
        result = run('run', SMALL, '-a', 'dctcp', '--world', 'wire', '--seeds', '2')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('World wire: rates / ', result.stdout)
        self.assertIn('arrived as they were sent', result.stdout)
        self.assertTrue('95% interval' in result.stdout or 'SKIPPED' in result.stdout)

    def test_worlds_has_a_row_for_every_algorithm(self):
        found = self.document('worlds', SMALL)
        self.assertEqual([row['cc'] for row in found['rows']], ALGORITHMS)
        self.assertEqual((found['repeats'], found['seed'], found['mtu']), (3, 1, 1024))
        for row in found['rows']:
            self.assertEqual(row['runs'] + len(row.get('skipped', [])), 3)
            self.assertEqual(row['verified_bytes'], 3 * 150_000)
            for name in ('goodput_gbps', 'rtt_p50_ns', 'marked'):
                figure = row[name]
                self.assertIsNotNone(figure['virtual'], (row['cc'], name))
                if row['runs'] == 0:
                    self.assertIsNone(figure['wire'])
                    continue
                self.assertLessEqual(figure['wire_low'], figure['wire'] * 1.000001)
                self.assertLessEqual(figure['wire'], figure['wire_high'] * 1.000001)
        self.assertEqual('skipped' in found, any('skipped' in row for row in found['rows']))

    def test_says_what_it_cannot_carry(self):
        for experiment, why in [('incast:senders=64', '65 hosts'),
                                ('permutation:topology=leaf-spine,hosts=16', 'switches'),
                                ('loss', 'los')]:
            result = run('run', experiment, '--world', 'wire', '--json', '-')
            self.assertEqual(result.returncode, 2, result.stderr)
            error = json.loads(result.stdout)
            self.assertEqual(error['exit'], 2)
            self.assertIn(why, error['error'])
            self.assertIn(';', error['error'])
            self.assertEqual(result.stderr.count('\n'), 1)

    def test_another_world_is_an_error(self):
        result = run('run', 'incast', '--world', 'wires')
        self.assertEqual(result.returncode, 2)
        self.assertIn('wire', result.stderr)

    def test_only_the_other_program_links_dpdk(self):
        lab = subprocess.run(['ldd', PROGRAM], capture_output=True, text=True, check=True)
        self.assertNotIn('librte', lab.stdout)

    def test_a_program_without_its_neighbour_says_so(self):
        alone = os.path.join(self.path, 'sluice-lab')
        shutil.copy2(PROGRAM, alone)
        result = run('run', SMALL, '--world', 'wire', '--json', '-', program=alone)
        self.assertEqual(result.returncode, 5)
        self.assertEqual(json.loads(result.stdout)['exit'], 5)
        self.assertIn('sluice-wire', result.stderr)

    def test_help_is_that_of_the_laboratory(self):
        for words in (['run', '--help'], ['exec', '--help'], ['worlds', '--help']):
            ours, theirs = run(*words), run(*words, program=WIRE)
            self.assertEqual((ours.returncode, theirs.returncode), (0, 0))
        self.assertIn('--world', run('run', '--help').stdout)
        self.assertIn('worlds', run('--help').stdout)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
