# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""/ws/publish: answers, their order, and the bounds of a message."""

import contextlib
import json
import os
import struct
import threading

import pytest
from websockets.sync.client import connect

import wire
from belfry_daemon import EVENT_ID, event, wait_until
from wire import BINARY, CLOSE, PING, TEXT, frame


@pytest.fixture
def publisher(daemon):
    socket = daemon.publisher()
    yield socket
    socket.drop()


# Answers

@pytest.mark.parametrize('path', ['/ws/publish', '/api/v1/ws/publish'])
def test_ok_names_the_stored_event(daemon, path):
    sent = event(session_id='s', user_id='ü', payload={'a': [1, None]})
    with daemon.ws(path) as socket:
        answer = socket.ask(sent)
    assert set(answer) == {'status', 'event_id'} and answer['status'] == 'ok'
    assert EVENT_ID.match(answer['event_id'])
    stored = daemon.get('/events/' + answer['event_id']).json()
    assert {name: stored[name] for name in sent} == sent


@pytest.mark.parametrize('text', ['', ' ', 'x', '{', '{"event_type":"timer_tick","source":"s"}}', '{"a":NaN}', '\ufeff{}'])
def test_invalid_json(publisher, text):
    assert publisher.ask(text) == {'status': 'error', 'message': 'Invalid JSON'}
    assert publisher.ask(event())['status'] == 'ok', 'the connection stays'


@pytest.mark.parametrize('broken,word', [({'source': ''}, 'source'), ({'event_type': 'party'}, 'party'), ({'event_type': None}, 'event_type'),
                                         ({'payload': []}, 'payload'), ({'user_id': 'x' * 201}, 'user_id'), ({'session_id': 1}, 'session_id')])
def test_the_rule_that_failed_is_told(publisher, broken, word):
    answer = publisher.ask(event(**broken))
    assert set(answer) == {'status', 'message'} and answer['status'] == 'error'
    assert word in answer['message'] and answer['message'] != 'Invalid JSON'
    assert publisher.ask(event())['status'] == 'ok', 'the connection stays'


def test_an_unknown_type_lists_the_known_ones(publisher):
    assert 'quiz_started' in publisher.ask(event(event_type='party'))['message']


@pytest.mark.parametrize('text', ['[]', '1', 'null', '"x"', '[{}]'])
def test_what_is_no_object_is_an_error(publisher, text):
    assert publisher.ask(text)['status'] == 'error'
    assert publisher.ask(event())['status'] == 'ok'


def test_answers_come_in_the_order_of_the_messages(daemon, publisher):
    """Good, broken and unreadable messages in one burst: each answer in its turn, the good ones in log order."""
    count = 3000
    sent = bytearray()
    for number in range(count):
        text = {0: json.dumps(event(number, user_id='burst')), 1: 'x', 2: json.dumps(event(event_type=f'no_{number}'))}[number % 3]
        sent += frame(text)
    threading.Thread(target=publisher.send, args=(bytes(sent),), daemon=True).start()
    ids = []
    for number in range(count):
        answer = publisher.receive_json()
        if number % 3 == 0:
            assert answer['status'] == 'ok', answer
            ids.append(answer['event_id'])
        elif number % 3 == 1:
            assert answer['message'] == 'Invalid JSON'
        else:
            assert f'no_{number}' in answer['message']
    stored = daemon.query('user_id=burst&limit=1000')[::-1]
    assert [made['id'] for made in stored] == ids
    assert [made['payload']['n'] for made in stored] == list(range(0, count, 3))


def test_each_answer_is_that_of_its_message_when_too_much_waits(belfryd):
    """What the log refuses at once is answered in its turn, not in that of a message before it."""
    daemon = belfryd(MAX_WAITING_EVENTS='5')
    number = 600
    with daemon.publisher() as socket:
        sender = threading.Thread(target=lambda: [socket.send(frame(json.dumps(event(payload={'n': at})))) for at in range(number)])
        sender.start()
        answers = [socket.receive_json() for _ in range(number)]
        sender.join(30)
    accepted = 0
    for at, answer in enumerate(answers):
        if answer['status'] == 'ok':
            accepted += 1
            assert daemon.get('/events/' + answer['event_id']).json()['payload'] == {'n': at}
        else:
            assert answer['message'] == 'Storage unavailable'
    assert daemon.get('/stats').json()['total_events'] == accepted


