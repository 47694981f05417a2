# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""JSON's hard cases, through both doors: every byte string is either the same value when it comes back, or `Invalid JSON`."""

import json
import time

import pytest

from belfry_daemon import PATIENCE
from wire import frame

HEAD = b'{"event_type":"timer_tick","source":"s","payload":'


def whole(payload):
    if isinstance(payload, str):
        payload = payload.encode()
    return HEAD + payload + b'}'


def nested(levels):
    """An event with so many levels altogether; the event and its payload are the first two."""
    return whole('{"a":' + '[' * (levels - 2) + ']' * (levels - 2) + '}')


# name: (body, the payload's text as it must come back)
GOOD = {
    'empty': (whole('{}'), '{}'),
    'all kinds': (whole('{"a":[null,true,false,0,"",{},[]]}'), '{"a":[null,true,false,0,"",{},[]]}'),
    'white space of all four kinds': (b' \t\r\n' + whole(' { \t"a" \r: \n[ 1 ,\t2 ] } ') + b'\n\r\t ', '{"a":[1,2]}'),
    'greatest 64-bit integer': (whole('{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615}'),
                                '{"a":9223372036854775807,"b":-9223372036854775808,"c":18446744073709551615}'),
    'many digits': (whole('{"a":3.14159265358979323846264338327950288419716939937510}'),
                    '{"a":3.14159265358979323846264338327950288419716939937510}'),
    'integer beyond 64 bits': (whole('{"a":123456789012345678901234567890}'), '{"a":123456789012345678901234567890}'),
    'trailing zeros': (whole('{"a":1.50,"b":100.00,"c":0.10}'), '{"a":1.50,"b":100.00,"c":0.10}'),
    'exponents': (whole('{"a":[1e5,1E5,1e+5,1e-5,1.0e05,0e0,-0,-0.0,1e400,1e-400]}'),
                  '{"a":[1e5,1E5,1e+5,1e-5,1.0e05,0e0,-0,-0.0,1e400,1e-400]}'),
    'every simple escape': (whole(r'{"a":"\" \\ \/ \b \f \n \r \t"}'), None),
    'escaped zero': (whole(r'{"a":"\u0000"}'), None),
    'escaped pair': (whole(r'{"a":"\ud83d\udd14 \uD834\uDD1E"}'), None),
    'noncharacters': (whole('{"a":"\ufffe\uffff\U0010ffff \\uffff"}'), None),
    'last code points of each length': (whole('{"a":"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"}'), None),
    'byte order mark inside a string': (whole('{"a":"\ufeff"}'), None),
    'line separators': (whole('{"a":"\u2028\u2029"}'), None),
    'empty and odd names': (whole('{"":1," ":2,"a\\u0000b":3,"\\"":4}'), None),
    'delete character': (whole('{"a":"\x7f"}'), None),
    'last duplicate wins': (whole('{"a":1,"b":2,"a":3}'), None),
    'last duplicate wins, written with an escape': (whole(r'{"a":1,"\u0061":2}'), None),
    'last duplicate wins, escape first': (whole(r'{"\u0061":1,"a":2}'), None),
    'last duplicate wins deep inside': (whole('{"x":[{"k":{"a":1},"k":{"b":[1,2]}}]}'), '{"x":[{"k":{"b":[1,2]}}]}'),
    'duplicate of a pair': (whole('{"\\ud83d\\udd14":1,"\U0001f514":2}'), None),
    'duplicate event_type': (b'{"event_type":"nope","event_type":"timer_tick","source":"s","payload":{}}', '{}'),
    'duplicate source with an escape': (b'{"event_type":"timer_tick","source":5,"s\\u006furce":"s","payload":{}}', '{}'),
    'duplicate payload': (b'{"event_type":"timer_tick","source":"s","payload":[1],"payload":{"a":1}}', '{"a":1}'),
    'names written with escapes': (b'{"event\\u005ftype":"timer\\u005ftick","\\u0073ource":"\\u0073","pay\\u006Coad":{"a":1}}', '{"a":1}'),
    'name that only looks alike': (b'{"event_type":"timer_tick","source":"s","payload":{},"payload\\u0000":[],"Source":1}', '{}'),
    '64 levels': (nested(64), None),
    '64 levels of objects': (whole('{"a":' * 62 + '{}' + '}' * 62), None),
    '64 levels in an unknown member': (b'{"event_type":"timer_tick","source":"s","x":' + b'[' * 63 + b']' * 63 + b'}', '{}'),
    'long string': (whole('{"a":"' + 'x' * 65000 + '"}'), None),
    'brackets in strings': (whole('{"a":"]]]}}}{{{[[[\\"","b":"\\\\"}'), '{"a":"]]]}}}{{{[[[\\"","b":"\\\\"}'),
    'number straight before the end': (whole('{"a":0}'), '{"a":0}'),
    'many duplicates': (whole('{' + ','.join('"k":%d' % number for number in range(50000)) + '}'), '{"k":49999}'),
    'number of 60,000 digits': (whole('{"a":' + '7' * 60000 + '}'), '{"a":' + '7' * 60000 + '}'),
    'fraction of 60,000 digits': (whole('{"a":-0.' + '7' * 60000 + 'e-9}'), '{"a":-0.' + '7' * 60000 + 'e-9}'),
}

