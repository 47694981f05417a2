# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""One real belfryd: started, asked, measured and ended by its process id."""

import atexit
import http.client
import json
import os
import queue
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import wire

SOURCE_DIR = Path(__file__).resolve().parents[2]
BUILD_DIR = Path(os.environ.get('BELFRY_BUILD_DIR', SOURCE_DIR / 'build-tests' / 'gcc')).resolve()


def build_options():
    path = BUILD_DIR / 'meson-info' / 'intro-buildoptions.json'
    if not path.exists():
        return {}
    return {option['name']: option['value'] for option in json.loads(path.read_text())}


SANITIZED = build_options().get('b_sanitize', 'none') != 'none'
PATIENCE = 4 if SANITIZED else 1  # times are multiplied with this

SECURITY_HEADERS = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'X-XSS-Protection': '1; mode=block',
    'Referrer-Policy': 'strict-origin-when-cross-origin',
}

EVENT_ID = re.compile(r'^evt_[0-9a-f]{12}$')
TIMESTAMP = re.compile(r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')
# The leak checker stops the daemon's threads to look at their memory, and now and then falls over one that is just ending. That says
# nothing about the daemon; when it happens often it is a failure, for then nobody looks for leaks.
CHECKER_CRASH = 'LeakSanitizer has encountered a fatal error'
CHECKER_CRASHES_ALLOWED = 5
TROUBLE = re.compile(r'ERROR: (Address|Leak|Thread)Sanitizer|runtime error:|CRITICAL|SUMMARY: .*Sanitizer|core dumped', re.I)


def share_checker_crashes():
    """One list for all processes of a test run: a file, whose name those that are started later inherit."""
    if 'BELFRY_CHECKER_CRASHES' not in os.environ:
        handle, os.environ['BELFRY_CHECKER_CRASHES'] = tempfile.mkstemp(prefix='belfry-checker-crashes-')
        os.close(handle)
        atexit.register(os.unlink, os.environ['BELFRY_CHECKER_CRASHES'])


def note_checker_crash(log_path):
    """How many there are now."""
    with open(os.environ['BELFRY_CHECKER_CRASHES'], 'a+') as crashes:
        crashes.write(f'{log_path}\n')
        crashes.seek(0)
        return len(crashes.readlines())


def wait_until(condition, timeout=10, what='the condition'):
    """Asks again and again until the answer is true; that answer."""
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f'{what} did not hold within {timeout * PATIENCE} s'
        time.sleep(0.01)


def event(number=None, **members):
    """A small valid event; number goes into the payload."""
    made = {'event_type': 'answer_submitted', 'source': 'tests'}
    if number is not None:
        made['payload'] = {'n': number}
    made.update(members)
    return made


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'<{self.status} {self.body[:300]!r}>'


class Daemon:
    """A running belfryd. Construct it through the fixture `belfryd`, which ends and checks it."""

    def __init__(self, folder, settings=None, arguments=(), port=0, addresses=1, before=(), host='127.0.0.1'):
        self.folder = Path(folder)
        self.database = self.folder / 'events.db'
        self.settings = {
            'HOST': host, 'PORT': str(port), 'DATABASE_PATH': str(self.database), 'MAX_WS_CONNECTIONS_PER_IP': '100000',
            **{f'RATE_LIMIT_{name}': 'unlimited' for name in ('PUBLISH', 'QUERY', 'ADMIN', 'FILTERS')}, 'GRPC_PORT': 'off',
        }
        for name, value in (settings or {}).items():
            if value is None:
                self.settings.pop(name, None)
            else:
                self.settings[name] = str(value)
        self.database = Path(self.settings.get('DATABASE_PATH', self.database))
        self.lines = queue.Queue()
        self.process = None
        self.returncode = None
        self.signalled = False
        self.may_fail = False
        self.start(list(before), list(arguments), addresses)

    # Life

    def environment(self):
        kept = {name: os.environ[name] for name in ('PATH', 'HOME', 'LANG', 'TMPDIR', 'LD_LIBRARY_PATH') if name in os.environ}
        return {
            **kept, 'G_DEBUG': 'fatal-criticals', 'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=0:exitcode=66:intercept_tls_get_addr=0',
            'LSAN_OPTIONS': f'suppressions={Path(__file__).with_name("lsan.supp")}:print_suppressions=0',
            'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1:exitcode=67', **self.settings,
        }

    def start(self, before, arguments, addresses):
        self.log_path = self.folder / f'stderr-{time.monotonic_ns()}.log'
        began = time.monotonic()
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(before + [str(binary('belfryd'))] + arguments, env=self.environment(), cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        self.pid = self.process.pid
        threading.Thread(target=self.read_lines, daemon=True).start()
        self.urls = []
        while len(self.urls) < addresses:
            line = self.next_line(15 * PATIENCE)
            assert line is not None, f'belfryd ended with {self.process.wait(10)}: {self.log()}'
            found = re.fullmatch(r'Listening on (https?://\S+?)/?', line)
            assert found, f'unexpected on stdout: {line!r}'
            self.urls.append(found.group(1))
        self.start_seconds = time.monotonic() - began
        self.url = self.urls[0]
        self.scheme, self.host, self.port = split_url(self.url)
        self.tls = insecure_context() if self.scheme == 'https' else None

    def read_lines(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def next_line(self, timeout):
        try:
            return self.lines.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f'no further line on stdout; stderr: {self.log()}') from None

    def log(self):
        return self.log_path.read_text(errors='replace')

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, within=5):
        """SIGTERM, and all that the contract says about it."""
        if self.process is None:
            return
        process = self.process
        if process.poll() is None:
            began = time.monotonic()
            if not self.signalled:
                self.terminate()
            try:
                process.wait(within * PATIENCE + (20 if SANITIZED else 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
                raise AssertionError(f'did not end within {within} s of SIGTERM: {self.log()[-3000:]}') from None
            self.stop_seconds = time.monotonic() - began
        self.process = None
        self.returncode = process.returncode
        trouble = TROUBLE.search(self.log())
        assert trouble is None, f'trouble on stderr: {self.log()[-12000:]}'
        if process.returncode == 66 and CHECKER_CRASH in self.log():
            assert note_checker_crash(self.log_path) <= CHECKER_CRASHES_ALLOWED, f'leaks cannot be looked for: {self.log()[-3000:]}'
            return
        assert self.may_fail or process.returncode == 0, f'exit status {process.returncode}: {self.log()[-3000:]}'

    def terminate(self, number=signal.SIGTERM):
        """The signal alone; stop() then waits for the end."""
        self.signalled = True
        self.process.send_signal(number)

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait(10)
        self.process = None

    # HTTP

    def connection(self, timeout=30):
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, connection=None, timeout=30):
        """One request; each answer must carry the security headers."""
        own = connection is None
        connection = connection or self.connection(timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            response = Response(answer.status, answer.headers, answer.read())
        finally:
            if own:
                connection.close()
        self.check_headers(response)
        return response

    def check_headers(self, response):
        for name, value in SECURITY_HEADERS.items():
            assert response.headers[name] == value, f'{name}: {response.headers[name]}'
        assert "default-src 'self'" in response.headers['Content-Security-Policy']
        if self.tls is not None:
            assert response.headers['Strict-Transport-Security'] == 'max-age=31536000; includeSubDomains'
        else:
            assert response.headers['Strict-Transport-Security'] is None

    def get(self, path, **options):
        return self.request('GET', path, **options)

    def post(self, body, path='/api/v1/events', **options):
        options.setdefault('headers', {})
        options['headers'] = {'Content-Type': 'application/json', **options['headers']}
        return self.request('POST', path, body=body, **options)

    def publish(self, made=None, **members):
        """Posts one event that must be accepted; the event as it was answered."""
        response = self.post({**(made or event()), **members})
        assert response.status == 201, response
        return response.json()

    def publish_many(self, count, make=event):
        connection = self.connection()
        answers = [self.post(make(number), connection=connection) for number in range(count)]
        connection.close()
        assert all(answer.status == 201 for answer in answers)
        return [answer.json() for answer in answers]

    def query(self, text=''):
        """GET /events with that query string: the array."""
        response = self.get('/api/v1/events' + ('?' + text if text else ''))
        assert response.status == 200, response
        return response.json()

    def stats(self):
        response = self.get('/api/v1/stats')
        assert response.status == 200, response
        return response.json()

    # Sockets

    def connect(self, **options):
        """A bare connection, for what no client library would send."""
        options.setdefault('tls', self.tls)
        return wire.Connection(self.host, self.port, **options)

    def ws(self, path, **options):
        options.setdefault('tls', self.tls)
        options.setdefault('timeout', 15 * PATIENCE)
        return wire.WebSocket(self.host, self.port, path, **options)

    def publisher(self, **options):
        return self.ws('/ws/publish', **options)

    def subscribe(self, first=None, **options):
        """A confirmed subscriber; the confirmation is its .confirmation"""
        socket = self.ws('/ws/subscribe', **options)
        socket.confirmation = socket.ask(first or {})
        assert socket.confirmation.get('status') == 'subscribed', socket.confirmation
        return socket

    def stream(self, query='', **options):
        options.setdefault('tls', self.tls)
        options.setdefault('timeout', 15 * PATIENCE)
        return wire.EventStream(self.host, self.port, '/api/v1/events/stream' + ('?' + query if query else ''), **options)

    # Figures from /proc

    def status_kib(self, name):
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith(name + ':'):
                return int(line.split()[1])
        raise KeyError(name)

    def rss(self):
        """Bytes in memory now."""
        return self.status_kib('VmRSS') * 1024

    def peak_rss(self):
        return self.status_kib('VmHWM') * 1024

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def cpu_seconds(self):
        fields = Path(f'/proc/{self.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def binary(name):
    """The path of a built or installed program."""
    installed = os.environ.get('BELFRY_BIN_DIR')
    if installed:
        return Path(installed) / name
    folder = {'belfryd': 'daemon', 'belfryctl': 'ctl'}[name]
    return BUILD_DIR / 'src' / folder / name


def unshare():
    """A mount namespace of one's own, for root and for everybody else."""
    return ['unshare', '--mount'] if os.geteuid() == 0 else ['unshare', '--mount', '--map-root-user']


def split_url(url):
    found = re.fullmatch(r'(https?)://(\[[^\]]+\]|[^:/]+):(\d+)', url)
    assert found, url
    host = found.group(2).strip('[]')
    return found.group(1), '127.0.0.1' if host == '0.0.0.0' else host, int(found.group(3))


def insecure_context():
    """Trusts the certificates that the tests make themselves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
