# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Idempotency-Key: however often a request comes, it is carried out once, and always gets the first answer."""

import collections
import http.client
import json
import random
import subprocess
import threading
import time

import pytest

from belfry_daemon import PATIENCE, binary, event, wait_until


def keyed(daemon, key, made, path='/api/v1/events', headers=None, **options):
    body = made if isinstance(made, (str, bytes)) else json.dumps(made)
    return daemon.post(body, path=path, headers={'Idempotency-Key': key, **(headers or {})}, **options)


def assert_mismatch(response):
    assert response.status == 422, response
    (problem,) = response.json()['detail']
    assert problem['loc'] == ['header', 'Idempotency-Key']
    assert set(problem) == {'loc', 'msg', 'type'}


def test_repeat_gets_the_first_answer(belfryd):
    daemon = belfryd()
    first = keyed(daemon, '"order-17"', event(1))
    assert first.status == 201
    for _ in range(3):
        again = keyed(daemon, '"order-17"', event(1))
        assert (again.status, again.body) == (201, first.body)
        assert again.headers['Content-Type'] == first.headers['Content-Type']
    assert daemon.query() == [first.json()]
    assert daemon.stats()['total_events'] == 1


def test_the_answer_is_that_of_a_request_without_key(belfryd):
    daemon = belfryd()
    made = event(None, session_id='s "1"\n', user_id='ü', payload={'a': [1.50, None, {'b': '\u0001'}]})
    first, plain = keyed(daemon, 'k', made), daemon.post(made)
    shown = [{name: value for name, value in answer.json().items() if name not in ('id', 'timestamp')} for answer in (first, plain)]
    assert shown[0] == shown[1]
    assert len(first.body) == len(plain.body)
    assert daemon.get('/events/' + first.json()['id']).body == first.body == keyed(daemon, 'k', made).body


def test_another_body_is_refused(belfryd):
    daemon = belfryd()
    first = keyed(daemon, 'a', event(1))
    assert_mismatch(keyed(daemon, 'a', event(2)))
    assert_mismatch(keyed(daemon, 'a', json.dumps(event(1)) + ' '))
    assert keyed(daemon, 'a', event(1)).body == first.body
    assert daemon.stats()['total_events'] == 1


def test_a_key_is_one_key_however_it_is_written(belfryd):
    daemon = belfryd()
    first = keyed(daemon, '"a\\"b\\\\c"', event(1))
    assert first.status == 201
    assert keyed(daemon, '"a\\"b\\\\c"', event(1)).body == first.body
    bare = keyed(daemon, 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', event(2))
    assert keyed(daemon, '"f81d4fae-7dec-11d0-a765-00a0c91e6bf6"', event(2)).body == bare.body
    assert keyed(daemon, 'F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6', event(2)).body != bare.body
    assert daemon.stats()['total_events'] == 3


def test_both_path_forms_share_keys(belfryd):
    daemon = belfryd()
    first = keyed(daemon, 'a', event(1))
    assert keyed(daemon, 'a', event(1), path='/events').body == first.body
    assert keyed(daemon, 'a', event(1), path='/events?x=1').body == first.body
    assert daemon.stats()['total_events'] == 1


MALFORMED = ['', '""', '"', '"a', 'a"', '"a"b', '"a";p=1', 'a;b', 'a,b', '"a", "b"', 'a b', '"a\\b"', 'a\\', '"\t"', 'é', '"é"', 'x' * 256, '"' + 'x' * 256 + '"']
GOOD = ['x', '"a b"', 'y' * 255, '"' + 'x' * 255 + '"', 'a/b+c=', '!#$%&\'()*+-./:<=>?@[]^_`{|}~', '"a,b;c"']


def test_malformed_key(belfryd):
    daemon = belfryd()
    body = json.dumps(event()).encode()
    with daemon.connect() as connection:
        for key in MALFORMED:
            connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nIdempotency-Key: %s\r\n\r\n%s'
                            % (len(body), key.encode(), body))
            status, _, answer = connection.take_response()
            assert status == 400, key
            assert 'Idempotency-Key' in json.loads(answer)['detail']
    assert daemon.stats()['total_events'] == 0


def test_good_key(belfryd):
    daemon = belfryd()
    for key in GOOD:
        first = keyed(daemon, key, event())
        assert first.status == 201, key
        assert keyed(daemon, key, event()).body == first.body
    assert daemon.stats()['total_events'] == len(GOOD)


def test_two_headers(belfryd):
    """What a proxy may make one line of is refused, the same as two values."""
    daemon = belfryd()
    body = json.dumps(event()).encode()
    for first, second in ((b'a', b'b'), (b'"a"', b'"b"'), (b'a', b'')):
        with daemon.connect() as connection:
            connection.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nIdempotency-Key: %s\r\nIdempotency-Key: %s\r\n\r\n%s'
                            % (len(body), first, second, body))
            assert connection.take_response()[0] == 400
    assert daemon.stats()['total_events'] == 0