BAD = {
    'nothing': b'',
    'white space': b' \n',
    'byte order mark': b'\xef\xbb\xbf' + whole('{}'),
    'UTF-16': whole('{}').decode().encode('utf-16'),
    'UTF-16 without mark': whole('{}').decode().encode('utf-16-le'),
    'zero byte at the end': whole('{}') + b'\0',
    'zero byte between': whole(b'{\0}'),
    'bytes after the object': whole('{}') + b'{}',
    'comma after the object': whole('{}') + b',',
    'unfinished': HEAD + b'{}',
    'unfinished string': whole('{"a":"}'),
    'open brace only': b'{',
    'closing too much': whole('{}}'),
    'mixed brackets': whole('{"a":[1}]'),
    'NaN': whole('{"a":NaN}'), '-NaN': whole('{"a":-NaN}'), 'nan': whole('{"a":nan}'),
    'Infinity': whole('{"a":Infinity}'), '-Infinity': whole('{"a":-Infinity}'), 'inf': whole('{"a":inf}'),
    'undefined': whole('{"a":undefined}'), 'None': whole('{"a":None}'), 'True': whole('{"a":True}'), 'nul': whole('{"a":nul}'),
    'nullx': whole('{"a":nullx}'), 'truefalse': whole('{"a":truefalse}'),
    'leading zero': whole('{"a":01}'), 'minus leading zero': whole('{"a":-01}'), 'plus': whole('{"a":+1}'), 'minus only': whole('{"a":-}'),
    'dot first': whole('{"a":.5}'), 'dot last': whole('{"a":5.}'), 'dot before exponent': whole('{"a":5.e1}'),
    'two dots': whole('{"a":1.2.3}'), 'empty exponent': whole('{"a":1e}'), 'empty signed exponent': whole('{"a":1e+}'),
    'fraction in exponent': whole('{"a":1e1.5}'), 'hexadecimal': whole('{"a":0x10}'), 'underscore': whole('{"a":1_000}'),
    'full-width digit': whole('{"a":１}'), 'space in a number': whole('{"a":1 2}'), 'minus space': whole('{"a":- 1}'),
    'trailing comma in object': whole('{"a":1,}'), 'trailing comma in array': whole('{"a":[1,]}'), 'leading comma': whole('{"a":[,1]}'),
    'double comma': whole('{"a":[1,,2]}'), 'no comma': whole('{"a":[1 2]}'), 'no comma between members': whole('{"a":1 "b":2}'),
    'no colon': whole('{"a" 1}'), 'two colons': whole('{"a"::1}'), 'no value': whole('{"a":}'), 'no name': whole('{:1}'),
    'name without quotes': whole('{a:1}'), 'single quotes': whole("{'a':1}"), 'number as name': whole('{1:1}'), 'null as name': whole('{null:1}'),
    'comment': whole('{/* */}'), 'line comment': whole('{}//x\n'), 'hash comment': whole('{#\n}'),
    'newline in a string': whole('{"a":"\n"}'), 'tab in a string': whole('{"a":"\t"}'), 'zero in a string': whole('{"a":"\0"}'),
    'unit separator in a string': whole('{"a":"\x1f"}'), 'control character in a name': whole('{"\x01":1}'),
    'unknown escape': whole(r'{"a":"\x41"}'), 'escape a': whole(r'{"a":"\a"}'), 'escape quote': whole(r'''{"a":"\'"}'''),
    'escape of an upper-case U': whole(r'{"a":"\U0041"}'), 'escape zero': whole(r'{"a":"\0"}'), 'escaped line end': whole('{"a":"\\\n"}'),
    'short escape': whole(r'{"a":"\u004"}'), 'no digits': whole(r'{"a":"\uzzzz"}'), 'escape with plus': whole(r'{"a":"\u+041"}'),
    'escape at the end': whole('{"a":"\\'), 'escaped non-ASCII': whole('{"a":"\\é"}'),
    'lone high surrogate': whole(r'{"a":"\ud83d"}'), 'lone low surrogate': whole(r'{"a":"\udd14"}'),
    'high and high': whole(r'{"a":"\ud83d\ud83d"}'), 'low and high': whole(r'{"a":"\udd14\ud83d"}'),
    'high and a letter': whole(r'{"a":"\ud83dx"}'), 'high and another escape': whole(r'{"a":"\ud83d\n"}'),
    'high and a plain escape': whole(r'{"a":"\ud83d\u0041"}'), 'high at the end of the string': whole(r'{"a":"x\uDBFF"}'),
    'lone surrogate in a name': whole(r'{"\ud800":1}'),
    'lone surrogate in user_id': b'{"event_type":"timer_tick","source":"s","user_id":"\\ud800"}',
    'lone surrogate in event_type': b'{"event_type":"\\udfff","source":"s"}',
    'lone surrogate in an unknown member': b'{"event_type":"timer_tick","source":"s","x":"\\ud800"}',
    'UTF-8: lone continuation': whole(b'{"a":"\x80"}'), 'UTF-8: cut short': whole(b'{"a":"\xe2\x82"}'),
    'UTF-8: overlong slash': whole(b'{"a":"\xc0\xaf"}'), 'UTF-8: overlong zero': whole(b'{"a":"\xc0\x80"}'),
    'UTF-8: overlong of three': whole(b'{"a":"\xe0\x80\xaf"}'), 'UTF-8: overlong of four': whole(b'{"a":"\xf0\x80\x80\xaf"}'),
    'UTF-8: surrogate': whole(b'{"a":"\xed\xa0\x80"}'), 'UTF-8: beyond the last': whole(b'{"a":"\xf4\x90\x80\x80"}'),
    'UTF-8: five bytes': whole(b'{"a":"\xf8\x88\x80\x80\x80"}'), 'UTF-8: 0xff': whole(b'{"a":"\xff"}'), 'UTF-8: Latin-1': whole(b'{"a":"\xe9"}'),
    'UTF-8: invalid in a name': whole(b'{"\xff":1}'), 'UTF-8: invalid in an unknown member': b'{"event_type":"timer_tick","source":"s","x":"\xff"}',
    'UTF-8: invalid outside strings': whole(b'{"a":\xc3\xa9}'),
    'no-break space': whole('{\u00a0}'), 'vertical tab': whole('{\x0b}'), 'form feed': whole('{\x0c}'), 'line separator outside': whole('{\u2028}'),
    '65 levels': nested(65), '65 levels of objects': whole('{"a":' * 63 + '{}' + '}' * 63),
    '65 levels in an unknown member': b'{"event_type":"timer_tick","source":"s","x":' + b'[' * 64 + b']' * 64 + b'}',
    '65 levels in a value that a duplicate replaces': b'{"x":' + b'[' * 64 + b']' * 64 + b',"event_type":"timer_tick","source":"s","x":1}',
    '100,000 levels never closed': whole(b'{"a":' + b'[' * 100000), '100,000 objects never closed': b'{"a":' * 100000,
    'broken value that a duplicate replaces': b'{"x":01,"event_type":"timer_tick","source":"s","x":1}',
}


