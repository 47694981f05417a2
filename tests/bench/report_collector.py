# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What report.py tells of the collector."""

MB_OF_MIB = 1.048576

HEADS = ['what', 'events/s', 'p50', 'p95', 'p99', 'max', 'CPU an event', 'RSS before / peak']

LOADS = (
    ('collect', {}, '`POST /collect`, batches of 100, 4 connections'),
    ('collect-gzip', {}, 'the same, compressed'),
    ('grpc-unary', {}, 'gRPC, an event a call, 32 calls in flight'),
    ('grpc-stream', {}, 'gRPC, one stream, 1,000 events unacknowledged'),
    ('grpc-batch', {}, 'gRPC, batches of 100, 4 calls in flight'),
    ('collect-alone', {}, '`POST /collect` of one event (open loop)'),
    ('grpc-alone', {}, 'gRPC, one event (open loop)'),
    ('backlog', {}, 'batches of 100, a million events wait for an absent broker'),
    ('steady', {'kafka': 'off'}, 'batches of 100 (open loop), without Kafka'),
    ('steady', {'kafka': 'forwarding'}, 'batches of 100 (open loop), forwarded meanwhile'),
)


def single_event(report, goal, name, what):
    """Of several turns the calmest: where others have the core, it is their time that is measured."""
    turns = [found['figures'] for found in report.select(name, 'belfryd') if 'stolen_percent' in found['figures']]
    if not turns:
        return goal(what, None, 2, ' ms', is_most=True)
    calmest = min(turns, key=lambda figures: figures['stolen_percent'])
    detail = (f'{calmest["stolen_percent"]:.1f} % of the machine stolen meanwhile; middle of {len(turns)} turns '
              f'{report.in_ms("answer_p95_usec", name):.3g} ms')
    flush = report.parts.get('collector', {}).get('flush_usec', {}).get('p95')
    if flush is not None:
        detail += f'; the flush alone {flush / 1000:.3g} ms'
    return goal(what, calmest['answer_p95_usec'] / 1000, 2, ' ms', is_most=True, detail=detail)


def goals(report, goal):
    def figure(name, case, **facts):
        return report.figure(name, case, 'belfryd', **facts)

    def memory(name, case, **facts):
        value = figure(name, case, **facts)
        return value * MB_OF_MIB if value is not None else None

    rate = 'events_per_second'
    yield goal('`/collect`, batches of 100, 4 connections', figure(rate, 'collect'), 60000, '/s', wish=100000)
    yield goal('gRPC, 32 calls in flight', figure(rate, 'grpc-unary'), 10000, '/s')
    yield goal('gRPC, one stream', figure(rate, 'grpc-stream'), 50000, '/s', wish=100000)
    for case, door in (('collect-alone', '`POST /collect`'), ('grpc-alone', 'gRPC')):
        yield single_event(report, goal, case, f'one event accepted, {door}, p95')
    yield goal('memory under load, a million events wait', memory('server_rss_peak_mib', 'backlog'), 60, ' MB', is_most=True)
    for kafka, what in (('off', 'both doors'), ('away', 'both doors and Kafka')):
        yield goal(f'memory at rest, {what}', memory('rss_mib', 'collector-idle', kafka=kafka), 25, ' MB', is_most=True)
    yield goal('forwarded to a local broker', figure(rate, 'forward'), 50000, '/s')
    alone, beside = (figure('cpu_usec', 'accepting', kafka=kafka) for kafka in ('off', 'forwarding'))
    share = (beside / alone - 1) * 100 if alone and beside is not None else None
    detail = f'{alone:.3g} and {beside:.3g} µs an event' if share is not None else ''
    yield goal('accepting costs more CPU while forwarding', share, 10, ' %', is_most=True, detail=detail)


def rows(report, milliseconds, count):
    """Lists of cells, as HEADS names them."""
    def figure(name, case, **facts):
        return report.figure(name, case, 'belfryd', **facts)

    def mib(*values):
        return ' / '.join('–' if value is None else f'{value:.0f}' for value in values) + ' MiB'

    made = []
    for case, facts, what in LOADS:
        rate = figure('events_per_second', case, **facts)
        if rate is None:
            continue
        times = [milliseconds(figure(f'answer_{name}_usec', case, **facts)) for name in ('p50', 'p95', 'p99', 'max')]
        made.append([what, count(rate), *times, f'{figure("server_cpu_usec_per_event", case, **facts):.1f} µs',
                     mib(figure('server_rss_before_mib', case, **facts), figure('server_rss_peak_mib', case, **facts))])
    rate = figure('events_per_second', 'forward')
    if rate is not None:
        made.append(['a backlog of 300,000 to a local broker', count(rate), *['–'] * 4,
                     f'{figure("server_cpu_usec_per_event", "forward"):.1f} µs', mib(None, figure('server_rss_peak_mib', 'forward'))])
    return made
