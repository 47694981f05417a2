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


PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'


def frame(kind, flags, stream_id, payload):
    """One frame of HTTP/2."""
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream_id) + payload


def head(method):
    """The headers of a call, not compressed."""
    def literal(name, value):
        return b'\x00' + bytes([len(name)]) + name + bytes([len(value)]) + value

    return b''.join(literal(*pair) for pair in (
        (b':method', b'POST'), (b':scheme', b'http'), (b':path', f'/{SERVICE}/{method}'.encode()), (b':authority', b'x'),
        (b'te', b'trailers'), (b'content-type', b'application/grpc')))


def half_open(port, count):
    """A connection with so many calls of which the message never comes whole."""
    connection = socket.create_connection(('127.0.0.1', port), 10)
    sent = PREFACE + frame(4, 0, 0, b'')
    for number in range(count):
        sent += frame(1, 4, 2 * number + 1, head('CollectEvent')) + frame(0, 0, 2 * number + 1, b'\0\0\1\0\0abc')
    connection.sendall(sent)
    return connection


class DeafStream:
    """StreamEvents by a client with no room for what it is sent, so that no acknowledgement ever leaves the server."""

    def __init__(self, port):
        self.connection = socket.create_connection(('127.0.0.1', port), 10)
        self.connection.settimeout(0.3)
        self.received = b''
        self.room = {0: 65535, 1: 65535}  # of the connection and of the stream
        self.is_cut = False
        self.connection.sendall(PREFACE + frame(4, 0, 0, struct.pack('>HI', 4, 0)) + frame(1, 4, 1, head('StreamEvents')))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def listen(self):
        """Takes what is there; False when nothing is."""
        try:
            data = self.connection.recv(65536)
        except TimeoutError:
            return False
        self.received += data
        while len(self.received) >= 9 and len(self.received) >= 9 + int.from_bytes(self.received[:3], 'big'):
            size = int.from_bytes(self.received[:3], 'big')
            self.obey(self.received[3], self.received[4], int.from_bytes(self.received[5:9], 'big'), self.received[9:9 + size])
            self.received = self.received[9 + size:]
        return bool(data)

    def obey(self, kind, flags, stream_id, payload):
        if kind == 8:
            self.room[stream_id] += int.from_bytes(payload, 'big')
        elif kind == 4 and not flags & 1:
            for place in range(0, len(payload), 6):
                name, value = struct.unpack('>HI', payload[place:place + 6])
                self.room[1] += value - 65535 if name == 4 else 0
            self.connection.sendall(frame(4, 1, 0, b''))
        elif kind == 6 and not flags & 1:
            self.connection.sendall(frame(6, 1, 0, payload))
        elif kind in (3, 7) or kind == 1 and flags & 1:
            self.is_cut = True

    def send_all(self, event, at_most):
        """Sends the event again and again, for as long as the server takes it; how many bytes that were."""
        data = event.SerializeToString()
        data = b'\0' + struct.pack('>I', len(data)) + data
        waiting, sent = b'', 0
        while sent < at_most and not self.is_cut:
            waiting += data if len(waiting) < 16384 else b''
            size = min(16384, len(waiting), *self.room.values())
            if size == 0:
                if not self.listen():
                    break
                continue
            self.connection.sendall(frame(0, 0, 1, waiting[:size]))
            waiting, sent = waiting[size:], sent + size
            self.room = {name: room - size for name, room in self.room.items()}
        return sent
