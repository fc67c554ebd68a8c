#!/usr/bin/env python3
"""Runs sluice-lab on experiment files: import, the published schema, export, and what refuses.

    lab_files_test.py PROGRAM SOURCE_ROOT
"""
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest
from fractions import Fraction

import jsonschema

PROGRAM, ROOT = sys.argv[1:3]
HPCC = os.path.join(ROOT, 'tests/data/hpcc')
HTSIM = os.path.join(ROOT, 'tests/data/htsim')
DOCS = os.path.join(ROOT, 'docs')


def run(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, timeout=200, text=True)


def read(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return f.read()


SCHEMA = json.loads(read(DOCS, 'experiment-file.schema.json'))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def parse_fct(text):
    """The HPCC simulator's own way (analysis/fct_analysis.py): eight columns, host from the IP."""
    rows = []
    for line in text.splitlines():
        sip, dip, sport, dport, size, start, fct, ideal = line.split()
        rows.append({'src': (int(sip, 16) >> 8) & 0xffff, 'dst': (int(dip, 16) >> 8) & 0xffff,
                     'sport': int(sport), 'dport': int(dport), 'size': int(size),
                     'start': int(start), 'fct': int(fct), 'ideal': int(ideal)})
    return rows


def percentiles(rows):
    slowdown = sorted(max(1, r['fct'] / r['ideal']) for r in rows)
    return {p: slowdown[len(slowdown) * p // 100] for p in (50, 95, 99)}


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name

    def tearDown(self):
        self.folder.cleanup()

    def file(self, name):
        return os.path.join(self.path, name)

    def ok(self, *words):
        r = run(*words)
        self.assertEqual(r.returncode, 0, (words, r.stderr))
        return r

    def import_hpcc(self, config='config_incast8_dcqcn.txt', topology='topo_star8.txt',
                    flows='flow_incast8.txt', name='x.json'):
        self.ok('import', 'hpcc', '--config', os.path.join(HPCC, config), '--topology',
                os.path.join(HPCC, topology), '--flows', os.path.join(HPCC, flows),
                '-o', self.file(name))
        return self.file(name)

    def write(self, document, name='e.json'):
        with open(self.file(name), 'w', encoding='utf-8') as f:
            json.dump(document, f)
        return self.file(name)


def example():
    """The one of the page."""
    text = re.search(r'```json\n(.*?)```', read(DOCS, 'experiment-file.md'), re.S).group(1)
    return json.loads(text)


class Schema(Folder):
    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_what_is_imported_is_valid(self):
        self.ok('import', 'htsim', '--cm', os.path.join(HTSIM, 'incast8.cm'),
                '-o', self.file('h.json'))
        self.ok('import', 'cdf', '--cdf', os.path.join(ROOT, 'lib/lab/cdf/googlerpc.txt'),
                '-o', self.file('c.json'))
        names = [self.import_hpcc(), self.file('h.json'), self.file('c.json')]
        names.append(self.import_hpcc(topology='topo_dumbbell.txt', flows='flow_joinleave.txt',
                                      name='j.json'))
        for name in names:
            VALIDATOR.validate(json.loads(read(name)))

    def test_the_example_of_the_page_is_valid_and_runs(self):
        VALIDATOR.validate(example())
        out = self.file('out')
        self.ok('exec', self.write(example()), '-a', 'mine', '-o', out)
        result = json.loads(read(out, 'result.json'))
        self.assertEqual(result['experiment'], 'half-load')
        self.assertEqual(result['arm'], 'mine')
        self.assertEqual(result['params']['cc']['ai'], '100Mbps')

    def test_schema_and_program_refuse_the_same(self):
        good = example()
        changes = [
            ({'workload': []}, "did you mean 'workloads'?"),
            ({'topology': {**good['topology'], 'spine': 4}}, "did you mean 'spines'?"),
            ({'topology': {'kind': 'star'}}, 'hosts'),
            ({'topology': {**good['topology'], 'kind': 'star'}}, 'topology'),
            ({'switch': {'bufer': 1}}, "did you mean 'buffer'?"),
            ({'switch': {'pfc': 'on'}}, 'pfc'),
            ({'switch': {'ecn': {'kmin': '1KB', 'kmax': '2KB', 'rate': '1Gbps'}}}, 'rate'),
            ({'switch': {'buffer': '1 MB'}}, 'buffer'),
            ({'topology': {**good['topology'], 'rate': '1 Gbps'}}, 'rate'),
            ({'topology': {'kind': 'star', 'hosts': 16, 'core_rate': '1Gbps'}}, 'core_rate'),
            ({'host': {'polls': '1us'}}, 'polls'),
            ({'host': {'preset': 'kernel'}}, 'preset'),
            ({'host': {'burst': 0}}, 'burst'),
            ({'host': {'stall': '1us'}}, 'stall_every'),
            ({'queue_pairs': 'shared'}, 'queue_pairs'),
            ({'idle': '10us'}, 'idle'),
            ({'queue_pairs': 'reused', 'idle': '10 us'}, 'idle'),
            ({'mtu': 1002}, 'mtu'),
            ({'format': 'sluice-experiment/9'}, 'format'),
            ({'random': ['coins']}, 'coins'),
            ({'flows': [[0, 1, 5]]}, 'flows[0]'),
            ({'flows': [{'source': 0, 'destination': 1, 'bytes': 5, 'begin': '1us'}]}, 'begin'),
            ({'arms': {'x': {'parameters': {}}}}, 'arms.x'),
            ({'workloads': [{'kind': 'poisso'}]}, "did you mean 'poisson'?"),
            ({'profile': 'ns3'}, 'profile'),
            ({'timeout': 0}, 'timeout'),
        ]
        for change, says in changes:
            document = {**good, **change}
            self.assertFalse(VALIDATOR.is_valid(document), change)
            r = run('exec', self.write(document), '-o', self.file('out'))
            self.assertEqual(r.returncode, 2, change)
            self.assertEqual(r.stderr.count('\n'), 1, r.stderr)
            self.assertIn(says, r.stderr)

    def test_schema_and_program_take_the_same(self):
        flows = {**example(), 'flows': [[0, 1, 1000, '0']]}
        del flows['workloads']
        for topology in [{'rate': '1000000Kbps'}, {'rate': '1000000000bps'}, {'rate': '1000000000'},
                         {'core_rate': '1Gbps'}]:
            document = {**flows, 'topology': {**flows['topology'], **topology}}
            VALIDATOR.validate(document)
            self.ok('exec', self.write(document), '-a', 'mine', '-o', self.file('out'))
        for host in [{}, {'preset': 'dpdk'}, {'poll_period': '1us', 'burst': 8, 'ack_every': 4},
                     {'preset': 'dpdk', 'stamps': 'nic', 'stamp_noise': '10ns'},
                     {'stall': '5us', 'stall_every': '100us', 'receive_delay': '500ns',
                      'transmit_delay': '500ns', 'packet_cost': '50ns'}]:
            VALIDATOR.validate({**flows, 'host': host})
            self.ok('exec', self.write({**flows, 'host': host}), '-a', 'mine', '-o',
                    self.file('out'))
        for use in [{'queue_pairs': 'new'}, {'queue_pairs': 'reused'},
                    {'queue_pairs': 'reused', 'idle': 'never'},
                    {'queue_pairs': 'reused', 'idle': '10us'}]:
            VALIDATOR.validate({**flows, **use})
            self.ok('exec', self.write({**flows, **use}), '-a', 'mine', '-o', self.file('out'))


class Imported(Folder):
    def test_runs_and_its_fct_file_is_read_by_another_parser(self):
        out = self.file('out')
        document = json.loads(read(self.import_hpcc()))
        self.ok('exec', self.write(document), '-a', 'imported', '--seed', '1', '-o', out)
        rows = parse_fct(read(out, 'fct.txt'))
        self.assertEqual(len(rows), 8)
        self.assertEqual({r['dst'] for r in rows}, {8})
        self.assertEqual({r['src'] for r in rows}, set(range(8)))
        self.assertEqual({r['size'] for r in rows}, {1000000})
        self.assertEqual({r['dport'] for r in rows}, {100})
        self.assertEqual({r['start'] for r in rows}, {2000000000})
        result = json.loads(read(out, 'result.json'))
        for p, value in percentiles(rows).items():
            self.assertAlmostEqual(result['slowdown'][f'p{p}'], value, places=2)
        self.assertEqual(read(out, 'experiment.json'), read(self.file('e.json')))

    def test_is_compared_without_a_bound_and_reported(self):
        path = self.import_hpcc('config_incast8_dctcp.txt')
        r = run('bound', path)
        self.assertEqual(r.returncode, 2)
        self.assertIn('hpcc-ns3', r.stderr)
        out = self.file('run')
        r = self.ok('run', path, '-a', 'imported', '-b', 'fixed', '--seeds', '1', '-o', out)
        self.assertNotIn('fluid bound', r.stdout)
        self.ok('report', out, '-o', self.file('page.html'))
        # The stored run and its arm are those of the file.
        self.ok('replay', os.path.join(out, 'a', '1'))

    def test_damage_names_file_line_and_cause(self):
        text = read(HPCC, 'flow_incast8.txt').replace('3 8 3', '3 x 3')
        with open(self.file('bad.txt'), 'w', encoding='utf-8') as f:
            f.write(text)
        r = run('import', 'hpcc', '--config', os.path.join(HPCC, 'config_incast8_dcqcn.txt'),
                '--topology', os.path.join(HPCC, 'topo_star8.txt'),
                '--flows', self.file('bad.txt'), '-o', self.file('x.json'))
        self.assertEqual(r.returncode, 2)
        self.assertIn("bad.txt: line 5: 'x' is not a destination", r.stderr)
        self.assertFalse(os.path.exists(self.file('x.json')))

    def test_options_of_the_formats(self):
        for words, says in [(['import', 'ns3', '-o', 'x'], 'hpcc, htsim, cdf'),
                            (['import', 'hpcc', '-o', 'x'], '--config FILE is needed'),
                            (['import', 'htsim', '--cm', 'a', '--flows', 'b', '-o', 'x'],
                             '--flows belongs to import hpcc'),
                            (['export', 'htsim', 'a', '-o', 'x'], 'there is: hpcc'),
                            (['export', 'hpcc', self.path, '-o', 'x'], 'result.json')]:
            r = run(*words)
            self.assertEqual(r.returncode, 2, words)
            self.assertIn(says, r.stderr)


class Exported(Folder):
    def test_reads_back_as_the_same_experiment(self):
        one = json.loads(read(self.import_hpcc()))
        out, exported = self.file('out'), self.file('exported')
        self.ok('exec', self.write(one), '-a', 'imported', '-o', out)
        self.ok('export', 'hpcc', out, '-o', exported)
        self.assertEqual(read(exported, 'fct.txt'), read(out, 'fct.txt'))
        self.ok('import', 'hpcc', '--config', os.path.join(exported, 'config.txt'), '--topology',
                os.path.join(exported, 'topology.txt'), '--flows',
                os.path.join(exported, 'flow.txt'), '-o', self.file('again.json'))
        two = json.loads(read(self.file('again.json')))
        for key in ['topology', 'flows', 'mtu', 'origin', 'switch', 'limit']:
            self.assertEqual(two[key], one[key], key)
        mine, theirs = (d['arms']['imported']['parameters'] for d in (one, two))
        for key in mine:
            self.assertEqual(theirs[key], mine[key], key)

    def test_a_run_with_jitter_has_its_starts(self):
        """The flows start when those of the run did, rounded to nanoseconds."""
        out, exported = self.file('out'), self.file('exported')
        self.ok('exec', 'incast:senders=4,size=20KB', '-a', 'dcqcn', '--independent',
                'ecmp,marking,jitter', '--jitter', '5us', '-o', out)
        self.ok('export', 'hpcc', out, '-o', exported)
        rows = parse_fct(read(out, 'fct.txt'))
        theirs = parse_fct(read(exported, 'fct.txt'))
        self.assertEqual([(r['src'], r['fct']) for r in theirs], [(r['src'], r['fct']) for r in rows])
        flows = [line.split() for line in read(exported, 'flow.txt').splitlines()[1:]]
        # As that simulator reads them: a double, cut to whole nanoseconds.
        starts = {int(f[0]): math.floor(Fraction(float(f[5])) * 10**9) - 2_000_000_000
                  for f in flows}
        self.assertEqual(starts, {r['src']: r['start'] for r in rows})

    def test_queues_and_pauses_are_those_of_the_run(self):
        """PFC with a small buffer: every pause is resumed, and the samples of a queue are one for
        each 100 ns of the run."""
        experiment = 'incast-poisson:hosts=8,fanin=7,load=0.6,size=200KB,warmup=0,window=200us,' \
                     'pfc=on,buffer=1MB,topology=star'
        out, exported = self.file('out'), self.file('exported')
        self.ok('exec', experiment, '-a', 'fixed', '-o', out)
        self.ok('export', 'hpcc', out, '-o', exported)
        result = json.loads(read(out, 'result.json'))
        self.assertGreater(result['pfc_pauses'], 0)
        pfc = [[int(x) for x in line.split()] for line in read(exported, 'pfc.txt').splitlines()]
        # Some frames may still be on their way at the end.
        pauses = [r for r in pfc if r[4] == 1]
        self.assertLessEqual(abs(len(pauses) - result['pfc_pauses']), 8)
        self.assertTrue(all(len(r) == 5 and r[3] >= 1 for r in pfc))
        self.assertEqual([r[0] for r in pfc], sorted(r[0] for r in pfc))
        lines = read(exported, 'qlen.txt').splitlines()
        self.assertTrue(lines[0].startswith('time: 2000'))
        samples = round(result['virtual_seconds'] * 1e7)
        self.assertEqual(len(lines), 1 + 8)
        for line in lines[1:]:
            node, port, *counts = (int(x) for x in line.split())
            self.assertEqual(node, 8)
            self.assertLessEqual(abs(sum(counts) - samples), 1)

    def test_flows_that_wait_have_no_place_there(self):
        out = self.file('out')
        self.ok('exec', 'allreduce:hosts=4,size=40KB', '-a', 'fixed', '-o', out)
        r = run('export', 'hpcc', out, '-o', self.file('exported'))
        self.assertEqual(r.returncode, 2)
        self.assertIn('wait for others', r.stderr)


class Window(Folder):
    def test_only_measured_flows_stand_in_the_files(self):
        out = self.file('out')
        self.ok('exec', 'websearch:hosts=8,warmup=300us,window=1ms', '-a', 'dcqcn', '-o', out)
        result = json.loads(read(out, 'result.json'))
        rows = parse_fct(read(out, 'fct.txt'))
        self.assertEqual(len(rows), result['flows'] - result['unfinished'])
        self.assertGreater(result['flows_beside'], 0)
        for r in rows:
            self.assertTrue(300_000 <= r['start'] < 1_300_000)
        if result['unfinished'] > 0:
            self.assertIsNone(result['slowdown']['mean'])

    def test_arms_see_the_same_flows(self):
        starts = []
        for arm in ['dcqcn', 'tita']:
            out = self.file(arm)
            self.ok('exec', 'websearch:hosts=4,warmup=100us,window=3ms', '-a', arm, '-o', out)
            starts.append({(r['src'], r['dst'], r['sport'], r['size'], r['start'])
                           for r in parse_fct(read(out, 'fct.txt'))})
        both = starts[0] & starts[1]
        self.assertGreater(len(both), 5)
        # What only one arm finished is all that may differ.
        self.assertLess(len(starts[0] ^ starts[1]), len(both))

    def test_list_names_what_the_contract_names(self):
        listed = {e['name'] for e in json.loads(run('list', '--json', '-').stdout)['experiments']}
        self.assertLessEqual({'incast', 'loss', 'permutation', 'joinleave', 'websearch'}, listed)


class Seeds(Folder):
    def test_that_vary_nothing_are_refused(self):
        path = self.write({'format': 'sluice-experiment/1', 'name': 'same',
                           'topology': {'kind': 'star', 'hosts': 3},
                           'flows': [[0, 2, 100000, '0'], [1, 2, 100000, '0']]})
        # Nothing is drawn: no algorithm that reacts to marks.
        arms = ['-a', 'fixed', '-b', 'fixed:rate=50Gbps']
        r = run('run', path, *arms, '--seeds', '3')
        self.assertEqual(r.returncode, 2)
        self.assertIn('seeds 1 and 2 give the same bytes', r.stderr)
        self.assertEqual(run('run', path, *arms, '--seeds', '1').returncode, 0)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
