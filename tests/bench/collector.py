# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What the collector takes and passes on: both doors, one event alone, a backlog that nobody fetches, and forwarding to a broker.
A part of compare.py."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from servers import Missing, free_port

BATCH = 100
# The sizes of what learning apps send.
EVENT_BYTES = 300
ALONE_RATE = 200
# Of which the one counts in which the host took least of the machine.
ALONE_TURNS = 5
BACKLOG_EVENTS = 1000000
FORWARDED_EVENTS = 300000
# While the cost of forwarding is measured.
STEADY_RATE = 30000
# Those that speak with Kafka, and not with those who send events.
KAFKA_THREADS = ('rdk:', 'belfry-kafka')
# That a broker is away is what is wanted.
BOTH_DOORS = {'GRPC_HOST': '127.0.0.1', 'GRPC_PORT': '0', 'RATE_LIMIT_COLLECT': 'unlimited', 'LOG_LEVEL': 'ERROR'}

DOORS = (
    ('collect', {'connections': 4, 'batch': BATCH}, ['collect', '--connections', 4, '--batch', BATCH]),
    ('collect-gzip', {'connections': 4, 'batch': BATCH}, ['collect', '--connections', 4, '--batch', BATCH, '--gzip']),
    ('grpc-unary', {'window': 32}, ['grpc', '--connections', 1, '--window', 32]),
    ('grpc-stream', {'window': 1000}, ['grpc-stream', '--connections', 1, '--window', 1000]),
    ('grpc-batch', {'window': 4, 'batch': BATCH}, ['grpc-batch', '--connections', 1, '--window', 4, '--batch', BATCH]),
)
ALONE = (
    ('collect-alone', ['collect', '--connections', 1, '--batch', 1]),
    ('grpc-alone', ['grpc', '--connections', 1, '--window', 8]),
)


def arguments_of(arguments):
    return [*arguments, '--size', EVENT_BYTES]


def measure(comparison):
    """All of it."""
    for _ in range(comparison.options.rounds):
        for case, facts, arguments in DOORS:
            comparison.load('belfryd', case, arguments_of(arguments), settings=BOTH_DOORS, **facts)
    comparison.measure_flush()
    for _ in range(ALONE_TURNS):
        for case, arguments in ALONE:
            comparison.load('belfryd', case, arguments_of([*arguments, '--rate', ALONE_RATE]), settings=BOTH_DOORS, rate=ALONE_RATE)
    measure_idle(comparison)
    measure_backlog(comparison)
    measure_forwarding(comparison)


def note(comparison, case, figures, **facts):
    comparison.measurements.append({'case': case, 'server': 'belfryd', **facts, 'figures': figures})
    print(f'{case:<14} ' + ', '.join(f'{name} {value:,.2f}' for name, value in figures.items()), flush=True)


def mib(server, name='VmRSS'):
    return server.memory(name) / 1048576


def ask(server, path):
    with urllib.request.urlopen(server.url + path, timeout=30) as answer:
        return json.load(answer)


# Memory

def measure_idle(comparison):
    """Both doors open, without Kafka and with one that is away."""
    for kafka, settings in (('off', {}), ('away', {'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{free_port()}'})):
        server = comparison.start('belfryd', {**BOTH_DOORS, **settings})
        time.sleep(1.5)  # what a start leaves behind is given back by then
        note(comparison, 'collector-idle', {'rss_mib': mib(server), 'own_mib': mib(server, 'RssAnon')}, kafka=kafka)
        server.stop()


def measure_backlog(comparison):
    """A million events, and more, that wait for a broker which is not there."""
    away = {**BOTH_DOORS, 'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{free_port()}'}
    server = comparison.start('belfryd', away)
    fill = ['collect', '--connections', 4, '--batch', BATCH, '--count', BACKLOG_EVENTS]
    comparison.load_on(server, 'backlog-fill', arguments_of(fill), seconds=120)
    figures = comparison.load_on(server, 'backlog', arguments_of(DOORS[0][2]), backlog=BACKLOG_EVENTS)
    waiting = ask(server, '/buffer/stats')['pending_events']
    if figures is None or waiting != BACKLOG_EVENTS + figures['answered']:
        comparison.fail('belfryd', f'backlog: {waiting} events wait')
    comparison.end(server)


