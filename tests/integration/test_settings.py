# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Settings: where they come from, which one wins, and what a wrong one does."""

import json
import os
import re
import socket
import sqlite3
import stat
import subprocess
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest

from belfry_daemon import binary, event, wait_until


def run(folder, arguments=(), **settings):
    """belfryd to its end: for starts that must not succeed, and options that only print."""
    environment = {'PATH': os.environ['PATH'], 'HOST': '127.0.0.1', 'PORT': '0', 'GRPC_PORT': 'off', 'DATABASE_PATH': str(folder / 'events.db'),
                   # The leak checker falls over the storage of threads where there was TLS.
                   'ASAN_OPTIONS': 'detect_leaks=1:exitcode=66:intercept_tls_get_addr=0',
                   **{name: str(value) for name, value in settings.items() if value is not None}}
    for name, value in settings.items():
        if value is None:
            environment.pop(name)
    return subprocess.run([str(binary('belfryd')), *map(str, arguments)], env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)


def table():
    """Name, option, default, allowed, when a change takes effect, meaning: of each setting."""
    listed = subprocess.run([str(binary('belfryd')), '--list-settings'], capture_output=True, text=True, timeout=30, check=True).stdout
    return [line.split('\t') for line in listed.splitlines()]


SECRETS = {'API_KEY', 'KAFKA_CONFIG'}
NUMBERS = ['x', '', '-1', '1.5', '0x10', '1e3', '64k', '99999999999999999999', '18446744073709551616']
WRONG_BY_KIND = [
    (r'a whole number of \w+ from', NUMBERS),
    (r'true, 1, yes', ['perhaps', '2', '-1', 'tru']),
    (r'a whole number with s, m', ['soon', '-1d', '30', '30 parsecs', '1.5.2d', 'd', '999999999w', '99999999999999999999s']),
    (r'COUNT/second', ['x', '-1', '5', '200/fortnight', '/minute', '200/', '200 minute', '1.5/minute', '99999999999/second', '-5/day']),
    (r'addresses and networks', ['x', '10.0.0.0/33', 'fd00::/129', '300.1.1.1', '10.0.0.0/8,nobody', '::1/x', 'localhost']),
    (r'or origins', ['x', 'https://a.example/path', 'https://', 'http://a b', 'https://a.example,b']),
    (r'a number from 0 to 65535', ['abc', '65536', '-1', '1.5', 'on', '80,81', '80 81']),
    (r'port numbers', ['abc', '65536', '-1', '8001,x', '80 01', '1.5', ',', ','.join(['1'] * 65)]),
    (r'or a host name', ['not..a..host', '1.2.3.4.5', '*', '300.1.1.1', '1.2.3', 'x-', '-x.example', 'no such host', 'http://x', 'x:80', '[::1',
                         '[1.2.3.4]', 'fe80::/10', ':::1', 'a' * 64, '.', 'x.' * 127 + 'x', b'\xff\xfe']),
    (r'without white space', ['two words', 'a\ttab', 'a\nline', 'a\x07bell', 'a\x7f', 'no\u00a0break', b'\xff\xfe']),
    (r'^\w+(, \w+)+$', ['LOUD', 'none of these', '-']),
    (r'(text in UTF-8|the path of a)', [b'\xff\xfe']),
]


def wrong_values(allowed):
    for pattern, values in WRONG_BY_KIND:
        if re.search(pattern, allowed):
            return [value for value in values if value.strip()]
    raise AssertionError(f'no wrong values are known for "{allowed}"')


def beyond(allowed):
    """The numbers that are just not allowed any more."""
    found = re.search(r'a whole number of \w+ from (\d+) to (\d+)', allowed)
    return [str(int(found.group(1)) - 1), str(int(found.group(2)) + 1)] if found else []


def shown(value):
    return value if isinstance(value, str) else '\\377'


def check_refusal(ended, name, value, allowed):
    assert ended.returncode == 2, ended
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith(f'belfryd: {name}: '), lines[0]
    assert (shown(value)[:100] in lines[0]) == (name not in SECRETS), lines[0]
    assert lines[0].endswith(f'allowed: {allowed}'), lines[0]
    assert ended.stdout == ''