def test_twenty_thousand_in_flight(belfryd):
    """A client that only sends is not answered into the ground: everything is stored once it reads."""
    daemon = belfryd()
    publisher = daemon.publisher()
    count = 20000
    sent = b''.join(frame(json.dumps(event(number))) for number in range(count))
    sender = threading.Thread(target=publisher.send, args=(sent,), daemon=True)
    sender.start()
    ids = [publisher.receive_json(60)['event_id'] for _ in range(count)]
    sender.join(10)
    assert len(set(ids)) == count and daemon.stats()['total_events'] == count
    assert [made['id'] for made in daemon.query('limit=1000')] == ids[:-1001:-1]


@pytest.mark.measures
def test_a_publisher_that_never_reads_costs_bounded_memory(belfryd):
    daemon = belfryd()
    publisher = daemon.publisher(receive_buffer=4096)
    chunk = b''.join(frame(json.dumps(event(number, event_type='no_such_type_' + 'x' * 37))) for number in range(200))
    before = daemon.rss()
    publisher.socket.settimeout(2)
    sent = 0
    try:
        while sent < 5000:
            publisher.send(chunk)
            sent += 1
    except TimeoutError:
        pass
    assert sent < 5000, 'the daemon reads on although its answers are not read'
    assert daemon.peak_rss() - before < 32 * 1024 * 1024
    assert daemon.get('/health').status == 200


def test_two_publishers_do_not_wait_for_each_other(daemon):
    stuck, quick = daemon.publisher(receive_buffer=4096), daemon.publisher()
    stuck.socket.settimeout(0.5)
    try:
        for _ in range(2000):
            stuck.send(frame('x') * 1000)
    except TimeoutError:
        pass
    for _ in range(50):
        assert quick.ask(event(), timeout=5)['status'] == 'ok'
    stuck.drop()
    quick.close()


def test_a_client_that_leaves_before_its_answer_still_published(daemon):
    for number in range(10):
        socket = daemon.publisher()
        socket.send_json(event(number, user_id='leaver'))
        socket.send(frame(struct.pack('>H', 1000), CLOSE))
        socket.expect_close()
        socket.drop()
    wait_until(lambda: len(daemon.query('user_id=leaver')) == 10, what='all ten are stored')


# Bounds of a message

@pytest.fixture(scope='module')
def narrow(shared_factory):
    return shared_factory(MAX_WS_MESSAGE_BYTES=2000)


TOO_LARGE = {'status': 'error', 'message': 'Message too large'}


def sized(size):
    text = json.dumps(event())
    return text + ' ' * (size - len(text))


def test_a_message_of_the_greatest_size(narrow):
    with narrow.publisher() as socket:
        assert socket.ask(sized(2000))['status'] == 'ok'


@pytest.mark.parametrize('size', [2001, 10000, 20000])
def test_over_the_limit_is_told_and_the_connection_stays(narrow, size):
    with narrow.publisher() as socket:
        for _ in range(3):
            assert socket.ask(sized(size)) == TOO_LARGE
        assert socket.ask(event())['status'] == 'ok'


def test_over_ten_times_the_limit_is_closed(narrow):
    with narrow.publisher() as socket:
        socket.send_text(sized(20001))
        assert socket.expect_close().code == 1009


def test_the_announced_length_is_enough_to_close(narrow):
    with narrow.publisher() as socket:
        socket.send(bytes([0x81, 0xff]) + struct.pack('>Q', 1 << 40) + b'\0\0\0\0{')
        assert socket.expect_close().code == 1009


def test_the_limit_holds_for_the_whole_of_fragments(narrow):
    def in_fragments(text, size):
        pieces = [text[at:at + size] for at in range(0, len(text), size)]
        return b''.join(frame(piece, opcode=TEXT if index == 0 else 0, fin=index == len(pieces) - 1) for index, piece in enumerate(pieces))

    with narrow.publisher() as socket:
        socket.send(in_fragments(sized(2000), 1))
        assert socket.receive_json()['status'] == 'ok'
        socket.send(in_fragments(sized(2001), 1))
        assert socket.receive_json() == TOO_LARGE
        socket.send(in_fragments(sized(20000), 999))
        assert socket.receive_json() == TOO_LARGE
        assert socket.ask(event())['status'] == 'ok'
        socket.send(in_fragments(sized(20001), 999))
        assert socket.expect_close().code == 1009


def test_default_limit_is_a_megabyte(daemon):
    with daemon.publisher() as socket:
        assert socket.ask(sized(1048576))['status'] == 'ok'
        assert socket.ask(sized(1048577)) == TOO_LARGE
        assert socket.ask(event())['status'] == 'ok'
        socket.send(frame(sized(10485761))[:14])
        assert socket.expect_close().code == 1009