def test_what_was_refused_may_be_corrected(belfryd):
    daemon = belfryd()
    for bad in ('{', json.dumps(event(source='')), json.dumps(event(event_type='nothing'))):
        response = keyed(daemon, 'a', bad)
        assert response.status == 422
        assert response.json()['detail'][0]['loc'][0] == 'body'
    first = keyed(daemon, 'a', event(1))
    assert first.status == 201
    assert keyed(daemon, 'a', '{').status == 422
    assert keyed(daemon, 'a', event(1)).body == first.body
    assert daemon.stats()['total_events'] == 1


def test_repeat_when_the_rules_have_changed(belfryd):
    """What was accepted stays accepted, although it would be refused now."""
    daemon = belfryd()
    made = event(payload={'text': 'x' * 5000})
    first = keyed(daemon, 'a', made)
    assert first.status == 201
    daemon.stop()
    daemon = belfryd(folder=daemon.folder, MAX_PAYLOAD_BYTES=1000)
    assert daemon.post(made).status == 422
    again = keyed(daemon, 'a', made)
    assert (again.status, again.body) == (201, first.body)
    assert keyed(daemon, 'b', made).json()['detail'][0]['loc'] == ['body', 'payload']


def test_after_delete(belfryd):
    daemon = belfryd()
    first = keyed(daemon, 'a', event(1))
    assert daemon.request('DELETE', '/events').json() == {'deleted': 1}
    again = keyed(daemon, 'a', event(1))
    assert (again.status, again.body) == (201, first.body)
    assert daemon.query() == []
    assert daemon.get('/events/' + first.json()['id']).status == 404


def test_after_restart(belfryd):
    daemon = belfryd()
    first = keyed(daemon, 'a', event(1))
    daemon.stop()
    daemon = belfryd(folder=daemon.folder)
    assert keyed(daemon, 'a', event(1)).body == first.body
    assert_mismatch(keyed(daemon, 'a', event(2)))
    daemon.kill()
    daemon = belfryd(folder=daemon.folder)
    assert keyed(daemon, 'a', event(1)).body == first.body
    assert daemon.query() == [first.json()]


def test_window(belfryd):
    """0 forgets a key with its answer; a second is over in a second."""
    daemon = belfryd(IDEMPOTENCY_WINDOW='0')
    assert keyed(daemon, 'a', event(1)).body != keyed(daemon, 'a', event(1)).body
    assert daemon.stats()['total_events'] == 2
    daemon = belfryd(IDEMPOTENCY_WINDOW='1s')
    first = keyed(daemon, 'a', event(1))
    wait_until(lambda: keyed(daemon, 'a', event(1)).body != first.body, what='the key is forgotten')


def test_bound(belfryd):
    daemon = belfryd(IDEMPOTENCY_MAX_BYTES=65536)
    connection = daemon.connection()
    answers = {number: keyed(daemon, f'k{number}', event(number), connection=connection).body for number in range(400)}
    store = daemon.stats()['store']
    assert 0 < store['receipt_bytes'] <= 65536
    assert store['receipts_stored'] == 400
    assert 0 < store['receipts_dropped'] < 400
    kept = 400 - store['receipts_dropped']
    for number in range(399, 400 - kept, -1):
        assert keyed(daemon, f'k{number}', event(number), connection=connection).body == answers[number]
    assert daemon.stats()['total_events'] == 400
    assert keyed(daemon, 'k0', event(0)).body != answers[0]


def test_counters(belfryd):
    daemon = belfryd()
    for number in (1, 1, 1, 2):
        keyed(daemon, 'a', event(number))
    stats = daemon.stats()
    assert stats['store']['receipts_stored'] == 1
    assert stats['store']['receipts_repeated'] == 2
    assert stats['store']['receipts_mismatched'] == 1
    assert stats['pipeline']['conflicts'] == 0
    assert stats['pipeline']['accepted'] == 1


def test_keys_of_different_clients(belfryd):
    """Two who choose the same key do not meet; without a key all are one."""
    daemon = belfryd(API_KEY='secret')
    answers = [keyed(daemon, 'a', event(1), headers=headers).body
               for headers in ({}, {'X-API-Key': 'secret'}, {'Authorization': 'Bearer secret'})]
    assert answers[0] != answers[1]
    assert answers[1] == answers[2]
    assert keyed(daemon, 'a', event(1)).body == answers[0]
    assert daemon.stats()['total_events'] == 2


def test_keys_of_different_clients_of_a_file(belfryd, tmp_path):
    """A client is the name that its API key has in the file, so that it stays the same when the key is renewed."""
    def write(**keys):
        groups = []
        for name, key in keys.items():
            done = subprocess.run([str(binary('belfryctl')), 'hash-key'], input=key + '\n', capture_output=True, text=True, timeout=30 * PATIENCE)
            assert done.returncode == 0, done
            groups.append(f'[{name}]\nhash={done.stdout.strip()}\nscope=publish\n')
        (tmp_path / 'keys.conf').write_text('\n'.join(groups))

    def ask(key):
        return keyed(daemon, 'a', event(1), headers={'X-API-Key': key}).body

    write(one='first-key-of-one', two='the-key-of-two')
    daemon = belfryd(REQUIRE_AUTH='true', API_KEYS_FILE=tmp_path / 'keys.conf')
    answers = [ask('first-key-of-one'), ask('the-key-of-two')]
    assert answers[0] != answers[1]
    daemon.stop()
    write(one='second-key-of-one', two='the-key-of-two')
    daemon = belfryd(folder=daemon.folder, REQUIRE_AUTH='true', API_KEYS_FILE=tmp_path / 'keys.conf')
    assert [ask('second-key-of-one'), ask('the-key-of-two')] == answers


