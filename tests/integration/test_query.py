# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""GET /events, /events/{id}, /stats and DELETE /events."""

import re
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from belfry_daemon import TIMESTAMP, event, wait_until

TYPES = ['answer_submitted', 'timer_tick', 'quiz_started']


def make(number):
    """Every combination of three types, four sessions, five users, three tiers, and amounts."""
    payload = {'n': number}
    if number % 3:
        payload['user_tier'] = ('', 'premium', 'basic')[number % 3]
    if number % 2:
        payload['amount'] = number
    return event(event_type=TYPES[number % 3], session_id=('s0', 's1', 's2', None)[number % 4],
                 user_id=('u0', 'u1', 'ü 2', 'u3', None)[number % 5], payload=payload)


@pytest.fixture(scope='module')
def filled(shared_factory):
    daemon = shared_factory()
    daemon.events = daemon.publish_many(240, make)
    return daemon


def numbers(events):
    return [made['payload']['n'] for made in events]


def instant(made):
    return datetime.fromisoformat(made['timestamp'])


# Filters

def test_newest_first_and_a_hundred_by_default(filled):
    got = filled.query()
    assert got == filled.events[::-1][:100]


@pytest.mark.parametrize('limit', [1, 2, 99, 101, 240, 1000])
def test_limit(filled, limit):
    assert filled.query(f'limit={limit}') == filled.events[::-1][:limit]


@pytest.mark.parametrize('types', [None, 'timer_tick', 'question_viewed'])
@pytest.mark.parametrize('session', [None, 's1', 's9'])
@pytest.mark.parametrize('user', [None, 'u3', 'ü 2'])
def test_every_combination_of_filters(filled, types, session, user):
    wanted = [made for made in filled.events[::-1] if (types is None or made['event_type'] == types)
              and (session is None or made['session_id'] == session) and (user is None or made['user_id'] == user)]
    rules = {name: value for name, value in (('event_type', types), ('session_id', session), ('user_id', user)) if value is not None}
    assert filled.query(urlencode({**rules, 'limit': 1000})) == wanted


def test_an_empty_filter_is_no_filter(filled):
    assert filled.query('event_type=&session_id=&user_id=&limit=1000') == filled.events[::-1]


def test_tier_and_amount_are_filters_too(filled):
    premium = [made for made in filled.events[::-1] if made['payload'].get('user_tier') == 'premium']
    assert premium and filled.query('user_tiers=premium&limit=1000') == premium
    rich = [made for made in filled.events[::-1] if made['payload'].get('amount', -1) >= 101]
    assert rich and filled.query('min_amount=101&limit=1000') == rich
    assert filled.query('min_amount=100.5&limit=1000') == rich
    both = [made for made in rich if made['payload'].get('user_tier') == 'premium']
    assert both and filled.query('min_amount=101&user_tiers=premium&limit=1000') == both


def test_ids_are_compared_as_they_are(filled):
    for user in ('U0', 'u0 ', 'u', 'u%', "u0' OR '1'='1", 'u*', '%', 'ü'):
        assert filled.query(urlencode({'user_id': user})) == []


def test_plus_in_an_id_is_a_space_and_percent_works(filled):
    assert numbers(filled.query('user_id=%C3%BC+2&limit=3')) == numbers(filled.query('user_id=' + quote('ü 2') + '&limit=3')) != []


def test_unknown_parameters_are_ignored(filled):
    assert filled.query('limit=1&foo=bar&x') == filled.events[-1:]


@pytest.mark.parametrize('query,name', [
    ('limit=0', 'limit'), ('limit=1001', 'limit'), ('limit=-1', 'limit'), ('limit=ten', 'limit'), ('limit=1.5', 'limit'),
    ('limit=99999999999999999999', 'limit'), ('limit=0x10', 'limit'),
    ('event_type=' + 'x' * 51, 'event_type'), ('session_id=' + 'x' * 201, 'session_id'), ('user_id=' + 'x' * 201, 'user_id'),
    ('user_id=' + '%F0%9F%94%94' * 201, 'user_id'), ('min_amount=much', 'min_amount'), ('min_amount=nan', 'min_amount')])
def test_wrong_parameter_is_a_422_that_names_it(filled, query, name):
    response = filled.get('/api/v1/events?' + query)
    assert response.status == 422, response
    assert [problem['loc'] for problem in response.json()['detail']] == [['query', name]]
    assert response.json()['detail'][0]['msg'] and response.json()['detail'][0]['type']


@pytest.mark.parametrize('query', ['event_type=' + 'x' * 50, 'session_id=' + 'x' * 200, 'user_id=' + '%F0%9F%94%94' * 200, 'event_type=nope'])
def test_longest_parameters_find_nothing(filled, query):
    assert filled.query(query) == []


