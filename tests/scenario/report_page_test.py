#!/usr/bin/env python3
"""The report in a browser: headless Chromium opens it at the widths of a screen and a telephone, in
light and dark, and must find no error, ask for nothing and scroll nothing but what is meant to.

    report_page_test.py PROGRAM

Exit status 77 where there is no Chromium. With REPORT_SHOTS=DIR the pictures stay there.
"""
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

SKIP = 77
FRAME_HEIGHT = 9000

# A window is never narrower than 500 px, a frame is as wide as it is told.
FRAME = """<!DOCTYPE html><html><head><meta charset="utf-8"><style>html { color-scheme: light dark }
body { margin: 0 } iframe { border: 0; width: %dpx; height: %dpx; display: block }</style></head>
<body><iframe src="probe.html"></iframe><script>
addEventListener('load', () => setTimeout(() => {
  const probe = document.querySelector('iframe').contentDocument.getElementById('probe');
  document.body.append(probe ? probe.cloneNode(true) : 'nothing');
}, 200));
</script></body></html>
"""
# Appended to a copy of the page: what a reader would see, as text at its end.
PROBE = """
<script>
addEventListener('load', () => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll('body *')].filter(e => {
    if (e.closest('.scroll, pre, svg')) return false;
    return e.getBoundingClientRect().right > root.clientWidth + 1;
  }).map(e => e.tagName + '.' + e.className);
  const texts = [...document.querySelectorAll('svg text')].filter(e => e.textContent)
    .map(e => e.getBoundingClientRect().height);
  const out = document.createElement('div');
  out.id = 'probe';
  out.textContent = JSON.stringify({
    width: root.clientWidth, scroll: root.scrollWidth, wide: wide.slice(0, 5),
    figures: document.querySelectorAll('figure svg').length,
    least_text: Math.min(...texts),
    ink: getComputedStyle(document.body).color,
    paper: getComputedStyle(document.body).backgroundColor,
    requests: performance.getEntriesByType('resource').map(e => e.name),
  });
  document.body.append(out);
});
</script>
"""


def luminance(colour):
    """Relative luminance of 'rgb(r, g, b)', by WCAG 2.1."""
    def channel(v):
        v /= 255
        return v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4
    r, g, b = (channel(int(v)) for v in re.findall(r'\d+', colour)[:3])
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, two):
    high, low = sorted([luminance(one), luminance(two)], reverse=True)
    return (high + 0.05) / (low + 0.05)


class Browser:
    """One Chromium per picture: it is asked for little, and leaves no process behind."""

    def __init__(self, program, home):
        self.program, self.home = program, home

    def run(self, *words):
        return subprocess.run(
            [self.program, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
             '--disable-dev-shm-usage', '--disable-background-networking',
             '--enable-logging=stderr', '--no-first-run', '--user-data-dir=' + self.home, *words],
            capture_output=True, text=True, timeout=240, check=False)


def serve(folder, asked):
    """A server on this machine that notes what is asked of it."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=folder)

        def log_message(self, *_):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def check_page(browser, url, width, dark, shot):
    """What is wrong with the page in such a window."""
    words = [f'--window-size={max(width, 500)},1400', '--virtual-time-budget=4000']
    if dark:
        words.append('--blink-settings=preferredColorScheme=0')
    r = browser.run(*words, '--dump-dom', url)
    found = re.search(r'<div id="probe">(.*?)</div>', r.stdout, re.S)
    if not found:
        return [f'no page at {width}: {r.stderr[-400:]}']
    seen = json.loads(found.group(1).replace('&amp;', '&').replace('&lt;', '<').replace('&gt;', '>'))
    problems = ['console: ' + line for line in r.stderr.splitlines() if 'CONSOLE' in line]
    if seen['requests']:
        problems.append(f"asks for {seen['requests']}")
    if seen['scroll'] > seen['width'] + 1 or seen['wide']:
        problems.append(f"wider than the window: {seen['scroll']} > {seen['width']}, {seen['wide']}")
    if seen['figures'] < 10:
        problems.append(f"only {seen['figures']} figures")
    if seen['least_text'] < 9:
        problems.append(f"text of {seen['least_text']:.1f} px in a figure")
    if contrast(seen['ink'], seen['paper']) < 7:
        problems.append(f"contrast of {contrast(seen['ink'], seen['paper']):.1f}")
    if (luminance(seen['paper']) < 0.2) != dark:
        problems.append(f"background {seen['paper']} in {'dark' if dark else 'light'} mode")
    if shot:
        browser.run(f'--window-size={max(width, 500)},{FRAME_HEIGHT}', *words[2:], '--screenshot=' + shot, url)
    return problems


def make_report(program, folder):
    runs = os.path.join(folder, 'runs')
    page = os.path.join(folder, 'report.html')
    for words in [['run', 'incast:senders=8,size=200KB', '-a', 'tita', '-b', 'dcqcn', '-b', 'fixed',
                   '--seeds', '5', '-o', runs], ['report', runs, '-o', page]]:
        subprocess.run([program, *words], check=True, stdout=subprocess.DEVNULL)
    with open(page, encoding='utf-8') as f:
        text = f.read()
    with open(os.path.join(folder, 'probe.html'), 'w', encoding='utf-8') as f:
        f.write(text.replace('</body>', PROBE + '</body>'))
    return len(text)


def main():
    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    if chromium is None:
        print('SKIP: no chromium: apt-get install chromium')
        return SKIP
    shots = os.environ.get('REPORT_SHOTS')
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        size = make_report(os.path.abspath(sys.argv[1]), folder)
        if size > 1_500_000:
            problems.append(f'{size} bytes')
        asked = []
        server = serve(folder, asked)
        browser = Browser(chromium, os.path.join(folder, 'home'))
        for width in [1280, 390]:
            for dark in [False, True]:
                shot = shots and os.path.join(shots, f"report-{width}-{'dark' if dark else 'light'}.png")
                name = f'frame{width}.html'
                with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
                    f.write(FRAME % (width, FRAME_HEIGHT))
                url = f'http://127.0.0.1:{server.server_port}/{name}'
                for problem in check_page(browser, url, width, dark, shot):
                    problems.append(f"{width} px, {'dark' if dark else 'light'}: {problem}")
        server.shutdown()
        other = sorted({path for path in asked if not re.search(
            r'/(probe|frame\d+)\.html|/favicon\.ico', path)})
        if other:
            problems.append(f'the page asked the server for {other}')
    for problem in problems:
        print(problem)
    print(f'{size} bytes, {len(problems)} problems')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