@pytest.mark.parametrize('name,option,allowed', [(row[0], row[1], row[3]) for row in table()])
def test_every_wrong_value_stops_the_start_with_one_line(tmp_path, name, option, allowed):
    """Each through the environment, and the first also through the file, a .env file and, where there is one, the option."""
    path, env_file = tmp_path / 'belfry.conf', tmp_path / '.env'
    values = wrong_values(allowed) + beyond(allowed)
    for value in values:
        check_refusal(run(tmp_path, **{name: os.fsdecode(value)}), name, value, allowed)
    value = values[0]
    if isinstance(value, bytes):
        return
    unset = {name: None} if name in ('HOST', 'PORT', 'GRPC_PORT', 'DATABASE_PATH') else {}
    path.write_text(f'[belfry]\n{name}={value}\n')
    check_refusal(run(tmp_path, ['--config', path], **unset), name, value, allowed)
    env_file.write_text(f'{name}={value}\n')
    check_refusal(run(tmp_path, ['--env-file', env_file], **unset), name, value, allowed)
    if option:
        check_refusal(run(tmp_path, [f'{option}={value}']), name, value, allowed)
    assert {one.name for one in tmp_path.iterdir()} <= {'belfry.conf', '.env'}, 'nothing was made'


def test_host_that_does_not_exist(tmp_path):
    ended = run(tmp_path, HOST='no-such-host.invalid')
    assert ended.returncode == 1 and len(ended.stderr.splitlines()) == 1 and "HOST 'no-such-host.invalid'" in ended.stderr


@pytest.mark.parametrize('host', ['127.0.0.1', '::1', '[::1]', 'localhost', 'localhost.', 'a_b-c.1x.example', 'bücher.example', '0.0.0.0'])
def test_hosts_that_may_be(tmp_path, host):
    assert run(tmp_path, ['--check-config'], HOST=host).stdout == 'The settings are in order\n'


def test_white_space_around_values_does_not_count(belfryd, tmp_path):
    path, env_file = tmp_path / 'belfry.conf', tmp_path / '.env'
    path.write_text('[belfry]\nMAX_PAYLOAD_KEYS=\\s7\\s\nEVENT_RETENTION=  \n')
    env_file.write_text('API_KEY="  key  "\n')
    daemon = belfryd(arguments=['--config', path, '--env-file', env_file, '--log-format', ' json '], HOST=' 127.0.0.1\t', PORT=' 0\n',
                     REQUIRE_AUTH=' true', RATE_LIMIT_QUERY=' unlimited ', CORS_ORIGINS=' ')
    assert daemon.get('/stats', headers={'X-API-Key': 'key'}).status == 200
    refused = daemon.post(event(payload={f'k{n}': n for n in range(8)}), headers={'X-API-Key': 'key'})
    assert refused.status == 422 and '7' in refused.body.decode()


def test_collector_settings_do_not_stop_the_start(belfryd, tmp_path):
    """Settings of doors that this build does not have, as other programs of the same environment have them."""
    path = tmp_path / 'belfry.conf'
    path.write_text('[belfry]\nKAFKA_TOPIC=learner.events\n')
    assert belfryd(arguments=['--config', str(path)], GRPC_PORT='off', KAFKA_BOOTSTRAP_SERVERS='', JWT_ISSUER='x').publish()


def test_authentication_without_a_key_does_not_start(tmp_path):
    for value in ('true', '1', 'yes', 'on', 'TRUE', 'Yes', 'oN'):
        for key in (None, ''):
            ended = run(tmp_path, REQUIRE_AUTH=value, **({} if key is None else {'API_KEY': key}))
            assert ended.returncode > 0 and len(ended.stderr.splitlines()) == 1, ended
            assert 'API_KEY' in ended.stderr or 'REQUIRE_AUTH' in ended.stderr


@pytest.mark.parametrize('value', ['true', '1', 'yes', 'on', 'TRUE', 'Yes', 'oN'])
def test_spellings_of_true(belfryd, value):
    daemon = belfryd(REQUIRE_AUTH=value, API_KEY='k')
    assert daemon.get('/stats').status == 401


@pytest.mark.parametrize('value', ['false', '0', 'no', 'off', 'FALSE'])
def test_spellings_of_false(belfryd, value):
    assert belfryd(REQUIRE_AUTH=value, API_KEY='k').get('/stats').status == 200


@pytest.mark.parametrize('settings', [{'TLS_CERTIFICATE': '/nonexistent/c.pem', 'TLS_PRIVATE_KEY': '/nonexistent/k.pem'},
                                      {'TLS_CERTIFICATE': '/etc/hostname', 'TLS_PRIVATE_KEY': '/etc/hostname'},
                                      {'TLS_CERTIFICATE': '/etc/hostname'}, {'TLS_PRIVATE_KEY': '/etc/hostname'}])
