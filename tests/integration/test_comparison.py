# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The comparison with other servers: its client speaks their protocols and sees what they lose, and its report says what was measured."""

import json
import re
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree

import pytest

from belfry_daemon import BUILD_DIR, PATIENCE, SOURCE_DIR
from wire import SmallServer

BENCH = SOURCE_DIR / 'tests' / 'bench'
LOAD = BUILD_DIR / 'tests' / 'bench' / 'belfry-load'

sys.path.insert(0, str(BENCH))
import charts  # noqa: E402
import report  # noqa: E402


def run(url, *arguments, seconds=20):
    done = subprocess.run([LOAD, *arguments, '--url', url, '--json', '--seconds', str(seconds)], capture_output=True, timeout=60 * PATIENCE)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


class SmallNats(SmallServer):
    """As much of NATS as is needed: subjects, inboxes, a stream that acknowledges; `keep` says which message numbers go out."""

    def __init__(self, keep=lambda number: True):
        self.keep = keep
        self.lock = threading.Lock()
        self.listeners = {}  # subject: connections
        self.number = 0
        super().__init__()

    def serve(self, connection):
        connection.sendall(b'INFO {"server_id":"small"}\r\nPING\r\n')
        file = connection.makefile('rb')
        try:
            while (line := file.readline()):
                words = line.decode().split()
                if words[0] == 'SUB':
                    self.listeners.setdefault(words[1], []).append(connection)
                elif words[0] == 'PING':
                    connection.sendall(b'PONG\r\n')
                elif words[0] == 'PUB':
                    payload = file.read(int(words[-1]) + 2)[:-2]
                    self.publish(words[1], words[2] if len(words) == 4 else None, payload)
        except OSError:
            pass  # the client has what it wanted

    def publish(self, subject, inbox, payload):
        with self.lock:
            self.number += 1
            if self.keep(self.number):
                for connection in self.listeners.get(subject, []):
                    connection.sendall(f'MSG {subject} 1 {len(payload)}\r\n'.encode() + payload + b'\r\n')
            if inbox:
                answer = b'{"stream":"LOAD","seq":%d}' % self.number if self.keep(self.number) else b'{"error":{"code":503}}'
                for connection in self.listeners[inbox]:
                    connection.sendall(f'MSG {inbox} 1 {len(answer)}\r\n'.encode() + answer + b'\r\n')


def test_a_stream_acknowledges_every_event():
    server = SmallNats()
    status, figures = run(server.url, 'jetstream', '-c', '3', '-w', '8', '-n', '300')
    server.listener.close()
    assert status == 0 and figures['sent'] == figures['answered'] == 300 and figures['failed'] == 0
    assert figures['loop'] == 'closed'


def test_what_a_stream_refuses_is_a_failure():
    server = SmallNats(lambda number: number != 50)
    status, figures = run(server.url, 'jetstream', '-c', '1', '-w', '4', '-n', '100')
    server.listener.close()
    assert status == 1 and figures['failed'] == 1


@pytest.mark.parametrize('keep, lost', [(lambda number: True, 0), (lambda number: number != 40, 3)])
def test_subjects_fan_out(keep, lost):
    server = SmallNats(keep)
    status, figures = run(server.url, 'fan-out', '--peer', 'nats', '-s', '6', '-c', '1', '-k', '8', '-n', '80', '-f', 'session', '-g', '2')
    server.listener.close()
    assert figures['expected'] == 240 and figures['lost'] == lost and figures['deliveries'] == 240 - lost
    assert status == (1 if lost else 0)


@pytest.mark.parametrize('backlog', ['16', '64'])
def test_a_backlog_loses_nothing(daemon, backlog):
    status, figures = run(daemon.url, 'fan-out', '-s', '10', '-c', '3', '-k', '16', '-b', backlog, '-n', '960')
    assert status == 0 and figures['deliveries'] == figures['expected'] == 9600


def test_a_schedule_is_kept_to_the_end(daemon):
    status, figures = run(daemon.url, 'ws', '-c', '2', '-r', '400', seconds=0.5)
    assert status == 0 and figures['loop'] == 'open' and figures['sent'] == figures['answered'] == 200
    curve = figures['answer_curve']
    assert [usec for _, usec in curve] == sorted(usec for _, usec in curve) and curve[-1][0] == 100


def test_a_server_that_does_nothing_takes_posts():
    process = subprocess.Popen([BUILD_DIR / 'tests' / 'bench' / 'bare-soup'], stdout=subprocess.PIPE, text=True)
    url = process.stdout.readline().split()[-1]
    status, figures = run(url, 'http', '-c', '4', '-n', '200', '--post', '/', '--pid', f'{process.pid},{process.pid}')
    process.terminate()
    process.wait(20 * PATIENCE)
    assert status == 0 and figures['answered'] == 200 and figures['failed'] == 0


# compare.py, to which the programs of the first argument are not installed.
HIDING = f'''
import runpy, shutil, sys
hidden, which = sys.argv.pop(1).split(','), shutil.which
shutil.which = lambda name, **options: None if name in hidden else which(name, **options)
sys.path.insert(0, {str(BENCH)!r})
runpy.run_path({str(BENCH / 'compare.py')!r}, run_name='__main__')
'''


def compare(tmp_path, *arguments, hidden=()):
    command = [shutil.which('python3'), '-c', HIDING, ','.join(hidden), '--build', BUILD_DIR, '--folder', tmp_path,
               '--output', tmp_path / 'out', '--seconds', '0.2', '--rounds', '1', *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120 * PATIENCE,
                          env={'PATH': '/usr/bin:/bin', 'PYTHONDONTWRITEBYTECODE': '1'})


