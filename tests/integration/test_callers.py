# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Clients that connect and then say nothing, or half of something: they cost little, and are in nobody's way."""

import contextlib
import resource
import socket
import ssl
import struct
import time

import pytest

from belfry_daemon import PATIENCE, event, insecure_context, wait_until

GET = b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'
MIB = 1024 * 1024


@pytest.fixture
def secure(belfryd, certificate):
    return belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = insecure_context().wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@contextlib.contextmanager
def callers(daemon, number, words=b''):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_connection((daemon.host, daemon.port), 10)) for _ in range(number)]
        for one in sockets:
            one.sendall(words)
        yield sockets


def is_served_promptly(daemon):
    """On a busy machine one may be so slow that one is taken for one of those who say nothing: then one comes again."""
    def is_served():
        with contextlib.suppress(ConnectionResetError):
            return daemon.get('/health').status == 200

    began = time.monotonic()
    wait_until(is_served, timeout=5, what='being served')
    assert time.monotonic() - began < 5 * PATIENCE


@pytest.mark.parametrize('number, part', [(400, 0), (200, 0.5), (100, 1)], ids=['silent', 'half a hello', 'a hello and no more'])
def test_a_handshake_is_not_kept_waiting(secure, number, part):
    hello = client_hello()
    secure.get('/health')
    before = secure.descriptors()
    with callers(secure, number, hello[:int(len(hello) * part)]):
        is_served_promptly(secure)
        secure.subscribe().drop()
    wait_until(lambda: secure.descriptors() <= before + 10, what='descriptors of callers are closed')


def test_all_of_them_at_once(secure):
    hello = client_hello()
    with callers(secure, 200), callers(secure, 100, hello[:-1]), callers(secure, 50, hello), callers(secure, 20, b'\x16'):
        is_served_promptly(secure)


def test_many_who_mean_it_all_come_in(secure):
    """More than have a place at a time; not one is given up."""
    context = insecure_context()
    with callers(secure, 60) as sockets, contextlib.ExitStack() as stack:
        clients = []
        for one in sockets:
            one.setblocking(False)
            clients.append(stack.enter_context(context.wrap_socket(one, do_handshake_on_connect=False)))
        waiting = list(clients)

        def shake():
            for client in list(waiting):
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.do_handshake()
                    waiting.remove(client)
            return not waiting

        wait_until(shake, timeout=20, what='all handshakes done')
        assert secure.stats()['server']['timeouts'] == 0


def test_a_hello_in_pieces(secure):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = insecure_context().wrap_bio(incoming, outgoing)
    with socket.create_connection((secure.host, secure.port), 15 * PATIENCE) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                incoming.write(connection.recv(65536))
        client.write(GET)
        connection.sendall(outgoing.read())
        answer = b''
        while b'HTTP/1.1 200 OK' not in answer:
            incoming.write(connection.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += client.read(65536)


@pytest.mark.parametrize('words', [GET, b'\x80\x2e\x01\x03\x01\x00', b'\x16\x02\x00\x00\x10\x01', b'\x16\x03\x01\x00\x00\x01',
                                   b'\x16\x03\x01\xff\xff\x01', b'\x16\x03\x01\x00\x10\x02', b'\x15\x03\x03\x00\x02\x01\x00'])
def test_no_hello_is_refused_at_once(secure, words):
    with callers(secure, 1, words) as (one,):
        one.settimeout(5 * PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(100) == b''


def test_half_a_hello_and_the_end(secure):
    with callers(secure, 1, client_hello()[:100]) as (one,):
        one.shutdown(socket.SHUT_WR)
        one.settimeout(5 * PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(100) == b''


def test_shutdown_does_not_wait_for_them(secure):
    hello = client_hello()
    with callers(secure, 50), callers(secure, 50, hello[:-1]), callers(secure, 50, hello):
        is_served_promptly(secure)
        began = time.monotonic()
        secure.stop()
        assert time.monotonic() - began < 5 * PATIENCE


def test_plain_callers_that_leave(belfryd):
    daemon = belfryd()
    daemon.get('/health')
    before = daemon.descriptors()
    with callers(daemon, 100) as sockets:
        for one in sockets[::2]:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        for one in sockets[1::4]:
            one.shutdown(socket.SHUT_WR)
        assert daemon.get('/health').status == 200
    wait_until(lambda: daemon.descriptors() <= before + 10, what='descriptors of callers are closed')
    assert daemon.stats()['server']['connections'] <= 2


def test_a_request_that_is_there_at_shutdown_is_answered(belfryd):
    daemon = belfryd()
    with callers(daemon, 20, GET) as sockets:
        daemon.stop()
        for one in sockets:
            one.settimeout(5 * PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1000)[:12] in (b'', b'HTTP/1.1 200', b'HTTP/1.1 503')


@pytest.mark.measures
@pytest.mark.timeout(120)
def test_silent_callers_are_cheap_and_the_heap_goes_back(belfryd, many_files):
    number = min(4000, many_files // 2)
    daemon = belfryd()
    daemon.get('/health')
    before = daemon.rss()
    with callers(daemon, number) as sockets:
        wait_until(lambda: daemon.stats()['server']['connections'] >= number, timeout=30, what='all connections taken')
        each = (daemon.rss() - before) / number
        assert each < 1024, f'{each:.0f} bytes each'
        for one in sockets:
            one.sendall(GET)
        for one in sockets:
            assert one.recv(12) == b'HTTP/1.1 200'
        most = daemon.rss()
    wait_until(lambda: daemon.rss() - before < (most - before) / 4, timeout=20, what='the memory has come back')


@pytest.mark.measures
@pytest.mark.timeout(120)
def test_answers_stay_within_their_limit(belfryd):
    """300 queries of 5 MB at once."""
    limit = 64 * MIB
    daemon = belfryd(MAX_ANSWER_BYTES=limit, RING_MAX_BYTES=MIB)
    publisher = daemon.publisher()
    for number in range(100):
        assert publisher.ask(event(payload={'x': 'x' * 50000}))['status'] == 'ok'
    publisher.drop()
    before = daemon.rss()
    with callers(daemon, 300, b'GET /events?limit=100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n') as sockets:
        seen = set()
        for one in sockets:
            one.settimeout(30 * PATIENCE)
            seen.add(one.recv(12))
        assert seen <= {b'HTTP/1.1 200', b'HTTP/1.1 503'} and b'HTTP/1.1 200' in seen
        assert daemon.stats()['server']['answer_bytes'] <= limit
        assert daemon.peak_rss() - before < limit + 80 * MIB, f'{(daemon.peak_rss() - before) / MIB:.0f} MiB'
    wait_until(lambda: daemon.stats()['server']['answer_bytes'] == 0, what='all answers gone')
    assert daemon.get('/events?limit=1').status == 200
