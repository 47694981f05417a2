# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Events through the gRPC door as applications send them: grpcio with stubs generated from the contract."""

import random
import socket
import threading

import pytest

grpc = pytest.importorskip('grpc')

import grpc_door
from belfry_daemon import wait_until
from grpc_fixtures import (SERVICE, TIMEOUT, check_acks, door, event, half_open, open_door, pb, raw, refusal, refusal_of, stream, stub,
                           stubs)

if not grpc_door.PROGRAM.exists():
    pytest.skip('built without gRPC', allow_module_level=True)


# One event


def test_collect_event(stub, event, door):
    answer = stub.CollectEvent(event(event_data={'score': '95', 'ä': '✓'}, session_id='s', metadata={'app': 'x'}, event_data_json='{"n": 1}'))
    assert answer.success and (answer.accepted, answer.rejected) == (1, 0)
    assert list(answer.event_ids) == ['evt_000000000001']
    assert len(answer.batch_id) == 36 and answer.timestamp.endswith('Z')
    kept, = door.take()
    assert kept['event_data'] == {'score': '95', 'ä': '✓'} and kept['metadata'] == {'app': 'x'}
    assert kept['session_id'] == 's' and kept['event_data_json'] == '{"n": 1}' and kept['learner_id'] == 'l-1'
    assert kept['batch_id'] == answer.batch_id and kept['original'] > 0


@pytest.mark.parametrize('field', ['learner_id', 'course_id', 'lesson_id', 'event_type', 'timestamp'])
def test_invalid_event_names_the_field(stub, event, field):
    code, details = refusal(stub.CollectEvent, event(**{field: ''}))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and field in details


@pytest.mark.parametrize('field', ['learner_id', 'course_id', 'lesson_id', 'event_type', 'timestamp', 'session_id'])
def test_nul_names_the_field(stub, event, door, field):
    code, details = refusal(stub.CollectEvent, event(**{field: 'a\0b'}))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details == f'{field}: String should not contain U+0000'
    kept, = door.take()
    assert kept['refused_field'] == field and kept['original'] > 0


def test_nul_in_a_value_is_whole(stub, event, door):
    assert stub.CollectEvent(event(learner_id='x', event_data={'k': 'v'})).success
    assert stub.CollectEvent(event(event_data={'k': 'a\0b'})).success
    assert len(door.take()) == 2


@pytest.mark.parametrize('number,field', [(1, 'learner_id'), (2, 'course_id'), (3, 'lesson_id'), (4, 'event_type'), (6, 'timestamp'),
                                          (7, 'session_id'), (9, 'event_data_json')])
def test_bad_utf8_names_the_field(door, event, number, field):
    method = raw(door.channel(), 'CollectEvent')
    for bad in (b'\xff', b'a\0\xff', b'\xed\xa0\x80', b'\xc0\x80'):
        data = event().SerializeToString() + bytes([number << 3 | 2, len(bad)]) + bad
        code, details = refusal(method, data)
        assert code == grpc.StatusCode.INVALID_ARGUMENT and details == f'{field}: String should be valid UTF-8'


@pytest.mark.parametrize('number,field', [(5, 'event_data'), (8, 'metadata')])
@pytest.mark.parametrize('entry', [b'\x0a\x01\xff', b'\x12\x01\xff', b'\x0a\x01k\x12\x02\0\xff'])
def test_bad_utf8_in_a_map_names_it(door, event, number, field, entry):
    data = event().SerializeToString() + bytes([number << 3 | 2, len(entry)]) + entry
    code, details = refusal(raw(door.channel(), 'CollectEvent'), data)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith(field + ': ')


