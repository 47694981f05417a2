# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What goes wrong between the log and Kafka: nothing that was answered is lost, and nothing comes twice but what was in flight."""

import collections
import contextlib
import json
import sqlite3
import threading

import pytest

from belfry_daemon import event, wait_until
from kafka_broker import AclOperation, Broker, ResourceType, buffer, kafka_state, wait_forwarded
from test_metrics import read as read_metrics

IN_FLIGHT = 500  # at most, where it matters


@pytest.fixture(scope='module')
def broker(tmp_path_factory):
    """Runs before and after each test; a test may do to it what it likes."""
    broker = Broker(tmp_path_factory.mktemp('kafka')).start()
    yield broker
    broker.close()


@pytest.fixture(autouse=True)
def revived(broker):
    yield
    if broker.process is None:
        broker.start()


@pytest.fixture
def topic(request):
    return request.node.name.replace('[', '-').replace(']', '')[:100]


class Publisher(threading.Thread):
    """Posts events until it is told to end, or the daemon does; each that was answered with 201 stands in its list."""

    def __init__(self, daemon):
        super().__init__()
        self.daemon_process = daemon
        self.answered = []
        self.ending = threading.Event()
        self.start()

    def run(self):
        connection = self.daemon_process.connection()
        try:
            while not self.ending.is_set():
                response = self.daemon_process.post(event(len(self.answered), user_id='one'), connection=connection)
                if response.status == 201:
                    self.answered.append(response.json()['id'])
        except OSError:
            pass  # the daemon was killed
        except Exception as failure:
            if not self.ending.is_set():
                self.answered.append(repr(failure))

    def wait_for(self, count):
        """So many more."""
        goal = len(self.answered) + count
        wait_until(lambda: len(self.answered) >= goal, 60, 'events being answered')

    def end(self):
        self.ending.set()
        self.join()
        return self.answered


def check(broker, topic, answered, repeats=0):
    """All of them are there, in order, and no more than so many of them twice."""
    messages = [message.id for message in broker.read_until(topic, answered)]
    times = collections.Counter(messages)
    assert len(messages) - len(times) <= repeats, [identity for identity, count in times.items() if count > 1][:10]
    firsts = [identity for identity in dict.fromkeys(messages) if identity in set(answered)]
    assert firsts == answered


def start(belfryd, broker, topic, **settings):
    return belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.address, KAFKA_TOPIC=topic, KAFKA_PARTITIONS=1, **settings)


def test_broker_away_at_start(belfryd, broker, topic):
    broker.kill()
    daemon = start(belfryd, broker, topic)
    answered = [sent['id'] for sent in daemon.publish_many(50, lambda number: event(number, user_id='one'))]
    wait_until(lambda: kafka_state(daemon) == 'unreachable', 30, 'health')
    assert buffer(daemon)['kafka'] == 'unreachable' and buffer(daemon)['pending_events'] == 50
    broker.start()
    check(broker, topic, answered)
    wait_until(lambda: kafka_state(daemon) == 'ok', 30, 'health')
    wait_forwarded(daemon)


def test_broker_killed_in_the_middle(belfryd, broker, topic):
    daemon = start(belfryd, broker, topic)
    publisher = Publisher(daemon)
    publisher.wait_for(300)
    broker.kill()
    wait_until(lambda: kafka_state(daemon) == 'unreachable', 30, 'health')
    publisher.wait_for(300)
    broker.start()
    publisher.wait_for(100)
    check(broker, topic, publisher.end())
    wait_until(lambda: kafka_state(daemon) == 'ok', 30, 'health')
    wait_forwarded(daemon)


def test_broker_frozen(belfryd, broker, topic):
    daemon = start(belfryd, broker, topic)
    publisher = Publisher(daemon)
    publisher.wait_for(100)
    broker.freeze()
    try:
        wait_until(lambda: kafka_state(daemon) == 'unreachable', 30, 'health')
        publisher.wait_for(200)
    finally:
        broker.thaw()
    check(broker, topic, publisher.end())
    wait_until(lambda: kafka_state(daemon) == 'ok', 60, 'health')


def test_belfryd_ends_while_the_broker_is_frozen(belfryd, broker, topic, tmp_path):
    daemon = start(belfryd, broker, topic, folder=tmp_path)
    answered = [sent['id'] for sent in daemon.publish_many(20)]
    wait_forwarded(daemon)
    broker.freeze()
    try:
        answered += [sent['id'] for sent in daemon.publish_many(20)]
        daemon.stop()
    finally:
        broker.thaw()
    daemon = start(belfryd, broker, topic, folder=tmp_path)
    assert {message.id for message in broker.read_until(topic, answered)} == set(answered)
    wait_forwarded(daemon)


