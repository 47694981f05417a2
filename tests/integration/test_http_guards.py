# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Requests that two readers could understand in two ways, that are too large, or that never end: each gets its answer, and that is
the end of its connection."""

import json
import resource
import socket
import ssl
import threading
import time

import pytest

from belfry_daemon import PATIENCE, event, insecure_context, wait_until
from wire import Closed

HOST = b'Host: x\r\n'
GET = b'GET /readiness HTTP/1.1\r\n' + HOST
POST = b'POST /events HTTP/1.1\r\n' + HOST
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'

BAD = {
    'length and chunks': POST + b'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunks and length': POST + b'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n',
    'two lengths': POST + b'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ',
    'two equal lengths': POST + b'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}',
    'list of lengths': POST + b'Content-Length: 2, 2\r\n\r\n{}',
    'signed length': POST + b'Content-Length: +2\r\n\r\n{}',
    'negative length': POST + b'Content-Length: -1\r\n\r\n',
    'endless length': POST + b'Content-Length: 99999999999999999999\r\n\r\n',
    'other coding': POST + b'Transfer-Encoding: gzip\r\n\r\n',
    'two codings': POST + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    'chunked twice': POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
    'chunk size no number': CHUNKED + b'ZZ\r\n{}\r\n0\r\n\r\n',
    'chunk size with sign': CHUNKED + b'-2\r\n{}\r\n0\r\n\r\n',
    'chunk longer than told': CHUNKED + b'1\r\n{}\r\n0\r\n\r\n',
    'endless chunk': CHUNKED + b'FFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n',
    'long extension': CHUNKED + b'2;' + b'x' * 300 + b'\r\n{}\r\n0\r\n\r\n',
    'space before colon': GET + b'Content-Length : 4\r\n\r\n',
    'folded line': GET + b'A: b\r\n c\r\n\r\n',
    'NUL': GET + b'A: b\0c\r\n\r\n',
    'bare line feeds': b'GET /readiness HTTP/1.1\nHost: x\n\n',
    'bare carriage return': GET + b'A: b\rc\r\n\r\n',
    'no host': b'GET /readiness HTTP/1.1\r\n\r\n',
    'two hosts': GET + HOST + b'\r\n',
    'no version': b'GET /readiness\r\n\r\n',
    'garbage': b'\x00\x01\x02\x03',
    'asterisk': b'GET * HTTP/1.1\r\n' + HOST + b'\r\n',
}


@pytest.fixture(scope='module', params=['plain', 'tls'])
def server(request, shared_factory, certificate):
    settings = {}
    if request.param == 'tls':
        settings = {'TLS_CERTIFICATE': certificate[0], 'TLS_PRIVATE_KEY': certificate[1]}
    return shared_factory(HEADER_TIMEOUT='2s', BODY_STALL_TIMEOUT='2s', BODY_TIMEOUT='4s', IDLE_TIMEOUT='3s', WRITE_TIMEOUT='3s',
                          **settings)


def send(connection, data, step=None):
    """Whatever the server thinks of it."""
    try:
        for at in range(0, len(data), step or len(data)):
            connection.send(data[at:at + (step or len(data))])
    except OSError:
        pass


def check_refusal(server, connection, status, detail):
    got, headers, body = connection.take_response()
    assert got == status and json.loads(body) == {'detail': detail}, body
    assert headers['connection'] == 'close' and headers['content-type'] == 'application/json'
    assert headers['x-content-type-options'] == 'nosniff' and headers['content-security-policy'] == "default-src 'self'"
    assert ('strict-transport-security' in headers) == (server.tls is not None)
    assert connection.take_all() == b'', 'something follows the last answer'


@pytest.mark.parametrize('step', [None, 7], ids=['whole', 'pieces'])
@pytest.mark.parametrize('name', BAD)
def test_400(server, name, step):
    with server.connect() as connection:
        send(connection, BAD[name], step)
        check_refusal(server, connection, 400, 'Bad Request')


@pytest.mark.parametrize('name', ['two lengths', 'length and chunks', 'chunk size no number', 'two hosts'])
def test_what_came_before_is_answered_first(server, name):
    with server.connect() as connection:
        send(connection, (GET + b'\r\n') * 3 + BAD[name] + GET + b'\r\n')
        for _ in range(3):
            assert connection.take_response()[0] == 200
        check_refusal(server, connection, 400, 'Bad Request')


def test_nothing_smuggled_is_stored(server):
    body = json.dumps(event(session_id='smuggled')).encode()
    inner = POST + b'Content-Length: %d\r\n\r\n' % len(body) + body
    for head in (b'Content-Length: 0\r\nTransfer-Encoding: chunked', b'Content-Length: 0\r\nContent-Length: %d' % len(inner),
                 b'Transfer-Encoding: chunked\r\nTransfer-Encoding: x', b'Transfer-Encoding : chunked', b'Transfer-Encoding:\x0bchunked'):
        with server.connect() as connection:
            send(connection, POST + head + b'\r\n\r\n0\r\n\r\n' + inner)
            check_refusal(server, connection, 400, 'Bad Request')
    with server.connect() as connection:
        send(connection, CHUNKED + b'2\r\n{}\r\n0\r\nA: b\r\n' + inner)
        connection.take_all()
    assert server.query('session_id=smuggled') == []


def test_431(server):
    for head in (GET + b'A: ' + b'a' * 70000 + b'\r\n\r\n', GET + b'A: b\r\n' * 20000 + b'\r\n', b'GET /' + b'a' * 70000,
                 GET + b'A: b\r\n' * 200 + b'\r\n'):
        with server.connect() as connection:
            send(connection, head)
            check_refusal(server, connection, 431, 'Request Header Fields Too Large')


def test_a_head_below_the_limit_is_served(server):
    with server.connect() as connection:
        connection.send(GET + b'A: ' + b'a' * 65000 + b'\r\n\r\n')
        assert connection.take_response()[0] == 200


def test_http_2_is_told_so(server):
    with server.connect() as connection:
        send(connection, b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
        check_refusal(server, connection, 505, 'HTTP Version Not Supported')


def test_chunks_extensions_and_trailers_are_understood(server):
    body = json.dumps(event()).encode()
    request = CHUNKED + b'%x;a="b";c\r\n' % len(body) + body + b'\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n'
    for step in (None, 1):
        with server.connect() as connection:
            send(connection, request * 2 + b'\r\n' + GET + b'\r\n', step)
            assert [connection.take_response()[0] for _ in range(3)] == [201, 201, 200]


def test_expect(server):
    body = json.dumps(event()).encode()
    with server.connect() as connection:
        connection.send(POST + b'Content-Length: %d\r\nExpect: 100-continue\r\n\r\n' % len(body))
        assert connection.take_head()[0] == 100
        connection.send(body)
        assert connection.take_response()[0] == 201


def test_expect_in_http_1_0_is_not_heard(server):
    body = json.dumps(event()).encode()
    with server.connect() as connection:
        connection.send(b'POST /events HTTP/1.0\r\n' + HOST + b'Content-Length: %d\r\nExpect: 100-continue\r\n\r\n' % len(body) + body)
        assert connection.take_response()[0] == 201


def test_other_expectations_are_417(server):
    with server.connect() as connection:
        connection.send(POST + b'Content-Length: 2\r\nExpect: foo\r\n\r\n{}')
        assert connection.take_until(b'\r\n') == b'HTTP/1.1 417 Expectation Failed\r\n'
        connection.buffer[:0] = b'HTTP/1.1 417 Expectation Failed\r\n'
        check_refusal(server, connection, 417, 'Expectation Failed')


@pytest.mark.parametrize('scheme', ['ftp', 'http', 'https'])
def test_a_body_that_nobody_wanted_is_no_request(server, scheme):
    """To a request of another scheme the library answers by itself, also when the client asks before it sends the body."""
    inner = GET + b'\r\n'
    with server.connect() as connection:
        connection.send(b'POST %s://x/readiness HTTP/1.1\r\n' % scheme.encode() + HOST
                        + b'Expect: 100-continue\r\nContent-Length: %d\r\n\r\n' % (len(inner) + 4) + inner + b'aaaa')
        assert connection.take_head()[0] in (400, 405)
        assert connection.take_all().count(b'HTTP/1.1') == 0


@pytest.mark.parametrize('refused', [
    b'POST ftp://x/events HTTP/1.1\r\n' + HOST, b'POST /events HTTP/1.1\r\nHost: a/b\r\n', POST + b'Transfer-Encoding: gzip\r\n',
    b'POST /nowhere HTTP/1.1\r\n' + HOST])
def test_a_refusal_before_a_large_body_arrives(server, refused):
    with server.connect() as connection:
        send(connection, refused + b'Content-Length: 3000000\r\n\r\n' + b' ' * 3000000)
        status, _, body = connection.take_response()
        assert (status, json.loads(body)['detail']) in ((400, 'Bad Request'), (404, 'Not Found'))
        assert connection.take_all() == b''


@pytest.mark.parametrize('request_', [GET + HOST + b'\r\n', b'GET /nowhere HTTP/1.1\r\n' + HOST + b'Content-Length: 2\r\n\r\n{}',
                                      GET + b'Expect: foo\r\n\r\n'], ids=['guard', 'gate', 'expectation'])
def test_a_refused_head_request_has_no_body(server, request_):
    with server.connect() as connection:
        connection.send(request_)
        full = connection.take_all()
    with server.connect() as connection:
        connection.send(request_.replace(b'GET', b'HEAD'))
        status, headers = connection.take_head()
        assert status in (400, 404, 417) and b'content-length: %s\r\n' % headers['content-length'].encode() in full.lower()
        assert connection.take_all() == b''


def test_names_in_connection_are_whole_words(server):
    with server.connect() as connection:
        connection.send(GET + b'Connection: keep-alive, X-Host-Token\r\n\r\n')
        assert connection.take_response()[0] == 200
        connection.send(b'GET /readiness HTTP/1.0\r\nConnection: keep-alive, host\r\n\r\n')
        check_refusal(server, connection, 400, 'Bad Request')


# Bodies in many pieces

def chunks_of(body, size=1):
    return b''.join(b'%x\r\n%s\r\n' % (len(body[at:at + size]), body[at:at + size]) for at in range(0, len(body), size)) + b'0\r\n\r\n'


def test_small_chunks_are_understood(server):
    body = json.dumps(event(payload={'text': 'x' * 6000})).encode()
    with server.connect() as connection:
        send(connection, CHUNKED + chunks_of(json.dumps(event()).encode()))
        assert connection.take_response()[0] == 201
        send(connection, CHUNKED + chunks_of(body, 4))
        status, _, answer = connection.take_response()
        assert status == 201 and json.loads(answer)['payload'] == {'text': 'x' * 6000}
        send(connection, POST + b'Content-Length: %d\r\n\r\n' % len(body) + body, 11)
        status, _, answer = connection.take_response()
        assert status == 201 and json.loads(answer)['payload'] == {'text': 'x' * 6000}


def test_more_chunks_than_content_is_400(server):
    with server.connect() as connection:
        send(connection, CHUNKED + chunks_of(b' ' * 2000))
        check_refusal(server, connection, 400, 'Bad Request')


def test_what_comes_in_pieces_is_not_more_than_what_comes_at_once(server):
    """The limit of a body holds for the sum of its chunks."""
    with server.connect() as connection:
        send(connection, CHUNKED + chunks_of(b' ' * 2000000, 1000))
        status, _, body = connection.take_response()
        assert status == 413 and json.loads(body) == {'detail': 'Request body too large'}


@pytest.mark.measures
def test_a_body_in_small_pieces_costs_what_it_is_long(belfryd):
    """And others have their turn meanwhile."""
    server = belfryd()
    body = b' ' * 500000
    parts = CHUNKED + chunks_of(body, 4)[:-5]
    server.get('/readiness')
    before = server.rss()
    connections = [server.connect() for _ in range(8)]
    senders = [threading.Thread(target=send, args=(connection, parts), daemon=True) for connection in connections]
    for sender in senders:
        sender.start()
    slowest = 0
    while any(sender.is_alive() for sender in senders):
        began = time.monotonic()
        assert server.get('/readiness').status == 200
        slowest = max(slowest, time.monotonic() - began)
    for connection in connections:
        connection.send(b'0\r\n\r\n')
        assert connection.take_response()[0] == 422
        connection.drop()
    print(f'slowest answer {slowest:.3f} s, memory {server.peak_rss() - before} bytes')
    assert slowest < 2
    assert server.peak_rss() - before < 4 * len(connections) * len(body)


def test_requests_behind_a_declined_upgrade_are_served(server):
    with server.connect() as connection:
        connection.send(GET + b'Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n' + (GET + b'\r\n') * 2)
        assert [connection.take_response()[0] for _ in range(3)] == [200, 200, 200]


def test_426_has_its_name(server):
    with server.connect() as connection:
        connection.send(b'GET /ws/subscribe HTTP/1.1\r\n' + HOST + b'\r\n')
        assert connection.take_until(b'\r\n') == b'HTTP/1.1 426 Upgrade Required\r\n'


# Time

def test_a_head_that_does_not_end_is_408(server):
    began = time.monotonic()
    with server.connect() as connection:
        connection.send(GET[:-5])
        check_refusal(server, connection, 408, 'Request Timeout')
    assert 2 <= time.monotonic() - began < 10 * PATIENCE


def test_a_dripping_head_is_408(server):
    with server.connect() as connection:
        drip(connection, GET + b'A: ' + b'a' * 1000)
        check_refusal(server, connection, 408, 'Request Timeout')


def drip(connection, data):
    """A byte now and then until the answer comes; by one thread, for a TLS socket does not take two."""
    for at in range(len(data)):
        connection.socket.settimeout(15)
        try:
            connection.socket.send(data[at:at + 1])
        except OSError:
            return
        try:
            if not connection.fill(time.monotonic() + 0.05) or connection.buffer:
                return
        except TimeoutError:
            continue


@pytest.mark.parametrize('head', [POST + b'Content-Length: 100\r\n\r\n{', CHUNKED + b'5\r\nab', CHUNKED + b'2\r\n{}\r\n0\r\n'])
def test_a_body_that_stalls_is_408(server, head):
    with server.connect() as connection:
        connection.send(head)
        check_refusal(server, connection, 408, 'Request Timeout')


def test_a_dripping_body_is_408(server):
    with server.connect() as connection:
        drip(connection, POST + b'Content-Length: 10000\r\n\r\n' + b' ' * 9999)
        check_refusal(server, connection, 408, 'Request Timeout')


def test_a_second_head_that_does_not_end_is_408(server):
    with server.connect() as connection:
        connection.send(GET + b'\r\n' + GET[:10])
        assert connection.take_response()[0] == 200
        check_refusal(server, connection, 408, 'Request Timeout')


def test_idle_connections_are_closed(server):
    with server.connect() as fresh, server.connect() as used:
        used.send(GET + b'\r\n')
        assert used.take_response()[0] == 200
        assert fresh.take_all() == b'' and used.take_all() == b''


def test_a_used_connection_stays(server):
    with server.connect() as connection:
        for _ in range(10):
            connection.send(GET + b'\r\n')
            assert connection.take_response()[0] == 200
            time.sleep(0.5)


def test_a_client_that_does_not_read_is_closed(server):
    for number in range(60):
        server.publish(event(number, payload={'text': 'x' * 60000}))
    before = server.stats()['server']['timeouts']
    with server.connect(receive_buffer=4096) as connection:
        connection.send((b'GET /events?limit=1000 HTTP/1.1\r\n' + HOST + b'\r\n') * 4)
        wait_until(lambda: server.stats()['server']['timeouts'] > before, timeout=20, what='an answer that nobody takes given up')


def test_what_was_refused_is_counted(server):
    counters = server.stats()['server']
    assert counters['bad_requests'] > 50 and counters['headers_too_large'] >= 4 and counters['timeouts'] >= 6, counters
    assert counters['idle_closed'] >= 2, counters


def test_nothing_of_this_stays(server):
    wait_until(lambda: server.stats()['server']['connections'] <= 2, timeout=20, what='all connections closed')
    assert server.publish()


# TLS where there is none, and the other way round

def test_tls_on_the_plain_port(belfryd):
    daemon = belfryd()
    with pytest.raises((ssl.SSLError, OSError)):
        insecure_context().wrap_socket(socket.create_connection((daemon.host, daemon.port), 10), server_hostname='localhost')
    assert daemon.publish()


def test_plain_bytes_and_half_a_handshake_on_the_tls_port(belfryd, certificate):
    daemon = belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1], HEADER_TIMEOUT='2s')
    daemon.publish()
    before = daemon.descriptors()
    silent = [socket.create_connection((daemon.host, daemon.port), 10) for _ in range(20)]
    for number, one in enumerate(silent[5:]):
        one.sendall(GET + b'\r\n' if number % 3 == 0 else b'\x16\x03\x01\x02\x00\x01' + b'\0' * number if number % 3 == 1 else b'\x16')
    assert daemon.publish()
    wait_until(lambda: daemon.descriptors() <= before + 2, timeout=20, what='handshakes given up')
    for one in silent:
        one.close()


# Number

def test_refused_ones_that_do_not_leave_are_few(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='1/day')
    daemon.publish()
    refused = [daemon.connect() for _ in range(600)]
    for one in refused:
        one.send(POST + b'Content-Length: 100\r\n\r\n{')
    for one in refused:
        assert one.take_response()[0] == 429
    # At once, and not when their two seconds are over.
    assert daemon.stats()['server']['lingering_closed'] >= 600 - 256
    wait_until(lambda: daemon.stats()['server']['connections'] <= 256 + 10, what='the end of those over the number')
    for one in refused:
        one.drop()


def test_over_the_number_the_longest_idle_makes_room(belfryd):
    daemon = belfryd(MAX_CONNECTIONS=10)
    idle = [daemon.connect() for _ in range(10)]
    wait_until(lambda: daemon.get('/readiness').status == 200, what='room for a request')
    assert idle[0].take_all() == b''
    counters = daemon.stats()['server']
    assert counters['idle_closed'] >= 1 and counters['connections'] <= 10, counters
    for one in idle:
        one.drop()


def test_over_the_number_of_busy_ones_the_new_one_is_closed(belfryd):
    daemon = belfryd(MAX_CONNECTIONS=10)
    busy = [daemon.subscribe() for _ in range(10)]
    with daemon.connect() as connection:
        assert connection.take_all() == b''
    busy.pop().drop()
    wait_until(lambda: answers(daemon), what='room again')
    assert daemon.stats()['server']['connections_over_limit'] >= 1
    for one in busy:
        one.drop()


def answers(daemon):
    try:
        return daemon.get('/readiness').status == 200
    except OSError:
        return False
    except Exception as problem:
        assert 'RemoteDisconnected' in type(problem).__name__
        return False


def test_without_descriptors_the_daemon_serves_on(belfryd):
    daemon = belfryd(before=['prlimit', '--nofile=80:80'], MAX_CONNECTIONS=1000)
    daemon.publish()
    many = []
    for _ in range(150):
        try:
            many.append(daemon.connect(timeout=5))
        except OSError:
            pass
    with daemon.connect() as connection:
        assert connection.take_all() == b''
    assert daemon.is_running()
    for one in many:
        one.drop()
    wait_until(lambda: answers(daemon), what='service again')
    assert daemon.publish() and daemon.stats()['server']['connections_refused'] > 0


@pytest.fixture
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.measures
@pytest.mark.timeout(300)
def test_10000_idle_connections(belfryd, many_files):
    number = min(10000, (many_files - 1000) * 3 // 4 if many_files != resource.RLIM_INFINITY else 10000)
    daemon = belfryd()
    daemon.publish()
    before = daemon.rss()
    idle = [daemon.connect() for _ in range(number)]
    wait_until(lambda: daemon.stats()['server']['connections'] >= number, timeout=30, what='all connections taken')
    each = (daemon.rss() - before) / number
    print(f'{number} idle connections, {each:.0f} bytes each')
    assert each < 24 * 1024
    began = time.monotonic()
    assert daemon.publish()
    assert time.monotonic() - began < 2 * PATIENCE
    for one in idle[::100]:
        one.send(GET + b'\r\n')
        assert one.take_response()[0] == 200
    for one in idle:
        one.drop()
    wait_until(lambda: daemon.stats()['server']['connections'] <= 2, timeout=30, what='all connections closed')
