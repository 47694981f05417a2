# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The load generator tells the truth: nothing wrong of a daemon, and each fault of a server that makes them on purpose."""

import base64
import hashlib
import json
import struct
import subprocess

import pytest

from belfry_daemon import BUILD_DIR, PATIENCE, event
from wire import SmallServer

LOAD = BUILD_DIR / 'tests' / 'bench' / 'belfry-load'


def run(url, *arguments):
    done = subprocess.run([LOAD, *arguments, '--url', url, '--json', '--seconds', '20'], capture_output=True, timeout=60 * PATIENCE)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize('arguments', [
    ['http', '-c', '4', '-n', '200'], ['ws', '-c', '2', '-w', '16', '-n', '500'],
    ['http', '-c', '2', '-n', '50', '-p', '/health'], ['http', '-c', '4', '-n', '100', '-r', '500'],
])
def test_publishing(daemon, arguments):
    before = daemon.stats()['total_events']
    status, figures = run(daemon.url, *arguments, '--pid', str(daemon.pid))
    count = int(arguments[arguments.index('-n') + 1])
    assert status == 0
    assert (figures['sent'], figures['answered'], figures['failed']) == (count, count, 0)
    assert figures['answer_p50_usec'] <= figures['answer_p99_usec'] <= figures['answer_max_usec'] * 1.04
    assert figures['server_rss_after_mib'] > 1
    assert daemon.stats()['total_events'] - before == (0 if '-p' in arguments else count)


def start_collector(belfryd, kind, **settings):
    """A daemon, and the door that this kind of load goes to."""
    if kind == 'collect':
        daemon = belfryd(**settings)
        return daemon, daemon.url
    if 'grpc-stream' not in subprocess.run([LOAD, '--help'], capture_output=True, text=True).stdout:
        pytest.skip('built without gRPC')
    daemon = belfryd(GRPC_HOST='127.0.0.1', GRPC_PORT='0', **settings)
    return daemon, daemon.next_line(15 * PATIENCE).split()[-1]


@pytest.mark.parametrize('arguments', [
    ['collect', '-c', '2', '--batch', '20'], ['collect', '-c', '2', '--batch', '20', '--gzip'], ['collect', '-c', '1', '--batch', '10', '-r', '2000'],
    ['grpc', '-c', '2', '-w', '8'], ['grpc', '-w', '1', '-c', '1', '-r', '500'], ['grpc-batch', '-c', '1', '-w', '2', '--batch', '20'],
    ['grpc-stream', '-c', '2', '-w', '50'], ['grpc-stream', '-c', '1', '-w', '50', '-r', '500'],
])
def test_collecting(belfryd, arguments):
    daemon, url = start_collector(belfryd, arguments[0])
    status, figures = run(url, *arguments, '-n', '200', '--pid', str(daemon.pid))
    assert status == 0, figures
    assert (figures['sent'], figures['answered'], figures['failed']) == (200, 200, 0)
    assert 0 < figures['answer_p50_usec'] <= figures['answer_p95_usec'] <= figures['answer_max_usec'] * 1.04
    assert daemon.stats()['total_events'] == 200
    assert {one['source'] for one in daemon.query('limit=200')} == {'collector'}


@pytest.mark.parametrize('kind', ['collect', 'grpc', 'grpc-batch', 'grpc-stream'])
def test_refused_collecting_is_a_failure(belfryd, kind):
    _, url = start_collector(belfryd, kind, API_KEY='k')
    arguments = [kind, '-c', '1', '-w', '4', '--batch', '2', '-n', '8']
    status, figures = run(url, *arguments)
    assert status == 1 and figures['failed'] >= 1
    assert run(url, *arguments, '--api-key', 'k')[0] == 0


