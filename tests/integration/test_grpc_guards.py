# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What one client of gRPC may not do to the others: clients that take nothing, that never say anything, that are too many."""

import socket
import subprocess

import pytest

grpc = pytest.importorskip('grpc')

import grpc_door
from belfry_daemon import wait_until
from grpc_fixtures import PREFACE, TIMEOUT, DeafStream, door, event, frame, half_open, open_door, pb, refusal, stubs

if not grpc_door.PROGRAM.exists():
    pytest.skip('built without gRPC', allow_module_level=True)


@pytest.fixture
def other(stubs):
    """Somebody else's client."""
    return lambda door: stubs[1].EventCollectorServiceStub(door.channel())


# Who takes no acknowledgements


def test_who_takes_no_acknowledgements_holds_nobody_up(open_door, other, event, pb):
    door = open_door(max_bytes_in_work=1000000)
    with DeafStream(door.port) as deaf:
        assert deaf.send_all(event(event_data_json='x' * 60000), 8_000_000) > 3_000_000
        door.wait_for(bytes_in_work=0)
        assert other(door).CollectEvent(event(), timeout=TIMEOUT).success
        assert other(door).HealthCheck(pb.HealthCheckRequest(), timeout=TIMEOUT).status == 'ok'
        assert door.stats()['open-streams'] == 1


def test_who_takes_no_acknowledgements_is_read_to_a_limit(open_door, event):
    door = open_door(max_unacknowledged_events=50)
    with DeafStream(door.port) as deaf:
        sent = deaf.send_all(event(event_data_json='x' * 60000), 20_000_000)
        assert sent < 60 * 61000 + 2_000_000
        wait_until(lambda: 50 <= door.stats()['messages'] <= 70, what='the limit')


def test_who_takes_nothing_is_cut_off(open_door, other, event):
    door = open_door(send_timeout_msec=300)
    with DeafStream(door.port) as deaf:
        deaf.send_all(event(), 5000)
        door.wait_for(not_taken=1, open_calls=0, bytes_untold=0)
        wait_until(lambda: deaf.listen() is False or deaf.is_cut, what='the reset')
        assert deaf.is_cut
    assert other(door).CollectEvent(event(), timeout=TIMEOUT).success


def test_reasons_that_nobody_takes_are_bounded(open_door, other, event):
    """Of several, the one that has taken nothing for longest goes first."""
    door = open_door(max_untold_bytes=20000)
    with DeafStream(door.port) as first, DeafStream(door.port) as second:
        first.send_all(event(learner_id=''), 2000)
        wait_until(lambda: door.stats()['bytes-untold'] > 0, what='waiting reasons')
        second.send_all(event(learner_id=''), 100_000)
        wait_until(lambda: door.stats()['not-taken'] >= 1, what='the cut')
        wait_until(lambda: first.listen() is False or first.is_cut, what='the reset')
        assert first.is_cut
        wait_until(lambda: door.stats()['bytes-untold'] <= 20000, what='the bound')
        answer = other(door).StreamEvents(iter([event(learner_id='')] * 25), timeout=TIMEOUT)
        assert sum(ack.rejected for ack in answer) == 25


# Who says nothing


def test_connections_without_a_call_are_closed(open_door):
    door = open_door(max_idle_msec=1000)
    with socket.create_connection(('127.0.0.1', door.port), 10) as connection:
        connection.sendall(PREFACE + frame(4, 0, 0, b''))
        connection.settimeout(TIMEOUT)
        received = b''
        while part := connection.recv(65536):
            received += part
        assert received[3] == 4, 'it begins with settings'


def test_connections_that_never_begin_are_closed(open_door):
    door = open_door(handshake_timeout_msec=300)
    with socket.create_connection(('127.0.0.1', door.port), 10) as connection:
        connection.sendall(PREFACE[:10])
        connection.settimeout(TIMEOUT)
        try:
            while connection.recv(65536):
                continue
        except ConnectionResetError:
            """As good as an end."""


def test_connections_that_do_not_answer_are_closed(open_door):
    """A call is open, but the other end is dead."""
    door = open_door(keepalive_msec=1000, keepalive_timeout_msec=300)
    with half_open(door.port, 1):
        door.wait_for(open_calls=1)
        door.wait_for(open_calls=0, cancelled=1)


def test_who_pings_too_often_is_sent_away(open_door):
    door = open_door(min_ping_interval_msec=600000)
    with socket.create_connection(('127.0.0.1', door.port), 10) as connection:
        connection.sendall(PREFACE + frame(4, 0, 0, b'') + frame(6, 0, 0, b'12345678') * 10)
        connection.settimeout(TIMEOUT)
        received = b''
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            """As good as an end."""
        assert b'too_many_pings' in received


# Who are too many


def limit_descriptors(door, maximum):
    subprocess.run(['prlimit', f'--pid={door.pid}', f'--nofile={maximum}:'], check=True)


def crowd(door, count):
    """So many connections, of which some are turned away when the listener is already gone."""
    connections = []
    for _ in range(count):
        try:
            connections.append(socket.create_connection(('127.0.0.1', door.port), 10))
        except OSError:
            break
    return connections


def is_collected(stub, event):
    try:
        return stub.CollectEvent(event(), timeout=2).success
    except grpc.RpcError:
        return False


def test_too_many_connections_do_no_lasting_harm(open_door, other, event):
    """gRPC's own listener never recovers from too many open files."""
    door = open_door(drain_msec=100, reopen_msec=50)
    assert other(door).CollectEvent(event(), timeout=TIMEOUT).success
    limit_descriptors(door, 60)
    connections = crowd(door, 80)
    wait_until(lambda: door.stats()['reopened'] >= 1, what='a new listener')
    for connection in connections:
        connection.close()
    wait_until(lambda: is_collected(other(door), event), what='recovery')
    # What was counted before still counts.
    door.wait_for(accepted=2)


def test_end_while_there_is_no_listener(open_door):
    door = open_door(drain_msec=100, reopen_msec=3600000)
    limit_descriptors(door, 60)
    connections = crowd(door, 80)
    for connection in connections:
        connection.settimeout(TIMEOUT)
        try:
            while connection.recv(4096):
                continue
        except OSError:
            """It is closed in either way."""
    door.stop()
