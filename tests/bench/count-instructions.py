#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Counts the instructions that belfryd's main thread spends on one event, with valgrind's callgrind: repeatable where times are
noisy. The store's threads are left out: how many events share a commit differs from run to run.

Each load runs twice, with N and with 3 N events; the difference leaves start and stop out. With two build folders the second is
compared with the first:

    tests/bench/count-instructions.py BEFORE [AFTER]
"""

import argparse
import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

EVENT = json.dumps({
    'event_type': 'answer_submitted', 'source': 'quiz_engine', 'session_id': 'session-123', 'user_id': 'user-42',
    'payload': {'question': 'q-17', 'answer': 'B', 'elapsed_ms': 5321, 'text': 'x' * 120},
}).encode()
SUBSCRIBERS = 20


class Daemon:
    def __init__(self, build, folder):
        settings = {
            'PATH': os.environ['PATH'], 'HOME': str(folder), 'HOST': '127.0.0.1', 'PORT': '0', 'LOG_LEVEL': 'WARNING',
            'DATABASE_PATH': str(folder / 'events.db'), 'MAX_WS_CONNECTIONS_PER_IP': '1000', 'D_BUS': 'off',
        }
        if self.knows(build, 'RATE_LIMIT_PUBLISH'):
            settings.update({f'RATE_LIMIT_{name}': 'unlimited' for name in ('PUBLISH', 'QUERY', 'ADMIN')})
        self.counts = folder / 'callgrind.out'
        self.process = subprocess.Popen(
            ['valgrind', '--tool=callgrind', f'--callgrind-out-file={self.counts}', '--separate-threads=yes', str(Path(build) / 'src/daemon/belfryd')],
            env=settings, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line.startswith('Listening on '):
            raise SystemExit(f'belfryd did not start: {line!r}')
        self.address = urlsplit(line.split()[-1])

    @staticmethod
    def knows(build, setting):
        return setting.encode() in (Path(build) / 'src/daemon/belfryd').read_bytes()

    def connect(self):
        connection = socket.create_connection((self.address.hostname, self.address.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def stop(self):
        """Instructions of the main thread, from its start to its end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return int(re.search(r'^(?:summary|totals): (\d+)', Path(f'{self.counts}-01').read_text(), re.M).group(1))


def read_response(reader):
    status = reader.readline().split()[1]
    length = 0
    while (line := reader.readline()) not in (b'\r\n', b''):
        if line.lower().startswith(b'content-length:'):
            length = int(line.split(b':')[1])
    reader.read(length)
    return status


def open_socket(daemon, path):
    connection = daemon.connect()
    connection.sendall(f'GET {path} HTTP/1.1\r\nHost: belfry\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
                       f'Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n'.encode())
    reader = connection.makefile('rb')
    if read_response(reader) != b'101':
        raise SystemExit(f'{path} was refused')
    return connection, reader


def frame(text):
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b'\xfe' + struct.pack('>H', len(text))
    return b'\x81' + length + b'\0\0\0\0' + text


def read_message(reader):
    while True:
        first, length = reader.read(2)
        if length == 126:
            length = struct.unpack('>H', reader.read(2))[0]
        elif length == 127:
            length = struct.unpack('>Q', reader.read(8))[0]
        text = reader.read(length)
        if first == 0x81:
            return text


def post(daemon, count):
    with daemon.connect() as connection, connection.makefile('rb') as reader:
        request = (b'POST /api/v1/events HTTP/1.1\r\nHost: belfry\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n' % len(EVENT)) + EVENT
        for _ in range(count):
            connection.sendall(request)
            if read_response(reader) != b'201':
                raise SystemExit('an event was refused')


def publish(daemon, count, window=16):
    connection, reader = open_socket(daemon, '/ws/publish')
    message = frame(EVENT) * window
    for _ in range(count // window):
        connection.sendall(message)
        for _ in range(window):
            read_message(reader)
    connection.close()


def deliver(daemon, count):
    subscribers = []
    for _ in range(SUBSCRIBERS):
        connection, reader = open_socket(daemon, '/ws/subscribe')
        connection.sendall(frame(b'{}'))
        read_message(reader)
        subscribers.append((connection, reader))
    connection, reader = open_socket(daemon, '/ws/publish')
    for _ in range(count // 16):
        connection.sendall(frame(EVENT) * 16)
        for _ in range(16):
            read_message(reader)
        for _, other in subscribers:
            for _ in range(16):
                while b'event_type' not in read_message(other):
                    pass


LOADS = {'POST /events, one by one': (post, 800), '/ws/publish, 16 in flight': (publish, 3200), f'the same to {SUBSCRIBERS} subscribers': (deliver, 1600)}


def count(build, load, events):
    with tempfile.TemporaryDirectory(prefix='belfry-count-') as folder:
        daemon = Daemon(build, Path(folder))
        try:
            load(daemon, events)
            return daemon.stop()
        finally:
            daemon.process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('builds', nargs='+', metavar='BUILD')
    builds = parser.parse_args().builds
    print(f'{"instructions an event":32}' + ''.join(f'{Path(build).name:>16}' for build in builds))
    for name, (load, events) in LOADS.items():
        costs = [(count(build, load, 3 * events) - count(build, load, events)) / (2 * events) for build in builds]
        ratio = f'{100 * (costs[-1] / costs[0] - 1):+8.1f} %' if len(costs) > 1 else ''
        print(f'{name:32}' + ''.join(f'{cost:16,.0f}' for cost in costs) + ratio, flush=True)


if __name__ == '__main__':
    sys.exit(main())
