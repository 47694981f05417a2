# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Health, event types, unknown paths and methods, and the key."""

import json

import pytest

import wire
from belfry_daemon import SOURCE_DIR, event
from test_events import BUILT_IN_TYPES, COLLECTOR_TYPES

KEY = 'correct-horse-battery-staple'
REFUSED = {'detail': 'Invalid or missing API key'}


# Health

def test_health(daemon):
    for path in ('/health', '/api/v1/health'):
        response = daemon.get(path)
        assert response.status == 200
        health = response.json()
        assert health['status'] == 'ok' and health['service'] == 'event-pipeline'
        assert isinstance(health['version'], str) and health['version']
        assert isinstance(health['components'], dict) and health['components']
        assert set(health['components'].values()) <= {'ok', 'disabled'}


def test_health_tells_the_addresses(daemon):
    assert str(daemon.port) in daemon.get('/health').body.decode()


def test_service_name_is_a_setting(belfryd):
    assert belfryd(SERVICE_NAME='bells').get('/health').json()['service'] == 'bells'


def test_readiness(daemon):
    for path in ('/readiness', '/ready', '/api/v1/readiness', '/api/v1/ready'):
        response = daemon.get(path)
        assert response.status == 200, path
        ready = response.json()
        assert ready['ready'] is True and ready['database'] == 'connected' and isinstance(ready['router'], dict)


# Paths and methods

@pytest.mark.parametrize('path', ['/nope', '/api/v2', '/api/v1/nope', '/api/v2/events', '/events/', '/EVENTS', '/api/v1/events/a/b',
                                  '/healthx', '/api/v1/api/v1/events', '/%00', '/..%2f..%2fetc%2fpasswd'])
def test_unknown_path(daemon, path):
    response = daemon.get(path)
    if path == '/events/':
        assert response.status in (404, 307)
        return
    assert response.status == 404 and response.json() == {'detail': 'Not Found'}, response


@pytest.mark.parametrize('method,path,allowed', [
    ('PUT', '/api/v1/events', {'GET', 'HEAD', 'POST', 'DELETE'}), ('PATCH', '/events', {'GET', 'HEAD', 'POST', 'DELETE'}),
    ('POST', '/api/v1/stats', {'GET', 'HEAD'}), ('DELETE', '/health', {'GET', 'HEAD'}), ('POST', '/readiness', {'GET', 'HEAD'}),
    ('DELETE', '/api/v1/event-types', {'GET', 'HEAD', 'POST'}), ('DELETE', '/api/v1/events/evt_000000000000', {'GET', 'HEAD'}),
    ('POST', '/api/v1/events/stream', {'GET', 'HEAD'}), ('BREW', '/health', {'GET', 'HEAD'})])
def test_wrong_method(daemon, method, path, allowed):
    response = daemon.request(method, path)
    assert response.status == 405 and response.json() == {'detail': 'Method Not Allowed'}, response
    told = {name.strip() for name in response.headers['Allow'].split(',')}
    assert told - {'OPTIONS', 'HEAD'} == allowed - {'HEAD'}