# Forwarding

def start_broker(folder):
    """Apache Kafka, as the tests start it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'integration'))
    try:
        import belfry_daemon
        from kafka_broker import Broker
        belfry_daemon.share_checker_crashes()
        return Broker(folder / 'broker').start()
    except (ImportError, OSError, subprocess.SubprocessError) as error:
        raise Missing(str(error)) from None


def wait_forwarded(server, seconds=120):
    """How fast what waits goes, from the first moment at which some has gone; 0 when nothing waits, None when it does not go."""
    deadline = time.monotonic() + seconds
    first = begin = None
    while (waiting := ask(server, '/buffer/stats')['pending_events']) > 0:
        if first is None:
            first = waiting
        if waiting < first and begin is None:
            begin, first = time.monotonic(), waiting
        if time.monotonic() > deadline:
            return None
        time.sleep(0.02)
    return first / (time.monotonic() - begin) if begin is not None else 0.0


def measure_forwarding(comparison):
    os.environ['BELFRY_BUILD_DIR'] = str(comparison.options.build)
    try:
        broker = start_broker(comparison.folder)
    except Missing as error:
        print(f'Without a broker: {error}', flush=True)
        return
    try:
        kafka = {**BOTH_DOORS, 'KAFKA_BOOTSTRAP_SERVERS': broker.address, 'KAFKA_TOPIC': 'bench'}
        forward_backlog(comparison, kafka)
        for _ in range(comparison.options.rounds):
            accept_steadily(comparison, {**BOTH_DOORS}, 'off')
            accept_steadily(comparison, kafka, 'forwarding')
    finally:
        broker.close()


def forward_backlog(comparison, kafka):
    """What waits at the start of a daemon, as fast as the broker takes it."""
    server = comparison.start('belfryd', BOTH_DOORS)
    fill = ['collect', '--connections', 4, '--batch', BATCH, '--count', FORWARDED_EVENTS]
    comparison.load_on(server, 'forward-fill', arguments_of(fill), seconds=60)
    server.stop()
    server = comparison.start('belfryd', {**kafka, 'KAFKA_START': 'beginning', 'DATABASE_PATH': str(server.folder / 'events.db')})
    before = sum(server.thread_seconds().values())
    rate = wait_forwarded(server)
    used = sum(server.thread_seconds().values()) - before
    if not rate:
        comparison.fail('belfryd', 'forward: the backlog did not go')
    note(comparison, 'forward', {'events_per_second': rate or 0, 'server_cpu_usec_per_event': used / FORWARDED_EVENTS * 1e6,
                                 'server_rss_peak_mib': mib(server, 'VmHWM')})
    server.stop()


def accept_steadily(comparison, settings, kafka):
    """What an event costs those who accept it, at a rate at which nothing piles up."""
    server = comparison.start('belfryd', settings)
    steady = ['collect', '--connections', 4, '--batch', BATCH, '--rate', STEADY_RATE]
    comparison.load_on(server, 'steady-begin', arguments_of(steady), seconds=1)
    before = server.thread_seconds()
    figures = comparison.load_on(server, 'steady', arguments_of(steady), kafka=kafka)
    after = server.thread_seconds()
    used = {name: seconds - before.get(name, 0) for name, seconds in after.items()}
    accepting = sum(seconds for name, seconds in used.items() if not name.startswith(KAFKA_THREADS))
    if figures is not None:
        note(comparison, 'accepting', {'cpu_usec': accepting / figures['answered'] * 1e6,
                                       'kafka_cpu_usec': (sum(used.values()) - accepting) / figures['answered'] * 1e6}, kafka=kafka)
    if kafka != 'off' and wait_forwarded(server) is None:
        comparison.fail('belfryd', 'accepting: what was accepted did not go')
    comparison.end(server)
