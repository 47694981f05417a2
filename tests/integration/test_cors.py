# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What browsers are told about other origins: answers of every kind, preflights, OPTIONS, and the Origin of WebSockets."""

import pytest

import wire
from belfry_daemon import event

GOOD, EVIL = 'https://app.example.org', 'https://evil.example'
METHODS = {'GET', 'POST', 'PUT', 'DELETE'}
HEADERS = {'content-type', 'x-api-key', 'authorization', 'idempotency-key', 'last-event-id'}


def words(text):
    return {word.strip() for word in text.split(',')}


@pytest.fixture(scope='module')
def listed(shared_factory):
    return shared_factory(CORS_ORIGINS=f'https://other.example, {GOOD}/', REQUIRE_AUTH='true', API_KEY='k', MAX_BODY_BYTES='2000', RATE_LIMIT_ADMIN='1/day')


@pytest.fixture(scope='module')
def any_origin(shared_factory):
    return shared_factory()


def answers(daemon, headers):
    """One of each status that a page may meet."""
    key = {'X-API-Key': 'k', **headers}
    yield 200, daemon.get('/health', headers=headers)
    yield 200, daemon.get('/api/v1/events', headers=key)
    yield 201, daemon.post(event(), headers=key)
    yield 400, daemon.get('/events?since=nonsense', headers=key)
    yield 401, daemon.get('/stats', headers=headers)
    yield 401, daemon.post(event(), headers=headers)
    yield 404, daemon.get('/nope', headers=headers)
    yield 404, daemon.get('/events/evt_000000000000', headers=key)
    yield 405, daemon.request('PUT', '/events', headers=headers)
    yield 413, daemon.post('x' * 3000, headers=key)
    yield 422, daemon.post({}, headers=key)
    daemon.request('DELETE', '/events?before=2000-01-01', headers=key)
    yield 429, daemon.request('DELETE', '/events?before=2000-01-01', headers=key)


def test_every_answer_names_a_listed_origin(listed):
    for status, response in answers(listed, {'Origin': GOOD}):
        assert response.status == status, response
        assert response.headers.get_all('Access-Control-Allow-Origin') == [GOOD], response
        assert words(response.headers['Access-Control-Expose-Headers']) == {'Link', 'Retry-After'}
        assert response.headers['Vary'] == 'Origin'
        assert response.headers['Access-Control-Allow-Credentials'] is None


@pytest.mark.parametrize('headers', [{}, {'Origin': EVIL}, {'Origin': 'null'}, {'Origin': GOOD + '.evil.example'}, {'Origin': 'http://app.example.org'}])
def test_no_answer_names_another(listed, headers):
    for status, response in answers(listed, headers):
        assert response.status == status, response
        assert response.headers['Access-Control-Allow-Origin'] is None
        assert response.headers['Access-Control-Expose-Headers'] is None
        assert response.headers['Vary'] == 'Origin'


@pytest.mark.parametrize('origin', ['HTTPS://APP.example.org', GOOD + ':443'])
def test_hosts_have_no_case_and_ports_go_without_saying(listed, origin):
    assert listed.get('/health', headers={'Origin': origin}).headers['Access-Control-Allow-Origin'] == origin


def test_any_origin(any_origin):
    for path in ('/health', '/events', '/nope'):
        response = any_origin.get(path, headers={'Origin': EVIL})
        assert response.headers['Access-Control-Allow-Origin'] == '*' and response.headers['Vary'] is None
        assert any_origin.get(path).headers['Access-Control-Allow-Origin'] is None


def refused_on_the_wire(daemon, origin):
    with daemon.connect() as connection:
        connection.send(f'GET /stats HTTP/1.1\r\nOrigin: {origin}\r\nHost: x\r\nHost: y\r\n\r\n'.encode())
        status, headers, _ = connection.take_response()
        assert status == 400
        return headers


def test_what_is_no_request_is_refused_in_the_same_manner(listed, any_origin):
    assert refused_on_the_wire(listed, GOOD)['access-control-allow-origin'] == GOOD
    for origin in (GOOD, EVIL):
        assert refused_on_the_wire(listed, origin)['vary'] == 'Origin'
    assert 'access-control-allow-origin' not in refused_on_the_wire(listed, EVIL)
    headers = refused_on_the_wire(any_origin, EVIL)
    assert headers['access-control-allow-origin'] == '*' and 'vary' not in headers


def test_security_headers_come_once(listed):
    """Also when the connection is closed for a body that nobody reads."""
    for body in (None, event()):
        response = listed.request('POST', '/events', body=body)
        assert response.status == 401
        for name in ('X-Frame-Options', 'Content-Security-Policy', 'Vary', 'Date', 'Content-Type'):
            assert len(response.headers.get_all(name)) == 1, name


