# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What was refused: kept with its reason, looked at, corrected, and brought back once."""

import concurrent.futures
import json
import re

import pytest

from belfry_daemon import TIMESTAMP, wait_until
from test_collect import collect, learner_event

UNKNOWN = 'dl_00000000ffff'


@pytest.fixture
def daemon(belfryd):
    return belfryd()


def refuse(daemon, **members):
    """A refused event: its letter as it is listed."""
    assert collect(daemon, learner_event(**members)).status == 422
    return daemon.get('/dead-letters?limit=1').json()[0]


def replay(daemon, letter, corrected=None, **options):
    body = b'' if corrected is None else corrected
    return daemon.post(body, path=f'/dead-letters/{letter["id"]}/replay', **options)


# Looking


def test_a_letter_says_all(daemon):
    sent = learner_event(course_id='', event_data={'n': 12345678901234567890})
    assert collect(daemon, learner_event(), sent).status == 200
    letter, = daemon.get('/dead-letters').json()
    assert TIMESTAMP.match(letter.pop('received_at')) and re.fullmatch('dl_[0-9a-f]{12}', letter['id'])
    assert letter == {'id': letter['id'], 'door': 'collect', 'reason': 'invalid_field', 'field': 'course_id',
                      'message': 'String should have at least 1 character', 'content_type': 'application/json', 'size': len(json.dumps(sent)),
                      'event_id': None, 'replayed_at': None, 'event': sent, 'body_base64': None}
    assert daemon.get(f'/api/v1/dead-letters/{letter["id"]}').json()['event'] == sent


def test_no_letters_no_trouble(daemon):
    assert daemon.get('/dead-letters').json() == []
    for method, path in (('GET', ''), ('DELETE', ''), ('POST', '/replay')):
        for name in (UNKNOWN, 'dl_1', 'evt_000000000001', 'x' * 300, 'dl_00000000FFFF'):
            answer = daemon.request(method, f'/dead-letters/{name}{path}')
            assert answer.status == 404 and answer.json() == {'detail': 'Dead letter not found'}


def test_pages_lead_through_all(daemon):
    for n in range(7):
        refuse(daemon, course_id='', event_data={'n': n})
    seen, path = [], '/dead-letters?limit=3'
    while path:
        answer = daemon.get(path)
        seen += [letter['event']['event_data']['n'] for letter in answer.json()]
        link = answer.headers['Link']
        path = link and re.fullmatch(r'<(/[^>]+)>; rel="next"', link).group(1)
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    assert len(daemon.get('/dead-letters?limit=7').json()) == 7 and daemon.get('/dead-letters?limit=7').headers['Link'] is None


def test_reasons_choose(daemon):
    refuse(daemon, course_id=...)
    refuse(daemon, event_type='unheard_of')
    refuse(daemon, timestamp='never')
    refuse(daemon, event_data={str(n): n for n in range(99)})
    assert collect(daemon, 5).status == 422
    reasons = [letter['reason'] for letter in daemon.get('/dead-letters').json()]
    assert reasons == ['not_an_object', 'payload_too_large', 'invalid_timestamp', 'unknown_event_type', 'missing_field']
    for reason in reasons:
        assert [letter['reason'] for letter in daemon.get(f'/dead-letters?reason={reason}').json()] == [reason]
    assert daemon.get('/dead-letters?reason=none').json() == [] and len(daemon.get('/dead-letters?reason=').json()) == 5


@pytest.mark.parametrize('query,status', [('limit=0', 422), ('limit=1001', 422), ('limit=x', 422), ('cursor=x', 400), ('cursor=dl_000000000000', 400)])
def test_bad_queries(daemon, query, status):
    assert daemon.get('/dead-letters?' + query).status == status


# The way back


def test_a_corrected_letter_becomes_an_event(daemon):
    letter = refuse(daemon, course_id='')
    answer = replay(daemon, letter, learner_event(course_id='found', metadata={'by': 'hand'}))
    assert answer.status == 200
    view = daemon.get(f'/events/{answer.json()["id"]}?view=learner').json()
    assert view['course_id'] == 'found' and view['metadata'] == {'by': 'hand'}
    after = daemon.get(f'/dead-letters/{letter["id"]}').json()
    assert after['event_id'] == answer.json()['id'] and TIMESTAMP.match(after['replayed_at']) and after['event'] == letter['event']


def test_twice_is_once(daemon):
    letter = refuse(daemon, course_id='')
    first = replay(daemon, letter, learner_event())
    again = [replay(daemon, letter, learner_event(lesson_id='other')), replay(daemon, letter), replay(daemon, letter, 'no JSON')]
    assert [answer.status for answer in again] == [200] * 3 and {answer.body for answer in again} == {first.body}
    assert daemon.stats()['total_events'] == 1


def test_many_at_once_are_once(daemon):
    letter = refuse(daemon, course_id='')
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: replay(daemon, letter, learner_event(lesson_id=f'l-{n}')), range(48)))
    assert {answer.status for answer in answers} == {200} and len({answer.json()['id'] for answer in answers}) == 1
    assert daemon.stats()['total_events'] == 1


