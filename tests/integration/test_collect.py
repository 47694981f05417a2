# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""POST /collect: what learning apps send, one event at a time accepted or refused."""

import concurrent.futures
import datetime
import gzip
import json
import subprocess
import uuid
import zlib

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from belfry_daemon import EVENT_ID, TIMESTAMP, wait_until

GOOD = {
    'learner_id': 'learner-1', 'course_id': 'course-1', 'lesson_id': 'lesson-1', 'event_type': 'lesson_started',
    'event_data': {'score': 95}, 'timestamp': '2024-01-15T10:30:00Z',
}


def learner_event(**members):
    made = {**GOOD, **members}
    return {name: value for name, value in made.items() if value is not ...}


def collect(daemon, *events, path='/collect', **options):
    return daemon.post({'events': list(events)}, path=path, **options)


def soon(minutes):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)).isoformat()


# What is good


@pytest.mark.parametrize('path', ['/collect', '/api/v1/collect'])
def test_a_batch_is_answered_with_the_ids_of_its_events(daemon, path):
    answer = collect(daemon, learner_event(), learner_event(lesson_id='lesson-2'), path=path)
    assert answer.status == 200
    told = answer.json()
    assert set(told) == {'success', 'batch_id', 'accepted', 'rejected', 'timestamp', 'event_ids'}
    assert told['success'] is True and (told['accepted'], told['rejected']) == (2, 0)
    assert str(uuid.UUID(told['batch_id'])) == told['batch_id'] and TIMESTAMP.match(told['timestamp'])
    assert all(EVENT_ID.match(id) for id in told['event_ids']) and len(set(told['event_ids'])) == 2
    assert [daemon.get(f'/events/{id}').status for id in told['event_ids']] == [200, 200]


def test_a_collected_event_is_an_event_of_the_log(daemon):
    id, = collect(daemon, learner_event(session_id='s-1', metadata={'app': '1.2'})).json()['event_ids']
    shown = daemon.get(f'/events/{id}').json()
    assert shown == {'id': id, 'event_type': 'lesson_started', 'source': 'collector', 'session_id': 's-1', 'user_id': 'learner-1',
                     'payload': {'score': 95}, 'timestamp': '2024-01-15T10:30:00.000000Z'}
    assert daemon.query('user_id=learner-1&limit=1') == [shown]


def test_the_learner_view_is_what_was_sent(daemon):
    sent = learner_event(session_id='s', metadata={'a': [1, {'b': None}], 'ä': '✓'}, event_data={'n': 12345678901234567890, 'd': 0.1})
    answer = collect(daemon, sent).json()
    view = daemon.get(f'/events/{answer["event_ids"][0]}?view=learner').json()
    assert TIMESTAMP.match(view.pop('received_at'))
    assert view == {**sent, 'timestamp': '2024-01-15T10:30:00.000000Z', 'id': answer['event_ids'][0], 'batch_id': answer['batch_id']}
    least, = collect(daemon, learner_event()).json()['event_ids']
    view = daemon.get(f'/events/{least}?view=learner').json()
    assert view['session_id'] is None and view['metadata'] is None


def test_other_views_are_refused_and_other_events_have_none(daemon):
    id, = collect(daemon, learner_event()).json()['event_ids']
    assert daemon.get(f'/events/{id}?view=').status == 200
    other = daemon.get(f'/events/{id}?view=teacher')
    assert other.status == 422 and other.json()['detail'][0]['loc'] == ['query', 'view']
    published = daemon.publish()['id']
    missing = daemon.get(f'/events/{published}?view=learner')
    assert missing.status == 404 and missing.json() == {'detail': 'Event not found'}


def test_order_and_since_go_by_the_time_of_acceptance(daemon):
    old, = collect(daemon, learner_event(user_id=..., learner_id='by-time', timestamp='1999-01-01')).json()['event_ids']
    new, = collect(daemon, learner_event(learner_id='by-time', timestamp='1998-01-01')).json()['event_ids']
    assert [found['id'] for found in daemon.query('user_id=by-time')] == [new, old]
    assert [found['id'] for found in daemon.query('user_id=by-time&since=2020-01-01')] == [new, old]


