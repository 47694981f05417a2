# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""SIGHUP: the files are read anew; a mistake in them changes nothing."""

import os
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from belfry_daemon import binary, event, wait_until


def reload(daemon, expected='Reloaded'):
    """SIGHUP, and the wait for its line in the log; the log's new part."""
    before = daemon.log()
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: expected in daemon.log()[len(before):], what=f'"{expected}" in the log')
    return daemon.log()[len(before):]


@pytest.fixture
def conf(tmp_path):
    """A key file of one's own: conf(NAME=value, …) writes it anew."""
    path = tmp_path / 'belfry.conf'

    def write(**settings):
        path.write_text('[belfry]\n' + ''.join(f'{name}={value}\n' for name, value in settings.items()))
        return ['--config', str(path)]

    write.folder = tmp_path / 'belfry.conf.d'
    return write


def test_what_changes_while_it_runs(belfryd, conf):
    daemon = belfryd(arguments=conf(SERVICE_NAME='before', LOG_LEVEL='INFO'))
    with daemon.subscribe() as subscriber:
        conf(SERVICE_NAME='after', LOG_LEVEL='DEBUG')
        reload(daemon)
        assert daemon.get('/health').json()['service'] == 'after'
        assert 'DEBUG' in daemon.log(), 'the level holds at once'
        made = daemon.publish()
        assert subscriber.receive_json() == made, 'nobody was disturbed'


def test_a_setting_that_is_gone_has_its_default_again(belfryd, conf):
    daemon = belfryd(arguments=conf(SERVICE_NAME='before'))
    conf()
    reload(daemon)
    assert daemon.get('/health').json()['service'] == 'event-pipeline'


def test_fragments_are_read_too(belfryd, conf):
    daemon = belfryd(arguments=conf(SERVICE_NAME='before'))
    conf.folder.mkdir()
    (conf.folder / '10.conf').write_text('[belfry]\nSERVICE_NAME=ten\n')
    (conf.folder / '20.conf').write_text('[belfry]\nSERVICE_NAME=twenty\n')
    reload(daemon)
    assert daemon.get('/health').json()['service'] == 'twenty'


def test_env_file_is_read_too(belfryd, tmp_path):
    path = tmp_path / '.env'
    path.write_text('SERVICE_NAME=before\n')
    daemon = belfryd(arguments=['--env-file', str(path)])
    path.write_text('SERVICE_NAME=after\n')
    reload(daemon)
    assert daemon.get('/health').json()['service'] == 'after'


def test_environment_and_options_keep_beating_files(belfryd, conf):
    daemon = belfryd(arguments=conf() + ['--log-format', 'text'], SERVICE_NAME='environment')
    conf(SERVICE_NAME='file', LOG_FORMAT='json')
    reload(daemon)
    assert daemon.get('/health').json()['service'] == 'environment'
    assert not daemon.log().splitlines()[-1].startswith('{')


@pytest.mark.parametrize('bad', [{'LOG_LEVEL': 'LOUD'}, {'PORT': 'x'}, {'EVENT_RETENTION': 'soon'}, {'REQUIRE_AUTH': 'true'},
                                 {'BELFRY_EVENT_TYPES_DIR': '/dev/null'}, {'TLS_CERTIFICATE': '/nonexistent', 'TLS_PRIVATE_KEY': '/nonexistent'}])
def test_a_mistake_changes_nothing(belfryd, conf, bad):
    daemon = belfryd(PORT=None, addresses=1, arguments=conf(SERVICE_NAME='before', PORT=0), BELFRY_EVENT_TYPES_DIR=None)
    conf(SERVICE_NAME='after', **bad)
    told = reload(daemon, 'Could not reload')
    lines = [line for line in told.splitlines() if 'Could not reload' in line]
    assert len(lines) == 1 and any(name in lines[0] for name in bad), told
    assert daemon.get('/health').json()['service'] == 'before'
    conf(SERVICE_NAME='after', PORT=0)
    reload(daemon)
    assert daemon.get('/health').json()['service'] == 'after'


def test_a_broken_file_changes_nothing(belfryd, conf, tmp_path):
    daemon = belfryd(arguments=conf(SERVICE_NAME='before'))
    (tmp_path / 'belfry.conf').write_text('SERVICE_NAME=after\n')
    assert 'belfry.conf' in reload(daemon, 'Could not reload')
    (tmp_path / 'belfry.conf').unlink()
    assert 'belfry.conf' in reload(daemon, 'Could not reload'), 'the file that was named must be there'
    assert daemon.get('/health').json()['service'] == 'before'


def test_what_needs_a_start_is_named(belfryd, conf):
    daemon = belfryd(arguments=conf(MAX_SUBSCRIBERS=10, SERVICE_NAME='before'))
    conf(MAX_SUBSCRIBERS=20, MAX_QUEUE_SIZE=77, SERVICE_NAME='after')
    for _ in range(2):
        told = reload(daemon)
        for name in ('MAX_SUBSCRIBERS', 'MAX_QUEUE_SIZE'):
            assert f'{name} has changed; it takes effect at the next start' in told
    conf(MAX_SUBSCRIBERS=10, SERVICE_NAME='after')
    assert 'next start' not in reload(daemon)
    assert daemon.get('/health').json()['service'] == 'after'