def preflight(daemon, path, origin, **headers):
    return daemon.request('OPTIONS', path, headers={'Origin': origin, 'Access-Control-Request-Method': 'POST', **headers})


@pytest.mark.parametrize('path', ['/events', '/api/v1/events', '/api/v1/events/stream', '/event-types', '/not/there/yet'])
def test_preflight_needs_no_key_and_no_patience(listed, path):
    for _ in range(3):
        response = preflight(listed, path, GOOD)
        assert response.status == 200 and response.body == b''
        assert response.headers['Access-Control-Allow-Origin'] == GOOD
        assert words(response.headers['Access-Control-Allow-Methods']) == METHODS
        assert words(response.headers['Access-Control-Allow-Headers'].lower()) == HEADERS
        assert int(response.headers['Access-Control-Max-Age']) > 0


def test_preflight_of_another_origin_is_not_allowed(listed):
    response = preflight(listed, '/events', EVIL)
    assert response.status == 200
    assert not [name for name in response.headers if name.lower().startswith('access-control-')]


def test_preflight_from_anywhere(any_origin):
    response = preflight(any_origin, '/api/v1/events', EVIL)
    assert response.status == 200 and response.headers['Access-Control-Allow-Origin'] == '*'


@pytest.mark.parametrize('path,allowed', [('/events', {'GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'}), ('/api/v1/stats', {'GET', 'HEAD', 'OPTIONS'}),
                                          ('/health', {'GET', 'HEAD', 'OPTIONS'}), ('/api/v1/events/evt_1', {'GET', 'HEAD', 'OPTIONS'}),
                                          ('/ws/subscribe', {'GET', 'HEAD', 'OPTIONS'})])
def test_plain_options(listed, path, allowed):
    for headers in ({}, {'Origin': GOOD}, {'Access-Control-Request-Method': 'GET'}):
        response = listed.request('OPTIONS', path, headers=headers)
        assert response.status == 200 and response.body == b'' and words(response.headers['Allow']) == allowed


def test_options_for_unknown_paths(listed):
    assert listed.request('OPTIONS', '/nope').status == 404


def test_options_for_everything(listed):
    with listed.connect() as connection:
        connection.send(b'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS /events HTTP/1.1\r\nHost: x\r\n\r\nGET * HTTP/1.1\r\nHost: x\r\n\r\n')
        status, headers, _ = connection.take_response()
        assert status == 200 and METHODS < words(headers['allow'])
        assert connection.take_response()[0] == 200
        assert connection.take_response()[0] == 400


def test_options_with_a_body(listed):
    assert listed.request('OPTIONS', '/events', body='{}').status == 400
    assert preflight(listed, '/events', GOOD).status == 200


def test_stream_head(listed, any_origin):
    with listed.stream('api_key=k', headers={'Origin': GOOD}) as stream:
        assert stream.status == 200 and stream.headers['access-control-allow-origin'] == GOOD and stream.headers['vary'] == 'Origin'
        assert stream.headers['content-type'].startswith('text/event-stream')
    with listed.stream('api_key=k') as stream:
        assert 'access-control-allow-origin' not in stream.headers and stream.headers['vary'] == 'Origin'
    with any_origin.stream(headers={'Origin': EVIL}) as stream:
        assert stream.headers['access-control-allow-origin'] == '*' and 'vary' not in stream.headers


@pytest.mark.parametrize('path', ['/ws/subscribe', '/api/v1/ws/publish'])
def test_sockets_of_other_origins(listed, path):
    own = f'http://{listed.host}:{listed.port}'
    for origin in (GOOD, 'https://other.example:443', own, own.upper().replace('HTTP', 'http')):
        listed.ws(path + '?api_key=k', headers={'Origin': origin}).close()
    for origin in (EVIL, 'null', f'http://{listed.host}:{listed.port + 1}', f'http://{listed.host}', ''):
        with pytest.raises(wire.Refused) as refused:
            listed.ws(path + '?api_key=k', headers={'Origin': origin})
        assert refused.value.status == 403, origin


def test_no_origins_at_all(belfryd):
    daemon = belfryd(CORS_ORIGINS='')
    response = daemon.get('/health', headers={'Origin': GOOD})
    assert response.headers['Access-Control-Allow-Origin'] is None and response.headers['Vary'] == 'Origin'
    daemon.ws('/ws/subscribe', headers={'Origin': f'http://{daemon.host}:{daemon.port}'}).close()
