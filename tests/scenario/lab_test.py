#!/usr/bin/env python3
"""Runs the program sluice-lab as a user does: same bytes twice, the figure of the HPCC simulator,
A/A, JSON, the report, wrong command lines.

    lab_test.py PROGRAM
"""
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv[1]
FILES = ['fct.txt', 'queues.csv', 'rates.csv', 'result.json', 'timing.json']


def run(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, timeout=120, text=True)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = self.folder.name

    def tearDown(self):
        self.folder.cleanup()

    def execute(self, name, experiment, arm, seed=1):
        where = os.path.join(self.path, name)
        result = run('exec', experiment, '-a', arm, '--seed', str(seed), '-o', where)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(os.listdir(where)), FILES)
        return where

    def result(self, *words):
        with open(os.path.join(self.execute(*words), 'result.json'), encoding='utf-8') as f:
            return json.load(f)


class Exec(Folder):
    def test_two_runs_are_the_same_bytes(self):
        for arm in ['tita', 'dcqcn', 'fixed']:
            one = self.execute('one', 'incast-shallow:senders=8,size=200KB', arm)
            two = self.execute('two', 'incast-shallow:senders=8,size=200KB', arm)
            for name in FILES:
                if name == 'timing.json':
                    continue
                with open(os.path.join(one, name), 'rb') as f, \
                        open(os.path.join(two, name), 'rb') as g:
                    self.assertEqual(f.read(), g.read(), (arm, name))

    def test_another_seed_is_another_run(self):
        one = self.result('one', 'incast:senders=4,size=50KB', 'tita', 1)
        two = self.result('two', 'incast:senders=4,size=50KB', 'tita', 2)
        self.assertNotEqual(one['trace_hash'], two['trace_hash'])

    def test_incast16_is_that_of_the_hpcc_simulator(self):
        """Its last flow ends at 1332.1 us with DCQCN at 50/50/55 us, F = 1 and a CNP for each mark
        (config_incast16_dcqcnpaper); nothing is lost and the line is never idle. Our headers are
        10 B a packet longer and carry preamble, FCS and gap: 16 x 1000 packets of 1082 B last 1385
        us and no run can be shorter."""
        r = self.result('golden', 'incast:senders=16', 'dcqcn:preset=ns3-50us')
        last = r['last_finish_ns'] / 1000
        self.assertLess(abs(last / 1332.1 - 1), 0.10)
        self.assertGreater(last, 16 * 1000 * 1082 * 8 / 100e3)
        self.assertEqual((r['flows'], r['unfinished'], r['drops']), (16, 0, 0))
        self.assertGreater(r['utilisation'], 0.99)
        self.assertGreater(r['cnps'], 1000)
        # 32,000 data hops, and one ACK for at most every data packet.
        self.assertGreaterEqual(r['packet_hops'], 32000)
        self.assertLessEqual(r['packet_hops'], 64000)

    def test_tita_keeps_the_queue_short_in_both_buffers(self):
        """It must not need the buffer: at most two base round trips of bytes (104 KB), and the
        first windows of a quarter of it from each of 16 senders, wait."""
        for experiment in ['incast', 'incast-shallow', 'incast:buffer=2MiB']:
            r = self.result('tita', experiment, 'tita')
            self.assertEqual(r['drops'], 0)
            self.assertLess(r['queue_bytes']['max'], 300e3)
            self.assertGreater(r['goodput_gbps'], 85)

    def test_reused_queue_pairs_finish_the_same_flows(self):
        """The same arrivals and sizes: an idle rule changes how long they take."""
        window = 'incast-poisson:hosts=4,fanin=3,size=20KB,load=0.6,warmup=0,window=200us'
        new = self.result('new', window, 'tita')
        for rule in ['reused', 'reused,idle=1us', 'reused,idle=0']:
            r = self.result(rule, f'{window},queue-pairs={rule}', 'tita')
            self.assertEqual((r['flows'], r['unfinished']), (new['flows'], 0), rule)
            self.assertNotEqual(r['trace_hash'], new['trace_hash'], rule)
            self.assertGreaterEqual(r['slowdown']['p50'], 1)

    def test_timing_lies_apart(self):
        where = self.execute('timing', 'incast:senders=2,size=50KB', 'tita')
        with open(os.path.join(where, 'timing.json'), encoding='utf-8') as f:
            timing = json.load(f)
        self.assertGreater(timing['cpu_seconds'], 0)
        self.assertGreater(timing['packet_hops_per_cpu_second'], 0)

    def test_fct_agrees_with_the_result(self):
        where = self.execute('fct', 'incast:senders=5,size=50KB', 'tita')
        with open(os.path.join(where, 'fct.txt'), encoding='utf-8') as f:
            rows = [line.split() for line in f]
        with open(os.path.join(where, 'result.json'), encoding='utf-8') as f:
            result = json.load(f)
        self.assertEqual([len(r) for r in rows], [8] * 5)
        ends = [int(r[5]) + int(r[6]) for r in rows]
        self.assertEqual(ends, sorted(ends))  # in the order of completion
        slowdown = sorted(max(1, int(r[6]) / int(r[7])) for r in rows)
        for p in (50, 95, 99):
            self.assertAlmostEqual(result['slowdown'][f'p{p}'], slowdown[5 * p // 100], places=3)


class Run(Folder):
    def test_a_against_a_is_identical(self):
        r = run('run', 'incast:senders=4,size=100KB', '-a', 'dcqcn', '-b', 'dcqcn', '--seeds', '3',
                '--json', '-')
        self.assertEqual(r.returncode, 0, r.stderr)
        document = json.loads(r.stdout)
        self.assertEqual({m['verdict'] for m in document['metrics']}, {'identical'})

    def test_json_does_not_depend_on_the_threads(self):
        words = ['run', 'incast-shallow:size=200KB', '--seeds', '4', '--json', '-']
        one, many = run(*words, '--jobs', '1'), run(*words, '--jobs', '4')
        self.assertEqual(one.returncode, 0, one.stderr)
        self.assertEqual(one.stdout, many.stdout)
        document = json.loads(one.stdout)
        self.assertEqual((document['a'], document['b'], document['seeds']), ('tita', 'dcqcn', 4))
        names = {m['name'] for m in document['metrics']}
        self.assertLessEqual({'fct_p50_ns', 'fct_p99_ns', 'last_finish_ns', 'goodput_gbps',
                              'queue_max_bytes', 'queue_mean_bytes', 'drops', 'retransmissions'},
                             names)
        for m in document['metrics']:
            self.assertIn(m['verdict'],
                          ['better', 'worse', 'equivalent', 'inconclusive', 'identical'])
            if m['low'] is not None:
                self.assertLessEqual(m['low'], m['ratio'])
                self.assertLessEqual(m['ratio'], m['high'])

    def test_keeps_runs_and_reports(self):
        where = os.path.join(self.path, 'my runs')
        r = run('run', 'incast:senders=4,size=100KB', '--seeds', '2', '-o', where)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn('95% interval', r.stdout)
        self.assertIn(f"next: sluice-lab report '{where}' -o report.html\n", r.stdout)
        # Each kept run is the run that exec makes.
        alone = self.execute('alone', 'incast:senders=4,size=100KB', 'dcqcn', 2)
        for name in ['result.json', 'fct.txt', 'queues.csv', 'rates.csv']:
            with open(os.path.join(where, 'b', '2', name), 'rb') as f, \
                    open(os.path.join(alone, name), 'rb') as g:
                self.assertEqual(f.read(), g.read(), name)
        page = os.path.join(self.path, 'report.html')
        r = run('report', where, '-o', page)
        self.assertEqual(r.returncode, 0, r.stderr)
        with open(page, encoding='utf-8') as f:
            text = f.read()
        self.assertLess(len(text), 1_500_000)
        self.assertNotIn('http', text)
        self.assertIn(f"<code>sluice-lab replay '{where}/a/", text)


class Commands(Folder):
    EXPERIMENT = 'incast:senders=4,size=60KB'

    def kept(self, name, *words, experiment=EXPERIMENT):
        where = os.path.join(self.path, name)
        r = run('run', experiment, *words, '-o', where, '--json', '-')
        self.assertEqual(r.returncode, 0, r.stderr)
        return where, json.loads(r.stdout)

    def test_replay_tells_whether_the_bytes_agree(self):
        where, _ = self.kept('runs', '-a', 'dcqcn', '-b', 'dcqcn', '--seeds', '2',
                             '--independent', 'marking,jitter')
        for stored in ['a/1', 'b/2']:
            r = run('replay', os.path.join(where, stored), '--json', '-')
            self.assertEqual(r.returncode, 0, r.stdout)
            self.assertTrue(json.loads(r.stdout)['identical'])
        with open(os.path.join(where, 'b/2/fct.txt'), 'r+', encoding='utf-8') as f:
            f.write('1')
        r = run('replay', os.path.join(where, 'b/2'), '--json', '-')
        self.assertEqual(r.returncode, 1)
        files = {f['file']: f['identical'] for f in json.loads(r.stdout)['files']}
        self.assertEqual(files, {'result.json': True, 'fct.txt': False, 'queues.csv': True,
                                 'rates.csv': True})
        self.assertIn('fct.txt', run('replay', os.path.join(where, 'b/2')).stdout)

    def test_compare_and_its_gates(self):
        where, document = self.kept('runs', '-a', 'fixed:rate=50Gbps', '-b', 'fixed', '--seeds',
                                    '3', experiment='incast:senders=1,size=1MB')
        slow, fast = os.path.join(where, 'a'), os.path.join(where, 'b')
        primary = document['metrics'][0]
        self.assertEqual((primary['name'], primary['role']), ('slowdown_p99', 'primary'))
        r = run('compare', fast, slow, '--json', '-')
        self.assertEqual(r.returncode, 0, r.stderr)
        again = json.loads(r.stdout)['comparisons'][0]['metrics'][0]
        self.assertEqual(again, primary)
        gate = ['--fail-on', 'worse:p50_fct>2%']
        table = [(fast, slow, 3), (slow, fast, 0), (fast, fast, 0)]
        for old, new, status in table:
            self.assertEqual(run('compare', old, new, *gate).returncode, status, (old, new))
        # One seed tells nothing, unless it is the same.
        one = run('compare', os.path.join(fast, '1'), os.path.join(slow, '1'), *gate)
        self.assertEqual(one.returncode, 4, one.stdout)
        self.assertIn('undecided', one.stdout)

    def test_a_sweep_resumes_and_merges(self):
        where = os.path.join(self.path, 'sweep')
        words = ['sweep', 'incast:size=30KB', '--grid', 'senders=2,4', '-a', 'tita', '-b', 'fixed',
                 '--seeds', '3', '-o', where]
        r = run(*words)
        self.assertEqual(r.returncode, 0, r.stderr)
        runs = os.path.join(where, 'runs')
        self.assertEqual(len(os.listdir(runs)), 12)
        with open(os.path.join(where, 'merged.json'), 'rb') as f:
            merged = f.read()
        gone = os.path.join(runs, sorted(os.listdir(runs))[5])
        for name in os.listdir(gone):
            os.unlink(os.path.join(gone, name))
        r = run('merge', where)
        self.assertEqual(r.returncode, 1)
        self.assertIn('1 of 12 runs are missing', r.stderr)
        r = run(*words)
        self.assertIn('11 of 12 runs are there already', r.stdout)
        self.assertEqual(run('merge', where).returncode, 0)
        with open(os.path.join(where, 'merged.json'), 'rb') as f:
            self.assertEqual(f.read(), merged)
        self.assertEqual(run('replay', gone).returncode, 0)
        page = os.path.join(self.path, 'report.html')
        self.assertEqual(run('report', where, '-o', page).returncode, 0)
        with open(page, encoding='utf-8') as f:
            self.assertIn('senders=4', f.read())

    def test_a_sweep_that_was_killed_goes_on(self):
        """Killed again and again, at whatever moment, and carried on: in the end every byte is that
        of a sweep that nobody disturbed."""
        def sweep(where):
            return [PROGRAM, 'sweep', 'incast:size=1MB', '--grid', 'senders=8,16', '-a', 'tita',
                    '-b', 'fixed', '--seeds', '4', '--jobs', '1', '-o', where]

        def files(where):
            found = {}
            for folder, _, names in os.walk(where):
                for name in names:
                    if name != 'timing.json':
                        with open(os.path.join(folder, name), 'rb') as f:
                            found[os.path.relpath(f.name, where)] = f.read()
            return found

        at_once, in_pieces = (os.path.join(self.path, name) for name in ('once', 'pieces'))
        subprocess.run(sweep(at_once), check=True, stdout=subprocess.DEVNULL, timeout=120)
        runs = os.path.join(in_pieces, 'runs')
        killed = 0
        for more in range(2, 12, 3):
            process = subprocess.Popen(sweep(in_pieces), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            until = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < until:
                if os.path.isdir(runs) and len(os.listdir(runs)) >= more:
                    process.kill()
                    break
            killed += process.wait(60) == -signal.SIGKILL
        self.assertGreater(killed, 0)
        subprocess.run(sweep(in_pieces), check=True, stdout=subprocess.DEVNULL, timeout=120)
        whole, pieces = files(at_once), files(in_pieces)
        self.assertEqual(sorted(pieces), sorted(whole))
        for name, content in whole.items():
            self.assertEqual(pieces[name], content, name)

    def test_a_sweep_over_parameters_of_an_algorithm(self):
        """Half the rate takes twice as long: the last flow of an incast whose senders get a rate
        each ends later, and what does not change is run once."""
        where = os.path.join(self.path, 'sweep')
        r = run('sweep', 'incast:senders=1,size=1MB', '-a', 'fixed', '-b', 'tita', '--grid',
                'fixed.rate=50Gbps,100Gbps', '--seeds', '2', '--primary', 'fct_p50_ns', '-o', where,
                '--json', '-')
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(len(os.listdir(os.path.join(where, 'runs'))), 6)
        slow, fast = json.loads(r.stdout)['points']
        self.assertEqual((slow['values'], slow['a'], slow['b']),
                         ({'fixed.rate': '50Gbps'}, 'fixed:rate=50Gbps', 'tita'))
        a, b = (next(m for m in p['metrics'] if m['name'] == 'fct_p50_ns') for p in (slow, fast))
        # 1 MB is 86.57 us on the wire, and 4.1 us of way.
        self.assertAlmostEqual(a['a'] / b['a'], (2 * 86.57 + 4.1) / (86.57 + 4.1), delta=0.01)
        self.assertEqual(a['b'], b['b'])
        page = os.path.join(self.path, 'report.html')
        self.assertEqual(run('report', where, '-o', page).returncode, 0)
        with open(page, encoding='utf-8') as f:
            text = f.read()
        for part in ['fixed.rate=50Gbps', 'fixed:rate=100Gbps', '50Gbps, 100Gbps']:
            self.assertIn(part, text)

    def test_a_plan_is_carried_out_by_others(self):
        here = os.path.join(self.path, 'here')
        words = ['sweep', 'incast:size=30KB', '--grid', 'senders=2,3', '--seeds', '2']
        self.assertEqual(run(*words, '-o', here).returncode, 0)
        for plan in ['parallel', 'slurm']:
            # A blank in a path is no border of a word.
            where = os.path.join(self.path, plan + ' plan')
            r = run(*words, '--plan', plan, '-o', where, '--json', '-')
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(run('merge', where).returncode, 1)
            jobs, command = (json.loads(r.stdout)[key] for key in ('jobs', 'command'))
            # The command is for a shell: jobs.txt or the script is one word of it.
            self.assertIn(jobs if plan == 'parallel' else os.path.join(where, 'array.sbatch'),
                          shlex.split(command.replace('<', ' ')))
            if plan == 'slurm':
                # What sbatch does with an array of 8 tasks.
                for task in range(1, 9):
                    subprocess.run(['bash', os.path.join(where, 'array.sbatch')], check=True,
                                   env={**os.environ, 'SLURM_ARRAY_TASK_ID': str(task)},
                                   stdout=subprocess.DEVNULL)
            else:
                with open(jobs, encoding='utf-8') as f:
                    lines = f.read().splitlines()
                self.assertEqual(len(lines), 8)
                for line in lines:
                    subprocess.run(['sh', '-c', line], check=True, stdout=subprocess.DEVNULL)
            self.assertEqual(run('merge', where).returncode, 0)
            with open(os.path.join(where, 'merged.csv'), 'rb') as f, \
                    open(os.path.join(here, 'merged.csv'), 'rb') as g:
                self.assertEqual(f.read(), g.read(), plan)

    def test_gnu_parallel_takes_the_plan(self):
        if shutil.which('parallel') is None:
            self.skipTest('no GNU parallel')
        where = os.path.join(self.path, 'plan')
        self.assertEqual(run('sweep', 'incast:size=30KB', '--grid', 'senders=2', '--seeds', '2',
                             '--plan', 'parallel', '-o', where).returncode, 0)
        with open(os.path.join(where, 'jobs.txt'), encoding='utf-8') as f:
            subprocess.run(['parallel', '-j', '2'], stdin=f, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertEqual(run('merge', where).returncode, 0)

    def test_bound(self):
        r = run('bound', self.EXPERIMENT, '--seed', '2', '--json', '-')
        self.assertEqual(r.returncode, 0, r.stderr)
        bound = json.loads(r.stdout)
        self.assertEqual((bound['seed'], bound['flows']), (2, 4))
        result = self.result('run', self.EXPERIMENT, 'tita', 2)
        self.assertLess(bound['last_finish_ns'], result['last_finish_ns'])
        self.assertGreater(bound['slowdown']['p99'], 1)  # four share a line
        self.assertLess(bound['slowdown']['p99'], result['slowdown']['p99'])
        again = run('bound', self.EXPERIMENT, '--seed', '2', '--json', '-')
        self.assertEqual(r.stdout, again.stdout)

    def test_several_rivals(self):
        where, document = self.kept('runs', '-a', 'tita', '-b', 'dcqcn', '-b', 'fixed', '--seeds',
                                    '3')
        self.assertEqual(document['b'], 'dcqcn')
        self.assertEqual([r['b'] for r in document['rivals']], ['dcqcn', 'fixed'])
        self.assertEqual(sorted(os.listdir(where)), ['a', 'b', 'c', 'run.json'])
        page = os.path.join(self.path, 'report.html')
        self.assertEqual(run('report', where, '-o', page).returncode, 0)
        with open(page, encoding='utf-8') as f:
            text = f.read()
        for part in ['tita against dcqcn', 'tita against fixed', 'sluice-lab replay', 'Threats',
                     'SHA-256', 'seeds.csv', 'slowdown p99 by size', 'CPU time per packet hop']:
            self.assertIn(part, text)


class Words(Folder):
    def test_list_and_describe(self):
        self.assertIn('incast-shallow', run('list').stdout)
        document = json.loads(run('list', '--json', '-').stdout)
        for kind in ['experiments', 'algorithms']:
            for entry in document[kind]:
                r = run('describe', entry['name'])
                self.assertEqual(r.returncode, 0)
                self.assertIn(entry['summary'], r.stdout)

    def test_bad_input_is_one_line_and_status_2(self):
        out = os.path.join(self.path, 'out')
        table = [
            (['run', 'incats'], "did you mean 'incast'?"),
            (['run', 'incast:sender=3'], "did you mean 'senders'?"),
            (['run', 'incast', '-a', 'titta'], "did you mean 'tita'?"),
            (['run', 'incast', '-b', 'dcqcn:alfa=1'], '-b'),
            (['run', 'incast', '-a', 'dcqcn:preset=ns4'], 'preset'),
            (['run', 'incast', '-a', 'fixed:rate=5X'], 'rate'),
            (['run', 'incast', '--seeds', '0'], '--seeds'),
            (['run', 'incast', '--jobs', '0'], '--jobs'),
            (['run', 'incast', '--seed', '3'], "belongs to 'exec'"),
            (['run', 'incast', '--seeds', '3', '--seeds', '3'], '--seeds'),
            (['run'], 'EXPERIMENT'),
            (['run', 'incast', 'permutation'], 'permutation'),
            (['run', 'incast:size=3GiB'], '2GiB'),
            (['exec', 'incast'], '-o'),
            (['exec', 'incast', '-o', '/proc/none/x'], '/proc/none/x'),
            (['exec', 'incast', '--seed', 'x', '-o', out], '--seed'),
            (['report', out, '-o', out], 'run.json'),
            (['describe', 'incats'], "did you mean 'incast'?"),
            (['run', 'websurch'], "did you mean 'websearch'?"),
            ([], ''),
            (['rnu'], 'rnu'),
            (['run', 'incast', '--independent', 'markng'], "did you mean 'marking'?"),
            (['run', 'incast', '--primary', 'slowdwn_p99'], "did you mean 'slowdown_p99'?"),
            (['run', 'loss:p=0', '-a', 'fixed', '-b', 'fixed', '--seeds', '2'], 'same bytes'),
            (['sweep', 'incast', '--grid', 'senders=', '-o', out], '--grid'),
            (['sweep', 'incast', '--grid', 'sendrs=2', '-o', out], "did you mean 'senders'?"),
            (['sweep', 'incast', '--grid', 'tita.betta=1', '-o', out], "did you mean 'beta'?"),
            (['sweep', 'incast', '--grid', 'titta.beta=1', '-o', out], "did you mean 'tita'?"),
            (['sweep', 'incast', '--plan', 'slrum', '-o', out], "did you mean 'slurm'?"),
            (['merge', out], 'sweep.json'),
            (['replay', out], 'result.json'),
            (['compare', out, out], out),
            (['compare', out, out, '--fail-on', 'worse:jian>2%'], "did you mean 'jain'?"),
            (['bound', 'incats'], "did you mean 'incast'?"),
        ]
        for words, says in table:
            r = run(*words)
            self.assertEqual(r.returncode, 2, (words, r.stderr))
            self.assertIn(says, r.stderr, words)
            if words:
                self.assertEqual(r.stderr.count('\n'), 1, (words, r.stderr))

    def test_json_holds_the_error(self):
        r = run('run', 'incats', '--json', '-')
        self.assertEqual(r.returncode, 2)
        document = json.loads(r.stdout)
        self.assertEqual(document['exit'], 2)
        self.assertIn('incast', document['error'])


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
