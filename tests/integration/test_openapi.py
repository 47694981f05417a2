# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The description of the service is true: schemathesis finds nothing, and what it cannot reach is looked at here."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from belfry_daemon import PATIENCE, SANITIZED, event

KEY = 'a-key-for-these-tests'
HOOKS = Path(__file__).with_name('schemathesis_hooks.py')
# An HTTP client does not upgrade, and a stream has no end: these are looked at below.
LONG_LIVED = ['streamEvents', 'openPublishSocket', 'openSubscribeSocket']
TOLD_APART = ['collectEvents']  # of a batch with a bad event the good ones are accepted: what test_collect.py is about


def read_description(daemon, path='/openapi.json'):
    response = daemon.get(path)
    assert response.status == 200
    assert response.headers['Content-Type'] == 'application/json'
    return response.json()


def resolve(description, thing):
    while '$ref' in thing:
        found = description
        for name in thing['$ref'].removeprefix('#/').split('/'):
            found = found[name]
        thing = found
    return thing


def list_operations(description):
    for path, methods in description['paths'].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check(description, response, method, path):
    """The response is one of those that the description promises, with its headers and its body."""
    operation = description['paths'][path][method.lower()]
    assert str(response.status) in operation['responses'], f'{method} {path}: {response} is not described'
    promised = resolve(description, operation['responses'][str(response.status)])
    for name, header in promised.get('headers', {}).items():
        header = resolve(description, header)
        value = response.headers[name]
        assert value is not None or not header.get('required'), f'{method} {path}: {response.status} without {name}'
        if value is not None:
            value = int(value) if header.get('schema', {}).get('type') == 'integer' else value
            assert jsonschema_rs.is_valid({**header['schema'], 'components': description['components']}, value), (name, value)
    content_type = (response.headers['Content-Type'] or '').partition(';')[0]
    if response.body:
        assert content_type in promised['content'], f'{method} {path}: {content_type}'
    if content_type == 'application/json' and response.body:
        schema = {**promised['content'][content_type]['schema'], 'components': description['components']}
        jsonschema_rs.Draft202012Validator(schema).validate(response.json())


# The document

def test_is_openapi_of_this_service(belfryd):
    description = read_description(belfryd())
    assert description['openapi'].startswith('3.1.') and description['servers'][0]['url'] == '/'
    names = [operation['operationId'] for _, _, operation in list_operations(description)]
    assert len(names) == len(set(names)) and len(names) >= 16
    tags = {tag['name'] for tag in description['tags']}
    for method, path, operation in list_operations(description):
        assert set(operation['tags']) <= tags and operation['summary'], path
        assert {'400', '408', '413', '431'} <= set(operation['responses']), (method, path)
    text = json.dumps(description)
    assert not re.search(r'@[a-z-]+@', text), 'everything is filled in'


def test_every_reference_leads_somewhere(daemon):
    description = read_description(daemon)

    def walk(thing):
        if isinstance(thing, dict):
            if '$ref' in thing:
                assert resolve(description, thing) is not None
            for member in thing.values():
                walk(member)
        elif isinstance(thing, list):
            for member in thing:
                walk(member)

    walk(description)


def test_every_schema_is_one_and_every_example_fits(daemon):
    description = read_description(daemon)
    for name, schema in description['components']['schemas'].items():
        jsonschema_rs.Draft202012Validator({**schema, 'components': description['components']})
        assert schema, name
    for _, path, operation in list_operations(description):
        body = operation.get('requestBody', {}).get('content', {}).get('application/json', {})
        schema = {**body.get('schema', {}), 'components': description['components']}
        examples = [one['value'] for one in body.get('examples', {}).values()] + ([body['example']] if 'example' in body else [])
        if 'x-websocket' in operation:
            schema = {**operation['x-websocket']['send'], 'components': description['components']}
            examples = [operation['x-websocket']['example']]
        for example in examples:
            assert jsonschema_rs.is_valid(schema, example), (path, example)


def test_both_path_forms_are_the_same(daemon):
    assert read_description(daemon) == read_description(daemon, '/api/v1/openapi.json')


