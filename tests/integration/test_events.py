# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""POST /events: what an event must look like, what comes back, and how a refusal reads."""

import json
import time
from datetime import datetime, timezone

import pytest

from belfry_daemon import EVENT_ID, TIMESTAMP, event

MEMBERS = ['id', 'event_type', 'source', 'session_id', 'user_id', 'payload', 'timestamp']

BUILT_IN_TYPES = {
    'quiz_started': 'Student started a quiz session', 'quiz_completed': 'Student completed/submitted quiz',
    'quiz_timeout': 'Quiz timer expired', 'answer_submitted': 'Student submitted an answer',
    'answer_changed': 'Student changed their answer', 'question_viewed': 'Student viewed a question',
    'question_skipped': 'Student skipped a question', 'timer_started': 'Session timer started',
    'timer_tick': 'Timer tick (usually every second)', 'timer_warning': 'Timer warning threshold reached',
    'mastery_updated': 'Student mastery level changed', 'learning_gap_detected': 'Learning gap identified',
    'session_created': 'New session created', 'session_ended': 'Session ended', 'error_occurred': 'Error in system',
}
COLLECTOR_TYPES = ['lesson_started', 'lesson_completed', 'lesson_paused', 'lesson_resumed', 'assessment_started',
                   'assessment_completed', 'assessment_submitted', 'progress_updated']


def assert_refused(response, *fields):
    """A 422 as section 2 shows it, naming exactly these fields; the first problem."""
    assert response.status == 422, response
    problems = response.json()['detail']
    assert isinstance(problems, list) and problems, response
    for problem in problems:
        assert isinstance(problem['loc'], list) and problem['loc'][0] == 'body', problem
        assert isinstance(problem['msg'], str) and problem['msg'], problem
        assert isinstance(problem['type'], str) and problem['type'], problem
    if fields:
        assert {problem['loc'][-1] for problem in problems} == set(fields), problems
    return problems[0]


def without(name):
    made = event()
    del made[name]
    return made


# What comes back

def test_answer_has_exactly_the_members_of_the_contract(daemon):
    sent = event(session_id='session-123', user_id='user-7', payload={'answer': 'B', 'deep': [1, {'x': None}]})
    before = datetime.now(timezone.utc)
    response = daemon.post(sent)
    after = datetime.now(timezone.utc)
    assert response.status == 201
    assert response.headers.get_content_type() == 'application/json'
    got = response.json()
    assert list(got) == MEMBERS
    assert {name: got[name] for name in sent} == sent
    assert EVENT_ID.match(got['id'])
    assert TIMESTAMP.match(got['timestamp'])
    assert before <= datetime.fromisoformat(got['timestamp']) <= after


def test_absent_members_become_null_and_an_empty_payload(daemon):
    got = daemon.publish({'event_type': 'quiz_started', 'source': 's'})
    assert (got['session_id'], got['user_id'], got['payload']) == (None, None, {})


def test_null_session_and_user_are_absent(daemon):
    got = daemon.publish(event(session_id=None, user_id=None))
    assert (got['session_id'], got['user_id']) == (None, None)


def test_unknown_members_are_ignored(daemon):
    got = daemon.publish(event(id='evt_000000000000', timestamp='1999-01-01T00:00:00Z', extra={'deep': [1]}, loc=3))
    assert list(got) == MEMBERS
    assert got['id'] != 'evt_000000000000' and not got['timestamp'].startswith('1999')


def test_what_is_stored_is_compact(daemon):
    response = daemon.post('{ "event_type" : "answer_submitted",\n\t"source":"s" ,"payload" : { "a" : [ 1 , 2 ] , "b c" : " x  y " } }\r\n ')
    assert response.status == 201
    assert b'"payload":{"a":[1,2],"b c":" x  y "}' in response.body
    assert b'"payload":{"a":[1,2],"b c":" x  y "}' in daemon.get('/api/v1/events/' + response.json()['id']).body


def test_both_forms_of_the_path_serve_the_same(daemon):
    posted = daemon.post(event(), path='/events')
    assert posted.status == 201
    for prefix in ('', '/api/v1'):
        assert daemon.get(f'{prefix}/events/{posted.json()["id"]}').body == posted.body