def test_subscribers_see_it_as_any_other(daemon):
    socket = daemon.subscribe({'event_types': ['progress_updated'], 'user_id': 'watched'})
    id, = collect(daemon, learner_event(event_type='progress_updated', learner_id='watched')).json()['event_ids']
    received = socket.receive_json()
    assert received['id'] == id and received['timestamp'] == '2024-01-15T10:30:00.000000Z' and received['source'] == 'collector'


def test_filters_ask_the_event_data(daemon):
    ids = collect(daemon, *(learner_event(learner_id='rich', event_data={'amount': n, 'user_tier': 'gold'}) for n in (1, 100))).json()['event_ids']
    assert [found['id'] for found in daemon.query('user_id=rich&min_amount=50&user_tiers=gold')] == [ids[1]]


@pytest.mark.parametrize('sent,shown', [
    ('2024-01-15T10:30:00', '2024-01-15T10:30:00.000000Z'), ('2024-01-15T12:30:00.5+02:00', '2024-01-15T10:30:00.500000Z'),
    ('2024-01-15', '2024-01-15T00:00:00.000000Z'), ('0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'), ('1969-12-31T23:59:59.999999Z', '1969-12-31T23:59:59.999999Z'),
])
def test_timestamps_are_shown_as_all_times(daemon, sent, shown):
    id, = collect(daemon, learner_event(timestamp=sent)).json()['event_ids']
    assert daemon.get(f'/events/{id}').json()['timestamp'] == shown


def test_what_was_collected_is_there_after_kill(belfryd, tmp_path):
    daemon = belfryd(folder=tmp_path)
    answer = collect(daemon, learner_event(metadata={'k': 1}), learner_event(course_id='')).json()
    daemon.kill()
    daemon = belfryd(folder=tmp_path)
    view = daemon.get(f'/events/{answer["event_ids"][0]}?view=learner').json()
    assert view['metadata'] == {'k': 1} and view['batch_id'] == answer['batch_id']
    assert [letter['field'] for letter in daemon.get('/dead-letters').json()] == ['course_id']


# What is bad


BAD = [
    ('', 5), ('', 'text'), ('', None), ('', []),
    *((field, learner_event(**{field: value})) for field in ('learner_id', 'course_id', 'lesson_id')
      for value in (..., None, 5, '', 'x' * 201, 'a\0b', ['x'])),
    ('event_type', learner_event(event_type=...)), ('event_type', learner_event(event_type='no_such_type')),
    ('event_type', learner_event(event_type=7)), ('event_type', learner_event(event_type='x' * 500)),
    ('event_data', learner_event(event_data=...)), ('event_data', learner_event(event_data=None)),
    ('event_data', learner_event(event_data=[])), ('event_data', learner_event(event_data={str(n): n for n in range(51)})),
    ('event_data', learner_event(event_data={'k': 'x' * 65536})),
    ('timestamp', learner_event(timestamp=...)), ('timestamp', learner_event(timestamp=1700000000)),
    ('timestamp', learner_event(timestamp='')), ('timestamp', learner_event(timestamp='yesterday')),
    ('timestamp', learner_event(timestamp='2024-02-30')), ('timestamp', learner_event(timestamp=soon(6))),
    ('timestamp', learner_event(timestamp='9999-12-31')), ('timestamp', learner_event(timestamp='0001-01-01T00:00:00+00:01')), ('timestamp', learner_event(timestamp='2' * 4000)),
    ('session_id', learner_event(session_id=5)), ('session_id', learner_event(session_id='x' * 201)), ('session_id', learner_event(session_id='\0')),
    ('metadata', learner_event(metadata=[])), ('metadata', learner_event(metadata={str(n): n for n in range(51)})),
    ('metadata', learner_event(metadata={'k': 'x' * 65536})),
]


