# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Cursors: resuming over WebSocket and SSE, history from the beginning, gaps, cursors of others."""

import base64
import json
import random
import threading

import pytest

from belfry_daemon import event
from wire import frame

MEMBERS = ['id', 'event_type', 'source', 'session_id', 'user_id', 'payload', 'timestamp']


def plain(message):
    """The event without its cursor."""
    return {name: message[name] for name in message if name != 'cursor'}


def resume(daemon, cursor, **first):
    return daemon.subscribe({'resume_from': cursor, 'cursors': True, **first})


# Cursors

def test_no_cursor_unless_asked_for(daemon):
    for first in ({}, {'cursors': False}):
        with daemon.subscribe(first) as socket:
            daemon.publish()
            assert list(socket.receive_json()) == MEMBERS


def test_each_event_has_its_cursor(daemon):
    with daemon.subscribe({'cursors': True}) as socket:
        made = daemon.publish_many(10)
        got = [socket.receive_json() for _ in made]
    assert [plain(message) for message in got] == made
    cursors = [message['cursor'] for message in got]
    assert len(set(cursors)) == 10
    for cursor in cursors:
        assert isinstance(cursor, str) and cursor
        assert base64.urlsafe_b64decode(cursor + '=' * (-len(cursor) % 4))
        assert '=' not in cursor


@pytest.mark.parametrize('value', [1, 'yes', [], {}])
def test_cursors_is_a_boolean(daemon, value):
    with daemon.ws('/ws/subscribe') as socket:
        assert socket.ask({'cursors': value})['status'] == 'error'
        assert socket.expect_close().code == 1008


def test_with_and_without_cursors_side_by_side(daemon):
    with daemon.subscribe({'cursors': True}) as one, daemon.subscribe() as other:
        for made in daemon.publish_many(5):
            assert list(one.receive_json()) == [*MEMBERS, 'cursor']
            assert other.receive_json() == made


# Resuming

def test_resume_from_every_cursor(belfryd):
    daemon = belfryd()
    with daemon.subscribe({'cursors': True}) as socket:
        made = daemon.publish_many(20)
        cursors = [socket.receive_json()['cursor'] for _ in made]
    for index, cursor in enumerate(cursors):
        with resume(daemon, cursor) as socket:
            live = daemon.publish(event(1000 + index))
            made.append(live)
            got = [socket.receive_json() for _ in made[index + 1:]]
            assert [plain(message) for message in got] == made[index + 1:]
            socket.ping_pong()


def test_from_the_beginning(belfryd):
    daemon = belfryd()
    made = daemon.publish_many(50)
    with daemon.subscribe({'resume_from': 'beginning'}) as socket:
        made.append(daemon.publish(event(50)))
        assert [socket.receive_json() for _ in made] == made


def test_beginning_of_an_empty_log(belfryd):
    daemon = belfryd()
    with daemon.subscribe({'resume_from': 'beginning'}) as socket:
        made = daemon.publish()
        assert socket.receive_json() == made


def test_history_is_filtered(belfryd):
    daemon = belfryd()
    made = daemon.publish_many(300, lambda number: event(number, user_id=f'u{number % 7}', event_type=('timer_tick', 'quiz_started')[number % 2]))
    for rules in ({'user_id': 'u3'}, {'event_types': ['timer_tick']}, {'user_id': 'u3', 'event_types': ['quiz_started']}, {'session_id': 'none'}):
        wanted = [one for one in made if rules.get('user_id') in (None, one['user_id'])
                  and one['event_type'] in rules.get('event_types', [one['event_type']]) and 'session_id' not in rules]
        with daemon.subscribe({'resume_from': 'beginning', **rules}) as socket:
            assert [socket.receive_json() for _ in wanted] == wanted
            socket.ping_pong()


def test_resume_after_a_restart(belfryd):
    daemon = belfryd()
    with daemon.subscribe({'cursors': True}) as socket:
        made = daemon.publish_many(5)
        cursor = [socket.receive_json()['cursor'] for _ in made][2]
    daemon.kill()
    again = belfryd(folder=daemon.folder)
    made.append(again.publish(event(5)))
    with resume(again, cursor) as socket:
        assert [plain(socket.receive_json()) for _ in range(3)] == made[3:]


def test_events_of_the_ring_and_of_the_log_meet(belfryd):
    """A ring of ten events: most of the history comes from the disk, the rest from memory, live events behind it."""
    daemon = belfryd(MAX_QUEUE_SIZE=10)
    made = daemon.publish_many(500)
    with daemon.subscribe({'resume_from': 'beginning', 'cursors': True}) as socket:
        made += daemon.publish_many(100, lambda number: event(1000 + number))
        got = [socket.receive_json() for _ in made]
    assert [plain(message) for message in got] == made
    for index in (0, 250, 488, 489, 490, 491, 598):
        with resume(daemon, got[index]['cursor']) as socket:
            assert [plain(socket.receive_json()) for _ in made[index + 1:]] == made[index + 1:]
            socket.ping_pong()