def test_belfryd_killed_in_the_middle(belfryd, broker, topic, tmp_path, long_run):
    answered = []
    rounds = 20 if long_run else 3
    for turn in range(rounds):
        daemon = start(belfryd, broker, topic, folder=tmp_path, KAFKA_MAX_IN_FLIGHT=IN_FLIGHT)
        publisher = Publisher(daemon)
        publisher.wait_for(200 + 50 * turn)
        daemon.kill()
        answered += publisher.end()
    daemon = start(belfryd, broker, topic, folder=tmp_path)
    check(broker, topic, answered, repeats=rounds * IN_FLIGHT)
    wait_forwarded(daemon)


def test_belfryd_killed_at_rest_repeats_nothing(belfryd, broker, topic, tmp_path):
    daemon = start(belfryd, broker, topic, folder=tmp_path)
    answered = [sent['id'] for sent in daemon.publish_many(30, lambda number: event(number, user_id='one'))]
    wait_forwarded(daemon)
    # What was acknowledged is known to the disk before long, without anything else being written.
    wait_until(lambda: cursor_is_kept(tmp_path), 10, 'the cursor being kept')
    daemon.kill()
    daemon = start(belfryd, broker, topic, folder=tmp_path)
    answered.append(daemon.publish(user_id='one')['id'])
    wait_forwarded(daemon)
    check(broker, topic, answered)


def cursor_is_kept(folder):
    with contextlib.closing(sqlite3.connect(f'file:{folder}/events.db?mode=ro', uri=True)) as database:
        return database.execute("SELECT position >= (SELECT max(position) FROM event) FROM cursor WHERE name = 'kafka'").fetchone()[0]


def test_full_queue(belfryd, broker, topic):
    daemon = start(belfryd, broker, topic, KAFKA_CONFIG='queue.buffering.max.messages=5,linger.ms=50')
    answered = [sent['id'] for sent in daemon.publish_many(300, lambda number: event(number, user_id='one'))]
    check(broker, topic, answered)
    wait_forwarded(daemon)
    assert daemon.stats()['kafka']['queue_full'] > 0


def test_message_too_large_is_refused_alone(belfryd, broker, topic, tmp_path):
    broker.create_topic(topic, 1, max_message_bytes=3000)
    away = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS='127.0.0.1:1', KAFKA_TOPIC=topic)
    # Together they are too large, by itself only one is.
    answered = [sent['id'] for sent in away.publish_many(60, lambda number: event(number, user_id='one'))]
    large = away.publish(event(payload={'text': 'x' * 6000}, user_id='one'))
    answered += [sent['id'] for sent in away.publish_many(20, lambda number: event(number, user_id='one'))]
    away.stop()
    daemon = start(belfryd, broker, topic, folder=tmp_path)
    wait_forwarded(daemon, 60)
    messages = broker.read_until(topic, answered)
    assert sorted(message.id for message in messages) == sorted(answered)
    stats = daemon.stats()
    assert stats['kafka']['refused'] == 1 and stats['forwarder']['refused'] == 1
    assert large['id'] in daemon.log() and 'message_too_large' in daemon.log()
    letters = daemon.get('/dead-letters?reason=message_too_large').json()
    letters = letters if isinstance(letters, list) else letters['dead_letters']
    assert len(letters) == 1 and letters[0]['door'] == 'kafka' and buffer(daemon)['dead_letters'] == 1
    told = broker.read('learner.events.dlq', 1)
    assert [json.loads(message.value)['id'] for message in told if message.headers['belfry-reason'] == 'message_too_large'][-1:] == [large['id']]
    wait_until(lambda: kafka_state(daemon) == 'ok', 10, 'health')
    assert read_metrics(daemon).value('belfry_dead_letters_total', reason='message_too_large') == 1


def test_message_too_large_for_the_producer(belfryd, broker, topic):
    daemon = start(belfryd, broker, topic, KAFKA_CONFIG='message.max.bytes=4000')
    answered = [daemon.publish(user_id='one')['id']]
    daemon.publish(event(payload={'text': 'x' * 6000}, user_id='one'))
    answered.append(daemon.publish(user_id='one')['id'])
    wait_forwarded(daemon)
    check(broker, topic, answered)
    assert daemon.stats()['forwarder']['refused'] == 1


def test_missing_topic_is_made_again(belfryd, broker, topic):
    daemon = start(belfryd, broker, topic)
    daemon.publish()
    wait_forwarded(daemon)
    broker.delete_topic(topic)
    answered = [sent['id'] for sent in daemon.publish_many(30, lambda number: event(number, user_id='one'))]
    wait_forwarded(daemon, 60)
    assert set(answered) <= {message.id for message in broker.read_until(topic, answered)}
    wait_until(lambda: kafka_state(daemon) == 'ok', 30, 'health')


def test_letters_that_are_too_large_together_go_one_by_one(belfryd, broker, topic):
    letters = topic + '.dlq'
    broker.create_topic(letters, 1, max_message_bytes=3000)
    daemon = start(belfryd, broker, topic, KAFKA_DLQ_TOPIC=letters)
    bad = [{'n': number, 'text': 'x' * 200} for number in range(60)]
    assert daemon.post({'events': bad[:30] + [{'text': 'x' * 6000}] + bad[30:]}, path='/collect').status == 422
    messages = broker.read(letters, 60)
    assert sorted((json.loads(message.value) for message in messages), key=lambda one: one['n']) == bad
    assert {message.key for message in messages} < {letter['id'] for letter in daemon.get('/dead-letters?limit=100').json()}
    assert buffer(daemon)['dead_letters'] == 61


