# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A reader that stops costs bounded memory, delays nobody, and gets everything in order when it reads again."""

import json
import threading
import time

import pytest

from belfry_daemon import PATIENCE, SANITIZED, event, wait_until
from wire import frame

PADDING = 'p' * 80
MIB = 1024 * 1024


def pour(daemon, count, ids, times=None, window=1000):
    """Publishes so many numbered events over one WebSocket, many in flight."""
    publisher = daemon.publisher()
    for start in range(0, count, window):
        publisher.send(b''.join(frame(json.dumps(event(payload={'n': number, 'p': PADDING}))) for number in range(start, min(count, start + window))))
        for _ in range(min(window, count - start)):
            answer = publisher.receive_json(60)
            assert answer['status'] == 'ok', answer
            ids.append(answer['event_id'])
            if times is not None:
                times.append(time.monotonic())
    publisher.close()


def read_numbers(socket, count):
    """Reads so many events and only looks at their numbers, which must come in order."""
    for expected in range(count):
        text = socket.receive(120)
        assert f'"n":{expected},' in text, f'wanted {expected}, got {text[:200]}'


@pytest.mark.timeout(900)
def test_a_reader_that_stops(belfryd, long_run):
    """100,000 events pass while one WebSocket and one SSE reader do not read (20 s at least with --long)."""
    count = 10000 if SANITIZED else 100000
    daemon = belfryd()
    live, stopped, stream = daemon.subscribe(), daemon.subscribe(receive_buffer=8192), daemon.stream(receive_buffer=8192)
    stream.next_block()
    for number in range(200):
        daemon.publish(event(user_id='warm'))
    for _ in range(200):
        live.receive()
        stopped.receive()
        stream.next_event()
    before = daemon.rss()
    began = time.monotonic()
    ids, failures = [], []

    def work(job, *arguments):
        try:
            job(*arguments)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(pour, daemon, count, ids)), threading.Thread(target=work, args=(read_numbers, live, count))]
    for thread in threads:
        thread.start()
    slowest = 0.0
    while any(thread.is_alive() for thread in threads):
        asked = time.monotonic()
        assert daemon.get('/health').status == 200
        slowest = max(slowest, time.monotonic() - asked)
        threads[0].join(0.05)
    assert not failures, failures
    if long_run:
        wait_until(lambda: time.monotonic() - began > 20, timeout=25, what='twenty seconds have passed')
    assert slowest < 2 * PATIENCE, f'/health took {slowest:.2f} s'
    if not SANITIZED:
        grown = daemon.peak_rss() - before
        assert grown < 64 * MIB, f'{grown / MIB:.1f} MiB more'
    read_numbers(stopped, count)
    for expected in range(count):
        assert stream.next_event(120)['payload']['n'] == expected
    stopped.ping_pong()
    made = daemon.publish(event('live again'))
    assert json.loads(stopped.receive()) == made == stream.next_event() == json.loads(live.receive())
    if not SANITIZED:
        grown = daemon.peak_rss() - before
        assert grown < 64 * MIB, f'{grown / MIB:.1f} MiB more after catching up'
    for socket in (live, stopped, stream):
        socket.drop()


@pytest.mark.measures
@pytest.mark.timeout(300)
def test_forty_readers_that_stop(belfryd):
    """Many stopped readers cost no more than their mailboxes; nobody else waits."""
    daemon = belfryd(MAILBOX_MAX_BYTES=262144, RING_MAX_BYTES=4 * MIB)
    stopped = [daemon.subscribe(receive_buffer=8192) for _ in range(40)]
    live = daemon.subscribe()
    daemon.publish()
    live.receive()
    before = daemon.rss()
    ids = []
    thread = threading.Thread(target=pour, args=(daemon, 30000, ids))
    thread.start()
    read_numbers(live, 30000)
    thread.join(60)
    assert daemon.peak_rss() - before < 64 * MIB
    for socket in stopped[:5]:
        socket.receive()
        read_numbers(socket, 30000)
    for socket in stopped + [live]:
        socket.drop()
    wait_until(lambda: daemon.stats()['router']['active_subscribers'] == 0, what='all are gone')


def test_a_slow_reader_is_told_what_was_deleted_meanwhile(belfryd):
    """Whatever the log no longer holds when the reader comes back is a gap; events and gaps together are the whole log."""
    daemon = belfryd(MAX_QUEUE_SIZE=100, MAILBOX_MAX_BYTES=65536)
    slow = daemon.subscribe({'cursors': True}, receive_buffer=4096)
    count = 30000
    ids = []
    pour(daemon, count, ids)
    daemon.request('DELETE', '/events')
    last = daemon.publish(event(payload={'n': count, 'p': ''}))
    expected, lost, cursor = 0, 0, None
    while True:
        message = slow.receive_json(60)
        if message.get('type') == 'gap':
            assert message['from'] == cursor
            lost += message['lost']
            expected += message['lost']
            cursor = message['to']
            continue
        assert message['payload']['n'] == expected, 'in order, and the gap counts exactly what is missing'
        expected += 1
        cursor = message['cursor']
        if message['id'] == last['id']:
            break
    assert expected == count + 1 and lost > 0
    slow.drop()


def test_readers_of_history_do_not_delay_live_ones(belfryd):
    daemon = belfryd(MAX_QUEUE_SIZE=1000)
    ids = []
    pour(daemon, 20000, ids)
    live = daemon.subscribe()
    late = [daemon.subscribe({'resume_from': 'beginning'}) for _ in range(10)]
    worst = 0.0
    for number in range(50):
        asked = time.monotonic()
        made = daemon.publish(event(20000 + number))
        assert live.receive_json() == made
        worst = max(worst, time.monotonic() - asked)
    assert worst < 1.0 * PATIENCE, f'{worst:.2f} s from publishing to receiving'
    for socket in late:
        for expected in range(20050):
            assert f'"n":{expected}' in socket.receive(60)
        socket.drop()
    live.drop()
