# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""GET /metrics: both formats under the eyes of promtool and of Prometheus' own parsers; counters that rise with what is done; a real
Prometheus that scrapes, and asks all that the dashboard and the alerts ask."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from belfry_daemon import BUILD_DIR, PATIENCE, SOURCE_DIR, event, wait_until

OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
TEXT = 'text/plain; version=0.0.4; charset=utf-8'
RULES = SOURCE_DIR / 'data' / 'prometheus' / 'belfry.rules.yml'
RULE_TESTS = SOURCE_DIR / 'data' / 'prometheus' / 'belfry.rules.test.yml'
DASHBOARD = SOURCE_DIR / 'data' / 'grafana' / 'belfry.json'
DOORS = ('http', 'websocket', 'collect', 'grpc', 'dbus', 'kafka')
LEARNER_EVENT = {'learner_id': 'l1', 'course_id': 'c1', 'lesson_id': 'x1', 'event_type': 'lesson_started', 'event_data': {},
                 'timestamp': '2024-01-15T10:30:00Z'}


def fetch(daemon, accept=None, **options):
    response = daemon.get('/metrics', headers={'Accept': accept} if accept else {}, **options)
    assert response.status == 200, response
    return response


class Samples(dict):
    """name{label="value",…} in the order of the labels' names -> value, of the text format."""

    def __init__(self, text):
        for family in parser.text_string_to_metric_families(text):
            for sample in family.samples:
                self[self.key(sample.name, sample.labels)] = sample.value

    @staticmethod
    def key(name, labels):
        return name + ''.join(f' {label}={labels[label]}' for label in sorted(labels))

    def value(self, name, **labels):
        return self[self.key(name, labels)]


def read(daemon):
    return Samples(fetch(daemon).body.decode())


# The formats


def test_both_formats_parse(daemon):
    daemon.publish()
    for accept, kind, families in (
            (None, TEXT, parser.text_string_to_metric_families),
            ('text/plain', TEXT, parser.text_string_to_metric_families),
            ('application/openmetrics-text', OPEN_METRICS, openmetrics_parser.text_string_to_metric_families)):
        response = fetch(daemon, accept)
        assert response.headers['Content-Type'] == kind
        assert response.headers['Cache-Control'] == 'no-store'
        text = response.body.decode()
        assert '\r' not in text and text.endswith('\n')
        found = {family.name: family for family in families(text)}
        assert {'belfry_events', 'belfry_deliveries', 'belfry_subscribers', 'belfry_commit_seconds', 'belfry_request_seconds',
                'belfry_buffer_pending_events', 'belfry_buffer_oldest_seconds', 'belfry_kafka_forwarded_events', 'belfry_kafka_errors',
                'belfry_dead_letters', 'process_cpu_seconds', 'process_resident_memory_bytes', 'process_open_fds'} <= found.keys()
        assert all(re.fullmatch('(belfry|process)_[a-z0-9_]+', name) for name in found)
        assert all(family.documentation and family.type for family in found.values())
        assert found['belfry_events'].type == 'counter' and found['belfry_commit_seconds'].type == 'histogram'
    assert text.endswith('# EOF\n')
    assert found['belfry_commit_seconds'].unit == 'seconds'


def test_promtool_has_nothing_to_say(daemon):
    daemon.publish()
    checked = subprocess.run(['promtool', 'check', 'metrics'], input=fetch(daemon).body, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b'', b'')


def test_head_and_prefix(daemon):
    for path in ('/metrics', '/api/v1/metrics'):
        response = daemon.request('HEAD', path)
        assert (response.status, response.body, response.headers['Content-Type']) == (200, b'', TEXT)
    assert daemon.request('POST', '/metrics').status == 405


def test_everything_is_zero_from_the_start(belfryd):
    samples = read(belfryd())
    for door in DOORS:
        for result in ('accepted', 'rejected'):
            assert samples.value('belfry_events_total', door=door, result=result) == 0
    for transport in ('websocket', 'sse', 'dbus'):
        assert samples.value('belfry_deliveries_total', transport=transport) == 0
    for name in ('belfry_subscribers', 'belfry_commit_seconds_count', 'belfry_request_seconds_count', 'belfry_buffer_pending_events',
                 'belfry_buffer_oldest_seconds', 'belfry_kafka_forwarded_events_total', 'belfry_kafka_errors_total'):
        assert samples.value(name) == 0
    for reason in ('missing_field', 'message_too_large', 'invalid_record'):
        assert samples.value('belfry_dead_letters_total', reason=reason) == 0


