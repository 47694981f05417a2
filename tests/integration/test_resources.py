# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What clients leave behind when they vanish: nothing."""

import json
import random
import struct

import pytest

from belfry_daemon import event, wait_until
from wire import CLOSE, frame, head_text

MIB = 1024 * 1024


def vanish(daemon, kind):
    """One client that connects in some way and goes without a word."""
    if kind == 0:
        daemon.connect().drop()
    elif kind == 1:
        with daemon.connect() as connection:
            connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"event')
    elif kind == 2:
        with daemon.connect() as connection:
            connection.send(b'GET /api/v1/eve')
    elif kind == 3:
        with daemon.connect() as connection:
            connection.send(head_text('GET', '/ws/subscribe', daemon.host, daemon.port, {
                'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='}))
    elif kind == 4:
        daemon.ws('/ws/subscribe').drop()
    elif kind == 5:
        daemon.subscribe({'resume_from': 'beginning'}).drop()
    elif kind == 6:
        with daemon.publisher() as socket:
            socket.send(frame(json.dumps(event()) + ' ' * 5000)[:-1])
    elif kind == 7:
        with daemon.publisher() as socket:
            socket.send(frame(json.dumps(event())) * 5)
    elif kind == 8:
        with daemon.publisher() as socket:
            socket.send(frame(struct.pack('>H', 1000), CLOSE))
    elif kind == 9:
        daemon.stream('resume_from=beginning').drop()
    elif kind == 10:
        # A reset instead of an orderly end
        socket = daemon.subscribe()
        socket.socket.setsockopt(1, 13, struct.pack('ii', 1, 0))
        socket.drop()


def settled(daemon, before):
    """All descriptors are given back, but for those of the few readers of the log that come into being when first needed."""
    wait_until(lambda: daemon.descriptors() <= before + 10, timeout=20, what=f'about {before} descriptors again')
    wait_until(lambda: daemon.stats()['router']['active_subscribers'] == 0, what='no subscriber left')


@pytest.mark.timeout(300)
def test_500_clients_that_vanish_leave_no_descriptor(belfryd):
    daemon = belfryd()
    daemon.publish_many(50)
    before = daemon.descriptors()
    chance = random.Random(3)
    for number in range(500):
        vanish(daemon, chance.randrange(11))
    settled(daemon, before)
    assert daemon.publish()


def test_500_clients_at_once(belfryd):
    daemon = belfryd()
    daemon.publish()
    before = daemon.descriptors()
    sockets = [daemon.ws('/ws/subscribe') for _ in range(250)] + [daemon.stream() for _ in range(250)]
    assert daemon.descriptors() >= before + 500
    for socket in sockets[:250]:
        socket.send_json({})
    for number in range(20):
        daemon.publish(event(number))
    for socket in sockets:
        socket.drop()
    settled(daemon, before)
    assert daemon.publish()


@pytest.mark.measures
@pytest.mark.timeout(300)
def test_500_clients_that_vanish_leave_no_memory(belfryd):
    daemon = belfryd()
    daemon.publish_many(50)
    before = daemon.descriptors()

    def round_of_500():
        sockets = [daemon.subscribe() for _ in range(250)] + [daemon.stream() for _ in range(125)] + [daemon.publisher() for _ in range(125)]
        for number in range(20):
            daemon.publish(event(number))
        for socket in sockets:
            socket.drop()
        settled(daemon, before)
        return daemon.rss()

    round_of_500()
    first = round_of_500()
    later = [round_of_500() for _ in range(3)]
    assert min(later) - first < 3 * MIB, f'{first / MIB:.1f} MiB, then {[f"{rss / MIB:.1f}" for rss in later]}'


@pytest.mark.measures
def test_an_idle_subscriber_is_cheap(belfryd):
    daemon = belfryd()
    warm = [daemon.subscribe() for _ in range(100)]
    before = daemon.rss()
    more = [daemon.subscribe() for _ in range(900)]
    each = (daemon.rss() - before) / 900
    assert each < 8192, f'{each:.0f} bytes for each subscriber'
    for socket in warm + more:
        socket.drop()


@pytest.mark.measures
def test_idle_memory(belfryd):
    daemon = belfryd()
    assert daemon.get('/health').status == 200
    assert daemon.rss() < 25_000_000, f'{daemon.rss() / MIB:.1f} MiB, everything linked'


def test_an_idle_daemon_does_not_work(belfryd):
    daemon = belfryd()
    sockets = [daemon.subscribe() for _ in range(50)]
    streams = [daemon.stream() for _ in range(50)]
    daemon.get('/health')
    before = daemon.cpu_seconds()
    sockets[0].socket.settimeout(2)
    with pytest.raises(TimeoutError):
        sockets[0].receive(2)
    assert daemon.cpu_seconds() - before < 0.2
    for socket in sockets + streams:
        socket.drop()


@pytest.mark.measures
def test_memory_stays_flat_under_load(belfryd):
    daemon = belfryd(RING_MAX_BYTES=MIB)
    publisher = daemon.publisher()
    subscriber = daemon.subscribe()
    sizes = []
    for _ in range(8):
        for _ in range(5):
            publisher.send(b''.join(frame(json.dumps(event(number))) for number in range(1000)))
            for _ in range(1000):
                assert publisher.receive_json()['status'] == 'ok'
            for _ in range(1000):
                subscriber.receive()
        sizes.append(daemon.rss())
    assert sizes[-1] - sizes[2] < 8 * MIB, [f'{size / MIB:.1f}' for size in sizes]
    publisher.drop()
    subscriber.drop()