@pytest.mark.parametrize('number', range(len(BAD)))
def test_each_rule_refuses_by_itself(daemon, number):
    field, bad = BAD[number]
    alone = collect(daemon, bad)
    assert alone.status == 422
    told = alone.json()
    assert told['success'] is False and (told['accepted'], told['rejected'], told['event_ids']) == (0, 1, [])
    error, = told['errors']
    assert error['index'] == 0 and error['field'] == field and error['message']

    among = collect(daemon, learner_event(), bad, learner_event())
    assert among.status == 200
    told = among.json()
    assert told['success'] is False and (told['accepted'], told['rejected']) == (2, 1) and len(told['event_ids']) == 2
    assert [(error['index'], error['field']) for error in told['errors']] == [(1, field)]


def test_the_first_broken_rule_is_told(daemon):
    told = collect(daemon, {'learner_id': 5, 'timestamp': 'x'}, {'learner_id': 'l', 'course_id': 'c'}).json()
    assert [(error['index'], error['field']) for error in told['errors']] == [(0, 'learner_id'), (1, 'lesson_id')]


@pytest.mark.parametrize('member,value', [
    ('learner_id', 'x' * 200), ('learner_id', 'ä' * 200), ('course_id', '\U0001f600' * 200), ('lesson_id', '\\"\n'), ('session_id', None),
    ('session_id', ''), ('metadata', None), ('metadata', {}), ('event_data', {}), pytest.param('timestamp', soon(4), id='timestamp-of-a-clock-ahead'),
    ('event_data', {str(n): n for n in range(50)}), ('unknown', {'any': 'thing'}),
])
def test_the_ends_of_the_rules_are_good(daemon, member, value):
    answer = collect(daemon, learner_event(**{member: value}))
    assert answer.status == 200, answer
    view = daemon.get(f'/events/{answer.json()["event_ids"][0]}?view=learner').json()
    if member not in ('timestamp', 'unknown'):
        assert view[member] == value


@pytest.mark.parametrize('body,status', [
    ('', 400), ('{', 400), ('{"events":[{}', 400), ('{"events":[{}]} x', 400), ('{"events":[{},]}', 400), ('{"events":[NaN]}', 400),
    ('{"events":[{"a":"\\ud800"}]}', 400), (b'{"events":[{"a":"\xff"}]}', 400), ('\ufeff{}', 400), ('{"events":[' + '[' * 70 + ']' * 70 + ']}', 400),
    ('[]', 422), ('5', 422), ('null', 422), ('{}', 422), ('{"events":null}', 422), ('{"events":{}}', 422), ('{"events":[]}', 422),
    ('{"events":[{}],"events":[]}', 422), ('{"Events":[{}]}', 422),
])
def test_bodies_as_a_whole(daemon, body, status):
    before = daemon.stats()['store']['dead_letters']
    answer = daemon.post(body, path='/collect')
    assert answer.status == status and 'detail' in answer.json(), answer
    assert daemon.stats()['store']['dead_letters'] == before


def test_of_duplicate_members_the_last_counts(daemon):
    text = json.dumps({'events': [learner_event()]})
    answer = daemon.post('{"events": [5, 6], "x": [{"events": 1}], ' + text[1:], path='/collect')
    assert answer.status == 200 and answer.json()['accepted'] == 1
    item = json.dumps(learner_event())[:-1] + ', "learner_id": "last", "event_data": {"a": 1, "b": 2, "a": 3}}'
    id, = daemon.post('{"\\u0065vents": [' + item + ']}', path='/collect').json()['event_ids']
    view = daemon.get(f'/events/{id}?view=learner')
    assert view.json()['learner_id'] == 'last' and b'{"a":3,"b":2}' in view.body


def test_an_event_may_be_nested_as_deeply_as_a_published_one(daemon):
    deep = learner_event(event_data={'deep': json.loads('[' * 62 + ']' * 62)})
    assert collect(daemon, deep).status == 200
    deep = learner_event(event_data={'deep': json.loads('[' * 63 + ']' * 63)})
    assert collect(daemon, deep).status == 400


# Limits, types and encodings


