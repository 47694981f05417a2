# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The gRPC door itself: keys, state, reflection, TLS, its end, and what is on the wire."""

import pytest

grpc = pytest.importorskip('grpc')

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from hypothesis import HealthCheck, given, settings, strategies

import grpc_door
from grpc_fixtures import (SERVICE, TIMEOUT, check_acks, door, event, half_open, open_door, pb, refusal, refusal_of, stream, stub, stubs,
                           wire)

if not grpc_door.PROGRAM.exists():
    pytest.skip('built without gRPC', allow_module_level=True)


# Keys


@pytest.fixture
def guarded(open_door, stubs):
    door = open_door('--key=secret', '--guard-reflection')
    return door, stubs[1].EventCollectorServiceStub(door.channel())


def test_key_is_needed(guarded, event, pb):
    door, stub = guarded
    for metadata in ((), (('x-api-key', 'wrong'),), (('authorization', 'Basic secret'),), (('authorization', 'secret'),),
                     (('authorization', 'Bearer '),)):
        assert refusal(stub.CollectEvent, event(), metadata=metadata)[0] == grpc.StatusCode.UNAUTHENTICATED
        assert refusal(stub.CollectEvents, pb.EventBatch(events=[event()]), metadata=metadata)[0] == grpc.StatusCode.UNAUTHENTICATED
        assert refusal(stub.StreamEvents, iter([event()]), metadata=metadata)[0] == grpc.StatusCode.UNAUTHENTICATED
    assert refusal(stub.CollectEvents, pb.EventBatch())[0] == grpc.StatusCode.UNAUTHENTICATED
    door.wait_for(unauthenticated=16, sink_events=0)


@pytest.mark.parametrize('metadata', [('x-api-key', 'secret'), ('authorization', 'Bearer secret'), ('authorization', 'bearer   secret')])
def test_key_opens(guarded, event, metadata):
    _, stub = guarded
    assert stub.CollectEvent(event(), metadata=(metadata,)).success
    assert sum(ack.accepted for ack in stub.StreamEvents(iter([event()] * 3), metadata=(metadata,))) == 3


def test_other_refusals_of_keys(guarded, event):
    _, stub = guarded
    assert refusal(stub.CollectEvent, event(), metadata=(('x-api-key', 'reader'),))[0] == grpc.StatusCode.PERMISSION_DENIED
    assert refusal(stub.CollectEvent, event(), metadata=(('x-api-key', 'hasty'),))[0] == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_state_needs_no_key(guarded, pb):
    door, stub = guarded
    assert stub.HealthCheck(pb.HealthCheckRequest()).status == 'ok'
    assert stub.ReadinessCheck(pb.ReadinessCheckRequest()).ready
    assert health_pb2_grpc.HealthStub(door.channel()).Check(health_pb2.HealthCheckRequest()).status == 1


def test_reflection_may_need_a_key(guarded):
    door, _ = guarded
    stub = reflection_pb2_grpc.ServerReflectionStub(door.channel())
    question = reflection_pb2.ServerReflectionRequest(list_services='')
    assert refusal(stub.ServerReflectionInfo, iter([question]))[0] == grpc.StatusCode.UNAUTHENTICATED
    answer, = stub.ServerReflectionInfo(iter([question]), metadata=(('x-api-key', 'secret'),))
    assert len(answer.list_services_response.service) == 4


# State


def test_health_and_readiness(stub, pb):
    health = stub.HealthCheck(pb.HealthCheckRequest())
    assert (health.status, health.service, health.version, health.uptime_seconds) == ('ok', 'echo', '1.2.3', 12.5)
    assert dict(health.components) == {'database': 'ok', 'kafka': 'disabled'}
    ready = stub.ReadinessCheck(pb.ReadinessCheckRequest())
    assert ready.ready and dict(ready.components) == dict(health.components)