def test_sixteen_megabytes_are_the_end_whatever_ten_times_the_limit_is(shared_factory):
    daemon = shared_factory(MAX_WS_MESSAGE_BYTES=4 << 20)
    with daemon.publisher() as socket:
        assert socket.ask(sized(5 << 20)) == TOO_LARGE
        assert socket.ask(sized(16 << 20)) == TOO_LARGE
        socket.send(frame(sized((16 << 20) + 1))[:14])
        assert socket.expect_close().code == 1009


def test_a_limit_over_sixteen_megabytes_is_kept(shared_factory):
    daemon = shared_factory(MAX_WS_MESSAGE_BYTES=20 << 20)
    with daemon.publisher() as socket:
        assert socket.ask(sized(20 << 20))['status'] == 'ok'
        socket.send(frame(sized((20 << 20) + 1))[:14])
        assert socket.expect_close().code == 1009


@pytest.mark.measures
def test_a_fragmented_message_of_100_mib_costs_bounded_memory(belfryd):
    daemon = belfryd()
    before = daemon.rss()
    socket = daemon.publisher()
    piece = frame(' ' * 131072, opcode=0, fin=False)
    socket.send(frame('{', fin=False))
    code = None
    try:
        for _ in range(800):
            socket.send(piece)
    except OSError:
        pass
    code = socket.expect_close().code
    assert code in (1009, 1006)
    assert daemon.peak_rss() - before < 24 * 1024 * 1024
    assert daemon.get('/health').status == 200


# The protocol's own rules

def test_ping_in_the_middle_of_a_fragmented_message(publisher):
    text = json.dumps(event())
    publisher.send(frame(text[:10], fin=False) + frame('hello', opcode=PING) + frame(text[10:], opcode=0))
    assert publisher.take_frame() == (True, wire.PONG, b'hello')
    assert publisher.receive_json()['status'] == 'ok'


def test_masks_are_undone(publisher):
    for mask in (b'\x01\x02\x03\x04', b'\xff\xff\xff\xff', os.urandom(4)):
        publisher.send(frame(json.dumps(event(payload={'a': 'é\U0001f514' * 50})), mask=mask))
        assert publisher.receive_json()['status'] == 'ok'


def test_byte_by_byte(publisher):
    for byte in frame(json.dumps(event()), mask=b'abcd'):
        publisher.send(bytes([byte]))
    assert publisher.receive_json()['status'] == 'ok'


@pytest.mark.parametrize('name,data,code', [
    ('no mask', frame('{}', mask=None), 1002), ('reserved bit 1', frame('{}', rsv=4), 1002), ('reserved bit 3', frame('{}', rsv=1), 1002),
    ('opcode 3', frame('', opcode=3), 1002), ('opcode 11', frame('', opcode=11), 1002), ('fragmented ping', frame('', opcode=PING, fin=False), 1002),
    ('ping of 126 bytes', frame('x' * 126, opcode=PING), 1002), ('continuation of nothing', frame('', opcode=0), 1002),
    ('text inside a fragmented text', frame('{', fin=False) + frame('}'), 1002), ('length with the top bit', b'\x81\xff' + b'\xff' * 8 + b'\0' * 4, 1002),
    ('close with one byte', frame('x', opcode=CLOSE), 1002), ('close with 1005', frame(struct.pack('>H', 1005), opcode=CLOSE), 1002),
    ('close with 999', frame(struct.pack('>H', 999), opcode=CLOSE), 1002), ('close reason not UTF-8', frame(b'\x03\xe8\xff', opcode=CLOSE), 1007),
    ('text not UTF-8', frame(b'\xff'), 1007), ('text cut inside a character', frame(b'"\xc3'), 1007)])
def test_broken_frames(daemon, name, data, code):
    with daemon.publisher() as socket:
        socket.send(data)
        assert socket.expect_close().code == code


def test_a_character_may_be_cut_by_fragments(publisher):
    text = json.dumps(event(user_id='\U0001f514'), ensure_ascii=False).encode()
    publisher.send(b''.join(frame(text[at:at + 1], opcode=TEXT if at == 0 else 0, fin=at == len(text) - 1) for at in range(len(text))))
    assert publisher.receive_json()['status'] == 'ok'


@pytest.mark.parametrize('code', [1000, 1001, 1003, 3000, 4999])
def test_close_is_answered_with_its_code(daemon, code):
    socket = daemon.publisher()
    assert socket.close(code).code == code


def test_close_without_a_code(daemon):
    with daemon.publisher() as socket:
        socket.closing = True
        socket.send(frame('', opcode=CLOSE))
        assert socket.expect_close().code in (1005, 1000)


