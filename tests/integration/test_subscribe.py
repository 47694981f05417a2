# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""/ws/subscribe: the first message, filters, their change, and delivery in log order."""

import json
import random
import re
import threading

import pytest
from websockets.sync.client import connect

from belfry_daemon import event, wait_until
from wire import BINARY, frame

SUBSCRIBER = re.compile(r'^sub_[0-9a-f]{8}$')


def test_confirmation(daemon):
    with daemon.subscribe({'event_types': ['timer_tick'], 'session_id': 's', 'user_id': 'u'}) as socket:
        confirmation = socket.confirmation
    assert set(confirmation) == {'status', 'subscriber_id', 'filters'}
    assert SUBSCRIBER.match(confirmation['subscriber_id'])
    assert confirmation['filters'] == {'event_types': ['timer_tick'], 'session_id': 's', 'user_id': 'u'}


@pytest.mark.parametrize('first', [{}, {'event_types': []}, {'event_types': None}, {'session_id': None, 'user_id': ''}, {'user_id': 'é'},
                                   {'user_tiers': ['premium'], 'min_amount': 1.5}, {'user_tiers': [], 'min_amount': None}])
def test_filters_are_told_as_they_were_sent(daemon, first):
    with daemon.subscribe(first) as socket:
        assert socket.confirmation['filters'] == first


def test_filters_in_the_confirmation_hold_only_filters(daemon):
    with daemon.subscribe({'user_id': 'u', 'cursors': True, 'resume_from': 'beginning', 'nonsense': 1}) as socket:
        assert socket.confirmation['filters'] == {'user_id': 'u'}


def test_ids_of_subscribers_differ(daemon):
    sockets = [daemon.subscribe() for _ in range(20)]
    assert len({socket.confirmation['subscriber_id'] for socket in sockets}) == 20
    for socket in sockets:
        socket.drop()


def test_event_comes_as_it_was_answered(daemon):
    with daemon.subscribe() as socket:
        response = daemon.post(event(session_id='ü', payload={'a': [1, 2.50, 12345678901234567890]}))
        assert socket.receive().encode() == response.body


def test_both_forms_of_the_path(daemon):
    with daemon.ws('/api/v1/ws/subscribe') as socket:
        assert socket.ask({})['status'] == 'subscribed'


def test_only_what_comes_after_the_confirmation(daemon):
    daemon.publish(user_id='before')
    with daemon.subscribe() as socket:
        made = daemon.publish(user_id='after')
        assert socket.receive_json() == made


# Filters

def matches(rules, made):
    payload = made['payload']
    amount = payload.get('amount')
    return ((not rules.get('event_types') or made['event_type'] in rules['event_types'])
            and (not rules.get('session_id') or made['session_id'] == rules['session_id'])
            and (not rules.get('user_id') or made['user_id'] == rules['user_id'])
            and (not rules.get('user_tiers') or payload.get('user_tier') in rules['user_tiers'])
            and (rules.get('min_amount') is None
                 or (isinstance(amount, (int, float)) and not isinstance(amount, bool) and amount >= rules['min_amount'])))


FILTERS = [
    {}, {'event_types': None, 'session_id': None, 'user_id': None}, {'event_types': [], 'session_id': '', 'user_id': ''},
    {'event_types': ['timer_tick']}, {'event_types': ['timer_tick', 'quiz_started', 'timer_tick']}, {'session_id': 's1'}, {'user_id': 'u1'},
    {'session_id': 's1', 'user_id': 'u1'}, {'event_types': ['quiz_started'], 'session_id': 's2', 'user_id': 'u0'},
    {'user_tiers': ['premium']}, {'user_tiers': ['premium', 'basic'], 'event_types': ['timer_tick']}, {'min_amount': 50}, {'min_amount': 0},
    {'min_amount': -3.5}, {'user_tiers': ['premium'], 'min_amount': 99.5, 'session_id': 's0'}, {'session_id': 'nobody'},
]


