# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The pages in a real browser: every request can be tried, nothing leaves the origin, and the console stays empty."""

import json
import subprocess

import pytest

from belfry_daemon import event
from devtools import Page

KEY = 'a-key-for-these-tests'


@pytest.fixture(scope='module')
def page(tmp_path_factory):
    made = Page(tmp_path_factory.mktemp('browser') / 'profile')
    yield made
    made.close()


@pytest.fixture
def docs(page):
    """Opens the page of a daemon; what the browser complained of in the end is a failure, but for the statuses that a test expects."""
    daemons = []

    def show(daemon, fragment=''):
        page.open('about:blank')
        page.complaints.clear()
        page.requests.clear()
        page.expected = ()
        daemons.append(daemon)
        page.open(daemon.url + '/docs' + fragment)
        page.wait('document.querySelectorAll(".operation").length > 0')
        return page

    yield show
    complaints = [one for one in page.complaints if not any(f'status of {status}' in one for status in page.expected)]
    assert complaints == []
    for daemon in daemons:
        own = (daemon.url + '/', daemon.url.replace('http', 'ws', 1) + '/')
        assert [url for url in page.requests if not url.startswith((*own, 'about:', 'data:'))] == []


def operation(page, name):
    """Opens the section of an operation."""
    if page.evaluate(f'document.querySelector("#{name} h3 button").getAttribute("aria-expanded")') == 'false':
        page.click(f'#{name} h3 button')
    page.wait(f'!document.querySelector("#{name}-inside").hidden')


def send(page, name):
    """Sends the request as the form has it: the status line and the body of the answer."""
    page.evaluate(f'document.querySelector("#{name} .answer").replaceChildren()')
    page.click(f'#{name} form [type=submit]')
    page.wait(f'document.querySelector("#{name} .answer .status") !== null')
    return page.text(f'#{name} .answer .status'), page.evaluate(f'document.querySelector("#{name} .answer pre")?.textContent ?? ""')


def log(page, name, count):
    """The messages that came in, when there are so many."""
    page.wait(f'document.querySelectorAll("#{name} .log li.in").length >= {count}')
    return [json.loads(text) for text in page.evaluate(f'[...document.querySelectorAll("#{name} .log li.in .text")].map (it => it.textContent)')]


def test_shows_every_operation(docs, daemon):
    page = docs(daemon)
    described = [operation['operationId'] for path in daemon.get('/openapi.json').json()['paths'].values() for operation in path.values()]
    assert sorted(page.evaluate('[...document.querySelectorAll(".operation")].map (it => it.id)')) == sorted(described)
    assert sorted(page.evaluate('[...document.querySelectorAll("#contents a")].map (it => it.hash.slice (1))')) == sorted(described)


def test_every_operation_can_be_tried(docs, daemon):
    """Each form as it is, with what it requires: something comes back."""
    page = docs(daemon)
    page.expected = (404, 422)
    for name in page.evaluate('[...document.querySelectorAll(".operation")].map (it => it.id)'):
        operation(page, name)
        if page.evaluate(f'document.querySelector("#{name} form [type=submit]") === null'):
            assert page.text(f'#{name} .actions button') == 'Open'
            continue
        for field in page.evaluate(f'[...document.querySelectorAll("#{name} input[required]")].map (it => it.id)'):
            page.type('#' + field, 'belfry.css' if field.endswith('file') else 'evt_000000000000')
        if name in ('deleteEvents', 'deleteDeadLetter'):
            page.click(f'#{name} form [type=submit]')  # asks whether it is meant
        status, _ = send(page, name)
        assert int(status.split()[0]) in (200, 201, 404), (name, status)


def test_posts_an_event(docs, daemon):
    page = docs(daemon)
    operation(page, 'publishEvent')
    body = {'event_type': 'answer_submitted', 'source': 'page', 'payload': {'big': 12345678901234567890, 'text': '<b>ü</b>'}}
    page.type('#publishEvent-body', json.dumps(body))
    status, answer = send(page, 'publishEvent')
    assert status == '201 Created'
    made = json.loads(answer)
    assert made['payload'] == body['payload'], 'digits come back as they were, and markup is text'
    assert daemon.get('/events/' + made['id']).json() == made
    assert 'content-type' in page.evaluate('document.querySelector("#publishEvent .headers").textContent')


def test_the_command_does_the_same(docs, daemon):
    """What is shown for curl is run by a shell."""
    page = docs(daemon)
    operation(page, 'publishEvent')
    page.type('#publishEvent-body', json.dumps({'event_type': 'quiz_started', 'source': 'page', 'payload': {'quote': 'it\'s "so" $HOME'}}, indent=1))
    command = page.evaluate('document.querySelector("#publishEvent .curl code").textContent')
    done = subprocess.run(['sh', '-c', command + ' --silent'], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)['payload'] == {'quote': 'it\'s "so" $HOME'}, done


