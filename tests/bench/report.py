#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Makes tables and plots of what compare.py has measured, and puts them between the markers of docs/performance.md:
report.py comparison.json DOCS."""

import json
import re
import statistics
import sys
from pathlib import Path

import report_collector
from charts import Chart

MARKED = re.compile(r'(<!-- measured: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)', re.DOTALL)
PERCENTILE_TICKS = [10, 50, 90, 99, 99.9, 99.99]


def table(heads, rows):
    if not rows:
        return 'Not measured.\n'
    lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
    lines += ['| ' + ' | '.join(row) + ' |' for row in rows]
    return '\n'.join(lines) + '\n'


def count(value):
    """Three digits are what such figures are good for."""
    if value is None:
        return '–'
    digits = max(len(str(round(value))) - 3, 0)
    return f'{round(value / 10 ** digits) * 10 ** digits:,}'


def milliseconds(usec):
    if usec is None:
        return '–'
    value = usec / 1000
    return f'{value:.0f} ms' if value >= 100 else f'{value:.3g} ms'


def plain(value, form='{:.2f}'):
    return '–' if value is None else form.format(value)


class Goal:
    """A wish and what came of it. Two limits: what is asked for, and what we would like."""

    def __init__(self, name, value, limit, unit='', wish=None, is_most=False, detail=''):
        self.name, self.value, self.limit, self.unit, self.detail = name, value, limit, unit, detail
        self.wish, self.is_most = wish, is_most

    def holds(self, limit):
        return self.value <= limit if self.is_most else self.value >= limit

    def verdict(self):
        if self.value is None:
            return 'not measured'
        if not self.holds(self.limit):
            return '**missed**'
        if self.wish is not None and not self.holds(self.wish):
            return f'met, not yet {self.show(self.wish)}'
        return 'met'

    def show(self, value):
        if value is None:
            return '–'
        text = f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.3g}'
        return f'{text}{self.unit}'

    def row(self):
        sign = '≤' if self.is_most else '≥'
        return [self.name, f'{sign} {self.show(self.limit)}', self.show(self.value), self.detail, self.verdict()]


class Report:
    def __init__(self, results):
        self.parts = results['parts']
        self.measurements = [found for part in self.parts.values() for found in part['measurements']]

    # What was measured

    def select(self, case, server=None, **facts):
        return [found for found in self.measurements
                if found['case'] == case and server in (None, found['server'])
                and all(found.get(name) == value for name, value in facts.items())]

    def figure(self, name, case, server, **facts):
        """The middle one of all turns."""
        values = [found['figures'][name] for found in self.select(case, server, **facts) if name in found['figures']]
        return statistics.median(values) if values else None

    def points(self, x, name, case, server, **facts):
        places = sorted({found[x] for found in self.select(case, server, **facts)})
        return [(place, self.figure(name, case, server, **{x: place}, **facts)) for place in places]

    def alone(self):
        """What one event alone takes from its sending, the flush in the same turn, and what is beyond it: the middle of all turns."""
        turns = [(found['figures']['delivery_p50_usec'] - found['figures']['late_p50_usec'], found['flush_usec'])
                 for found in self.select('alone', 'belfryd') if 'flush_usec' in found]
        if not turns:
            return None, None, None
        return (*(statistics.median(values) for values in zip(*turns)), statistics.median(alone - flush for alone, flush in turns))

    # Goals

    def share(self, name, other, figure, case, least, wish=None, **facts):
        """A goal that is a multiple of what another server reaches."""
        mine, theirs = self.figure(figure, case, 'belfryd', **facts), self.figure(figure, case, other, **facts)
        if mine is None or not theirs:
            return Goal(name, None, least, ' ×', wish)
        return Goal(name, mine / theirs, least, ' ×', wish, detail=f'{count(mine)} / {count(theirs)} a second')

    def all_goals(self):
        yield from self.delivery_goals()
        yield from self.publish_goals()
        yield from self.query_goals()
        yield from self.store_goals()
        yield from report_collector.goals(self, Goal)

    def delivery_goals(self):
        rate = 'deliveries_per_second'
        for subscribers, least in ((100, 1.25), (1000, 2)):
            yield self.share(f'fan-out to {subscribers:,}, of nats-server', 'nats-server', rate, 'fan-out', least,
                             subscribers=subscribers)
        for subscribers in (100, 1000):
            yield self.share(f'fan-out to {subscribers:,}, of nginx+nchan', 'nginx+nchan', rate, 'fan-out', 5,
                             subscribers=subscribers)
        for subscribers in (100, 1000):
            facts = {'subscribers': subscribers}
            yield Goal(f'delivery to {subscribers:,} at half of that, p99', self.in_ms('delivery_p99_usec', 'half', **facts), 20, ' ms',
                       is_most=True, detail=f'{count(self.figure(rate, "half", "belfryd", **facts))} deliveries/s')
        yield Goal('10,000 subscribers, a tenth match, longest', self.in_ms('delivery_max_usec', 'tenth'), 50, ' ms', is_most=True,
                   detail=f'{count(self.figure("events_per_second", "tenth", "belfryd"))} events/s')

    def publish_goals(self):
        rate = 'events_per_second'
        yield self.share('WebSocket, 8 connections, 64 in flight, of JetStream', 'nats-server', rate, 'socket', 0.6, 1,
                         connections=8, window=64)
        yield self.share('POST, 32 connections, of bare libsoup', 'bare libsoup', rate, 'post', 0.75, 0.85, connections=32)
        alone, flush, beyond = self.alone()
        yield Goal('one event alone to another client, beyond the flush, p50', beyond / 1000 if beyond is not None else None, 0.5, ' ms',
                   is_most=True, detail=f'{milliseconds(alone)} with a flush of {milliseconds(flush)}' if beyond is not None else '')

    def store_goals(self):
        for rows, least in ((1000000, 150000), (10000000, 100000)):
            reached = self.figure('append_per_second', 'store', 'belfryd', rows=rows)
            yield Goal(f'appended up to {rows:,} rows, indexed', reached, least, '/s')
        for name, figure in (('delete-all', 'delete_all'), ('retention', 'retention')):
            whole, work = (self.figure(f'{figure}_{part}_usec', 'store', 'belfryd', rows=1000000) for part in ('hold', 'work'))
            yield Goal(f'{name} of a million rows holds a write', whole / 1000 if whole is not None else None, 20, ' ms', is_most=True,
                       detail=f'{milliseconds(work)} beyond the flush' if work is not None else '')

    def query_goals(self):
        for case, figure, name, limit, unit, is_most in (
                ('query', 'per_second', 'a query of 100 events in a million, slowest filter', 3000, '/s', False),
                ('query-beside', 'p99_usec', 'the same at 1,500/s beside 5,000 events/s, p99', 5, ' ms', True)):
            found = [one for one in self.select(case) if one['shape'] != 'stats']
            worst = (max if is_most else min)(found, key=lambda one: one['figures'][figure]) if found else None
            value = worst['figures'][figure] / (1000 if is_most else 1) if worst else None
            yield Goal(name, value, limit, unit, is_most=is_most, detail=worst['shape'] if worst else '')

    def in_ms(self, name, case, **facts):
        value = self.figure(name, case, 'belfryd', **facts)
        return value / 1000 if value is not None else None

    # Tables

    def goals(self):
        return table(['goal', 'asked', 'reached', '', ''], [goal.row() for goal in self.all_goals()])

    def conditions(self):
        lines = []
        for name, part in self.parts.items():
            machine = part['machine']
            programs = [f'Linux {machine["kernel"]}']
            programs += [f'{program} {number}' for program, number in sorted(part['versions'].items())]
            lines.append((f'{part["date"]}: {machine["cores"]} cores of {machine["processor"]}, {machine["memory_gib"]} GiB, '
                          f'{machine["system"]}, {", ".join(programs)}; {part["seconds"]:g} s a measurement', name))
        groups = {}
        for text, name in lines:
            groups.setdefault(text, []).append(name)
        if len(groups) == 1:
            return f'{lines[0][0]}.\n'
        return '\n\n'.join(f'{text} ({", ".join(names)}).' for text, names in groups.items()) + '\n'

    def answer_row(self, server, case, what, **facts):
        values = {name: self.figure(name, case, server, **facts) for name in
                  ('events_per_second', 'answer_p50_usec', 'answer_p99_usec', 'answer_p999_usec', 'answer_max_usec',
                   'server_cpu_usec_per_event', 'server_rss_before_mib', 'server_rss_peak_mib')}
        if values['events_per_second'] is None:
            return []
        times = [milliseconds(values[f'answer_{name}_usec']) for name in ('p50', 'p99', 'p999', 'max')]
        cpu = plain(values['server_cpu_usec_per_event'], '{:.1f}')
        rss = [plain(values[f'server_rss_{when}_mib'], '{:.0f}') for when in ('before', 'peak')]
        return [[what, server, count(values['events_per_second']), *times, f'{cpu} µs', f'{" / ".join(rss)} MiB']]

    def publish(self):
        rows = []
        for connections in (1, 32, 256):
            for server in ('belfryd', 'bare libsoup', 'nginx+nchan'):
                what = f'POST, {connections} connection{"s" * (connections > 1)}'
                rows += self.answer_row(server, 'post', what, connections=connections)
        for connections, window in ((1, 1), (8, 64)):
            for server in ('belfryd', 'nats-server'):
                kind = 'WebSocket' if server == 'belfryd' else 'JetStream'
                what = f'{kind}, {connections} × {window} in flight'
                rows += self.answer_row(server, 'socket', what, connections=connections, window=window)
        for server in ('belfryd', 'bare libsoup'):
            rows += self.answer_row(server, 'post-half', 'POST, 32 connections, half the rate (open loop)')
        for server in ('belfryd', 'nats-server'):
            rows += self.answer_row(server, 'socket-half', '8 × 64, half the rate (open loop)')
        return table(['what', 'server', 'events/s', 'p50', 'p99', 'p99.9', 'max', 'CPU an event', 'RSS before / peak'], rows)

    def fan_out(self):
        rows = []
        cases = [('fan-out', f'{n:,} subscribers', {'subscribers': n}) for n in (10, 100, 1000, 10000)]
        cases += [('half', f'{n:,} subscribers, half the rate (open loop)', {'subscribers': n}) for n in (100, 1000)]
        cases += [('tenth', '10,000 subscribers, a tenth match (open loop)', {})]
        cases += [('alone', 'one event alone, one subscriber (open loop)', {})]
        for case, what, facts in cases:
            for server in ('belfryd', 'nats-server', 'nginx+nchan'):
                rows += self.delivery_row(case, what, server, facts)
        return table(['what', 'server', 'deliveries/s', 'p50', 'p99', 'p99.9', 'max', 'CPU a delivery', 'RSS before / peak', 'lost'],
                     rows)

    def delivery_row(self, case, what, server, facts):
        rate = self.figure('deliveries_per_second', case, server, **facts)
        if rate is None:
            return []
        times = [milliseconds(self.figure(f'delivery_{name}_usec', case, server, **facts))
                 for name in ('p50', 'p99', 'p999', 'max')]
        cpu = self.figure('server_cpu_usec_per_delivery', case, server, **facts)
        rss = [plain(self.figure(f'server_rss_{when}_mib', case, server, **facts), '{:.0f}') for when in ('before', 'peak')]
        lost = sum(found['figures']['lost'] + found['figures']['repeated'] + found['figures']['out_of_order']
                   for found in self.select(case, server, **facts))
        return [[what, server, count(rate), *times, f'{plain(cpu)} µs', f'{" / ".join(rss)} MiB', str(lost)]]

    def store(self):
        rows = []
        for found in sorted(self.select('store'), key=lambda found: found['rows']):
            figures = found['figures']
            query = figures.get('query_usec', {})
            slowest = max(query, key=query.get) if query else None
            rows.append([f'{found["rows"]:,}', count(figures.get('append_per_second')), milliseconds(figures.get('append_p99_usec')),
                         milliseconds(figures.get('append_max_usec')), milliseconds(query.get('session')),
                         f'{milliseconds(query[slowest])} ({slowest})' if slowest else '–',
                         milliseconds(figures.get('delete_all_hold_usec')), milliseconds(figures.get('delete_all_work_usec')),
                         plain(figures.get('rss_mib'), '{:.0f} MiB')])
        return table(['rows', 'appended/s', 'batch of 100: p99', 'longest', 'query of a session', 'slowest query', 'delete-all holds',
                      'beyond the flush', 'RSS'], rows)

    def queries(self):
        rows = []
        for found in self.select('query'):
            alone = found['figures']
            beside = [one['figures'] for one in self.select('query-beside', shape=found['shape'])]
            rows.append([found['shape'], count(alone['per_second']), milliseconds(alone['p50_usec']), milliseconds(alone['p99_usec']),
                         *(milliseconds(beside[-1][name]) if beside else '–' for name in ('p50_usec', 'p99_usec', 'max_usec'))])
        return table(['filter', 'queries/s, 16 connections', 'p50', 'p99', 'at 1,500/s beside 5,000 events/s: p50', 'p99', 'max'],
                     rows)

    def tables(self):
        return {'conditions': self.conditions(), 'goals': self.goals(), 'publish': self.publish(), 'fan-out': self.fan_out(),
                'queries': self.queries(), 'store': self.store(),
                'collector': table(report_collector.HEADS, report_collector.rows(self, milliseconds, count))}

    def markdown(self):
        made = self.tables()
        heads = {'goals': 'Goals', 'publish': 'Publish, acknowledged', 'fan-out': 'Fan-out', 'queries': 'Queries', 'store': 'Store',
                 'collector': 'The collector'}
        return f'# Comparison\n\n{made["conditions"]}\n' + '\n'.join(f'## {head}\n\n{made[name]}' for name, head in heads.items())

    def fill(self, path):
        """Replaces what stands between the markers, and nothing else."""
        made = self.tables()
        filled = MARKED.sub(lambda found: f'{found.group(1)}\n{made[found.group("name")]}\n{found.group(3)}', path.read_text())
        path.write_text(filled)

    # Plots

    def charts(self):
        yield 'publish-connections', self.chart_of_connections()
        yield 'fan-out-subscribers', self.chart_of_subscribers()
        yield 'store-append', self.chart_of_appends()
        yield 'store-queries', self.chart_of_queries()
        yield 'latency-publish', self.chart_of_latencies('answer', 'Acknowledgement at half of the reached rate', [
            ('belfryd, WebSocket', 'socket-half', 'belfryd', {}), ('JetStream', 'socket-half', 'nats-server', {}),
            ('belfryd, POST', 'post-half', 'belfryd', {}), ('bare libsoup, POST', 'post-half', 'bare libsoup', {})])
        title = 'Delivery to 100 and 1,000 subscribers at half of the reached rate'
        yield 'latency-delivery', self.chart_of_latencies('delivery', title, [
            (f'{server}, {n:,}', 'half', server, {'subscribers': n})
            for server in ('belfryd', 'nats-server') for n in (100, 1000)])

    def chart_of_connections(self):
        chart = Chart('Events acknowledged, one in flight on each connection', 'connections', 'events a second')
        for name, case, server, facts in (
                ('belfryd, POST', 'post', 'belfryd', {}), ('bare libsoup, POST', 'post', 'bare libsoup', {}),
                ('nchan, POST', 'post', 'nginx+nchan', {}), ('belfryd, WebSocket', 'socket', 'belfryd', {'window': 1}),
                ('JetStream', 'socket', 'nats-server', {'window': 1})):
            chart.add(name, self.points('connections', 'events_per_second', case, server, **facts))
        return chart

    def chart_of_subscribers(self):
        chart = Chart('Fan-out, every subscriber gets everything', 'subscribers', 'deliveries a second')
        for server in ('belfryd', 'nats-server', 'nginx+nchan'):
            chart.add(server, self.points('subscribers', 'deliveries_per_second', 'fan-out', server))
        return chart

    def chart_of_appends(self):
        chart = Chart('Appending in batches of 100, every query indexed', 'rows in the end', 'events a second', y_log=False)
        chart.add('appended', self.points('rows', 'append_per_second', 'store', 'belfryd'))
        return chart

    def chart_of_queries(self):
        chart = Chart('A query of 100 events', 'rows', 'milliseconds, median')
        found = sorted(self.select('store'), key=lambda found: found['rows'])
        largest = found[-1]['figures'].get('query_usec', {}) if found else {}
        # As many as can be told apart: the slowest ones, and the one that people ask most.
        names = sorted(largest, key=lambda name: (name != 'session', -largest[name]))[:5]
        for name in names:
            chart.add(name, [(one['rows'], one['figures']['query_usec'][name] / 1000) for one in found
                             if name in one['figures'].get('query_usec', {})])
        return chart

    def chart_of_latencies(self, kind, title, lines):
        chart = Chart(title, 'share of the events', 'milliseconds', x_log=False, x_ticks=PERCENTILE_TICKS, x_percentile=True)
        for name, case, server, facts in lines:
            found = self.select(case, server, **facts)
            curve = found[-1]['figures'].get(f'{kind}_curve', []) if found else []
            chart.add(name, [(percent, usec / 1000) for percent, usec in curve
                             if PERCENTILE_TICKS[0] <= percent <= PERCENTILE_TICKS[-1]])
        return chart

    def write_plots(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in self.charts():
            if chart.lines:
                (folder / f'{name}.svg').write_text(chart.svg())


def main():
    results, docs = Path(sys.argv[1]), Path(sys.argv[2])
    made = Report(json.loads(results.read_text()))
    made.fill(docs / 'performance.md')
    made.write_plots(docs / 'plots')


if __name__ == '__main__':
    main()
