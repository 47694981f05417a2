# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The database file: what is not ours is refused and left untouched, what is ours is guarded."""

import json
import os
import sqlite3
import subprocess

import pytest

from belfry_daemon import binary, event, unshare
from test_settings import run
from wire import frame


def snapshot(folder):
    """Every file with its bytes, mode and time of change."""
    return {path.name: (path.read_bytes() if path.is_file() else None, path.stat().st_mode, path.stat().st_mtime_ns)
            for path in sorted(folder.iterdir())}


def assert_refused_and_untouched(folder, **settings):
    before = snapshot(folder)
    ended = run(folder, **settings)
    assert ended.returncode > 0, ended
    assert ended.stdout == '' and len(ended.stderr.splitlines()) == 1, ended
    after = {name: value for name, value in snapshot(folder).items() if not name.endswith('.lock')}
    assert after == {name: value for name, value in before.items() if not name.endswith('.lock')}
    assert 'events.db' in ended.stderr
    return ended.stderr


def make_foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE notes (text TEXT)')
        connection.execute("INSERT INTO notes VALUES ('mine')")
    connection.close()


def test_database_of_another_program(tmp_path):
    make_foreign(tmp_path / 'events.db')
    assert_refused_and_untouched(tmp_path)


def test_database_of_another_program_in_wal_mode(tmp_path):
    path = tmp_path / 'events.db'
    connection = sqlite3.connect(path)
    connection.execute('PRAGMA journal_mode=WAL')
    connection.execute('CREATE TABLE event (position INTEGER PRIMARY KEY)')
    connection.commit()
    assert_refused_and_untouched(tmp_path)
    connection.close()


@pytest.mark.parametrize('content', [b'hello', b'SQLite format 3\0', b'\0' * 4096, os.urandom(100000), b'SQLite format 3\0' + os.urandom(8176)])
def test_what_is_no_database(tmp_path, content):
    (tmp_path / 'events.db').write_bytes(content)
    assert_refused_and_untouched(tmp_path)


def test_folder_instead_of_a_file(tmp_path):
    (tmp_path / 'events.db').mkdir()
    assert_refused_and_untouched(tmp_path)


def make_ours(belfryd):
    daemon = belfryd()
    daemon.publish_many(20)
    daemon.stop()
    return daemon


def test_database_of_a_newer_version(belfryd):
    daemon = make_ours(belfryd)
    connection = sqlite3.connect(daemon.database)
    version = connection.execute('PRAGMA user_version').fetchone()[0]
    assert version >= 1
    connection.execute(f'PRAGMA user_version = {version + 1}')
    connection.commit()
    connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    connection.close()
    told = assert_refused_and_untouched(daemon.folder)
    assert str(version + 1) in told or 'newer' in told


def test_files_after_a_clean_stop(belfryd):
    daemon = make_ours(belfryd)
    assert {path.name for path in daemon.folder.iterdir() if path.name.startswith('events.db')} <= {'events.db', 'events.db.lock'}, \
        'the write-ahead log was taken in'


def test_second_daemon_is_refused(belfryd):
    daemon = belfryd()
    made = daemon.publish()
    ended = run(daemon.folder)
    assert ended.returncode > 0 and 'events.db' in ended.stderr and len(ended.stderr.splitlines()) == 1, ended
    assert daemon.query() == [made]
    assert daemon.publish(), 'the first one does not mind'


def test_second_daemon_by_another_name_of_the_file(belfryd, tmp_path):
    daemon = belfryd()
    daemon.publish()
    (tmp_path / 'link').symlink_to(daemon.folder)
    ended = run(tmp_path, DATABASE_PATH=tmp_path / 'link' / 'events.db')
    assert ended.returncode > 0, ended
    assert daemon.publish()


def test_lock_goes_with_its_daemon(belfryd):
    first = belfryd()
    made = first.publish()
    first.kill()
    second = belfryd(folder=first.folder)
    assert second.query() == [made]


def test_read_only_file_is_refused(belfryd, tmp_path):
    """As root no mode keeps anybody out; a read-only mount does."""
    daemon = make_ours(belfryd)
    environment = {**os.environ, 'HOST': '127.0.0.1', 'PORT': '0', 'DATABASE_PATH': str(daemon.database)}
    before = snapshot(daemon.folder)
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2"'
    ended = subprocess.run([*unshare(), 'sh', '-c', script, 'sh', str(daemon.folder), str(binary('belfryd'))], env=environment,
                           capture_output=True, text=True, timeout=30)
    assert ended.returncode > 0 and 'events.db' in ended.stderr, ended
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert snapshot(daemon.folder) == before
    again = belfryd(folder=daemon.folder)
    assert again.stats()['total_events'] == 20


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('x')
    ended = run(tmp_path, DATABASE_PATH=tmp_path / 'file' / 'sub' / 'events.db')
    assert ended.returncode > 0 and 'file' in ended.stderr and len(ended.stderr.splitlines()) == 1, ended


def test_start_with_many_events_is_quick(belfryd):
    first = belfryd()
    publisher = first.publisher()
    for _ in range(10):
        publisher.send(b''.join(frame(json.dumps(event(number))) for number in range(1000)))
        for _ in range(1000):
            assert publisher.receive_json()['status'] == 'ok'
    publisher.drop()
    first.kill()
    after_kill = belfryd(folder=first.folder)
    assert after_kill.stats()['total_events'] == 10000
    after_kill.stop()
    after_stop = belfryd(folder=first.folder)
    assert after_stop.stats()['total_events'] == 10000
    assert after_kill.start_seconds < 5 and after_stop.start_seconds < 5
