# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The daemon's gRPC door, by a client with stubs made from the contract: the same events as through POST /collect."""

import base64
import itertools
import re
import signal
import socket
import sqlite3
import subprocess

import pytest

grpc = pytest.importorskip('grpc')

from grpc_health.v1 import health_pb2, health_pb2_grpc

from belfry_daemon import binary, build_options, wait_until
from grpc_fixtures import TIMEOUT, Stream, event, pb, raw, refusal, stubs

if build_options().get('grpc') == 'disabled':
    pytest.skip('built without gRPC', allow_module_level=True)


def hash_key(key):
    command = [str(binary('belfryctl')), 'hash-key']
    return subprocess.run(command, input=key + '\n', capture_output=True, text=True, check=True).stdout.strip()


class Door:
    def __init__(self, daemon, credentials=None):
        line = daemon.next_line(15)
        found = re.fullmatch(r'Listening on grpcs?://127\.0\.0\.1:(\d+)', line)
        assert found, line
        self.daemon = daemon
        self.address = f'{"localhost" if credentials else "127.0.0.1"}:{found.group(1)}'
        options = [('grpc.use_local_subchannel_pool', 1)]
        self.channel = (grpc.secure_channel(self.address, credentials, options) if credentials else grpc.insecure_channel(self.address, options))


@pytest.fixture
def open_door(belfryd, stubs):
    doors = []

    def make(credentials=None, **settings):
        door = Door(belfryd(**{'GRPC_HOST': '127.0.0.1', 'GRPC_PORT': 0, **settings}), credentials)
        door.stub = stubs[1].EventCollectorServiceStub(door.channel)
        doors.append(door)
        return door

    yield make
    for door in doors:
        door.channel.close()


@pytest.fixture
def door(open_door):
    return open_door()


def test_an_event_of_either_door_is_the_same(door, event):
    answer = door.stub.CollectEvent(event(event_data={'score': '95'}, event_data_json='{"n": 1.50, "score": 96}', metadata={'app': 'x'},
                                          session_id='s-1'), timeout=TIMEOUT)
    assert answer.success and (answer.accepted, answer.rejected) == (1, 0)
    view = door.daemon.get(f'/events/{answer.event_ids[0]}?view=learner').json()
    del view['received_at']
    assert view == {'id': answer.event_ids[0], 'learner_id': 'l-1', 'course_id': 'c-1', 'lesson_id': 'n-1', 'event_type': 'lesson_started',
                    'event_data': {'score': 96, 'n': 1.5}, 'timestamp': '2024-01-15T10:30:00.000000Z', 'session_id': 's-1',
                    'metadata': {'app': 'x'}, 'batch_id': answer.batch_id}


def test_what_was_not_sent_is_not_there(door, event):
    id, = door.stub.CollectEvent(event(), timeout=TIMEOUT).event_ids
    view = door.daemon.get(f'/events/{id}?view=learner').json()
    assert view['event_data'] == {} and view['metadata'] is None and view['session_id'] is None


@pytest.mark.parametrize('field,value', [('learner_id', ''), ('learner_id', 'x' * 201), ('course_id', ''), ('lesson_id', ''), ('event_type', ''),
                                         ('event_type', 'unheard_of'), ('timestamp', ''), ('timestamp', 'x'), ('timestamp', '9999-01-01'),
                                         ('session_id', 'x' * 201), ('event_data_json', '['), ('event_data_json', '[]'),
                                         ('event_data_json', '{"a":' + '[' * 63 + ']' * 63 + '}')])
def test_each_rule_names_its_field(door, event, field, value):
    code, details = refusal(door.stub.CollectEvent, event(**{field: value}))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and field in details
    letter, = door.daemon.get('/dead-letters').json()
    assert letter['door'] == 'grpc' and letter['field'] == field and letter['content_type'] == 'application/x-protobuf'
    assert base64.b64decode(letter['body_base64']) == event(**{field: value}).SerializeToString()


def test_limits_hold_for_the_merged_object(door, event):
    data = {str(n): 'x' for n in range(30)}
    more = '{' + ','.join(f'"{n}":{n}' for n in range(20, 51)) + '}'
    code, details = refusal(door.stub.CollectEvent, event(event_data=data, event_data_json=more))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and 'event_data' in details and '51' in details
    assert door.stub.CollectEvent(event(event_data=data, event_data_json=more.replace(',"50":50', '')), timeout=TIMEOUT).success
    code, details = refusal(door.stub.CollectEvent, event(metadata={str(n): 'x' for n in range(51)}))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and 'metadata' in details


def test_a_batch_is_told_apart(door, pb, event):
    answer = door.stub.CollectEvents(pb.EventBatch(events=[event(), event(course_id=''), event(learner_id='l-2')]), timeout=TIMEOUT)
    assert not answer.success and (answer.accepted, answer.rejected) == (2, 1)
    assert [(error.index, error.field) for error in answer.errors] == [(1, 'course_id')]
    found = [door.daemon.get(f'/events/{id}').json()['user_id'] for id in answer.event_ids]
    assert found == ['l-1', 'l-2']