@pytest.mark.parametrize('arguments, share', [
    (['-s', '10', '-c', '2', '-k', '16'], 1), (['-s', '12', '-c', '1', '-k', '4', '-f', 'session', '-g', '4'], 4),
    (['-s', '8', '-c', '3', '-k', '8', '-f', 'type', '-g', '4'], 4), (['-s', '6', '-f', 'user', '-g', '3', '-r', '2000', '-k', '2'], 3),
])
def test_fan_out(daemon, arguments, share):
    status, figures = run(daemon.url, 'fan-out', *arguments, '-n', '960')
    assert status == 0
    assert figures['sent'] == figures['answered'] == 960
    assert figures['deliveries'] == figures['expected'] == 960 * int(arguments[1]) / share
    assert figures['lost'] == figures['repeated'] == figures['out_of_order'] == 0


def test_refused_events_are_failures(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY='k')
    status, figures = run(daemon.url, 'http', '-c', '1', '-n', '3')
    assert status == 1 and figures['failed'] >= 1  # the daemon may close the connection after the first refusal
    assert run(daemon.url, 'http', '-c', '1', '-n', '3', '--api-key', 'k')[0] == 0


class FaultyServer(SmallServer):
    """Confirms subscribers, accepts events, and hands them on as `deliver` (list of events → list of events) says."""

    def __init__(self, deliver):
        self.deliver = deliver
        self.subscribers = []
        super().__init__()

    @staticmethod
    def frame(text):
        payload = text.encode()
        return bytes([0x81]) + (bytes([len(payload)]) if len(payload) < 126 else b'\x7e' + struct.pack('>H', len(payload))) + payload

    @staticmethod
    def messages(file):
        while True:
            head = file.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                return
            length = head[1] & 127
            if length == 126:
                length = struct.unpack('>H', file.read(2))[0]
            file.read(4)  # a mask of zeros
            yield file.read(length).decode()

    def serve(self, connection):
        file = connection.makefile('rb')
        path = file.readline().split()[1]
        key = None
        while (line := file.readline().strip()):
            if line.lower().startswith(b'sec-websocket-key:'):
                key = line.split()[1]
        accept = base64.b64encode(hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest())
        connection.sendall(b'HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: ' + accept + b'\r\n\r\n')
        events = []
        for text in self.messages(file):
            if path == b'/ws/subscribe':
                self.subscribers.append(connection)
                connection.sendall(self.frame('{"status": "subscribed"}'))
                continue
            events.append(text)
            connection.sendall(self.frame('{"status": "ok", "event_id": "evt_000000000000"}'))
            if len(events) == 16:
                for number, subscriber in enumerate(self.subscribers):
                    subscriber.sendall(b''.join(self.frame(one) for one in self.deliver(number, events)))
                events = []


@pytest.mark.parametrize('deliver, fault', [
    (lambda number, events: events, None),
    (lambda number, events: events[:5] + events[6:], 'lost'),
    (lambda number, events: events[:-1], 'lost'),
    (lambda number, events: events[:6] + events[5:], 'repeated'),
    (lambda number, events: events[:4] + [events[5], events[4]] + events[6:], 'lost'),
])
def test_faults_are_seen(deliver, fault):
    server = FaultyServer(deliver)
    status, figures = run(server.url, 'fan-out', '-s', '3', '-k', '16', '-n', '16')
    server.listener.close()
    assert figures['sent'] == figures['answered'] == 16
    if fault is None:
        assert status == 0 and figures['deliveries'] == 48
    else:
        assert status == 1 and figures[fault] == 3, figures


def test_another_order_of_publishers_is_seen():
    """Each publisher's events in their order, but subscribers see the publishers in different orders."""
    held = []

    def deliver(number, events):
        if number == 0:
            held.append(events)
        if len(held) < 2:
            return []
        return held[0] + held[1] if number == 0 else held[1] + held[0]

    server = FaultyServer(deliver)
    status, figures = run(server.url, 'fan-out', '-s', '2', '-c', '2', '-k', '16', '-n', '32')
    server.listener.close()
    assert status == 1 and figures['out_of_order'] == 1, figures


def test_made_events_are_events(daemon):
    run(daemon.url, 'ws', '-c', '1', '-n', '2', '--size', '500')
    newest = daemon.query('limit=1')[0]
    assert newest['source'] == 'bench' and newest.keys() == daemon.publish(event()).keys()
