# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""GET /events/stream, over a bare socket and with curl."""

import json
import subprocess
from urllib.parse import urlencode

import pytest

import wire
from belfry_daemon import SECURITY_HEADERS, event, wait_until


def opened(daemon, query='', **options):
    """A stream that stands: its first id has come."""
    stream = daemon.stream(query, **options)
    assert stream.status == 200, stream.take_all()
    stream.first = stream.next_block()
    assert 'id' in stream.first, stream.first
    return stream


def test_head(daemon):
    with daemon.stream(headers={'Origin': 'https://anybody.example'}) as stream:
        assert stream.status == 200
        assert stream.headers['content-type'].split(';')[0] == 'text/event-stream'
        assert stream.headers['cache-control'] == 'no-store'
        assert stream.headers['access-control-allow-origin'] in ('*', 'https://anybody.example')
        for name, value in SECURITY_HEADERS.items():
            assert stream.headers[name.lower()] == value
        assert "default-src 'self'" in stream.headers['content-security-policy']


def test_an_id_comes_before_anything_else(daemon):
    with daemon.stream() as stream:
        lines = []
        while not lines or not lines[-1].startswith('id:'):
            lines.append(stream.take_until(b'\n').decode())
        assert all(line.startswith('retry:') or line.strip() == '' for line in lines[:-1]), lines


def test_events_as_they_were_answered(daemon):
    with opened(daemon) as stream:
        for number in range(5):
            response = daemon.post(event(number, session_id='ü\n"'))
            block = stream.next_data()
            assert set(block) == {'id', 'data'}
            assert block['data'].encode() == response.body


def test_short_path(daemon):
    with wire.EventStream(daemon.host, daemon.port, '/events/stream') as stream:
        assert stream.status == 200 and 'id' in stream.next_block()


@pytest.mark.parametrize('query,rules', [
    ('', {}), ('event_types=timer_tick', {'event_types': ['timer_tick']}), ('event_type=timer_tick', {'event_types': ['timer_tick']}),
    ('event_types=timer_tick,quiz_started', {'event_types': ['timer_tick', 'quiz_started']}),
    ('event_types=timer_tick&event_types=quiz_started', {'event_types': ['timer_tick', 'quiz_started']}),
    ('event_type=timer_tick&event_types=quiz_started', {'event_types': ['timer_tick', 'quiz_started']}),
    ('event_type=timer_tick,session_ended&event_type=quiz_started', {}), ('event_types=', {}), ('session_id=s+1', {'session_id': 's 1'}),
    ('session_id=s%201&user_id=%C3%BC', {'session_id': 's 1', 'user_id': 'ü'}), ('user_id=', {}), ('user_tiers=premium', {'tiers': ['premium']}),
    ('user_tiers=premium,basic', {'tiers': ['premium', 'basic']}), ('min_amount=2', {'amount': 2}), ('nonsense=1', {})])
def test_filters(belfryd, query, rules):
    daemon = belfryd()

    def make(number):
        return event(event_type=['timer_tick', 'quiz_started', 'session_ended'][number % 3], session_id=['s 1', 's2'][number % 2],
                     user_id=['ü', 'u', None][number % 3], payload={'n': number, 'user_tier': ['premium', 'basic', 'x', 'y'][number % 4],
                                                                   'amount': number % 5})

    with opened(daemon, query) as stream:
        made = daemon.publish_many(60, make)
        wanted = [one for one in made if one['event_type'] in rules.get('event_types', [one['event_type']])
                  and one['session_id'] == rules.get('session_id', one['session_id']) and one['user_id'] == rules.get('user_id', one['user_id'])
                  and one['payload']['user_tier'] in rules.get('tiers', [one['payload']['user_tier']])
                  and one['payload']['amount'] >= rules.get('amount', 0)]
        assert [stream.next_event() for _ in wanted] == wanted


@pytest.mark.parametrize('query', ['min_amount=much', 'session_id=' + 'x' * 201, 'user_id=' + 'x' * 201])
def test_wrong_filter(daemon, query):
    response = daemon.get('/api/v1/events/stream?' + query)
    assert response.status == 422, response
    assert response.json()['detail'][0]['loc'] == ['query', query.partition('=')[0]]


# Resuming

def test_first_id_resumes_here(belfryd):
    """A client that drops before the first event resumes from the id that it got at the start."""
    daemon = belfryd()
    daemon.publish_many(3)
    with opened(daemon) as stream:
        first = stream.first['id']
    made = daemon.publish_many(3)
    with opened(daemon, headers={'Last-Event-ID': first}) as stream:
        assert [stream.next_event() for _ in made] == made


def test_first_id_of_an_empty_log(belfryd):
    daemon = belfryd()
    with opened(daemon) as stream:
        first = stream.first['id']
    made = daemon.publish_many(3)
    with opened(daemon, 'resume_from=' + first) as stream:
        assert [stream.next_event() for _ in made] == made


def test_first_id_of_a_resumed_stream_loses_nothing(belfryd):
    """The id before the history must not stand behind it."""
    daemon = belfryd()
    made = daemon.publish_many(5)
    with opened(daemon, 'resume_from=beginning') as stream:
        first = stream.first['id']
    with opened(daemon, headers={'Last-Event-ID': first}) as stream:
        assert [stream.next_event() for _ in made] == made