@pytest.mark.parametrize('query', ['user_id=%FF', 'user_id=%', 'user_id=%4', 'user_id=%zz', 'user_id=%00', 'user_id=%C0%80', 'user_id=%ED%A0%80'])
def test_parameter_that_is_no_text_is_refused_or_finds_nothing(filled, query):
    response = filled.get('/api/v1/events?' + query)
    assert response.status in (400, 422) or (response.status == 200 and response.json() == []), response


# since

def test_since_is_strictly_after(filled):
    cut = filled.events[200]
    wanted = [made for made in filled.events[::-1] if made['timestamp'] > cut['timestamp']]
    assert filled.query('limit=1000&since=' + cut['timestamp']) == wanted
    before = (instant(cut) - timedelta(microseconds=1)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')
    assert filled.query('limit=1000&since=' + before) == [made for made in filled.events[::-1] if made['timestamp'] >= cut['timestamp']]


def test_since_in_every_spelling(filled):
    cut = instant(filled.events[100])
    wanted = [made for made in filled.events[::-1] if instant(made) > cut]
    plain = cut.strftime('%Y-%m-%dT%H:%M:%S.%f')
    east = cut.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat(timespec='microseconds')
    west = cut.astimezone(timezone(timedelta(hours=-8))).isoformat(timespec='microseconds')
    for text in (plain, plain + 'Z', quote(plain + '+00:00'), plain + '+00:00', quote(east), east, west, plain.replace('T', '+'),
                 plain.replace('T', '%20')):
        assert filled.query('limit=1000&since=' + text) == wanted, text


def test_since_a_date(filled):
    today = instant(filled.events[0]).date()
    assert filled.query(f'limit=1000&since={today - timedelta(days=1)}') == filled.events[::-1]
    assert filled.query(f'since={today + timedelta(days=1)}') == []


def test_since_with_fewer_digits(filled):
    start = instant(filled.events[0]) - timedelta(seconds=2)
    assert filled.query('limit=1000&since=' + start.strftime('%Y-%m-%dT%H:%M:%S')) == filled.events[::-1]
    assert filled.query('limit=1000&since=' + start.strftime('%Y-%m-%dT%H:%M:%S.5')) == filled.events[::-1]
    assert filled.query('limit=1000&since=' + (start - timedelta(minutes=1)).strftime('%Y-%m-%dT%H:%MZ')) == filled.events[::-1]


def test_since_together_with_a_filter(filled):
    cut = filled.events[120]['timestamp']
    wanted = [made for made in filled.events[::-1] if made['timestamp'] > cut and made['session_id'] == 's2']
    assert filled.query('limit=1000&session_id=s2&since=' + cut) == wanted


@pytest.mark.parametrize('text', ['yesterday', '2026-13-01', '2026-02-30', '2025-02-29', '2026-01-01T25:00:00Z', '2026-01-01T10:60:00', '12',
                                  '1700000000', '2026-01-01T10:00:00ZZ', '2026-01-01T10:00:00%2B99:00', '2026-1-1', '2026-01-01Tx', 'é',
                                  '0000-01-01', "'"])
def test_bad_since_is_a_400(filled, text):
    response = filled.get('/api/v1/events?since=' + quote(text, safe='%'))
    assert response.status == 400, response
    assert response.json() == {'detail': "Invalid ISO 8601 timestamp for 'since'"}


def test_extreme_instants(filled):
    assert filled.query('limit=1000&since=0001-01-01') == filled.events[::-1]
    assert filled.query('since=9999-12-31T23:59:59.999999Z') == []


# Pages

def follow(daemon, path):
    """All events by way of the Link headers."""
    pages, seen = [], 0
    while path:
        response = daemon.get(path)
        assert response.status == 200, response
        pages.append(response.json())
        seen += 1
        assert seen < 1000
        link = response.headers['Link']
        if link is None:
            return pages
        found = re.fullmatch(r'<([^>]+)>; rel="next"', link)
        assert found, link
        target = urlsplit(found.group(1))
        path = target.path + '?' + target.query
    return pages


def test_link_leads_through_everything_once(filled):
    pages = follow(filled, '/api/v1/events?limit=50')
    assert [len(page) for page in pages] == [50, 50, 50, 50, 40]
    assert [made for page in pages for made in page] == filled.events[::-1]


def test_link_keeps_the_filter(filled):
    pages = follow(filled, '/api/v1/events?' + urlencode({'user_id': 'ü 2', 'event_type': 'timer_tick', 'limit': 3}))
    wanted = [made for made in filled.events[::-1] if made['user_id'] == 'ü 2' and made['event_type'] == 'timer_tick']
    assert [made for page in pages for made in page] == wanted
    assert all(page for page in pages)


def test_link_keeps_every_parameter_and_the_form_of_the_path(filled):
    query = {'event_type': 'timer_tick', 'event_types': 'quiz_started,timer_tick', 'session_id': '', 'user_id': 'ü 2', 'user_tiers': '', 'min_amount': '',
             'since': '2020-01-01T00:00:00+00:00', 'limit': '1'}
    for path in ('/events', '/api/v1/events'):
        link = filled.get(path + '?' + urlencode(query)).headers['Link']
        target = urlsplit(re.fullmatch(r'<([^>]+)>; rel="next"', link).group(1))
        found = parse_qs(target.query, keep_blank_values=True)
        assert target.path == path
        assert found.pop('cursor')
        assert found == {name: [value] for name, value in query.items()}
        head = filled.request('HEAD', path + '?' + urlencode(query))
        assert (head.status, head.body, head.headers['Link']) == (200, b'', link)


def test_several_types(filled):
    wanted = [made for made in filled.events[::-1] if made['event_type'] in ('timer_tick', 'quiz_started')]
    assert wanted
    for text in ('event_types=timer_tick,quiz_started', 'event_types=timer_tick&event_types=quiz_started', 'event_type=timer_tick&event_types=quiz_started'):
        assert filled.query(text + '&limit=1000') == wanted
    assert filled.query('event_types=') == filled.query('')
    response = filled.get('/events?event_types=' + 'x' * 51)
    assert response.status == 422
    assert response.json()['detail'][0]['loc'] == ['query', 'event_types']
    response = filled.get('/events?event_types=timer_tick&event_type=' + 'x' * 51)
    assert response.status == 422
    assert response.json()['detail'][0]['loc'] == ['query', 'event_type']


def test_no_link_when_nothing_more_matches(filled):
    assert filled.get('/api/v1/events?limit=240').headers['Link'] is None
    assert filled.get('/api/v1/events?session_id=s1&limit=60').headers['Link'] is None
    assert filled.get('/api/v1/events?session_id=s1&limit=59').headers['Link'] is not None


def test_pages_stand_still_while_events_come(belfryd):
    daemon = belfryd()
    events = daemon.publish_many(30)
    first = daemon.get('/api/v1/events?limit=10')
    daemon.publish_many(5)
    target = urlsplit(re.match(r'<([^>]+)>', first.headers['Link']).group(1))
    rest = follow(daemon, target.path + '?' + target.query)
    assert first.json() + [made for page in rest for made in page] == events[::-1]


# One event

def test_lookup_of_every_event(filled):
    for made in filled.events[::17]:
        assert filled.get('/api/v1/events/' + made['id']).json() == made


@pytest.mark.parametrize('name', ['evt_000000000000', 'evt_ffffffffffff', 'evt_', 'x', 'evt_00000000000', 'evt_0000000000000', 'evt_zzzzzzzzzzzz',
                                  'EVT_000000000000', 'evt_%F0%9F%94%94', '1'])
def test_lookup_of_nothing(filled, name):
    response = filled.get('/api/v1/events/' + name)
    assert response.status == 404
    assert response.json() == {'detail': 'Event not found'}


def test_id_is_lower_case(filled):
    upper = filled.events[0]['id'].replace('evt_', '').upper()
    if upper != filled.events[0]['id'][4:]:
        assert filled.get('/api/v1/events/evt_' + upper).status == 404


# Statistics

def test_stats(filled):
    stats = filled.stats()
    assert stats['total_events'] == 240 and stats['events_last_hour'] == 240
    assert isinstance(stats['router']['active_subscribers'], int) and isinstance(stats['router']['queue_size'], int)
    assert {entry['event_type']: entry['count'] for entry in stats['by_type']} == dict.fromkeys(TYPES, 80)
    for entry in stats['by_type']:
        newest = [made for made in filled.events if made['event_type'] == entry['event_type']][-1]
        assert entry['last_seen'] == newest['timestamp'] and TIMESTAMP.match(entry['last_seen'])
        assert list(entry) == ['event_type', 'count', 'last_seen']


def test_types_are_ordered_by_count(belfryd):
    daemon = belfryd()
    for count, name in ((1, 'timer_tick'), (5, 'quiz_started'), (3, 'session_ended')):
        daemon.publish_many(count, lambda number, name=name: event(event_type=name))
    assert [(entry['event_type'], entry['count']) for entry in daemon.stats()['by_type']] == [
        ('quiz_started', 5), ('session_ended', 3), ('timer_tick', 1)]


def test_stats_of_nothing(belfryd):
    stats = belfryd().stats()
    assert (stats['total_events'], stats['events_last_hour'], stats['by_type']) == (0, 0, [])
    assert stats['router']['active_subscribers'] == 0


def test_stats_count_subscribers(belfryd):
    daemon = belfryd()
    sockets = [daemon.subscribe() for _ in range(3)]
    stream = daemon.stream()
    stream.next_block()
    assert daemon.stats()['router']['active_subscribers'] == 4
    sockets[0].close()
    stream.drop()
    wait_until(lambda: daemon.stats()['router']['active_subscribers'] == 2, what='the subscribers that left are gone')


def test_stats_survive_a_restart(belfryd):
    first = belfryd()
    first.publish_many(7, make)
    kept = first.stats()
    first.kill()
    again = belfryd(folder=first.folder).stats()
    for name in ('total_events', 'events_last_hour', 'by_type'):
        assert again[name] == kept[name]


# Deleting

def test_delete_everything(belfryd):
    daemon = belfryd()
    events = daemon.publish_many(25, make)
    response = daemon.request('DELETE', '/api/v1/events')
    assert response.status == 200 and response.json() == {'deleted': 25}
    assert daemon.query() == [] and daemon.stats()['total_events'] == 0 and daemon.stats()['events_last_hour'] == 0
    assert [entry for entry in daemon.stats()['by_type'] if entry['count']] == []
    assert daemon.get('/api/v1/events/' + events[3]['id']).status == 404
    assert daemon.request('DELETE', '/api/v1/events').json() == {'deleted': 0}


def test_ids_are_not_used_again_after_delete_all(belfryd):
    daemon = belfryd()
    events = daemon.publish_many(200)
    assert daemon.request('DELETE', '/events').json() == {'deleted': 200}
    daemon.stop()
    again = belfryd(folder=daemon.folder)
    more = again.publish_many(200)
    assert not {made['id'] for made in events} & {made['id'] for made in more}
    assert again.query('limit=1000') == more[::-1]


def test_delete_before_is_strict(belfryd):
    daemon = belfryd()
    events = daemon.publish_many(30, make)
    cut = events[20]['timestamp']
    kept = [made for made in events if made['timestamp'] >= cut]
    response = daemon.request('DELETE', '/api/v1/events?before=' + cut)
    assert response.status == 200 and response.json() == {'deleted': 30 - len(kept)}
    assert daemon.query('limit=1000') == kept[::-1]
    for name in ('s0', 's1', 's2'):
        assert daemon.query('session_id=' + name) == [made for made in kept[::-1] if made['session_id'] == name]
    stats = daemon.stats()
    assert stats['total_events'] == len(kept)
    assert {entry['event_type']: entry['count'] for entry in stats['by_type'] if entry['count']} == {
        name: sum(made['event_type'] == name for made in kept) for name in TYPES}
    daemon.kill()
    assert belfryd(folder=daemon.folder).query('limit=1000') == kept[::-1], 'a delete is durable'


def test_delete_before_with_an_unencoded_plus(belfryd):
    daemon = belfryd()
    events = daemon.publish_many(3)
    future = (instant(events[-1]) + timedelta(minutes=10)).astimezone(timezone(timedelta(hours=2))).isoformat()
    assert daemon.request('DELETE', '/events?before=' + future).json() == {'deleted': 3}


def test_delete_before_the_beginning_deletes_nothing(filled):
    assert filled.request('DELETE', '/events?before=2001-01-01').json() == {'deleted': 0}
    assert filled.stats()['total_events'] == 240


@pytest.mark.parametrize('query', ['before=', 'before', 'before=soon', 'before=2026-02-30'])
def test_bad_before_deletes_nothing(filled, query):
    response = filled.request('DELETE', '/api/v1/events?' + query)
    assert response.status == 400, response
    assert response.json() == {'detail': "Invalid ISO 8601 timestamp for 'before'"}
    assert filled.stats()['total_events'] == 240


@pytest.mark.parametrize('query', ['since=2030-01-01', 'event_type=timer_tick', 'befor=2030-01-01', 'Before=2030-01-01', 'user_id=u1',
                                   'before=2001-01-01&limit=1', 'x', 'before=2001-01-01&since=2001-01-01', 'api_key=x'])
def test_other_parameters_delete_nothing(filled, query):
    response = filled.request('DELETE', '/api/v1/events?' + query)
    assert response.status == 400, response
    assert isinstance(response.json()['detail'], str)
    assert filled.stats()['total_events'] == 240
