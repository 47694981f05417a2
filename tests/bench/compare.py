#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Measures belfryd beside nats-server, nginx with nchan and a libsoup server that does nothing, with one client and the same events.

Writes comparison.json, comparison.md and plots. Exit status 1 when belfryd lost, repeated, reordered or refused events; a missed goal
is only told, for it depends on the machine. A peer that is not installed is left out."""

import argparse
import datetime
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import collector
import report
from servers import BareSoup, Belfryd, Missing, Nats, Nchan, find_program

EVENT_BYTES = 200
POST_CONNECTIONS = [1, 4, 16, 32, 64, 256, 1000]
SOCKET_CONNECTIONS = [1, 4, 16, 64, 256, 1000]
# Subscribers, and events that may be under way to them: as many as the fastest of the others likes best, fewer where they take seconds.
FAN_OUT = [(10, 1024), (100, 512), (1000, 256), (10000, 32)]
PUBLISHERS = 16
ALONE_RATE = 200
# How long belfryd's write-ahead log gets, in pages with their headers.
FLUSHED_BYTES = 1024 * (24 + 8192)
# Queries a second of each shape while so many events a second come in, in a log of so many.
QUERY_RATE, QUERY_EVENTS, QUERY_ROWS = 1500, 5000, 1000000
STORE_ROWS = [10000, 100000, 1000000, 10000000]


def machine():
    """What the figures were measured on."""
    processor = next((line.split(':', 1)[1].strip() for line in Path('/proc/cpuinfo').read_text().splitlines()
                      if line.startswith('model name')), platform.machine())
    memory = int(Path('/proc/meminfo').read_text().split()[1]) / 1024 / 1024
    system = dict(line.split('=', 1) for line in Path('/etc/os-release').read_text().splitlines() if '=' in line)
    return {
        'processor': processor, 'cores': len(os.sched_getaffinity(0)), 'memory_gib': round(memory),
        'kernel': '.'.join(platform.release().split('.')[:2]), 'system': system.get('PRETTY_NAME', 'Linux').strip('"'),
    }


def version(command):
    try:
        done = subprocess.run([find_program(command[0]), *command[1:]], capture_output=True, text=True, timeout=20, check=False)
    except Missing:
        return None
    text = (done.stdout or done.stderr).strip().splitlines()
    return text[0].split('/')[-1].split(' ')[-1].removeprefix('v') if text else None


def versions():
    found = {
        'nats-server': version(['nats-server', '--version']), 'nginx': version(['nginx', '-v']),
        'libsoup': version(['pkg-config', '--modversion', 'libsoup-3.0']), 'SQLite': version(['pkg-config', '--modversion', 'sqlite3']),
    }
    return {name: value for name, value in found.items() if value is not None}


def stolen_and_all():
    """Ticks of all cores that the host of this virtual machine gave to others, and all ticks."""
    ticks = [int(word) for word in Path('/proc/stat').read_text().splitlines()[0].split()[1:9]]
    return ticks[7], sum(ticks)


def flush_usec(folder):
    """What the flush of one event's commit costs here, at the pace of the events that are published alone: none of them can be faster.
    A log is appended to as SQLite does it, three pages behind headers of their own, and begins anew when it is long."""
    path = folder / 'flush'
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    durations = []
    for i in range(400):
        time.sleep(1 / ALONE_RATE)
        for page in range(3):
            begin = (i * 3 + page) * (24 + 8192) % FLUSHED_BYTES
            os.pwrite(descriptor, b'x' * 24, begin)
            os.pwrite(descriptor, b'x' * 8192, begin + 24)
        begin = time.monotonic()
        os.fdatasync(descriptor)
        durations.append((time.monotonic() - begin) * 1e6)
    os.close(descriptor)
    path.unlink()
    durations.sort()
    return {name: durations[int(len(durations) * part)] for name, part in (('p50', 0.5), ('p95', 0.95), ('p99', 0.99))}


class Comparison:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.n_servers = 0
        self.missing = set()
        self.failures = 0
        self.measurements = []
        self.makers = {
            'belfryd': lambda path, settings: Belfryd(path, options.belfryd, settings),
            'bare libsoup': lambda path, settings: BareSoup(path, options.bare_soup),
            'nats-server': lambda path, settings: Nats(path),
            'nginx+nchan': lambda path, settings: Nchan(path),
        }

    # One measurement

    def start(self, server, settings=None):
        """A fresh server in a fresh folder, or None when it is not installed. settings: belfryd's."""
        if server in self.missing:
            return None
        self.n_servers += 1
        try:
            return self.makers[server](self.folder / f'{self.n_servers:03}', settings)
        except Missing as error:
            self.missing.add(server)
            print(f'Without {server}: {error}', flush=True)
            return None

    @staticmethod
    def end(running):
        running.stop()
        shutil.rmtree(running.folder, ignore_errors=True)

    def load(self, server, case, arguments, seconds=None, settings=None, **facts):
        """Runs one load against a fresh server; its figures, or None."""
        running = self.start(server, settings)
        if running is None:
            return None
        try:
            return self.load_on(running, case, arguments, seconds, **facts)
        finally:
            self.end(running)

    def load_on(self, running, case, arguments, seconds=None, **facts):
        """The same against a server that runs."""
        server = running.name
        size = [] if '--size' in arguments else ['--size', str(EVENT_BYTES)]
        url = running.grpc_url if arguments[0].startswith('grpc') else running.url
        command = [self.options.load, *map(str, arguments), *size, '--seconds', str(seconds or self.options.seconds),
                   '--json', '--url', url, '--pid', ','.join(running.pids())]
        before = stolen_and_all()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300, check=False)
        if not done.stdout:
            return self.fail(server, f'{case}: the load generator ended with {done.returncode}')
        figures = json.loads(done.stdout)
        stolen, passed = (after - at_first for after, at_first in zip(stolen_and_all(), before))
        figures['stolen_percent'] = 100 * stolen / max(passed, 1)
        if done.returncode != 0:
            self.fail(server, f'{case}: lost, repeated, out of order or refused: '
                              f'{ {name: figures[name] for name in ("failed", "lost", "repeated", "out_of_order") if name in figures} }')
        self.measurements.append({'case': case, 'server': server, **facts, 'figures': figures})
        self.tell(server, case, facts, figures)
        return figures

    def fail(self, server, text):
        """What others lose is told; only what belfryd loses is a failure."""
        print(f'{server}, {text}', file=sys.stderr, flush=True)
        self.failures += server == 'belfryd'

    @staticmethod
    def tell(server, case, facts, figures):
        rate = figures.get('deliveries_per_second', figures['events_per_second'])
        kind = 'delivery' if 'delivery_p50_usec' in figures else 'answer'
        settings = ', '.join(f'{name} {value}' for name, value in facts.items())
        print(f'{case:<10} {server:<13} {settings:<44} {rate:>12,.0f}/s  p50 {figures.get(kind + "_p50_usec", 0) / 1000:9.3f} ms'
              f'  p99 {figures.get(kind + "_p99_usec", 0) / 1000:9.3f} ms  {figures.get("server_rss_peak_mib", 0):6.1f} MiB', flush=True)

    def median(self, case, server, figure, **facts):
        values = [found['figures'][figure] for found in self.measurements
                  if found['case'] == case and found['server'] == server and all(found.get(name) == value for name, value in facts.items())]
        return statistics.median(values) if values else None

    # Publishing

    def post(self, server, connections, **facts):
        path = {'bare libsoup': ['--post', '/'], 'nginx+nchan': ['--post', '/publish/000000']}.get(server, [])
        case = 'post-half' if 'rate' in facts else 'post'
        rate = ['--rate', facts['rate']] if 'rate' in facts else []
        return self.load(server, case, ['http', '--connections', connections, *path, *rate], connections=connections, **facts)

    def socket(self, server, connections, window, **facts):
        kind = 'ws' if server == 'belfryd' else 'jetstream'
        case = 'socket-half' if 'rate' in facts else 'socket'
        rate = ['--rate', facts['rate']] if 'rate' in facts else []
        return self.load(server, case, [kind, '--connections', connections, '--window', window, *rate],
                         connections=connections, window=window, **facts)

    def publish(self):
        """Acknowledged events. What is to be compared is measured in turns, so that a change of the machine meets all of them."""
        for connections in POST_CONNECTIONS:
            for _ in range(self.options.rounds if connections == 32 else 1):
                for server in ('bare libsoup', 'belfryd', 'nginx+nchan'):
                    self.post(server, connections)
        for connections in SOCKET_CONNECTIONS:
            for server in ('nats-server', 'belfryd'):
                self.socket(server, connections, 1)
        for _ in range(self.options.rounds):
            for server in ('nats-server', 'belfryd'):
                self.socket(server, 8, 64)

        for server in ('bare libsoup', 'belfryd'):
            reached = self.median('post', server, 'events_per_second', connections=32)
            if reached:
                self.post(server, 32, rate=round(reached / 2))
        for server in ('nats-server', 'belfryd'):
            reached = self.median('socket', server, 'events_per_second', connections=8, window=64)
            if reached:
                self.socket(server, 8, 64, rate=round(reached / 2))

    # Fan-out

    def deliver(self, server, case, subscribers, arguments, seconds=None, **facts):
        peer = {'belfryd': 'belfry', 'nats-server': 'nats', 'nginx+nchan': 'nchan'}[server]
        return self.load(server, case, ['fan-out', '--peer', peer, '--subscribers', subscribers, *arguments], seconds,
                         subscribers=subscribers, **facts)

    def fan_out(self):
        for subscribers, backlog in FAN_OUT:
            for turn in range(self.options.rounds if subscribers in (100, 1000) else 1):
                for server in ('nats-server', 'belfryd', 'nginx+nchan'):
                    # nchan is an order of magnitude slower: once is enough.
                    if server != 'nginx+nchan' or turn == 0:
                        burst = 1 if server == 'nginx+nchan' else 16
                        self.deliver(server, 'fan-out', subscribers,
                                     ['--connections', PUBLISHERS, '--burst', burst, '--backlog', backlog], backlog=backlog)

        for subscribers in (100, 1000):
            for server in ('nats-server', 'belfryd') * self.options.rounds:
                reached = self.median('fan-out', server, 'events_per_second', subscribers=subscribers)
                if reached:
                    self.deliver(server, 'half', subscribers,
                                 ['--connections', PUBLISHERS, '--burst', 1, '--rate', round(reached / 2)], rate=round(reached / 2))

        for server in ('nats-server', 'belfryd'):
            self.deliver(server, 'tenth', 10000, ['--connections', 4, '--burst', 1, '--rate', self.options.tenth_rate,
                                                  '--filter', 'session', '--groups', 10], rate=self.options.tenth_rate)

    def measure_flush(self):
        self.flush = flush_usec(self.folder)

    def alone(self):
        """One event at a time, far below what is possible: from its sending to its receipt at another client."""
        for _ in range(self.options.rounds):
            self.measure_flush()
            for server in ('belfryd', 'nats-server', 'nginx+nchan'):
                self.deliver(server, 'alone', 1, ['--connections', 1, '--burst', 1, '--rate', ALONE_RATE], rate=ALONE_RATE,
                             flush_usec=round(self.flush['p50']))

    # The collector

    def collect(self):
        collector.measure(self)

    # The store

    def store(self):
        for rows in self.options.store_rows:
            command = [self.options.bench_store, '--json', '--rows', str(rows)]
            environment = {**os.environ, 'TMPDIR': str(self.folder)}
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, timeout=400, check=False)
            lines = [line for line in done.stdout.splitlines() if line.startswith('{')]
            if done.returncode != 0:
                self.fail('belfryd', f'bench-store of {rows} rows ended with {done.returncode}')
            if not lines:
                print(f'bench-store told nothing about {rows} rows', file=sys.stderr, flush=True)
                continue
            figures = json.loads(lines[-1])
            self.measurements.append({'case': 'store', 'server': 'belfryd', 'rows': rows, 'figures': figures})
            print(f'store      {rows:>12,} rows {figures.get("append_per_second", 0):>12,.0f} events/s appended', flush=True)

    # Queries

    def queries(self):
        """Every shape of a filter: as fast as answers come, then at a given rate while events come in."""
        self.ask('query', 'as fast as answers come')
        self.ask('query-beside', f'{QUERY_RATE:,} a second beside {QUERY_EVENTS:,} events a second', '--rate', str(QUERY_RATE),
                 '--publish', str(QUERY_EVENTS))

    def ask(self, case, what, *arguments):
        command = [self.options.bench_query, '--belfryd', str(self.options.belfryd), '--file', str(self.folder / 'queries.db'),
                   '--rows', str(QUERY_ROWS), '--seconds', str(self.options.seconds / 2), '--json', *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=400, check=False)
        if done.returncode != 0:
            self.fail('belfryd', f'queries {what}: bench-query ended with {done.returncode}')
        for line in done.stdout.splitlines():
            if line.startswith('{'):
                figures = json.loads(line)
                self.measurements.append({'case': case, 'server': 'belfryd', 'shape': figures['shape'], 'figures': figures})
                print(f'{case:<13} {figures["shape"]:<26} {figures["per_second"]:>9,.0f}/s  p50 {figures["p50_usec"] / 1000:8.2f} ms'
                      f'  p99 {figures["p99_usec"] / 1000:8.2f} ms', flush=True)


