# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What happens when a client stays silent. All clients of this module begin together, so the wait is that of the longest."""

import threading
import time

import pytest

from belfry_daemon import event
from wire import Closed, frame


class Watch:
    """Reads one connection in a thread and notes what came when."""

    def __init__(self, connection, read, seconds):
        self.notes = []
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.run, args=(connection, read, seconds), daemon=True)
        self.thread.start()

    def run(self, connection, read, seconds):
        try:
            while True:
                left = self.began + seconds - time.monotonic()
                self.notes.append((read(connection, left), time.monotonic() - self.began))
                if self.notes[-1][0] is None:
                    return
        except Closed as closed:
            self.notes.append((closed, time.monotonic() - self.began))
        except TimeoutError:
            pass

    def result(self):
        self.thread.join(60)
        return self.notes


@pytest.fixture(scope='module')
def silence(shared_factory, request):
    seconds = 40 if request.config.getoption('--long') else 20
    daemon = shared_factory()
    mute, dripping = daemon.ws('/ws/subscribe'), daemon.ws('/ws/subscribe')
    watches = {
        'mute': Watch(mute, lambda one, left: one.receive(left), seconds),
        'dripping': Watch(dripping, lambda one, left: one.receive(left), seconds),
        'subscriber': Watch(daemon.subscribe({'session_id': 'nobody'}), lambda one, left: one.receive_json(left), seconds),
        'stream': Watch(daemon.stream('session_id=nobody'), lambda one, left: one.next_block(left), seconds),
        'publisher': Watch(daemon.publisher(), lambda one, left: one.receive(left), seconds),
    }
    text = frame('{"user_id": "' + 'x' * 100 + '"}')
    try:
        for at in range(len(text) - 1):
            dripping.send(text[at:at + 1])
            watches['dripping'].thread.join(0.2)
            if not watches['dripping'].thread.is_alive():
                break
    except OSError:
        pass
    return {name: watch.result() for name, watch in watches.items()}


def test_no_first_message(silence):
    for name in ('mute', 'dripping'):
        closed, after = silence[name][-1]
        assert isinstance(closed, Closed) and closed.code == 1008, silence[name]
        assert 9 < after < 14, f'{name}: closed after {after:.1f} s'


def test_stream_comments(silence):
    comments = [(block, after) for block, after in silence['stream'] if 'comment' in block]
    assert comments, silence['stream']
    assert 10 < comments[0][1] < 18, comments


def test_a_silent_publisher_stays(silence):
    assert not any(isinstance(note, Closed) for note, _ in silence['publisher'])


@pytest.mark.long
def test_keepalive(silence):
    assert silence['subscriber'], 'nothing came'
    message, after = silence['subscriber'][0]
    assert message == {'type': 'keepalive'} and 28 < after < 34, silence['subscriber']


@pytest.mark.long
def test_a_client_that_speaks_gets_no_keepalive(belfryd):
    daemon = belfryd()
    with daemon.subscribe({'session_id': 'nobody'}) as socket:
        began = time.monotonic()
        while time.monotonic() - began < 35:
            socket.ping_pong()
            with pytest.raises(TimeoutError):
                socket.receive(5)
        daemon.publish(event(session_id='nobody'))
        assert socket.receive_json()['session_id'] == 'nobody'