@pytest.mark.parametrize('path', ['/health', '/readiness', '/api/v1/stats', '/api/v1/event-types', '/api/v1/events', '/nope'])
def test_head_is_get_without_a_body(daemon, path):
    with_body = daemon.get(path)
    with daemon.connect() as connection:
        connection.send(f'HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        status, headers = connection.take_head()
        assert status == with_body.status
        assert headers['content-type'] == with_body.headers['Content-Type']
        if path not in ('/api/v1/stats', '/health'):
            assert headers['content-length'] == with_body.headers['Content-Length']
        assert connection.take_response()[0] == 200, 'nothing stands between the two answers'


def test_root_leads_somewhere(daemon):
    response = daemon.get('/')
    assert response.status == 200 and response.headers.get_content_type() == 'text/html'


def test_json_is_declared(daemon):
    for path in ('/health', '/nope', '/api/v1/events', '/api/v1/events/x', '/api/v1/events?limit=0', '/api/v1/events?since=x'):
        assert daemon.get(path).headers.get_content_type() == 'application/json'


def test_errors_show_nothing_internal(daemon):
    answers = [daemon.get('/api/v1/events?since=x'), daemon.get("/api/v1/events/'"), daemon.post('{"a":"\\'), daemon.get('/nope?x='),
               daemon.post(event(source="'; SELECT")), daemon.get('/api/v1/events?limit=x')]
    for answer in answers:
        text = answer.body.decode().lower()
        for word in ('sqlite', 'select ', 'src/', '.c:', 'glib', 'gerror', 'soup', str(daemon.folder).lower(), '0x'):
            assert word not in text.replace('; select', ''), answer


def test_http_10(daemon):
    with daemon.connect() as connection:
        connection.send(b'GET /health HTTP/1.0\r\n\r\n')
        status, _, body = connection.take_response()
    assert status == 200 and json.loads(body)['status'] == 'ok'


def test_nonsense_instead_of_http_is_survived(daemon):
    for nonsense in (b'\0' * 1000, b'GET\r\n\r\n', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'G' * 5000):
        with daemon.connect(timeout=1) as connection:
            connection.send(nonsense)
            try:
                connection.take_all()
            except TimeoutError:
                pass
    assert daemon.get('/health').status == 200


# Event types

def test_event_types(daemon):
    for path in ('/event-types', '/api/v1/event-types'):
        types = daemon.get(path).json()
        for name, description in BUILT_IN_TYPES.items():
            assert types[name] == description
        for name in COLLECTOR_TYPES:
            assert isinstance(types[name], str) and types[name]


def test_register_a_type(belfryd):
    daemon = belfryd()
    assert daemon.post(event(event_type='bell.rung-2')).status == 422
    response = daemon.post({'name': 'bell.rung-2', 'description': 'Somebody rang — loudly'}, path='/api/v1/event-types')
    assert response.status == 201, response
    assert daemon.get('/event-types').json()['bell.rung-2'] == 'Somebody rang — loudly'
    made = daemon.publish(event(event_type='bell.rung-2'))
    daemon.kill()
    again = belfryd(folder=daemon.folder)
    assert again.get('/event-types').json()['bell.rung-2'] == 'Somebody rang — loudly', 'a registered type survives'
    assert again.query('event_type=bell.rung-2') == [made]
    again.publish(event(event_type='bell.rung-2'))


@pytest.mark.parametrize('body,field', [
    ({'description': 'x'}, 'name'), ({'name': '', 'description': 'x'}, 'name'), ({'name': 'x' * 51, 'description': 'x'}, 'name'),
    ({'name': 'A', 'description': 'x'}, 'name'), ({'name': 'a b', 'description': 'x'}, 'name'), ({'name': 'é', 'description': 'x'}, 'name'),
    ({'name': 5, 'description': 'x'}, 'name'), ({'name': 'a'}, 'description'), ({'name': 'a', 'description': 5}, 'description')])
def test_wrong_type_registration(daemon, body, field):
    response = daemon.post(body, path='/api/v1/event-types')
    assert response.status == 422, response
    assert [problem['loc'] for problem in response.json()['detail']] == [['body', field]]


def test_every_problem_of_a_type_registration_is_told(daemon):
    def problems(body):
        return [(*problem['loc'], problem['msg'], problem['type']) for problem in daemon.post(body, path='/event-types').json()['detail']]

    form = 'Name of an event type must have 1 to 50 characters of a-z 0-9 _ . -'
    length = 'Description of an event type must have 1 to 500 characters of UTF-8'
    text = 'Input should be a valid string'
    assert problems({'name': 'A', 'description': ''}) == [('body', 'name', form, 'string_pattern_mismatch'),
                                                          ('body', 'description', length, 'value_error')]
    assert problems({'name': 'A', 'description': 5}) == [('body', 'name', form, 'string_pattern_mismatch'),
                                                         ('body', 'description', text, 'string_type')]
    assert problems({'name': None}) == [('body', 'name', text, 'string_type'), ('body', 'description', 'Field required', 'missing')]
    assert problems({'description': 'x\0'}) == [('body', 'name', 'Field required', 'missing'),
                                                ('body', 'description', text + ' without U+0000', 'string_type')]


def test_type_registration_needs_json(daemon):
    for body in ('', 'x', '[]', '{"name":'):
        assert daemon.post(body, path='/api/v1/event-types').status == 422


def test_longest_type_name(belfryd):
    daemon = belfryd()
    name = 'x' * 50
    assert daemon.post({'name': name, 'description': 'x'}, path='/event-types').status == 201
    assert daemon.publish(event(event_type=name))['event_type'] == name
    assert len(daemon.query('event_type=' + name)) == 1


def test_types_from_a_folder(belfryd, tmp_path):
    (tmp_path / 'b.conf').write_text('[Event Type bell_rung]\nDescription=Somebody rang\n\n[Event Type timer_tick]\nDescription=Tock\n')
    (tmp_path / 'a.conf').write_text('[Event Type bell_rung]\nDescription=Replaced by b.conf\n')
    (tmp_path / 'c.txt').write_text('[Event Type not_me]\nDescription=x\n')
    daemon = belfryd(BELFRY_EVENT_TYPES_DIR=tmp_path)
    types = daemon.get('/event-types').json()
    assert types['bell_rung'] == 'Somebody rang' and 'not_me' not in types and types['quiz_started']
    daemon.publish(event(event_type='bell_rung'))


def test_commerce_types(belfryd):
    daemon = belfryd(BELFRY_EVENT_TYPES_DIR=SOURCE_DIR / 'data' / 'event-types.d')
    types = daemon.get('/event-types').json()
    for name in ('purchase', 'refund', 'login', 'logout', 'page_view', 'add_to_cart'):
        assert types[name]
        daemon.publish(event(event_type=name))


# The key

@pytest.fixture(scope='module')
def guarded(shared_factory):
    return shared_factory(REQUIRE_AUTH='true', API_KEY=KEY, LOG_LEVEL='DEBUG')


CLOSED = [('GET', '/api/v1/events'), ('POST', '/api/v1/events'), ('DELETE', '/api/v1/events'), ('GET', '/events/evt_000000000000'),
          ('GET', '/stats'), ('POST', '/event-types'), ('GET', '/events/stream'), ('GET', '/api/v1/events/stream')]
OPEN = ['/health', '/readiness', '/ready', '/event-types', '/', '/api/v1/health', '/api/v1/event-types']


@pytest.mark.parametrize('method,path', CLOSED)
@pytest.mark.parametrize('headers', [{}, {'X-API-Key': ''}, {'X-API-Key': KEY + 'x'}, {'X-API-Key': KEY[:-1]}, {'X-API-Key': KEY.upper()},
                                     {'Authorization': 'Bearer wrong'}, {'Authorization': 'Basic ' + KEY}, {'Authorization': KEY},
                                     {'Authorization': 'Bearer'}, {'Authorization': 'Bearer '}])
def test_no_key_no_answer(guarded, method, path, headers):
    response = guarded.request(method, path, headers=headers)
    assert response.status == 401 and response.json() == REFUSED, response


@pytest.mark.parametrize('headers', [{'X-API-Key': KEY}, {'Authorization': 'Bearer ' + KEY}, {'x-api-key': KEY}, {'Authorization': 'bearer ' + KEY}])
def test_key_opens(guarded, headers):
    assert guarded.get('/api/v1/stats', headers=headers).status == 200
    assert guarded.post(event(), headers=headers).status == 201
    assert guarded.request('DELETE', '/events', headers=headers).status == 200
    assert guarded.post({'name': 'rung', 'description': 'x'}, path='/event-types', headers=headers).status == 201


@pytest.mark.parametrize('path', OPEN)
def test_open_without_a_key(guarded, path):
    assert guarded.get(path).status == 200


def test_a_key_in_the_query_opens_no_rest_door(guarded):
    assert guarded.get('/api/v1/stats?api_key=' + KEY).status == 401


def test_401_comes_before_the_body(guarded):
    assert guarded.post('nonsense').status == 401
    with guarded.connect() as connection:
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{')
        status, _, body = connection.take_response()
        assert status == 401 and json.loads(body) == REFUSED
    with guarded.connect() as connection:
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 10737418240\r\n\r\n{')
        assert connection.take_response()[0] == 401


@pytest.mark.parametrize('path', ['/ws/subscribe', '/ws/publish', '/api/v1/ws/subscribe', '/api/v1/ws/publish'])
def test_websocket_without_a_key_is_accepted_and_closed(guarded, path):
    for query in ('', '?api_key=wrong', '?token=', '?api_key=' + KEY[:-1]):
        with guarded.ws(path + query) as socket:
            closed = socket.expect_close()
            assert (closed.code, closed.reason, closed.before) == (4001, 'Unauthorized', [])


@pytest.mark.parametrize('query,headers', [('?api_key=' + KEY, {}), ('?token=' + KEY, {}), ('', {'X-API-Key': KEY}),
                                           ('', {'Authorization': 'Bearer ' + KEY})])
def test_websocket_with_a_key(guarded, query, headers):
    with guarded.ws('/ws/subscribe' + query, headers=headers) as socket:
        assert socket.ask({})['status'] == 'subscribed'
    with guarded.ws('/ws/publish' + query, headers=headers) as socket:
        assert socket.ask(event())['status'] == 'ok'


@pytest.mark.parametrize('query,headers', [('api_key=' + KEY, {}), ('', {'X-API-Key': KEY}), ('', {'Authorization': 'Bearer ' + KEY})])
def test_stream_with_a_key(guarded, query, headers):
    with guarded.stream(query, headers=headers) as stream:
        assert stream.status == 200 and 'id' in stream.next_block()


def test_the_key_is_in_no_log(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY=KEY, LOG_LEVEL='DEBUG', LOG_FORMAT='json')
    daemon.get('/stats', headers={'X-API-Key': KEY})
    daemon.get('/stats?api_key=' + KEY)
    daemon.get('/stats', headers={'Authorization': 'Bearer ' + KEY + 'wrong'})
    daemon.ws('/ws/subscribe?api_key=' + KEY).close()
    daemon.ws('/ws/publish?token=' + KEY).close()
    daemon.stream('api_key=' + KEY).drop()
    with pytest.raises(wire.Refused):
        daemon.ws('/ws/nope?api_key=' + KEY)
    daemon.stop()
    assert KEY not in daemon.log()


def test_without_require_auth_no_key_is_needed(belfryd):
    daemon = belfryd(API_KEY=KEY)
    assert daemon.publish() and daemon.stats()
    assert daemon.subscribe().close().code == 1000
