# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A database of the Python pipeline becomes a log, once and whole: made here by Python's sqlite3, as the pipeline made it."""

import json
import os
import random
import signal
import sqlite3
import stat
import subprocess
import time

import pytest

from belfry_daemon import EVENT_ID, PATIENCE, binary, wait_until
from test_disk_full import disk  # noqa: F401: a fixture

TYPES = ['quiz_started', 'answer_submitted', 'question_viewed', 'quiz_completed']


def make_database(path, rows, wal=False, close=True):
    """The pipeline's own schema with these rows (id, event_type, source, session_id, user_id, payload, timestamp)."""
    connection = sqlite3.connect(path)
    if wal:
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('PRAGMA wal_autocheckpoint=0')
    connection.execute('CREATE TABLE events (id TEXT PRIMARY KEY, event_type TEXT NOT NULL, source TEXT NOT NULL, session_id TEXT,'
                       ' user_id TEXT, payload TEXT, timestamp TEXT NOT NULL)')
    connection.execute('CREATE INDEX idx_events_timestamp ON events (timestamp)')
    connection.execute('CREATE TABLE event_stats (event_type TEXT PRIMARY KEY, count INTEGER DEFAULT 0, last_seen TEXT)')
    connection.executemany('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)', rows)
    connection.executemany('INSERT INTO event_stats VALUES (?, ?, ?)', [(name, 1, '2026-01-01T00:00:00') for name in TYPES])
    connection.commit()
    if close:
        connection.close()
        return None
    return connection


def make_rows(count, seed=1):
    generator = random.Random(seed)
    for number in range(count):
        yield (f'evt_{generator.getrandbits(48):012x}', TYPES[number % 4], 'quiz_engine', f'session-{generator.randrange(count // 20 + 1)}',
               f'user-{number % 97}', json.dumps({'n': number, 'answer': 'ä', 'text': 'x' * 150}),
               f'2026-01-{1 + number * 28 // count:02}T10:00:00.{number % 1000000:06}Z')


def row(number, timestamp='2026-01-15T10:30:45.123456Z', **members):
    made = {'id': f'evt_{number:012x}', 'event_type': 'quiz_started', 'source': 'tests', 'session_id': None, 'user_id': None, 'payload': '{}',
            'timestamp': timestamp, **members}
    return tuple(made[name] for name in ('id', 'event_type', 'source', 'session_id', 'user_id', 'payload', 'timestamp'))


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def run_ctl(*arguments):
    return subprocess.run([str(binary('belfryctl')), *map(str, arguments)], capture_output=True, text=True, timeout=60 * PATIENCE)


def read_all(daemon, count):
    """Every event from the beginning on, as a subscriber gets them."""
    socket = daemon.subscribe({'resume_from': 'beginning'})
    events = [socket.receive_json() for _ in range(count)]
    socket.close()
    return events


def backup_of(folder):
    return folder / 'events.db.pipeline-backup'