def test_all_of_stats_is_there(daemon):
    """Each number of GET /stats has a row of its own, or the name that follows from it."""
    def total(text):
        return len([line for line in text.splitlines() if not line.startswith('#')])

    stats = daemon.stats()
    text = fetch(daemon).body.decode()
    rows = set()
    for source in [*(SOURCE_DIR / 'src').glob('http/metrics/*-rows.c'), SOURCE_DIR / 'src' / 'daemon' / 'belfry-daemon-metrics.c']:
        rows |= {name.replace('-', '_') for name in re.findall(r'(?:COUNTER|GAUGE|LABELLED|DOOR) \("([a-z-]+)"', source.read_text())}
    missing = []
    for part, members in stats.items():
        if not isinstance(members, dict) or part == 'sessions':
            continue
        for name in members:
            family = f'belfry_{part}_' + (name[:-5] + '_seconds' if name.endswith(('_usec', '_msec')) else name)
            if name not in rows and not re.search(rf'^{family} ', text, re.M):
                missing.append(f'{part}.{name}')
    assert not missing
    assert 100 < total(text) < 1000


# Who may ask


def test_key_is_needed(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY='secret')
    assert daemon.get('/metrics').status == 401
    response = daemon.get('/metrics', headers={'Authorization': 'Bearer secret'})
    assert response.status == 200
    assert Samples(response.body.decode()).value('belfry_requests_refused_total', reason='unauthorized') == 1


# Counters rise with what is done


def test_http_and_websocket(belfryd):
    daemon = belfryd(RATE_LIMIT_ADMIN='1/hour')
    subscriber = daemon.subscribe()
    daemon.publish()
    daemon.publish()
    assert daemon.post({'event_type': 'nonsense'}).status == 422
    socket = daemon.publisher()
    assert socket.ask(event())['status'] == 'ok'
    assert socket.ask({'no': 'event'})['status'] == 'error'
    for _ in range(3):
        subscriber.receive_json()
    socket.close()
    assert daemon.request('DELETE', '/events?x=1').status == 400
    assert daemon.request('DELETE', '/events?x=1').status == 429
    assert daemon.get('/api/v1/events/evt_000000000000').status == 404
    samples = read(daemon)
    value = samples.value
    assert value('belfry_events_total', door='http', result='accepted') == 2
    assert value('belfry_events_total', door='http', result='rejected') == 1
    assert value('belfry_events_total', door='websocket', result='accepted') == 1
    assert value('belfry_events_total', door='websocket', result='rejected') == 1
    assert value('belfry_deliveries_total', transport='websocket') == 3
    assert value('belfry_subscribers') == 1
    assert value('belfry_published_events_total', result='accepted') == 3
    assert value('belfry_commit_seconds_count') == value('belfry_commits_total') == value('belfry_commit_events_count')
    assert value('belfry_commit_events_sum') == value('belfry_log_last_position') == 3
    assert value('belfry_commit_seconds_sum') > 0
    assert value('belfry_request_seconds_count') == 6
    assert value('belfry_requests_total', method='POST', route='/events', status='2xx') == 2
    assert value('belfry_requests_total', method='POST', route='/events', status='4xx') == 1
    assert value('belfry_requests_total', method='GET', route='/events/{}', status='4xx') == 1
    assert value('belfry_requests_total', method='GET', route='/ws/publish', status='1xx') == 1
    assert value('belfry_rate_limited_requests_total', **{'class': 'admin'}) == 1
    assert value('belfry_requests_refused_total', reason='rate_limited') == 1
    assert value('belfry_log_events', event_type='answer_submitted') == 3
    assert value('belfry_wal_bytes') > 0


def test_a_repeat_counts_once(belfryd):
    daemon = belfryd()
    for _ in range(3):
        assert daemon.post(event(), headers={'Idempotency-Key': '"one"'}).status == 201
    assert daemon.post({'no': 'event'}, headers={'Idempotency-Key': '"two"'}).status == 422
    samples = read(daemon)
    assert samples.value('belfry_events_total', door='http', result='accepted') == 1
    assert samples.value('belfry_events_total', door='http', result='rejected') == 1
    assert samples.value('belfry_idempotency_requests_total', result='repeated') == 2


def test_collect(belfryd):
    daemon = belfryd()
    bad = {name: value for name, value in LEARNER_EVENT.items() if name != 'course_id'}
    response = daemon.post({'events': [LEARNER_EVENT, bad, LEARNER_EVENT]}, path='/collect')
    assert (response.status, response.json()['accepted']) == (200, 2)
    samples = read(daemon)
    assert samples.value('belfry_events_total', door='collect', result='accepted') == 2
    assert samples.value('belfry_events_total', door='collect', result='rejected') == 1
    assert samples.value('belfry_events_total', door='http', result='accepted') == 0
    assert samples.value('belfry_dead_letters_total', reason='missing_field') == 1
    assert samples.value('belfry_collect_batches_total', door='collect') == 1