def test_truncated_messages_are_refused(door, event):
    data = event(event_data={'a': 'b'}).SerializeToString()
    method = raw(door.channel(), 'CollectEvent')
    codes = {refusal(method, data[:-1 - cut])[0] for cut in range(12)}
    assert codes == {grpc.StatusCode.INVALID_ARGUMENT}
    assert refusal(method, b'\xff\xff\xff')[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(method, b'')[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_unknown_members_are_ignored(door, event, pb):
    data = event().SerializeToString() + b'\x9a\x06\x03abc' + b'\xa0\x06\x05'
    assert pb.CollectResponse.FromString(raw(door.channel(), 'CollectEvent')(data)).success


def test_many_tiny_entries_cost_bounded_memory(open_door, event, pb):
    door = open_door()
    before = door.rss()
    method = raw(door.channel(), 'CollectEvent')
    for _ in range(5):
        code, details = refusal(method, event().SerializeToString() + b'\x2a\x00' * 500000)
        assert code == grpc.StatusCode.INVALID_ARGUMENT and details == 'Has too many entries'
    if not grpc_door.SANITIZED:
        assert door.rss() - before < 40 * 1024 * 1024


# Batches


def test_batch_counts_one_by_one(stub, event, pb, door):
    answer = stub.CollectEvents(pb.EventBatch(events=[event(), event(learner_id=''), event(event_type='unknown'), event(course_id='\0')]))
    assert not answer.success and (answer.accepted, answer.rejected) == (1, 3)
    assert [(error.index, error.field) for error in answer.errors] == [(1, 'learner_id'), (2, 'event_type'), (3, 'course_id')]
    assert all(error.message for error in answer.errors) and len(answer.event_ids) == 1
    assert {kept['batch_id'] for kept in door.take()} == {answer.batch_id}


def test_batch_of_nothing_good_succeeds_as_a_call(stub, event, pb):
    answer = stub.CollectEvents(pb.EventBatch(events=[event(learner_id='')]))
    assert not answer.success and (answer.accepted, answer.rejected) == (0, 1)


def test_one_malformed_event_does_not_sink_the_batch(door, event, pb):
    good = event().SerializeToString()
    parts = [good, b'\xff', good]
    data = b''.join(b'\x0a' + bytes([len(part)]) + part for part in parts)
    answer = pb.CollectResponse.FromString(raw(door.channel(), 'CollectEvents')(data))
    assert (answer.accepted, answer.rejected) == (2, 1) and (answer.errors[0].index, answer.errors[0].field) == (1, '')
    assert [kept['refused_field'] for kept in door.take()] == [None, '', None]


def test_empty_batch_is_refused(stub, pb):
    code, details = refusal(stub.CollectEvents, pb.EventBatch())
    assert code == grpc.StatusCode.INVALID_ARGUMENT and 'events' in details


def test_broken_batch_is_refused(door):
    code, _ = refusal(raw(door.channel(), 'CollectEvents'), b'\x0a\x7fabc')
    assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_too_many_events_exhaust(stub, event, pb, door):
    assert stub.CollectEvents(pb.EventBatch(events=[event()] * 100)).accepted == 100
    code, details = refusal(stub.CollectEvents, pb.EventBatch(events=[event()] * 101))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and '100' in details
    door.wait_for(too_large=1)


def test_too_many_bytes_exhaust(stub, event, pb):
    code, _ = refusal(stub.CollectEvents, pb.EventBatch(events=[event(event_data_json='x' * 1100000)]))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.CollectEvent(event()).success


# Compression


def test_gzip_and_deflate_requests(stub, event, pb, door):
    for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        answer = stub.CollectEvents(pb.EventBatch(events=[event(session_id='s' * 150)] * 100), compression=algorithm)
        assert answer.accepted == 100
    assert door.take()[0]['session_id'] == 's' * 150


def test_compressed_bomb_costs_no_memory(open_door, stubs, event):
    door = open_door()
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    bomb = event(event_data_json='x' * 200_000_000)
    before = door.rss()
    code, _ = refusal(stub.CollectEvent, bomb, compression=grpc.Compression.Gzip)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    if not grpc_door.SANITIZED:
        assert door.rss() - before < 30 * 1024 * 1024
    assert stub.CollectEvent(event()).success


# Streams


@pytest.mark.parametrize('count', [0, 1, 9, 10, 11, 25, 1000])
def test_stream_is_acknowledged(stub, event, count):
    acks = list(stub.StreamEvents(iter([event()] * count), timeout=TIMEOUT))
    assert check_acks(acks, 10) == count and sum(ack.accepted for ack in acks) == count


def test_stream_tells_what_it_refused(stub, event):
    sent = [event(learner_id='' if number % 7 == 3 else 'l') for number in range(100)]
    acks = list(stub.StreamEvents(iter(sent), timeout=TIMEOUT))
    assert check_acks(acks, 10) == 100
    assert [error.index for ack in acks for error in ack.errors] == list(range(3, 100, 7))
    assert {error.field for ack in acks for error in ack.errors} == {'learner_id'}


def test_stream_survives_a_malformed_message(door, event, pb):
    method = door.channel().stream_stream(f'/{SERVICE}/StreamEvents', request_serializer=lambda data: data,
                                          response_deserializer=pb.StreamAck.FromString)
    good = event().SerializeToString()
    acks = list(method(iter([good, b'\xff', good]), timeout=TIMEOUT))
    assert check_acks(acks, 10) == 3 and [error.index for ack in acks for error in ack.errors] == [1]
    assert [kept['refused_field'] for kept in door.take()] == [None, '', None]
    assert len({kept['batch_id'] for kept in door.take()}) <= 1


def test_acknowledgement_comes_without_more_events(stream, event):
    """Fewer events than one acknowledgement covers, and the stream stays open."""
    opened = stream()
    opened.send(event(), event(), event())
    total = 0
    while total < 3:
        ack = opened.ack()
        total += ack.accepted
    opened.send(event())
    assert opened.ack().received == 4
    opened.close()
    assert opened.acks() == []


def test_acknowledgement_waits_for_the_sink(stream, event, door):
    door.tell('hold')
    opened = stream()
    opened.send(*[event()] * 25)
    door.wait_for(messages=25)
    assert door.stats()['acknowledgements'] == 0
    door.tell('release')
    opened.close()
    assert check_acks(opened.acks(), 10) == 25


def test_batch_size_of_streams_is_a_setting(open_door, stubs, event):
    door = open_door(stream_batch_events=3)
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    acks = list(stub.StreamEvents(iter([event()] * 100), timeout=TIMEOUT))
    assert check_acks(acks, 3) == 100


def test_stream_is_read_no_faster_than_it_is_stored(open_door, stubs, event):
    door = open_door(max_unacknowledged_events=50)
    door.tell('hold')
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    call = stub.StreamEvents(iter([event()] * 2000), timeout=TIMEOUT)
    door.wait_for(messages=50)
    assert door.stats()['messages'] == 50
    door.tell('release')
    assert check_acks(list(call), 10) == 2000


def test_memory_in_work_holds_reading_back(open_door, stubs, event):
    door = open_door(max_bytes_in_work=200000)
    door.tell('hold')
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    calls = [stub.StreamEvents(iter([event(event_data_json='x' * 10000)] * 50), timeout=TIMEOUT) for _ in range(4)]
    wait_until(lambda: door.stats()['reads-held-back'] >= 4, what='holding back')
    assert door.stats()['bytes-in-work'] < 500000
    door.tell('release')
    assert [check_acks(list(call), 10) for call in calls] == [50] * 4
    door.wait_for(bytes_in_work=0)


def test_streams_beside_each_other(stubs, open_door, event):
    door = open_door()
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    totals = []

    def run():
        totals.append(check_acks(list(stub.StreamEvents(iter([event()] * 500), timeout=TIMEOUT)), 10))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert totals == [500] * 8
    stats = door.stats()
    assert stats['accepted'] == stats['sink-events'] == 4000


def test_stream_is_handed_over_in_batches(stub, event, door):
    assert check_acks(list(stub.StreamEvents(iter([event()] * 3000), timeout=TIMEOUT)), 10) == 3000
    assert door.stats()['hand-overs'] <= 3000


# Full, failing, late


def test_failing_sink_is_unavailable(stub, event, pb, door):
    door.tell('fail')
    for call, request in ((stub.CollectEvent, event()), (stub.CollectEvents, pb.EventBatch(events=[event()]))):
        assert refusal(call, request) == (grpc.StatusCode.UNAVAILABLE, 'The buffer is full')
    assert refusal(stub.StreamEvents, iter([event()] * 30)) == (grpc.StatusCode.UNAVAILABLE, 'The buffer is full')
    assert stub.HealthCheck(pb.HealthCheckRequest()).status == 'error'
    assert not stub.ReadinessCheck(pb.ReadinessCheckRequest()).ready
    door.tell('work')
    assert stub.CollectEvent(event()).success


def test_sink_that_fails_in_the_middle(stream, event, door):
    """What was stored before is acknowledged first."""
    opened = stream()
    opened.send(*[event()] * 10)
    assert opened.ack().received == 10
    door.tell('fail')
    opened.send(event())
    assert refusal_of(opened.acks) == grpc.StatusCode.UNAVAILABLE


def test_deadline(stub, stream, event, door):
    door.tell('hold')
    assert refusal(stub.CollectEvent, event(), timeout=0.3)[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    opened = stream(timeout=0.3)
    opened.send(event())
    assert refusal_of(opened.acks) == grpc.StatusCode.DEADLINE_EXCEEDED
    door.tell('release')
    door.wait_for(cancelled=2, open_calls=0, bytes_in_work=0)


def test_cancelled_calls_leave_nothing(stub, stream, event, door):
    door.tell('hold')
    opened = stream()
    opened.send(*[event()] * 15)
    late = stub.CollectEvent.future(event())
    door.wait_for(messages=16)
    opened.call.cancel()
    late.cancel()
    door.wait_for(cancelled=2)
    door.tell('release')
    door.wait_for(open_calls=0, open_streams=0, bytes_in_work=0, held=0)


def test_lost_connection_leaves_nothing(open_door, stubs, event):
    door = open_door()
    door.tell('hold')
    channel = door.channel()
    stub = stubs[1].EventCollectorServiceStub(channel)
    pending = [stub.StreamEvents(iter([event()] * 5)) for _ in range(3)]
    door.wait_for(messages=15)
    channel.close()
    door.wait_for(cancelled=3)
    door.tell('release')
    door.wait_for(open_calls=0, open_streams=0, bytes_in_work=0)
    assert len(pending) == 3


def test_too_many_calls(open_door, stubs, event):
    door = open_door(max_calls=4)
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    door.tell('hold')
    calls = [stub.CollectEvent.future(event(), timeout=TIMEOUT) for _ in range(4)]
    door.wait_for(open_calls=4, messages=4)
    assert refusal(stub.CollectEvent, event())[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    door.tell('release')
    assert all(call.result().success for call in calls)
    assert stub.CollectEvent(event()).success
    assert door.stats()['calls-refused'] == 1


def test_too_many_calls_of_a_connection_wait(open_door, stubs, event):
    door = open_door(max_calls_per_connection=2)
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    door.tell('hold')
    calls = [stub.CollectEvent.future(event(), timeout=TIMEOUT) for _ in range(6)]
    door.wait_for(messages=2)
    assert door.stats()['open-calls'] <= 2
    door.tell('release')
    assert all(call.result().success for call in calls)


def test_huge_metadata(open_door, stubs, event):
    door = open_door(max_metadata_bytes=4096)
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    assert refusal(stub.CollectEvent, event(), metadata=(('x-much', 'y' * 20000),))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED
    # gRPC closes the connection behind it.
    again = stubs[1].EventCollectorServiceStub(door.channel())
    assert again.CollectEvent(event(), metadata=(('x-little', 'y' * 1000),)).success


def test_message_that_never_comes(open_door):
    door = open_door(receive_timeout_msec=200)
    with half_open(door.port, 3):
        door.wait_for(timeouts=3, open_calls=0)


def test_half_open_calls_cost_bounded_memory(open_door, stubs, event):
    door = open_door(max_calls=1000)
    before = door.rss()
    connections = [half_open(door.port, 500) for _ in range(8)]
    wait_until(lambda: door.stats()['calls'] >= 4000, timeout=30, what='all calls')
    assert door.stats()['open-calls'] <= 1001
    if not grpc_door.SANITIZED:
        assert door.rss() - before < 60 * 1024 * 1024
    for connection in connections:
        connection.close()
    door.wait_for(open_calls=0)
    assert stubs[1].EventCollectorServiceStub(door.channel()).CollectEvent(event(), timeout=TIMEOUT).success


@pytest.mark.parametrize('seed', range(3))
def test_garbage_on_the_wire(open_door, stubs, event, seed):
    door = open_door()
    chance = random.Random(seed)
    for _ in range(30):
        with socket.create_connection(('127.0.0.1', door.port), 10) as connection:
            if chance.random() < 0.7:
                connection.sendall(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
            connection.sendall(chance.randbytes(chance.randrange(2000)))
    assert stubs[1].EventCollectorServiceStub(door.channel()).CollectEvent(event(), timeout=TIMEOUT).success


def test_no_message_at_all(door):
    method = door.channel().stream_unary(f'/{SERVICE}/CollectEvent')
    assert refusal(method, iter([]))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_unknown_methods(door):
    channel = door.channel()
    for path in (f'/{SERVICE}/Nothing', '/nothing.Service/Call', '/'):
        assert refusal(channel.unary_unary(path), b'')[0] == grpc.StatusCode.UNIMPLEMENTED


def test_service_without_the_package(door, event, pb):
    channel = door.channel()
    collect = channel.unary_unary('/EventCollectorService/CollectEvent', request_serializer=pb.Event.SerializeToString,
                                  response_deserializer=pb.CollectResponse.FromString)
    assert collect(event()).success
    many = channel.stream_stream('/EventCollectorService/StreamEvents', request_serializer=pb.Event.SerializeToString,
                                 response_deserializer=pb.StreamAck.FromString)
    assert check_acks(list(many(iter([event()] * 12))), 10) == 12
