# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A real Apache Kafka broker, in KRaft mode, of jars from Maven Central: started, frozen, killed and read."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (AclBinding, AclOperation, AclPermissionType, AdminClient, NewTopic, ResourcePatternType,
                                   ResourceType)

from belfry_daemon import PATIENCE, SOURCE_DIR, wait_until

JARS = Path(os.environ.get('BELFRY_KAFKA_JARS', SOURCE_DIR / 'build-tests' / 'kafka'))
JAVA = ['java', '-Xmx256m', '-Xms128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', f'{JARS}/*']

CONFIG = '''
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SASL_SSL
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=300
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config={jaas}
listener.name.tls.plain.sasl.jaas.config={jaas}
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location={folder}/keystore.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin
'''
# Others than super users may do only what they are allowed to.
JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret" user_guest="guest-secret";'


def fetch_jars():
    """Once for all processes of a test run, and for all runs of a build folder."""
    JARS.mkdir(parents=True, exist_ok=True)
    with open(JARS / '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(JARS.glob('kafka_2.13-*.jar')):
            subprocess.run(['mvn', '-q', '-B', '-f', SOURCE_DIR / 'tests' / 'kafka' / 'pom.xml', 'dependency:copy-dependencies',
                            f'-DoutputDirectory={JARS}', '-DincludeScope=runtime'], check=True, timeout=600, stdout=subprocess.DEVNULL)


def free_ports(count):
    """Ports that nobody listens on now; below those that the system gives to clients, which could take them meanwhile. Each
    worker of a run has a thousand of its own, for brokers of others may be about to listen."""
    worker = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]) % 12
    sockets = []
    port = 20000 + worker * 1000 + os.getpid() % 900
    while len(sockets) < count:
        port += 1
        candidate = socket.socket()
        try:
            candidate.bind(('127.0.0.1', port))
        except OSError:
            candidate.close()
            continue
        sockets.append(candidate)
    ports = [candidate.getsockname()[1] for candidate in sockets]
    for candidate in sockets:
        candidate.close()
    return ports


