# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The same doors over TLS."""

import json
import socket
import ssl
import threading

import pytest
from websockets.sync.client import connect

from belfry_daemon import event, insecure_context, wait_until
from wire import CLOSE, frame


@pytest.fixture(scope='module')
def secure(shared_factory, certificate):
    return shared_factory(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])


def test_addresses_are_https(secure):
    assert secure.url.startswith('https://')


def test_rest(secure):
    made = secure.publish(event(user_id='tls'))
    assert secure.get('/events/' + made['id']).json() == made
    assert secure.get('/health').headers['Strict-Transport-Security'] == 'max-age=31536000; includeSubDomains'
    assert secure.get('/nope').status == 404
    assert secure.request('DELETE', '/events?x=1').status == 400


def test_certificate_is_ours(secure, certificate):
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with trusting.wrap_socket(socket.create_connection((secure.host, secure.port), 10), server_hostname='localhost') as connection:
        assert connection.version() in ('TLSv1.2', 'TLSv1.3')


def test_413_over_tls(secure):
    with secure.connect() as connection:
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{')
        status, headers, _ = connection.take_response()
    assert status == 413 and headers['strict-transport-security']


def test_publish_and_subscribe(secure):
    subscriber = secure.subscribe({'cursors': True})
    publisher = secure.publisher()
    ids = [publisher.ask(event(number))['event_id'] for number in range(50)]
    got = [subscriber.receive_json() for _ in ids]
    assert [message['id'] for message in got] == ids
    with secure.subscribe({'resume_from': got[9]['cursor']}) as late:
        assert [late.receive_json()['id'] for _ in ids[10:]] == ids[10:]
    subscriber.close()
    publisher.close()


def test_burst_in_both_directions(belfryd, certificate):
    """More than any buffer holds, many messages in flight, one reader that begins late."""
    daemon = belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])
    slow, quick, publisher = daemon.subscribe(), daemon.subscribe(), daemon.publisher()
    count = 3000
    padding = 'x' * 2000
    sent = b''.join(frame(json.dumps(event(payload={'n': number, 'x': padding}))) for number in range(count))
    numbers = []

    def read():
        numbers.extend(quick.receive_json()['payload']['n'] for _ in range(count))

    reader = threading.Thread(target=read)
    reader.start()
    publisher.send(sent)
    for _ in range(count):
        assert publisher.receive_json()['status'] == 'ok'
    reader.join(60)
    assert numbers == list(range(count))
    assert [slow.receive_json()['payload']['n'] for _ in range(count)] == list(range(count))
    for socket_ in (slow, quick, publisher):
        socket_.drop()


def test_stream(secure):
    with secure.stream() as stream:
        assert stream.status == 200 and stream.headers['strict-transport-security']
        assert 'id' in stream.next_block()
        made = secure.publish()
        assert stream.next_event() == made


def test_limits_hold_over_tls(belfryd, certificate):
    daemon = belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1], MAX_WS_MESSAGE_BYTES=2000)
    with daemon.publisher() as publisher:
        assert publisher.ask('x' * 5000)['message'] == 'Message too large'
        assert publisher.ask(event())['status'] == 'ok'
        publisher.send(frame('x' * 20001))
        assert publisher.expect_close().code == 1009
    with daemon.publisher() as publisher:
        publisher.send(frame('x', mask=None))
        assert publisher.expect_close().code == 1002


def test_another_client_library(secure):
    with connect(f'wss://127.0.0.1:{secure.port}/ws/subscribe', ssl=insecure_context(), proxy=None) as socket_:
        socket_.send('{}')
        assert json.loads(socket_.recv(10))['status'] == 'subscribed'
        made = secure.publish()
        assert json.loads(socket_.recv(10)) == made


def test_byte_by_byte(secure):
    with secure.publisher() as publisher:
        for byte in frame(json.dumps(event()), mask=b'wxyz'):
            publisher.send(bytes([byte]))
        assert publisher.receive_json()['status'] == 'ok'


def test_shutdown(belfryd, certificate):
    daemon = belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])
    sockets = [daemon.subscribe(), daemon.publisher()]
    closed = []
    threads = [threading.Thread(target=lambda one=one: closed.append(one.expect_close().code)) for one in sockets]
    for thread in threads:
        thread.start()
    daemon.stop()
    for thread in threads:
        thread.join(10)
    assert closed == [1001, 1001]


def test_clients_that_speak_no_tls_or_stop_in_the_handshake(secure):
    for greeting in (b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n', b'\x16\x03\x01\x02\x00\x01', b'', frame('', opcode=CLOSE)):
        for _ in range(5):
            with socket.create_connection((secure.host, secure.port), 10) as connection:
                connection.sendall(greeting)
    assert secure.get('/health').status == 200


def test_vanishing_clients_leave_no_descriptor(secure):
    secure.get('/health')
    before = wait_until(secure.descriptors)
    for _ in range(30):
        one = secure.subscribe()
        one.drop()
        other = secure.stream()
        other.drop()
    wait_until(lambda: secure.descriptors() <= before + 10, what='descriptors of vanished clients are closed')
