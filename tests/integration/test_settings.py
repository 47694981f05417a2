# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Settings: where they come from, which one wins, and what a wrong one does."""

import json
import os
import re
import socket
import stat
import subprocess
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest

from belfry_daemon import binary, event, wait_until


def run(folder, arguments=(), **settings):
    """belfryd to its end: for starts that must not succeed, and options that only print."""
    environment = {'PATH': os.environ['PATH'], 'HOST': '127.0.0.1', 'PORT': '0', 'GRPC_PORT': 'off', 'DATABASE_PATH': str(folder / 'events.db'),
                   **{name: str(value) for name, value in settings.items() if value is not None}}
    for name, value in settings.items():
        if value is None:
            environment.pop(name)
    return subprocess.run([str(binary('belfryd')), *map(str, arguments)], env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30)


WRONG = [
    ('PORT', 'abc'), ('PORT', '65536'), ('PORT', '-1'), ('PORT', '8001,x'), ('PORT', '80 01'), ('PORT', '1.5'), ('HOST', 'no such host'),
    ('DEBUG', 'perhaps'), ('REQUIRE_AUTH', 'perhaps'), ('LOG_LEVEL', 'LOUD'), ('LOG_FORMAT', 'xml'),
    ('MAX_SUBSCRIBERS', 'many'), ('MAX_SUBSCRIBERS', '-1'), ('MAX_SUBSCRIBERS', '1.5'), ('MAX_SUBSCRIBERS', '99999999999999999999'),
    ('MAX_QUEUE_SIZE', '-5'), ('MAX_QUEUE_SIZE', 'x'), ('RING_MAX_BYTES', 'x'), ('RING_MAX_BYTES', '-1'),
    ('MAX_WS_MESSAGE_BYTES', 'x'), ('MAX_WS_MESSAGE_BYTES', '-1'), ('MAX_WS_CONNECTIONS_PER_IP', 'x'), ('MAX_WS_CONNECTIONS_PER_IP', '-1'),
    ('MAX_PAYLOAD_KEYS', 'x'), ('MAX_PAYLOAD_KEYS', '-1'), ('MAX_PAYLOAD_BYTES', '64k?'), ('MAX_PAYLOAD_BYTES', '-1'), ('MAX_BODY_BYTES', 'x'), ('MAX_ANSWER_BYTES', '1'),
    ('EVENT_RETENTION', 'soon'), ('EVENT_RETENTION', '-1d'), ('EVENT_RETENTION', '30'), ('EVENT_RETENTION', '30 parsecs'), ('EVENT_RETENTION', '1.5.2d'),
]


@pytest.mark.parametrize('name,value', WRONG)
def test_wrong_value_stops_the_start_with_one_line(tmp_path, name, value):
    ended = run(tmp_path, **{name: value})
    assert ended.returncode not in (0, None) and ended.returncode > 0, ended
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert name in lines[0] and value in lines[0], lines[0]
    assert len(lines[0]) > len(name) + len(value) + 10, 'it says what is allowed'
    assert ended.stdout == ''
    assert name == 'HOST' or list(tmp_path.iterdir()) == [], 'nothing was made'


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


def free_port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def test_old_names_are_read_when_the_new_ones_are_unset(belfryd):
    port = free_port()
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


def test_options_beat_the_environment(belfryd, tmp_path):
    port = free_port()
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
    assert ended.returncode > 0 and 'MAX_PAYLOAD_KEYS' in ended.stderr and 'lots' in ended.stderr, ended
    assert len(ended.stderr.splitlines()) == 1


def test_named_file_that_does_not_exist(tmp_path):
    for option in ('--config', '--env-file'):
        ended = run(tmp_path, [option, tmp_path / 'none'])
        assert ended.returncode > 0 and 'none' in ended.stderr, ended


def test_unknown_key_is_a_warning(belfryd, tmp_path):
    path = tmp_path / 'odd.conf'
    path.write_text('[belfry]\nMAX_PAYLOD_KEYS=3\nSERVICE_NAME=fine\n')
    daemon = belfryd(arguments=['--config', str(path)])
    assert daemon.get('/health').json()['service'] == 'fine'
    assert 'MAX_PAYLOD_KEYS' in daemon.log() and 'odd.conf' in daemon.log()


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
