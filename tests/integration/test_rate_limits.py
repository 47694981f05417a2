# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Rate limits by address, by key and by class; what proxies tell; what they cost when there are too many clients."""

import concurrent.futures
import time

import pytest

from belfry_daemon import PATIENCE, event
from test_access import key, write_keys
from wire import Closed

LIMITED = {'detail': 'Rate limit exceeded. Try again later.'}
DEFAULTS = {'RATE_LIMIT_PUBLISH': None, 'RATE_LIMIT_QUERY': None, 'RATE_LIMIT_ADMIN': None, 'RATE_LIMIT_FILTERS': None}


def is_limited(response):
    if response.status != 429:
        return False
    assert response.json() == LIMITED
    seconds = response.headers['Retry-After']
    assert seconds.isdigit() and int(seconds) >= 1
    return True


def via(address):
    return {'X-Forwarded-For': address}


@pytest.fixture(scope='module')
def proxied(shared_factory):
    """One query an hour for each address that the proxy, this machine, tells."""
    return shared_factory(RATE_LIMIT_QUERY='1/hour', TRUSTED_PROXIES='127.0.0.0/8, ::1, 10.0.0.0/8')


def passes(daemon, headers):
    return not is_limited(daemon.get('/stats', headers=headers))


def test_defaults(belfryd):
    daemon = belfryd(**DEFAULTS)
    connection = daemon.connection()
    statuses = [daemon.post(event(), connection=connection).status for _ in range(200)]
    assert statuses == [201] * 200
    assert is_limited(daemon.post(event()))
    assert [daemon.request('DELETE', '/events?before=2000-01-01').status for _ in range(10)] == [200] * 10
    assert is_limited(daemon.request('DELETE', '/api/v1/events?before=2000-01-01'))
    assert is_limited(daemon.post({'name': 'x', 'description': 'y'}, path='/event-types'))
    assert daemon.stats()['server']['rate_limited'] == 3


def test_classes_and_both_paths(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='2/hour', RATE_LIMIT_QUERY='3/hour', RATE_LIMIT_ADMIN='1/hour')
    assert daemon.post(event(), path='/events').status == 201
    assert daemon.post(event(), path='/api/v1/events').status == 201
    assert is_limited(daemon.post(event(), path='/events'))
    assert is_limited(daemon.post(event(), path='/api/v1/events'))
    assert daemon.get('/events').status == 200
    assert daemon.request('HEAD', '/api/v1/stats').status == 200
    assert daemon.get('/api/v1/events/evt_000000000000').status == 404
    for path in ('/events', '/stats', '/events/evt_000000000000', '/api/v1/events', '/api/v1/stats'):
        assert is_limited(daemon.get(path)), path
    assert daemon.post({'name': 'x', 'description': 'y'}, path='/event-types').status == 201
    assert is_limited(daemon.request('DELETE', '/events'))


def test_what_has_no_limit(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='1/day', RATE_LIMIT_QUERY='1/day', RATE_LIMIT_ADMIN='1/day')
    assert daemon.get('/stats').status == 200 and is_limited(daemon.get('/stats'))
    for path in ('/health', '/readiness', '/ready', '/event-types', '/api/v1/health', '/api/v1/event-types'):
        assert [daemon.get(path).status for _ in range(3)] == [200] * 3
    for _ in range(3):
        with daemon.stream() as stream:
            assert stream.status == 200
    with daemon.publisher() as socket:
        for _ in range(5):
            assert socket.ask(event())['status'] == 'ok'
    for _ in range(3):
        daemon.subscribe().close()
    assert daemon.get('/nope').status == 404 and daemon.request('PUT', '/events').status == 405


@pytest.mark.parametrize('off', ['0', 'unlimited', '0/minute', 'UNLIMITED'])
def test_off(belfryd, off):
    daemon = belfryd(RATE_LIMIT_QUERY=off)
    assert all(daemon.get('/events?limit=1').status == 200 for _ in range(20))
    assert daemon.stats()['server']['rate_limit_clients'] == 0


def test_422_counts_and_429_does_not(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='2/second')
    assert [daemon.post('nonsense').status, daemon.post({}).status] == [422, 422]
    began = time.monotonic()
    refused = 0
    while True:
        response = daemon.post(event())
        if not is_limited(response):
            break
        refused += 1
        assert response.headers['Retry-After'] == '1'
        assert time.monotonic() - began < 10 * PATIENCE
    assert response.status == 201 and refused > 0


def test_waiting_as_told_is_enough(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='1/second')
    for _ in range(2):
        assert daemon.post(event()).status == 201
        response = daemon.post(event())
        assert is_limited(response)
        time.sleep(int(response.headers['Retry-After']))


def test_no_window_lets_more_through(belfryd):
    """Asked as fast as four connections can; what passed is looked at with the clock of the log."""
    daemon = belfryd(RATE_LIMIT_PUBLISH='10/second')
    end = time.monotonic() + 3.3

    def publish_until(end):
        accepted, connection = 0, daemon.connection()
        while time.monotonic() < end:
            response = daemon.post(event(), connection=connection)
            assert response.status == 201 or is_limited(response)
            accepted += response.status == 201
            if response.headers['Connection'] == 'close':
                connection = daemon.connection()
        return accepted

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        accepted = sum(future.result() for future in [pool.submit(publish_until, end) for _ in range(4)])
    assert 20 <= accepted <= 40 + 10 * PATIENCE
    assert daemon.stats()['total_events'] == accepted