def test_lookup_gives_the_same_text(daemon):
    posted = daemon.post(event(session_id='é"\\\n\u2028', payload={'x': 'ü'}))
    got = daemon.get('/api/v1/events/' + posted.json()['id'])
    assert got.status == 200 and got.body == posted.body


def test_content_type_of_the_request_does_not_matter(daemon):
    for kind in ('application/json; charset=utf-8', 'text/plain', 'application/octet-stream'):
        assert daemon.post(event(), headers={'Content-Type': kind}).status == 201
    assert daemon.request('POST', '/events', body=event()).status == 201


def test_ids_are_unique_and_times_never_run_backwards(daemon):
    events = daemon.publish_many(500)
    assert len({made['id'] for made in events}) == 500
    times = [made['timestamp'] for made in events]
    assert times == sorted(times)


def test_ids_do_not_count_up(daemon):
    numbers = [int(made['id'][4:], 16) for made in daemon.publish_many(50)]
    assert numbers != sorted(numbers), 'a keyed bijection does not give neighbours to neighbours'


# event_type

@pytest.mark.parametrize('name', [*BUILT_IN_TYPES, *COLLECTOR_TYPES])
def test_built_in_type_is_accepted(daemon, name):
    assert daemon.publish(event(event_type=name))['event_type'] == name


def test_missing_type_is_named(daemon):
    assert_refused(daemon.post(without('event_type')), 'event_type')


@pytest.mark.parametrize('value', [None, 1, True, [], {}, '', 'ANSWER_SUBMITTED', 'answer_submitted ', 'x' * 51, 'é', 'a\u0000b'])
def test_wrong_type_is_refused(daemon, value):
    assert_refused(daemon.post(event(event_type=value)), 'event_type')


def test_unknown_type_is_named_and_the_known_ones_are_listed(daemon):
    problem = assert_refused(daemon.post(event(event_type='party_started')), 'event_type')
    assert 'party_started' in problem['msg']
    for name in (*BUILT_IN_TYPES, *COLLECTOR_TYPES):
        assert name in problem['msg']


def test_a_hostile_type_does_not_blow_up_the_answer(daemon):
    response = daemon.post(event(event_type='<script>' + 'x' * 60000))
    assert_refused(response, 'event_type')
    assert len(response.body) < 8000


def test_the_list_of_types_stops_at_fifty(belfryd):
    daemon = belfryd()
    for number in range(60):
        assert daemon.post({'name': f'kind_{number:03}', 'description': 'x'}, path='/api/v1/event-types').status == 201
    problem = assert_refused(daemon.post(event(event_type='nope')), 'event_type')
    known = daemon.get('/api/v1/event-types').json()
    assert len(known) >= 60 + 23
    listed = [name for name in known if name in problem['msg'].replace(',', ' ').replace("'", ' ').replace('"', ' ').split()]
    assert len(listed) <= 50, f'{len(listed)} types are listed'
    assert len(listed) >= 40


# source

@pytest.mark.parametrize('value', ['a', 'Z', '0', '_-.', 'quiz_engine', 'A.b-c_9', 'x' * 100])
def test_source_is_accepted(daemon, value):
    assert daemon.publish(event(source=value))['source'] == value


@pytest.mark.parametrize('value', [None, 1, [], {}, '', 'x' * 101, 'a b', 'a/b', 'é', 'a\n', '\u0000', 'a:b', '"'])
def test_source_is_refused(daemon, value):
    assert_refused(daemon.post(event(source=value)), 'source')


def test_missing_source_is_named(daemon):
    assert_refused(daemon.post(without('source')), 'source')


def test_every_broken_field_is_named(daemon):
    assert_refused(daemon.post({}), 'event_type', 'source')
    assert_refused(daemon.post(event(source='', session_id=5, user_id=[])), 'source', 'session_id', 'user_id')


# session_id and user_id

@pytest.mark.parametrize('name', ['session_id', 'user_id'])
@pytest.mark.parametrize('value', ['x', 'x' * 200, 'é' * 200, '\U0001f514' * 200, 'a b/c"d\\e\t\u007f', "'; DROP TABLE event; --"])
def test_id_is_accepted_and_comes_back(daemon, name, value):
    assert daemon.publish(event(**{name: value}))[name] == value


@pytest.mark.parametrize('name', ['session_id', 'user_id'])
@pytest.mark.parametrize('value', ['x' * 201, 'é' * 201, '\U0001f514' * 201, 'a\u0000b', 7, True, [], {}])
def test_id_is_refused(daemon, name, value):
    assert_refused(daemon.post(event(**{name: value})), name)