def test_nothing_is_published_behind_a_close(daemon):
    with daemon.publisher() as socket:
        socket.closing = True
        socket.send(frame(struct.pack('>H', 1000), opcode=CLOSE) + frame(json.dumps(event(user_id='too-late'))))
        socket.expect_close()
    daemon.publish()
    assert daemon.query('user_id=too-late') == []


def test_message_that_came_with_the_handshake_is_read(daemon):
    with daemon.connect() as connection:
        connection.send(wire.head_text('GET', '/ws/publish', daemon.host, daemon.port, {
            'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='})
            + frame(json.dumps(event(user_id='early'))))
        status, headers = connection.take_head()
        assert status == 101 and headers['sec-websocket-accept'] == 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
        wait_until(lambda: len(daemon.query('user_id=early')) == 1, what='the early message is stored')


@pytest.mark.parametrize('change', [{'Sec-WebSocket-Version': '12'}, {'Sec-WebSocket-Key': 'short'}, {'Sec-WebSocket-Key': None},
                                    {'Upgrade': None}, {'Upgrade': 'h2c'}, {'Connection': 'keep-alive'}])
def test_bad_handshake(daemon, change):
    headers = {'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
               **change}
    with daemon.connect() as connection:
        connection.send(wire.head_text('GET', '/ws/publish', daemon.host, daemon.port, {name: value for name, value in headers.items() if value}))
        assert connection.take_head()[0] in (400, 426)


def test_binary_is_not_taken_for_json(publisher):
    publisher.send(frame(json.dumps(event()), opcode=BINARY))
    assert publisher.receive_json()['status'] == 'error'


def test_compression_is_declined(daemon):
    with daemon.publisher(headers={'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits'}) as socket:
        assert 'sec-websocket-extensions' not in socket.headers
        assert socket.ask(event())['status'] == 'ok'


def test_another_client_library(daemon):
    """Somebody else's idea of the protocol, with compression offered and masks at random."""
    with connect(f'ws://127.0.0.1:{daemon.port}/ws/publish', proxy=None) as socket:
        for number in range(100):
            socket.send(json.dumps(event(number)))
        assert all(json.loads(socket.recv(10))['status'] == 'ok' for _ in range(100))
        socket.ping().wait(10)


# Origin

@pytest.mark.parametrize('path', ['/ws/publish', '/ws/subscribe'])
def test_origin(shared_factory, path):
    daemon = shared_factory(CORS_ORIGINS='https://school.example,http://other.example:8080')
    own = f'http://{daemon.host}:{daemon.port}'
    for origin in ('https://school.example', 'http://other.example:8080', own):
        daemon.ws(path, headers={'Origin': origin}).close()
    daemon.ws(path).close()
    for origin in ('https://evil.example', 'http://school.example', 'https://school.example.evil.example', 'null', 'http://other.example',
                   f'http://{daemon.host}:{daemon.port + 1}', f'http://{daemon.host}', 'https://school.example:444', ''):
        if origin:
            with pytest.raises(wire.Refused) as refused:
                daemon.ws(path, headers={'Origin': origin})
            assert refused.value.status == 403, origin


def test_any_origin_by_default(daemon):
    daemon.ws('/ws/subscribe', headers={'Origin': 'https://anybody.example'}).close()


# Connections of one address

def test_connections_of_an_address(shared_factory):
    daemon = shared_factory(MAX_WS_CONNECTIONS_PER_IP=3)
    sockets = [daemon.subscribe(), daemon.publisher(), daemon.subscribe()]
    for path in ('/ws/publish', '/ws/subscribe'):
        with daemon.ws(path) as extra:
            closed = extra.expect_close()
            assert (closed.code, closed.reason, closed.before) == (4002, 'Too many connections', [])
    sockets.pop().close()

    def fits():
        with daemon.publisher() as socket:
            try:
                return socket.ask(event())['status'] == 'ok'
            except (wire.Closed, OSError):
                return False
    wait_until(fits, what='room for another connection')
    sockets.pop().drop()
    wait_until(fits, what='room after a client vanished')


def test_streams_of_an_address_are_not_counted(shared_factory):
    daemon = shared_factory(MAX_WS_CONNECTIONS_PER_IP=2)
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(daemon.stream()) for _ in range(5)]
        assert [stream.status for stream in streams] == [200] * 5
        for _ in range(2):
            assert stack.enter_context(daemon.publisher()).ask(event())['status'] == 'ok'


def test_twenty_connections_by_default(shared_factory):
    daemon = shared_factory(MAX_WS_CONNECTIONS_PER_IP=None)
    sockets = [daemon.subscribe() for _ in range(20)]
    with daemon.ws('/ws/subscribe') as extra:
        assert extra.expect_close().code == 4002
    for socket in sockets:
        socket.ping_pong()
        socket.drop()
