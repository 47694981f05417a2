# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Fixtures of the tests that call through gRPC, and how they look at what comes back."""

import socket
import struct
import threading

import grpc
import pytest

import grpc_door
from belfry_daemon import PATIENCE

SERVICE = 'belfry.collector.v1.EventCollectorService'
TIMEOUT = 20 * PATIENCE


@pytest.fixture(scope='session')
def stubs(tmp_path_factory):
    return grpc_door.make_stubs(tmp_path_factory.mktemp('stubs'), grpc_door.CONTRACT)


@pytest.fixture(scope='session')
def wire(tmp_path_factory):
    return grpc_door.make_stubs(tmp_path_factory.mktemp('wire'), grpc_door.WIRE)[0]


@pytest.fixture
def open_door(tmp_path_factory):
    doors = []

    def make(*arguments, **properties):
        doors.append(grpc_door.Door(tmp_path_factory.mktemp('door'), arguments, **properties))
        return doors[-1]

    yield make
    for door in doors:
        door.stop()


@pytest.fixture
def door(open_door):
    return open_door('--keep')


@pytest.fixture
def pb(stubs):
    return stubs[0]


@pytest.fixture
def stub(stubs, door):
    return stubs[1].EventCollectorServiceStub(door.channel())


@pytest.fixture
def event(pb):
    def make(**members):
        return pb.Event(**{'learner_id': 'l-1', 'course_id': 'c-1', 'lesson_id': 'n-1', 'event_type': 'lesson_started',
                           'timestamp': '2024-01-15T10:30:00Z', **members})
    return make


class Stream:
    """A bidirectional stream: send() and close() what goes, ack() what comes."""

    def __init__(self, method, **options):
        self.waiting = []
        self.condition = threading.Condition()
        options.setdefault('timeout', TIMEOUT)
        self.call = method(self.requests(), **options)
        self.is_closed = False

    def requests(self):
        while True:
            with self.condition:
                self.condition.wait_for(lambda: self.waiting, TIMEOUT)
                request = self.waiting.pop(0) if self.waiting else None
            if request is None:
                return
            yield request

    def send(self, *requests):
        with self.condition:
            self.waiting.extend(requests)
            self.condition.notify()

    def close(self):
        self.is_closed = True
        self.send(None)

    def ack(self):
        return next(self.call)

    def acks(self):
        """All that are left, to the end of the stream."""
        return list(self.call)


@pytest.fixture
def stream(stub):
    streams = []

    def make(method=None, **options):
        streams.append(Stream(method or stub.StreamEvents, **options))
        return streams[-1]

    yield make
    for made in streams:
        if not made.is_closed:
            made.close()
        made.call.cancel()


def refusal(call, *arguments, **options):
    options.setdefault('timeout', TIMEOUT)
    with pytest.raises(grpc.RpcError) as caught:
        answer = call(*arguments, **options)
        if hasattr(answer, '__next__'):
            list(answer)
    return caught.value.code(), caught.value.details()


def raw(channel, method):
    """A method that takes bytes as they are."""
    return channel.unary_unary(f'/{SERVICE}/{method}', request_serializer=lambda data: data, response_deserializer=lambda data: data)


def check_acks(acks, size):
    """The sum of what they tell, when they are consistent."""
    total = 0
    for ack in acks:
        assert 1 <= ack.accepted + ack.rejected <= size
        assert len(ack.errors) == ack.rejected
        assert all(total <= error.index < total + ack.accepted + ack.rejected for error in ack.errors)
        total += ack.accepted + ack.rejected
        assert ack.received == total
    return total


def refusal_of(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code()


def half_open(port, count):
    """A connection with so many calls of which the message never comes whole."""
    def frame(kind, flags, stream_id, payload):
        return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream_id) + payload

    def literal(name, value):
        return b'\x00' + bytes([len(name)]) + name + bytes([len(value)]) + value

    headers = b''.join(literal(*pair) for pair in (
        (b':method', b'POST'), (b':scheme', b'http'), (b':path', f'/{SERVICE}/CollectEvent'.encode()), (b':authority', b'x'),
        (b'te', b'trailers'), (b'content-type', b'application/grpc')))
    connection = socket.create_connection(('127.0.0.1', port), 10)
    sent = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, b'')
    for number in range(count):
        sent += frame(1, 4, 2 * number + 1, headers) + frame(0, 0, 2 * number + 1, b'\0\0\1\0\0abc')
    connection.sendall(sent)
    return connection