def test_shows_broken_rules(docs, daemon):
    page = docs(daemon)
    page.expected = (422,)
    operation(page, 'publishEvent')
    page.type('#publishEvent-body', '{"event_type": "nothing", "source": ""}')
    status, answer = send(page, 'publishEvent')
    assert status.startswith('422')
    assert [one['loc'][-1] for one in json.loads(answer)['detail']] == ['event_type', 'source']
    page.type('#publishEvent-body', '{')
    page.wait('document.querySelector("#publishEvent .note").textContent === "not valid JSON"')
    assert 'Invalid JSON' in send(page, 'publishEvent')[1]


def test_marks_what_is_missing(docs, daemon):
    page = docs(daemon)
    operation(page, 'getEvent')
    field = 'document.querySelector("#getEvent-id")'
    command = 'document.querySelector("#getEvent .curl code").textContent'
    assert page.evaluate(command).endswith("/events/{id}'")
    before = page.text('#getEvent .answer')
    page.click('#getEvent form [type=submit]')
    assert page.evaluate(f'{field}.getAttribute("aria-invalid")') == 'true'
    assert page.evaluate(f'document.activeElement === {field}')
    assert page.text('#getEvent-id-problem') == 'id is required.'
    assert 'getEvent-id-problem' in page.evaluate(f'{field}.getAttribute("aria-describedby")')
    assert page.text('#getEvent .answer') == before

    made = daemon.publish()
    page.type('#getEvent-id', made['id'])
    assert page.evaluate(f'{field}.hasAttribute("aria-invalid")') is False
    assert page.evaluate('document.querySelector("#getEvent-id-problem").hidden')
    assert page.evaluate(command).endswith('/events/' + made['id'])
    assert json.loads(send(page, 'getEvent')[1]) == made


def test_one_is_no_plural(docs, daemon):
    page = docs(daemon)
    text = page.evaluate('[...document.querySelectorAll(".operation h3 button")].forEach (it => it.click ()) ?? document.body.textContent')
    assert 'at least 1 character' in text and ' 1 characters' not in text and ' 1 items' not in text and ' 1 members' not in text


def test_queries_with_filters(docs, belfryd):
    daemon = belfryd()
    daemon.publish_many(3)
    made = daemon.publish(user_id='a&b=c ü')
    page = docs(daemon, '#queryEvents')
    page.wait('!document.querySelector("#queryEvents-inside").hidden')
    page.type('#queryEvents-user_id', 'a&b=c ü')
    page.type('#queryEvents-limit', '5')
    assert json.loads(send(page, 'queryEvents')[1]) == [made]


def test_deletes_only_when_asked_twice(docs, belfryd):
    daemon = belfryd()
    daemon.publish_many(3)
    page = docs(daemon)
    operation(page, 'deleteEvents')
    page.click('#deleteEvents form [type=submit]')
    assert 'Press again' in page.text('#deleteEvents form [type=submit]')
    assert len(daemon.query()) == 3
    assert send(page, 'deleteEvents')[0] == '200 OK'
    assert daemon.query() == []


def test_uses_the_key(docs, belfryd):
    daemon = belfryd(REQUIRE_AUTH='true', API_KEY=KEY)
    page = docs(daemon)
    page.expected = (401,)
    operation(page, 'getStats')
    assert send(page, 'getStats')[0].startswith('401')
    page.type('#key', KEY)
    assert send(page, 'getStats')[0] == '200 OK'
    assert KEY not in page.evaluate('JSON.stringify (localStorage) + document.cookie')
    operation(page, 'streamEvents')
    page.click('#streamEvents .primary')
    page.wait('document.querySelector("#streamEvents .state").textContent === "open"')
    made = daemon.request('POST', '/events', body=event(), headers={'X-API-Key': KEY}).json()
    assert log(page, 'streamEvents', 1) == [made]
    page.type('#key', '')
    operation(page, 'getStats')
    assert send(page, 'getStats')[0].startswith('401')


def test_stream_shows_events_until_it_is_closed(docs, belfryd):
    daemon = belfryd()
    history = daemon.publish_many(3)
    page = docs(daemon)
    operation(page, 'streamEvents')
    page.type('#streamEvents-resume_from', 'beginning')
    page.click('#streamEvents .primary')
    assert log(page, 'streamEvents', 3) == history
    live = daemon.publish()
    assert log(page, 'streamEvents', 4)[3] == live
    page.click('#streamEvents .primary')
    page.wait('document.querySelector("#streamEvents .state").textContent === "closed"')
    assert page.text('#streamEvents .primary') == 'Open'


def test_stream_that_is_refused_says_so(docs, daemon):
    page = docs(daemon)
    page.expected = (400,)
    operation(page, 'streamEvents')
    page.type('#streamEvents-resume_from', 'nonsense')
    page.click('#streamEvents .primary')
    page.wait('document.querySelector("#streamEvents .log").textContent.includes ("refused")')


