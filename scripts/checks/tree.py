"""What the checks share: which files the tree has, how a finding is said, C++ without its comments."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*endings):
    """The tree's files with one of these endings (all without), as paths from the root."""
    asked = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                           capture_output=True, text=True, check=False) if in_git() else None
    if asked is not None and asked.returncode == 0:
        names = asked.stdout.splitlines()
    else:
        names = list(walk())
    names = [name for name in names if os.path.isfile(os.path.join(ROOT, name))]
    return sorted(name for name in names if not endings or name.endswith(endings))


def in_git():
    """A tree without .git, or a machine without git, is looked through as it lies."""
    if not os.path.exists(os.path.join(ROOT, ".git")):
        return False
    return any(os.access(os.path.join(folder, "git"), os.X_OK)
               for folder in os.environ.get("PATH", "").split(":"))


def walk():
    for folder, folders, names in os.walk(ROOT):
        relative = os.path.relpath(folder, ROOT)
        folders[:] = [name for name in folders if name not in (".git", "__pycache__") and not (
            relative == "." and re.fullmatch(r"build(-\w+)?|out", name))]
        for name in names:
            yield os.path.normpath(os.path.join(relative, name))


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_text(name):
    with open(os.path.join(ROOT, name), "rb") as file:
        return b"\0" not in file.read(8192)


class Findings:
    """Prints `file:line: what; cure` and remembers that there was one."""

    def __init__(self):
        self.count = 0

    def say(self, name, line, what, cure):
        self.count += 1
        print(f"{name}:{line}: {what}; {cure}")

    def leave(self):
        sys.exit(1 if self.count else 0)


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^()\\\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.S)


def code_only(text):
    """The text with comments and literals blanked, line for line; include lines keep their name."""
    def blank(found):
        token, start = found.group(0), found.start()
        if token.startswith("'") and start and text[start - 1].isalnum():
            return token  # a digit separator: 1'000
        line = text[text.rfind("\n", 0, start) + 1:start]
        if token.startswith('"') and re.match(r"\s*#\s*include", line):
            return token
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(blank, text)


def allowed_on(raw_line, name):
    """Whether the line carries `// check: allow <name>: reason`."""
    return re.search(r"// check: allow " + re.escape(name) + r": \S", raw_line) is not None
