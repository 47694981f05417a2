# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A real browser: EventSource across origins, its reconnection with Last-Event-ID, and a WebSocket from a page."""

import http.server
import json
import os
import queue
import signal
import subprocess
import threading
import time
from urllib.parse import quote

import pytest

from belfry_daemon import PATIENCE, event

PAGE = """<!doctype html><meta charset="utf-8"><title>Listener</title>
<script>
  const parameters = new URLSearchParams (location.search);
  let sending = Promise.resolve ();
  function report (what) {
    sending = sending.then (() => fetch ('/report', { method: 'POST', body: JSON.stringify (what) })).catch (() => {});
  }
  if (parameters.has ('stream')) {
    const source = new EventSource (parameters.get ('stream'));
    source.onopen = () => report ({ open: source.readyState });
    source.onerror = () => report ({ error: source.readyState });
    source.onmessage = message => report ({ data: message.data, id: message.lastEventId });
    source.addEventListener ('gap', message => report ({ gap: message.data, id: message.lastEventId }));
  }
  if (parameters.has ('socket')) {
    const socket = new WebSocket (parameters.get ('socket'));
    socket.onopen = () => socket.send (parameters.get ('first'));
    socket.onmessage = message => report ({ message: message.data });
    socket.onclose = closed => report ({ closed: closed.code });
  }
</script>
"""


class Page(http.server.BaseHTTPRequestHandler):
    """Serves the page, and takes what it has to say."""

    def do_GET(self):
        body = PAGE.encode() if self.path.startswith('/page') else b''
        self.send_response(200 if body else 404)
        self.send_header('Content-Type', 'text/html')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.server.reports.put(json.loads(self.rfile.read(int(self.headers['Content-Length']))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def site():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)
    server.daemon_threads = True
    server.reports = queue.Queue()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def browse(site, tmp_path):
    """Opens the page with a query string in a headless browser."""
    processes = []

    def start(query):
        url = f'http://127.0.0.1:{site.server_port}/page?{query}'
        log = open(tmp_path / f'browser-{len(processes)}.log', 'wb')
        processes.append((subprocess.Popen(
            ['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
             '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server', '--remote-debugging-port=0',
             f'--user-data-dir={tmp_path}/profile-{len(processes)}', url],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True), log))
    yield start
    for process, log in processes:
        # The browser is the leader of a session that holds only its own children.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        log.close()


def next_report(site, wanted, timeout=40):
    """The next report that has this member; the others are passed over."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        report = site.reports.get(timeout=max(0.1, deadline - time.monotonic()))
        if wanted in report:
            return report


def take_events(site, count):
    reports = [next_report(site, 'data') for _ in range(count)]
    return [json.loads(report['data']) for report in reports], [report['id'] for report in reports]


def stream_of(daemon, query=''):
    return 'stream=' + quote(daemon.url + '/api/v1/events/stream' + query, safe='')


def test_event_source(belfryd, site, browse):
    daemon = belfryd()
    browse(stream_of(daemon, '?event_types=timer_tick'))
    assert next_report(site, 'open')['open'] == 1
    daemon.publish()
    made = [daemon.publish(event(number, event_type='timer_tick', user_id='ü "\n')) for number in range(20)]
    events, ids = take_events(site, 20)
    assert events == made and len(set(ids)) == 20


@pytest.mark.parametrize('end', ['stop', 'kill'])
def test_event_source_comes_back_after_a_restart(belfryd, port, site, browse, end):
    """The daemon goes away, politely or not; the browser reconnects by itself and misses nothing, gets nothing twice."""
    daemon = belfryd(port=port)
    browse(stream_of(daemon))
    next_report(site, 'open')
    made = daemon.publish_many(3)
    assert take_events(site, 3)[0] == made
    getattr(daemon, end)()
    assert next_report(site, 'error')['error'] == 0, 'the browser means to reconnect'
    again = belfryd(folder=daemon.folder, port=port)
    missed = again.publish_many(3)
    assert take_events(site, 3)[0] == missed
    live = again.publish(event('live'))
    assert take_events(site, 1)[0] == [live]


def test_event_source_comes_back_when_dropped_before_its_first_event(belfryd, port, site, browse):
    daemon = belfryd(port=port)
    browse(stream_of(daemon))
    next_report(site, 'open')
    daemon.kill()
    next_report(site, 'error')
    again = belfryd(folder=daemon.folder, port=port)
    made = again.publish_many(2)
    assert take_events(site, 2)[0] == made


def test_event_source_waits_at_capacity(belfryd, site, browse):
    """200, retry and the end: the browser tries again, and gets in when there is room."""
    daemon = belfryd(MAX_SUBSCRIBERS=1)
    occupier = daemon.subscribe()
    browse(stream_of(daemon))
    assert next_report(site, 'error')['error'] == 0
    occupier.close()
    while True:
        next_report(site, 'open')
        made = daemon.publish()
        report = site.reports.get(timeout=40 * PATIENCE)
        if 'data' in report:
            assert json.loads(report['data']) == made
            break


def test_event_source_is_told_of_a_gap(belfryd, site, browse):
    daemon = belfryd()
    with daemon.subscribe({'cursors': True}) as socket:
        daemon.publish_many(5)
        cursors = [socket.receive_json()['cursor'] for _ in range(5)]
    daemon.request('DELETE', '/events')
    made = daemon.publish()
    browse(stream_of(daemon, '?resume_from=' + cursors[1]))
    assert json.loads(next_report(site, 'gap')['gap'])['lost'] == 3
    assert take_events(site, 1)[0] == [made]


def test_websocket_of_a_page(belfryd, site, browse):
    daemon = belfryd(CORS_ORIGINS=f'http://127.0.0.1:{site.server_port}')
    browse(f'socket=ws://127.0.0.1:{daemon.port}/ws/subscribe&first=%7B%22user_id%22%3A%22%C3%BC%22%7D')
    assert json.loads(next_report(site, 'message')['message'])['filters'] == {'user_id': 'ü'}
    daemon.publish()
    made = daemon.publish(user_id='ü')
    assert json.loads(next_report(site, 'message')['message']) == made
    daemon.stop()
    assert next_report(site, 'closed')['closed'] == 1001


def test_pages_of_others_are_kept_out(belfryd, site, browse):
    daemon = belfryd(CORS_ORIGINS='https://school.example')
    browse(f'socket=ws://127.0.0.1:{daemon.port}/ws/subscribe&first=%7B%7D&' + stream_of(daemon))
    reports = [site.reports.get(timeout=40 * PATIENCE) for _ in range(2)]
    assert {name for report in reports for name in report} == {'closed', 'error'}, reports
