# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A full disk: 503 and `Storage unavailable`, reads go on, and everything works again when there is room, without a restart."""

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from belfry_daemon import event, unshare, wait_until
from test_kill import whole_log
from wire import frame


class Disk:
    """A small tmpfs that lives in a mount namespace of its own, held by a process that does nothing else."""

    def __init__(self, mountpoint, megabytes):
        self.mountpoint = mountpoint
        mountpoint.mkdir()
        self.holder = subprocess.Popen([*unshare(), 'sh', '-c', 'mount -t tmpfs -o "size=$1m,mode=0700" tmpfs "$2" && echo ready && exec cat',
                                        'sh', str(megabytes), str(mountpoint)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == 'ready\n', 'the tmpfs could not be mounted'
        self.root = Path(f'/proc/{self.holder.pid}/root{mountpoint}')
        self.filler = self.root / 'filler'

    def enter(self):
        """What to put before a command so that it sees the disk."""
        user = [] if os.geteuid() == 0 else ['--user', '--preserve-credentials']
        return ['nsenter', *user, '--mount', f'--target={self.holder.pid}', '--']

    def fill(self, leave=0):
        """Takes all space but so many bytes."""
        room = os.statvfs(self.root)
        count = room.f_bavail * room.f_frsize - leave
        try:
            with open(self.filler, 'ab', buffering=0) as file:
                while count > 0:
                    count -= file.write(b'\0' * min(count, 65536))
        except OSError:
            pass  # somebody else took the last of it

    def free(self):
        self.filler.unlink(missing_ok=True)

    def close(self):
        self.holder.stdin.close()
        self.holder.wait(10)
        self.holder.stdout.close()


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / 'disk', 48)
    yield made
    made.close()


@pytest.fixture
def cramped(belfryd, disk):
    """A daemon whose database lies on the small disk."""
    return belfryd(before=disk.enter(), DATABASE_PATH=disk.mountpoint / 'events.db')


def until_refused(daemon, kept):
    """Publishes until the disk is full; the refusal."""
    connection = daemon.connection()
    for number in range(20000):
        response = daemon.post(event(payload={'n': number, 'x': 'y' * 20000}), connection=connection)
        if response.status != 201:
            return response
        kept.append(response.json())
    raise AssertionError('the disk never became full')


def until_accepted(daemon, kept):
    def accepted():
        response = daemon.post(event(user_id='again'))
        assert response.status in (201, 503), response
        if response.status == 201:
            kept.append(response.json())
        return response.status == 201
    wait_until(accepted, timeout=20, what='recovery without a restart')


def test_full_and_free_again(cramped, disk):
    kept = cramped.publish_many(20)
    subscriber, publisher = cramped.subscribe(), cramped.publisher()
    disk.fill(leave=300000)
    live = []
    refusal = until_refused(cramped, live)
    assert refusal.status == 503, refusal
    assert int(refusal.headers['Retry-After']) >= 0
    assert isinstance(refusal.json()['detail'], str)
    for word in ('sqlite', 'disk i/o', str(disk.mountpoint)):
        assert word not in refusal.body.decode().lower()
    disk.fill()

    # Writing fails at every door, as often as one asks, once the last room in the file itself is used up
    refused = [0, 0]
    while min(refused) < 10:
        response = cramped.post(event(user_id='maybe'))
        assert response.status in (201, 503), response
        refused[0] += response.status == 503
        answer = publisher.ask(event(user_id='maybe'))
        refused[1] += answer == {'status': 'error', 'message': 'Storage unavailable'}
        assert answer['status'] == 'ok' or answer['message'] == 'Storage unavailable', answer
        for identity in ([response.json()['id']] if response.status == 201 else []) + ([answer['event_id']] if answer['status'] == 'ok' else []):
            live.append(cramped.get('/events/' + identity).json())
        assert len(live) < 20000
    assert publisher.ask('x') == {'status': 'error', 'message': 'Invalid JSON'}, 'other answers stay as they are'
    assert cramped.post(event(source='')).status == 422

    # Reading goes on
    assert cramped.query('limit=1000') == (kept + live)[:-1001:-1]
    assert cramped.get('/events/' + kept[0]['id']).json() == kept[0]
    assert cramped.stats()['total_events'] == len(kept + live)
    assert cramped.get('/health').status in (200, 503)
    with cramped.subscribe({'resume_from': 'beginning'}) as late:
        assert late.receive_json() == kept[0]

    disk.free()
    until_accepted(cramped, live)
    assert publisher.ask(event(user_id='after'))['status'] == 'ok'
    wait_until(lambda: cramped.get('/health').json()['status'] == 'ok', what='good health')
    assert cramped.get('/readiness').status == 200
    assert [subscriber.receive_json()['id'] for _ in live] == [one['id'] for one in live]
    assert subscriber.receive_json()['user_id'] == 'after'
    log = whole_log(cramped)
    assert len({one['id'] for one in log}) == len(log)
    assert log[:len(kept) + len(live)] == kept + live
    subscriber.drop()
    publisher.drop()


def test_again_and_again_under_load(belfryd, cramped, disk):
    """The disk fills and empties while publishers never stop; a kill -9 at the end. Every answered event is there once."""
    answered, failures = [], []
    stop = threading.Event()
    lock = threading.Lock()
    refused = [0]

    def over_http(worker):
        try:
            connection = cramped.connection()
            number = 0
            while not stop.is_set():
                response = cramped.post(event(number, user_id=worker), connection=connection)
                assert response.status in (201, 503), response
                with lock:
                    if response.status == 201:
                        answered.append((response.json()['id'], worker, number))
                    else:
                        refused[0] += 1
                number += 1
        except Exception as failure:
            failures.append(failure)

    def over_websocket(worker):
        try:
            socket = cramped.publisher()
            number = 0
            while not stop.is_set():
                socket.send(b''.join(frame(json.dumps(event(number + at, user_id=worker))) for at in range(8)))
                for at in range(8):
                    answer = socket.receive_json()
                    with lock:
                        if answer['status'] == 'ok':
                            answered.append((answer['event_id'], worker, number + at))
                        else:
                            assert answer['message'] == 'Storage unavailable', answer
                            refused[0] += 1
                number += 8
            socket.drop()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(f'{work.__name__}{at}',)) for at in range(2) for work in (over_http, over_websocket)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(4):
            good, bad = len(answered), refused[0]
            wait_until(lambda: len(answered) > good + 100 or failures, timeout=30, what='answers while there is room')
            disk.fill()
            wait_until(lambda: refused[0] > bad + 5 or failures, timeout=30, what='refusals while there is none')
            disk.free()
        good = len(answered)
        wait_until(lambda: len(answered) > good + 100 or failures, timeout=30, what='answers at the end')
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not failures, failures
    cramped.kill()
    again = belfryd(before=disk.enter(), DATABASE_PATH=disk.mountpoint / 'events.db')
    log = {one['id']: one for one in whole_log(again)}
    for identity, worker, number in answered:
        assert (log[identity]['user_id'], log[identity]['payload']['n']) == (worker, number)
    assert len(log) == again.stats()['total_events']
    stored = [(one['user_id'], one['payload'].get('n')) for one in log.values()]
    assert len(set(stored)) == len(stored), 'nothing is stored twice'
    assert set(stored) <= {(worker, number) for _, worker, number in answered} | {('sentinel', None)}, 'what was refused is not stored'


def test_killed_on_a_full_disk(belfryd, cramped, disk):
    kept = []
    disk.fill(leave=400000)
    assert until_refused(cramped, kept).status == 503
    disk.fill()
    cramped.kill()
    disk.free()
    again = belfryd(before=disk.enter(), DATABASE_PATH=disk.mountpoint / 'events.db')
    assert whole_log(again)[:-1] == kept


def test_stopped_on_a_full_disk(belfryd, cramped, disk):
    kept = []
    disk.fill(leave=400000)
    until_refused(cramped, kept)
    disk.fill()
    cramped.stop()
    disk.free()
    again = belfryd(before=disk.enter(), DATABASE_PATH=disk.mountpoint / 'events.db')
    assert whole_log(again)[:-1] == kept


def test_deleting_makes_room(cramped, disk):
    """After everything is deleted, the space in the file serves new events although the disk stays full."""
    kept = []
    disk.fill(leave=4000000)
    until_refused(cramped, kept)
    response = cramped.request('DELETE', '/events')
    assert response.status in (200, 503), response
    disk.free()
    until_accepted(cramped, [])
    wait_until(lambda: cramped.request('DELETE', '/events').status == 200, what='deleting works')
    assert cramped.stats()['total_events'] == 0
