# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""org.belfry.Belfry over private buses: with gdbus, busctl and a Python client; rights, stalled readers, buses that die."""

import json
import os
import re
import select
import subprocess
import time
from pathlib import Path

import gi
import pytest

from belfry_daemon import PATIENCE, SOURCE_DIR, event, wait_until

gi.require_version('Gio', '2.0')
from gi.repository import Gio, GLib  # noqa: E402

NAME, PATH, INTERFACE = 'org.belfry.Belfry', '/org/belfry/Belfry', 'org.belfry.Belfry1'
ERROR = INTERFACE + '.Error.'
NOBODY = 65534
# A group that every Debian has, and nobody is in.
GROUP, GROUP_ID = 'daemon', 1

CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>{kind}</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/>{policy}
<allow send_destination="org.freedesktop.DBus"/><allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/></policy>{more}</busconfig>'''
EVERYTHING = '<allow send_destination="*"/><allow own="*"/><allow send_type="signal"/>'


class Bus:
    """A private dbus-daemon, started and ended by its process id."""

    def __init__(self, folder, kind='session', policy=EVERYTHING, more=''):
        self.socket = folder / 'bus'
        self.config = folder / 'bus.conf'
        folder.chmod(0o755)
        self.config.write_text(CONFIG.format(kind=kind, socket=self.socket, policy=policy, more=more))
        self.address = f'unix:path={self.socket}'
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(['dbus-daemon', f'--config-file={self.config}', '--nofork', '--nopidfile', '--print-address'],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().startswith('unix:')

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()
        self.socket.unlink(missing_ok=True)

    def stop(self):
        if self.process.poll() is None:
            self.kill()

    def connect(self):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        return Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)

    def environment(self):
        return {**os.environ, 'DBUS_SESSION_BUS_ADDRESS': self.address}

    def gdbus(self, *arguments, before=()):
        """gdbus call; its output, or the name of the error."""
        command = [*before, 'gdbus', 'call', '--address', self.address, '--dest', NAME, '--object-path', PATH, '--timeout', '20',
                   '--method', *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode == 0:
            return done.stdout.strip()
        return re.search(r'GDBus\.Error:(\S+?):', done.stderr).group(1)


class Client:
    """The Python client: plain GDBus."""

    def __init__(self, bus):
        self.connection = bus.connect()

    def call(self, method, signature=None, *arguments, interface=INTERFACE, timeout=30):
        parameters = GLib.Variant(signature, arguments) if signature else None
        answer = self.connection.call_sync(NAME, PATH, interface, method, parameters, None, Gio.DBusCallFlags.NONE,
                                           timeout * 1000 * PATIENCE, None)
        values = answer.unpack()
        return values[0] if len(values) == 1 else values

    def fails(self, method, signature=None, *arguments, **options):
        with pytest.raises(GLib.Error) as caught:
            self.call(method, signature, *arguments, **options)
        return Gio.DBusError.get_remote_error(caught.value)

    def get(self, name):
        return self.call('Get', '(ss)', INTERFACE, name, interface='org.freedesktop.DBus.Properties')

    def open(self, resume_from='', **rules):
        """The reading end of a new stream."""
        answer, fds = self.connection.call_with_unix_fd_list_sync(
            NAME, PATH, INTERFACE, 'OpenStream', GLib.Variant('(a{sv}s)', (rules, resume_from)), None, Gio.DBusCallFlags.NONE,
            30000 * PATIENCE, None, None)
        return Stream(fds.get(answer.unpack()[0]))


class Stream:
    """Lines out of a pipe."""

    def __init__(self, fd):
        self.fd = fd
        self.bytes = b''

    def line(self, timeout=15):
        """The next one, or None at the end."""
        while b'\n' not in self.bytes:
            assert select.select([self.fd], [], [], timeout * PATIENCE)[0], 'no line'
            more = os.read(self.fd, 1 << 16)
            if not more:
                return None
            self.bytes += more
        line, self.bytes = self.bytes.split(b'\n', 1)
        return json.loads(line)

    def close(self):
        os.close(self.fd)


@pytest.fixture
def make_bus(tmp_path_factory):
    buses = []

    def make(**options):
        folder = tmp_path_factory.mktemp('bus')
        # Callers of other users must get through to the socket.
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == os.geteuid() and parent != Path('/'):
                parent.chmod(parent.stat().st_mode | 0o011)
        buses.append(Bus(folder, **options))
        return buses[-1]

    yield make
    for bus in buses:
        bus.stop()


@pytest.fixture
def bus(make_bus):
    return make_bus()


@pytest.fixture
def on_bus(belfryd, bus):
    """A daemon on a session bus."""
    return belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address)


@pytest.fixture
def client(on_bus, bus):
    return Client(bus)


def publish_over_socket(daemon, count, size=10):
    """Many events, fast."""
    socket = daemon.publisher()
    text = json.dumps(event(payload={'x': 'y' * size}))
    done = 0
    while done < count:
        step = min(500, count - done)
        for _ in range(step):
            socket.send_text(text)
        for _ in range(step):
            assert json.loads(socket.receive())['status'] == 'ok'
        done += step
    socket.close()


# The tools


def test_gdbus_calls_everything(on_bus, bus):
    made = bus.gdbus(f'{INTERFACE}.Publish', json.dumps(event(1)))
    identity = re.fullmatch(r"\('(evt_[0-9a-f]{12})',\)", made).group(1)
    assert identity in bus.gdbus(f'{INTERFACE}.Query', "{'event_types': <['answer_submitted']>}", '10')
    assert "'total_events': <uint64 1>" in bus.gdbus(f'{INTERFACE}.GetStats')
    assert bus.gdbus(f'{INTERFACE}.ListSubscribers') == '(@aa{sv} [],)'
    assert bus.gdbus(f'{INTERFACE}.RegisterEventType', 'own.type', 'One of ours') == '()'
    assert "'own.type': 'One of ours'" in bus.gdbus(f'{INTERFACE}.ListEventTypes')
    assert bus.gdbus(f'{INTERFACE}.ListDeadLetters', '10') == '(@aa{sv} [],)'
    assert bus.gdbus(f'{INTERFACE}.ReplayDeadLetter', '1') == ERROR + 'NotFound'
    assert bus.gdbus(f'{INTERFACE}.DisconnectSubscriber', 'sub_00000000') == ERROR + 'NotFound'
    assert bus.gdbus(f'{INTERFACE}.Clear', '') == '(uint64 1,)'
    assert bus.gdbus('org.freedesktop.DBus.Peer.Ping') == '()'


def test_gdbus_introspects(on_bus, bus):
    done = subprocess.run(['gdbus', 'introspect', '--address', bus.address, '--dest', NAME, '--object-path', PATH],
                          capture_output=True, text=True, timeout=60, check=True)
    for text in ('OpenStream', 'readonly t TotalEvents', 'readonly s Url', 'org.freedesktop.DBus.Properties'):
        assert text in done.stdout


def test_busctl_reads(on_bus, bus):
    def busctl(*arguments):
        return subprocess.run(['busctl', f'--address={bus.address}', *arguments], capture_output=True, text=True, timeout=60,
                              check=True).stdout.strip()

    assert busctl('get-property', NAME, PATH, INTERFACE, 'Url') == f's "{on_bus.url}"'
    assert busctl('call', NAME, PATH, INTERFACE, 'Clear', 's', '') == 't 0'
    assert '.OpenStream' in busctl('introspect', NAME, PATH)


# State


def test_properties_follow(on_bus, client):
    assert client.get('Version') == on_bus.get('/health').json()['version']
    assert client.get('TotalEvents') == 0
    on_bus.publish_many(3)
    wait_until(lambda: client.get('TotalEvents') == 3 and client.get('EventsLastHour') == 3 and client.get('QueueSize') == 3)
    socket = on_bus.subscribe()
    wait_until(lambda: client.get('ActiveSubscribers') == 1)
    socket.close()
    assert on_bus.request('DELETE', '/api/v1/events').status == 200
    wait_until(lambda: client.get('TotalEvents') == 0 and client.get('ActiveSubscribers') == 0)


def test_a_restart_knows_its_events_at_once(belfryd, bus):
    first = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address)
    first.publish_many(2)
    first.stop()
    belfryd(folder=first.folder, DBUS_SESSION_BUS_ADDRESS=bus.address)
    assert Client(bus).get('TotalEvents') == 2


def test_changes_are_told_once_a_second(on_bus, bus, client):
    listener, changes, context = bus.connect(), [], GLib.MainContext.default()
    listener.signal_subscribe(None, 'org.freedesktop.DBus.Properties', 'PropertiesChanged', PATH, None, Gio.DBusSignalFlags.NONE,
                              lambda *arguments: changes.append(arguments[5].unpack()))
    listener.call_sync('org.freedesktop.DBus', '/', 'org.freedesktop.DBus', 'GetId', None, None, 0, 10000, None)
    began = time.monotonic()
    on_bus.publish_many(300)

    def told():
        while context.iteration(False):
            pass
        return changes and changes[-1][1].get('TotalEvents') == 300

    wait_until(told)
    assert all(change[0] == INTERFACE for change in changes)
    assert len(changes) <= 2 + time.monotonic() - began


def test_counters_are_among_the_stats(on_bus, client):
    client.call('ListEventTypes')
    assert on_bus.stats()['dbus']['calls'] >= 1
    assert client.call('GetStats')['dbus']['calls'] >= 2


# Calls


def test_errors_have_names(client):
    assert client.fails('Publish', '(s)', 'no JSON') == ERROR + 'InvalidEvent'
    assert client.fails('Publish', '(s)', json.dumps(event(event_type='no_such'))) == ERROR + 'InvalidEvent'
    assert client.fails('Publish', '(s)', ' ' * 600000 + json.dumps(event())) == ERROR + 'InvalidEvent'
    assert client.fails('Query', '(a{sv}u)', {}, 0) == ERROR + 'InvalidArgument'
    assert client.fails('Query', '(a{sv}u)', {}, 1001) == ERROR + 'InvalidArgument'
    assert client.fails('Clear', '(s)', 'soon') == ERROR + 'InvalidArgument'
    assert client.fails('OpenStream', '(a{sv}s)', {}, 'AQ') == ERROR + 'InvalidArgument'
    assert client.fails('RegisterEventType', '(ss)', 'Bad Name', '') == ERROR + 'InvalidArgument'


@pytest.mark.parametrize('rules', [
    {'event_types': GLib.Variant('s', 'quiz_started')}, {'session_id': GLib.Variant('i', 1)}, {'user_id': GLib.Variant('as', ['u'])},
    {'min_amount': GLib.Variant('s', '1')}, {'min_amount': GLib.Variant('d', float('nan'))}, {'unknown': GLib.Variant('s', '')},
    {'event_types': GLib.Variant('as', ['x' * 51])}, {'session_id': GLib.Variant('s', 'x' * 201)},
], ids=lambda rules: next(iter(rules)) + '-' + next(iter(rules.values())).get_type_string())
def test_filters_of_wrong_form_are_refused(client, rules):
    assert client.fails('Query', '(a{sv}u)', rules, 1) == ERROR + 'InvalidArgument'
    assert client.fails('OpenStream', '(a{sv}s)', rules, '') == ERROR + 'InvalidArgument'


def test_wrong_signatures_and_members_are_refused(client):
    assert client.fails('Publish', '(i)', 1) == 'org.freedesktop.DBus.Error.InvalidArgs'
    assert client.fails('Query', '(su)', 'x', 1) == 'org.freedesktop.DBus.Error.InvalidArgs'
    assert client.fails('NoSuch') == 'org.freedesktop.DBus.Error.UnknownMethod'
    properties = 'org.freedesktop.DBus.Properties'
    assert client.fails('Get', '(ss)', INTERFACE, 'NoSuch', interface=properties) == 'org.freedesktop.DBus.Error.InvalidArgs'
    assert client.fails('Set', '(ssv)', INTERFACE, 'Url', GLib.Variant('s', 'x'), interface=properties).startswith(
        'org.freedesktop.DBus.Error.')
    client.call('Ping', interface='org.freedesktop.DBus.Peer')


def test_events_of_all_doors_are_the_same(on_bus, client):
    identity = client.call('Publish', '(s)', json.dumps(event(1, session_id='s1')))
    texts = client.call('Query', '(a{sv}u)', {'session_id': GLib.Variant('s', 's1')}, 5)
    assert [json.loads(text) for text in texts] == [on_bus.get(f'/api/v1/events/{identity}').json()]


def test_dead_letters_come_back_over_the_bus(on_bus, client):
    on_bus.post({'name': 'dbus.later', 'description': 'Not there yet'}, path='/event-types')
    sent = {'learner_id': 'l', 'course_id': 'c', 'lesson_id': 'n', 'event_type': 'dbus.never', 'event_data': {}, 'timestamp': '2024-01-15'}
    assert on_bus.post({'events': [sent]}, path='/collect').status == 422
    letter = client.call('ListDeadLetters', '(u)', 1)[0]
    assert (letter['door'], letter['reason'], letter['field']) == ('collect', 'unknown_event_type', 'event_type')
    assert json.loads(bytes(letter['body'])) == sent and 'event_id' not in letter
    assert client.fails('ReplayDeadLetter', '(s)', letter['id']) == ERROR + 'InvalidEvent'
    assert client.fails('ReplayDeadLetter', '(s)', 'dl_00000000ffff') == ERROR + 'NotFound'
    client.call('RegisterEventType', '(ss)', 'dbus.never', 'Now it is')
    for _ in range(2):
        client.call('ReplayDeadLetter', '(s)', letter['id'])
    again = client.call('ListDeadLetters', '(u)', 1)[0]
    assert on_bus.get(f'/events/{again["event_id"]}').json()['event_type'] == 'dbus.never'
    assert len(on_bus.query('event_type=dbus.never')) == 1


def test_a_type_registered_is_kept(belfryd, bus):
    first = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address)
    Client(bus).call('RegisterEventType', '(ss)', 'own.type', 'One of ours')
    first.stop()
    second = belfryd(folder=first.folder, DBUS_SESSION_BUS_ADDRESS=bus.address)
    assert second.get('/event-types').json()['own.type'] == 'One of ours'


def test_an_answer_over_the_bound_is_refused(belfryd, bus):
    daemon = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address, D_BUS_MAX_ANSWER_BYTES=65536)
    daemon.publish_many(10, lambda number: event(payload={'x': 'y' * 10000}))
    client = Client(bus)
    assert client.fails('Query', '(a{sv}u)', {}, 10) == ERROR + 'Unavailable'
    assert len(client.call('Query', '(a{sv}u)', {}, 5)) == 5


# Subscribers


def test_subscribers_are_listed_and_sent_away(on_bus, client):
    socket = on_bus.subscribe({'event_types': ['quiz_started'], 'session_id': 's'})
    sse = on_bus.stream()
    sse.next_block()
    stream = client.open()
    listed = client.call('ListSubscribers')
    by_transport = {entry['transport']: entry for entry in listed}
    assert set(by_transport) == {'websocket', 'sse', 'dbus'}
    entry = by_transport['websocket']
    assert entry['id'] == socket.confirmation['subscriber_id']
    assert entry['filter'] == {'event_types': ['quiz_started'], 'session_id': 's'}
    assert entry['address'] == by_transport['sse']['address'] == '127.0.0.1'
    assert by_transport['dbus']['address'] == client.connection.get_unique_name()
    assert {entry['state'] for entry in listed} == {'live'}
    assert all(re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z', entry['connected_since']) for entry in listed)

    for entry in listed:
        client.call('DisconnectSubscriber', '(s)', entry['id'])
    closed = socket.expect_close()
    assert (closed.code, closed.reason) == (1008, 'Disconnected')
    assert stream.line() is None
    stream.close()
    wait_until(lambda: client.call('ListSubscribers') == [])


# Streams


def test_stream_is_live_then_ends_with_its_reader(on_bus, client):
    stream = client.open(event_types=GLib.Variant('as', ['quiz_started']))
    made = on_bus.publish(event(event_type='quiz_started'))
    on_bus.publish(event(1))
    second = on_bus.publish(event(event_type='quiz_started', session_id='é'))
    assert stream.line() == made
    assert stream.line() == second
    assert on_bus.stats()['router']['active_subscribers'] == 1
    stream.close()
    wait_until(lambda: on_bus.stats()['router']['active_subscribers'] == 0)


def test_stream_resumes(on_bus, client):
    made = on_bus.publish_many(5)
    stream = client.open('beginning', cursors=GLib.Variant('b', True))
    lines = [stream.line() for _ in made]
    cursor = lines[1]['cursor']
    assert [{name: line[name] for name in made[0]} for line in lines] == made
    stream.close()
    rest = client.open(cursor)
    assert [rest.line() for _ in range(3)] == made[2:]
    on_bus.request('DELETE', '/api/v1/events')
    gap = client.open(cursor)
    told = gap.line()
    assert told['type'] == 'gap' and told['from'] == cursor and told['lost'] == 3
    rest.close()
    gap.close()


def test_a_hundred_streams(on_bus, client):
    client.open().close()
    on_bus.publish()
    before = on_bus.descriptors()
    streams = [client.open() for _ in range(100)]
    made = on_bus.publish()
    assert all(stream.line() == made for stream in streams)
    for stream in streams:
        stream.close()
    wait_until(lambda: on_bus.stats()['dbus']['streams'] == 0)
    wait_until(lambda: on_bus.descriptors() <= before + 10, what=f'{before} descriptors')


def test_streams_are_bounded(belfryd, bus):
    daemon = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address, D_BUS_MAX_STREAMS=3, MAX_SUBSCRIBERS=4)
    client = Client(bus)
    streams = [client.open() for _ in range(3)]
    assert client.fails('OpenStream', '(a{sv}s)', {}, '') == ERROR + 'Unavailable'
    streams.pop().close()
    wait_until(lambda: daemon.stats()['dbus']['streams'] == 2)
    sockets = [daemon.subscribe() for _ in range(2)]
    assert client.fails('OpenStream', '(a{sv}s)', {}, '') == ERROR + 'Unavailable'
    for stream in [*streams, *sockets]:
        stream.close()


def test_stalled_reader_costs_little_and_loses_nothing(belfryd, bus):
    daemon = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address, MAX_QUEUE_SIZE=1000, MAILBOX_MAX_BYTES=65536)
    client = Client(bus)
    stalled, reader = client.open(), client.open(event_types=GLib.Variant('as', ['quiz_started']))
    publish_over_socket(daemon, 1000, 200)
    before = daemon.rss()
    count = 50000 // PATIENCE
    publish_over_socket(daemon, count, 200)
    if PATIENCE == 1:
        assert daemon.rss() < before + 16 * 1024 * 1024
    made = daemon.publish(event(event_type='quiz_started'))
    assert reader.line() == made
    last = None
    for _ in range(1000 + count + 1):
        last = stalled.line()
    assert last == made
    stalled.close()
    reader.close()


def test_sigterm_ends_streams(on_bus, bus, client):
    streams = [client.open() for _ in range(5)]
    on_bus.stop()
    assert all(stream.line() is None for stream in streams)
    assert bus.gdbus(f'{INTERFACE}.GetStats') == 'org.freedesktop.DBus.Error.ServiceUnknown'


# Buses


@pytest.mark.parametrize('address', ['autolaunch:', ''])
def test_runs_without_a_bus(belfryd, address):
    daemon = belfryd(DBUS_SESSION_BUS_ADDRESS=address, LOG_LEVEL='WARNING')
    daemon.publish()
    assert daemon.log() == ''


@pytest.mark.parametrize('settings', [{'DBUS_SESSION_BUS_ADDRESS': 'unix:path=/nonexistent/bus'}, {'DBUS_SESSION_BUS_ADDRESS': 'nonsense'},
                                      {'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/nonexistent/bus', 'D_BUS': 'system'}])
def test_a_bus_that_does_not_answer_is_told_once(belfryd, settings):
    daemon = belfryd(LOG_LEVEL='WARNING', **settings)
    daemon.publish()
    lines = daemon.log().splitlines()
    assert len(lines) == 1 and 'WARNING' in lines[0] and 'bus does not answer, retrying: ' in lines[0]


def test_off_is_off(belfryd, bus):
    belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address, D_BUS='off')
    assert bus.gdbus(f'{INTERFACE}.GetStats') == 'org.freedesktop.DBus.Error.ServiceUnknown'


def test_outlives_the_bus_and_comes_back(on_bus, bus, client):
    stream = client.open()
    bus.kill()
    made = on_bus.publish()
    assert stream.line() == made
    stream.close()
    bus.start()
    wait_until(lambda: "'total_events': <uint64 1>" in bus.gdbus(f'{INTERFACE}.GetStats'), timeout=30)


def test_second_daemon_waits_for_the_name(belfryd, bus):
    first = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address)
    second = belfryd(DBUS_SESSION_BUS_ADDRESS=bus.address)
    assert Client(bus).get('Url') == first.url
    first.stop()
    wait_until(lambda: Client(bus).get('Url') == second.url)


# Rights


def as_user(user=NOBODY, group=NOBODY, groups=()):
    several = ['--groups', ','.join(map(str, groups))] if groups else ['--clear-groups']
    return ['setpriv', f'--reuid={user}', f'--regid={group}', *several]


OPEN = [('GetStats',), ('ListEventTypes',)]
READ = [('Query', '{}', '1'), ('ListSubscribers',)]
ADMIN = [('Publish', json.dumps(event())), ('Clear', '2020-01-01'), ('DisconnectSubscriber', 'sub_0'), ('RegisterEventType', 'x', 'y'),
         ('ListDeadLetters', '1'), ('ReplayDeadLetter', '1')]
DENIED = ERROR + 'AccessDenied'

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='only root can call as somebody else')


@needs_root
def test_rights_on_a_system_bus(belfryd, make_bus):
    bus = make_bus(kind='system')
    daemon = belfryd(DBUS_SYSTEM_BUS_ADDRESS=bus.address, D_BUS_GROUP=GROUP, arguments=['--system'])
    for before, readable in ((as_user(), False), (as_user(groups=[GROUP_ID]), True)):
        def call(method, *arguments):
            return bus.gdbus(f'{INTERFACE}.{method}', *arguments, before=before)

        assert bus.gdbus('org.freedesktop.DBus.Properties.Get', INTERFACE, 'Url', before=before) == f"(<'{daemon.url}'>,)"
        assert all(call(*arguments).startswith('(') for arguments in OPEN)
        assert [call(*arguments) == DENIED for arguments in READ] == [not readable] * len(READ)
        assert all(call(*arguments) == DENIED for arguments in ADMIN)
        # gdbus prints the descriptor as a handle.
        assert call('OpenStream', '{}', '') == ('(handle 0,)' if readable else DENIED)
    assert bus.gdbus(f'{INTERFACE}.Clear', '') == '(uint64 0,)'
    assert daemon.stats()['dbus']['calls_denied'] == 3 + 2 * len(ADMIN)


@needs_root
def test_the_policy_file_says_the_same(belfryd, make_bus):
    policy = (SOURCE_DIR / 'data/dbus/org.belfry.Belfry.conf').read_text()
    rules = re.search(r'<busconfig>(.*)</busconfig>', policy, re.S).group(1).replace('group="belfry"', f'group="{GROUP}"')
    bus = make_bus(kind='system', policy='<deny own="*"/><deny send_type="method_call"/>', more=rules)
    belfryd(DBUS_SYSTEM_BUS_ADDRESS=bus.address, D_BUS='system', D_BUS_GROUP=GROUP)
    denied = 'org.freedesktop.DBus.Error.AccessDenied'
    stranger, member = as_user(), as_user(groups=[GROUP_ID])
    assert all(bus.gdbus(f'{INTERFACE}.{call[0]}', *call[1:], before=stranger).startswith('(') for call in OPEN)
    assert all(bus.gdbus(f'{INTERFACE}.{call[0]}', *call[1:], before=stranger) == denied for call in READ + ADMIN)
    assert all(bus.gdbus(f'{INTERFACE}.{call[0]}', *call[1:], before=member).startswith('(') for call in OPEN + READ)
    assert all(bus.gdbus(f'{INTERFACE}.{call[0]}', *call[1:], before=member) == denied for call in ADMIN)
    assert bus.gdbus(f'{INTERFACE}.Clear', '') == '(uint64 0,)'
    taken = subprocess.run([*stranger, 'gdbus', 'call', '--address', bus.address, '--dest', 'org.freedesktop.DBus', '--object-path', '/',
                            '--method', 'org.freedesktop.DBus.RequestName', NAME, '0'], capture_output=True, text=True, timeout=60)
    assert denied in taken.stderr
