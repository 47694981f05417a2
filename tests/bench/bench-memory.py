#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Measures what connections cost a fresh belfryd in its own memory (the kernel's buffers apart): subscribers that
wait, with a filter of their own each and with none, streams, connections that rest behind a request, and what stays when all
have gone. Exit status 1 only when a connection was refused; a missed goal is told."""

import argparse
import json
import os
import resource
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path

from servers import Belfryd
from web_socket import frame, upgrade

EVENT = json.dumps({'event_type': 'answer_submitted', 'source': 'quiz_engine', 'session_id': 's000000',
                    'payload': {'text': 'x' * 120}}).encode()
POST = (b'POST /api/v1/events HTTP/1.1\r\nHost: belfry\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n'
        % len(EVENT)) + EVENT
GOAL_BYTES = 4096  # of a subscriber that waits


class Daemon(Belfryd):
    def rss(self):
        """Bytes that the process has touched of its own memory."""
        return self.memory('RssAnon')

    def settled_rss(self, seconds=6):
        """The least within so many seconds: what is given back soon after is no cost."""
        least = self.rss()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.5)
            least = min(least, self.rss())
        return least

    def connect(self):
        return socket.create_connection(self.address, timeout=60)


def read_until(connection, end):
    data = b''
    while end not in data:
        piece = connection.recv(65536)
        if not piece:
            raise SystemExit(f'A connection was refused: {data[:300]!r}')
        data += piece
    return data


class WebSocket:
    def __init__(self, filters):
        self.filters = filters

    def steps(self, number):
        yield upgrade('/ws/subscribe'), b'\r\n\r\n'
        yield frame(self.filters(number)), b'"subscribed"'


class Request:
    def __init__(self, text, end):
        self.text = text
        self.end = end

    def steps(self, number):
        yield self.text, self.end


KINDS = {
    'subscriber without a filter': WebSocket(lambda i: b'{}'),
    'subscriber of a session of its own': WebSocket(lambda i: b'{"session_id":"s%06d"}' % i),
    'subscriber of a user of its own and three types': WebSocket(
        lambda i: b'{"user_id":"u%06d","event_types":["quiz_started","quiz_completed","answer_submitted"],"min_amount":5}' % i),
    'stream without a filter': Request(b'GET /api/v1/events/stream HTTP/1.1\r\nHost: belfry\r\n\r\n', b'id: '),
    'rest behind a POST': Request(POST, b'"timestamp"'),
    'rest behind a GET': Request(b'GET /health HTTP/1.1\r\nHost: belfry\r\n\r\n', b'}'),
    'said nothing': Request(b'', b''),
}


def open_some(daemon, kind, first, count):
    """So many at the same time, as clients come back after a restart."""
    connections = [daemon.connect() for _ in range(count)]
    steps = [kind.steps(first + i) for i in range(count)]
    for _ in kind.steps(0):
        ends = []
        for connection, of_it in zip(connections, steps):
            text, end = next(of_it)
            connection.sendall(text)
            ends.append(end)
        for connection, end in zip(connections, ends):
            read_until(connection, end)
    return connections


def measure(options, name):
    folder = Path(tempfile.mkdtemp(prefix='memory-', dir=options.folder)).resolve()
    daemon = Daemon(folder, options.belfryd, dict(pair.split('=', 1) for pair in options.setting))
    try:
        kind = KINDS[name]
        # What the first one brings into the process is not the cost of one.
        connections = open_some(daemon, kind, 0, 1)
        before = daemon.settled_rss()
        while len(connections) <= options.count:
            connections += open_some(daemon, kind, len(connections), min(options.together, options.count + 1 - len(connections)))
        held = daemon.settled_rss()
        figures = {'kind': name, 'count': options.count, 'before_bytes': before, 'each_bytes': round((held - before) / options.count)}
        if options.pause:
            input(f'{daemon.pid} ')
        for connection in connections:
            connection.close()
        figures['left_bytes'] = daemon.settled_rss(25) - before
        daemon.stop()
        return figures
    finally:
        daemon.kill()
        shutil.rmtree(folder)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', type=Path, help='build folder with belfryd')
    parser.add_argument('--belfryd')
    parser.add_argument('--folder', type=Path, help='where the database is made; the build folder')
    parser.add_argument('--count', type=int, default=5000, help='connections of each kind')
    parser.add_argument('--together', type=int, default=100, help='of which so many come at the same time')
    parser.add_argument('--only', action='append', choices=KINDS)
    parser.add_argument('--setting', action='append', default=[], metavar='NAME=VALUE', help='for the environment of belfryd')
    parser.add_argument('--pause', action='store_true', help='wait for Enter while they are open, to look at the process')
    parser.add_argument('--json', action='store_true', help='one object a line')
    options = parser.parse_args()
    build = options.build or Path(os.environ.get('BELFRY_BUILD_DIR', '.'))
    options.belfryd = os.path.abspath(options.belfryd or build / 'src/daemon/belfryd')
    options.folder = options.folder or build
    return options


def main():
    options = parse()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < options.count + 1000:
        raise SystemExit(f'{options.count} connections do not fit into {hard} descriptors')
    for name in options.only or KINDS:
        figures = measure(options, name)
        if options.json:
            print(json.dumps(figures), flush=True)
            continue
        missed = ' MISSED' if figures['each_bytes'] > GOAL_BYTES else ''
        goal = f'   goal <= {GOAL_BYTES}{missed}' if name.startswith('subscriber') else ''
        print(f'{name:<48} {figures["each_bytes"]:>8,} bytes each, {figures["left_bytes"] / 1048576:>8.1f} MiB stay{goal}', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