def test_tells_the_limits_of_this_service(belfryd):
    description = read_description(belfryd(MAX_PAYLOAD_KEYS=7, MAX_PAYLOAD_BYTES=1234, MAX_BODY_BYTES=54321, MAX_WS_MESSAGE_BYTES=99999))
    payload = description['components']['schemas']['NewEvent']['properties']['payload']
    assert payload['maxProperties'] == 7 and '1234' in payload['description']
    assert '54321' in description['components']['responses']['TooLarge']['description']
    assert '99999' in description['paths']['/ws/publish']['get']['description']


def test_tells_types_as_soon_as_they_are_registered(belfryd):
    daemon = belfryd()
    first = daemon.get('/openapi.json')
    assert 'hint_requested' not in first.json()['components']['schemas']['EventType']['enum']
    assert daemon.post({'name': 'hint_requested', 'description': 'Student asked for a hint'}, path='/event-types').status == 201
    second = daemon.get('/openapi.json')
    assert set(second.json()['components']['schemas']['EventType']['enum']) == set(daemon.get('/event-types').json())
    assert first.headers['ETag'] != second.headers['ETag']


def test_asks_for_a_key_only_when_one_is_needed(belfryd):
    assert {} in read_description(belfryd())['security']
    description = read_description(belfryd(REQUIRE_AUTH='true', API_KEY=KEY))
    assert {} not in description['security'] and {'ApiKey': []} in description['security']


def test_is_kept_by_a_client_that_has_it(daemon):
    first = daemon.get('/openapi.json')
    description = first.json()
    for known in (first.headers['ETag'], '*', f'"other", W/{first.headers["ETag"]}'):
        again = daemon.get('/openapi.json', headers={'If-None-Match': known})
        assert again.status == 304 and again.body == b''
        check(description, again, 'GET', '/openapi.json')
    assert daemon.get('/openapi.json', headers={'If-None-Match': '"other"'}).status == 200
    head = daemon.request('HEAD', '/openapi.json')
    assert head.status == 200 and int(head.headers['Content-Length']) == len(first.body) and head.body == b''


# The pages

def test_pages_and_files_are_open_and_typed(belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY=KEY)
    description = read_description(daemon)
    for path, kind in (('/', 'text/html'), ('/docs', 'text/html'), ('/static/belfry.css', 'text/css'), ('/static/docs.js', 'text/javascript'),
                       ('/static/belfry.svg', 'image/svg+xml')):
        for prefix in ('', '/api/v1'):
            response = daemon.get(prefix + path)
            assert response.status == 200 and response.headers['Content-Type'].startswith(kind), path
            assert response.headers['Content-Security-Policy'] == "default-src 'self'"
            check(description, response, 'GET', '/static/{file}' if path.startswith('/static') else path)
        head = daemon.request('HEAD', path)
        assert head.status == 200 and int(head.headers['Content-Length']) == len(response.body)
        assert daemon.get(path, headers={'If-None-Match': response.headers['ETag']}).status == 304


@pytest.mark.parametrize('name', ['docs.html', 'nothing.js', '..%2fdocs.html', '..%2f..%2fopenapi%2f10-about.json', 'belfry.css%00', 'x' * 5000])
def test_other_files_are_not_there(daemon, name):
    response = daemon.get('/static/' + name)
    assert response.status == 404 and response.json() == {'detail': 'Not Found'}


def test_pages_name_only_files_that_are_there(daemon):
    for page in ('/', '/docs'):
        text = daemon.get(page).body.decode()
        files = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
        assert files and 'http' not in ''.join(re.findall(r'(?:src|href)="([^"]+)"', text))
        for file in files:
            assert daemon.get('/' + file).status == 200, file
        assert not re.search(r'<style|style=|<script>|\son\w+=', text), 'nothing inline'


# What schemathesis cannot reach