def test_subscribers_see_it_once(belfryd):
    daemon = belfryd()
    with daemon.subscribe() as socket:
        first = keyed(daemon, 'a', event(1))
        keyed(daemon, 'a', event(1))
        second = daemon.publish(event(2))
        assert socket.receive_json() == first.json()
        assert socket.receive_json() == second


def test_at_once(belfryd, long_run):
    """Of requests with the same key at the same time one is carried out; the others get its answer, or are told to wait."""
    daemon = belfryd()
    n_threads, n_rounds = 4, 300 if long_run else 60
    barrier = threading.Barrier(n_threads)
    answers = [[] for _ in range(n_rounds)]

    def publish():
        connection = daemon.connection()
        for number in range(n_rounds):
            barrier.wait(60)
            answers[number].append(keyed(daemon, f'"{number}"', event(number), connection=connection))
        connection.close()

    threads = [threading.Thread(target=publish) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    statuses = collections.Counter()
    for round_answers in answers:
        assert len(round_answers) == n_threads
        done = [answer for answer in round_answers if answer.status == 201]
        assert done and len({answer.body for answer in done}) == 1
        for answer in round_answers:
            statuses[answer.status] += 1
            if answer.status != 201:
                assert answer.status == 409
                assert isinstance(answer.json()['detail'], str)
    stats = daemon.stats()
    assert stats['total_events'] == n_rounds
    assert stats['pipeline']['conflicts'] == statuses[409]
    assert stats['store']['receipts_stored'] == n_rounds


def test_while_the_first_still_runs(belfryd):
    """Two requests in one piece of a turn: the second finds the first under way."""
    daemon = belfryd()
    body = json.dumps(event()).encode()
    request = b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nIdempotency-Key: %%d\r\n\r\n%s' % (len(body), body)
    for number in range(200):
        with daemon.connect() as one, daemon.connect() as two:
            one.send(request % number)
            two.send(request % number)
            statuses = sorted([one.take_response()[0], two.take_response()[0]])
        assert statuses in ([201, 201], [201, 409])
        if statuses == [201, 409]:
            break
    else:
        raise AssertionError('no request ever found another one under way')
    assert daemon.stats()['total_events'] == number + 1


class Retrier(threading.Thread):
    """Publishes with keys until each has its answer, over as many daemons as it takes."""

    def __init__(self, current, worker, count):
        super().__init__(daemon=True)
        self.current = current
        self.worker = worker
        self.count = count
        self.answers = {}
        self.failure = None
        self.start()

    def run(self):
        try:
            self.publish()
        except Exception as failure:
            self.failure = failure

    def publish(self):
        connection = None
        for number in range(self.count):
            deadline = time.monotonic() + 120 * PATIENCE
            while number not in self.answers:
                assert time.monotonic() < deadline
                try:
                    connection = connection or self.current().connection(timeout=20)
                    response = keyed(self.current(), f'"{self.worker}-{number}"', event(number, user_id=str(self.worker)), connection=connection)
                    assert response.status in (201, 409, 503), response
                    if response.status == 201:
                        self.answers[number] = response.json()
                except (OSError, http.client.HTTPException):
                    connection = None
                    time.sleep(0.005)  # the next daemon is being started


@pytest.mark.timeout(600)
def test_kill_under_load(belfryd, port, long_run):
    """kill -9 again and again under clients that repeat what was not answered: each key gives one event."""
    chance = random.Random(4)
    daemon = belfryd(port=port)
    place = [daemon]
    count = 2000 if long_run else 250
    workers = [Retrier(lambda: place[0], worker, count) for worker in range(4)]
    for _ in range(12 if long_run else 4):
        seen = sum(len(worker.answers) for worker in workers)
        enough = seen + chance.randrange(20, 120)
        wait_until(lambda: sum(len(worker.answers) for worker in workers) >= enough or not any(worker.is_alive() for worker in workers),
                   timeout=60, what=f'{enough} answers')
        place[0].kill()
        place[0] = belfryd(folder=daemon.folder, port=port)
    for worker in workers:
        worker.join(120 * PATIENCE)
        assert worker.failure is None, worker.failure
        assert len(worker.answers) == count
    last = place[0].publish(event(user_id='sentinel'))
    log = []
    with place[0].subscribe({'resume_from': 'beginning'}) as socket:
        while not log or log[-1]['id'] != last['id']:
            log.append(socket.receive_json())
    assert len(log) == 4 * count + 1
    by_id = {made['id']: made for made in log}
    for worker in workers:
        for number, answer in worker.answers.items():
            assert by_id[answer['id']] == answer
            assert answer['payload'] == {'n': number}
