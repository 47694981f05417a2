# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""belfryctl as an administrator uses it: every command, its output for people and for programs, and its exit status."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from belfry_daemon import EVENT_ID, PATIENCE, TROUBLE, binary, event, wait_until

OK, FAILURE, USAGE, UNREACHABLE, DENIED, INVALID, NOT_FOUND, LATER, DATABASE = range(9)


def environment(url=None, **settings):
    kept = {name: os.environ[name] for name in ('PATH', 'HOME', 'LANG', 'LD_LIBRARY_PATH') if name in os.environ}
    kept.update(G_DEBUG='fatal-criticals', ASAN_OPTIONS='detect_leaks=0:exitcode=66',
                UBSAN_OPTIONS='print_stacktrace=1:halt_on_error=1:exitcode=67', **settings)
    if url is not None:
        kept['BELFRY_URL'] = url
    return kept


def ctl(*arguments, url=None, status=OK, input='', **settings):
    """Runs it to its end; what it printed, and on failure what it complained of."""
    done = subprocess.run([binary('belfryctl'), *arguments], env=environment(url, **settings), input=input.encode(),
                          capture_output=True, timeout=30 * PATIENCE)
    errors = done.stderr.decode()
    assert not TROUBLE.search(errors), errors
    assert done.returncode == status, f'{arguments}: {done.returncode}, {done.stdout[:500]!r} {errors[:2000]}'
    return done.stdout.decode() if status == OK else errors + done.stdout.decode()