def test_two_hundred_characters_may_be_written_as_escapes(daemon):
    body = '{"event_type":"timer_tick","source":"s","user_id":"%s"}'
    assert daemon.post(body % ('\\ud83d\\udd14' * 200)).json()['user_id'] == '\U0001f514' * 200
    assert_refused(daemon.post(body % ('\\ud83d\\udd14' * 201)), 'user_id')


# payload

@pytest.mark.parametrize('value', [None, [], 'x', 1, True])
def test_payload_must_be_an_object(daemon, value):
    assert_refused(daemon.post(event(payload=value)), 'payload')


def test_fifty_members_fit(daemon):
    payload = {f'k{number}': number for number in range(50)}
    assert daemon.publish(event(payload=payload))['payload'] == payload


def test_fifty_one_members_do_not(daemon):
    assert_refused(daemon.post(event(payload={f'k{number}': number for number in range(51)})), 'payload')


def test_only_the_top_level_is_counted(daemon):
    payload = {'inner': {f'k{number}': number for number in range(500)}}
    assert daemon.publish(event(payload=payload))['payload'] == payload


def test_duplicates_are_counted_once(daemon):
    members = ','.join(f'"k{number}":{number}' for number in range(50))
    body = '{"event_type":"timer_tick","source":"s","payload":{%s,"k0":1,"k\\u0031":2,"k1":3}}' % members
    response = daemon.post(body)
    assert response.status == 201, response
    assert len(response.json()['payload']) == 50
    assert response.json()['payload']['k1'] == 3


