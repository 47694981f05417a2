# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""kill -9 under load: what was answered is there, what is there is there once, and in order."""

import collections
import http.client
import json
import random
import threading
import time

import pytest

import wire
from belfry_daemon import PATIENCE, event, wait_until
from wire import frame


class Load:
    """Publishers over both doors and one subscriber, until the daemon dies under them."""

    def __init__(self, daemon, turn):
        self.daemon = daemon
        self.turn = turn
        self.lock = threading.Lock()
        self.answered = []  # (id, worker, number), as answered
        self.seen = []  # ids that the subscriber got
        self.failures = []
        self.stop = threading.Event()
        self.subscribed = threading.Event()
        self.threads = [threading.Thread(target=self.guard, args=(self.subscribe, ''))]
        self.threads[0].start()
        assert self.subscribed.wait(15)
        for worker in range(4):
            self.threads.append(threading.Thread(target=self.guard, args=(self.over_http, f'{turn}-http-{worker}')))
        for worker in range(2):
            self.threads.append(threading.Thread(target=self.guard, args=(self.over_websocket, f'{turn}-ws-{worker}')))
        for thread in self.threads[1:]:
            thread.start()

    def guard(self, work, worker):
        try:
            work(worker)
        except (OSError, http.client.HTTPException, wire.Closed):
            pass  # the daemon is gone, which is the point
        except Exception as failure:
            self.failures.append(failure)

    def note(self, identity, worker, number):
        with self.lock:
            self.answered.append((identity, worker, number))

    def over_http(self, worker):
        connection = self.daemon.connection()
        number = 0
        while not self.stop.is_set():
            response = self.daemon.post(event(number, user_id=worker), connection=connection)
            assert response.status == 201, response
            self.note(response.json()['id'], worker, number)
            number += 1

    def over_websocket(self, worker):
        socket = self.daemon.publisher()
        sent = answered = 0
        while not self.stop.is_set():
            while sent - answered < 64:
                socket.send(b''.join(frame(json.dumps(event(sent + at, user_id=worker))) for at in range(16)))
                sent += 16
            for _ in range(16):
                answer = socket.receive_json()
                assert answer['status'] == 'ok', answer
                self.note(answer['event_id'], worker, answered)
                answered += 1

    def subscribe(self, _):
        socket = self.daemon.subscribe()
        self.subscribed.set()
        while True:
            self.seen.append(socket.receive_json(60)['id'])

    def join(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60 * PATIENCE)
            assert not thread.is_alive()
        assert not self.failures, self.failures


def whole_log(daemon):
    """Every event, in log order, read as a subscriber reads history."""
    last = daemon.publish(event(user_id='sentinel'))
    events = []
    with daemon.subscribe({'resume_from': 'beginning'}) as socket:
        while not events or events[-1]['id'] != last['id']:
            events.append(socket.receive_json(60))
    return events


def check(daemon, loads, before):
    log = whole_log(daemon)
    by_id = {one['id']: one for one in log}
    assert len(by_id) == len(log), 'an id stands twice in the log'
    assert log[:len(before)] == before, 'what stood in the log stays as it was'
    places = collections.Counter((one['user_id'], one['payload'].get('n')) for one in log if one['user_id'] != 'sentinel')
    assert max(places.values()) == 1, 'an event was stored twice'
    times = [one['timestamp'] for one in log]
    assert times == sorted(times)
    for load in loads:
        for identity, worker, number in load.answered:
            stored = by_id.get(identity)
            assert stored is not None, f'answered, and lost: {identity} of {worker}'
            assert (stored['user_id'], stored['payload']) == (worker, {'n': number})
        for identity in load.seen:
            assert identity in by_id, f'seen by a subscriber, and lost: {identity}'
    last_of = {}
    for one in log:
        if 'n' in one['payload']:
            assert one['payload']['n'] > last_of.get(one['user_id'], -1), 'the order of a publisher is kept'
            last_of[one['user_id']] = one['payload']['n']
    connection = daemon.connection()
    for identity, worker, number in loads[-1].answered:
        response = daemon.get('/api/v1/events/' + identity, connection=connection)
        assert response.status == 200 and response.json() == by_id[identity]
    assert daemon.stats()['total_events'] == len(log)
    order = [one['id'] for one in log]
    place = {identity: at for at, identity in enumerate(order)}
    seen = [place[identity] for identity in loads[-1].seen]
    assert seen == sorted(set(seen)), 'the subscriber saw each event once, in log order'
    return log


@pytest.mark.timeout(1200)
def test_kill_under_load(belfryd, long_run):
    chance = random.Random(23)
    daemon = belfryd()
    loads, log = [], []
    for turn in range(30 if long_run else 5):
        load = Load(daemon, turn)
        loads.append(load)
        enough = chance.randrange(50, 2500)
        wait_until(lambda: len(load.answered) >= enough or load.failures, timeout=60, what=f'{enough} answers')
        daemon.kill()
        load.join()
        daemon = belfryd(folder=daemon.folder)
        log = check(daemon, loads, log)
        loads = loads[-1:]  # the older ones stand in the log, which is compared whole


def test_kill_while_deleting(belfryd):
    """A delete that was answered stays done; one that was not is done wholly or not at all."""
    chance = random.Random(5)
    daemon = belfryd()
    for turn in range(5):
        made = daemon.publish_many(300)
        cut = made[150]['timestamp']
        answered = []

        def delete():
            try:
                answered.append(daemon.request('DELETE', '/events?before=' + cut).json()['deleted'])
            except (OSError, http.client.HTTPException):
                pass

        thread = threading.Thread(target=delete)
        thread.start()
        deadline = time.monotonic() + chance.random() * 0.004
        while time.monotonic() < deadline and not answered:
            pass
        daemon.kill()
        thread.join(30)
        daemon = belfryd(folder=daemon.folder)
        left = daemon.query('limit=1000')[::-1]
        kept = [one for one in made if one['timestamp'] >= cut]
        assert left[-len(kept):] == kept
        if answered:
            assert left == kept
        else:
            assert left == kept or left[-300:] == made
        stats = daemon.stats()
        assert stats['total_events'] == len(left) == sum(entry['count'] for entry in stats['by_type'])
        daemon.request('DELETE', '/events')


def test_kill_at_once_and_again(belfryd):
    """Daemons that die right after their first answer: the log grows by one event each time."""
    made = []
    folder = None
    for number in range(10):
        daemon = belfryd(folder=folder)
        folder = daemon.folder
        made.append(daemon.publish(event(number)))
        daemon.kill()
    assert belfryd(folder=folder).query() == made[::-1]
