#!/usr/bin/env python3
"""Installs the build into an empty DESTDIR and builds and runs consumer.cc against what lies there:
headers, pkg-config file, shared library, programs.

    consumer_test.py BUILD COMPILER...
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, COMPILER = sys.argv[1], sys.argv[2:]
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*words, **environment):
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False,
                            env={**os.environ, **environment}, timeout=300)
    if result.returncode != 0:
        raise AssertionError(f'{words}: {result.returncode}\n{result.stdout}{result.stderr}')
    return result.stdout


def text_of(path):
    with open(path) as f:
        return f.read()


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='sluice-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.root = os.path.join(cls.folder, 'root')
        run('meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir', cls.root, '--quiet')

    def find(self, pattern):
        found = glob.glob(os.path.join(self.root, '**', pattern), recursive=True)
        self.assertEqual(len(found), 1, (pattern, found))
        return found[0]

    def flags(self, *words):
        text = run('pkg-config', *words, 'sluice', PKG_CONFIG_SYSROOT_DIR='',
                   PKG_CONFIG_PATH=os.path.dirname(self.find('sluice.pc')))
        # pkg-config's own sysroot would also move abseil; only our paths lie in DESTDIR.
        prefix = re.search(r'^prefix=(.*)$', text_of(self.find('sluice.pc')), re.M).group(1)
        return [w.replace(prefix, self.root + prefix) if os.path.exists(
            self.root + w[2:]) else w for w in text.split()]

    def test_a_program_of_somebody_elses(self):
        program = os.path.join(self.folder, 'consumer')
        run(*COMPILER, '-std=c++20', '-Wall', '-Wextra', '-Wpedantic', '-Werror',
            '-Wno-missing-field-initializers', os.path.join(HERE, 'consumer.cc'), '-o', program,
            *self.flags('--cflags', '--libs'))
        library = os.path.dirname(self.find('libsluice.so.0'))
        self.assertEqual(run(program, LD_LIBRARY_PATH=library), 'hello\n')
        self.assertIn('libsluice.so.0', run('readelf', '-d', program))

    def test_only_the_public_interface_is_exported(self):
        symbols = run('nm', '-DC', '--defined-only', self.find('libsluice.so.0'))
        names = [line.split(maxsplit=2)[2] for line in symbols.splitlines()]
        ours = [n for n in names if not n.startswith('SLUICE_0')]
        self.assertIn('sluice::open::OpenDevice', ' '.join(ours))
        for name in ours:
            self.assertRegex(name, r'^sluice::(open::Open|verbs::(NameOf|Device|QueuePair|'
                             r'MemoryRegion|MemoryWindow|CompletionQueue|ProtectionDomain|Statistics|'
                             r'AddressHandle|SharedReceiveQueue|'
                             r'Answer|Resolver|Listener|Connection)\b)')

    def test_installed_headers_need_nothing_of_the_tree(self):
        folder = os.path.dirname(self.find('verbs.h'))
        self.assertEqual(sorted(os.listdir(folder)), ['cm.h', 'open.h', 'verbs.h'])
        for name in os.listdir(folder):
            for included in re.findall(r'#include "(.*)"', text_of(os.path.join(folder, name))):
                self.assertRegex(included, r'^(absl|sluice)/')
            run(*COMPILER, '-std=c++20', '-fsyntax-only', '-x', 'c++', '-I',
                os.path.dirname(folder), os.path.join(folder, name))

    def test_programs_and_file_names(self):
        for program in ('sluice-perf', 'sluice-pcap', 'sluice-lab'):
            self.assertRegex(run(self.find(program), '--version'), rf'^{program} \d+\.\d+\.\d+')
        self.assertTrue(os.path.islink(self.find('libsluice.so')))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