def test_unknown_keys_are_told_again(belfryd, conf):
    daemon = belfryd(arguments=conf())
    conf(MAX_PAYLOD_KEYS=1)
    assert 'MAX_PAYLOD_KEYS' in reload(daemon)


def test_event_types(belfryd, tmp_path):
    folder = tmp_path / 'types'
    folder.mkdir()
    daemon = belfryd(BELFRY_EVENT_TYPES_DIR=folder)
    assert daemon.post(event(event_type='essay')).status == 422
    (folder / 'school.conf').write_text('[Event Type essay]\nDescription=An essay\n')
    reload(daemon)
    daemon.publish(event_type='essay')
    (folder / 'school.conf').write_text('[Event Type essay]\nDescription=A long essay\n[Event Type poem]\nDescription=A poem\n')
    reload(daemon)
    types = daemon.get('/event-types').json()
    assert types['essay'] == 'A long essay' and types['poem'] == 'A poem'
    (folder / 'school.conf').write_text('[Event Type Bad Name]\nDescription=x\n')
    assert 'school.conf' in reload(daemon, 'Could not reload')
    (folder / 'school.conf').unlink()
    reload(daemon)
    assert 'essay' in daemon.get('/event-types').json(), 'a type that is in use does not go away under it'


def test_too_many_types_change_nothing(belfryd, conf, tmp_path):
    """Not even what was read before them: the keys, and the types that there would have been room for."""
    folder, keys = tmp_path / 'types', tmp_path / 'keys.conf'
    folder.mkdir()
    keys.write_text(key_group('first', 'key-of-the-first', 'query'))

    def write_types(prefix, count):
        (folder / 'many.conf').write_text(''.join(f'[Event Type {prefix}{n}]\nDescription=x\n' for n in range(count)))

    write_types('a', 6000)
    daemon = belfryd(arguments=conf(SERVICE_NAME='before'), API_KEYS_FILE=keys, REQUIRE_AUTH='true', BELFRY_EVENT_TYPES_DIR=folder)
    first, second = ({'X-API-Key': f'key-of-the-{name}'} for name in ('first', 'second'))
    before = daemon.get('/event-types', headers=first).json()
    keys.write_text(key_group('second', 'key-of-the-second', 'query'))
    write_types('b', 6000)
    conf(SERVICE_NAME='after')
    assert 'allowed: 10000' in reload(daemon, 'Could not reload')
    assert daemon.get('/event-types', headers=first).json() == before
    assert daemon.get('/stats', headers=second).status == 401 and daemon.get('/health').json()['service'] == 'before'
    write_types('b', 10000 - len(before))
    reload(daemon)
    stats = daemon.get('/stats', headers=second).json()
    assert stats['daemon'] == {'reloads': 1, 'reloads_failed': 1}
    assert len(daemon.get('/event-types', headers=second).json()) == 10000


def test_types_registered_at_the_door_keep_their_description(belfryd, tmp_path):
    folder = tmp_path / 'types'
    folder.mkdir()
    daemon = belfryd(BELFRY_EVENT_TYPES_DIR=folder)
    assert daemon.post({'name': 'essay', 'description': 'from the door'}, path='/event-types').status == 201
    (folder / 'school.conf').write_text('[Event Type essay]\nDescription=from the file\n')
    reload(daemon)
    assert daemon.get('/event-types').json()['essay'] == 'from the door'


def key_group(name, key, scope):
    hashed = subprocess.run([str(binary('belfryctl')), 'hash-key'], input=key, capture_output=True, text=True, timeout=30, check=True).stdout.split()[-1]
    return f'[{name}]\nhash={hashed}\nscope={scope}\n'


def test_api_keys(belfryd, tmp_path):
    path = tmp_path / 'keys.conf'
    path.write_text(key_group('first', 'key-of-the-first', 'query subscribe'))
    daemon = belfryd(API_KEYS_FILE=path, REQUIRE_AUTH='true')

    def status(key):
        return daemon.get('/stats', headers={'X-API-Key': key}).status

    assert status('key-of-the-first') == 200 and status('key-of-the-second') == 401
    path.write_text('nonsense')
    assert 'keys.conf' in reload(daemon, 'Could not reload')
    assert status('key-of-the-first') == 200
    with daemon.ws('/ws/subscribe', headers={'X-API-Key': 'key-of-the-first'}) as subscriber:
        assert subscriber.ask({})['status'] == 'subscribed'
        path.write_text(key_group('second', 'key-of-the-second', 'query'))
        reload(daemon)
        assert subscriber.expect_close().code == 4001
    assert status('key-of-the-first') == 401 and status('key-of-the-second') == 200
    path.write_text('# nobody\n')
    assert 'REQUIRE_AUTH' in reload(daemon, 'Could not reload')
    assert status('key-of-the-second') == 200
    daemon.stop()
    assert 'key-of-the' not in daemon.log()