def test_too_many_events_are_413(belfryd):
    daemon = belfryd(MAX_BATCH_SIZE=3)
    assert collect(daemon, *[learner_event()] * 3).status == 200
    assert collect(daemon, *[learner_event()] * 4).status == 413
    assert daemon.stats()['total_events'] == 3


def test_the_default_limits(daemon):
    assert collect(daemon, *[learner_event()] * 100).status == 200
    assert collect(daemon, *[learner_event()] * 101).status == 413
    large = json.dumps({'events': [learner_event()], 'x': 'y' * 1048576})
    assert daemon.post(large, path='/collect').status == 413
    body = large.replace('y' * 1048576, '').encode()
    body = body[:-2] + b'y' * (1048576 - len(body)) + body[-2:]
    assert len(body) == 1048576 and daemon.post(body, path='/collect').status == 200


def packed(*events):
    return gzip.compress(json.dumps({'events': list(events)}).encode())


def post_packed(daemon, body, encoding='gzip', **options):
    return daemon.post(body, path='/collect', headers={'Content-Encoding': encoding}, **options)


def test_gzip_is_unpacked(daemon):
    for encoding in ('gzip', 'GZIP', 'x-gzip'):
        assert post_packed(daemon, packed(learner_event()), encoding).json()['accepted'] == 1
    assert daemon.post({'events': [learner_event()]}, path='/collect', headers={'Content-Encoding': 'identity'}).status == 200
    stored = gzip.compress(json.dumps({'events': [learner_event()]}).encode(), 0)
    assert post_packed(daemon, stored).status == 200


@pytest.mark.parametrize('encoding', ['deflate', 'br', 'gzip, gzip', 'zstd', 'compress'])
def test_other_encodings_are_415(daemon, encoding):
    assert post_packed(daemon, packed(learner_event()), encoding).status == 415


@pytest.mark.parametrize('content_type,status', [
    ('application/json', 200), ('application/json; charset=utf-8', 200), ('Application/JSON', 200), ('application/json ;x=y', 200),
    ('text/plain', 415), ('application/x-www-form-urlencoded', 415), ('application/jsonx', 415), ('multipart/form-data; boundary=x', 415),
])
def test_content_types(daemon, content_type, status):
    assert collect(daemon, learner_event(), headers={'Content-Type': content_type}).status == status