def test_a_client_that_reconnects_all_the_time_misses_nothing(belfryd):
    """While events pour in, a subscriber drops its connection at random moments and resumes from its last cursor."""
    daemon = belfryd(MAX_QUEUE_SIZE=200)
    total = 6000
    ids = []

    def pour():
        publisher = daemon.publisher()
        for start in range(0, total, 50):
            publisher.send(b''.join(frame(json.dumps(event(number))) for number in range(start, start + 50)))
            ids.extend(publisher.receive_json()['event_id'] for _ in range(50))
        publisher.close()

    chance = random.Random(11)
    thread = threading.Thread(target=pour)
    thread.start()
    got, cursor = [], 'beginning'
    while len(got) < total:
        with resume(daemon, cursor) as socket:
            for _ in range(min(chance.choice([0, 1, 2, 10, 100, 700]), total - len(got))):
                message = socket.receive_json(30)
                got.append(message['id'])
                cursor = message['cursor']
    thread.join(30)
    assert got == ids


def test_many_resume_at_once(belfryd):
    daemon = belfryd(MAX_QUEUE_SIZE=100)
    made = [one['id'] for one in daemon.publish_many(400)]
    sockets = [daemon.subscribe({'resume_from': 'beginning'}) for _ in range(50)]
    made += [one['id'] for one in daemon.publish_many(50)]
    for socket in sockets:
        assert [socket.receive_json()['id'] for _ in made] == made
        socket.ping_pong()
        socket.drop()


def test_the_cursor_is_the_same_for_every_door(belfryd):
    daemon = belfryd()
    with daemon.subscribe({'cursors': True}) as socket, daemon.stream() as stream:
        stream.next_block()
        made = daemon.publish_many(6)
        over_websocket = [socket.receive_json()['cursor'] for _ in made]
        blocks = [stream.next_data() for _ in made]
    assert [json.loads(block['data']) for block in blocks] == made
    assert [block['id'] for block in blocks] == over_websocket
    with daemon.stream('resume_from=' + over_websocket[3]) as stream:
        assert [stream.next_event() for _ in range(2)] == made[4:]
    with resume(daemon, blocks[1]['id']) as socket:
        assert [plain(socket.receive_json()) for _ in range(4)] == made[2:]


def test_filter_changes_while_history_flows(belfryd):
    """An update sent before the history is read: what lies before its place follows the old filter."""
    daemon = belfryd(MAX_QUEUE_SIZE=10)
    made = daemon.publish_many(400, lambda number: event(number, user_id=f'u{number % 2}'))
    with daemon.subscribe({'resume_from': 'beginning', 'user_id': 'u0'}) as socket:
        socket.send_json({'type': 'update_filters', 'filters': {'user_id': 'u1'}})
        got = []
        while True:
            message = socket.receive_json()
            if 'status' in message:
                assert message['status'] == 'filters_updated'
                break
            got.append(message)
        assert got == [one for one in made if one['user_id'] == 'u0']
        daemon.publish(event(1, user_id='u0'))
        live = daemon.publish(event(2, user_id='u1'))
        assert socket.receive_json() == live


# Cursors that lead nowhere

UNKNOWN = {'status': 'error', 'message': 'Unknown cursor'}


def test_cursor_of_another_log(belfryd):
    one, other = belfryd(), belfryd()
    with one.subscribe({'cursors': True}) as socket:
        one.publish()
        cursor = socket.receive_json()['cursor']
    other.publish()
    with other.ws('/ws/subscribe') as socket:
        assert socket.ask({'resume_from': cursor}) == UNKNOWN
        closed = socket.expect_close()
        assert (closed.code, closed.before) == (1008, [])
    with other.stream('resume_from=' + cursor) as stream:
        assert stream.status == 400
    with other.stream(headers={'Last-Event-ID': cursor}) as stream:
        assert stream.status == 400


@pytest.mark.parametrize('cursor', ['x', 'Beginning', 'end', '0', 'AAAA', 'A' * 5000, '=', 'é', '\u0000', '../..'])
def test_cursor_that_is_none(daemon, cursor):
    with daemon.ws('/ws/subscribe') as socket:
        assert socket.ask({'resume_from': cursor}) == UNKNOWN
        assert socket.expect_close().code == 1008


@pytest.mark.parametrize('value', [5, True, [], {}])
def test_cursor_of_the_wrong_type(daemon, value):
    with daemon.ws('/ws/subscribe') as socket:
        assert socket.ask({'resume_from': value})['status'] == 'error'
        assert socket.expect_close().code == 1008


def test_damaged_cursor(daemon):
    with daemon.subscribe({'cursors': True}) as socket:
        daemon.publish()
        cursor = socket.receive_json()['cursor']
    for damaged in (cursor[:-1], cursor + 'A', 'A' + cursor[1:] if cursor[0] != 'A' else 'B' + cursor[1:], cursor + '=', ' ' + cursor):
        with daemon.ws('/ws/subscribe') as socket:
            assert socket.ask({'resume_from': damaged}) == UNKNOWN, damaged
            assert socket.expect_close().code == 1008