def test_each_filter_lets_through_what_it_should(belfryd):
    """The same random events through every filter: exactly the matching ones, in order."""
    daemon = belfryd()
    sockets = [daemon.subscribe(rules) for rules in FILTERS]
    chance = random.Random(7)

    def make(number):
        payload = {'n': number}
        if chance.random() < 0.6:
            payload['user_tier'] = chance.choice(['premium', 'basic', 'Premium', '', None, 5])
        if chance.random() < 0.6:
            payload['amount'] = chance.choice([0, 49.999, 50, 50.0, 99.5, 100, -3.5, -4, '100', True, None, 1e300])
        return event(event_type=chance.choice(['timer_tick', 'quiz_started', 'session_ended']), session_id=chance.choice(['s0', 's1', 's2', None]),
                     user_id=chance.choice(['u0', 'u1', None]), payload=payload)

    events = daemon.publish_many(400, make)
    for rules, socket in zip(FILTERS, sockets):
        wanted = [made['id'] for made in events if matches(rules, made)]
        socket.send_json({'type': 'ping'})
        got = []
        while True:
            message = socket.receive_json()
            if message == {'type': 'pong'}:
                if len(got) >= len(wanted):
                    break
                socket.send_json({'type': 'ping'})
                continue
            got.append(message['id'])
        assert got == wanted, rules
        socket.drop()


def test_no_member_of_a_filter_needs_to_be_known_to_anybody(daemon):
    with daemon.subscribe({'session_id': 'never', 'user_tiers': ['none such']}) as socket:
        socket.ping_pong()


WRONG = [{'event_types': 'timer_tick'}, {'event_types': {}}, {'event_types': [1]}, {'event_types': [None]}, {'event_types': True}, {'session_id': 5},
         {'session_id': []}, {'user_id': {}}, {'user_id': False}, {'user_tiers': 'premium'}, {'user_tiers': [5]}, {'min_amount': '100'},
         {'min_amount': []}, {'min_amount': True}]


@pytest.mark.parametrize('first', WRONG)
def test_wrong_filter_is_an_error_and_the_end(daemon, first):
    with daemon.ws('/ws/subscribe') as socket:
        answer = socket.ask(first)
        assert answer['status'] == 'error' and answer['message'], answer
        assert set(answer) == {'status', 'message'}
        closed = socket.expect_close()
        assert (closed.code, closed.before) == (1008, [])


@pytest.mark.parametrize('text', ['', 'x', '{', '{}{}', '{"event_types":[NaN]}', '{"user_id":"\\ud800"}', '{"x":' + '[' * 64 + ']' * 64 + '}'])
def test_invalid_first_message(daemon, text):
    with daemon.ws('/ws/subscribe') as socket:
        assert socket.ask(text) == {'status': 'error', 'message': 'Invalid JSON'}
        closed = socket.expect_close()
        assert (closed.code, closed.before) == (1008, [])


@pytest.mark.parametrize('text', ['[]', '"x"', '5', 'null'])
def test_first_message_that_is_no_object(daemon, text):
    with daemon.ws('/ws/subscribe') as socket:
        assert socket.ask(text)['status'] == 'error'
        assert socket.expect_close().code == 1008


def test_first_message_too_large(shared_factory):
    daemon = shared_factory(MAX_WS_MESSAGE_BYTES=2000)
    for size, code in ((2000, None), (2001, 1008), (20000, 1008), (20001, 1009)):
        with daemon.ws('/ws/subscribe') as socket:
            socket.send_text('{}' + ' ' * (size - 2))
            if code is None:
                assert socket.receive_json()['status'] == 'subscribed'
                continue
            if code == 1008:
                assert socket.receive_json() == {'status': 'error', 'message': 'Message too large'}
            assert socket.expect_close().code == code


def test_capacity(belfryd):
    daemon = belfryd(MAX_SUBSCRIBERS=2)
    first, second = daemon.subscribe(), daemon.subscribe()
    with daemon.ws('/ws/subscribe') as third:
        assert third.ask({}) == {'status': 'error', 'message': 'Server at subscriber capacity'}
        closed = third.expect_close()
        assert (closed.code, closed.before) == (1013, [])
    first.close()

    def fits():
        with daemon.ws('/ws/subscribe') as socket:
            return socket.ask({})['status'] == 'subscribed'
    wait_until(fits, what='room for another subscriber')
    second.ping_pong()
    second.drop()