def test_wrong_certificate_does_not_start(tmp_path, settings):
    ended = run(tmp_path, **settings)
    assert ended.returncode > 0 and 'TLS_' in ended.stderr, ended
    assert len(ended.stderr.splitlines()) == 1


def test_port_that_is_taken_does_not_start(tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(tmp_path, PORT=port)
        assert ended.returncode > 0 and str(port) in ended.stderr, ended


def test_broken_type_file_does_not_start(tmp_path):
    for number, text in enumerate(('[Event Type Bad Name]\nDescription=x\n', '[Event Type fine]\n', 'nonsense', '[Something]\nDescription=x\n')):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / 'broken.conf').write_text(text)
        ended = run(folder, BELFRY_EVENT_TYPES_DIR=folder)
        assert ended.returncode > 0 and 'broken.conf' in ended.stderr, ended


# Addresses

def test_several_ports(belfryd):
    daemon = belfryd(PORT='0,0,0', addresses=3)
    assert len({urlsplit(url).port for url in daemon.urls}) == 3
    made = daemon.publish()
    for url in daemon.urls:
        daemon.port = urlsplit(url).port
        assert daemon.query() == [made]
        assert all(str(urlsplit(one).port) in daemon.get('/health').body.decode() for one in daemon.urls)


def test_ipv6(belfryd):
    daemon = belfryd(host='::1')
    assert daemon.url == f'http://[::1]:{daemon.port}'
    with daemon.subscribe() as socket_:
        made = daemon.publish()
        assert socket_.receive_json() == made


def test_localhost_by_name(belfryd):
    daemon = belfryd(host='localhost', addresses=1)
    assert daemon.port > 0
    assert daemon.publish()


def test_every_address_by_default(belfryd):
    daemon = belfryd(HOST=None)
    assert '0.0.0.0' in daemon.url
    assert daemon.publish()


def test_old_names_are_read_when_the_new_ones_are_unset(belfryd, port):
    daemon = belfryd(HOST=None, PORT=None, HTTP_HOST='127.0.0.1', HTTP_PORT=port)
    assert daemon.url == f'http://127.0.0.1:{port}'
    other = belfryd(PORT=0, HTTP_PORT=port, HTTP_HOST='no such host')
    assert other.port != port


# Sources and their order

def test_environment_beats_the_file(belfryd, tmp_path):
    path = tmp_path / 'belfry.conf'
    path.write_text('[belfry]\nSERVICE_NAME=from-file\nMAX_PAYLOAD_KEYS=3\n')
    assert belfryd(arguments=['--config', str(path)]).get('/health').json()['service'] == 'from-file'
    daemon = belfryd(arguments=['--config', str(path)], SERVICE_NAME='from-environment')
    assert daemon.get('/health').json()['service'] == 'from-environment'
    assert daemon.post(event(payload={'a': 1, 'b': 2, 'c': 3, 'd': 4})).status == 422, 'the rest of the file holds'


def test_options_beat_the_environment(belfryd, port, tmp_path):
    daemon = belfryd(arguments=['--port', str(port), '--database', str(tmp_path / 'other.db')])
    assert daemon.port == port
    assert (tmp_path / 'other.db').exists() and not daemon.database.exists()


def test_env_file(belfryd, tmp_path):
    path = tmp_path / '.env'
    path.write_text('# a comment\n\nSERVICE_NAME="from env file"\nexport MAX_PAYLOAD_KEYS=1\nCORS_ORIGINS=https://a.example\n')
    daemon = belfryd(arguments=['--env-file', str(path)])
    assert daemon.get('/health').json()['service'] == 'from env file'
    assert daemon.post(event(payload={'a': 1, 'b': 2})).status == 422


def test_wrong_value_in_a_file_is_named(tmp_path):
    path = tmp_path / 'belfry.conf'
    path.write_text('[belfry]\nMAX_PAYLOAD_KEYS=lots\n')
    ended = run(tmp_path, ['--config', path])
    assert ended.stderr.startswith(f"belfryd: MAX_PAYLOAD_KEYS: 'lots' (from {path}) is not allowed; allowed: "), ended
    assert len(ended.stderr.splitlines()) == 1
    assert '(from' not in run(tmp_path, ['--config', path], MAX_PAYLOAD_KEYS='many').stderr


@pytest.mark.parametrize('check', [[], ['--check-config']])
def test_named_file_that_does_not_exist(tmp_path, check):
    for option in ('--config', '--env-file'):
        ended = run(tmp_path, [option, tmp_path / 'none', *check])
        assert ended.returncode == 2 and ended.stderr == f"belfryd: {option} '{tmp_path / 'none'}': No such file or directory\n", ended