# Gaps

def with_cursors(daemon, count):
    """Publishes; (events, cursors)"""
    with daemon.subscribe({'cursors': True}) as socket:
        made = daemon.publish_many(count)
        return made, [socket.receive_json()['cursor'] for _ in made]


def test_gap_tells_what_the_log_no_longer_holds(belfryd):
    daemon = belfryd()
    made, cursors = with_cursors(daemon, 6)
    daemon.request('DELETE', '/events')
    later = daemon.publish(event(7))
    with resume(daemon, cursors[1]) as socket:
        gap = socket.receive_json()
        assert set(gap) == {'type', 'from', 'to', 'lost'}
        assert (gap['type'], gap['from'], gap['lost']) == ('gap', cursors[1], 4)
        assert gap['to'] == cursors[5]
        assert plain(socket.receive_json()) == later
        socket.ping_pong()
    with resume(daemon, gap['to']) as socket:
        assert plain(socket.receive_json()) == later, 'the gap ends where it says'


def test_gap_counts_matching_or_not(belfryd):
    daemon = belfryd()
    _, cursors = with_cursors(daemon, 3)
    daemon.publish_many(10, lambda number: event(number, user_id='other'))
    daemon.request('DELETE', '/events')
    mine = daemon.publish(event(1, user_id='mine'))
    with resume(daemon, cursors[2], user_id='mine') as socket:
        assert socket.receive_json()['lost'] == 10
        assert plain(socket.receive_json()) == mine


def test_part_of_the_gap_is_kept(belfryd):
    daemon = belfryd()
    made, cursors = with_cursors(daemon, 30)
    cut = made[15]['timestamp']
    kept = [one for one in made if one['timestamp'] >= cut]
    daemon.request('DELETE', '/events?before=' + cut)
    with resume(daemon, cursors[3]) as socket:
        gap = socket.receive_json()
        assert gap['lost'] == 30 - len(kept) - 4 and gap['from'] == cursors[3] and gap['to'] == cursors[30 - len(kept) - 1]
        assert [plain(socket.receive_json()) for _ in kept] == kept


def test_no_gap_when_nothing_of_it_is_missing(belfryd):
    daemon = belfryd()
    _, cursors = with_cursors(daemon, 5)
    daemon.request('DELETE', '/events')
    later = daemon.publish()
    with resume(daemon, cursors[4]) as socket:
        assert plain(socket.receive_json()) == later


def test_gap_when_nothing_follows(belfryd):
    daemon = belfryd()
    _, cursors = with_cursors(daemon, 5)
    daemon.request('DELETE', '/events')
    with resume(daemon, cursors[0]) as socket:
        assert socket.receive_json()['lost'] == 4
        socket.ping_pong()


def test_gap_over_the_other_door(belfryd):
    daemon = belfryd()
    _, cursors = with_cursors(daemon, 6)
    daemon.request('DELETE', '/events')
    later = daemon.publish(event(7))
    with daemon.stream(headers={'Last-Event-ID': cursors[1]}) as stream:
        block = stream.next_data()
        assert block['event'] == 'gap'
        gap = json.loads(block['data'])
        assert (gap['from'], gap['to'], gap['lost']) == (cursors[1], cursors[5], 4)
        assert stream.last_id in (cursors[5], cursors[1])
        assert stream.next_event() == later


def test_gap_after_a_restart(belfryd):
    daemon = belfryd()
    _, cursors = with_cursors(daemon, 6)
    daemon.request('DELETE', '/events')
    daemon.kill()
    again = belfryd(folder=daemon.folder)
    later = again.publish()
    with resume(again, cursors[1]) as socket:
        assert socket.receive_json()['lost'] == 4
        assert plain(socket.receive_json()) == later


def test_positions_that_were_never_used_are_no_loss(belfryd):
    """Crashes and restarts between events must not be taken for something deleted."""
    daemon = belfryd()
    made, cursors = with_cursors(daemon, 2)
    for number in range(4):
        daemon.kill()
        daemon = belfryd(folder=daemon.folder)
        made.append(daemon.publish(event(number)))
    with resume(daemon, cursors[0]) as socket:
        assert [plain(socket.receive_json()) for _ in made[1:]] == made[1:]
    daemon.request('DELETE', '/events')
    with resume(daemon, cursors[0]) as socket:
        assert socket.receive_json()['lost'] == 5


def test_live_subscribers_notice_no_delete(belfryd):
    daemon = belfryd()
    with daemon.subscribe() as socket:
        made = [daemon.publish(event(0))]
        daemon.request('DELETE', '/events')
        made.append(daemon.publish(event(1)))
        assert [socket.receive_json() for _ in made] == made
        socket.ping_pong()