def test_everything_comes_over_once(belfryd, folder):
    rows = list(make_rows(20000))
    make_database(folder / 'events.db', rows)
    original = (folder / 'events.db').read_bytes()
    daemon = belfryd(folder)

    expected = [{'id': r[0], 'event_type': r[1], 'source': r[2], 'session_id': r[3], 'user_id': r[4], 'payload': json.loads(r[5]),
                 'timestamp': r[6]} for r in sorted(rows, key=lambda r: r[6])]
    got = read_all(daemon, len(rows))
    assert sorted(e['timestamp'] for e in got) == [e['timestamp'] for e in got]
    assert sorted(got, key=lambda e: e['id']) == sorted(expected, key=lambda e: e['id'])
    assert backup_of(folder).read_bytes() == original
    assert stat.S_IMODE((folder / 'events.db').stat().st_mode) == 0o600
    assert not list(folder.glob('*.importing*'))
    assert 'Imported 20000 of 20000 events' in daemon.log()

    statistics = daemon.stats()
    assert statistics['total_events'] == 20000
    assert {entry['event_type']: entry['count'] for entry in statistics['by_type']} == {name: 5000 for name in TYPES}
    assert daemon.get('/api/v1/events/' + rows[777][0]).json()['payload'] == {'n': 777, 'answer': 'ä', 'text': 'x' * 150}
    assert [e['id'] for e in daemon.query('user_id=user-5&limit=1000')] == \
        [e['id'] for e in reversed(got) if e['user_id'] == 'user-5']
    assert [e['id'] for e in daemon.query('session_id=session-7&event_type=quiz_started&limit=1000')] == \
        [e['id'] for e in reversed(got) if e['session_id'] == 'session-7' and e['event_type'] == 'quiz_started']

    fresh = daemon.publish()
    assert EVENT_ID.match(fresh['id']) and fresh['id'] not in {r[0] for r in rows}
    assert fresh['timestamp'] >= got[-1]['timestamp']
    assert daemon.query('limit=2') == [fresh, got[-1]]
    daemon.stop()
    assert run_ctl('verify', folder / 'events.db').returncode == 0

    again = belfryd(folder)
    assert 'mport' not in again.log()
    assert again.stats()['total_events'] == 20001
    assert [path.name for path in folder.glob('*backup*')] == ['events.db.pipeline-backup']


@pytest.mark.parametrize('kind', ['closed', 'killed', 'killed before any checkpoint', 'journal'])
def test_what_lies_in_a_log_beside_the_file_comes_over(belfryd, folder, kind):
    path = folder / 'events.db'
    program = f"""
import os, sqlite3, sys
sys.path.insert(0, {str(os.path.dirname(__file__))!r})
from test_import import make_database, row
connection = make_database({str(path)!r}, [row(n) for n in range(50)], wal={kind != 'journal'}, close=False)
if {kind!r} == 'killed':
    connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    connection.executemany('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)', [row(n) for n in range(50, 60)])
    connection.commit()
if {kind!r} == 'journal':
    connection.execute('PRAGMA cache_size=1')
    connection.executemany('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)', [row(n, payload='{{"x":"' + 'y' * 2000 + '"}}') for n in range(50, 300)])
if {kind!r} == 'closed':
    connection.close()
os._exit(0)
"""
    environment = {**os.environ, 'BELFRY_BUILD_DIR': os.environ.get('BELFRY_BUILD_DIR', '')}
    subprocess.run(['python3', '-c', program], check=True, timeout=30, env=environment)
    beside = {'closed': None, 'journal': 'events.db-journal'}.get(kind, 'events.db-wal')
    assert beside is None or (folder / beside).stat().st_size > 0
    daemon = belfryd(folder)
    count = 60 if kind == 'killed' else 50
    assert [e['id'] for e in read_all(daemon, count)] == [f'evt_{n:012x}' for n in range(count)]
    assert daemon.stats()['total_events'] == count
    connection = sqlite3.connect(backup_of(folder))
    assert connection.execute('SELECT count(*) FROM events').fetchone() == (count,)
    connection.close()


def test_every_form_of_time_is_read(belfryd, folder):
    forms = [
        ('2026-01-15T10:30:45.000001Z', '2026-01-15T10:30:45.000001Z'),
        ('2026-01-15T10:30:45.000002', '2026-01-15T10:30:45.000002Z'),
        ('2026-01-15T10:30:45.000003+00:00', '2026-01-15T10:30:45.000003Z'),
        ('2026-01-15T12:30:45.000004+02:00', '2026-01-15T10:30:45.000004Z'),
        ('2026-01-15 05:00:45.000005-05:30', '2026-01-15T10:30:45.000005Z'),
        ('2026-01-15 10:30:46', '2026-01-15T10:30:46.000000Z'),
        ('2026-01-15T10:30:47Z', '2026-01-15T10:30:47.000000Z'),
        ('2026-01-15T10:30:48.5', '2026-01-15T10:30:48.500000Z'),
        ('2026-01-15T10:31', '2026-01-15T10:31:00.000000Z'),
        ('2026-01-16', '2026-01-16T00:00:00.000000Z'),
    ]
    make_database(folder / 'events.db', [row(n, form) for n, (form, _) in reversed(list(enumerate(forms)))])
    daemon = belfryd(folder)
    assert [e['timestamp'] for e in read_all(daemon, len(forms))] == [shown for _, shown in forms]
    since = daemon.query('since=2026-01-15T10:30:47Z')
    assert [e['timestamp'] for e in since] == [shown for _, shown in reversed(forms[7:])]