def databases_that_cannot_be(folder):
    newer, foreign, tables = folder / 'newer.db', folder / 'foreign.db', folder / 'tables.db'
    foreign.write_text('nothing of ours')
    with sqlite3.connect(tables) as connection:
        connection.execute('CREATE TABLE somebody (a)')
    with sqlite3.connect(newer) as connection:
        connection.executescript(f'PRAGMA application_id={0x42656c66}; PRAGMA user_version=99; CREATE TABLE a (b)')
    return [newer, foreign, tables, folder, foreign / 'below.db', '/proc/x/y.db', ':memory:']


def test_check_and_start_say_the_same_of_a_database(tmp_path):
    for path in databases_that_cannot_be(tmp_path):
        start, check = run(tmp_path, DATABASE_PATH=path), run(tmp_path, ['--check-config'], DATABASE_PATH=path)
        assert (start.returncode, check.returncode) == (1, 2), (path, start, check)
        assert start.stderr == check.stderr and start.stderr.startswith(f"belfryd: DATABASE_PATH '{path}': "), (start, check)
        assert len(start.stderr.splitlines()) == 1 and 'event-types' not in start.stderr


def test_folder_of_event_types_that_is_missed(belfryd, tmp_path):
    folder = tmp_path / 'none'
    ended = run(tmp_path, ['--check-config'], BELFRY_EVENT_TYPES_DIR=folder)
    assert ended.returncode == 0 and f"warning: BELFRY_EVENT_TYPES_DIR '{folder}'" in ended.stderr, ended
    assert f"BELFRY_EVENT_TYPES_DIR '{folder}'" in belfryd(BELFRY_EVENT_TYPES_DIR=folder).log()


def test_unknown_key_is_a_warning(belfryd, tmp_path):
    path = tmp_path / 'odd.conf'
    path.write_text('[belfry]\nMAX_PAYLOD_KEYS=3\nSERVICE_NAME=fine\n')
    daemon = belfryd(arguments=['--config', str(path)])
    assert daemon.get('/health').json()['service'] == 'fine'
    assert 'MAX_PAYLOD_KEYS' in daemon.log() and 'odd.conf' in daemon.log()


def test_check_config_tells_all_problems(tmp_path, certificate):
    folder = tmp_path / 'types'
    folder.mkdir()
    (folder / 'broken.conf').write_text('[Event Type Bad Name]\nDescription=x\n')
    ended = run(tmp_path, ['--check-config'], MAX_SUBSCRIBERS='x', LOG_LEVEL='LOUD')
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 2, ended
    ended = run(tmp_path, ['--check-config'], BELFRY_EVENT_TYPES_DIR=folder, TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=folder / 'no.pem',
                DATABASE_PATH=folder)
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 3, ended
    for name in ('BELFRY_EVENT_TYPES_DIR', 'TLS_PRIVATE_KEY', 'DATABASE_PATH'):
        assert name in ended.stderr


@pytest.mark.parametrize('text', ['nonsense', '[someone]\n', '[someone]\nhash=short\nscope=query\n'])
def test_broken_file_of_keys(tmp_path, text):
    path = tmp_path / 'keys.conf'
    path.write_text(text)
    for arguments, status in ([], 1), (['--check-config'], 2):
        ended = run(tmp_path, arguments, API_KEYS_FILE=path)
        assert ended.returncode == status and len(ended.stderr.splitlines()) == 1, ended
        assert 'API_KEYS_FILE' in ended.stderr and 'keys.conf' in ended.stderr


def test_file_of_keys_without_a_key_lets_nobody_in_and_does_not_start(tmp_path):
    path = tmp_path / 'keys.conf'
    path.write_text('# nobody\n')
    ended = run(tmp_path, API_KEYS_FILE=path, REQUIRE_AUTH='true')
    assert ended.returncode in (1, 2) and 'REQUIRE_AUTH' in ended.stderr and len(ended.stderr.splitlines()) == 1, ended


def test_check_config_looks_into_the_files(tmp_path, certificate):
    ended = run(tmp_path, ['--check-config'], TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])
    assert ended.returncode == 0 and ended.stderr == '', ended
    path = tmp_path / 'belfry.conf'
    path.write_text('[belfry]\nMAX_PAYLOD_KEYS=1\n')
    ended = run(tmp_path, ['--check-config', '--config', path])
    assert ended.returncode == 0 and 'MAX_PAYLOD_KEYS' in ended.stderr


