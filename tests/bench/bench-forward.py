#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""How fast a backlog goes to a local Kafka broker, how much memory that takes, and what forwarding costs those who accept: CPU time an
event of belfryd's own threads but those that speak with Kafka, with and without a broker, in turns."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'integration'))

KAFKA_THREADS = ('rdk:', 'belfry-kafka')


def thread_seconds(pid):
    """CPU seconds by the name of the thread."""
    seconds = {}
    for task in Path(f'/proc/{pid}/task').iterdir():
        name = (task / 'comm').read_text().strip()
        # In nanoseconds; those of stat are too coarse.
        seconds[name] = seconds.get(name, 0) + int((task / 'schedstat').read_text().split()[0]) / 1e9
    return seconds


def publish(options, daemon, count, rate=0):
    before = thread_seconds(daemon.pid)
    done = subprocess.run([options.load, 'ws', '--url', daemon.url, '--json', '--connections', '8', '--window', '128', '--seconds', '60',
                           '--count', str(count), '--size', str(options.size), *(['--rate', str(rate)] if rate else [])],
                          stdout=subprocess.PIPE, text=True, check=True)
    after = thread_seconds(daemon.pid)
    return json.loads(done.stdout), {name: (after[name] - before.get(name, 0)) / count * 1e6 for name in after}


def wait_forwarded(daemon):
    began = time.monotonic()
    while json.loads(daemon.get('/buffer/stats').body)['pending_events'] > 0:
        assert time.monotonic() - began < 120
        time.sleep(0.05)
    return time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, required=True, help='build folder with belfryd and belfry-load')
    parser.add_argument('--folder', type=Path, help='where databases and the broker\'s log are made')
    parser.add_argument('--count', type=int, default=300000, help='events of the backlog')
    parser.add_argument('--rate', type=int, default=30000, help='events a second while the cost is measured')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--size', type=int, default=300)
    options = parser.parse_args()
    os.environ['BELFRY_BUILD_DIR'] = str(options.build.resolve())
    options.load = options.build / 'tests' / 'bench' / 'belfry-load'

    import belfry_daemon
    from kafka_broker import Broker
    belfry_daemon.share_checker_crashes()
    folder = Path(tempfile.mkdtemp(prefix='forward-', dir=options.folder)).resolve()
    broker = Broker(folder / 'broker')
    kafka = {'KAFKA_BOOTSTRAP_SERVERS': broker.address, 'KAFKA_TOPIC': 'bench', 'LOG_LEVEL': 'WARNING', 'D_BUS': 'off'}
    try:
        broker.start()
        (folder / 'backlog').mkdir()
        daemon = belfry_daemon.Daemon(folder / 'backlog', {'D_BUS': 'off'})
        publish(options, daemon, options.count)
        daemon.stop()
        daemon = belfry_daemon.Daemon(folder / 'backlog', {**kafka, 'KAFKA_START': 'beginning'})
        idle_rss = daemon.rss()
        seconds = wait_forwarded(daemon)
        print(f'backlog of {options.count}: {options.count / seconds:,.0f} events/s, {idle_rss / 2**20:.1f} MB at the start, '
              f'{daemon.peak_rss() / 2**20:.1f} MB at most, CPU {daemon.cpu_seconds() / options.count * 1e6:.1f} µs an event')
        daemon.stop()

        own = {True: [], False: []}
        for turn in range(2 * options.rounds):
            with_kafka = turn % 2 == 1
            (folder / str(turn)).mkdir()
            daemon = belfry_daemon.Daemon(folder / str(turn), kafka if with_kafka else {'LOG_LEVEL': 'WARNING', 'D_BUS': 'off'})
            publish(options, daemon, 20000, options.rate)
            figures, costs = publish(options, daemon, 4 * options.rate, options.rate)
            own[with_kafka].append(sum(cost for name, cost in costs.items() if not name.startswith(KAFKA_THREADS)))
            lag = wait_forwarded(daemon) if with_kafka else 0
            print(f'{"with   " if with_kafka else "without"} Kafka: ' + ', '.join(f'{name} {cost:.2f}' for name, cost in sorted(costs.items()) if cost > 0.01)
                  + f' µs an event; {lag:.1f} s behind')
            daemon.stop()
        cost = {kind: min(values) for kind, values in own.items()}
        print(f'accepting costs {cost[False]:.2f} µs of CPU an event without Kafka, {cost[True]:.2f} with it: {100 * (cost[True] / cost[False] - 1):+.1f} %')
    finally:
        broker.close()
        shutil.rmtree(folder)


if __name__ == '__main__':
    main()
