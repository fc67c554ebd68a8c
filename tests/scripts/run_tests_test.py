"""scripts/run-tests against programs that pass, fail, skip, crash, stop early or run nothing.

A `meson` of our own stands first in PATH and lists shell scripts as tests.
"""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv[1]

# What a GoogleTest program writes where --gtest_output=xml: points, and what it prints.
REPORT = """<testsuites><testsuite name="A">%s</testsuite></testsuites>"""
PASS = '<testcase name="Good" classname="A" status="run"/>'
FAIL = '<testcase name="Bad" classname="A" status="run"><failure message="1 != 2"/></testcase>'
SKIP = ('<testcase name="Skip" classname="A" status="run">'
        '<skipped message="a_test.cc:3&#x0A;no hugepages"/></testcase>')
DISABLED = '<testcase name="Off" classname="A" status="notrun"/>'


def gtest(cases, then="exit 0"):
    return f"""out=${{1#--gtest_output=xml:}}\ncat > "$out" <<'END'\n{REPORT % cases}\nEND\n{then}\n"""


class RunTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("scripts", "tests"):
            os.mkdir(os.path.join(self.folder, name))
        shutil.copy(os.path.join(ROOT, "scripts", "run-tests"), self.path("scripts/run-tests"))
        self.listed = []
        self.may_skip("")

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), stat.S_IRWXU)

    def may_skip(self, text):
        self.write("tests/may-skip", text)

    def add(self, name, protocol, script, timeout=30):
        self.write(name, "#!/bin/sh\n" + script)
        self.listed.append({"name": name, "cmd": [self.path(name)], "env": {}, "workdir": None,
                            "timeout": timeout, "suite": ["sluice:unit"], "is_parallel": True,
                            "priority": 0, "protocol": protocol})

    def verdict(self, *arguments):
        """The last line, the exit status, and all that was said."""
        self.write("list.json", json.dumps(self.listed))
        self.write("meson", f"#!/bin/sh\nexec cat '{self.path('list.json')}'\n")
        ran = subprocess.run(
            [self.path("scripts/run-tests"), "--build", self.folder, "--out", self.path("out"),
             *arguments], capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": self.folder + ":" + os.environ["PATH"]})
        lines = ran.stdout.splitlines() or [ran.stderr]
        return lines[-1], ran.returncode, ran.stdout

    def expect(self, passed, failed, skipped, *arguments):
        last, status, said = self.verdict(*arguments)
        self.assertEqual(last, f"{passed} passed, {failed} failed, {skipped} skipped", said)
        self.assertEqual(status, 1 if failed else 0, said)
        return said

    def test_counts_cases_and_not_programs(self):
        self.add("a", "gtest", gtest(PASS + PASS))
        self.add("b", "exitcode", "exit 0")
        self.expect(3, 0, 0)

    def test_a_failed_case_is_named(self):
        self.add("a", "gtest", gtest(PASS + FAIL, "exit 1"))
        self.assertIn("a/A.Bad: 1 != 2", self.expect(1, 1, 0))

    def test_failed_cases_count_even_when_the_program_says_0(self):
        self.add("a", "gtest", gtest(FAIL))
        self.expect(0, 1, 0)

    def test_a_status_that_no_case_explains_is_a_failure(self):
        self.add("a", "gtest", gtest(PASS, "exit 1"))
        self.expect(1, 1, 0)

    def test_a_crash_fails_the_case_that_ran(self):
        self.add("a", "gtest", "echo '[ RUN      ] A.Good'; echo '[       OK ] A.Good (0 ms)'\n"
                 "echo '[ RUN      ] A.Dies'; kill -SEGV $$")
        self.assertIn("a/A.Dies: was killed by SIGSEGV", self.expect(1, 1, 0))

    def test_an_early_exit_with_0_is_a_failure(self):
        self.add("a", "gtest", "echo '[ RUN      ] A.Leaves'; exit 0")
        self.assertIn("without a report", self.expect(0, 1, 0))

    def test_a_report_of_an_earlier_run_does_not_count(self):
        os.mkdir(self.path("out"))
        self.write("out/a.xml", REPORT % PASS)
        self.add("a", "gtest", "exit 0")
        self.expect(0, 1, 0)

    def test_no_case_is_a_failure(self):
        self.add("a", "gtest", gtest(""))
        self.assertIn("ran no test", self.expect(0, 1, 0))

    def test_no_program_is_a_failure(self):
        self.expect(0, 1, 0)
        self.expect(0, 0, 0, "--may-be-empty")

    def test_out_of_time(self):
        self.add("a", "exitcode", "sleep 60", timeout=1)
        self.assertIn("ran out of time", self.expect(0, 1, 0, "--slower", "1"))

    def test_a_skip_needs_its_line_and_its_reason(self):
        self.add("a", "gtest", gtest(SKIP))
        self.assertIn("no hugepages", self.expect(0, 1, 0))
        self.may_skip("a/A.*\tanother thing\n")
        self.expect(0, 1, 0)
        self.may_skip("b/*\thugepages\n")
        self.expect(0, 1, 0)
        self.may_skip("# what may lack\na/A.*\thugepages\n")
        self.assertIn("SKIPPED a/A.Skip: no hugepages", self.expect(0, 0, 1))

    def test_a_disabled_case_is_a_failure(self):
        self.add("a", "gtest", gtest(PASS + DISABLED))
        self.expect(1, 1, 0)

    def test_status_77_skips_with_the_last_line_as_reason(self):
        self.add("a", "exitcode", "echo 'no /dev/net/tun here'; exit 77")
        self.expect(0, 1, 0)
        self.may_skip("a\t/dev/net/tun\n")
        self.expect(0, 0, 1)

    def test_tap_lines_count_and_the_plan_must_be_kept(self):
        self.add("a", "tap", "echo 1..3; echo ok 1 - x; echo not ok 2 - y; echo 'ok 3 # SKIP no z'")
        self.assertIn("a/y", self.expect(1, 2, 0))
        self.listed.clear()
        self.add("b", "tap", "echo 1..2; echo ok 1 - x")
        self.assertIn("planned 2, ran 1", self.expect(1, 1, 0))

    def test_unittest_cases_count_and_silent_skips_fail(self):
        self.add("a", "exitcode", "echo 'Ran 3 tests in 0.1s'; echo; echo OK")
        self.expect(3, 0, 0)
        self.listed.clear()
        self.add("b", "exitcode", "echo 'Ran 3 tests in 0.1s'; echo; echo 'OK (skipped=1)'")
        self.expect(2, 1, 0)
        self.listed.clear()
        self.may_skip("c/test_x\tno peer\n")
        self.add("c", "exitcode", "echo \"test_x (c.C.test_x) ... skipped 'no peer'\"\n"
                 "echo 'Ran 3 tests in 0.1s'; echo; echo 'OK (skipped=1)'")
        self.expect(2, 0, 1)
        self.listed.clear()
        self.add("d", "exitcode", "echo 'FAIL: test_y (d.D.test_y)'; echo 'Ran 3 tests in 0.1s'\n"
                 "echo; echo 'FAILED (failures=1)'; exit 1")
        self.assertIn("d/test_y", self.expect(2, 1, 0))
        self.listed.clear()
        self.add("e", "exitcode", "echo 'Ran 0 tests in 0.0s'; echo; echo OK")
        self.expect(0, 1, 0)

    def test_suites_and_names_choose(self):
        self.add("unit_a", "exitcode", "exit 0")
        self.add("peer", "exitcode", "exit 1")
        self.listed[1]["suite"] = ["sluice:interop"]
        self.expect(1, 0, 0, "--exclude", "interop")
        self.expect(1, 0, 0, "unit_*")
        self.expect(0, 1, 0, "--suite", "interop")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
