# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Keys and what they allow: API_KEY, API_KEYS_FILE, scopes, and what a reload changes."""

import json
import re
import signal
import subprocess

import pytest

from belfry_daemon import PATIENCE, binary, event, wait_until
from wire import Closed

MASTER = 'the-key-that-may-do-everything'
SCOPES = ('publish', 'query', 'admin', 'filters', 'collect', 'subscribe')
UNAUTHORIZED = {'detail': 'Invalid or missing API key'}
FORBIDDEN = {'detail': 'Insufficient scope'}

# What a request needs; both forms of the path are tried.
NEEDS = [
    ('POST', '/events', 'publish', 201), ('GET', '/events', 'query', 200), ('GET', '/events/evt_000000000000', 'query', 404),
    ('GET', '/stats', 'query', 200), ('DELETE', '/events?before=2000-01-01', 'admin', 200), ('POST', '/event-types', 'admin', 201),
]
OPEN = ['/health', '/readiness', '/ready', '/event-types', '/docs', '/openapi.json', '/']


def hash_key(key=None, *arguments):
    done = subprocess.run([str(binary('belfryctl')), 'hash-key', *arguments], input=(key + '\n') if key is not None else '',
                          capture_output=True, text=True, timeout=30 * PATIENCE)
    assert done.returncode == 0, done
    return done.stdout.strip()


def write_keys(path, **keys):
    """name=(scope, rate or None); the key is the name, thrice."""
    groups = [f'[{name}]\nhash={hash_key(name * 3)}\nscope={scope}\n' + (f'rate={rate}\n' if rate else '')
              for name, (scope, rate) in keys.items()]
    path.write_text('\n'.join(groups))
    return path


def key(name):
    return {'X-API-Key': name * 3}


def ask(daemon, method, path, headers):
    body = {'/events': event(), '/event-types': {'name': 'made_here', 'description': 'x'}}.get(path.replace('/api/v1', ''))
    return daemon.request(method, path, body=body if method == 'POST' else None, headers=headers)


@pytest.fixture(scope='module')
def guarded(shared_factory, tmp_path_factory):
    path = tmp_path_factory.mktemp('keys') / 'keys.conf'
    write_keys(path, **{f'{scope}-key': (scope, None) for scope in SCOPES}, both=('publish subscribe', None))
    return shared_factory(REQUIRE_AUTH='true', API_KEY=MASTER, API_KEYS_FILE=path)


@pytest.mark.parametrize('prefix', ['', '/api/v1'])
@pytest.mark.parametrize('method,path,scope,status', NEEDS)
def test_each_request_needs_its_scope_or_admin(guarded, prefix, method, path, scope, status):
    for held in SCOPES:
        response = ask(guarded, method, prefix + path, key(held + '-key'))
        if held in (scope, 'admin'):
            assert response.status == status, (held, response)
        else:
            assert response.status == 403 and response.json() == FORBIDDEN, (held, response)
    assert ask(guarded, method, prefix + path, {'Authorization': 'Bearer ' + MASTER}).status == status


@pytest.mark.parametrize('prefix', ['', '/api/v1'])
@pytest.mark.parametrize('method,path,scope,status', NEEDS)
def test_without_a_key_nothing_is_answered(guarded, prefix, method, path, scope, status):
    for headers in ({}, {'X-API-Key': ''}, {'X-API-Key': MASTER + 'x'}, {'X-API-Key': MASTER[:-1]}, {'X-API-Key': MASTER.upper()},
                    {'Authorization': MASTER}, {'Authorization': 'Basic ' + MASTER}, {'Authorization': 'Bearer'}):
        response = ask(guarded, method, prefix + path, headers)
        assert response.status == 401 and response.json() == UNAUTHORIZED, (headers, response)
        assert response.headers['WWW-Authenticate'] == 'Bearer'
    assert ask(guarded, method, prefix + path + ('&' if '?' in path else '?') + 'api_key=' + MASTER, {}).status == 401


@pytest.mark.parametrize('path', OPEN + ['/api/v1/health', '/api/v1/readiness', '/api/v1/ready', '/api/v1/event-types'])
def test_some_doors_are_open(guarded, path):
    assert guarded.get(path).status == 200
    assert guarded.get(path, headers={'X-API-Key': 'wrong'}).status == 200
    assert guarded.get(path, headers=key('collect-key')).status == 200


def test_the_hash_is_not_the_key(guarded):
    assert guarded.get('/stats', headers={'X-API-Key': hash_key('query-key' * 3)}).status == 401


def test_refused_before_the_body_is_looked_at(guarded):
    for headers, status in ((f'X-API-Key: {"query-key" * 3}\r\n', 403), ('', 401)):
        with guarded.connect() as connection:
            connection.send(f'POST /events HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 10737418240\r\n\r\n{{'.encode())
            answer, told, _ = connection.take_response()
            assert answer == status and told['connection'] == 'close'