def test_broken_gzip_is_400(daemon):
    good = packed(learner_event())
    broken = [b'', b'not gzip', good[:-1], good[:10], good[:len(good) // 2], good + b'x', good + good, b'\x1f\x8b' + b'\0' * 30,
              good[:-8] + b'\0' * 8, zlib.compress(b'{}')]
    for body in broken:
        assert post_packed(daemon, body).status == 400, body
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0x55
    assert post_packed(daemon, bytes(flipped)).status == 400


def make_bomb(size):
    """What unpacks to so many spaces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = b' ' * (1 << 20)
    return b''.join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.measures
def test_a_bomb_costs_no_memory(belfryd):
    daemon = belfryd()
    bomb = make_bomb(1 << 30)
    assert len(bomb) < 1048576 + 4096
    bomb = bomb[:1048576]
    assert post_packed(daemon, packed(learner_event())).status == 200
    before, cpu = daemon.peak_rss(), daemon.cpu_seconds()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post_packed(daemon, bomb), range(8)))
    assert [answer.status for answer in answers] == [413] * 8
    assert daemon.peak_rss() - before < 24 << 20
    assert daemon.cpu_seconds() - cpu < 8


def test_the_limit_holds_behind_unpacking_to_the_byte(belfryd):
    daemon = belfryd(MAX_BATCH_SIZE_BYTES=4096)
    text = json.dumps({'events': [learner_event()]}).encode()
    assert post_packed(daemon, gzip.compress(text + b' ' * (4096 - len(text)))).status == 200
    assert post_packed(daemon, gzip.compress(text + b' ' * (4097 - len(text)))).status == 413
    assert daemon.post(text + b' ' * (4097 - len(text)), path='/collect').status == 413


def test_curl_sends_what_it_compressed(daemon, tmp_path):
    path = tmp_path / 'batch.json'
    path.write_text(json.dumps({'events': [learner_event(), learner_event(course_id='')]}))
    subprocess.run(['gzip', '-k', str(path)], check=True)
    done = subprocess.run(['curl', '-sS', '--compressed', '-H', 'Content-Type: application/json', '-H', 'Content-Encoding: gzip', '--data-binary',
                           f'@{path}.gz', daemon.url + '/collect'], check=True, capture_output=True, timeout=60)
    told = json.loads(done.stdout)
    assert (told['accepted'], told['rejected']) == (1, 1)
    chunked = subprocess.run(['curl', '-sS', '-H', 'Content-Type: application/json', '-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue',
                              '--data-binary', f'@{path}', daemon.url + '/collect'], check=True, capture_output=True, timeout=60)
    assert json.loads(chunked.stdout)['accepted'] == 1


# Keys, repeats, rates


def test_an_api_key_guards_this_door_alone(belfryd):
    daemon = belfryd(API_KEY='secret')
    assert collect(daemon, learner_event()).status == 401
    assert daemon.post('no JSON', path='/collect').status == 401
    for headers in ({'X-API-Key': 'secret'}, {'Authorization': 'Bearer secret'}):
        assert collect(daemon, learner_event(), headers=headers).status == 200
    assert collect(daemon, learner_event(), headers={'X-API-Key': 'wrong'}).status == 401
    assert daemon.get('/events').status == 200 and daemon.post({'event_type': 'quiz_started', 'source': 'x'}).status == 201
    assert daemon.get('/dead-letters').status == 200


def test_no_key_is_needed_where_there_is_none(daemon):
    assert collect(daemon, learner_event(), headers={'X-API-Key': 'any'}).status == 200


def test_a_repeat_gets_the_first_answer(daemon):
    headers = {'Idempotency-Key': 'batch-1'}
    events = learner_event(learner_id='once'), learner_event(course_id='')
    letters = daemon.stats()['store']['dead_letters_ever']
    first, again = (collect(daemon, *events, headers=headers) for _ in range(2))
    assert first.status == again.status == 200 and first.body == again.body
    assert len(daemon.query('user_id=once')) == 1 and daemon.stats()['store']['dead_letters_ever'] == letters + 1
    other = collect(daemon, learner_event(), headers=headers)
    assert other.status == 422 and 'detail' in other.json()
    assert collect(daemon, learner_event(learner_id='once'), headers={'Idempotency-Key': 'batch-2'}).status == 200


def test_a_repeat_may_be_packed_anew(daemon):
    """Who packs the same again gets other bytes: gzip writes the time into its head."""
    body = json.dumps({'events': [learner_event(learner_id='packed')]}).encode()
    answers = [daemon.post(gzip.compress(body, mtime=time), path='/collect', headers={'Idempotency-Key': 'packed', 'Content-Encoding': 'gzip'})
               for time in (1, 2)]
    answers.append(daemon.post(body, path='/collect', headers={'Idempotency-Key': 'packed'}))
    assert [answer.status for answer in answers] == [200] * 3 and len({answer.body for answer in answers}) == 1
    assert len(daemon.query('user_id=packed')) == 1


def test_batches_are_limited_by_their_own_rate(belfryd):
    daemon = belfryd(RATE_LIMIT_COLLECT='2/hour')
    answers = [collect(daemon, learner_event()) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429] and int(answers[2].headers['Retry-After']) > 0
    assert daemon.post({'event_type': 'quiz_started', 'source': 'x'}).status == 201


def test_other_methods_are_405(daemon):
    answer = daemon.get('/collect')
    assert answer.status == 405 and 'POST' in answer.headers['Allow']


def test_what_was_told_is_what_is_kept(belfryd):
    """Many senders at once; every id is of an event, every refusal has its letter."""
    daemon = belfryd()

    def send(number):
        return collect(daemon, *(learner_event(learner_id=f'l-{number}', event_data={'n': n}) if n % 3 else {'n': n} for n in range(30))).json()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(40)))
    assert all((answer['accepted'], answer['rejected']) == (20, 10) for answer in answers)
    assert len({id for answer in answers for id in answer['event_ids']}) == 800
    stats = daemon.stats()
    assert stats['total_events'] == 800 and stats['store']['dead_letters'] == 400
    assert stats['collector']['http_accepted'] == 800 and stats['collector']['refused_missing_field'] == 400
    for number, answer in enumerate(answers):
        found = daemon.query(f'user_id=l-{number}')
        assert [one['id'] for one in reversed(found)] == answer['event_ids']
        assert [one['payload']['n'] for one in reversed(found)] == [n for n in range(30) if n % 3]


def test_full_storage_is_503(belfryd):
    daemon = belfryd(MAX_WAITING_EVENTS=5)
    answer = collect(daemon, *[learner_event()] * 6)
    assert answer.status == 503 and answer.headers['Retry-After']
    assert collect(daemon, *[learner_event()] * 5).status == 200


def test_what_is_refused_counts_among_what_waits(belfryd):
    daemon = belfryd(MAX_WAITING_EVENTS=5)
    assert collect(daemon, *[5] * 6).status == 503
    assert collect(daemon, *[learner_event()] * 3, *[5] * 3).status == 503
    assert collect(daemon, *[5] * 5).status == 422 and collect(daemon, *[learner_event()] * 5).status == 200


def begin_upload(daemon, sent, length):
    """A request of which so much of the body has come."""
    connection = daemon.connect()
    connection.send(f'POST /collect HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n'.encode() + b' ' * sent)
    return connection


def test_half_sent_bodies_take_bounded_memory(belfryd):
    """Whoever holds the room with bodies that do not end leaves some for others: the largest are refused."""
    daemon = belfryd(MAX_UPLOAD_BYTES=1 << 20)
    alone = json.dumps({'events': [learner_event()], 'x': 'y' * 900000})
    assert daemon.post(alone, path='/collect').status == 200
    held = [begin_upload(daemon, 200000, 900000) for _ in range(30)]
    wait_until(lambda: daemon.stats()['server']['uploads_refused'] >= 25)
    server = daemon.stats()['server']
    assert 400000 <= server['upload_bytes'] <= 1 << 20 and server['uploads_refused'] < 30
    answer = daemon.post(alone, path='/collect')
    assert answer.status == 503 and answer.headers['Retry-After'] == '1' and answer.json() == {'detail': 'Too many uploads'}
    assert collect(daemon, *[learner_event()] * 50).status == 200
    for connection in held:
        connection.drop()
    wait_until(lambda: daemon.stats()['server']['upload_bytes'] == 0)
    assert daemon.post(alone, path='/collect').status == 200


# Whatever else


values = strategies.recursive(strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=250),
                              lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.text(max_size=5), inner, max_size=3),
                              max_leaves=8)
broken = strategies.fixed_dictionaries({}, optional={name: values for name in (*GOOD, 'session_id', 'metadata')})

@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=strategies.lists(strategies.just(GOOD) | broken.map(lambda some: {**GOOD, **some}) | broken | values, min_size=1, max_size=8))
def test_any_batch_is_told_apart(daemon, events):
    answer = collect(daemon, *events)
    told = answer.json()
    assert answer.status == (200 if told['accepted'] else 422)
    assert told['accepted'] + told['rejected'] == len(events) and len(told['event_ids']) == told['accepted']
    errors = told.get('errors', [])
    assert told['success'] == (not errors) and len(errors) == told['rejected']
    assert len({error['index'] for error in errors}) == len(errors)
    bad = {error['index'] for error in errors}
    good = [event for number, event in enumerate(events) if number not in bad]
    for id, sent in zip(told['event_ids'], good):
        view = daemon.get(f'/events/{id}?view=learner').json()
        for name in ('learner_id', 'course_id', 'lesson_id', 'event_type', 'event_data', 'session_id', 'metadata'):
            assert view[name] == sent.get(name), name
    for error in errors:
        assert error['field'] in ('', *GOOD, 'session_id', 'metadata') and error['message']
        sent = events[error['index']]
        assert (error['field'] == '') == (not isinstance(sent, dict))
