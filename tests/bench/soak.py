#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Half an hour of what a day is made of, at half of the load that the machine can do, to see that memory stays where it is:
publishers and subscribers of belfry-load, subscribers that lose their connection and resume, one that hardly reads, queries,
publishers that come and go, and retention that deletes all the while. Nobody may miss an event or see one twice.

Memory is written down once a second (soak.csv). It is flat when the straight line through it, once the first fifth of the
run is over, rises by less than 5 % or 2 MiB to the end. Exit status 1 when it is not, or when anything was lost, repeated or
refused.

    tests/bench/soak.py --build BUILD [--minutes 30] [--csv soak.csv]
"""

import argparse
import http.client
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from servers import Belfryd
from web_socket import WebSocket

SETTINGS = {'EVENT_RETENTION': '1m'}
LEARNERS = 20          # that lose their connection
LEARNER_EVENTS = 50    # a second, of all of them
QUERIES = 20           # a second
POSTS = 20             # a second, each on a connection of its own
FLAT_SHARE = 0.05
FLAT_BYTES = 2 * 1024 * 1024


class Trouble(Exception):
    pass


class Daemon(Belfryd):
    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            connection.request(method, path, body, {'Content-Type': 'application/json'} if body else {})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status not in (200, 201):
            raise Trouble(f'{method} {path}: {response.status} {text[:200]!r}')
        return json.loads(text)


class Soak:
    def __init__(self, options, daemon):
        self.options = options
        self.daemon = daemon
        self.end = time.monotonic() + 60 * options.minutes
        self.is_over = threading.Event()
        self.trouble = []
        self.counts = {'sent': 0, 'received': 0, 'resumed': 0, 'queries': 0, 'posts': 0, 'slow_bytes': 0}
        self.lock = threading.Lock()
        self.sent = [0] * LEARNERS

    def count(self, name, by=1):
        with self.lock:
            self.counts[name] += by

    def goes_on(self):
        return time.monotonic() < self.end and not self.is_over.is_set()

    def publish(self):
        """Numbered events for those who resume."""
        peer = WebSocket(self.daemon.address, '/ws/publish')
        while self.goes_on():
            learner = random.randrange(LEARNERS)
            peer.send(json.dumps({'event_type': 'progress_updated', 'source': 'soak', 'session_id': f'learner-{learner}',
                                  'payload': {'number': self.sent[learner]}}).encode())
            answer = peer.receive()
            if answer.get('status') != 'ok':
                raise Trouble(f'an event was refused: {answer}')
            self.sent[learner] += 1
            self.count('sent')
            time.sleep(1 / LEARNER_EVENTS)
        peer.close()

    def learn(self, learner):
        """Reads for a while, loses its connection, comes back with its last cursor."""
        expected = 0
        cursor = None
        chance = random.Random(learner)
        while self.goes_on() or expected < self.sent[learner]:
            peer = WebSocket(self.daemon.address, '/ws/subscribe')
            first = {'session_id': f'learner-{learner}', 'cursors': True}
            # With nothing to go on from, from the start: events may have come before we were there.
            first['resume_from'] = cursor or 'beginning'
            peer.send(json.dumps(first).encode())
            answer = peer.receive()
            if answer.get('status') != 'subscribed':
                raise Trouble(f'no subscription: {answer}')
            cursor = answer.get('cursor', cursor)
            until = time.monotonic() + chance.uniform(0.5, 5)
            while time.monotonic() < until and (self.goes_on() or expected < self.sent[learner]):
                message = peer.receive()
                if message.get('type') == 'keepalive':
                    continue
                if 'payload' not in message:
                    raise Trouble(f'learner {learner} waited for {expected}: {message}')
                if message['payload']['number'] != expected:
                    raise Trouble(f'learner {learner} waited for {expected}, got {message["payload"]["number"]}')
                expected += 1
                cursor = message['cursor']
                self.count('received')
            peer.close()
            self.count('resumed')

    def read_slowly(self):
        """Everything, a few KB a second: served from the log, and told of what retention has passed."""
        peer = WebSocket(self.daemon.address, '/ws/subscribe', receive_buffer=16384)
        peer.send(b'{"cursors": true}')
        while self.goes_on():
            self.count('slow_bytes', len(peer.socket.recv(4096)))
            # Alive: a ping of the server comes to it minutes late.
            peer.send(b'', 10)
            time.sleep(0.5)
        peer.close()

    def query(self):
        paths = ['?limit=100', '?session_id=s000003&limit=100', '?user_id=u000003&event_type=progress_updated&limit=50', '?user_id=nobody',
                 '?session_id=learner-1&limit=10']
        while self.goes_on():
            self.daemon.request('GET', '/api/v1/events' + random.choice(paths))
            self.count('queries')
            time.sleep(1 / QUERIES)

    def post(self):
        body = json.dumps({'event_type': 'quiz_started', 'source': 'soak', 'payload': {'text': 'x' * 200}})
        while self.goes_on():
            self.daemon.request('POST', '/api/v1/events', body)
            self.count('posts')
            time.sleep(1 / POSTS)

    def load(self, rate, seconds):
        command = [self.options.load, 'fan-out', '--url', self.daemon.url, '--json', '--subscribers', '200',
                   '--connections', '8', '--burst', '8', '--filter', 'session', '--groups', '10', '--seconds', str(seconds)]
        if rate:
            command += ['--rate', str(rate)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if not done.stdout:
            raise Trouble('belfry-load failed')
        figures = json.loads(done.stdout)
        if done.returncode != 0:
            raise Trouble(f'belfry-load: lost, repeated, out of order or refused: {figures}')
        return figures

    def steady_load(self, rate):
        """In portions, whose subscribers and publishers come and go."""
        while self.goes_on():
            seconds = min(60, self.end - time.monotonic())
            if seconds < 2:
                return
            figures = self.load(rate, round(seconds))
            self.figures = figures

    def run_guarded(self, func, *arguments):
        try:
            func(*arguments)
        except (Trouble, OSError, ValueError) as error:
            self.trouble.append(f'{func.__name__}: {error}')
            self.is_over.set()

    def sample(self, csv):
        begin = time.monotonic()
        samples = []
        csv.write('seconds,rss_bytes,anon_bytes,log_bytes,subscribers,ring_bytes,catch_up_bytes,received,resumed,queries\n')
        while self.goes_on():
            rss, anon = self.daemon.memory(), self.daemon.memory('RssAnon')
            stats = self.daemon.request('GET', '/api/v1/stats')
            seconds = time.monotonic() - begin
            samples.append((seconds, anon))
            row = [f'{seconds:.1f}', rss, anon, stats['store']['database_bytes'], stats['router']['active_subscribers'],
                   stats['router']['queue_bytes'], stats['router']['catch_up_bytes'], self.counts['received'], self.counts['resumed'], self.counts['queries']]
            csv.write(','.join(map(str, row)) + '\n')
            csv.flush()
            self.is_over.wait(1)
        return samples

    def run(self, csv):
        rate = self.options.rate or min(self.options.most, self.load(0, 4)['events_per_second'] / 2)
        print(f'{rate:,.0f} events/s to 200 subscribers of 10 sessions, for {self.options.minutes:g} minutes', flush=True)
        self.end = time.monotonic() + 60 * self.options.minutes
        parts = [(self.publish,), (self.read_slowly,), (self.query,), (self.post,), (self.steady_load, rate)]
        parts += [(self.learn, learner) for learner in range(LEARNERS)]
        threads = [threading.Thread(target=self.run_guarded, args=part) for part in parts]
        for thread in threads:
            thread.start()
        samples = self.sample(csv)
        for thread in threads:
            thread.join(120)
            if thread.is_alive():
                raise Trouble('a part of the load does not end')
        if self.counts['received'] != self.counts['sent']:
            self.trouble.append(f'sent {self.counts["sent"]}, received {self.counts["received"]}')
        return samples


def judge(samples):
    """How the straight line through what follows the first fifth rises, in bytes, and its middle."""
    settled = [sample for sample in samples if sample[0] >= samples[-1][0] / 5]
    middle_time = sum(seconds for seconds, _ in settled) / len(settled)
    middle = sum(held for _, held in settled) / len(settled)
    spread = sum((seconds - middle_time) ** 2 for seconds, _ in settled)
    slope = sum((seconds - middle_time) * (held - middle) for seconds, held in settled) / spread
    return slope * (settled[-1][0] - settled[0][0]), middle


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--build', type=Path, help='build folder with belfryd and belfry-load')
    parser.add_argument('--belfryd')
    parser.add_argument('--load')
    parser.add_argument('--folder', type=Path, help='where the database is made; the build folder')
    parser.add_argument('--minutes', type=float, default=30)
    parser.add_argument('--rate', type=float, default=0, help='events a second; half of what is reached in four seconds')
    parser.add_argument('--most', type=float, default=10000, help='which is cut to this, for the disk must hold two minutes of it')
    parser.add_argument('--csv', type=Path, help='where the samples go (soak.csv in the folder)')
    parser.add_argument('--json', action='store_true')
    options = parser.parse_args()
    build = options.build or Path(os.environ.get('BELFRY_BUILD_DIR', '.'))
    options.belfryd = os.path.abspath(options.belfryd or build / 'src/daemon/belfryd')
    options.load = os.path.abspath(options.load or build / 'tests/bench/belfry-load')
    options.folder = options.folder or build
    options.csv = options.csv or options.folder / 'soak.csv'
    return options


def main():
    options = parse()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = Path(tempfile.mkdtemp(prefix='soak-', dir=options.folder)).resolve()
    daemon = Daemon(folder, options.belfryd, SETTINGS)
    soak = Soak(options, daemon)
    try:
        with options.csv.open('w') as csv:
            samples = soak.run(csv)
        status = daemon.stop()
        if status != 0:
            soak.trouble.append(f'belfryd ended with {status}')
    except Trouble as error:
        soak.trouble.append(str(error))
        samples = []
    finally:
        soak.is_over.set()
        daemon.kill()
        shutil.rmtree(folder)
    figures = dict(soak.counts)
    if len(samples) > 10:
        rise, middle = judge(samples)
        figures |= {'middle_bytes': round(middle), 'rise_bytes': round(rise), 'most_bytes': max(held for _, held in samples)}
        if rise > max(FLAT_BYTES, FLAT_SHARE * middle):
            soak.trouble.append(f'memory rises by {rise / 1048576:.1f} MiB around {middle / 1048576:.1f} MiB')
    print(json.dumps(figures) if options.json else '\n'.join(f'{name:<14} {value:>14,}' for name, value in figures.items()))
    for trouble in soak.trouble:
        print(trouble, file=sys.stderr)
    return 1 if soak.trouble else 0


if __name__ == '__main__':
    sys.exit(main())