def test_grpc(belfryd, tmp_path):
    grpc = pytest.importorskip('grpc')
    if not (BUILD_DIR / 'src' / 'collector' / 'grpc').exists():
        pytest.skip('built without gRPC')
    import grpc_door
    messages, services = grpc_door.make_stubs(tmp_path, grpc_door.CONTRACT)
    daemon = belfryd(GRPC_HOST='127.0.0.1', GRPC_PORT='0')
    address = re.fullmatch('Listening on grpc://(.*)', daemon.next_line(15 * PATIENCE)).group(1)
    fields = {**LEARNER_EVENT, 'event_data': {'score': '95'}}
    with grpc.insecure_channel(address) as channel:
        stub = services.EventCollectorServiceStub(channel)
        assert stub.CollectEvent(messages.Event(**fields), timeout=30 * PATIENCE).success
        with pytest.raises(grpc.RpcError):
            stub.CollectEvent(messages.Event(**{**fields, 'course_id': ''}), timeout=30 * PATIENCE)
    samples = read(daemon)
    assert samples.value('belfry_events_total', door='grpc', result='accepted') == 1
    assert samples.value('belfry_events_total', door='grpc', result='rejected') == 1


def test_kafka_that_is_away(belfryd):
    if not (BUILD_DIR / 'src' / 'kafka').exists():
        pytest.skip('built without Kafka')
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS='127.0.0.1:1')
    daemon.publish()

    def is_told():
        samples = read(daemon)
        return (samples.value('belfry_buffer_pending_events') == 1 and samples.value('belfry_buffer_oldest_seconds') > 0
                and samples.value('belfry_buffer_pending_bytes') > 0 and samples.value('belfry_kafka_errors_total') > 0)

    wait_until(is_told, 30, 'what waits for Kafka')
    assert read(daemon).value('belfry_kafka_forwarded_events_total') == 0


def test_dbus(belfryd, tmp_path):
    from test_dbus import Bus, ERROR, INTERFACE
    bus = Bus(tmp_path)
    try:
        daemon = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address)
        bus.gdbus(f'{INTERFACE}.Publish', json.dumps(event()))
        assert bus.gdbus(f'{INTERFACE}.Publish', '{}') == ERROR + 'InvalidEvent'
        samples = read(daemon)
        assert samples.value('belfry_events_total', door='dbus', result='accepted') == 1
        assert samples.value('belfry_events_total', door='dbus', result='rejected') == 1
        assert samples.value('belfry_dbus_calls_total') >= 2
        daemon.stop()
    finally:
        bus.stop()


def test_process_figures_are_true(daemon):
    samples = read(daemon)
    assert samples.value('process_resident_memory_bytes') == pytest.approx(daemon.rss(), rel=0.2)
    assert samples.value('process_cpu_seconds_total') <= daemon.cpu_seconds() + 0.1
    # The connection that asks is one more than when nobody does.
    assert abs(samples.value('process_open_fds') - daemon.descriptors()) <= 2
    assert abs(time.time() - samples.value('process_start_time_seconds') - samples.value('belfry_uptime_seconds')) < 30 * PATIENCE


def test_strangers_make_no_series(daemon):
    before = len(read(daemon))
    for number in range(50):
        daemon.get(f'/api/v1/events/evt_{number:012x}')
        daemon.get(f'/stranger/{number}')
        daemon.request('POST', f'/stranger/{number}')
        daemon.post(event(number, source=f'source-{number}', session_id=f'session-{number}', user_id=f'user-{number}'))
    text = fetch(daemon).body.decode()
    assert len(read(daemon)) <= before + 3
    assert 'stranger' not in text and 'session-' not in text and 'user-' not in text


# Prometheus


