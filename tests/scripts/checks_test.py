"""Each rule of scripts/checks finds what breaks it, and keeps quiet about what does not."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv[1]
# Split, so that the checks do not find them here.
TO_DO, STAND_IN = "TO" + "DO", "a place" + "holder"

# check: (file, line, whether it is a finding)
CASES = {
    "layers": [
        ("lib/wire/a.cc", '#include "base/be.h"', False),
        ("lib/wire/a.cc", '#include "wire/a.h"', False),
        ("lib/wire/a.cc", '#include "port/port.h"', True),
        ("lib/wire/a.cc", '// #include "port/port.h"', False),
        ("lib/wire/a.cc", '#include "a.h"', True),
        ("lib/wire/a.cc", '#include "../base/be.h"', True),
        ("lib/wire/a.cc", "#include <rte_mbuf.h>", True),
        ("lib/dpdk/a.cc", "#include <rte_mbuf.h>", False),
        ("lib/transport/a.cc", '#include "cc/controller.h"', False),
        ("lib/transport/a.cc", '#include "cc/registry.h"', True),
        ("lib/engine/a.cc", '#include "cc/registry.h"', False),
        ("lib/engine/a.cc", '#include "cc/dcqcn.h"', True),
        ("lib/engine/a.cc", '#include "memory/region.h"', False),
        ("lib/sim/a.cc", '#include "transport/queue_pair.h"', True),
        ("cc/a.cc", '#include "wire/bth.h"', True),
        ("cc/a.cc", '#include "cc/parts/ewma.h"', False),
        ("tests/unit/wire/a.cc", '#include "apps/main.h"', True),
        ("tests/unit/wire/a.cc", '#include "sim/link.h"', False),
        ("lib/nowhere/a.cc", "int a;", True),
    ],
    "names": [
        ("cc/a.cc", "auto t = std::chrono::steady_clock::now();", True),
        ("lib/cli/a.cc", "auto t = std::chrono::steady_clock::now();", False),
        ("cc/a.cc", "// std::chrono is not for us", False),
        ("cc/a.cc", 'Say("std::chrono");', False),
        ("cc/a.cc", "std::mt19937 r;  // check: allow random: it compares streams", False),
        ("cc/a.cc", "std::mt19937 r;  // check: allow clock: another rule", True),
        ("cc/a.cc", "std::mt19937 r;  // check: allow random:", True),
        ("cc/a.cc", "int n = 1'000; std::uniform_int_distribution<int> d(0, n);", True),
        ("lib/sim/a.cc", "x = std::log(y);", True),
        ("lib/sim/a.cc", "x = exp(y);", True),
        ("lib/sim/a.cc", "x = log.exp(y) + Exp(y) + trace->log(y);", False),
        ("lib/sim/a.cc", "Clock& clock() const;", False),
        ("lib/sim/a.cc", "Time time() const;", False),
        ("lib/sim/a.cc", "srand(time(nullptr));", True),
        ("lib/engine/a.cc", "std::unordered_map<int, int> m;", True),
        ("lib/engine/a.cc", "std::map<const Flow*, int> m;", True),
        ("lib/engine/a.cc", "std::map<int, Flow*> m;", False),
        ("lib/engine/a.cc", "std::mutex m;", True),
        ("lib/engine/a.cc", 'printf("x");', True),
        ("lib/engine/a.cc", 'snprintf(b, 3, "x");', False),
        ("lib/verbs/a.cc", 'getenv("X");', True),
        ("lib/cli/a.cc", 'getenv("X");', False),
        ("lib/verbs/a.cc", "throw 1;", True),
        ("lib/wheel/a.h", "std::optional<Time> next;", True),
        ("lib/wheel/a.h", "std::optional<Duration> wait;", False),
    ],
    "words": [
        ("docs/a.md", TO_DO + ": more", True),
        ("docs/a.md", STAND_IN + " until then", True),
        ("docs/a.md", "what is left to do", False),
        ("docs/a.md", "see /ho" + "me/somebody/x", True),
        ("docs/a.md", "trailing ", True),
        ("docs/a.md", "socket /tmp/s.sock", False),
    ],
    "meson_rules": [
        ("lib/a/meson.build", "x = executable('x', 'x.cc', cpp_args: sluice_args,"
         " implicit_include_directories: false)", False),
        ("lib/a/meson.build", "x = executable('x', 'x.cc', cpp_args: sluice_args)", True),
        ("lib/a/meson.build", "x = static_library('x', 'x.cc',"
         " implicit_include_directories: false)", True),
        ("lib/a/meson.build", "more = sluice_args + ['-DX']\nexecutable('x', 'x.cc',\n"
         " cpp_args: more, implicit_include_directories: false)", False),
        ("lib/a/meson.build", "# executable('x', 'x.cc')", False),
        ("lib/a/meson.build", "add_project_arguments('-ffast-math')", True),
    ],
    "lengths": [
        ("lib/a/a.cc", "int a;\n" * 500, False),
        ("lib/a/a.cc", "int a;\n" * 501, True),
        ("apps/a.cc", "int a;\n" * 151, True),
        ("lib/a/a.cc", "int F() {\n" + "  ;\n" * 68 + "}\n", False),
        ("lib/a/a.cc", "int F() {\n" + "  ;\n" * 69 + "}\n", True),
    ],
    "headers": [
        ("lib/base/a.h", "#ifndef SLUICE_BASE_A_H_\n#define SLUICE_BASE_A_H_\n#include <cstdint>\n"
         "inline std::uint8_t A() { return 1; }\n#endif\n", False),
        ("lib/base/a.h", "#ifndef SLUICE_BASE_A_H_\n#define SLUICE_BASE_A_H_\n"
         "inline std::uint8_t A() { return 1; }\n#endif\n", True),
        ("lib/base/a.h", "#ifndef A_H_\n#define A_H_\n#endif\n", True),
    ],
}
NEEDS = {"lengths": "ctags", "headers": "g++"}


class Checks(unittest.TestCase):
    def run_check(self, check, name, text, ratchet=""):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(ROOT, "scripts"), os.path.join(folder, "scripts"))
            for path, content in ((name, text), ("scripts/ratchet", ratchet)):
                path = os.path.join(folder, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(content if content.endswith("\n") else content + "\n")
            os.makedirs(os.path.join(folder, "cc"), exist_ok=True)
            ran = subprocess.run(
                [sys.executable, os.path.join(folder, "scripts", "checks", check + ".py")],
                capture_output=True, text=True, check=False)
            self.assertEqual(ran.stderr.count("Traceback"), 0, ran.stderr)
            return ran.returncode, ran.stdout

    def judge(self, check):
        needed = NEEDS.get(check, "python3")
        if not shutil.which(needed):
            self.skipTest("no " + needed)
        for name, text, wrong in CASES[check]:
            with self.subTest(name=name, text=text[:80]):
                status, said = self.run_check(check, name, text)
                self.assertEqual(status, int(wrong), said)
                self.assertEqual(said.startswith(name + ":"), wrong, said)

    def test_layers(self):
        self.judge("layers")

    def test_names(self):
        self.judge("names")

    def test_words(self):
        self.judge("words")

    def test_meson_rules(self):
        self.judge("meson_rules")

    def test_lengths(self):
        self.judge("lengths")

    def test_headers(self):
        self.judge("headers")

    def test_the_ratchet_only_tightens(self):
        if not shutil.which("ctags"):
            self.skipTest("no ctags")
        long = "int a;\n" * 510
        for lines, wrong in ((510, False), (509, True), (511, True)):
            status, said = self.run_check("lengths", "lib/a/a.cc", long, f"lib/a/a.cc\t{lines}")
            self.assertEqual(status, int(wrong), said)
        status, said = self.run_check("lengths", "lib/a/a.cc", "int a;", "lib/a/a.cc\t510")
        self.assertEqual((status, "delete the line" in said), (1, True), said)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