def test_last_event_id(belfryd):
    daemon = belfryd()
    made = daemon.publish_many(10)
    with opened(daemon, 'resume_from=beginning') as stream:
        ids = [stream.next_data()['id'] for _ in made]
    for index, last in enumerate(ids):
        for options in ({'query': 'resume_from=' + last}, {'headers': {'Last-Event-ID': last}}):
            with opened(daemon, **options) as stream:
                assert [stream.next_event() for _ in made[index + 1:]] == made[index + 1:]


def test_the_header_wins(belfryd):
    daemon = belfryd()
    made = daemon.publish_many(4)
    with opened(daemon, 'resume_from=beginning') as stream:
        ids = [stream.next_data()['id'] for _ in made]
    with opened(daemon, 'resume_from=beginning', headers={'Last-Event-ID': ids[2]}) as stream:
        assert stream.next_event() == made[3]
    with opened(daemon, 'resume_from=nonsense', headers={'Last-Event-ID': ids[2]}) as stream:
        assert stream.next_event() == made[3]
    with daemon.stream('resume_from=beginning', headers={'Last-Event-ID': 'nonsense'}) as stream:
        assert stream.status == 400


@pytest.mark.parametrize('options', [{'query': 'resume_from=nonsense'}, {'headers': {'Last-Event-ID': 'nonsense'}}, {'query': 'resume_from=%00'}])
def test_unknown_cursor(daemon, options):
    with daemon.stream(**options) as stream:
        assert stream.status == 400
        status_body = stream.take_all() if 'content-length' not in stream.headers else bytes(stream.buffer)
        assert b'detail' in status_body or stream.fill()


# The ends

def test_capacity_is_a_retry(belfryd):
    daemon = belfryd(MAX_SUBSCRIBERS=1)
    with daemon.subscribe():
        with daemon.stream() as stream:
            assert stream.status == 200 and stream.headers['content-type'].startswith('text/event-stream')
            text = stream.take_all().decode()
    assert 'retry: 5000' in text.splitlines() and 'data:' not in text


def test_shutdown_is_a_retry(belfryd):
    daemon = belfryd()
    stream = opened(daemon)
    made = daemon.publish()
    daemon.terminate()
    assert stream.next_event() == made
    text = stream.take_all().decode()
    assert 'retry: 5000' in text.splitlines()
    daemon.stop()


def test_capacity_is_free_again_when_a_stream_is_dropped(belfryd):
    daemon = belfryd(MAX_SUBSCRIBERS=1)
    for _ in range(5):
        def stands():
            with daemon.stream() as stream:
                return 'id' in (stream.next_block() or {})
        wait_until(stands, what='room for another stream')


def test_what_a_client_says_later_is_dropped(daemon):
    with opened(daemon) as stream:
        stream.send(b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' * 100)
        made = daemon.publish()
        assert stream.next_event() == made


def test_head_of_the_stream_ends(daemon):
    with daemon.connect() as connection:
        connection.send(b'HEAD /api/v1/events/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        status, _ = connection.take_head()
        assert status in (200, 405)
        assert connection.take_all() == b''


def test_a_hundred_streams(belfryd):
    daemon = belfryd()
    streams = [opened(daemon) for _ in range(100)]
    made = daemon.publish_many(20)
    for stream in streams:
        assert [stream.next_event() for _ in made] == made
        stream.drop()
    wait_until(lambda: daemon.stats()['router']['active_subscribers'] == 0, what='dropped streams are gone')


# curl

def curl(daemon, *arguments, query=''):
    return subprocess.Popen(['curl', '--silent', '--no-buffer', '--show-error', '--noproxy', '*', '--max-time', '60', *arguments,
                             daemon.url + '/api/v1/events/stream' + query], stdout=subprocess.PIPE, text=True)


def test_curl_follows_the_stream(belfryd):
    daemon = belfryd()
    made = daemon.publish_many(3)
    process = curl(daemon, query='?' + urlencode({'resume_from': 'beginning', 'event_types': 'answer_submitted,timer_tick'}))
    try:
        got, last = [], None
        while len(got) < 6:
            line = process.stdout.readline()
            assert line, 'curl has ended'
            if line.startswith('data: '):
                got.append(json.loads(line[6:]))
                if len(got) == 3:
                    made += daemon.publish_many(3)
            elif line.startswith('id: '):
                last = line[4:].strip()
        assert got == made
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    more = daemon.publish_many(2)
    process = curl(daemon, '--header', 'Last-Event-ID: ' + last)
    try:
        lines = []
        while sum(line.startswith('data: ') for line in lines) < 2:
            lines.append(process.stdout.readline())
            assert lines[-1], 'curl has ended'
        assert [json.loads(line[6:]) for line in lines if line.startswith('data: ')] == more
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def test_curl_ends_with_the_daemon(belfryd):
    daemon = belfryd()
    process = curl(daemon)
    line = process.stdout.readline()
    while line and not line.startswith('id:'):
        line = process.stdout.readline()
    daemon.stop()
    rest = process.stdout.read()
    assert process.wait(10) == 0, 'the stream ends as HTTP wants it'
    process.stdout.close()
    assert 'retry: 5000' in rest


def test_curl_publishes(daemon):
    answer = subprocess.run(['curl', '--silent', '--fail', '--noproxy', '*', '--max-time', '20', '--data', json.dumps(event(user_id='curl')),
                             daemon.url + '/api/v1/events'], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout)['user_id'] == 'curl'