def test_health_protocol(door):
    stub = health_pb2_grpc.HealthStub(door.channel())
    for name in ('', SERVICE, 'EventCollectorService'):
        assert stub.Check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING
    assert refusal(stub.Check, health_pb2.HealthCheckRequest(service='nope'))[0] == grpc.StatusCode.NOT_FOUND
    door.tell('rest')
    assert stub.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    listed = stub.List(health_pb2.HealthListRequest()).statuses
    assert set(listed) == {'', SERVICE, 'EventCollectorService'} and listed[''].status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_health_watch(door):
    stub = health_pb2_grpc.HealthStub(door.channel())
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT)
    unknown = stub.Watch(health_pb2.HealthCheckRequest(service='nope'), timeout=TIMEOUT)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    assert next(unknown).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    door.tell('rest')
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    door.tell('serve')
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    door.terminate()
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refusal_of(lambda: next(watch)) == grpc.StatusCode.UNAVAILABLE
    assert refusal_of(lambda: next(unknown)) == grpc.StatusCode.UNAVAILABLE


# Reflection


def test_reflection_builds_a_client(door, event):
    """A client that knows nothing but the address."""
    channel = door.channel()
    database = ProtoReflectionDescriptorDatabase(channel)
    assert set(database.get_services()) == {SERVICE, 'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection',
                                            'grpc.reflection.v1alpha.ServerReflection'}
    pool = descriptor_pool.DescriptorPool(database)
    methods = pool.FindServiceByName(SERVICE).methods_by_name
    assert list(methods) == ['CollectEvent', 'CollectEvents', 'StreamEvents', 'HealthCheck', 'ReadinessCheck']
    made = message_factory.GetMessageClass(methods['CollectEvent'].input_type).FromString(event().SerializeToString())
    made.event_data['score'] = '95'
    answer = channel.unary_unary(f'/{SERVICE}/CollectEvent')(made.SerializeToString())
    assert message_factory.GetMessageClass(methods['CollectEvent'].output_type).FromString(answer).success


def without_json_names(file):
    """One version of protoc writes down what follows from the names, another does not."""
    def strip(message):
        for field in message.field:
            field.ClearField('json_name')
        for nested in message.nested_type:
            strip(nested)

    for message in file.message_type:
        strip(message)
    return file


def test_reflection_shows_the_contract(door, pb):
    database = ProtoReflectionDescriptorDatabase(door.channel())
    for found in (database.FindFileByName('event_collector.proto'), database.FindFileContainingSymbol('belfry.collector.v1.Event'),
                  database.FindFileContainingSymbol(SERVICE + '.CollectEvent')):
        assert without_json_names(found) == without_json_names(descriptor_pb2.FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb))
    assert database.FindFileContainingSymbol('grpc.health.v1.HealthCheckResponse.ServingStatus').name == 'grpc/health/v1/health.proto'
    assert database.FindAllExtensionNumbers('belfry.collector.v1.Event') == []
    with pytest.raises(KeyError):
        database.FindFileByName('nope.proto')


def test_reflection_version_1(door):
    method = door.channel().stream_stream('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
                                          request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                                          response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    questions = [reflection_pb2.ServerReflectionRequest(host='h', list_services='*'),
                 reflection_pb2.ServerReflectionRequest(file_containing_symbol='nope'),
                 reflection_pb2.ServerReflectionRequest()]
    answers = list(method(iter(questions), timeout=TIMEOUT))
    assert [answer.original_request for answer in answers] == questions and answers[0].valid_host == 'h'
    assert answers[1].error_response.error_code == 5 and answers[2].error_response.error_code == 3


# The end


def test_end_acknowledges_what_was_read(stream, event, door):
    opened = stream()
    opened.send(*[event()] * 7)
    door.wait_for(messages=7)
    door.terminate()
    total = 0
    with pytest.raises(grpc.RpcError) as caught:
        for ack in opened.call:
            total += ack.accepted
    assert total == 7 and caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_end_with_a_call_in_the_sink(stub, event, door):
    door.tell('hold')
    call = stub.CollectEvent.future(event(), timeout=TIMEOUT)
    door.wait_for(messages=1)
    door.terminate()
    door.tell('release')
    assert call.result().success


def test_end_cuts_off_who_does_not_end(open_door):
    door = open_door(drain_msec=100)
    with half_open(door.port, 2):
        door.wait_for(open_calls=2)
        door.stop()


def test_end_waits_for_the_sink(open_door, stubs, event):
    """Cut off or not: the sink gives back what it took."""
    door = open_door(drain_msec=50)
    door.tell('hold')
    stub = stubs[1].EventCollectorServiceStub(door.channel())
    call = stub.StreamEvents(iter([event()] * 5), timeout=TIMEOUT)
    door.wait_for(messages=5)
    door.terminate()
    assert refusal_of(lambda: list(call)) in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)
    assert door.process.poll() is None
    door.tell('release')
    door.stop()