def test_what_can_be_kept_is_kept_and_the_rest_is_told(belfryd, folder):
    long_id = 'x' * 300
    make_database(folder / 'events.db', [
        row(1, 'long ago'),
        row(2, '2026-01-15T10:00:00'),
        row(3, 'yesterday', session_id=long_id, user_id='ünï "quoted" \\ \n'),
        row(4, '2026-01-15T10:00:01', event_type='some_old.type', payload=None),
        row(5, '2026-01-15T10:00:02', payload=''),
        row(6, '2026-01-15T10:00:03', payload='{ "a" : 1, "b": [1 , 2.50 ], "a": 12345678901234567890 }'),
        row(7, '2026-01-15T10:00:04', payload=json.dumps({f'k{n}': 'v' * 2000 for n in range(100)})),
        row(8, '2026-01-15T10:00:05', id='6f9619ff-8b86-d011-b42d-00c04fc964ff'),
        row(9, '2026-01-15T10:00:06', id='an id / with "all" sorts'),
        row(10, '2026-01-15T10:00:07', id=None),
        row(11, '2026-01-15T10:00:08', payload='{"user_tier": "premium", "amount": 12.5}'),
        row(12, '9999-01-15T10:00:08'),
        row(13, '2026-01-15T10:00:09', payload='{"broken": '),
        row(14, '2026-01-15T10:00:09', payload='[1, 2]'),
        row(15, '2026-01-15T10:00:09', payload='{"n": NaN}'),
        row(16, '2026-01-15T10:00:09', event_type='Not A Name'),
        row(17, '2026-01-15T10:00:09', source='two words'),
        row(18, '2026-01-15T10:00:09', session_id='nul\0inside'),
    ])
    daemon = belfryd(folder)
    got = read_all(daemon, 12)
    assert daemon.stats()['total_events'] == 12
    by_number = {int(e['id'][4:], 16) if e['id'].startswith('evt_0000000000') else e['id']: e for e in got}
    assert by_number[1]['timestamp'] == by_number[2]['timestamp'] == by_number[3]['timestamp'] == '2026-01-15T10:00:00.000000Z'
    assert by_number[3]['session_id'] == long_id and by_number[3]['user_id'] == 'ünï "quoted" \\ \n'
    assert by_number[4]['event_type'] == 'some_old.type' and by_number[4]['payload'] == by_number[5]['payload'] == {}
    assert by_number[6]['payload'] == {'a': 12345678901234567890, 'b': [1, 2.5]}
    assert '"payload":{"a":12345678901234567890,"b":[1,2.50]}' in daemon.get('/api/v1/events/evt_000000000006').body.decode()
    assert len(by_number[7]['payload']) == 100
    foreign = by_number['6f9619ff-8b86-d011-b42d-00c04fc964ff']
    assert daemon.get('/api/v1/events/' + foreign['id']).json() == foreign
    assert by_number[12]['timestamp'] == '2026-01-15T10:00:08.000000Z'
    renamed = [e for e in got if e['timestamp'] in ('2026-01-15T10:00:06.000000Z', '2026-01-15T10:00:07.000000Z')]
    assert len(renamed) == 2
    for made in renamed:
        assert EVENT_ID.match(made['id'])
        assert daemon.get('/api/v1/events/' + made['id']).json() == made
    premium = daemon.subscribe({'resume_from': 'beginning', 'user_tiers': ['premium'], 'min_amount': 12})
    assert premium.receive_json()['id'] == 'evt_00000000000b'
    premium.close()

    log = daemon.log()
    assert 'Imported 12 of 18 events' in log
    assert '6 rows can be no events' in log and '2 imported events have new ids' in log
    assert '3 imported events have the time of the event before' in log
    for number in range(13, 19):
        assert f'evt_{number:012x}' in log
    assert daemon.get('/api/v1/event-types').json()['some_old.type']
    daemon.publish(event_type='some_old.type')
    daemon.stop()
    assert run_ctl('verify', folder / 'events.db').returncode == 0
    assert belfryd(folder).publish(event_type='some_old.type')