def test_rate_limits(belfryd, conf):
    daemon = belfryd(arguments=conf(RATE_LIMIT_QUERY='unlimited'), RATE_LIMIT_QUERY=None)
    for _ in range(5):
        assert daemon.get('/stats').status == 200
    conf(RATE_LIMIT_QUERY='2/hour')
    reload(daemon)
    assert [daemon.get('/stats').status for _ in range(4)][-1] == 429
    conf(RATE_LIMIT_QUERY='unlimited')
    reload(daemon)
    assert daemon.get('/stats').status == 200


def test_cors_origins(belfryd, conf):
    daemon = belfryd(arguments=conf(CORS_ORIGINS='https://a.example'))

    def allowed(origin):
        return daemon.get('/health', headers={'Origin': origin}).headers['Access-Control-Allow-Origin']

    assert allowed('https://a.example') == 'https://a.example' and allowed('https://b.example') is None
    conf(CORS_ORIGINS='https://b.example')
    reload(daemon)
    assert allowed('https://b.example') == 'https://b.example' and allowed('https://a.example') is None


def test_cors_origins_of_open_connections(belfryd, conf):
    daemon = belfryd(arguments=conf(CORS_ORIGINS='*'))
    connection = daemon.connection()
    assert [daemon.post(event(), connection=connection).headers['Vary'] for _ in range(2)] == [None, None]
    conf(CORS_ORIGINS='https://b.example')
    reload(daemon)
    assert daemon.post(event(), connection=connection).headers['Vary'] == 'Origin'


def make_certificate(folder, name):
    paths = folder / f'{name}.pem', folder / f'{name}.key'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
                    '-subj', f'/CN={name}', '-keyout', str(paths[1]), '-out', str(paths[0])], check=True, capture_output=True, timeout=30)
    return paths


def shown_certificate(daemon):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((daemon.host, daemon.port), timeout=10) as plain, context.wrap_socket(plain) as wrapped:
        return ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True))


def test_certificate(belfryd, tmp_path):
    first, second = make_certificate(tmp_path, 'first'), make_certificate(tmp_path, 'second')
    certificate, key = tmp_path / 'c.pem', tmp_path / 'k.pem'
    shutil.copy(first[0], certificate)
    shutil.copy(first[1], key)
    daemon = belfryd(TLS_CERTIFICATE=certificate, TLS_PRIVATE_KEY=key)
    with daemon.subscribe() as subscriber:
        shutil.copy(second[0], certificate)
        told = reload(daemon, 'Could not reload')
        assert 'TLS_CERTIFICATE' in told and 'do not work together' in told
        assert shown_certificate(daemon).split() == first[0].read_text().split()
        shutil.copy(second[1], key)
        reload(daemon)
        assert shown_certificate(daemon).split() == second[0].read_text().split()
        made = daemon.publish()
        assert subscriber.receive_json() == made, 'open connections go on'


def test_tls_cannot_be_switched_on(belfryd, conf, certificate):
    daemon = belfryd(arguments=conf())
    conf(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])
    assert 'next start' in reload(daemon)
    assert daemon.get('/health').headers['Strict-Transport-Security'] is None


def test_the_service_manager_is_told(belfryd, tmp_path_factory):
    path = tmp_path_factory.mktemp('notify') / 'socket'  # its name must be short
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        daemon = belfryd(NOTIFY_SOCKET=path)
        assert b'READY=1' in manager.recv(4096)
        daemon.process.send_signal(signal.SIGHUP)
        told = manager.recv(4096).decode().splitlines()
        assert told[0] == 'RELOADING=1' and told[1].startswith('MONOTONIC_USEC=') and int(told[1].partition('=')[2]) > 0
        assert b'READY=1' in manager.recv(4096)
        daemon.terminate()
        assert b'STOPPING=1' in manager.recv(4096)
        daemon.stop()


def test_many_reloads_cost_nothing(belfryd, conf):
    daemon = belfryd(arguments=conf())
    reload(daemon)
    before = daemon.descriptors()
    for number in range(50):
        conf(SERVICE_NAME=f'name-{number}')
        daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: daemon.get('/health').json()['service'] == 'name-49', what='the last one holds')
    assert daemon.descriptors() <= before + 2


@pytest.mark.parametrize('number', [signal.SIGUSR1, signal.SIGPIPE])
def test_signals_that_mean_nothing(belfryd, number):
    daemon = belfryd()
    daemon.process.send_signal(number)
    daemon.publish()


def test_a_reload_while_it_ends_is_passed_over(belfryd):
    daemon = belfryd()
    os.kill(daemon.pid, signal.SIGTERM)
    os.kill(daemon.pid, signal.SIGHUP)
    daemon.signalled = True
    daemon.stop()