def test_missing_topic_of_letters_is_made_again(belfryd, broker, topic):
    letters = topic + '.dlq'
    daemon = start(belfryd, broker, topic, KAFKA_DLQ_TOPIC=letters)
    assert daemon.post({'events': [1]}, path='/collect').status == 422
    assert [message.value for message in broker.read(letters, 1)] == [b'1']
    broker.delete_topic(letters)
    assert daemon.post({'events': [2]}, path='/collect').status == 422
    assert [message.value for message in broker.read(letters, 1)] == [b'2']
    # Events have a topic of their own, and do not wait for that.
    check(broker, topic, [daemon.publish()['id']])


def test_missing_topic_that_nobody_may_make(belfryd, broker, topic):
    config = 'security.protocol=sasl_plaintext,sasl.mechanism=PLAIN,sasl.username=guest,sasl.password=guest-secret'
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.sasl_address, KAFKA_TOPIC=topic, KAFKA_CONFIG=config)
    answered = [sent['id'] for sent in daemon.publish_many(10, lambda number: event(number, user_id='one'))]
    wait_until(lambda: kafka_state(daemon) in ('not authorized', 'topic missing'), 30, 'health')
    assert buffer(daemon)['kafka'] == 'connected' and buffer(daemon)['pending_events'] == 10
    broker.create_topic(topic)
    for operation in (AclOperation.WRITE, AclOperation.DESCRIBE):
        broker.allow('guest', operation, topic)
    check(broker, topic, answered)
    wait_until(lambda: kafka_state(daemon) == 'ok', 30, 'health')


def test_authorization_failure(belfryd, broker, topic):
    broker.create_topic(topic)
    broker.allow('guest', AclOperation.DESCRIBE, topic)
    broker.allow('guest', AclOperation.IDEMPOTENT_WRITE, 'kafka-cluster', ResourceType.BROKER)
    config = 'security.protocol=sasl_plaintext,sasl.mechanism=PLAIN,sasl.username=guest,sasl.password=guest-secret'
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.sasl_address, KAFKA_TOPIC=topic, KAFKA_CONFIG=config)
    answered = [sent['id'] for sent in daemon.publish_many(10, lambda number: event(number, user_id='one'))]
    wait_until(lambda: kafka_state(daemon) == 'not authorized', 30, 'health')
    assert buffer(daemon)['pending_events'] == 10 and daemon.stats()['kafka']['errors'] > 0
    broker.allow('guest', AclOperation.WRITE, topic)
    check(broker, topic, answered)
    wait_until(lambda: kafka_state(daemon) == 'ok', 30, 'health')


def test_wrong_password(belfryd, broker, topic, tmp_path):
    config = 'security.protocol=sasl_plaintext,sasl.mechanism=PLAIN,sasl.username=admin,sasl.password='
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.sasl_address, KAFKA_TOPIC=topic, KAFKA_CONFIG=config + 'hunter2')
    answered = [sent['id'] for sent in daemon.publish_many(10, lambda number: event(number, user_id='one'))]
    wait_until(lambda: kafka_state(daemon) == 'authentication failed', 30, 'health')
    assert 'hunter2' not in daemon.log() and buffer(daemon)['kafka'] == 'unreachable'
    daemon.stop()
    daemon = belfryd(folder=tmp_path, KAFKA_BOOTSTRAP_SERVERS=broker.sasl_address, KAFKA_TOPIC=topic, KAFKA_PARTITIONS=1,
                     KAFKA_CONFIG=config + 'admin-secret')
    check(broker, topic, answered)


def test_tls_and_sasl(belfryd, broker, topic):
    config = ('security.protocol=sasl_ssl,sasl.mechanism=PLAIN,sasl.username=admin,sasl.password=admin-secret,'
              f'ssl.ca.location={broker.folder}/certificate.pem')
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.tls_address, KAFKA_TOPIC=topic, KAFKA_PARTITIONS=1, KAFKA_CONFIG=config)
    answered = [sent['id'] for sent in daemon.publish_many(10, lambda number: event(number, user_id='one'))]
    check(broker, topic, answered)


def test_a_certificate_that_nobody_trusts(belfryd, broker, topic):
    config = 'security.protocol=sasl_ssl,sasl.mechanism=PLAIN,sasl.username=admin,sasl.password=admin-secret'
    daemon = belfryd(KAFKA_BOOTSTRAP_SERVERS=broker.tls_address, KAFKA_TOPIC=topic, KAFKA_CONFIG=config)
    daemon.publish()
    wait_until(lambda: kafka_state(daemon) == 'TLS failed', 30, 'health')