def test_ids_that_nobody_could_ask_for_are_new(belfryd, folder):
    """Dots that a URL swallows, and bytes that read like the text of another row."""
    make_database(folder / 'events.db', [row(1), row(2, id=b'evt_000000000001'), row(3, id='.'), row(4, id='..'), row(5, id='...'),
                                         row(6, id=b'evt_000000000006')])
    daemon = belfryd(folder)
    got = read_all(daemon, 6)
    assert [e['id'] for e in got][:1] == ['evt_000000000001'] and got[4]['id'] == '...'
    assert all(EVENT_ID.match(e['id']) for e in got[1:4] + got[5:]) and len({e['id'] for e in got}) == 6
    assert all(daemon.get('/api/v1/events/' + e['id']).json() == e for e in got)
    assert '4 imported events have new ids' in daemon.log()


def test_a_table_that_lost_its_key_comes_over(belfryd, folder):
    with sqlite3.connect(folder / 'events.db') as connection:
        connection.execute('CREATE TABLE events (id TEXT, event_type, source, session_id, user_id, payload, timestamp)')
        connection.execute('CREATE TABLE event_stats (event_type, count, last_seen)')
        connection.executemany('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)', [row(n % 3) for n in range(9)] + [row(0, id='EVT_1'), row(0, id='evt_1')])
    connection.close()
    daemon = belfryd(folder)
    got = read_all(daemon, 11)
    assert [e['id'] for e in got[:3]] == [f'evt_{n:012x}' for n in range(3)] and [e['id'] for e in got[9:]] == ['EVT_1', 'evt_1']
    assert len({e['id'] for e in got}) == 11 and '6 imported events have new ids' in daemon.log()
    daemon.stop()
    assert run_ctl('verify', folder / 'events.db').returncode == 0


@pytest.mark.parametrize('is_pipeline', [True, False])
def test_what_belongs_to_a_log_lies_beside_it_and_not_beside_a_link(belfryd, folder, is_pipeline):
    real, there = folder / 'real', folder / 'there'
    real.mkdir()
    there.mkdir()
    (there / 'events.db').symlink_to('../between.db')
    (folder / 'between.db').symlink_to(real / 'events.db')
    if is_pipeline:
        make_database(real / 'events.db', [row(n, event_type='some_old.type') for n in range(3)], wal=True)
    daemon = belfryd(there)
    daemon.publish()
    if not is_pipeline:
        daemon.post({'name': 'essay', 'description': 'x'}, path='/event-types')
    assert sorted(p.name for p in there.glob('events.db*')) == ['events.db']
    beside = {p.name for p in real.iterdir()}
    assert {'events.db', 'events.db-wal', 'events.db.lock', 'events.db.event-types.conf'} <= beside
    assert ('events.db.pipeline-backup' in beside) == is_pipeline
    assert 'in use' in start_refused(real), 'one file under two names is one log'
    daemon.stop()
    assert (there / 'events.db').is_symlink() and (folder / 'between.db').is_symlink()
    assert belfryd(real).stats()['total_events'] == 1 + 3 * is_pipeline


def test_a_restoration_goes_to_where_a_link_leads(belfryd, folder, tmp_path_factory):
    daemon = belfryd(folder)
    daemon.publish_many(5)
    daemon.stop()
    other = tmp_path_factory.mktemp('other')
    (other / 'link.db').symlink_to(other / 'log.db')
    assert run_ctl('backup', folder / 'events.db', folder / 'copy.db').returncode == 0
    for options in ((), ('--force',)):
        done = run_ctl('restore', folder / 'copy.db', other / 'link.db', *options)
        assert done.returncode == 0, done.stderr
        assert (other / 'link.db').is_symlink() and not (other / 'log.db').is_symlink()
    assert run_ctl('verify', other / 'log.db').returncode == 0