def test_a_stream_is_stored_in_order(door, event):
    stream = Stream(door.stub.StreamEvents)
    stream.send(*(event(event_data={'n': str(n)}) if n % 7 else event(course_id='') for n in range(300)))
    stream.close()
    acks = stream.acks()
    assert acks[-1].received == 300 and sum(ack.accepted for ack in acks) == 257 and sum(ack.rejected for ack in acks) == 43
    found = door.daemon.query('limit=1000')
    assert [int(one['payload']['n']) for one in reversed(found)] == [n for n in range(300) if n % 7]
    assert all(ack.accepted + ack.rejected <= 10 for ack in acks)


def test_a_letter_from_here_comes_back(door, pb, event):
    refusal(door.stub.CollectEvent, event(event_type='badge_won', event_data={'b': '1'}))
    letter, = door.daemon.get('/dead-letters').json()
    assert door.daemon.post(b'', path=f'/dead-letters/{letter["id"]}/replay').status == 422
    assert door.daemon.post({'name': 'badge_won', 'description': 'A badge'}, path='/event-types').status == 201
    id = door.daemon.post(b'', path=f'/dead-letters/{letter["id"]}/replay').json()['id']
    view = door.daemon.get(f'/events/{id}?view=learner').json()
    assert view['event_type'] == 'badge_won' and view['event_data'] == {'b': '1'}


def test_what_is_no_message_is_kept_too(door):
    code, _ = refusal(raw(door.channel, 'CollectEvent'), b'\x0a\xff')
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    letters = door.daemon.get('/dead-letters').json()
    assert [base64.b64decode(letter['body_base64']) for letter in letters] in ([], [b'\x0a\xff'])


def test_keys_guard_the_collecting_methods(open_door, pb, event):
    door = open_door(API_KEY='secret')
    assert refusal(door.stub.CollectEvent, event())[0] == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(door.stub.CollectEvent, event(), metadata=[('x-api-key', 'wrong')])[0] == grpc.StatusCode.UNAUTHENTICATED
    for metadata in ([('x-api-key', 'secret')], [('authorization', 'Bearer secret')]):
        assert door.stub.CollectEvent(event(), metadata=metadata, timeout=TIMEOUT).success
    assert door.stub.HealthCheck(pb.HealthCheckRequest(), timeout=TIMEOUT).status == 'ok'
    assert door.stub.ReadinessCheck(pb.ReadinessCheckRequest(), timeout=TIMEOUT).ready


def test_either_place_of_a_key_opens(open_door, event):
    """A client may send its key in one place and something else in the other."""
    door = open_door(API_KEY='secret')
    for metadata in ([('authorization', 'Bearer other'), ('x-api-key', 'secret')], [('x-api-key', 'other'), ('authorization', 'Bearer secret')],
                     [('x-api-key', ''), ('authorization', 'Bearer secret')]):
        assert door.stub.CollectEvent(event(), metadata=metadata, timeout=TIMEOUT).success
    for metadata in ([('authorization', 'Bearer other'), ('x-api-key', 'wrong')], [('x-api-key', ''), ('authorization', 'Bearer ')]):
        assert refusal(door.stub.CollectEvent, event(), metadata=metadata)[0] == grpc.StatusCode.UNAUTHENTICATED