def test_refusals_are_as_described(belfryd):
    daemon = belfryd(MAX_BODY_BYTES=2000, REQUIRE_AUTH='true', API_KEY=KEY)
    description = read_description(daemon)
    with_key = {'X-API-Key': KEY}
    for method, path, operation in list_operations(description):
        if 'x-scope' in operation and 'x-websocket' not in operation:
            refused = daemon.request(method, path.replace('{id}', 'evt_a1b2c3d4e5f6'), headers={'X-API-Key': 'another'})
            assert refused.status == 401, path
            check(description, refused, method, path)
        malformed = daemon.request(method, path.replace('{id}', 'x').replace('{file}', 'x') + '?a=%zz', headers=with_key)
        assert malformed.status == 400, (method, path, malformed)
        check(description, malformed, method, path)
    too_large = daemon.post('x' * 3000, headers=with_key)
    assert too_large.status == 413
    check(description, too_large, 'POST', '/api/v1/events')
    missing = daemon.get('/events/evt_000000000000', headers=with_key)
    assert missing.status == 404
    check(description, missing, 'GET', '/api/v1/events/{id}')
    long = daemon.get('/health', headers={'X-Long': 'x' * 70000})
    assert long.status == 431
    check(description, long, 'GET', '/health')


def test_sockets_without_a_handshake_are_as_described(daemon):
    description = read_description(daemon)
    for path in ('/ws/publish', '/ws/subscribe'):
        response = daemon.get(path)
        assert response.status == 426
        check(description, response, 'GET', path)


def test_foreign_pages_are_refused_as_described(belfryd):
    daemon = belfryd(CORS_ORIGINS='https://school.example')
    response = daemon.get('/ws/subscribe', headers={'Origin': 'https://other.example'})
    assert response.status == 403
    check(read_description(daemon), response, 'GET', '/ws/subscribe')


def test_stream_is_as_described(daemon):
    description = read_description(daemon)
    head = daemon.request('HEAD', '/events/stream')
    assert head.status == 200
    check(description, head, 'GET', '/api/v1/events/stream')
    for query, status in (('resume_from=nonsense', 400), ('session_id=' + 'x' * 201, 422), ('min_amount=much', 422)):
        response = daemon.get('/events/stream?' + query)
        assert response.status == status
        check(description, response, 'GET', '/api/v1/events/stream')


def test_rate_limit_is_as_described(belfryd):
    daemon = belfryd(RATE_LIMIT_PUBLISH='1/hour', RATE_LIMIT_QUERY='2/hour', RATE_LIMIT_ADMIN='1/hour', RATE_LIMIT_COLLECT='1/hour')
    description = read_description(daemon)
    for method, path, operation in list_operations(description):
        if path.endswith('/stream'):
            continue
        responses = [daemon.request(method, path.replace('{id}', 'x').replace('{file}', 'x')) for _ in range(3)]
        for response in responses:
            check(description, response, method, path)
        assert (responses[-1].status == 429) == ('x-rate-class' in operation), (method, path)


def test_repeated_key_is_as_described(daemon):
    description = read_description(daemon)
    headers = {'Idempotency-Key': 'once-only'}
    answers = [daemon.post(event(number), headers=headers) for number in (1, 1, 2)]
    assert [answer.status for answer in answers] == [201, 201, 422]
    for answer in answers:
        check(description, answer, 'POST', '/api/v1/events')


# Schemathesis

def schemathesis(daemon, *options):
    examples = 4 if SANITIZED else 15
    command = [
        sys.executable, '-m', 'schemathesis.cli', 'run', daemon.url + '/openapi.json', '--checks', 'all', '--seed', '20260115', '--no-color',
        '--max-examples', str(examples), '--generation-database', 'none', '--request-timeout', '30', '--continue-on-failure',
    ]
    for name in LONG_LIVED + TOLD_APART:
        command += ['--exclude-operation-id', name]
    done = subprocess.run(command + list(options), env={**os.environ, 'SCHEMATHESIS_HOOKS': str(HOOKS), 'COLUMNS': '160'}, cwd=daemon.folder,
                          capture_output=True, text=True, timeout=100 * PATIENCE)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-12000:]
    generated = int(re.search(r'(\d+) generated', output).group(1))
    assert generated > 10 * examples, output[-3000:]


def test_schemathesis_finds_nothing(belfryd):
    schemathesis(belfryd())


def test_schemathesis_finds_nothing_behind_a_key(belfryd):
    schemathesis(belfryd(REQUIRE_AUTH='true', API_KEY=KEY), '--header', f'X-API-Key: {KEY}', '--phases', 'examples,coverage,fuzzing')