def test_a_connection_that_has_not_subscribed_takes_no_place(belfryd):
    daemon = belfryd(MAX_SUBSCRIBERS=1)
    with daemon.ws('/ws/subscribe'), daemon.ws('/ws/subscribe') as socket:
        assert socket.ask({})['status'] == 'subscribed'


# In the loop

def test_ping(daemon):
    with daemon.subscribe({'session_id': 'nobody'}) as socket:
        for _ in range(3):
            assert socket.ask({'type': 'ping'}) == {'type': 'pong'}
        assert socket.ask('{ "more" : 1, "type":"ping" }') == {'type': 'pong'}


@pytest.mark.parametrize('text', ['', 'x', '{', '[]', '5', 'null', '{}', '{"type":5}', '{"type":null}', '{"type":"unknown"}', '{"type":"PING"}',
                                  '{"type":"keepalive"}', '{"event_types":["timer_tick"]}', '{"type":"ack","cursor":"x"}', '{"typ":"ping"}'])
def test_what_the_loop_ignores(daemon, text):
    with daemon.subscribe({'session_id': 'nobody'}) as socket:
        socket.send_text(text)
        socket.ping_pong()


def test_binary_messages_do_no_harm(daemon):
    with daemon.subscribe({'session_id': 'nobody'}) as socket:
        socket.send(frame(b'\xff\xfe', opcode=BINARY))
        socket.ping_pong()


def test_a_message_too_large_in_the_loop(shared_factory):
    daemon = shared_factory(MAX_WS_MESSAGE_BYTES=2000)
    with daemon.subscribe({'session_id': 'nobody'}) as socket:
        assert socket.ask('{}' + ' ' * 2000) == {'status': 'error', 'message': 'Message too large'}
        socket.ping_pong()


def test_protocol_pings_are_answered(daemon):
    with daemon.subscribe() as socket:
        socket.send(frame('are you there', opcode=9))
        assert socket.take_frame() == (True, 10, b'are you there')


def test_another_client_library(daemon):
    with connect(f'ws://127.0.0.1:{daemon.port}/ws/subscribe', proxy=None) as socket:
        socket.send('{}')
        assert json.loads(socket.recv(10))['status'] == 'subscribed'
        made = daemon.publish()
        assert json.loads(socket.recv(10)) == made


# Changing the filter

def test_update_replaces_the_whole_filter(daemon):
    with daemon.subscribe({'event_types': ['timer_tick'], 'session_id': 's1'}) as socket:
        assert socket.ask({'type': 'update_filters', 'filters': {'user_id': 'u7'}}) == {'status': 'filters_updated', 'filters': {'user_id': 'u7'}}
        daemon.publish(event_type='timer_tick', session_id='s1')
        made = daemon.publish(event_type='quiz_started', session_id='s2', user_id='u7')
        assert socket.receive_json() == made, 'session and type no longer matter'


def test_update_to_everything(daemon):
    with daemon.subscribe({'session_id': 'nobody'}) as socket:
        assert socket.ask({'type': 'update_filters', 'filters': {}}) == {'status': 'filters_updated', 'filters': {}}
        made = daemon.publish()
        assert socket.receive_json() == made


@pytest.mark.parametrize('filters', WRONG + [5, [], 'x'])
def test_wrong_update_changes_nothing(daemon, filters):
    with daemon.subscribe({'session_id': 'mine'}) as socket:
        answer = socket.ask({'type': 'update_filters', 'filters': filters})
        assert answer['status'] == 'error' and answer['message'], answer
        daemon.publish(session_id='other', event_type='timer_tick')
        made = daemon.publish(session_id='mine')
        assert socket.receive_json() == made