@pytest.mark.parametrize('prefix', ['', '/api/v1'])
@pytest.mark.parametrize('path,scope', [('/ws/publish', 'publish'), ('/ws/subscribe', 'subscribe')])
def test_sockets_need_their_scope(guarded, prefix, path, scope):
    for held in SCOPES:
        for query, headers in (('?api_key=' + 3 * (held + '-key'), {}), ('?token=' + 3 * (held + '-key'), {}), ('', key(held + '-key'))):
            with guarded.ws(prefix + path + query, headers=headers) as socket:
                if held in (scope, 'admin'):
                    assert socket.ask(event() if scope == 'publish' else {})['status'] in ('ok', 'subscribed')
                else:
                    closed = socket.expect_close()
                    assert (closed.code, closed.reason, closed.before) == (4001, 'Insufficient scope', [])


def test_streams_need_their_scope(guarded):
    for held in SCOPES:
        with guarded.stream('api_key=' + 3 * (held + '-key')) as stream:
            assert stream.status == (200 if held in ('subscribe', 'admin') else 403)
    with guarded.stream('api_key=nonsense') as stream:
        assert stream.status == 401 and stream.headers['www-authenticate'] == 'Bearer'


def test_any_of_two_places_will_do(guarded):
    assert guarded.get('/stats', headers={'X-API-Key': 'wrong', 'Authorization': 'bearer ' + MASTER}).status == 200
    assert guarded.get('/stats', headers={'X-API-Key': MASTER, 'Authorization': 'Bearer wrong'}).status == 200
    assert guarded.get('/stats', headers={'Authorization': 'BEARER   ' + MASTER}).status == 200


def test_refusals_are_counted(guarded):
    before = guarded.get('/stats', headers={'X-API-Key': MASTER}).json()['server']
    guarded.get('/stats')
    guarded.get('/stats', headers=key('publish-key'))
    after = guarded.get('/stats', headers={'X-API-Key': MASTER}).json()['server']
    assert after['unauthorized'] == before['unauthorized'] + 1 and after['forbidden'] == before['forbidden'] + 1


def test_without_require_auth_scopes_forbid_nothing(belfryd, tmp_path):
    daemon = belfryd(API_KEYS_FILE=write_keys(tmp_path / 'keys.conf', reader=('query', None)))
    assert daemon.post(event(), headers=key('reader')).status == 201
    assert daemon.post(event()).status == 201
    assert daemon.get('/stats', headers={'X-API-Key': 'wrong'}).status == 200


def test_keys_file_alone_is_enough(belfryd, tmp_path):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=write_keys(tmp_path / 'keys.conf', reader=('query', None)))
    assert daemon.get('/stats').status == 401
    assert daemon.get('/stats', headers=key('reader')).status == 200


def start_that_fails(tmp_path, **settings):
    ended = subprocess.run([str(binary('belfryd'))], env={'DATABASE_PATH': str(tmp_path / 'e.db'), 'PORT': '0', 'HOST': '127.0.0.1', **settings},
                           cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30 * PATIENCE)
    assert ended.returncode not in (0, 66, 67) and ended.stdout == '', ended
    lines = [line for line in ended.stderr.splitlines() if 'INFO' not in line]
    assert len(lines) == 1, ended.stderr
    return lines[0]


@pytest.mark.parametrize('text,told', [
    ('[a]\nscope=query\n', r"\[a\]: hash: '' is not allowed; allowed: what belfryctl hash-key prints"),
    ('[a]\nhash=opensesame\nscope=query\n', r'\[a\]: hash: .* allowed: what belfryctl hash-key prints'),
    ('[a]\nhash=HASH\n', r"\[a\]: scope: '' is not allowed; allowed: publish query admin filters collect subscribe"),
    ('[a]\nhash=HASH\nscope=read\n', r"\[a\]: scope: 'read' is not allowed; allowed: publish query"),
    ('[a]\nhash=HASH\nscope=query\nrate=5\n', r"\[a\]: rate: '5' is not allowed; allowed: COUNT/second"),
    ('[a]\nhash=HASH\nscope=query\nratte=5/day\n', r"\[a\]: key: 'ratte' is not allowed; allowed: hash, scope and rate"),
    ('[a]\nhash=HASH\nscope=query\n[b]\nhash=HASH\nscope=admin\n', r'\[b\]: hash is that of \[a\] too'),
    ('nonsense\n', r'keys.conf'), (None, r'keys.conf'),
])
def test_bad_files_stop_the_start_with_one_line(tmp_path, text, told):
    path = tmp_path / 'keys.conf'
    if text is not None:
        path.write_text(text.replace('HASH', hash_key('some key'.replace(' ', '-'))))
    line = start_that_fails(tmp_path, API_KEYS_FILE=str(path))
    assert 'API_KEYS_FILE' in line and re.search(told, line), line
    assert 'opensesame' not in line