class Tail:
    """A belfryctl that goes on."""

    def __init__(self, daemon, *arguments, **settings):
        before = daemon.stats()['router']['active_subscribers']
        self.process = subprocess.Popen([binary('belfryctl'), 'tail', *arguments], env=environment(daemon.url, **settings),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_until(lambda: self.process.poll() is not None or daemon.stats()['router']['active_subscribers'] > before,
                   what='the subscription')

    def line(self):
        return self.process.stdout.readline().decode().rstrip('\n')

    def end(self, number=None):
        """What it printed meanwhile, what it complained of, and its exit status."""
        if number is not None:
            self.process.send_signal(number)
        out, errors = self.process.communicate(timeout=20 * PATIENCE)
        assert not TROUBLE.search(errors.decode()), errors
        return out.decode(), errors.decode(), self.process.returncode


@pytest.fixture
def tail():
    started = []

    def start(*arguments, **settings):
        started.append(Tail(*arguments, **settings))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate(timeout=20)


# Without a daemon

def test_help_and_version_of_each_command():
    assert re.fullmatch(r'belfryctl \d+\.\d+\.\d+\n', ctl('--version'))
    listing = ctl('--help')
    for name in ('publish', 'tail', 'query', 'stats', 'clear', 'types', 'verify', 'backup', 'restore'):
        assert name in listing
        assert f'belfryctl {name}' in ctl(name, '--help')


@pytest.mark.parametrize('arguments', [
    [], ['nonsense'], ['--nonsense'], ['stats', '--nonsense'], ['stats', 'extra'], ['query', '--limit', 'x'], ['query', '--limit', '0'],
    ['query', '--min-amount', 'x'], ['verify'], ['backup', 'one'], ['restore', 'a', 'b', 'c'], ['types', 'add', 'x'], ['types', 'drop'],
    ['tail', '--count', '-1'], ['tail', '-n', '0'], ['publish', '--session', 's'], ['publish', '--type', 't', '--payload', '{'],
    ['stats', '--url', 'ftp://127.0.0.1'], ['stats', '--url', 'http://user:pw@127.0.0.1'], ['stats', '--ca-file', '/nonexistent'],
    ['clear'],
])
def test_wrong_usage(arguments):
    complaint = ctl(*arguments, status=USAGE)
    assert complaint.startswith('belfryctl: ') and complaint.count('\n') == 1
    assert 'pw' not in complaint


@pytest.mark.parametrize('arguments', [['query', '-j', '--limit'], ['--json', '--nonsense'], ['stats', '--nonsense', '-j'], ['verify', '-j']])
def test_wrong_usage_is_told_in_json(arguments):
    assert json.loads(ctl(*arguments, status=USAGE))['status'] == USAGE


def test_help_lists_what_applies():
    for command in ('verify', 'backup', 'restore', 'hash-key'):
        listing = ctl(command, '--help')
        assert '--url' not in listing and '--api-key' not in listing and '--ca-file' not in listing and '--json' in listing
        assert 'cannot be reached' not in listing
    listing = ctl('stats', '--help')
    assert '--url' in listing and 'BELFRY_API_KEY' in listing and 'foreign' not in listing


def test_what_is_missing_is_named():
    assert 'FILE is missing' in ctl('backup', status=USAGE)
    assert 'DESTINATION is missing' in ctl('backup', 'one', status=USAGE)


@pytest.mark.parametrize('command', [['stats'], ['query'], ['types'], ['tail'], ['publish', '{}'], ['publish'], ['clear', '--yes']])
def test_unreachable(port, command):
    url = f'http://127.0.0.1:{port}'
    ctl(*command, url=url, status=UNREACHABLE, input='{}\n')
    complaint = json.loads(ctl(*command, '--json', url=url, status=UNREACHABLE, input='{}\n'))
    assert complaint['status'] == UNREACHABLE and complaint['error']


# With one

def test_publish_one_event(daemon):
    printed = ctl('publish', '--type', 'answer_submitted', '--source', 'ctl', '--session', 'é"1', '--user', 'u', '--payload',
                  '{"n": 1.10}', url=daemon.url)
    assert EVENT_ID.match(printed)
    stored = daemon.get('/api/v1/events/' + printed.strip())
    assert b'"payload":{"n":1.10}' in stored.body
    assert stored.json()['session_id'] == 'é"1' and stored.json()['user_id'] == 'u' and stored.json()['source'] == 'ctl'

    printed = ctl('publish', '--json', json.dumps(event()), json.dumps(event()), url=daemon.url)
    assert len(printed.splitlines()) == 2
    assert all(EVENT_ID.match(json.loads(line)['event_id']) for line in printed.splitlines())
    assert ctl('publish', '--quiet', json.dumps(event()), url=daemon.url) == ''


def test_publish_in_a_plain_locale(daemon):
    printed = ctl('publish', '--type', 'answer_submitted', '--user', 'é', url=daemon.url, LC_ALL='C', LANG='C')
    assert daemon.get('/api/v1/events/' + printed.strip()).json()['user_id'] == 'é'


def test_publish_refused(daemon):
    assert 'nonsense' in ctl('publish', '--type', 'nonsense', url=daemon.url, status=INVALID)
    ctl('publish', 'no json', url=daemon.url, status=INVALID)
    ctl('publish', '--type', 'answer_submitted', '--payload', '[]', url=daemon.url, status=INVALID)


def test_publish_goes_on_behind_a_refused_argument(daemon):
    good = json.dumps(event())
    printed = ctl('publish', good, 'bad', good, url=daemon.url, status=INVALID)
    assert 'argument 2: ' in printed and '2 published, 1 refused' in printed
    answers = json_lines(ctl('publish', '--json', good, 'bad', good, url=daemon.url, status=INVALID))
    assert [(answer['argument'], answer['status']) for answer in answers] == [(1, 'ok'), (2, 'error'), (3, 'ok')]
    assert EVENT_ID.match(answers[2]['event_id']) and answers[1]['message']


def test_publish_repeats_no_complaint_for_ever(daemon):
    printed = ctl('publish', url=daemon.url, input='bad\n' * 25, status=INVALID)
    assert printed.count('Invalid JSON') == 11 and 'Invalid JSON: 15 more' in printed and '25 refused' in printed


def test_publish_tells_what_was_not_acknowledged(belfryd):
    daemon = belfryd()
    process = subprocess.Popen([binary('belfryctl'), 'publish'], env=environment(daemon.url), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(json.dumps(event()).encode() + b'\n')
    process.stdin.flush()
    assert EVENT_ID.match(process.stdout.readline().decode())
    daemon.stop()
    errors = process.communicate(json.dumps(event()).encode() + b'\n', timeout=20 * PATIENCE)[1].decode()
    assert process.returncode == UNREACHABLE and 'line 2 and later were not acknowledged' in errors


def test_publish_lines(daemon):
    count = 5000
    lines = ''.join(json.dumps(event(n, session_id='lines')) + '\n' for n in range(count))
    ids = ctl('publish', url=daemon.url, input=lines).split()
    assert len(ids) == len(set(ids)) == count

    found = json_lines(ctl('query', '--json', '--session', 'lines', '--limit', str(count + 1), url=daemon.url))
    assert [made['id'] for made in reversed(found)] == ids
    assert [made['payload']['n'] for made in reversed(found)] == list(range(count))


def test_publish_lines_tells_which_were_refused(daemon):
    good = json.dumps(event())
    printed = ctl('publish', url=daemon.url, input=f'{good}\n\nbad\n{good}\n{{"event_type": "x"}}\n{good}', status=INVALID)
    assert 'line 3: Invalid JSON' in printed and 'line 5: ' in printed and '3 published, 2 refused' in printed
    assert len(EVENT_ID.findall(printed)) + len(re.findall(r'^evt_[0-9a-f]{12}$', printed, re.M)) >= 3

    answers = json_lines(ctl('publish', '--json', url=daemon.url, input=f'{good}\nbad\n', status=INVALID))
    assert answers[0]['line'] == 1 and answers[0]['status'] == 'ok' and EVENT_ID.match(answers[0]['event_id'])
    assert answers[1] == {'line': 2, 'status': 'error', 'message': 'Invalid JSON'}


def test_publish_lines_beyond_the_bounds(daemon):
    good = json.dumps(event()).encode()
    for hard in (b'\xff', good[:-1] + b'\0' + good[-1:], b'"' + b'x' * 1200000 + b'"'):
        done = subprocess.run([binary('belfryctl'), 'publish', '--json'], env=environment(daemon.url), input=hard + b'\n' + good + b'\n',
                              capture_output=True, timeout=30 * PATIENCE)
        answers = json_lines(done.stdout.decode())
        assert done.returncode == INVALID
        assert sorted(answer['status'] for answer in answers) == ['error', 'ok'], answers


def json_lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_query(daemon):
    made = [daemon.publish(event(n, session_id='query', user_id=f'u{n % 2}', payload={'amount': n})) for n in range(4)]

    assert json_lines(ctl('query', '--json', '--session', 'query', url=daemon.url)) == made[::-1]
    assert json_lines(ctl('query', '--json', '--session', 'query', '--limit', '2', url=daemon.url)) == made[:1:-1]
    assert json_lines(ctl('query', '-j', '-s', 'query', '-U', 'u1', '-t', 'answer_submitted', url=daemon.url)) == [made[3], made[1]]
    assert json_lines(ctl('query', '--json', '--session', 'query', '--min-amount', '2.5', url=daemon.url)) == [made[3]]
    assert json_lines(ctl('query', '--json', '--session', 'query', '--since', made[3]['timestamp'], url=daemon.url)) == []

    line = ctl('query', '--session', 'query', '--limit', '1', url=daemon.url)
    assert line == f'{made[3]["timestamp"]} answer_submitted tests session=query user=u1 {{"amount":3}}\n'
    ctl('query', '--since', 'yesterday', url=daemon.url, status=INVALID)


def test_query_of_more_than_a_page(daemon):
    daemon_lines = ''.join(json.dumps(event(n, session_id='pages')) + '\n' for n in range(2500))
    ctl('publish', '--quiet', url=daemon.url, input=daemon_lines)
    found = json_lines(ctl('query', '--json', '--session', 'pages', '--limit', '2400', url=daemon.url))
    assert [made['payload']['n'] for made in found] == list(range(2499, 99, -1))


def test_what_others_wrote_cannot_drive_the_terminal(daemon):
    daemon.publish(event(session_id='evil', user_id='\x1b[31m\x9b\u202e'))
    line = ctl('query', '--session', 'evil', url=daemon.url)
    assert not re.search(r'[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]', line)


def test_stats_and_types(daemon):
    daemon.publish()
    table = ctl('stats', url=daemon.url)
    assert 'max_' not in table and len(table.splitlines()) < 40
    assert re.search(r'^store\n  \w', table, re.M) and re.search(r'  events_appended +[\d,]+', table)
    assert re.search(r'^  max_queue_size +[\d,]+', ctl('stats', '--verbose', url=daemon.url), re.M)
    assert re.search(r'^total_events +[\d,]+$', table, re.M) and re.search(r'^answer_submitted +[\d,]+ +20\d\d-', table, re.M)
    assert json.loads(ctl('stats', '--json', url=daemon.url)).keys() >= {'total_events', 'events_last_hour', 'by_type', 'router'}

    assert re.search(r'^quiz_timeout +Quiz timer expired$', ctl('types', url=daemon.url), re.M)
    ctl('types', 'add', 'bell.rung', 'The "bell" was rung', url=daemon.url)
    assert {'name': 'bell.rung', 'description': 'The "bell" was rung'} in json_lines(ctl('types', 'list', '--json', url=daemon.url))
    daemon.publish(event(event_type='bell.rung'))
    ctl('types', 'add', 'Not A Name', 'x', url=daemon.url, status=INVALID)


def test_no_colours_but_for_people(daemon):
    assert '\x1b' not in ctl('types', url=daemon.url)
    for settings, coloured in (({}, True), ({'NO_COLOR': '1'}, False), ({'TERM': 'dumb'}, False)):
        reader, writer = pty.openpty()
        subprocess.run([binary('belfryctl'), 'types', 'list'], env=environment(daemon.url, **{'TERM': 'xterm', **settings}),
                       stdin=subprocess.DEVNULL, stdout=writer, check=True, timeout=20 * PATIENCE)
        assert (b'\x1b[' in os.read(reader, 65536)) == coloured
        os.close(reader)
        os.close(writer)


def test_clear(belfryd):
    daemon = belfryd()
    made = [daemon.publish() for _ in range(3)]
    ctl('clear', url=daemon.url, status=USAGE)
    ctl('clear', '--before', '', '--yes', url=daemon.url, status=INVALID)
    ctl('clear', '--before', 'never', '--yes', url=daemon.url, status=INVALID)
    assert len(daemon.query()) == 3
    assert json.loads(ctl('clear', '--json', '--yes', '--before', made[1]['timestamp'], url=daemon.url)) == {'deleted': 1}
    assert ctl('clear', '--yes', url=daemon.url) == '2 events removed\n'


def test_clear_asks(belfryd):
    daemon = belfryd()
    daemon.publish()
    for answer, left in ((b'n\n', 1), (b'\n', 1), (b'y\n', 0)):
        ours, theirs = pty.openpty()
        os.write(ours, answer)
        done = subprocess.run([binary('belfryctl'), 'clear'], env=environment(daemon.url), stdin=theirs, capture_output=True,
                              timeout=20 * PATIENCE)
        assert b'Remove all events?' in done.stderr
        assert done.returncode == (FAILURE if left else OK)
        assert len(daemon.query()) == left
        os.close(ours)
        os.close(theirs)


def test_dead_letters(belfryd, tmp_path):
    daemon = belfryd()
    good = {'learner_id': 'l', 'course_id': 'c', 'lesson_id': 'n', 'event_type': 'lesson_started', 'event_data': {}, 'timestamp': '2024-01-15'}
    for bad in ({**good, 'course_id': ''}, {**good, 'event_type': 'no\x1btype'}, 5):
        assert daemon.post({'events': [bad]}, path='/collect').status == 422
    lines = ctl('dead-letters', url=daemon.url).splitlines()
    assert [line.split()[3] for line in lines] == ['not_an_object', 'unknown_event_type', 'invalid_field'] and not any('\x1b' in line for line in lines)
    listed = [json.loads(line) for line in ctl('dead-letters', 'list', '--json', '--reason=invalid_field', url=daemon.url).splitlines()]
    assert [letter['field'] for letter in listed] == ['course_id']
    assert len(ctl('dead-letters', '-n', '1', url=daemon.url).splitlines()) == 1
    assert daemon.post('{"events": [{\n  "learner_id":\r\n5\n}\n]}', path='/collect').status == 422
    line, = ctl('dead-letters', '--json', '-n', '1', url=daemon.url).splitlines()
    assert json.loads(line)['event'] == {'learner_id': 5}
    id = listed[0]['id']
    assert json.loads(ctl('dead-letters', 'show', id, url=daemon.url)) == listed[0]
    assert 'course_id' in ctl('dead-letters', 'replay', id, url=daemon.url, status=INVALID)
    fixed = tmp_path / 'fixed.json'
    fixed.write_text(json.dumps(good))
    told = re.fullmatch(f'{id} is event (evt_[0-9a-f]+)\n', ctl('dead-letters', 'replay', id, fixed, url=daemon.url))
    assert json.loads(ctl('--json', 'dead-letters', 'replay', id, '-', url=daemon.url, input='again'))['event_id'] == told.group(1)
    assert ctl('dead-letters', 'delete', id, url=daemon.url) == '1 dead letter removed\n'
    for verb in ('show', 'replay', 'delete'):
        ctl('dead-letters', verb, id, url=daemon.url, status=NOT_FOUND)
    for wrong in (('burn',), ('show',), ('delete', 'a', 'b'), ('replay',)):
        ctl('dead-letters', *wrong, url=daemon.url, status=USAGE)
    ctl('dead-letters', '-n', '0', url=daemon.url, status=INVALID)


def test_columns_of_dead_letters_never_touch():
    letter = {'id': 'dl_000000000001', 'received_at': '2026-11-21T20:59:00.497523Z', 'door': 'collect', 'reason': 'unknown_event_type_of_a_kind',
              'event_id': None, 'field': 'a_field_with_a_long_name', 'message': 'Wrong'}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps([letter]).encode()
            self.send_response(200)
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with HTTPServer(('127.0.0.1', 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            line = ctl('dead-letters', url=f'http://127.0.0.1:{server.server_port}')
        finally:
            server.shutdown()
    assert re.split('  +', line.strip()) == [letter[name] or '-' for name in ('id', 'received_at', 'door', 'reason', 'event_id', 'field', 'message')]


def test_key(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY='geheim')
    for command in (['stats'], ['query'], ['tail'], ['publish', '{}'], ['publish'], ['clear', '--yes']):
        ctl(*command, url=daemon.url, status=DENIED, input='{}\n')
        complaint = ctl(*command, '--api-key', 'falsch', url=daemon.url, status=DENIED, input='{}\n')
        assert 'falsch' not in complaint
    ctl('types', url=daemon.url)
    ctl('stats', '--api-key', 'geheim', url=daemon.url)
    ctl('--api-key=geheim', 'stats', url=daemon.url)
    ctl('stats', url=daemon.url, BELFRY_API_KEY='geheim')
    ctl('stats', url=daemon.url, API_KEY='geheim')
    ctl('publish', '--quiet', url=daemon.url, input=json.dumps(event()), BELFRY_API_KEY='geheim')
    ctl('tail', '--from', 'beginning', '--count', '1', '--api-key', 'geheim', url=daemon.url)


def test_key_is_not_shown_to_other_users(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY='geheim')
    process = subprocess.Popen([binary('belfryctl'), 'tail', '--api-key', 'geheim', '--json'], env=environment(daemon.url),
                               stdout=subprocess.DEVNULL)
    try:
        def command_line():
            with open(f'/proc/{process.pid}/cmdline', 'rb') as file:
                return file.read()

        wait_until(lambda: b'tail' in command_line() and b'geheim' not in command_line(), what='the hidden key')
        assert b'--json' in command_line()
    finally:
        process.kill()
        process.wait(10)


def test_tls(belfryd, certificate):
    daemon = belfryd(TLS_CERTIFICATE=certificate[0], TLS_PRIVATE_KEY=certificate[1])
    assert '--ca-file' in ctl('stats', url=daemon.url, status=UNREACHABLE)
    plain = daemon.url.replace('https', 'http')
    for command in (['stats'], ['tail']):
        assert f'try --url {daemon.url}' in ctl(*command, url=plain, status=UNREACHABLE)
    ctl('stats', '--ca-file', str(certificate[0]), url=daemon.url)
    ctl('publish', '--quiet', '--ca-file', str(certificate[0]), url=daemon.url, input=json.dumps(event()) + '\n')
    line = ctl('tail', '--from', 'beginning', '--count', '1', '--ca-file', str(certificate[0]), url=daemon.url)
    assert 'answer_submitted' in line


# tail

def test_tail_lives(belfryd, tail):
    daemon = belfryd()
    following = tail(daemon, '--json')
    made = daemon.publish(event(session_id='s'))
    assert json.loads(following.line()) == made
    out, errors, status = following.end(signal.SIGINT)
    assert (out, errors, status) == ('', '', OK)


def test_tail_tells_why_it_was_refused(belfryd, tail):
    full = belfryd(MAX_SUBSCRIBERS=1)
    tail(full)
    assert 'Server at subscriber capacity' in ctl('tail', url=full.url, status=LATER)
    closed = belfryd(REQUIRE_AUTH='true', API_KEY='geheim')
    assert 'Unauthorized' in ctl('tail', url=closed.url, status=DENIED)
    assert 'Unknown cursor' in ctl('tail', '--from', 'nonsense', url=closed.url, status=INVALID, API_KEY='geheim')


def test_tail_ends_on_sigterm(belfryd, tail):
    assert tail(belfryd()).end(signal.SIGTERM) == ('', '', OK)


def test_tail_filters(belfryd, tail):
    daemon = belfryd()
    following = tail(daemon, '--json', '--type', 'answer_submitted', '--type', 'quiz_started', '--session', 'a', '--tier', 'gold', '--count', '2')
    for session in ('a', 'b'):
        for event_type in ('quiz_started', 'quiz_timeout', 'answer_submitted'):
            for tier in ('gold', 'tin'):
                daemon.publish(event(event_type=event_type, session_id=session, payload={'user_tier': tier}))
    out, errors, status = following.end()
    assert [made['event_type'] for made in json_lines(out)] == ['quiz_started', 'answer_submitted']
    assert status == OK and errors == ''


def test_tail_from_a_cursor(daemon):
    made = [daemon.publish(event(n, user_id='cursor')) for n in range(5)]
    printed = json_lines(ctl('tail', '--json', '--cursors', '--user', 'cursor', '--from', 'beginning', '--count', '3', url=daemon.url))
    cursors = [one.pop('cursor') for one in printed]
    assert printed == made[:3] and len(set(cursors)) == 3

    lines = ctl('tail', '--user', 'cursor', '--cursors', '--from', cursors[1], '--count', '3', url=daemon.url).splitlines()
    assert lines[0].startswith(f'{cursors[2]} {made[2]["timestamp"]} ')
    assert [json.loads(line.rpartition(' ')[2])['n'] for line in lines] == [2, 3, 4]
    assert 'Unknown cursor' in ctl('tail', '--from', 'nonsense', url=daemon.url, status=INVALID)


def test_tail_tells_a_gap(belfryd):
    daemon = belfryd()
    for n in range(3):
        daemon.publish(event(n))
    cursor = json.loads(ctl('tail', '--json', '--cursors', '--from', 'beginning', '--count', '1', url=daemon.url))['cursor']
    ctl('clear', '--yes', url=daemon.url)
    made = daemon.publish()
    gap, shown = json_lines(ctl('tail', '--json', '--from', cursor, '--count', '1', url=daemon.url))
    assert gap['type'] == 'gap' and gap['lost'] == 2 and gap['from'] == cursor
    assert shown == made
    assert 'gap: 2 events' in ctl('tail', '--from', cursor, '--count', '1', url=daemon.url)


def test_tail_comes_back_where_it_was(belfryd, port, tail):
    daemon = belfryd(port=port)
    following = tail(daemon, '--json')
    seen = [daemon.publish(event(0))]
    assert json.loads(following.line()) == seen[0]

    for _ in range(3):
        daemon.kill()
        daemon = belfryd(folder=daemon.folder, port=port)
        # Published before the tail is back: it must be told all the same.
        seen += [daemon.publish(event(len(seen))) for _ in range(5)]
        assert [json.loads(following.line()) for _ in range(5)] == seen[-5:]

    daemon.stop()
    out, errors, status = following.end(signal.SIGINT)
    assert status == OK and out == ''
    assert 'trying again' in errors and errors.count('connected again') == 3


def test_tail_of_much_history_is_complete_and_can_be_interrupted(daemon, tail):
    count = 20000
    ctl('publish', '--quiet', url=daemon.url, input=''.join(json.dumps(event(n, user_id='much')) + '\n' for n in range(count)))
    printed = ctl('tail', '--json', '--user', 'much', '--from', 'beginning', '--count', str(count), url=daemon.url)
    assert [made['payload']['n'] for made in json_lines(printed)] == list(range(count))

    following = tail(daemon, '--from', 'beginning')
    following.line()
    assert following.end(signal.SIGINT)[2] == OK


def test_reader_that_goes_away_ends_it(daemon, tail):
    daemon.publish()
    following = tail(daemon, '--from', 'beginning')
    following.line()
    following.process.stdout.close()
    assert following.process.wait(20 * PATIENCE) == OK

    done = subprocess.run(['sh', '-c', f'{binary("belfryctl")} tail --session nobody | true'], env=environment(daemon.url),
                          timeout=20 * PATIENCE)
    assert done.returncode == 0
    with open('/dev/full', 'w') as full:
        done = subprocess.run([binary('belfryctl'), 'tail', '--from', 'beginning'], env=environment(daemon.url), stdout=full,
                              stderr=subprocess.PIPE, timeout=20 * PATIENCE)
    assert done.returncode == FAILURE and b'No space left' in done.stderr


# Files

def test_verify_backup_restore(belfryd, tmp_path):
    daemon = belfryd()
    made = [daemon.publish(event(n)) for n in range(50)]
    backup, restored = tmp_path / 'backup.db', tmp_path / 'restored.db'

    assert 'sound' in ctl('verify', str(daemon.database))
    ctl('backup', str(daemon.database), str(backup))
    assert backup.stat().st_mode & 0o777 == 0o600
    assert 'exists already' in ctl('backup', str(daemon.database), str(backup), status=FAILURE)
    assert 'no folder' in ctl('backup', str(daemon.database), str(tmp_path / 'absent' / 'b'), status=FAILURE)
    ctl('restore', str(backup), str(daemon.database), '--force', status=DATABASE)
    assert json.loads(ctl('restore', '--json', str(backup), str(restored)))['database'] == str(restored)
    ctl('restore', str(backup), str(restored), status=FAILURE)
    ctl('restore', '--force', str(backup), str(restored))
    ctl('verify', str(restored))

    cursor = json.loads(ctl('tail', '--json', '--cursors', '--from', 'beginning', '--count', '1', url=daemon.url))['cursor']
    second = belfryd(DATABASE_PATH=restored)
    assert second.query('limit=1000') == made[::-1]
    ctl('tail', '--from', cursor, url=second.url, status=INVALID)
    assert second.publish()['id'] not in {one['id'] for one in made}


def test_files_that_are_no_database(tmp_path):
    foreign = tmp_path / 'foreign'
    foreign.write_bytes(b'nothing of ours' * 1000)
    ctl('verify', str(foreign), status=DATABASE)
    ctl('verify', str(tmp_path / 'absent'), status=NOT_FOUND)
    ctl('backup', str(foreign), str(tmp_path / 'copy'), status=DATABASE)
    ctl('restore', str(foreign), str(tmp_path / 'copy'), status=DATABASE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['foreign']
    assert foreign.read_bytes() == b'nothing of ours' * 1000


def test_damaged_database_is_told(belfryd, tmp_path):
    daemon = belfryd()
    ctl('publish', '--quiet', url=daemon.url, input=''.join(json.dumps(event(n)) + '\n' for n in range(2000)))
    copy = tmp_path / 'copy.db'
    ctl('backup', str(daemon.database), str(copy))
    size = copy.stat().st_size
    with open(copy, 'r+b') as file:
        file.seek(size // 2)
        file.write(b'\xa5' * 20000)
    ctl('verify', str(copy), status=DATABASE)