def test_scopes_and_rates_of_keys_hold(open_door, event, tmp_path):
    keys = tmp_path / 'keys.conf'
    keys.write_text(''.join(f'[{name}]\nhash={hash_key(key)}\nscope={scope}\n{more}' for name, key, scope, more in (
        ('reader', 'key-of-the-reader', 'query', ''), ('writer', 'key-of-the-writer', 'collect', 'rate=2/hour\n'))))
    keys.chmod(0o600)
    door = open_door(API_KEYS_FILE=keys, REQUIRE_AUTH='true')
    as_reader, as_writer = [('x-api-key', 'key-of-the-reader')], [('authorization', 'Bearer key-of-the-writer')]
    assert refusal(door.stub.CollectEvent, event(), metadata=as_reader)[0] == grpc.StatusCode.PERMISSION_DENIED
    for _ in range(2):
        assert door.stub.CollectEvent(event(), metadata=as_writer, timeout=TIMEOUT).success
    assert refusal(door.stub.CollectEvent, event(), metadata=as_writer)[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_counts_as_one_call(open_door, event):
    door = open_door(RATE_LIMIT_COLLECT='2/hour')
    stream = Stream(door.stub.StreamEvents)
    for number in range(1, 8):
        stream.send(event())
        assert stream.ack().received == number
    stream.close()
    assert stream.acks() == []
    assert door.stub.CollectEvent(event(), timeout=TIMEOUT).success
    assert refusal(door.stub.CollectEvent, event())[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal(door.stub.StreamEvents, iter([event()]))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_watchers_hear_of_a_database_that_cannot_be_written(door, pb, event):
    watch = health_pb2_grpc.HealthStub(door.channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    other = sqlite3.connect(door.daemon.database, isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    assert refusal(door.stub.CollectEvent, event())[0] == grpc.StatusCode.UNAVAILABLE
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    health = door.stub.HealthCheck(pb.HealthCheckRequest(), timeout=TIMEOUT)
    assert health.status == 'error' and health.components['database'] == 'unavailable'
    assert not door.stub.ReadinessCheck(pb.ReadinessCheckRequest(), timeout=TIMEOUT).ready
    other.execute('ROLLBACK')
    other.close()
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    assert door.stub.CollectEvent(event(), timeout=TIMEOUT).success
    watch.cancel()


def test_watchers_hear_of_the_end(door):
    watch = health_pb2_grpc.HealthStub(door.channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    door.daemon.terminate()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.RpcError):
        next(watch)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_there_after_the_end(door, event, number):
    """A client that never stops: the end comes in the middle."""
    door.daemon.may_fail = True
    acknowledged = 0
    call = door.stub.StreamEvents((event(event_data={'n': str(n)}) for n in itertools.count()), timeout=TIMEOUT)
    with pytest.raises(grpc.RpcError) as caught:
        for ack in call:
            acknowledged = ack.received
            if acknowledged > 500 and not door.daemon.signalled:
                door.daemon.terminate(number)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE and acknowledged > 500
    door.daemon.process.wait(TIMEOUT)
    with sqlite3.connect(door.daemon.database) as database:
        stored, = database.execute('SELECT count(*) FROM event').fetchone()
    assert stored == acknowledged if number == signal.SIGTERM else stored >= acknowledged


def test_health_is_that_of_the_daemon(door, pb):
    health = door.stub.HealthCheck(pb.HealthCheckRequest(), timeout=TIMEOUT)
    told = door.daemon.get('/health').json()
    assert (health.status, health.service, health.version) == (told['status'], told['service'], told['version'])
    assert dict(health.components) == told['components'] and health.uptime_seconds > 0


def test_batches_are_limited(open_door, pb, event):
    door = open_door(MAX_BATCH_SIZE=2, MAX_BATCH_SIZE_BYTES=4096, RATE_LIMIT_COLLECT='3/hour')
    assert refusal(door.stub.CollectEvents, pb.EventBatch(events=[event()] * 3))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal(door.stub.CollectEvent, event(event_data={'x': 'y' * 5000}))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_full_storage_is_unavailable(open_door, pb, event):
    door = open_door(MAX_WAITING_EVENTS=1)
    code, details = refusal(door.stub.CollectEvents, pb.EventBatch(events=[event()] * 5))
    assert code == grpc.StatusCode.UNAVAILABLE and 'torage' in details


def test_tls_is_that_of_the_daemon(open_door, certificate, event):
    credentials = grpc.ssl_channel_credentials(certificate[0].read_bytes())
    door = open_door(credentials, TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])
    assert door.stub.CollectEvent(event(), timeout=TIMEOUT).success


def make_certificate(folder, name):
    """In place of whatever is there; the certificate."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
                    '-subj', f'/CN={name}', '-addext', 'subjectAltName=DNS:localhost', '-keyout', str(folder / 'key.pem'),
                    '-out', str(folder / 'certificate.pem')], check=True, capture_output=True)
    return (folder / 'certificate.pem').read_bytes()


def test_a_new_certificate_is_shown_after_a_reload(open_door, event, stubs, tmp_path):
    old = make_certificate(tmp_path, 'old')
    door = open_door(grpc.ssl_channel_credentials(old), TLS_CERTIFICATE=tmp_path / 'certificate.pem', TLS_PRIVATE_KEY=tmp_path / 'key.pem')
    stream = Stream(door.stub.StreamEvents)
    stream.send(event())
    assert stream.ack().accepted == 1
    new = make_certificate(tmp_path, 'new')
    door.daemon.process.send_signal(signal.SIGHUP)

    def is_collected(root):
        with grpc.secure_channel(door.address, grpc.ssl_channel_credentials(root), [('grpc.use_local_subchannel_pool', 1)]) as channel:
            try:
                return stubs[1].EventCollectorServiceStub(channel).CollectEvent(event(), timeout=2).success
            except grpc.RpcError:
                return False

    wait_until(lambda: is_collected(new), what='the new certificate')
    assert not is_collected(old)
    stream.send(event())
    assert stream.ack().accepted == 1, 'what is open goes on'
    stream.close()
    assert stream.acks() == []


def test_a_taken_default_port_is_a_warning_and_another_an_error(belfryd, tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AssertionError, match='GRPC_PORT'):
            belfryd(GRPC_HOST='127.0.0.1', GRPC_PORT=port)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(('127.0.0.1', 50051))
            taken.listen()
        except OSError:
            """Somebody else has it, which is as good."""
        daemon = belfryd(GRPC_HOST='127.0.0.1', GRPC_PORT='50051')
        assert daemon.get('/health').status == 200 and 'There is no gRPC' in daemon.log()


def test_streams_that_are_open_do_not_keep_the_daemon(open_door, event):
    door = open_door()
    stream = Stream(door.stub.StreamEvents)
    stream.send(event())
    assert stream.ack().accepted == 1
    door.daemon.stop()
    assert door.daemon.stop_seconds < 5
    stream.close()