def loads(text):
    """JSON with numbers as they are written."""
    return json.loads(text, parse_int=str, parse_float=str)


@pytest.fixture(scope='module')
def publisher(daemon):
    socket = daemon.publisher()
    yield socket
    socket.close()


@pytest.mark.parametrize('name', GOOD)
def test_good(daemon, publisher, name):
    body, text = GOOD[name]
    response = daemon.post(body)
    assert response.status == 201, response
    got = response.body.decode()
    assert loads(got)['payload'] == loads(body).get('payload', {})
    if text is not None:
        assert f'"payload":{text},' in got
    assert daemon.get('/events/' + loads(got)['id']).body == response.body
    # The other door
    publisher.send(frame(body))
    answer = publisher.receive_json()
    assert answer['status'] == 'ok', answer
    stored = daemon.get('/events/' + answer['event_id']).body.decode()
    assert loads(stored)['payload'] == loads(got)['payload']


# A WebSocket text message that is not UTF-8 ends its connection (1007), as RFC 6455 wants it.
@pytest.mark.parametrize('name', BAD)
def test_bad(daemon, publisher, name):
    response = daemon.post(BAD[name])
    assert response.status == 422, response
    problems = response.json()['detail']
    assert problems[0]['loc'][0] == 'body' and problems[0]['msg'] and problems[0]['type']
    try:
        BAD[name].decode()
    except UnicodeDecodeError:
        with daemon.publisher() as other:
            other.send(frame(BAD[name]))
            assert other.expect_close().code == 1007
        return
    publisher.send(frame(BAD[name]))
    assert publisher.receive_json() == {'status': 'error', 'message': 'Invalid JSON'}