class Prometheus:
    """A real one, with its data in a folder of the test."""

    def __init__(self, folder, port, daemon):
        self.url = f'http://127.0.0.1:{port}'
        shutil.copy(RULES, folder / 'belfry.rules.yml')
        (folder / 'prometheus.yml').write_text(f'''
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 500ms}}
rule_files: [belfry.rules.yml]
scrape_configs:
  - job_name: belfry
    scrape_timeout: 200ms
    static_configs: [{{targets: ['127.0.0.1:{daemon.port}']}}]
''' if PATIENCE == 1 else f'''
global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 2s}}
rule_files: [belfry.rules.yml]
scrape_configs:
  - job_name: belfry
    static_configs: [{{targets: ['127.0.0.1:{daemon.port}']}}]
''')
        self.log = open(folder / 'log', 'wb')
        self.process = subprocess.Popen(
            ['prometheus', f'--config.file={folder}/prometheus.yml', f'--storage.tsdb.path={folder}/data',
             f'--web.listen-address=127.0.0.1:{port}'], cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def get(self, path, **parameters):
        with urllib.request.urlopen(f'{self.url}{path}?{urllib.parse.urlencode(parameters)}', timeout=30) as response:
            answer = json.load(response)
        assert answer['status'] == 'success', answer
        return answer['data']

    def query(self, text):
        """Samples; an error of Prometheus fails with its own words."""
        try:
            return self.get('/api/v1/query', query=text)['result']
        except urllib.error.HTTPError as error:
            raise AssertionError(f'{text}: {error.read().decode()}') from None

    def is_answering(self):
        try:
            urllib.request.urlopen(f'{self.url}/-/ready', timeout=30).close()
            return bool(self.query('count_over_time(belfry_build_info[1m]) > 4'))
        except (OSError, urllib.error.URLError):
            assert self.process.poll() is None
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope='module')
def prometheus(daemon, tmp_path_factory):
    import socket
    daemon.publish_many(5)
    daemon.post({'events': [LEARNER_EVENT]}, path='/collect')
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(('127.0.0.1', 0))
        server = Prometheus(tmp_path_factory.mktemp('prometheus'), holder.getsockname()[1], daemon)
        try:
            wait_until(server.is_answering, 60, 'Prometheus has scraped')
            yield server
        finally:
            server.stop()


def test_prometheus_takes_all(prometheus):
    target, = prometheus.get('/api/v1/targets')['activeTargets']
    assert (target['health'], target['lastError']) == ('up', '')
    assert prometheus.query('up{job="belfry"}')[0]['value'][1] == '1'
    # It asks for OpenMetrics, in which alone families have units.
    known = prometheus.get('/api/v1/metadata', metric='belfry_commit_seconds')['belfry_commit_seconds'][0]
    assert (known['type'], known['unit']) == ('histogram', 'seconds')


def dashboard_queries():
    board = json.loads(DASHBOARD.read_text())
    for panel in board['panels']:
        for target in panel.get('targets', ()):
            yield panel['title'], target['expr']


def test_dashboard_has_its_data(prometheus):
    queries = list(dashboard_queries())
    assert len(queries) > 40
    for title, text in queries:
        text = text.replace('$__rate_interval', '1m').replace('$instance', '.*')
        assert prometheus.query(text), f'{title}: nothing for {text}'
    board = json.loads(DASHBOARD.read_text())
    instances = next(variable for variable in board['templating']['list'] if variable['name'] == 'instance')
    name, label = re.fullmatch(r'label_values\((\w+), (\w+)\)', instances['query']['query']).groups()
    assert prometheus.query(name)[0]['metric'][label]
    panels = [panel['id'] for panel in board['panels']]
    assert len(panels) == len(set(panels))


def test_alerts_are_evaluated(prometheus):
    def evaluated():
        groups = prometheus.get('/api/v1/rules')['groups']
        rules = [rule for group in groups for rule in group['rules']]
        return rules if rules and all(rule['health'] != 'unknown' for rule in rules) else None

    rules = wait_until(evaluated, 60, 'evaluation of the alerts')
    assert len(rules) > 10
    assert [(rule['name'], rule.get('lastError')) for rule in rules if rule['health'] != 'ok'] == []
    known = set(prometheus.get('/api/v1/label/__name__/values'))
    for rule in rules:
        names = set(re.findall(r'\b((?:belfry|process)_\w+)', rule['query']))
        assert names <= known, f'{rule["name"]}: {names - known}'
    assert not [rule['name'] for rule in rules if rule['state'] == 'firing']


def test_rules_are_in_order():
    subprocess.run(['promtool', 'check', 'rules', str(RULES)], check=True, capture_output=True, timeout=60)
    done = subprocess.run(['promtool', 'test', 'rules', str(RULE_TESTS)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_family_is_described(daemon):
    """docs/metrics.md has a row for each family, and none for others."""
    described = set(re.findall(r'^\| `((?:belfry|process)_\w+)`', (SOURCE_DIR / 'docs' / 'metrics.md').read_text(), re.M))
    families = list(openmetrics_parser.text_string_to_metric_families(fetch(daemon, OPEN_METRICS).body.decode()))
    told = {family.name for family in families if not family.documentation.startswith('The setting ')}
    assert told - described == set(), 'a counter of GET /stats wants a row in a table of rows, and one in docs/metrics.md'
    assert described - told == set()
