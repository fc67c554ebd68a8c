#!/usr/bin/env python3
"""The independent model of the ns-3 simulator against the published runs, and our profile hpcc-ns3
against the model and, with its option exact, against the published runs: each flow as long as there
to the nanosecond, and pauses at the same moments. Of ws64 the first milliseconds; all of it is
`scripts/validate-model`.

  ns3_model_test.py NS3_MODEL HPCC_VALIDATION DATA [--brief]

--brief is for programs that are slow: the shortest incast, and the first part of ws64.
"""

import gzip
import itertools
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

MODEL, OURS, DATA = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
ORIGIN = 2_000_000_000
VARIANTS = ['dcqcn', 'dcqcnpaper', 'dcqcnwin', 'hpcc', 'timely', 'timelywin', 'dctcp']
# Until when (ns; 0: to the end), and how many flows have ended then at least, whatever the variant.
# By 3.3 ms timely has paused somebody, and the variants of dcqcn have drawn coins.
BRIEF = '--brief' in sys.argv
SCENARIOS = ({'incast8': (0, 8), 'ws64': (400_000, 50)} if BRIEF else
             {'incast8': (0, 8), 'incast16': (0, 16), 'joinleave': (0, 2),
              'ws64': (3_300_000, 550)})
CASES = list(itertools.product(SCENARIOS, VARIANTS))
SEEDS = [(1, 0), (2, 100)]  # and the jitter of the starts, ns
DRAWN = 10 if BRIEF else 60
# With 1 MiB of buffer instead of 32 ws64 pauses a thousand times and more until then, with hpcc 40.
SMALL_UNTIL, SMALL_LEAST = (350_000, 40) if BRIEF else (1_000_000, 160)


def completion_times(lines, until):
    """By (source, destination, source port), of flows that ended before then; starts in ns from
    the origin."""
    flows = {}
    for words in map(str.split, lines):
        if len(words) == 8 and words[0] != '#':
            start, fct = int(words[5]) % ORIGIN, int(words[6])
            if until == 0 or start + fct < until:
                flows[tuple(words[:3])] = start, fct
    return flows


def pauses(lines, until):
    """Node and direction are left out: that simulator numbers equal ways another way round."""
    words = [line.split() for line in lines]
    return sorted((int(w[0]), int(w[4])) for w in words
                  if len(w) == 5 and w[0] != '#' and (until == 0 or int(w[0]) < ORIGIN + until))