def make_keystore(folder):
    """A certificate for 127.0.0.1; who trusts it has the file certificate.pem."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', folder / 'key.pem', '-out', folder / 'certificate.pem'],
                   check=True, capture_output=True)
    (folder / 'keystore.pem').write_text((folder / 'key.pem').read_text() + (folder / 'certificate.pem').read_text())


class Message:
    """One message, as the tests compare it."""

    def __init__(self, message):
        self.key = message.key().decode() if message.key() is not None else None
        self.value = message.value()
        self.headers = {name: value.decode() for name, value in message.headers() or []}
        self.partition = message.partition()
        self.offset = message.offset()

    @property
    def id(self):
        return self.headers.get('ce_id')


class Broker:
    """Construct it, start() it, and close() it in the end; the data stays over kill() and start()."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.controller_port, self.sasl_port, self.tls_port = free_ports(4)
        self.address = f'127.0.0.1:{self.port}'
        self.sasl_address = f'127.0.0.1:{self.sasl_port}'
        self.tls_address = f'127.0.0.1:{self.tls_port}'
        self.process = None
        make_keystore(self.folder)
        self.config = self.folder / 'server.properties'
        self.config.write_text(CONFIG.format(port=self.port, controller=self.controller_port, sasl=self.sasl_port, tls=self.tls_port,
                                             folder=self.folder, jaas=JAAS))
        fetch_jars()
        subprocess.run(JAVA + ['kafka.tools.StorageTool', 'format', '-t', 'MkU3OEVBNTcwNTJENDM2Qg', '-c', self.config],
                       check=True, capture_output=True, timeout=60 * PATIENCE)

    # Life

    def start(self):
        with open(self.folder / 'broker.log', 'ab') as log:
            self.process = subprocess.Popen(JAVA + ['kafka.Kafka', self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.answers, 60, 'the broker answering')
        return self

    def answers(self):
        assert self.process.poll() is None, (self.folder / 'broker.log').read_text()[-3000:]
        with contextlib.suppress(KafkaException):
            self.admin().list_topics(timeout=1)
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait(20)
        self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process is not None:
            self.kill()

    # Administration

    def admin(self):
        return AdminClient({'bootstrap.servers': self.address, 'log_level': 0})

    def create_topic(self, name, partitions=1, **config):
        topic = NewTopic(name, partitions, 1, config={key.replace('_', '.'): str(value) for key, value in config.items()})
        admin = self.admin()  # it must live until it has answered
        admin.create_topics([topic])[name].result(20)
        wait_until(lambda: self.partitions(name) == partitions, 20, 'the topic')

    def delete_topic(self, name):
        admin = self.admin()
        admin.delete_topics([name])[name].result(20)
        wait_until(lambda: self.partitions(name) == 0, 20, 'the topic being gone')

    def allow(self, user, operation, name, kind=ResourceType.TOPIC):
        acl = AclBinding(kind, name, ResourcePatternType.LITERAL, f'User:{user}', '*', operation, AclPermissionType.ALLOW)
        admin = self.admin()
        for future in admin.create_acls([acl]).values():
            future.result(20)

    def partitions(self, name):
        """How many the topic has; 0: there is none."""
        topics = self.admin().list_topics(timeout=10).topics
        return len(topics[name].partitions) if name in topics else 0

    # Reading

    def read(self, name, count, timeout=30):
        """The messages of a topic from its begin on, once there are as many; each partition's in order."""
        messages = []
        with self.consumer(name) as consumer:
            deadline = time.monotonic() + timeout * PATIENCE
            while len(messages) < count:
                assert time.monotonic() < deadline, (f'{len(messages)} of {count} messages came within {timeout * PATIENCE} s, '
                                                     f'{len(self.read_all(name))} are there')
                messages += self.poll(consumer, 0.2)
            # What is there too is too much.
            messages += self.poll(consumer, 0.2)
        return messages

    def read_until(self, name, wanted, timeout=60):
        """The messages of a topic, once they are of all those ids."""
        messages = []
        missing = set(wanted)
        with self.consumer(name) as consumer:
            deadline = time.monotonic() + timeout * PATIENCE
            while missing:
                assert time.monotonic() < deadline, f'{len(missing)} of {len(wanted)} events are missing after {timeout * PATIENCE} s'
                fresh = self.poll(consumer, 0.2)
                missing.difference_update(message.id for message in fresh)
                messages += fresh
        return messages

    def read_all(self, name):
        """What is there now."""
        with self.consumer(name) as consumer:
            ends = [consumer.get_watermark_offsets(TopicPartition(name, number), timeout=20) for number in range(self.partitions(name))]
            count = sum(high - low for low, high in ends)
            messages = []
            while len(messages) < count:
                messages += self.poll(consumer, 0.2)
            return messages

    def poll(self, consumer, timeout):
        messages = []
        for message in consumer.consume(10000, timeout):
            assert message.error() is None, message.error()
            messages.append(Message(message))
        return messages

    @contextlib.contextmanager
    def consumer(self, name):
        wait_until(lambda: self.partitions(name) > 0, 30, f'the topic {name}')
        consumer = Consumer({'bootstrap.servers': self.address, 'group.id': 'tests', 'enable.auto.commit': False,
                             'auto.offset.reset': 'earliest', 'log_level': 0})
        consumer.assign([TopicPartition(name, number, 0) for number in range(self.partitions(name))])
        try:
            yield consumer
        finally:
            consumer.close()


# What a daemon tells of it


def buffer(daemon):
    response = daemon.get('/buffer/stats')
    assert response.status == 200, response
    return response.json()


def wait_forwarded(daemon, timeout=30):
    wait_until(lambda: buffer(daemon)['pending_events'] == 0, timeout, 'everything being forwarded')


def kafka_state(daemon):
    health = daemon.get('/health').json()
    assert health['status'] == ('ok' if health['components']['kafka'] in ('ok', 'disabled') else 'degraded')
    return health['components']['kafka']
