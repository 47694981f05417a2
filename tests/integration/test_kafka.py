# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Every event of the log goes to a real Kafka, read by kcat and by confluent-kafka."""

import json
import re
import subprocess
import time

import pytest

from belfry_daemon import PATIENCE, TIMESTAMP, binary, event, wait_until
from kafka_broker import Broker, buffer, free_ports, kafka_state, wait_forwarded
from test_dbus import ERROR, INTERFACE, Bus
from test_metrics import LEARNER_EVENT
from test_metrics import read as read_metrics


@pytest.fixture(scope='module')
def broker(tmp_path_factory):
    broker = Broker(tmp_path_factory.mktemp('kafka')).start()
    yield broker
    broker.close()


@pytest.fixture
def topic(request):
    return request.node.name.replace('[', '-').replace(']', '')[:100]


def test_without_kafka_it_is_disabled_and_nothing_is_pending(daemon):
    daemon.publish()
    assert kafka_state(daemon) == 'disabled'
    stats = buffer(daemon)
    assert stats['kafka'] == 'disabled' and stats['buffered_events'] == 1 and stats['pending_events'] == 0
    assert stats['oldest_pending'] is None and stats['forwarded_events'] == 0 and stats['dead_letters'] == 0
    assert stats['retention_hours'] == 24 and stats['buffer_bytes'] > 0


def test_an_event_is_a_cloud_event_under_the_key_of_its_user(belfryd, broker, topic):
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic)
    made = [daemon.publish(user_id='Zoë', session_id='s', payload={'deep': [1, {'text': '"\\\u2028'}]}),
            daemon.publish(session_id='only a session'), daemon.publish(), daemon.publish(user_id='', session_id='s'), daemon.publish(user_id='x' * 200, payload={'n': 12345678901234567})]
    messages = {message.id: message for message in broker.read(topic, len(made))}
    assert len(messages) == len(made)
    for sent in made:
        message = messages[sent['id']]
        assert json.loads(message.value) == sent
        assert message.key == (sent['user_id'] or sent['session_id'] or sent['id'])
        assert message.headers == {'ce_specversion': '1.0', 'ce_id': sent['id'], 'ce_type': 'org.belfry.' + sent['event_type'],
                                   'ce_source': '/belfry/' + sent['source'], 'ce_time': sent['timestamp'], 'content-type': 'application/json'}
    assert broker.partitions(topic) == 6
    wait_forwarded(daemon)
    stats = buffer(daemon)
    assert stats['kafka'] == 'connected' and stats['forwarded_events'] == len(made) and stats['oldest_pending'] is None
    wait_until(lambda: kafka_state(daemon) == 'ok', 10, 'health')


def test_kcat_reads_the_same(belfryd, broker, topic):
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic, KAFKA_PARTITIONS=1)
    made = daemon.publish_many(20)
    wait_forwarded(daemon)
    output = subprocess.run(['kcat', '-b', broker.address, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J'], check=True,
                            capture_output=True, text=True, timeout=60).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    assert [json.loads(line['payload']) for line in lines] == made
    assert [line['key'] for line in lines] == [sent['id'] for sent in made]
    assert lines[0]['headers'][:2] == ['ce_specversion', '1.0'] and broker.partitions(topic) == 1


def test_events_of_a_user_arrive_in_the_order_of_the_log(belfryd, broker, topic):
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic)
    made = daemon.publish_many(600, lambda number: event(number, user_id=f'user-{number % 7}'))
    messages = broker.read(topic, len(made))
    assert sorted(message.id for message in messages) == sorted(sent['id'] for sent in made)
    for user in range(7):
        assert [message.id for message in messages if message.key == f'user-{user}'] == [sent['id'] for sent in made if sent['user_id'] == f'user-{user}']


def test_a_collected_event_arrives_as_the_learner_view(belfryd, broker, topic):
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic)
    made = {'learner_id': 'l1', 'course_id': 'c1', 'lesson_id': 'x1', 'event_type': 'lesson_started', 'event_data': {'score': 95},
            'timestamp': '2024-01-15T10:30:00Z', 'metadata': {'app': 'tests'}}
    answer = daemon.post({'events': [made, {'bad': True}]}, path='/collect').json()
    message, = broker.read(topic, 1)
    assert message.key == 'l1' and message.id == answer['event_ids'][0] and message.headers['ce_time'] == '2024-01-15T10:30:00.000000Z'
    assert message.headers['ce_source'] == '/belfry/collector' and message.headers['ce_type'] == 'org.belfry.lesson_started'
    assert message.value == daemon.get(f'/events/{message.id}?view=learner').body
    letters = wait_until(lambda: [letter for letter in broker.read_all('learner.events.dlq') if json.loads(letter.value) == {'bad': True}], 20,
                         'the dead letter')
    assert letters[0].headers['belfry-door'] == 'collect' and letters[0].headers['belfry-reason']


