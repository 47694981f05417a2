# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Messages reach the journal as fields when standard error is the journal: a made-up journal, in a mount namespace of its own."""

import json
import os
import subprocess
import sys

import pytest

from belfry_daemon import PATIENCE, binary, unshare

# Runs inside: puts two sockets where the journal has them, starts the command given with its standard error connected to one, asks the
# daemon something, ends it, and prints as JSON what came in at both.
JOURNAL = r'''
import json, os, re, signal, socket, subprocess, sys, urllib.request

def fields(message):
    found = {}
    while message:
        name, _, rest = message.partition(b'\n')
        if b'=' in name:
            name, _, value = name.partition(b'=')
            message = rest
        else:
            length = int.from_bytes(rest[:8], 'little')
            value, message = rest[8:8 + length], rest[8 + length + 1:]
        found[name.decode()] = value.decode()
    return found

subprocess.run(['mount', '-t', 'tmpfs', 'tmpfs', '/run'], check=True)
os.makedirs('/run/systemd/journal')
entries = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
entries.bind('/run/systemd/journal/socket')
lines = socket.socket(socket.AF_UNIX)
lines.bind('/run/systemd/journal/stdout')
lines.listen()
stderr = socket.socket(socket.AF_UNIX)
stderr.connect('/run/systemd/journal/stdout')
accepted = lines.accept()[0]
daemon = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=stderr, text=True)
stderr.close()
url = re.fullmatch(r'Listening on (\S+)\n', daemon.stdout.readline()).group(1)
urllib.request.urlopen(url + '/stats?api_key=sesame-open').read()
urllib.request.urlopen(url + '/health').read()
daemon.send_signal(signal.SIGTERM)
daemon.wait(60)
entries.setblocking(False)
got = []
while True:
    try:
        got.append(fields(entries.recv(1 << 20)))
    except BlockingIOError:
        break
text = b''
while piece := accepted.recv(65536):
    text += piece
print(json.dumps({'entries': got, 'text': text.decode(), 'status': daemon.returncode, 'url': url}))
'''


def run(folder, **settings):
    environment = {name: os.environ[name] for name in ('PATH', 'ASAN_OPTIONS', 'LD_LIBRARY_PATH') if name in os.environ}
    environment.update({'HOST': '127.0.0.1', 'PORT': '0', 'DATABASE_PATH': str(folder / 'events.db'), 'D_BUS': 'off', **settings})
    ended = subprocess.run([*unshare(), sys.executable, '-c', JOURNAL, str(binary('belfryd'))], env=environment, cwd=folder,
                           capture_output=True, text=True, timeout=60 * PATIENCE)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer['status'] == 0, answer
    return answer


def test_fields(tmp_path):
    answer = run(tmp_path)
    assert answer['text'] == '', 'nothing twice'
    entries = answer['entries']
    assert len(entries) >= 2
    for entry in entries:
        assert entry['SYSLOG_IDENTIFIER'] == 'belfryd'
        assert entry['GLIB_DOMAIN'].startswith('Belfry.')
        assert entry['CODE_FILE'].endswith('.c') and int(entry['CODE_LINE']) > 0 and entry['CODE_FUNC']
        assert entry['MESSAGE'] and '\n' not in entry['MESSAGE']
    assert {entry['PRIORITY'] for entry in entries} <= {'4', '5', '6'}
    assert any(entry['MESSAGE'] == 'Stopping' for entry in entries)


def test_requests_at_debug(tmp_path):
    entries = run(tmp_path, LOG_LEVEL='DEBUG', API_KEY='sesame-open', REQUIRE_AUTH='false')['entries']
    health = [entry for entry in entries if '/health' in entry['MESSAGE']]
    assert len(health) == 1 and health[0]['PRIORITY'] == '7'
    assert health[0]['BELFRY_METHOD'] == 'GET' and health[0]['BELFRY_STATUS'] == '200' and health[0]['BELFRY_ADDRESS'] == '127.0.0.1'
    assert any('/stats' in entry['MESSAGE'] for entry in entries)
    assert 'sesame' not in json.dumps(entries), 'no key, wherever it was sent'


@pytest.mark.parametrize('level', ['WARNING', 'ERROR'])
def test_levels(tmp_path, level):
    assert run(tmp_path, LOG_LEVEL=level)['entries'] == []


def test_json_is_kept_when_it_is_asked_for(tmp_path):
    answer = run(tmp_path, LOG_FORMAT='json')
    assert answer['entries'] == []
    assert all(json.loads(line)['message'] for line in answer['text'].splitlines()) and 'Stopping' in answer['text']
