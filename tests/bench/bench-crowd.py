#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A crowd of which a tenth wants each event: how long does the last of them wait? 10,000 subscribers of ten sessions, at
rising rates, one event at a time and in bursts. Times are from the instant at which the event was to be sent. Exit status 1 only when
events were lost, repeated or refused; a missed goal is told, for it depends on the machine."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import Belfryd

CASES = [(1, 25), (1, 50), (1, 100), (16, 80), (16, 800)]  # events at once, events a second
GOAL_MSEC = 50


def measure(options, burst, rate):
    folder = Path(tempfile.mkdtemp(prefix='crowd-', dir=options.folder)).resolve()
    daemon = Belfryd(folder, options.belfryd)
    try:
        done = subprocess.run([options.load, 'fan-out', '--url', daemon.url, '--pid', str(daemon.pid), '--json',
                               '--subscribers', str(options.subscribers), '--connections', '1', '--burst', str(burst),
                               '--filter', 'session', '--groups', '10', '--rate', str(rate),
                               '--seconds', str(options.seconds)], stdout=subprocess.PIPE, text=True)
        daemon.stop()
    finally:
        daemon.kill()
        shutil.rmtree(folder)
    if not done.stdout:
        raise SystemExit('belfry-load failed')
    return json.loads(done.stdout), done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, help='build folder with belfryd and belfry-load')
    parser.add_argument('--belfryd')
    parser.add_argument('--load')
    parser.add_argument('--folder', type=Path, help='where the database is made; the build folder')
    parser.add_argument('--subscribers', type=int, default=10000)
    parser.add_argument('--seconds', type=float, default=5, help='length of each measurement')
    parser.add_argument('--json', action='store_true', help='one object a line')
    options = parser.parse_args()
    build = options.build or Path(os.environ.get('BELFRY_BUILD_DIR', '.'))
    options.belfryd = os.path.abspath(options.belfryd or build / 'src/daemon/belfryd')
    options.load = os.path.abspath(options.load or build / 'tests/bench/belfry-load')
    options.folder = options.folder or build
    status = 0
    for burst, rate in CASES:
        figures, failure = measure(options, burst, rate)
        status |= failure
        row = {'burst': burst, 'rate': rate, 'reached': figures['events_per_second'],
               **{name: figures[f'delivery_{name}_usec'] / 1000 for name in ('p50', 'p99', 'max')},
               'cpu_usec': figures['server_cpu_usec_per_delivery'], 'cpu_percent': figures['server_cpu_percent']}
        if options.json:
            print(json.dumps(row), flush=True)
        else:
            missed = f'   goal {GOAL_MSEC} ms MISSED' if row['max'] > GOAL_MSEC else ''
            print('{burst:>3} at once, {rate:>4} events/s: p50 {p50:7.1f} ms, p99 {p99:7.1f} ms, last {max:7.1f} ms, '
                  '{cpu_usec:5.2f} us CPU a delivery, {cpu_percent:3.0f} %'.format(**row) + missed, flush=True)
    return 1 if status else 0


if __name__ == '__main__':
    sys.exit(main())