def test_sockets_publish_and_subscribe(docs, belfryd):
    daemon = belfryd()
    page = docs(daemon)
    for name in ('openSubscribeSocket', 'openPublishSocket'):
        operation(page, name)
        page.click(f'#{name} .primary')
        page.wait(f'document.querySelector("#{name} .state").textContent === "open"')
        if name == 'openSubscribeSocket':
            page.type(f'#{name} textarea', '{}')
        page.click(f'#{name} .actions button:nth-child(2)')
    answer = log(page, 'openPublishSocket', 1)[0]
    assert answer['status'] == 'ok'
    confirmed, received = log(page, 'openSubscribeSocket', 2)
    assert confirmed['status'] == 'subscribed' and received['id'] == answer['event_id']
    daemon.stop()
    page.wait('document.querySelector("#openPublishSocket .log").textContent.includes ("1001")')


def test_the_log_of_a_stream_is_bounded(docs, belfryd):
    daemon = belfryd()
    daemon.publish_many(300)
    page = docs(daemon)
    operation(page, 'streamEvents')
    page.type('#streamEvents-resume_from', 'beginning')
    page.click('#streamEvents .primary')
    page.wait('document.querySelector("#streamEvents .live").textContent.includes ("300 received")')
    assert page.evaluate('document.querySelectorAll("#streamEvents .log li").length') == 200


def test_works_with_the_keyboard_alone(docs, daemon):
    page = docs(daemon)
    page.evaluate('document.querySelector("#getHealth h3 button").focus ()')
    page.press('Enter', 13)
    page.wait('!document.querySelector("#getHealth-inside").hidden')
    page.press('Tab', 9)
    assert page.evaluate('document.activeElement.type') == 'submit'
    page.press('Enter', 13)
    page.wait('document.querySelector("#getHealth .answer .status")?.textContent === "200 OK"')


def test_every_field_has_a_name(docs, daemon):
    page = docs(daemon)
    page.evaluate('document.querySelectorAll(".operation h3 button").forEach (it => it.click ())')
    unnamed = page.evaluate('''[...document.querySelectorAll ('input, textarea, select')]
        .filter (it => it.labels.length === 0 && !it.getAttribute ('aria-label')).map (it => it.outerHTML)''')
    ids = page.evaluate('[...document.querySelectorAll ("[id]")].map (it => it.id)')
    assert unnamed == [] and len(ids) == len(set(ids))


@pytest.mark.parametrize('width', [400, 800, 1280])
def test_nothing_is_wider_than_the_page(docs, daemon, width):
    page = docs(daemon)
    page.resize(width, 900)
    try:
        page.evaluate('document.querySelectorAll(".operation h3 button").forEach (it => it.click ())')
        page.evaluate('document.querySelectorAll("details").forEach (it => { it.open = true; })')
        assert page.evaluate('document.documentElement.scrollWidth') <= width
    finally:
        page.resize(1280, 900)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_letters_stand_out_from_their_ground(docs, daemon, scheme):
    """At least 4.5 : 1 for all text, as WCAG asks."""
    page = docs(daemon)
    page.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])
    page.evaluate('document.querySelectorAll(".operation h3 button").forEach (it => it.click ())')
    page.evaluate('document.querySelectorAll("details").forEach (it => { it.open = true; })')
    faint = page.evaluate('''(() => {
        const parse = text => (text.match (/[\\d.]+/g) ?? []).map (Number);
        const light = ([r, g, b]) => [r, g, b].map (v => v / 255).map (v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
          .reduce ((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
        const ground = it => {
          for (; it !== null; it = it.parentElement) {
            const colour = parse (getComputedStyle (it).backgroundColor);
            if (colour.length === 3 || colour[3] > 0.99)
              return colour;
          }
          return [255, 255, 255];
        };
        const found = new Set ();
        for (const it of document.querySelectorAll ('body *')) {
          if (it.disabled || ![...it.childNodes].some (node => node.nodeType === 3 && node.data.trim () !== '') || it.offsetParent === null)
            continue;
          const [a, b] = [light (parse (getComputedStyle (it).color)), light (ground (it))];
          const ratio = (Math.max (a, b) + 0.05) / (Math.min (a, b) + 0.05);
          if (ratio < 4.5)
            found.add (`${it.tagName} ${it.className} ${it.textContent.slice (0, 20)} ${ratio.toFixed (2)}`);
        }
        return [...found].slice (0, 10);
      })()''')
    assert faint == []


def test_the_first_page(page, daemon):
    page.complaints.clear()
    page.open(daemon.url + '/')
    page.wait('document.querySelector("#state").dataset.state === "ok"')
    assert daemon.url in page.text('pre')
    for link in page.evaluate('[...document.querySelectorAll("a")].map (it => it.href)'):
        assert daemon.get(link.removeprefix(daemon.url)).status == 200, link
    assert page.complaints == []