PARTS = {'publish': Comparison.publish, 'fan-out': Comparison.fan_out, 'alone': Comparison.alone, 'queries': Comparison.queries,
         'store': Comparison.store, 'collector': Comparison.collect}


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, default=Path(os.environ.get('BELFRY_BUILD_DIR', '.')), help='build folder')
    parser.add_argument('--belfryd', type=Path, help='another build of the daemon')
    parser.add_argument('--output', type=Path, help='where the results go (BUILD/comparison)')
    parser.add_argument('--folder', type=Path, help='where databases are made; the build folder, for its disk is a real one')
    parser.add_argument('--docs', type=Path, help='also bring performance.md and plots in this folder up to date')
    parser.add_argument('--only', action='append', choices=list(PARTS), help='these parts; the others keep what an earlier run found')
    parser.add_argument('--seconds', type=float, default=3, help='length of each measurement')
    parser.add_argument('--rounds', type=int, default=3, help='turns of what a goal is about')
    parser.add_argument('--tenth-rate', type=int, default=50, help='events a second to 10,000 subscribers of whom a tenth match')
    parser.add_argument('--store-rows', type=int, action='append', help='sizes of the store (10⁴ … 10⁷)')
    options = parser.parse_args()
    build = options.build.resolve()
    options.output = (options.output or build / 'comparison').resolve()
    options.folder = (options.folder or build).resolve()
    options.store_rows = options.store_rows or STORE_ROWS
    options.belfryd = (options.belfryd or build / 'src/daemon/belfryd').resolve()
    for name in ('belfry-load', 'bare-soup', 'bench-query', 'bench-store'):
        setattr(options, name.replace('belfry-', '').replace('-', '_'), str(build / 'tests/bench' / name))
    return options


def main():
    options = parse()
    path = options.output / 'comparison.json'
    results = json.loads(path.read_text()) if path.exists() else {'parts': {}}
    folder = Path(tempfile.mkdtemp(prefix='compare-', dir=options.folder)).resolve()
    failures = 0
    try:
        for name in options.only or PARTS:
            comparison = Comparison(options, folder)
            PARTS[name](comparison)
            failures += comparison.failures
            results['parts'][name] = {'date': datetime.date.today().isoformat(), 'machine': machine(), 'versions': versions(),
                                      'seconds': options.seconds, 'measurements': comparison.measurements}
            if hasattr(comparison, 'flush'):
                results['parts'][name]['flush_usec'] = comparison.flush
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    options.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + '\n')
    made = report.Report(results)
    (options.output / 'comparison.md').write_text(made.markdown())
    made.write_plots(options.output)
    if options.docs:
        made.fill(options.docs / 'performance.md')
        made.write_plots(options.docs / 'plots')
    print('\n' + made.goals())
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