def test_types_that_are_refused_are_told_within_a_bound(belfryd, folder):
    make_database(folder / 'events.db', [row(n, event_type=f't{n}') for n in range(10050)])
    daemon = belfryd(folder)
    log = daemon.log()
    assert log.count('will not be accepted:') == 20 and f'{10050 + 23 - 10000 - 20} more event types' in log
    assert daemon.stats()['total_events'] == 10050


def test_backup_and_restoration_keep_ids(belfryd, folder, tmp_path_factory):
    rows = [row(n) for n in range(300)] + [row(300, id='another-form:of.id')]
    make_database(folder / 'events.db', rows)
    belfryd(folder).stop()
    other = tmp_path_factory.mktemp('restored')
    assert run_ctl('backup', folder / 'events.db', folder / 'copy.db').returncode == 0
    restored = run_ctl('restore', folder / 'copy.db', other / 'events.db')
    assert restored.returncode == 0, restored.stderr
    daemon = belfryd(other)
    fresh = daemon.publish_many(20)
    got = read_all(daemon, 321)
    assert [e['id'] for e in got] == [r[0] for r in rows] + [e['id'] for e in fresh]
    assert daemon.get('/api/v1/events/another-form:of.id').status == 200
    daemon.stop()
    verified = run_ctl('verify', other / 'events.db')
    assert verified.returncode == 0, verified.stderr


def test_deleted_imports_are_gone(belfryd, folder):
    make_database(folder / 'events.db', [row(n, f'2026-01-{1 + n // 100:02}T10:00:00') for n in range(1000)])
    daemon = belfryd(folder)
    assert daemon.request('DELETE', '/api/v1/events?before=2026-01-06').json() == {'deleted': 500}
    assert daemon.get('/api/v1/events/evt_000000000001').status == 404
    assert daemon.get(f'/api/v1/events/evt_{999:012x}').status == 200
    daemon.stop()
    assert run_ctl('verify', folder / 'events.db').returncode == 0
    daemon = belfryd(folder)
    assert daemon.request('DELETE', '/api/v1/events').json() == {'deleted': 500}
    assert daemon.get(f'/api/v1/events/evt_{999:012x}').status == 404
    assert daemon.publish()


def start_refused(folder):
    """A start that must fail: what it said."""
    environment = {**os.environ, 'HOST': '127.0.0.1', 'PORT': '0', 'GRPC_PORT': 'off', 'DATABASE_PATH': str(folder / 'events.db')}
    done = subprocess.run([str(binary('belfryd'))], capture_output=True, text=True, timeout=30 * PATIENCE, env=environment, cwd=folder)
    assert done.returncode != 0 and 'Listening' not in done.stdout, done.stderr
    return done.stderr


def listing(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith('.lock'))


@pytest.mark.parametrize('wal', [False, True])
def test_a_database_in_use_is_refused(folder, wal):
    connection = make_database(folder / 'events.db', [row(1)], wal=wal, close=False)
    if wal:
        connection.execute('SELECT count(*) FROM events').fetchone()
    before = (folder / 'events.db').read_bytes()
    assert 'is in use by another process' in start_refused(folder)
    assert (folder / 'events.db').read_bytes() == before
    assert not list(folder.glob('*backup*')) and not list(folder.glob('*importing*'))
    connection.execute('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)', row(2))
    connection.commit()
    connection.close()


def test_a_read_only_database_is_refused(folder):
    make_database(folder / 'events.db', [row(1)])
    (folder / 'events.db').chmod(0o400)
    before = (folder / 'events.db').read_bytes()
    assert 'is read-only' in start_refused(folder)
    assert listing(folder) == ['events.db'] and (folder / 'events.db').read_bytes() == before