def test_missing_peers_are_told_and_left_out(tmp_path):
    done = compare(tmp_path, '--only', 'alone', hidden=('nats-server', 'nginx'))
    assert done.returncode == 0, done.stderr
    assert 'Without nats-server: nats-server is not installed' in done.stdout
    assert 'Without nginx+nchan: nginx is not installed' in done.stdout
    found = json.loads((tmp_path / 'out' / 'comparison.json').read_text())['parts']['alone']
    assert [one['server'] for one in found['measurements']] == ['belfryd']
    assert 'nats-server' not in found['versions']


def test_one_part_is_measured_and_others_are_kept(tmp_path):
    (tmp_path / 'out').mkdir()
    kept = results()
    (tmp_path / 'out' / 'comparison.json').write_text(json.dumps({'parts': {'fan-out': kept['parts']['fan-out']}}))
    done = compare(tmp_path, '--only', 'alone')
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / 'out' / 'comparison.json').read_text())
    assert found['parts']['fan-out'] == kept['parts']['fan-out']
    figures = [one['figures'] for one in found['parts']['alone']['measurements'] if one['server'] == 'belfryd']
    assert len(figures) == 1 and figures[0]['deliveries'] == figures[0]['expected'] > 0
    assert found['parts']['alone']['flush_usec']['p50'] > 0


# The report

def part(*measurements):
    return {'date': '2026-01-02', 'seconds': 3, 'versions': {'nats-server': '2.9.10'}, 'measurements': list(measurements),
            'machine': {'processor': 'a processor', 'cores': 2, 'memory_gib': 4, 'kernel': '6.1', 'system': 'a system'}}


def fan_out(server, rate, subscribers=100):
    return {'case': 'fan-out', 'server': server, 'subscribers': subscribers, 'figures': {
        'deliveries_per_second': rate, 'events_per_second': rate / subscribers, 'delivery_p50_usec': 900.0, 'delivery_p99_usec': 5000.0,
        'server_rss_before_mib': 10, 'server_rss_peak_mib': 20, 'server_cpu_usec_per_delivery': 0.3, 'lost': 0, 'repeated': 0, 'out_of_order': 0}}


def results(mine=(2000000, 3000000, 9000000), theirs=(1000000, 1000000, 1000000)):
    found = [fan_out('belfryd', rate) for rate in mine] + [fan_out('nats-server', rate) for rate in theirs]
    return {'parts': {'fan-out': part(*found, fan_out('belfryd', 5000000, 1000))}}


def goal(made, name):
    return next(one for one in made.all_goals() if one.name == name)


def test_goals_compare_the_middle_turns():
    met = goal(report.Report(results()), 'fan-out to 100, of nats-server')
    assert met.value == 3 and met.verdict() == 'met'
    missed = goal(report.Report(results(mine=(100, 1200000, 9000000))), 'fan-out to 100, of nats-server')
    assert missed.value == 1.2 and 'missed' in missed.verdict()
    assert goal(report.Report(results()), 'fan-out to 1,000, of nats-server').verdict() == 'not measured'


def test_a_wish_is_told_apart_from_a_goal():
    assert report.Goal('', 0.7, 0.6, ' ×', wish=1).verdict() == 'met, not yet 1 ×'
    assert report.Goal('', 1.1, 0.6, ' ×', wish=1).verdict() == 'met'
    assert report.Goal('', 21, 20, ' ms', is_most=True).verdict() == '**missed**'


def test_only_what_is_marked_is_replaced(tmp_path):
    page = tmp_path / 'performance.md'
    page.write_text('Before.\n<!-- measured: fan-out -->\nold\n<!-- end -->\nBehind.\n')
    made = report.Report(results())
    made.fill(page)
    once = page.read_text()
    assert once.startswith('Before.\n') and once.endswith('Behind.\n') and 'old' not in once and '3,000,000' in once
    made.fill(page)
    assert page.read_text() == once


def test_the_page_holds_every_table_and_plot():
    docs = SOURCE_DIR / 'docs'
    page = (docs / 'performance.md').read_text()
    found = {match['name']: match[0] for match in report.MARKED.finditer(page)}
    made = report.Report({'parts': {}})
    assert set(found) == set(made.tables())
    for name, text in found.items():
        rows = [line for line in text.splitlines() if line.startswith('|')]
        # A head, the line below it, and something that was measured.
        assert name == 'conditions' or len(rows) > 2, f'{name} is empty'
    assert re.search(r'\d{4}-\d\d-\d\d: \d+ cores', found['conditions'])
    linked = re.findall(r'\]\((plots/\S+?\.svg)\)', page)
    assert {f'plots/{name}.svg' for name, _ in made.charts()} == set(linked)
    for plot in linked:
        ElementTree.parse(docs / plot)


def test_plots_are_the_same_twice_and_well_formed(tmp_path):
    for folder in ('one', 'two'):
        report.Report(results()).write_plots(tmp_path / folder)
    plots = sorted(path.name for path in (tmp_path / 'one').iterdir())
    assert plots == ['fan-out-subscribers.svg']
    for name in plots:
        text = (tmp_path / 'one' / name).read_text()
        assert text == (tmp_path / 'two' / name).read_text() and 'prefers-color-scheme: dark' in text
        marks = ElementTree.fromstring(text).findall('.//{*}g/{*}circle')
        assert len(marks) == 3  # one in the legend, two points


def test_axes_hold_every_value():
    for values in ([3, 900000], [7], [0.02, 14.9]):
        axis = charts.Axis(values, 0, 100, True)
        assert all(0 <= axis.place(value) <= 100 for value in values + axis.ticks)
        axis = charts.Axis(values, 0, 100, False)
        assert all(0 <= axis.place(value) <= 100 for value in values + axis.ticks) and axis.ticks[-1] >= max(values)