@pytest.mark.parametrize('letter', ['x', 'é', '\U0001f514'])
def test_payload_bytes_are_those_of_the_compact_text_in_utf8(daemon, letter):
    rest = 65536 - len('{"a":""}')
    size = len(letter.encode())
    text = letter * (rest // size) + 'x' * (rest % size)
    body = '{"event_type":"timer_tick","source":"s","payload": {  "a"  :  "%s"%s}}'
    assert daemon.post(body % (text, ' ' * 1000)).status == 201
    assert_refused(daemon.post(body % (text + 'x', '')), 'payload')


def test_duplicates_do_not_count_as_bytes(daemon):
    body = '{"event_type":"timer_tick","source":"s","payload":{"a":"%s","a":"%s"}}' % ('x' * 60000, 'y' * 60000)
    response = daemon.post(body)
    assert response.status == 201, response
    assert response.json()['payload'] == {'a': 'y' * 60000}


def test_payload_limits_are_settings(belfryd):
    daemon = belfryd(MAX_PAYLOAD_KEYS=2, MAX_PAYLOAD_BYTES=20)
    assert daemon.post(event(payload={'a': 1, 'b': 2})).status == 201
    assert_refused(daemon.post(event(payload={'a': 1, 'b': 2, 'c': 3})), 'payload')
    assert daemon.post('{"event_type":"timer_tick","source":"s","payload":{"a":"%s"}}' % ('x' * 12)).status == 201
    assert_refused(daemon.post('{"event_type":"timer_tick","source":"s","payload":{"a":"%s"}}' % ('x' * 13)), 'payload')


# The body

@pytest.mark.parametrize('body', ['[]', '[{"event_type":"timer_tick","source":"s"}]', '"x"', '1', 'null', 'true'])
def test_body_must_be_an_object(daemon, body):
    assert_refused(daemon.post(body))


@pytest.mark.parametrize('body', ['', ' ', 'event_type=timer_tick&source=s', '{', '{"event_type":"timer_tick","source":"s"} x'])
def test_body_that_is_not_json_is_a_422(daemon, body):
    assert_refused(daemon.post(body))


def test_refused_events_are_not_stored(daemon):
    before = daemon.stats()['total_events']
    daemon.post(event(source=''))
    daemon.post('nonsense')
    assert daemon.stats()['total_events'] == before


# 413

DEFAULT_BODY = 8 * 65536 + 16384


def test_body_of_the_greatest_size_is_read(daemon):
    text = json.dumps(event())
    assert daemon.post(text + ' ' * (DEFAULT_BODY - len(text))).status == 201


def test_one_byte_more_is_413(daemon):
    text = json.dumps(event())
    response = daemon.post(text + ' ' * (DEFAULT_BODY + 1 - len(text)))
    assert response.status == 413
    assert 'detail' in response.json()


def test_413_comes_before_the_body(daemon):
    with daemon.connect() as connection:
        connection.send(b'POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 10737418240\r\n\r\n{"event_type"')
        status, headers, body = connection.take_response()
    assert status == 413 and 'detail' in json.loads(body)
    assert headers['x-content-type-options'] == 'nosniff'


def test_413_ends_an_endless_chunked_body(daemon):
    with daemon.connect() as connection:
        connection.send(b'POST /api/v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        chunk = b'10000\r\n' + b' ' * 65536 + b'\r\n'
        sent = 0
        try:
            while sent < 400:
                connection.send(chunk)
                sent += 1
        except OSError:
            pass
        assert sent < 400, 'the daemon reads on for ever'
    assert daemon.publish()


def test_413_of_a_chunked_body_is_answered(daemon):
    with daemon.connect() as connection:
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
                        + (b'8000\r\n' + b' ' * 32768 + b'\r\n') * 17)
        status, _, body = connection.take_response()
    assert status == 413 and 'detail' in json.loads(body)


def test_chunked_body_is_accepted(daemon):
    text = json.dumps(event(user_id='chunky')).encode()
    with daemon.connect() as connection:
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
        for byte in text:
            connection.send(b'1\r\n' + bytes([byte]) + b'\r\n')
        connection.send(b'0\r\n\r\n')
        status, _, body = connection.take_response()
    assert status == 201 and json.loads(body)['user_id'] == 'chunky'


def test_body_limit_is_a_setting(belfryd):
    daemon = belfryd(MAX_BODY_BYTES=2000)
    text = json.dumps(event())
    assert daemon.post(text + ' ' * (2000 - len(text))).status == 201
    assert daemon.post(text + ' ' * (2001 - len(text))).status == 413


def test_body_limit_follows_the_payload_limit(belfryd):
    daemon = belfryd(MAX_PAYLOAD_BYTES=1000)
    text = json.dumps(event())
    assert daemon.post(text + ' ' * (8000 + 16384 - len(text))).status == 201
    assert daemon.post(text + ' ' * (8000 + 16385 - len(text))).status == 413


# Connections

def test_keep_alive_and_pipelining(daemon):
    text = json.dumps(event())
    request = f'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n{text}'.encode()
    with daemon.connect() as connection:
        connection.send(request * 20)
        answers = [connection.take_response() for _ in range(20)]
    assert [answer[0] for answer in answers] == [201] * 20
    ids = [json.loads(answer[2])['id'] for answer in answers]
    assert len(set(ids)) == 20
    assert [made['id'] for made in daemon.query('limit=20')] == ids[::-1], 'pipelined requests keep their order'


def test_client_that_leaves_in_the_middle_of_a_body_hurts_nobody(daemon):
    before = daemon.stats()['total_events']
    for _ in range(20):
        with daemon.connect() as connection:
            connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"event_type"')
    assert daemon.stats()['total_events'] == before


def test_an_answered_event_is_durable_before_its_answer(belfryd):
    first = belfryd()
    made = [first.publish(event(number)) for number in range(3)]
    first.kill()
    second = belfryd(folder=first.folder)
    assert second.query() == made[::-1]


def test_events_survive_a_restart_and_ids_stay_unique(belfryd):
    first = belfryd()
    made = first.publish_many(20)
    first.stop()
    second = belfryd(folder=first.folder)
    more = second.publish_many(20)
    assert second.query('limit=100') == (made + more)[::-1]
    assert len({one['id'] for one in made + more}) == 40


@pytest.mark.measures
def test_a_hundred_bodies_of_the_greatest_size_leave_no_memory_behind(belfryd):
    daemon = belfryd()
    daemon.post(json.dumps(event()) + ' ' * 500000)
    before = daemon.rss()
    for _ in range(100):
        daemon.post('[' * 500000)
    assert daemon.rss() - before < 24 * 1024 * 1024


def test_time_is_that_of_the_answer_not_of_the_connection(daemon):
    connection = daemon.connection()
    connection.connect()
    began = time.time()
    got = daemon.post(event(), connection=connection).json()
    connection.close()
    assert datetime.fromisoformat(got['timestamp']).timestamp() >= began - 0.001
