# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""10,000 random and hostile requests and frames in a row, from a seed; afterwards the daemon is as it was."""

import json
import random
import socket
import struct

import pytest

from belfry_daemon import SANITIZED, event, wait_until
from wire import head_text

MIB = 1024 * 1024
HOST = b'Host: x\r\n'
KEYS = {'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}


def valid_requests():
    body = json.dumps(event(payload={'a': [1, 2.5, None, True, 'ä'], 'b': {'c': 'd'}})).encode()
    posted = b'POST /api/v1/events HTTP/1.1\r\n' + HOST + b'Content-Type: application/json\r\n'
    return [
        posted + b'Content-Length: %d\r\n\r\n' % len(body) + body,
        posted + b'Transfer-Encoding: chunked\r\n\r\n%x\r\n' % len(body) + body + b'\r\n0\r\nA: b\r\n\r\n',
        posted + b'Expect: 100-continue\r\nContent-Length: %d\r\n\r\n' % len(body) + body,
        b'GET /api/v1/events?limit=3&since=2026-01-01T00:00:00Z&user_id=a%20b HTTP/1.1\r\n' + HOST + b'\r\n',
        b'GET /events/evt_0123456789ab HTTP/1.1\r\n' + HOST + b'\r\n' + b'GET /health HTTP/1.1\r\n' + HOST + b'\r\n',
        b'DELETE /events?before=2001-01-01 HTTP/1.1\r\n' + HOST + b'\r\n',
        b'OPTIONS /api/v1/events HTTP/1.1\r\n' + HOST + b'Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n\r\n',
        b'GET /api/v1/events/stream?resume_from=beginning HTTP/1.1\r\n' + HOST + b'\r\n',
        b'POST /event-types HTTP/1.1\r\n' + HOST + b'Content-Length: 2\r\n\r\n{}',
        b'HEAD / HTTP/1.0\r\n\r\n',
    ]


class Enemy:
    """Makes things up; the same ones for the same seed."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.requests = valid_requests()

    def noise(self, most):
        return self.chance.randbytes(self.chance.randrange(most))

    def mutated(self):
        data = bytearray(self.chance.choice(self.requests))
        for _ in range(self.chance.randrange(1, 5)):
            at = self.chance.randrange(len(data))
            kind = self.chance.randrange(6)
            if kind == 0:
                data[at] = self.chance.randrange(256)
            elif kind == 1:
                del data[at:at + self.chance.randrange(1, 20)]
            elif kind == 2:
                data[at:at] = self.noise(20)
            elif kind == 3:
                data[at:at] = self.chance.choice([b'\r\n', b'\n', b'\r', b'\0', b' ', b':', b'\r\n\r\n', b'\t', b'%', b'%ff', b'{' * 100])
            elif kind == 4:
                data[at:at] = self.chance.choice([b'Content-Length: 5\r\n', b'Transfer-Encoding: chunked\r\n', b'Upgrade: websocket\r\n', HOST])
            else:
                other = self.chance.choice(self.requests)
                data[at:] = other[self.chance.randrange(len(other)):]
            if not data:
                data = bytearray(b'\r\n')
        return bytes(data)

    def bomb(self):
        line = b'A%d: ' % self.chance.randrange(10) + b'a' * self.chance.choice([0, 10, 8000, 66000]) + b'\r\n'
        return b'GET /health HTTP/1.1\r\n' + HOST + line * self.chance.choice([1, 9, 130, 500]) + b'\r\n'

    def half(self):
        data = self.chance.choice(self.requests)
        return data[:self.chance.randrange(1, len(data))]

    def request(self):
        return self.chance.choices([self.mutated, self.half, self.bomb, lambda: self.noise(3000)], [70, 15, 5, 10])[0]()

    def frame(self):
        kind = self.chance.randrange(8)
        if kind == 0:
            return self.noise(200)
        payload = self.chance.choice([
            json.dumps(event()).encode(), b'{}', b'{', self.noise(300), b'[' * 5000, b'{"type": "ping"}', b'{"resume_from": "beginning"}',
            json.dumps({'type': 'update_filters', 'filters': {'event_types': 5}}).encode(), struct.pack('>H', self.chance.randrange(65536)),
        ])
        opcode = self.chance.choice([1, 1, 1, 1, 0, 2, 8, 9, 10, 3, 15])
        first = self.chance.choice([0x80, 0x80, 0x80, 0, 0xf0, 0xc0]) | opcode
        length = self.chance.choice([len(payload)] * 6 + [5, 2 ** 40, 2 ** 63 + 1])
        if length < 126:
            head = bytes([first, 0x80 | length])
        elif length < 65536:
            head = bytes([first, 0xfe]) + struct.pack('>H', length)
        else:
            head = bytes([first, 0xff]) + struct.pack('>Q', length)
        return head + b'\0\0\0\0' + payload

    def conversation(self, host, port):
        """Bytes for one connection, and how many requests or frames they are."""
        count = self.chance.choice([1, 1, 2, 5])
        if self.chance.randrange(4) > 0:
            return b''.join(self.request() for _ in range(count)), count
        path = self.chance.choice(['/ws/publish', '/ws/subscribe'])
        return head_text('GET', path, host, port, KEYS) + b''.join(self.frame() for _ in range(count)), count


def attack(daemon, enemy, number):
    """One connection after the other; each is read a little, and dropped, sometimes with a reset."""
    done = 0
    while done < number:
        data, count = enemy.conversation(daemon.host, daemon.port)
        with socket.create_connection((daemon.host, daemon.port), 15) as connection:
            connection.settimeout(15)
            try:
                connection.sendall(data)
                if enemy.chance.randrange(2) == 0:
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536) and enemy.chance.randrange(20):
                        pass
                elif enemy.chance.randrange(4) == 0:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            except OSError:
                pass
        done += count
    return done


def settle(daemon, descriptors):
    wait_until(lambda: daemon.stats()['server']['connections'] <= 2, timeout=30, what='all connections closed')
    wait_until(lambda: daemon.descriptors() <= descriptors + 10, timeout=30, what=f'about {descriptors} descriptors again')


def check_service(daemon):
    with daemon.subscribe({'session_id': 'after'}) as subscriber, daemon.publisher() as publisher:
        made = daemon.publish(event(session_id='after'))
        assert subscriber.receive_json() == made
        assert publisher.ask(event(session_id='after'))['status'] == 'ok'
        assert subscriber.receive_json()['session_id'] == 'after'
    assert daemon.get('/events/' + made['id']).json() == made
    assert daemon.get('/health').json()['status'] == 'ok'


@pytest.mark.timeout(900)
def test_10000_hostile_requests_and_frames(belfryd, long_run):
    # Small bounds, so that what is kept of valid events among them is not mistaken for a leak.
    daemon = belfryd(RING_MAX_BYTES=1048576, MAX_QUEUE_SIZE=1000, HEADER_TIMEOUT='3s', BODY_STALL_TIMEOUT='3s')
    check_service(daemon)
    descriptors = daemon.descriptors()
    enemy = Enemy(20260115)
    # Memory that is needed once, by the first round, is not counted.
    attack(daemon, enemy, 3000)
    settle(daemon, descriptors)
    before = daemon.rss()
    assert attack(daemon, enemy, 40000 if long_run else 10000) >= 10000
    settle(daemon, descriptors)
    check_service(daemon)
    counters = daemon.stats()['server']
    assert counters['bad_requests'] > 1000, counters
    if not SANITIZED:
        after = daemon.rss()
        print(f'{before / MIB:.1f} MiB before, {after / MIB:.1f} MiB after')
        assert after < before * 1.1 + MIB, f'{before / MIB:.1f} MiB before, {after / MIB:.1f} MiB after'


@pytest.mark.timeout(600)
def test_hostile_requests_over_tls(belfryd, certificate):
    daemon = belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1], HEADER_TIMEOUT='1s', BODY_STALL_TIMEOUT='1s', IDLE_TIMEOUT='1s')
    check_service(daemon)
    descriptors = daemon.descriptors()
    enemy = Enemy(7)
    for _ in range(300):
        data, _ = enemy.conversation(daemon.host, daemon.port)
        with daemon.connect() as connection:
            try:
                connection.send(data)
                if enemy.chance.randrange(2) == 0:
                    connection.fill()
            except OSError:
                pass
    settle(daemon, descriptors)
    check_service(daemon)