def test_every_door_leads_to_kafka(belfryd, broker, topic):
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic)
    posted = daemon.publish()['id']
    socket = daemon.publisher()
    sent = socket.ask(event(2))['event_id']
    once = daemon.post(event(3), headers={'Idempotency-Key': 'k'}).json()['id']
    assert {message.id for message in broker.read(topic, 3)} == {posted, sent, once}


@pytest.mark.parametrize('start', ['end', 'beginning'])
def test_the_first_time_begins_where_it_is_told(belfryd, broker, topic, start, tmp_path):
    daemon = belfryd(folder=tmp_path)
    before = [sent['id'] for sent in daemon.publish_many(5)]
    daemon.stop()
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic, KAFKA_START=start)
    after = [sent['id'] for sent in daemon.publish_many(3)]
    wanted = after if start == 'end' else before + after
    assert {message.id for message in broker.read(topic, len(wanted))} == set(wanted)
    wait_forwarded(daemon)


def test_a_restart_goes_on_where_it_was(belfryd, broker, topic, tmp_path):
    settings = {'KAFKA_BOOTSTRAP_SERVERS': broker.address, 'KAFKA_TOPIC': topic}
    made = []
    for _ in range(3):
        daemon = belfryd(folder=tmp_path, **settings)
        made += daemon.publish_many(50)
        wait_forwarded(daemon)
        assert buffer(daemon)['forwarded_events'] == len(made)
        daemon.stop()
    # What comes while nothing is forwarded is forwarded later.
    daemon = belfryd(folder=tmp_path)
    made += daemon.publish_many(10)
    daemon.stop()
    daemon = belfryd(folder=tmp_path, **settings, KAFKA_START='end')
    messages = broker.read(topic, len(made))
    assert sorted(message.id for message in messages) == sorted(sent['id'] for sent in made)
    wait_forwarded(daemon)
    # The buffer counts since the database was made, metrics since the start, as Prometheus wants it.
    samples = read_metrics(daemon)
    assert buffer(daemon)['forwarded_events'] == samples.value('belfry_kafka_forwarded_ever') == len(made)
    assert samples.value('belfry_kafka_forwarded_events_total') == 10


def test_a_backlog_larger_than_the_flight_arrives_in_order(belfryd, broker, topic, tmp_path):
    daemon = belfryd(folder=tmp_path)
    made = daemon.publish_many(1500, lambda number: event(number, user_id='one'))
    daemon.stop()
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic, KAFKA_START='beginning', KAFKA_MAX_IN_FLIGHT=100)
    made += daemon.publish_many(200, lambda number: event(number, user_id='one'))
    assert [message.id for message in broker.read(topic, len(made))] == [sent['id'] for sent in made]
    wait_forwarded(daemon)


def test_deleted_events_are_not_forwarded(belfryd, broker, topic, tmp_path):
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=f'127.0.0.1:{free_ports(1)[0]}', KAFKA_TOPIC=topic)
    daemon.publish_many(5)
    cut = daemon.publish_many(3)[0]
    assert buffer(daemon)['pending_events'] == 8
    assert daemon.request('DELETE', '/events?before=' + cut['timestamp']).json() == {'deleted': 5}
    stats = buffer(daemon)
    assert stats['pending_events'] == 3 and stats['oldest_pending'] in (cut['timestamp'], None)
    assert daemon.request('DELETE', '/events').json() == {'deleted': 3}
    assert buffer(daemon)['pending_events'] == 0 and buffer(daemon)['pending_bytes'] == 0
    left = daemon.publish()
    daemon.stop()
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic)
    assert [message.id for message in broker.read(topic, 1)] == [left['id']]


def test_retention_waits_for_kafka(belfryd, broker, topic, tmp_path):
    away = {'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{free_ports(1)[0]}', 'KAFKA_TOPIC': topic}
    daemon = belfryd(folder=tmp_path, **away)
    made = daemon.publish_many(5)
    daemon.stop()
    began = time.time()
    wait_until(lambda: time.time() > began + 1.5, what='the events being old')
    # The first look for old events comes right after the start.
    daemon = belfryd(folder=tmp_path, **away, EVENT_RETENTION='1s')
    made.append(daemon.publish())
    began = time.time()
    assert daemon.stats()['total_events'] == 6 and buffer(daemon)['pending_events'] == 6
    daemon.stop()
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic)
    assert {message.id for message in broker.read(topic, len(made))} == {sent['id'] for sent in made}
    wait_forwarded(daemon)
    daemon.stop()
    wait_until(lambda: time.time() > began + 1.5, what='the last one being old')
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic, EVENT_RETENTION='1s')
    wait_until(lambda: daemon.stats()['total_events'] == 0, 20, 'what was forwarded being removed')


@pytest.fixture
def bus(tmp_path):
    bus = Bus(tmp_path)
    yield bus
    bus.stop()


