# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""SIGTERM: no new work, what was read is finished, 1001 to every socket, and the end within five seconds."""

import http.client
import json
import signal
import threading

import pytest

import wire
from belfry_daemon import event, wait_until
from wire import frame


def test_idle_daemon_ends_at_once(belfryd):
    daemon = belfryd()
    daemon.stop()
    assert daemon.stop_seconds < 2 and daemon.returncode == 0


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_every_socket_gets_1001(belfryd, number):
    daemon = belfryd()
    sockets = [daemon.subscribe() for _ in range(20)] + [daemon.publisher() for _ in range(10)] + [daemon.ws('/ws/subscribe') for _ in range(5)]
    made = daemon.publish()
    daemon.terminate(number)
    for index, socket in enumerate(sockets):
        closed = socket.expect_close()
        assert closed.code == 1001, index
        assert closed.before == ([json.dumps(made, separators=(',', ':'), ensure_ascii=False)] if index < 20 else [])
        socket.drop()
    daemon.stop()


def test_a_hundred_open_sockets(belfryd):
    """Subscribers, publishers, streams, sockets that never said what they want, and one that does not read: each told, within 5 s."""
    daemon = belfryd()
    stuck = daemon.subscribe(receive_buffer=4096)
    publisher = daemon.publisher()
    made = event(payload={'x': 'y' * 1000})
    for _ in range(5):
        publisher.send(b''.join(frame(json.dumps(made)) for _ in range(1000)))
        for _ in range(1000):
            publisher.receive()
    sockets = [daemon.subscribe() for _ in range(40)] + [daemon.publisher() for _ in range(30)] + [daemon.ws('/ws/subscribe') for _ in range(8)]
    streams = [daemon.stream() for _ in range(20)]
    daemon.terminate()
    for socket in [*sockets, publisher]:
        assert socket.expect_close().code == 1001
    for stream in streams:
        blocks = []
        while (block := stream.next_block()) is not None:
            blocks.append(block)
        assert blocks[-1] == {'retry': '5000'}, blocks
    daemon.stop(within=5)
    for one in [*sockets, *streams, publisher, stuck]:
        one.drop()


def test_the_second_signal_ends_it_at_once(belfryd):
    """A client that reads nothing is waited for for seconds; not any longer when somebody is in a hurry."""
    daemon = belfryd()
    stuck = daemon.subscribe(receive_buffer=4096)
    publisher = daemon.publisher()
    made = event(payload={'x': 'y' * 1000})
    for _ in range(8):
        publisher.send(b''.join(frame(json.dumps(made)) for _ in range(1000)))
        for _ in range(1000):
            publisher.receive()
    connection = daemon.connect()
    connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{')
    daemon.terminate()
    wait_until(lambda: 'Stopping' in daemon.log(), what='the first signal')
    daemon.terminate(signal.SIGINT)
    daemon.stop(within=2)
    assert 'Stopping at once' in daemon.log() or daemon.stop_seconds < 1
    for one in (stuck, publisher, connection):
        one.drop()
    assert len(belfryd(folder=daemon.folder).query('limit=1000')) == 1000, 'what was accepted is there'


def test_clients_that_say_nothing_do_not_delay_it(belfryd):
    """Sockets that never answer the close, idle keep-alive connections, half requests, and a stuck reader."""
    daemon = belfryd()
    held = [daemon.subscribe() for _ in range(5)] + [daemon.stream() for _ in range(5)] + [daemon.connect() for _ in range(5)]
    for _ in range(5):
        connection = daemon.connect()
        connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{')
        held.append(connection)
    for _ in range(5):
        connection = daemon.connect()
        connection.send(b'GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
        assert connection.take_response()[0] == 200
        held.append(connection)
    stuck = daemon.subscribe(receive_buffer=4096)
    publisher = daemon.publisher()
    for _ in range(5):
        publisher.send(b''.join(frame(json.dumps(event(payload={'x': 'y' * 1000}))) for _ in range(1000)))
        for _ in range(1000):
            publisher.receive()
    daemon.stop(within=5)
    for one in [*held, stuck, publisher]:
        one.drop()


def test_what_was_answered_on_the_way_down_is_stored(belfryd):
    daemon = belfryd()
    answered, failures = [], []

    def publish(worker):
        try:
            connection = daemon.connection()
            for number in range(100000):
                response = daemon.post(event(number, user_id=worker), connection=connection)
                if response.status != 201:
                    assert response.status == 503
                    return
                answered.append(response.json())
        except (OSError, http.client.HTTPException):
            pass
        except Exception as failure:
            failures.append(failure)

    def stream(worker):
        try:
            socket = daemon.publisher()
            for number in range(100000):
                socket.send(frame(json.dumps(event(number, user_id=worker))) * 4)
                for _ in range(4):
                    answer = socket.receive_json()
                    assert answer['status'] == 'ok' or answer['message'] == 'Storage unavailable', answer
                    if answer['status'] == 'ok':
                        answered.append({'id': answer['event_id']})
        except wire.Closed as closed:
            assert closed.code in (1001, 1006)
        except OSError:
            pass
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=publish, args=(f'h{at}',)) for at in range(3)] + [threading.Thread(target=stream, args=(f'w{at}',)) for at in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) > 300, timeout=30, what='some answers')
    daemon.stop()
    for thread in threads:
        thread.join(30)
    assert not failures, failures
    again = belfryd(folder=daemon.folder)
    connection = again.connection()
    for one in answered:
        assert again.get('/events/' + one['id'], connection=connection).status == 200


def test_no_new_connections_while_it_ends(belfryd, port):
    daemon = belfryd(port=port)
    daemon.stop()
    with pytest.raises(OSError):
        daemon.connect(timeout=2)


def test_the_port_is_free_at_once(belfryd, port):
    daemon = belfryd(port=port)
    for _ in range(5):
        with daemon.subscribe({'session_id': 'nobody'}) as socket:
            daemon.publish()
            daemon.terminate()
            assert socket.expect_close().code == 1001
        daemon.stop()
        daemon = belfryd(folder=daemon.folder, port=port)
        assert daemon.port == port


def test_two_signals_are_one(belfryd):
    daemon = belfryd()
    socket = daemon.subscribe()
    daemon.terminate()
    daemon.terminate()
    assert socket.expect_close().code == 1001
    socket.drop()
    daemon.stop()


def test_sigterm_right_after_the_start(belfryd):
    for _ in range(5):
        belfryd().stop()


def test_broken_pipes_and_hangups_do_not_end_it(belfryd):
    daemon = belfryd()
    daemon.process.send_signal(signal.SIGPIPE)
    assert daemon.publish()
    for _ in range(20):
        with daemon.connect() as connection:
            connection.send(b'GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n' * 20)
    assert daemon.publish()