@pytest.mark.parametrize('schema', [
    'CREATE TABLE t (a)',
    'CREATE TABLE events (id TEXT PRIMARY KEY, name TEXT); CREATE TABLE event_stats (event_type, count, last_seen)',
    'CREATE TABLE events (id TEXT PRIMARY KEY, event_type, source, session_id, user_id, payload, timestamp)',
    'PRAGMA application_id=77; CREATE TABLE events (id TEXT PRIMARY KEY, event_type, source, session_id, user_id, payload, timestamp);'
    ' CREATE TABLE event_stats (event_type, count, last_seen)',
])
@pytest.mark.parametrize('wal', [False, True])
def test_other_databases_are_refused_untouched(folder, schema, wal):
    connection = sqlite3.connect(folder / 'events.db')
    if wal:
        connection.execute('PRAGMA journal_mode=WAL')
    connection.executescript(schema)
    connection.close()
    before = (folder / 'events.db').read_bytes()
    assert 'is no database of Belfry' in start_refused(folder)
    assert [path.name for path in folder.iterdir()] == ['events.db'] and (folder / 'events.db').read_bytes() == before


def test_columns_in_another_order_and_more_of_them_do_not_matter(belfryd, folder):
    connection = sqlite3.connect(folder / 'events.db')
    connection.executescript('CREATE TABLE other (x);'
                             'CREATE TABLE event_stats (last_seen TEXT, count INTEGER, event_type TEXT PRIMARY KEY, more);'
                             'CREATE TABLE events (extra, timestamp TEXT, payload TEXT, user_id TEXT, session_id TEXT, source TEXT,'
                             ' event_type TEXT, id TEXT PRIMARY KEY);')
    connection.execute("INSERT INTO events VALUES (1, '2026-01-15T10:30:45', '{\"a\": 1}', 'u', 's', 'src', 'quiz_started', 'evt_0123456789ab')")
    connection.commit()
    connection.close()
    assert read_all(belfryd(folder), 1) == [{
        'id': 'evt_0123456789ab', 'event_type': 'quiz_started', 'source': 'src', 'session_id': 's', 'user_id': 'u', 'payload': {'a': 1},
        'timestamp': '2026-01-15T10:30:45.000000Z'}]


def test_an_empty_database_and_a_backup_that_is_there(belfryd, folder):
    make_database(folder / 'events.db', [])
    backup_of(folder).write_text('something else')
    daemon = belfryd(folder)
    assert daemon.stats()['total_events'] == 0
    assert daemon.publish()
    assert backup_of(folder).read_text() == 'something else'
    assert (folder / 'events.db.pipeline-backup-1').exists()


def spawn(folder):
    environment = {**os.environ, 'HOST': '127.0.0.1', 'PORT': '0', 'GRPC_PORT': 'off', 'DATABASE_PATH': str(folder / 'events.db')}
    return subprocess.Popen([str(binary('belfryd'))], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=folder)


def test_a_kill_at_any_moment_loses_and_doubles_nothing(belfryd, folder, long_run):
    rows = list(make_rows(8000, seed=3))
    make_database(folder / 'original.db', rows)
    original = (folder / 'original.db').read_bytes()
    generator = random.Random(9)
    began = time.monotonic()
    for _ in range(40 if long_run else 8):
        for path in folder.glob('events.db*'):
            path.unlink()
        (folder / 'events.db').write_bytes(original)
        for _ in range(4):
            process = spawn(folder)
            if generator.random() < 0.7:
                wait_until(lambda: list(folder.glob('*.importing')) or backup_of(folder).exists(), what='the import')
            # How far it has come by then does not matter: what is there must be whole.
            try:
                process.wait(generator.uniform(0.0, 0.4))
            except subprocess.TimeoutExpired:
                process.kill()
            process.wait(10)
            process.stdout.close()
            assert (folder / 'events.db').exists()
        daemon = belfryd(folder)
        assert sorted(e['id'] for e in read_all(daemon, len(rows))) == sorted(r[0] for r in rows)
        assert daemon.stats()['total_events'] == len(rows)
        daemon.stop()
        assert [path.read_bytes() == original for path in folder.glob('*pipeline-backup*')] == [True]
        assert not list(folder.glob('*importing*'))
    assert time.monotonic() - began < 600 * PATIENCE