# TLS


@pytest.fixture
def secure(open_door, certificate):
    return open_door(f'--certificate={certificate[0]}', f'--private-key={certificate[1]}')


def test_tls(secure, stubs, event, certificate):
    credentials = grpc.ssl_channel_credentials(certificate[0].read_bytes())
    channel = secure.channel(credentials, grpc__ssl_target_name_override='localhost')
    stub = stubs[1].EventCollectorServiceStub(channel)
    assert stub.CollectEvent(event(), timeout=TIMEOUT).success
    assert check_acks(list(stub.StreamEvents(iter([event()] * 100), timeout=TIMEOUT)), 10) == 100


def test_plain_text_at_a_tls_port(secure, stubs, event):
    stub = stubs[1].EventCollectorServiceStub(secure.channel())
    assert refusal(stub.CollectEvent, event())[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_certificate_is_replaced(open_door, stubs, event, certificate, tmp_path):
    paths = [tmp_path / 'certificate.pem', tmp_path / 'key.pem']
    for path, source in zip(paths, certificate):
        path.write_bytes(source.read_bytes())
    door = open_door(f'--certificate={paths[0]}', f'--private-key={paths[1]}')
    door.tell('reload')
    credentials = grpc.ssl_channel_credentials(certificate[0].read_bytes())
    stub = stubs[1].EventCollectorServiceStub(door.channel(credentials, grpc__ssl_target_name_override='localhost'))
    assert stub.CollectEvent(event(), timeout=TIMEOUT).success
    paths[0].write_text('nothing')
    door.tell('reload')
    late = stubs[1].EventCollectorServiceStub(door.channel(credentials, grpc__ssl_target_name_override='localhost'))
    assert late.CollectEvent(event(), timeout=TIMEOUT).success


# The two descriptions of the wire


def shape(field):
    """What decides about the bytes: text and bytes are the same, and so are a map and its entries."""
    kind = {field.TYPE_STRING: field.TYPE_BYTES}.get(field.type, field.type)
    inner = {number: shape(part) for number, part in field.message_type.fields_by_number.items()} if field.message_type else None
    repeated = field.is_repeated if hasattr(field, 'is_repeated') else field.label == field.LABEL_REPEATED
    return kind, repeated, inner


def test_private_description_is_compatible(pb, wire):
    for name in ('Event', 'EventBatch', 'CollectResponse', 'RejectedEvent', 'StreamAck', 'HealthCheckResponse', 'ReadinessCheckResponse'):
        theirs = {number: shape(field) for number, field in getattr(pb, name).DESCRIPTOR.fields_by_number.items()}
        ours = {number: shape(field) for number, field in getattr(wire, name).DESCRIPTOR.fields_by_number.items()}
        assert ours == theirs, name


texts = strategies.text(strategies.characters(codec='utf-8'), max_size=30)
maps = strategies.dictionaries(texts, texts, max_size=4)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=strategies.fixed_dictionaries({
    'learner_id': texts, 'course_id': texts, 'lesson_id': texts, 'event_type': texts, 'timestamp': texts, 'session_id': texts,
    'event_data_json': texts, 'event_data': maps, 'metadata': maps}))
def test_both_descriptions_read_the_same(pb, wire, members):
    original = pb.Event(**members)
    private = wire.Event.FromString(original.SerializeToString())
    for name, value in members.items():
        if isinstance(value, dict):
            assert {entry.key.decode(): entry.value.decode() for entry in getattr(private, name)} == value
        else:
            assert getattr(private, name).decode() == value
    assert pb.Event.FromString(private.SerializeToString()) == original


def test_copy_of_the_contract_is_what_clients_have(pb):
    service = pb.DESCRIPTOR.services_by_name['EventCollectorService']
    assert pb.DESCRIPTOR.package == 'belfry.collector.v1'
    assert [(method.name, method.client_streaming, method.server_streaming) for method in service.methods] == [
        ('CollectEvent', False, False), ('CollectEvents', False, False), ('StreamEvents', True, True), ('HealthCheck', False, False),
        ('ReadinessCheck', False, False)]