def test_updates_take_their_place_in_the_log(belfryd):
    """Events published before an update's confirmation was asked for follow the old filter, those after it the new one."""
    daemon = belfryd()
    with daemon.subscribe({'user_id': 'u0'}) as socket:
        wanted = []
        for turn in range(30):
            users = ['u0', 'u1']
            for number in range(5):
                made = daemon.publish(event(number, user_id=users[number % 2]))
                if made['user_id'] == users[turn % 2]:
                    wanted.append(made['id'])
            rules = {'user_id': users[(turn + 1) % 2]}
            socket.send_json({'type': 'update_filters', 'filters': rules})
            got = []
            while True:
                message = socket.receive_json()
                if 'status' in message:
                    assert message == {'status': 'filters_updated', 'filters': rules}
                    break
                got.append(message['id'])
            assert got == wanted, 'everything before the change arrives before its confirmation'
            wanted = []


def test_many_updates_under_load(belfryd):
    """Filters change while events pour in: after each confirmation only the new filter's events come, in log order, none twice."""
    daemon = belfryd()
    socket = daemon.subscribe({'user_id': 'u0'})
    stop = threading.Event()
    failures = []

    def pour():
        try:
            publisher = daemon.publisher()
            number = 0
            while not stop.is_set():
                publisher.send(b''.join(frame(json.dumps(event(number + at, user_id=f'u{(number + at) % 4}'))) for at in range(40)))
                for _ in range(40):
                    assert publisher.receive_json()['status'] == 'ok'
                number += 40
            publisher.close()
        except Exception as failure:  # told to the test below
            failures.append(failure)

    thread = threading.Thread(target=pour)
    thread.start()
    try:
        seen = []
        for turn in range(60):
            rules = {'user_id': f'u{turn % 4}'}
            socket.send_json({'type': 'update_filters', 'filters': rules})
            while True:
                message = socket.receive_json()
                if 'status' in message:
                    assert message['filters'] == rules
                    break
                seen.append(message['payload']['n'])
            taken = 0
            while taken < 5:
                message = socket.receive_json()
                assert message['user_id'] == rules['user_id']
                seen.append(message['payload']['n'])
                taken += 1
    finally:
        stop.set()
        thread.join(30)
    assert not failures, failures
    assert seen == sorted(set(seen)), 'in log order, none twice'
    socket.drop()


def test_an_avalanche_of_updates_is_survived(daemon):
    with daemon.subscribe() as socket:
        count = 3000
        sender = threading.Thread(target=socket.send, daemon=True, args=(b''.join(
            frame(json.dumps({'type': 'update_filters', 'filters': {'user_id': str(number)}})) for number in range(count)),))
        sender.start()
        for number in range(count):
            assert socket.receive_json() == {'status': 'filters_updated', 'filters': {'user_id': str(number)}}
        sender.join(10)


# Delivery

def test_every_subscriber_gets_everything_once_in_order(belfryd):
    """Twelve subscribers, four publishers over both doors at once."""
    daemon = belfryd()
    sockets = [daemon.subscribe() for _ in range(12)]
    ids = []
    lock = threading.Lock()

    def over_http(worker):
        connection = daemon.connection()
        for number in range(150):
            answer = daemon.post(event(number, user_id=worker), connection=connection).json()
            with lock:
                ids.append(answer['id'])

    def over_websocket(worker):
        socket = daemon.publisher()
        for number in range(150):
            answer = socket.ask(event(number, user_id=worker))
            with lock:
                ids.append(answer['event_id'])
        socket.close()

    threads = [threading.Thread(target=work, args=(f'{work.__name__}{at}',)) for at in range(2) for work in (over_http, over_websocket)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ids) == 600
    log = daemon.query('limit=1000')[::-1]
    assert {made['id'] for made in log} == set(ids)
    for socket in sockets:
        assert [socket.receive_json() for _ in log] == log
        socket.ping_pong()
        socket.drop()


def test_subscribers_that_come_and_go_disturb_nobody(belfryd):
    daemon = belfryd()
    steady = daemon.subscribe()
    made = []
    for number in range(100):
        passing = daemon.subscribe({'user_id': 'x'})
        made.append(daemon.publish(event(number, user_id='x')))
        if number % 3 == 0:
            passing.drop()
        elif number % 3 == 1:
            assert passing.receive_json() == made[-1]
            passing.close()
    assert [steady.receive_json() for _ in made] == made
    wait_until(lambda: daemon.stats()['router']['active_subscribers'] <= 34, what='those that left are gone')
    steady.drop()