def test_a_full_disk_leaves_the_old_database(belfryd, folder, disk):  # noqa: F811
    make_database(folder / 'events.db', make_rows(20000, seed=6))
    original = (folder / 'events.db').read_bytes()
    (disk.root / 'events.db').write_bytes(original)
    disk.fill(leave=4 << 20)
    environment = {**os.environ, 'HOST': '127.0.0.1', 'PORT': '0', 'GRPC_PORT': 'off', 'DATABASE_PATH': str(disk.mountpoint / 'events.db')}
    done = subprocess.run([*disk.enter(), str(binary('belfryd'))], capture_output=True, text=True, timeout=30 * PATIENCE, env=environment)
    assert done.returncode == 1 and 'full' in done.stderr, done.stderr
    assert (disk.root / 'events.db').read_bytes() == original
    assert sorted(os.listdir(disk.root)) == ['events.db', 'events.db.lock', 'filler']
    disk.free()
    daemon = belfryd(before=disk.enter(), DATABASE_PATH=disk.mountpoint / 'events.db')
    assert daemon.stats()['total_events'] == 20000


def test_sigterm_leaves_the_old_database(folder):
    rows = list(make_rows(60000, seed=4))
    make_database(folder / 'events.db', rows)
    original = (folder / 'events.db').read_bytes()
    process = spawn(folder)
    wait_until(lambda: list(folder.glob('*.importing')) or process.poll() is not None, what='the import')
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(5 * PATIENCE) == 0
    assert time.monotonic() - began < 5 * PATIENCE
    assert process.stdout.read() == b''
    process.stdout.close()
    assert listing(folder) == ['events.db'] and (folder / 'events.db').read_bytes() == original


def test_new_ids_pass_over_imported_ones(belfryd, folder):
    """The secret of the ids is drawn at the import, so which ids collide is only known afterwards: the log has noted them."""
    make_database(folder / 'events.db', list(make_rows(20000, seed=5)))
    belfryd(folder).stop()
    connection = sqlite3.connect(folder / 'events.db')
    skipped = connection.execute('SELECT count(*), min(first) FROM skipped').fetchone()
    # One id of 256 stands for a position of this log, somewhere among 2^40.
    assert 20 < skipped[0] < 200
    # The first of them comes next but three.
    connection.execute('INSERT INTO skipped VALUES (20001, 20002)')
    connection.execute('UPDATE state SET next_position = 20003')
    connection.execute('INSERT INTO skipped VALUES (20006, 20006), (20008, 20009)')
    connection.commit()
    connection.close()
    daemon = belfryd(folder)
    live = daemon.subscribe()
    fresh = daemon.publish_many(10)
    assert [live.receive_json()['id'] for _ in range(10)] == [e['id'] for e in fresh]
    assert [e['id'] for e in reversed(daemon.query('limit=10'))] == [e['id'] for e in fresh]
    assert all(daemon.get('/api/v1/events/' + e['id']).json() == e for e in fresh)
    live.close()
    daemon.stop()
    verified = run_ctl('verify', folder / 'events.db')
    assert verified.returncode == 0, verified.stderr
    connection = sqlite3.connect(folder / 'events.db')
    positions = [position for position, in connection.execute('SELECT position FROM event WHERE position > 20002 ORDER BY position')]
    connection.close()
    assert positions == [20003, 20004, 20005, 20007, *range(20010, 20016)]


@pytest.mark.long
@pytest.mark.measures
def test_a_million_rows_take_less_than_ten_seconds(belfryd, folder):
    make_database(folder / 'events.db', make_rows(1000000))
    daemon = belfryd(folder)
    assert daemon.start_seconds < 10
    assert daemon.stats()['total_events'] == 1000000
    assert 'Importing' in daemon.log() and '%' in daemon.log()