def test_require_auth_without_any_key_does_not_start(tmp_path):
    (tmp_path / 'keys.conf').write_text('# nobody yet\n')
    line = start_that_fails(tmp_path, REQUIRE_AUTH='true', API_KEYS_FILE=str(tmp_path / 'keys.conf'))
    assert 'REQUIRE_AUTH' in line and 'API_KEYS_FILE' in line


def test_reload_takes_keys_away_and_brings_new_ones(belfryd, tmp_path):
    path = write_keys(tmp_path / 'keys.conf', old=('admin', None), kept=('subscribe publish', None))
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=path, API_KEY=MASTER)
    gone = [daemon.ws('/ws/publish', headers=key('old')), daemon.ws('/ws/subscribe', headers=key('old'))]
    stream, idle = daemon.stream('api_key=' + 3 * 'old'), daemon.stream('api_key=' + 3 * 'kept')
    stays = [daemon.ws('/ws/publish', headers=key('kept')), daemon.ws('/ws/publish', headers={'X-API-Key': MASTER})]
    gone[1].ask({})
    assert stream.next_block() and idle.next_block()

    write_keys(path, kept=('subscribe publish query', '100/second'), new=('query', None))
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.get('/stats', headers=key('new')).status == 200)
    for socket in gone:
        closed = socket.expect_close()
        assert (closed.code, closed.reason) == (4001, 'Unauthorized')
    while stream.next_block() is not None:
        pass
    for socket in stays:
        assert socket.ask(event())['status'] == 'ok'
        socket.close()
    assert 'data' in idle.next_block()
    assert daemon.get('/stats', headers=key('old')).status == 401
    assert daemon.get('/stats', headers=key('kept')).status == 200
    stream.drop()
    idle.drop()


def test_reload_of_a_bad_file_changes_nothing(belfryd, tmp_path):
    path = write_keys(tmp_path / 'keys.conf', old=('query', None))
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=path)
    path.write_text('[old]\nhash=none\nscope=query\n')
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: 'API_KEYS_FILE' in daemon.log())
    assert daemon.get('/stats', headers=key('old')).status == 200


def test_keys_are_in_no_log_but_their_names_are(belfryd, tmp_path):
    path = write_keys(tmp_path / 'keys.conf', watchman=('query subscribe', None))
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=path, LOG_LEVEL='DEBUG')
    daemon.get('/stats', headers=key('watchman'))
    daemon.stream('api_key=' + 3 * 'watchman').drop()
    daemon.get('/stats?api_key=' + 3 * 'watchman')
    daemon.stop()
    assert 3 * 'watchman' not in daemon.log()
    assert 'key watchman' in daemon.log()
    assert hash_key(3 * 'watchman') not in daemon.log()


def test_hash_key_generates_keys_that_work(belfryd, tmp_path):
    made = dict(line.split('=', 1) for line in hash_key(None, '--generate').splitlines())
    other = json.loads(hash_key(None, '--generate', '--json'))
    assert re.fullmatch(r'[A-Za-z0-9_-]{43}', made['key']) and made['key'] != other['key']
    assert hash_key(made['key']) == made['hash'] and hash_key(other['key']) == other['hash']
    path = tmp_path / 'keys.conf'
    path.write_text(f"[made]\nhash={made['hash']}\nscope=query\n")
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=path)
    assert daemon.get('/stats', headers={'X-API-Key': made['key']}).status == 200


@pytest.mark.parametrize('given,told', [('', 'no key'), ('\n', 'no key'), ('two words\n', 'white space'), ('k' * 5000, 'too long'), ('a\nb\n', 'white space')])
def test_hash_key_refuses_what_no_request_can_send(given, told):
    done = subprocess.run([str(binary('belfryctl')), 'hash-key'], input=given, capture_output=True, text=True, timeout=30 * PATIENCE)
    assert done.returncode == 2 and told in done.stderr and done.stdout == ''


def test_hash_key_takes_no_key_as_an_argument():
    done = subprocess.run([str(binary('belfryctl')), 'hash-key', 'secret'], capture_output=True, text=True, timeout=30 * PATIENCE)
    assert done.returncode == 2 and done.stdout == ''


def test_a_closed_socket_says_so_to_those_who_still_send(belfryd, tmp_path):
    """The key goes while messages are under way: each is answered or the close comes, nothing else."""
    path = write_keys(tmp_path / 'keys.conf', old=('publish', None), other=('query', None))
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=path)
    socket = daemon.ws('/ws/publish', headers=key('old'))
    for number in range(200):
        socket.send_json(event(number))
    write_keys(path, other=('query', None))
    daemon.process.send_signal(signal.SIGHUP)
    answers = []
    with pytest.raises(Closed) as closed:
        while True:
            answers.append(socket.receive_json())
    assert closed.value.code == 4001
    assert all(answer['status'] == 'ok' for answer in answers)
    assert daemon.get('/stats', headers=key('other')).json()['total_events'] == len(answers)