def test_key_of_another_certificate_does_not_start(tmp_path, certificate):
    other = tmp_path / 'other.pem'
    subprocess.run(['openssl', 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-out', str(other)],
                   check=True, capture_output=True, timeout=30)
    for arguments, status in ([], 1), (['--check-config'], 2):
        ended = run(tmp_path, arguments, TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=other)
        assert ended.returncode == status and len(ended.stderr.splitlines()) == 1, ended
        assert 'TLS_CERTIFICATE' in ended.stderr and 'do not work together' in ended.stderr


def test_check_config(tmp_path):
    assert run(tmp_path, ['--check-config']).returncode == 0
    ended = run(tmp_path, ['--check-config'], MAX_SUBSCRIBERS='x')
    assert ended.returncode > 0 and 'MAX_SUBSCRIBERS' in ended.stderr
    assert list(tmp_path.iterdir()) == [], 'looking makes nothing'


def test_version_and_help(tmp_path):
    assert re.search(r'\d+\.\d+', run(tmp_path, ['--version']).stdout)
    assert '--config' in run(tmp_path, ['--help']).stdout
    ended = run(tmp_path, ['--no-such-option'])
    assert ended.returncode > 0 and 'no-such-option' in ended.stderr


def test_version_setting_is_without_effect(belfryd):
    assert belfryd(VERSION='99.99').get('/health').json()['version'] != '99.99'


# Logs

def test_json_log(belfryd):
    daemon = belfryd(LOG_FORMAT='json', LOG_LEVEL='DEBUG')
    daemon.publish(user_id='line\nbreak "quoted"')
    daemon.subscribe().close()
    daemon.stop()
    lines = daemon.log().splitlines()
    assert lines
    for line in lines:
        assert isinstance(json.loads(line), dict), line


def test_levels(belfryd):
    quiet, chatty = belfryd(LOG_LEVEL='ERROR'), belfryd(LOG_LEVEL='DEBUG')
    debugging = belfryd(DEBUG='true')
    for daemon in (quiet, chatty, debugging):
        daemon.publish()
        daemon.stop()
    assert quiet.log() == ''
    assert len(chatty.log().splitlines()) > 0
    assert len(debugging.log().splitlines()) > 0


def test_sessions_are_called_by_their_path(belfryd):
    daemon = belfryd(LOG_LEVEL='DEBUG')
    sessions = [daemon.ws('/ws/subscribe'), daemon.ws('/ws/publish')]
    with daemon.stream() as stream:
        wait_until(lambda: all(f'{path} begins, ' in daemon.log() for path in ('/ws/subscribe', '/ws/publish', '/events/stream')))
    for session in sessions:
        session.drop()
    assert 'Session' not in daemon.log()


def test_payloads_stay_out_of_the_log(belfryd):
    daemon = belfryd(LOG_LEVEL='DEBUG')
    daemon.publish(payload={'secret': 'rosebud'})
    daemon.post('{"rosebud')
    daemon.stop()
    assert 'rosebud' not in daemon.log()


# The database's place

def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_modes(belfryd, tmp_path):
    kept = tmp_path / 'kept'
    kept.mkdir(mode=0o755)
    os.chmod(kept, 0o755)
    path = kept / 'new' / 'newer' / 'events.db'
    old = os.umask(0)
    try:
        daemon = belfryd(DATABASE_PATH=path)
    finally:
        os.umask(old)
    daemon.publish()
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700 and mode(path.parent.parent) == 0o700
    assert mode(kept) == 0o755
    for beside in path.parent.iterdir():
        assert mode(beside) & 0o077 == 0, beside


def test_database_by_default_in_the_working_folder(belfryd):
    daemon = belfryd(DATABASE_PATH=None)
    daemon.publish()
    assert (daemon.folder / 'data' / 'events.db').exists()


def test_retention_keeps_what_is_young(belfryd):
    first = belfryd()
    first.publish_many(5)
    first.stop()
    assert belfryd(folder=first.folder, EVENT_RETENTION='30d').stats()['total_events'] == 5


def test_retention_takes_what_is_old(belfryd):
    first = belfryd()
    last = datetime.fromisoformat(first.publish_many(5)[-1]['timestamp'])
    first.stop()
    wait_until(lambda: datetime.now(timezone.utc) - last > timedelta(seconds=1.1), what='a second has passed')
    daemon = belfryd(folder=first.folder, EVENT_RETENTION='1s')
    wait_until(lambda: daemon.stats()['total_events'] == 0, timeout=75, what='old events are gone')
    assert daemon.query() == []