def test_refused_before_the_body(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='1/hour')
    assert daemon.post(event()).status == 201
    with daemon.connect() as connection:
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n{')
        status, headers, _ = connection.take_response()
        assert status == 429 and int(headers['retry-after']) >= 3590


def test_keys_have_limits_of_their_own(belfryd, tmp_path):
    path = write_keys(tmp_path / 'keys.conf', slow=('query', '1/hour'), fast=('query', 'query=3/hour publish=unlimited'), plain=('query', None),
                      free=('admin', 'unlimited'))
    daemon = belfryd(API_KEYS_FILE=path, API_KEY='the-main-one', RATE_LIMIT_QUERY='2/hour')
    for headers, count in ((key('slow'), 1), (key('fast'), 3), (key('plain'), 2), ({'X-API-Key': 'the-main-one'}, 2), ({}, 2)):
        assert [passes(daemon, headers) for _ in range(count + 1)] == [True] * count + [False], headers
    assert all(passes(daemon, key('free')) for _ in range(10))
    # What is no key counts against the address.
    assert not passes(daemon, {'X-API-Key': 'nonsense'})
    assert passes(belfryd(RATE_LIMIT_QUERY='1/hour'), {'X-API-Key': 'nonsense'})


def test_refused_without_key_does_not_count(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY='the-main-one', RATE_LIMIT_QUERY='1/hour')
    assert [daemon.get('/stats').status for _ in range(3)] == [401] * 3
    assert daemon.get('/stats', headers={'X-API-Key': 'the-main-one'}).status == 200
    assert is_limited(daemon.get('/stats', headers={'Authorization': 'Bearer the-main-one'}))


@pytest.mark.parametrize('first,second,same', [
    ('192.0.2.1', '192.0.2.1', True), ('192.0.2.2', '192.0.2.3', False), ('192.0.2.4', '::ffff:192.0.2.4', True),
    ('2001:db8:1:1::1', '2001:db8:1:1:ffff::2', True), ('2001:db8:1:2::1', '2001:db8:1:3::1', False),
    ('192.0.2.5', '198.51.100.1, 192.0.2.5', True), ('192.0.2.6', '192.0.2.6, 10.1.2.3', True), ('192.0.2.7', '192.0.2.7:4711', True),
    ('2001:db8:1:4::1', '[2001:db8:1:4::1]:80, 127.0.0.1', True), ('10.0.0.9', 'nonsense, 10.0.0.9', True), ('192.0.2.8', '192.0.2.8,127.0.0.1,10.0.0.1', True),
])
def test_proxies_tell_the_address(proxied, first, second, same):
    assert passes(proxied, via(first))
    assert passes(proxied, via(second)) != same


def test_header_lines_are_joined(proxied):
    def get(*lines):
        with proxied.connect() as connection:
            told = ''.join(f'X-Forwarded-For: {line}\r\n' for line in lines)
            connection.send(f'GET /stats HTTP/1.1\r\nHost: x\r\n{told}\r\n'.encode())
            return connection.take_response()[0]

    assert get('203.0.113.50') == 200
    assert get('198.51.100.77', '203.0.113.50', '10.0.0.1') == 429
    assert get('198.51.100.77') == 200


def test_without_trusted_proxies_the_header_says_nothing(belfryd):
    daemon = belfryd(RATE_LIMIT_QUERY='1/hour')
    assert passes(daemon, via('192.0.2.1'))
    assert not passes(daemon, via('192.0.2.2'))


def test_sockets_are_counted_by_the_address_that_proxies_tell(belfryd):
    daemon = belfryd(MAX_WS_CONNECTIONS_PER_IP=1, TRUSTED_PROXIES='127.0.0.1')
    one = daemon.ws('/ws/subscribe', headers=via('192.0.2.1'))
    one.ask({})
    other = daemon.ws('/ws/subscribe', headers=via('192.0.2.2'))
    other.ask({})
    with daemon.ws('/ws/subscribe', headers=via('192.0.2.1')) as third:
        with pytest.raises(Closed) as closed:
            third.ask({})
        assert closed.value.code == 4002
    one.close()
    other.close()


def test_too_many_clients_share_what_one_may(belfryd):
    daemon = belfryd(RATE_LIMIT_QUERY='2/hour', RATE_LIMIT_MAX_CLIENTS=3, TRUSTED_PROXIES='127.0.0.1')
    for number in range(1, 4):
        assert passes(daemon, via(f'192.0.2.{number}'))
    assert [passes(daemon, via(f'192.0.2.{number}')) for number in range(4, 8)] == [True, True, False, False]
    assert passes(daemon, via('192.0.2.1')) and not passes(daemon, via('192.0.2.1'))


def test_memory_is_bounded_however_many_ask(belfryd, long_run):
    count = 20000 if long_run else 3000
    daemon = belfryd(RATE_LIMIT_QUERY='1000000/day', RATE_LIMIT_MAX_CLIENTS=1000, TRUSTED_PROXIES='127.0.0.1')
    connection = daemon.connection()
    for number in range(count):
        address = f'2001:db8:{number >> 8:x}:{number & 255:x}::1'
        assert daemon.get('/events/evt_000000000000', headers=via(address), connection=connection).status == 404
    server = daemon.get('/stats', headers=via('2001:db8::1')).json()['server']
    assert server['rate_limit_clients'] == 1000
    assert server['rate_limit_shared'] == count - 1000