def test_a_full_buffer_refuses_at_every_door_until_kafka_has_taken_some(belfryd, tmp_path_factory, topic, bus):
    broker = Broker(tmp_path_factory.mktemp('kafka'))
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic, BUFFER_MAX_BYTES=65536, DBUS_SESSION_BUS_ADDRESS=bus.address)
    accepted = []

    def refused():
        response = daemon.post(event(payload={'text': 'x' * 2000}))
        if response.status == 201:
            accepted.append(response.json()['id'])
        return response if response.status != 201 else None

    response = wait_until(refused, 30, 'the buffer being full')
    assert response.status == 503 and int(response.headers['Retry-After']) > 0
    assert 20 < len(accepted) < 70
    assert daemon.publisher().ask(event())['message'] == 'Storage unavailable'
    assert daemon.post(event(), headers={'Idempotency-Key': 'k'}).status == 503
    collected = daemon.post({'events': [LEARNER_EVENT]}, path='/collect')
    assert collected.status == 503 and int(collected.headers['Retry-After']) > 0
    assert bus.gdbus(f'{INTERFACE}.Publish', json.dumps(event())) == ERROR + 'Unavailable'
    assert daemon.get('/readiness').status == 200 and len(daemon.query()) > 20
    assert buffer(daemon)['pending_events'] == len(accepted)
    try:
        broker.start()
        wait_until(lambda: daemon.post(event()).status == 201, 30, 'the buffer having room')
        assert set(accepted) <= {message.id for message in broker.read_until(topic, accepted)}
    finally:
        daemon.stop()
        broker.close()


def test_a_full_buffer_is_unavailable_to_grpc(belfryd, topic, tmp_path):
    grpc = pytest.importorskip('grpc')
    import grpc_door
    messages, services = grpc_door.make_stubs(tmp_path, grpc_door.CONTRACT)
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=f'127.0.0.1:{free_ports(1)[0]}', KAFKA_TOPIC=topic, BUFFER_MAX_BYTES=65536,
                     GRPC_HOST='127.0.0.1', GRPC_PORT='0')
    address = re.fullmatch('Listening on grpc://(.*)', daemon.next_line(15 * PATIENCE)).group(1)
    made = messages.Event(**{**LEARNER_EVENT, 'event_data': {'text': 'x' * 2000}})
    with grpc.insecure_channel(address) as channel:
        stub = services.EventCollectorServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            for _ in range(100):
                assert stub.CollectEvent(made, timeout=30 * PATIENCE).success
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError) as refused:
            stub.CollectEvents(messages.EventBatch(events=[made]), timeout=30 * PATIENCE)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    assert 20 < buffer(daemon)['pending_events'] < 100


def test_the_database_lies_in_the_folder_of_the_buffer(belfryd, tmp_path):
    daemon = belfryd(folder=tmp_path, DATABASE_PATH=None, BUFFER_DIR=tmp_path / 'buffer')
    daemon.publish()
    assert (tmp_path / 'buffer' / 'events.db').exists()


@pytest.mark.parametrize('name,value,told', [
    ('KAFKA_CONFIG', 'no.such.property=1', 'no.such.property'), ('KAFKA_CONFIG', 'linger.ms=soon', 'linger.ms'), ('KAFKA_CONFIG', 'acks=1', 'acks'),
    ('KAFKA_CONFIG', 'enable.idempotence=false', 'enable.idempotence'), ('KAFKA_CONFIG', 'linger.ms', 'linger.ms'),
    ('KAFKA_CONFIG', 'max.in.flight=5', 'max.in.flight'), ('KAFKA_CONFIG', 'retries=0', 'KAFKA_CONFIG'), ('KAFKA_TOPIC', 'a topic', 'a topic'),
])
def test_what_cannot_work_stops_the_start(tmp_path, name, value, told):
    settings = {'PATH': '/usr/bin:/bin', 'HOST': '127.0.0.1', 'PORT': '0', 'DATABASE_PATH': str(tmp_path / 'events.db'), 'GRPC_PORT': 'off',
                'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:1', name: value}
    done = subprocess.run([binary('belfryd')], env=settings, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith(f'belfryd: {name}: '), done.stderr
    assert told in done.stderr and ('allowed' in done.stderr or told == name)
    assert not (tmp_path / 'events.db').exists()


def test_oldest_pending_is_told_while_it_waits(belfryd):
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=f'127.0.0.1:{free_ports(1)[0]}')
    made = daemon.publish_many(3)
    stats = buffer(daemon)
    assert stats['pending_events'] == 3 and stats['oldest_pending'] == made[0]['timestamp'] and TIMESTAMP.match(stats['oldest_pending'])
    wait_until(lambda: kafka_state(daemon) == 'unreachable', 30, 'health')
    assert buffer(daemon)['kafka'] == 'unreachable'
    assert daemon.get('/ready').status == 200
