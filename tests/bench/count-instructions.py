#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Counts the instructions that belfryd spends on one event, with valgrind's callgrind: repeatable where times are noisy.

What the main thread does and what the thread does that writes are counted apart. The kernel's work is not seen. Each load runs
twice, with N and with 3 N events; the difference leaves start and stop out. With two build folders the second is compared with
the first:

    tests/bench/count-instructions.py BEFORE [AFTER]

With --kept one build is compared with the figures of a file, of which each holds for one compiler, its flags and the libraries. The
exit status is 1 when a figure is more than --margin above what is kept, and 77 when none are kept for this build. --update keeps
what was counted:

    meson test --benchmark instructions [--test-args=--update]
"""

import argparse
import collections
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from servers import Belfryd
from web_socket import WebSocket

EVENT = json.dumps({
    'event_type': 'answer_submitted', 'source': 'quiz_engine', 'session_id': 'session-123', 'user_id': 'user-42',
    'payload': {'question': 'q-17', 'answer': 'B', 'elapsed_ms': 5321, 'text': 'x' * 120},
}).encode()
SUBSCRIBERS = 20
WRITER = 'writer_thread'  # the function that only the writing thread runs
WINDOW = 256  # many, for the smaller the batches that the writer finds the more they differ from run to run
IDLE_SECONDS = 2
NOTHING_KEPT = 77  # for Meson: skipped

Counts = collections.namedtuple('Counts', 'main writer')


class Daemon(Belfryd):
    def __init__(self, build, folder):
        self.counts = folder / 'callgrind.out'
        valgrind = ['valgrind', '--tool=callgrind', f'--callgrind-out-file={self.counts}', '--separate-threads=yes']
        super().__init__(folder, Path(build).resolve() / 'src/daemon/belfryd', runner=valgrind, stderr=subprocess.DEVNULL)

    def connect(self):
        connection = socket.create_connection(self.address, timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def wait_until_idle(self):
        """The store looks after what it wrote when nothing came for a second; idle is who computed nothing for longer."""
        spent, since = None, time.monotonic()
        while time.monotonic() - since < IDLE_SECONDS:
            now = Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2].split()[11:13]
            if now != spent:
                spent, since = now, time.monotonic()
            time.sleep(0.1)

    def count(self):
        """Instructions of the main thread and of the writer, from their start to their end; what the store does later is waited for."""
        self.wait_until_idle()
        self.stop()
        threads = [path.read_text() for path in sorted(self.counts.parent.glob(self.counts.name + '-*'))]
        writers = [text for text in threads if re.search(r'^c?fn=\(\d+\) ' + WRITER + '$', text, re.M)]
        if len(writers) != 1:
            raise SystemExit(f'{len(writers)} threads run {WRITER}()')
        return Counts(*(int(re.search(r'^(?:summary|totals): (\d+)', text, re.M).group(1)) for text in (threads[0], writers[0])))


def read_response(reader):
    status = reader.readline().split()[1]
    length = 0
    while (line := reader.readline()) not in (b'\r\n', b''):
        if line.lower().startswith(b'content-length:'):
            length = int(line.split(b':')[1])
    reader.read(length)
    return status


def post(daemon, count):
    with daemon.connect() as connection, connection.makefile('rb') as reader:
        request = (b'POST /api/v1/events HTTP/1.1\r\nHost: belfry\r\nContent-Type: application/json\r\n'
                   b'Content-Length: %d\r\n\r\n' % len(EVENT)) + EVENT
        for _ in range(count):
            connection.sendall(request)
            if read_response(reader) != b'201':
                raise SystemExit('an event was refused')


def publish(daemon, count):
    peer = WebSocket(daemon.address, '/ws/publish')
    publish_all(peer, count, [])
    peer.close()


def publish_all(peer, count, subscribers):
    for _ in range(count // WINDOW):
        peer.send(EVENT, times=WINDOW)
        for _ in range(WINDOW):
            peer.receive()
        for subscriber in subscribers:
            for _ in range(WINDOW):
                while 'event_type' not in subscriber.receive():
                    pass


def deliver(daemon, count):
    subscribers = [WebSocket(daemon.address, '/ws/subscribe') for _ in range(SUBSCRIBERS)]
    for subscriber in subscribers:
        subscriber.send(b'{}')
        subscriber.receive()
    publish_all(WebSocket(daemon.address, '/ws/publish'), count, subscribers)


def count(build, load, events):
    """The cost of one event: of N to 3 N."""
    return Counts(*((more - less) / (2 * events) for less, more in zip(run(build, load, events), run(build, load, 3 * events))))


def run(build, load, events):
    with tempfile.TemporaryDirectory(prefix='belfry-count-') as folder:
        daemon = Daemon(build, Path(folder))
        try:
            load(daemon, events)
            return daemon.count()
        finally:
            daemon.kill()


def count_all(build):
    """Name and instructions of each figure."""
    posted = count(build, post, 600)
    yield 'POST /events, one by one', posted.main
    yield 'the same, writing it', posted.writer
    published = count(build, publish, 16 * WINDOW)
    yield f'/ws/publish, {WINDOW} in flight', published.main
    yield 'the same in batches, writing it', published.writer
    delivered = count(build, deliver, 8 * WINDOW)
    yield f'a delivery, of {SUBSCRIBERS} an event', (delivered.main - published.main) / SUBSCRIBERS


def compare(builds):
    print(f'{"instructions an event":32}' + ''.join(f'{Path(build).name:>16}' for build in builds), flush=True)
    for figures in zip(*map(count_all, builds)):
        costs = [cost for _, cost in figures]
        ratio = f'{100 * (costs[-1] / costs[0] - 1):+8.1f} %' if len(costs) > 1 else ''
        print(f'{figures[0][0]:32}' + ''.join(f'{cost:16,.0f}' for cost in costs) + ratio, flush=True)


def judge(build, kept, margin):
    """The figures, and the names of those that are worse than what is kept. Chance only adds (a wake-up more, a smaller batch): what
    seems worse is counted twice more, and the least holds."""
    figures = dict(count_all(build))
    for _ in range(2):
        if not is_worse(figures, kept, margin):
            break
        figures = {name: min(cost, figures[name]) for name, cost in count_all(build)}
    print(f'{"instructions an event":32}{"now":>16}{"kept":>16}')
    for name, cost in figures.items():
        beside = f'{kept[name]:16,.0f}{100 * (cost / kept[name] - 1):+8.1f} %' if name in kept else ''
        print(f'{name:32}{cost:16,.0f}{beside}')
    return figures, is_worse(figures, kept, margin)


def is_worse(figures, kept, margin):
    return [name for name, cost in figures.items() if name in kept and cost > kept[name] * (1 + margin / 100)]


def check(build, options):
    """With the figures kept for such a build; the exit status."""
    path = Path(options.kept)
    all_kept = json.loads(path.read_text()) if path.exists() else {}
    kept = all_kept.get(options.conditions, {})
    print(options.conditions)
    figures, worse = judge(build, {} if options.update else kept, options.margin)
    if options.update:
        all_kept[options.conditions] = {name: round(cost) for name, cost in figures.items()}
        path.write_text(json.dumps(all_kept, indent=2, sort_keys=True) + '\n')
        print(f'kept in {path}')
        return 0
    if not kept:
        print(f'{path.name} keeps no figures for such a build; --update adds them')
        return NOTHING_KEPT
    for name in worse:
        print(f'WORSE by more than {options.margin:g} %: {name}')
    return 1 if worse else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('builds', nargs='+', metavar='BUILD')
    parser.add_argument('--kept', metavar='FILE', help='compare with the figures of this file')
    parser.add_argument('--conditions', default='', metavar='TEXT', help='compiler, flags and libraries: which of the figures')
    parser.add_argument('--margin', type=float, default=5, metavar='PERCENT')
    parser.add_argument('--update', action='store_true', help='keep what is counted now')
    options = parser.parse_args()
    if shutil.which('valgrind') is None:
        print('valgrind is not installed')
        return NOTHING_KEPT
    if options.kept is None:
        return compare(options.builds)
    return check(options.builds[0], options)


if __name__ == '__main__':
    sys.exit(main())
