"""The measuring loop of scripts/bench: floor and sluice-perf in turn, medians, ratios."""
import json
import statistics
import subprocess
import sys

PERF = 'build/apps/sluice-perf'
FLOOR = 'build/tests/bench/dpdk/floor_bench'

# name, floor mode, arguments of sluice-perf, budget as a ratio to the floor, slack allowed today.
ROWS = [
    ('64 B SEND', 'short', ['--op', 'send', '--size', '64', '--messages', '1500000'], 2.0, 2.0),
    ('4 KiB SEND', 'full', ['--op', 'send', '--size', '4096', '--messages', '300000'], 1.5, 1.4),
    ('4 KiB WRITE', 'full', ['--op', 'write', '--size', '4096', '--messages', '300000'], 1.8, 1.4),
    ('64 B round trip', 'pingpong', ['--test', 'lat', '--size', '64', '--messages', '300000'], 3.8,
     2.0),
]


def floor(mode):
    return json.loads(subprocess.run([FLOOR, mode], check=True, capture_output=True).stdout)


def perf(arguments, verify=False):
    """Cycles per message, or None for a run that says nothing about the engine."""
    command = [PERF, 'loopback', '--reliability', 'base', '--cc', 'fixed', '--json', '-', *arguments]
    if not verify:
        command.append('--noverify')
    run = subprocess.run(command, capture_output=True)
    result = json.loads(run.stdout)
    if run.returncode != 0:
        sys.exit('scripts/bench: %s: %s' % (' '.join(command), result.get('error')))
    if result['pacing_idle_ratio'] > 0.01:
        sys.exit('scripts/bench: refused: pacing limited %s' % ' '.join(command))
    if result['timeouts'] > 0:
        return None
    if result['test'] == 'lat':
        return result['rtt_ns']['p50'] * result['tsc_hz'] * 1e-9
    # Over windows as long as the samples of the floor: a whole run is never undisturbed.
    return result['cycles_per_message_min']


def main():
    reps, path = int(sys.argv[1]), sys.argv[2]
    rows = []
    print('%-16s %9s %9s %9s %9s %7s %8s %8s' % ('one core', 'floor', 'ours min', 'median',
                                                 'verified', 'ratio', 'budget', 'allowed'))
    for name, mode, arguments, budget, slack in ROWS:
        floors, ours, verified, refused = [], [], [], 0
        for _ in range(reps):
            floors.append(floor(mode)['cycles_min'])
            cycles = perf(arguments)
            if cycles is None:
                refused += 1
            else:
                ours.append(cycles)
            verified.append(perf(arguments, verify=True) or float('inf'))
        if not ours:
            sys.exit('scripts/bench: %s: every run had timeouts: the machine is too busy' % name)
        ratio = min(ours) / min(floors)
        rows.append({'name': name, 'floor_cycles_min': min(floors), 'cycles_min': min(ours),
                     'cycles_median': statistics.median(ours),
                     'cycles_min_verified': min(verified) if min(verified) < 1e12 else None,
                     'ratio': ratio, 'budget': budget,
                     'allowed': budget * slack, 'refused_runs': refused})
        print('%-16s %9.0f %9.0f %9.0f %9.0f %7.2f %8.1f %8.2f%s' % (
            name, min(floors), min(ours), statistics.median(ours), min(verified), ratio, budget,
            budget * slack, '' if ratio <= budget * slack else '   missed'))
    print('cycles, both ends; ratio = our least over the least floor; allowed = budget x slack;')
    print('verified: our least when every received byte is compared too, which no budget holds')
    if path:
        text = json.dumps({'reps': reps, 'rows': rows}, indent=2) + '\n'
        if path == '-':
            print(text)
        else:
            with open(path, 'w') as f:
                f.write(text)


if __name__ == '__main__':
    main()
