"""The matrix of scripts/interop is what it says, and its report judges no failure away."""

import contextlib
import io
import itertools
import os
import sys
import tempfile
import unittest

ROOT = sys.argv.pop(1)
sys.path.insert(0, os.path.join(ROOT, "tests", "interop"))
import interop  # noqa: E402
import matrix  # noqa: E402
import report  # noqa: E402


class Verdict:
    def __init__(self, case, result="passed", why=""):
        self.case, self.result, self.why, self.again = case, result, why, False


class Matrix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.full = matrix.full()
        cls.quick = matrix.pairwise(cls.full)

    def test_names_are_unique_and_fit_a_file(self):
        names = [matrix.name(c) for c in self.full]
        self.assertEqual(len(names), len(set(names)))
        for name in names:
            self.assertNotIn("/", name)
            self.assertNotIn(" ", name)

    def test_the_selection_is_small_and_always_the_same(self):
        self.assertLessEqual(len(self.quick), 120)
        self.assertEqual(self.quick, matrix.pairwise())
        for c in self.quick:
            self.assertIn(c, self.full)

    def test_the_selection_shows_every_pair_of_values(self):
        shown = set().union(*(matrix.combinations(c, 2) for c in self.quick))
        for c in self.full:
            self.assertLessEqual(matrix.combinations(c, 2), shown, matrix.name(c))

    def test_the_reliable_part_is_the_whole_product(self):
        have = {tuple(c.values()) for c in self.full}
        ways = (("ours", "theirs"), (4, 6), (1024, 4096))
        for op, (way, family, mtu), size, fault in itertools.product(
                ("send", "send_imm", "write", "write_imm", "read"), itertools.product(*ways),
                matrix.SIZES, matrix.FAULTS):
            self.assertIn(("rc", op, way, family, mtu, size, fault, "none"), have)
        for op, way, family, fault in itertools.product(("fadd", "cswap"), *ways[:2], matrix.FAULTS):
            self.assertIn(("rc", op, way, family, 1024, "word", fault, "none"), have)

    def test_datagrams_fit_the_path_mtu(self):
        for c in self.full:
            words = matrix.words(c)
            if c["service"] == "ud":
                self.assertLessEqual(words["size"], words["mtu"])

    def test_faults_have_packets_enough_to_strike(self):
        for c in self.full:
            words = matrix.words(c)
            rate = max(matrix.FAULTS[c["fault"]].values(), default=0)
            packets = words["count"] * words.get("qps", 1) * max(
                1, -(-words["size"] // words["mtu"]))
            if rate and c["size"] not in ("100K", "16M") and c["special"] != "16 QPs":
                self.assertGreaterEqual(packets * rate, 1, matrix.name(c))


class Report(unittest.TestCase):
    def written(self, verdicts):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
            report.write(path, {"linux": "6.1", "rdma-core": "44"}, verdicts)
            with open(path, encoding="utf-8") as file:
                return file.read()

    def test_keeps_the_text_around_and_replaces_the_results(self):
        text = self.written([Verdict(matrix.case("rc", "send"))])
        self.assertTrue(text.startswith("before\n"))
        self.assertTrue(text.endswith("\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("1 of 1 cases passed", text)

    def test_a_failure_is_shown_in_its_cell_and_by_name(self):
        cases = [Verdict(c) for c in matrix.both_ways(service="rc", op="send")]
        cases[1].result, cases[1].why = "failed", "3 wrong bytes"
        text = self.written(cases)
        self.assertIn("| RC SEND | 3 of 4 |", text)
        self.assertIn(f"`{matrix.name(cases[1].case)}`: 3 wrong bytes", text)
        self.assertIn("3 of 4 cases passed", text)

    def test_a_case_that_was_run_again_is_named(self):
        verdict = Verdict(matrix.case("rc", "read"))
        verdict.again = True
        self.assertIn(f"run once more, with a guest booted anew: `{matrix.name(verdict.case)}`.",
                      self.written([verdict]))


class Again(unittest.TestCase):
    """Only a guest that stands still gets a second run, only one, and not without end."""

    def outcomes(self, script, count):
        """The results of `count` cases, with `script` the reasons of the runs; "" is a pass."""
        class Suite:
            boots = 0

            def boot(self):
                self.boots += 1

            def run(self, case):
                why = script.pop(0)
                return interop.Verdict(case, "failed" if why else "passed", why)
        suite, out = Suite(), io.StringIO()
        with contextlib.redirect_stdout(out):
            verdicts = interop.run_all(suite, [matrix.case("rc", "send")] * count)
        self.assertEqual(script, [])
        return [v.result for v in verdicts], suite.boots, out.getvalue()

    def test_one_that_stands_still_runs_once_more_aloud(self):
        still = interop.STANDS_STILL + ": not over"
        results, boots, said = self.outcomes([still, "", ""], 2)
        self.assertEqual((results, boots), (["passed", "passed"], 1))
        self.assertIn("not over; once more", said)
        self.assertEqual(self.outcomes([still, still, ""], 2)[0], ["failed", "passed"])

    def test_other_failures_do_not(self):
        results, boots, _ = self.outcomes(["3 wrong bytes", ""], 2)
        self.assertEqual((results, boots), (["failed", "passed"], 0))

    def test_three_in_a_hundred_cases_and_no_more(self):
        still = interop.STANDS_STILL
        self.assertEqual(self.outcomes([still, ""] * 3 + [still], 4)[0], ["passed"] * 3 + ["failed"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
