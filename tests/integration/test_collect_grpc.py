# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The daemon's gRPC door, by a client with stubs made from the contract: the same events as through POST /collect."""

import base64
import re
import socket

import pytest

grpc = pytest.importorskip('grpc')

from belfry_daemon import build_options
from grpc_fixtures import TIMEOUT, Stream, event, pb, raw, refusal, stubs

if build_options().get('grpc') == 'disabled':
    pytest.skip('built without gRPC', allow_module_level=True)


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