def output(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def published(name):
    with gzip.open(DATA / name, 'rt') as file:
        return file.read().splitlines()


def draw(inputs, seed):
    """Makes the scenario `drawn` from one of the fabrics: few or many flows, some at one moment, of
    less than a packet or many, over buffers that hold them or not. Returns its variant, and how
    many flows."""
    rng = random.Random(seed)
    variant = rng.choice(VARIANTS)
    topology, hosts = rng.choice([('star8', 9), ('star16', 17), ('dumbbell', 4), ('ls64', 64)])
    kmin = rng.choice([20, 400])
    text = (inputs / f'config_ws64_{variant}.txt').read_text()
    for key, value in (('TOPOLOGY_FILE', f'topo_{topology}.txt'), ('FLOW_FILE', 'flow_drawn.txt'),
                       ('BUFFER_SIZE', rng.choice([1, 2, 32])),
                       ('KMIN_MAP', f'1 100000000000 {kmin}'),
                       ('KMAX_MAP', f'1 100000000000 {4 * kmin}')):
        text = re.sub(rf'(?m)^{key} .*', f'{key} {value}', text)
    (inputs / f'config_drawn_{variant}.txt').write_text(text)
    some = rng.sample(range(hosts), min(hosts, rng.choice([3, 8, 64])))
    span = rng.choice([10, 1_000, 20_000, 200_000])
    sizes = [1, 999, 1000, 1001, 5000, 40_000, 300_000]
    flows = sorted((ORIGIN + rng.randrange(span), *rng.sample(some, 2), rng.choice(sizes))
                   for _ in range(rng.choice([5, 20, 60])))
    lines = [f'{a} {b} 3 100 {size} {start / 1e9:.9f}' for start, a, b, size in flows]
    (inputs / 'flow_drawn.txt').write_text('\n'.join([str(len(flows)), *lines]) + '\n')
    return variant, len(flows)


def unpack(target, buffer):
    for path in DATA.glob('*.txt'):
        text = re.sub(r'(?m)^BUFFER_SIZE \d+', f'BUFFER_SIZE {buffer}', path.read_text())
        (target / path.name).write_text(text)
    flows = gzip.decompress((DATA / 'flow_ws64.txt.gz').read_bytes())
    (target / 'flow_ws64.txt').write_bytes(flows)


class Ns3Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directories = []
        for buffer in (32, 1):  # MiB
            cls.directories.append(tempfile.TemporaryDirectory())
            unpack(pathlib.Path(cls.directories[-1].name), buffer)
        cls.inputs, cls.small = [directory.name for directory in cls.directories]

    @classmethod
    def tearDownClass(cls):
        for directory in cls.directories:
            directory.cleanup()

    def compare_ours(self, inputs, case, until, least, seed, jitter):
        """Returns the lines of the model."""
        run = output(OURS, inputs, *case, seed, 4, 0, jitter, *([until] if until else []))
        model = output(MODEL, inputs, *case, until, seed, jitter)
        ours = completion_times(run, until)
        self.assertGreaterEqual(len(ours), least)
        self.assertEqual(ours, completion_times(model, until))
        return model

    def run_exact(self, inputs, case, until):
        """Our run with the option exact."""
        run = output(OURS, inputs, *case, 1, 4, 0, 0, *([until] if until else []), 'exact')
        return completion_times(run, until)

    def test_it_repeats_the_published_runs(self):
        for scenario, variant in CASES:
            until, least = SCENARIOS[scenario]
            with self.subTest(scenario=scenario, variant=variant):
                run = output(MODEL, self.inputs, scenario, variant, until)
                theirs = completion_times(published(f'{scenario}_{variant}.fct.txt.gz'), until)
                self.assertGreaterEqual(len(theirs), least)
                self.assertEqual(completion_times(run, until), theirs)

    def test_so_do_its_pauses(self):
        until = SCENARIOS['ws64'][0]
        run = output(MODEL, self.inputs, 'ws64', 'timely', until)
        theirs = pauses(published('ws64_timely.pfc.txt.gz'), until)
        self.assertEqual(len(theirs), 0 if BRIEF else 9)
        self.assertEqual(pauses(run, until), theirs)

    def test_our_profile_is_the_model_but_for_order_and_coins(self):
        for (scenario, variant), (seed, jitter) in itertools.product(CASES, SEEDS):
            with self.subTest(scenario=scenario, variant=variant, seed=seed):
                self.compare_ours(self.inputs, (scenario, variant), *SCENARIOS[scenario], seed,
                                  jitter)

    def test_so_it_is_where_everybody_pauses_everybody(self):
        for variant in VARIANTS:
            with self.subTest(variant=variant):
                model = self.compare_ours(self.small, ('ws64', variant), SMALL_UNTIL, SMALL_LEAST,
                                          1, 0)
                self.assertGreater(len(pauses(model, SMALL_UNTIL)), 10)

    def test_so_it_is_with_flows_that_are_drawn(self):
        for seed in range(DRAWN):
            with self.subTest(seed=seed):
                variant, flows = draw(pathlib.Path(self.inputs), seed)
                self.compare_ours(self.inputs, ('drawn', variant), 0, flows, seed, 0)

    def test_our_exact_profile_repeats_the_published_runs(self):
        for scenario, variant in CASES:
            until, least = SCENARIOS[scenario]
            with self.subTest(scenario=scenario, variant=variant):
                theirs = completion_times(published(f'{scenario}_{variant}.fct.txt.gz'), until)
                self.assertGreaterEqual(len(theirs), least)
                self.assertEqual(self.run_exact(self.inputs, (scenario, variant), until), theirs)

    def test_and_the_model_where_everybody_pauses_everybody(self):
        for variant in VARIANTS:
            with self.subTest(variant=variant):
                model = output(MODEL, self.small, 'ws64', variant, SMALL_UNTIL)
                self.assertGreater(len(pauses(model, SMALL_UNTIL)), 10)
                self.assertEqual(self.run_exact(self.small, ('ws64', variant), SMALL_UNTIL),
                                 completion_times(model, SMALL_UNTIL))

    def test_and_with_flows_that_are_drawn(self):
        for seed in range(DRAWN):
            with self.subTest(seed=seed):
                variant, flows = draw(pathlib.Path(self.inputs), seed)
                ours = self.run_exact(self.inputs, ('drawn', variant), 0)
                self.assertEqual(len(ours), flows)
                self.assertEqual(
                    ours, completion_times(output(MODEL, self.inputs, 'drawn', variant, 0), 0))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