def test_what_is_still_wrong_is_422_and_stays(daemon):
    letter = refuse(daemon, course_id='')
    for corrected, field in ((None, 'course_id'), (learner_event(timestamp='x'), 'timestamp'), ({}, 'learner_id')):
        answer = replay(daemon, letter, corrected)
        assert answer.status == 422 and answer.json()['detail'][0]['loc'][-1] == field
    for corrected in ('{', '5', json.dumps(learner_event()) + 'x'):
        assert replay(daemon, letter, corrected).status == 422
    assert daemon.get(f'/dead-letters/{letter["id"]}').json()['event_id'] is None and daemon.stats()['total_events'] == 0
    assert replay(daemon, letter, learner_event()).status == 200


def test_a_type_that_is_registered_now_lets_it_in_as_it_was(daemon):
    letter = refuse(daemon, event_type='badge_won')
    assert replay(daemon, letter).status == 422
    assert daemon.post({'name': 'badge_won', 'description': 'A badge'}, path='/event-types').status == 201
    id = replay(daemon, letter).json()['id']
    assert daemon.get(f'/events/{id}').json()['event_type'] == 'badge_won'


def test_the_replayed_reaches_subscribers(daemon):
    letter = refuse(daemon, course_id='')
    socket = daemon.subscribe()
    id = replay(daemon, letter, learner_event()).json()['id']
    assert socket.receive_json()['id'] == id


def test_a_deleted_letter_is_gone(daemon):
    kept, gone = refuse(daemon, course_id=''), refuse(daemon, lesson_id='')
    assert daemon.request('DELETE', f'/dead-letters/{gone["id"]}').status == 200
    assert daemon.request('DELETE', f'/dead-letters/{gone["id"]}').status == 404
    assert replay(daemon, gone, learner_event()).status == 404
    assert [letter['id'] for letter in daemon.get('/dead-letters').json()] == [kept['id']]
    assert daemon.stats()['store']['dead_letters'] == 1 and daemon.stats()['store']['dead_letters_ever'] == 2


def test_letters_outlive_the_daemon_and_numbers_are_not_given_twice(belfryd, tmp_path):
    daemon = belfryd(folder=tmp_path)
    first, second = refuse(daemon, course_id=''), refuse(daemon, lesson_id='')
    id = replay(daemon, first, learner_event()).json()['id']
    assert daemon.request('DELETE', f'/dead-letters/{second["id"]}').status == 200
    daemon.kill()
    daemon = belfryd(folder=tmp_path)
    assert replay(daemon, first).json()['id'] == id
    assert refuse(daemon, lesson_id='')['id'] > second['id']


# Bounds and keys


def test_the_oldest_go_when_there_are_too_many(belfryd):
    daemon = belfryd(DEAD_LETTERS_MAX=5)
    for n in range(12):
        refuse(daemon, course_id='', event_data={'n': n})
    assert [letter['event']['event_data']['n'] for letter in daemon.get('/dead-letters').json()] == [11, 10, 9, 8, 7]
    store = daemon.stats()['store']
    assert (store['dead_letters'], store['dead_letters_dropped'], store['dead_letters_ever']) == (5, 7, 12)
    assert collect(daemon, *[5] * 50).status == 422
    assert daemon.stats()['store']['dead_letters'] == 5


def test_the_oldest_go_when_they_are_too_large(belfryd):
    daemon = belfryd(DEAD_LETTERS_MAX_BYTES=100000)
    for n in range(9):
        refuse(daemon, course_id='', event_data={'n': n, 'x': 'y' * 30000})
    assert [letter['event']['event_data']['n'] for letter in daemon.get('/dead-letters').json()] == [8, 7, 6]
    assert daemon.stats()['store']['dead_letter_bytes'] <= 100000


def test_old_ones_go_by_themselves(belfryd):
    daemon = belfryd(DEAD_LETTER_RETENTION='1s')
    refuse(daemon, course_id='')
    wait_until(lambda: collect(daemon, learner_event()).status == 200 and not daemon.get('/dead-letters').json(), 20)
    assert daemon.stats()['store']['dead_letters_dropped'] == 0


def test_letters_need_an_administrator(belfryd, tmp_path):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY='secret')
    for method, path in (('GET', ''), ('GET', '/' + UNKNOWN), ('DELETE', '/' + UNKNOWN), ('POST', f'/{UNKNOWN}/replay')):
        assert daemon.request(method, '/dead-letters' + path).status == 401
        assert daemon.request(method, '/dead-letters' + path, headers={'X-API-Key': 'secret'}).status in (200, 404)


def test_letters_count_against_the_rate_of_administration(belfryd):
    daemon = belfryd(RATE_LIMIT_ADMIN='2/hour')
    assert [daemon.get('/dead-letters').status for _ in range(3)] == [200, 200, 429]


def test_long_letters_end_a_page(daemon):
    for n in range(90):
        assert collect(daemon, learner_event(course_id='', event_data={'n': n, 'x': 'y' * 60000})).status == 422
    first = daemon.get('/dead-letters?limit=90')
    assert 40 < len(first.json()) < 90 and first.headers['Link']
    following = daemon.get(re.match('<([^>]+)>', first.headers['Link']).group(1))
    assert [letter['event']['event_data']['n'] for letter in first.json() + following.json()] == list(range(89, -1, -1))
