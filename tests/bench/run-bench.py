#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Measures a fresh belfryd with belfry-load and prints a table. Exit status 1 when events were lost, repeated or refused;
a missed goal is only told, for it depends on the machine."""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from servers import Belfryd


class Daemon(Belfryd):
    def rss_mib(self):
        return self.memory() / 1048576

    def get(self, path):
        """Seconds that the answer took, and the answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        connection.connect()
        begin = time.monotonic()
        connection.request('GET', path)
        response = connection.getresponse()
        body = response.read()
        seconds = time.monotonic() - begin
        connection.close()
        if response.status != 200:
            raise SystemExit(f'GET {path}: {response.status} {body[:200]!r}')
        return seconds, json.loads(body)


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.rows = []
        self.failures = 0
        self.daemon = None

    def start(self):
        self.daemon = Daemon(self.folder, self.options.belfryd)
        return self.daemon

    def note(self, name, value, unit, goal=None, is_met=None):
        self.rows.append({'name': name, 'value': value, 'unit': unit, 'goal': goal, 'met': is_met})
        if not self.options.json:
            remark = '' if goal is None else f'   goal {goal}' + ('' if is_met else ' MISSED')
            print(f'{name:<44} {value:>14,.3f} {unit:<14}{remark}', flush=True)

    def load(self, name, *arguments):
        command = [self.options.load, *arguments, '--json', '--url', self.daemon.url, '--pid', str(self.daemon.pid)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600)
        if not done.stdout:
            raise SystemExit(f'{name}: belfry-load failed')
        figures = json.loads(done.stdout)
        if done.returncode != 0:
            self.failures += 1
            print(f'{name}: lost, repeated, out of order or refused: {figures}', file=sys.stderr)
        return figures

    def publish(self, name, goal, *arguments):
        figures = self.load(name, *arguments, '--seconds', self.options.seconds)
        rate = figures['events_per_second']
        self.note(name, rate, 'events/s', goal and f'>= {goal:,}', goal is None or rate >= goal)
        self.note(f'{name}: answer p50', figures['answer_p50_usec'] / 1000, 'ms')
        self.note(f'{name}: answer p99', figures['answer_p99_usec'] / 1000, 'ms')
        self.note(f'{name}: server CPU', figures['server_cpu_usec_per_event'], 'us/event')
        self.note(f'{name}: server RSS', figures['server_rss_after_mib'], 'MiB')

    def fan_out(self, name, goal, *arguments):
        figures = self.load(name, 'fan-out', *arguments, '--seconds', self.options.seconds)
        rate = figures['deliveries_per_second']
        self.note(name, rate, 'deliveries/s', goal and f'>= {goal:,}', goal is None or rate >= goal)
        self.note(f'{name}: events', figures['events_per_second'], 'events/s')
        self.note(f'{name}: delivery p50', figures['delivery_p50_usec'] / 1000, 'ms')
        self.note(f'{name}: delivery p99', figures['delivery_p99_usec'] / 1000, 'ms')
        self.note(f'{name}: server CPU', figures['server_cpu_usec_per_delivery'], 'us/delivery')
        self.note(f'{name}: server RSS', figures['server_rss_peak_mib'], 'MiB')

    def disk(self):
        """What a flush costs here: one request at a time on each connection can never be faster than that."""
        path = self.folder / 'flush'
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        for name in ('flush of a growing file', 'flush of a file written over'):
            durations = []
            for i in range(50):
                os.pwrite(descriptor, b'x' * 65536, i * 65536)
                begin = time.monotonic()
                os.fdatasync(descriptor)
                durations.append(time.monotonic() - begin)
            self.note(name, sorted(durations)[25] * 1000, 'ms')
        os.close(descriptor)
        path.unlink()

    def idle(self):
        daemon = self.start()
        self.note('start, new database', daemon.start_seconds * 1000, 'ms')
        time.sleep(1)  # what a start leaves behind is given back by then
        rss = daemon.rss_mib()
        self.note('idle RSS', rss, 'MiB', '< 15', rss < 15)

    def rates(self):
        self.publish('publish-http-32', 14000, 'http', '--connections', '32')
        self.publish('publish-http-1', None, 'http', '--connections', '1')
        self.publish('publish-ws-8x64', None, 'ws', '--connections', '8', '--window', '64')
        self.fan_out('fan-out-100', 1000000, '--subscribers', '100', '--connections', '16', '--burst', '16')
        self.fan_out('fan-out-1000', None, '--subscribers', '1000', '--connections', '16', '--burst', '16')
        self.fan_out('fan-out-1000 of 100 sessions', None, '--subscribers', '1000', '--connections', '16', '--burst', '16',
                     '--filter', 'session', '--groups', '100')
        self.fan_out('fan-out-100 at 1,000 events/s', None, '--subscribers', '100', '--connections', '4', '--burst', '1',
                     '--rate', '1000')

    def fill(self):
        """Up to the wanted number of events, a thousand of each session at most for every million."""
        held = self.daemon.get('/api/v1/stats')[1]['total_events']
        missing = self.options.events - held
        if missing > 0:
            figures = self.load('fill', 'ws', '--connections', '8', '--window', '256', '--count', str(missing),
                                '--seconds', '600')
            self.note('fill', figures['events_per_second'], 'events/s')
        self.note('events held', self.daemon.get('/api/v1/stats')[1]['total_events'], 'events')
        self.note('RSS with these', self.daemon.rss_mib(), 'MiB')

    def queries(self):
        paths = {
            'query of a session': '/api/v1/events?session_id=s000005&limit=100',
            'query of a user and a type': '/api/v1/events?user_id=u000005&event_type=progress_updated&limit=100',
            'query of a session and an absent user': '/api/v1/events?session_id=s000005&user_id=nobody&limit=100',
            'query of the newest': '/api/v1/events?limit=100',
        }
        for name, path in paths.items():
            best = min(self.daemon.get(path)[0] for _ in range(20)) * 1000
            self.note(name, best, 'ms', '< 5', best < 5)

    def slow_query(self):
        """/health while nothing else happens, and while the log is scanned again and again."""
        quiet = self.load('health', 'http', '--path', '/health', '--connections', '4', '--rate', '200', '--seconds',
                          self.options.seconds)
        self.note('/health alone: max', quiet['answer_max_usec'] / 1000, 'ms')

        is_over = threading.Event()
        durations = []

        def scan():
            while not is_over.is_set():
                durations.append(self.daemon.get('/api/v1/events?min_amount=1e12&limit=1000')[0])

        scanner = threading.Thread(target=scan)
        scanner.start()
        busy = self.load('health', 'http', '--path', '/health', '--connections', '4', '--rate', '200', '--seconds',
                         self.options.seconds)
        is_over.set()
        scanner.join()
        self.note('slow query over all events', min(durations) * 1000, 'ms')
        self.note('/health beside it: p99', busy['answer_p99_usec'] / 1000, 'ms')
        delay = (busy['answer_max_usec'] - quiet['answer_p50_usec']) / 1000
        self.note('/health beside it: longest delay', delay, 'ms', '< 10', delay < 10)

    def starts(self):
        status = self.daemon.stop()
        if status != 0:
            self.failures += 1
            print(f'belfryd ended with {status}', file=sys.stderr)
        milliseconds = self.start().start_seconds * 1000
        self.note('start after a clean stop', milliseconds, 'ms', '< 50', milliseconds < 50)

        command = [self.options.load, 'ws', '--connections', '8', '--seconds', '2', '--url', self.daemon.url]
        publishing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)  # in the middle of its two seconds
        self.daemon.kill()
        publishing.wait(60)
        milliseconds = self.start().start_seconds * 1000
        self.note('start after kill -9 under load', milliseconds, 'ms', '< 1000', milliseconds < 1000)

    def run(self):
        parts = {
            'idle': [self.disk, self.idle],
            'rates': [self.rates],
            'million': [self.fill, self.queries, self.slow_query, self.starts],
        }
        for name, steps in parts.items():
            if self.options.only and name not in self.options.only and name != 'idle':
                continue
            for step in steps:
                step()
        self.daemon.stop()


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, help='build folder with belfryd and belfry-load')
    parser.add_argument('--belfryd')
    parser.add_argument('--load')
    parser.add_argument('--folder', type=Path, help='where the database is made; the build folder, for its disk is a real one')
    parser.add_argument('--events', type=int, default=1000000, help='events that are held for queries and starts')
    parser.add_argument('--seconds', default='5', help='length of each measurement')
    parser.add_argument('--only', action='append', choices=['rates', 'million'])
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    build = options.build or Path(os.environ.get('BELFRY_BUILD_DIR', '.'))
    options.belfryd = os.path.abspath(options.belfryd or build / 'src/daemon/belfryd')
    options.load = os.path.abspath(options.load or build / 'tests/bench/belfry-load')
    options.folder = options.folder or build
    return options


def main():
    options = parse()
    folder = Path(tempfile.mkdtemp(prefix='bench-', dir=options.folder)).resolve()
    bench = Bench(options, folder)
    try:
        bench.run()
    finally:
        if bench.daemon is not None:
            bench.daemon.kill()
        shutil.rmtree(folder)
    if options.json:
        print(json.dumps(bench.rows, indent=2))
    return 1 if bench.failures else 0


if __name__ == '__main__':
    sys.exit(main())