def test_zero_is_refused_in_ids_but_not_in_the_payload(daemon):
    for name in ('session_id', 'user_id'):
        response = daemon.post('{"event_type":"timer_tick","source":"s","%s":"a\\u0000"}' % name)
        assert response.status == 422 and response.json()['detail'][0]['loc'][-1] == name
    assert daemon.post('{"event_type":"timer_tick","source":"s","payload":{"a\\u0000":"\\u0000"}}').json()['payload'] == {'a\0': '\0'}


@pytest.fixture(scope='module')
def roomy(shared_factory):
    """A daemon that takes twelve megabytes in one piece."""
    return shared_factory(MAX_BODY_BYTES=24 << 20, MAX_PAYLOAD_BYTES=12 << 20, MAX_WS_MESSAGE_BYTES=12 << 20)


MEGA = {
    'integer of 10 MB': (b'7' * (10 << 20), 201),
    'fraction of 10 MB': (b'0.' + b'7' * (10 << 20), 201),
    'exponent of 10 MB': (b'1e' + b'7' * (10 << 20), 201),
    'integer of 10 MB with a letter at the end': (b'7' * (10 << 20) + b'x', 422),
    'string of 10 MB': (b'"' + b'x' * (10 << 20) + b'"', 201),
    'string of 10 MB of escapes': (b'"' + rb'\u00e9' * (10 << 17) + b'"', 201),
    'ten million brackets': (b'[' * (10 << 20), 422),
    'array of five million zeros': (b'[' + b'0,' * (5 << 20) + b'0]', 201),
    'object of 500,000 equal names': (b'{' + b'"k":0,' * 500000 + b'"k":1}', 201),
    'object of 500,000 names': (b'{' + b','.join(b'"k%d":0' % number for number in range(500000)) + b'}', 201),
}


@pytest.mark.parametrize('name', MEGA)
def test_great_inputs_cost_bounded_time(roomy, name):
    value, status = MEGA[name]
    body = whole(b'{"a":' + value + b'}')
    began = time.monotonic()
    response = roomy.post(body)
    assert response.status == status, response
    if status == 201 and not value.startswith((b'{', b'"\\')):
        assert value in response.body, 'the value comes back byte for byte'
    assert time.monotonic() - began < 5 * PATIENCE
    roomy.request('DELETE', '/events')


def test_the_loop_goes_on_while_a_great_input_is_read(roomy):
    with roomy.connect() as slow:
        body = whole(b'{"a":' + b'7' * (10 << 20))
        slow.send(b'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % len(body) + body[:-1])
        assert roomy.get('/health').status == 200
        slow.send(body[-1:])
        assert slow.take_response()[0] == 422
