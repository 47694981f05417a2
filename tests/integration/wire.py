# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Small clients that hide nothing: what a test sends is what goes over the wire.

The WebSocket client masks with zeros (a valid mask that leaves the text readable and costs nothing), answers pings, and tells how a
connection ended. The SSE client gives one block at a time, comments included. And a small server, for clients that are tested.
"""

import base64
import hashlib
import json
import os
import socket
import ssl
import struct
import threading
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Closed(Exception):
    """The peer ended the connection; code 1006 means without a close frame."""

    def __init__(self, code, reason=''):
        super().__init__(f'closed with {code} {reason!r}')
        self.code = code
        self.reason = reason


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status, headers, body):
        super().__init__(f'refused with {status}: {body[:200]!r}')
        self.status = status
        self.headers = headers
        self.body = body


class SmallServer:
    """Accepts on a free port of the loopback; each connection is served (`serve`, of the subclass) in a thread of its own."""

    def __init__(self):
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.url = f'http://127.0.0.1:{self.listener.getsockname()[1]}'
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()


def frame(payload, opcode=TEXT, fin=True, rsv=0, mask=b'\0\0\0\0'):
    """One frame as a client sends it; mask=None leaves the mask out, which no server may accept."""
    if isinstance(payload, str):
        payload = payload.encode()
    head = bytearray([(0x80 if fin else 0) | (rsv << 4) | opcode])
    bit = 0 if mask is None else 0x80
    if len(payload) < 126:
        head.append(bit | len(payload))
    elif len(payload) < 65536:
        head.append(bit | 126)
        head += struct.pack('>H', len(payload))
    else:
        head.append(bit | 127)
        head += struct.pack('>Q', len(payload))
    if mask is None:
        return bytes(head) + payload
    if any(mask):
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return bytes(head) + mask + payload


class Connection:
    """A socket with a buffer, a deadline for each read, and a parsed response head."""

    def __init__(self, host, port, tls=None, timeout=15, receive_buffer=None):
        self.timeout = timeout
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self.buffer = bytearray()

    def send(self, data):
        self.socket.sendall(data)

    def fill(self, deadline=None):
        """Reads once; False at the end of the stream."""
        left = self.timeout if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError('nothing more came in time')
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(262144)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            return False
        self.buffer += data
        return bool(data)

    def take_until(self, mark, deadline=None):
        """Bytes up to and with the mark, or None at the end of the stream."""
        start = 0
        while True:
            at = self.buffer.find(mark, start)
            if at >= 0:
                data = bytes(self.buffer[:at + len(mark)])
                del self.buffer[:at + len(mark)]
                return data
            start = max(0, len(self.buffer) - len(mark))
            if not self.fill(deadline):
                return None

    def take_all(self, deadline=None):
        while self.fill(deadline):
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def take_head(self, deadline=None):
        """(status, headers with lower-case names)"""
        raw = self.take_until(b'\r\n\r\n', deadline)
        if raw is None:
            raise Closed(1006, 'no response')
        lines = raw.decode('latin-1').split('\r\n')
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(':')
            if colon:
                headers[name.strip().lower()] = value.strip()
        return int(lines[0].split(' ')[1]), headers

    def take_response(self, deadline=None):
        """(status, headers, body), for answers with a Content-Length or that end with the connection"""
        status, headers = self.take_head(deadline)
        if 'content-length' not in headers:
            return status, headers, self.take_all(deadline)
        length = int(headers['content-length'])
        while len(self.buffer) < length:
            if not self.fill(deadline):
                break
        body = bytes(self.buffer[:length])
        del self.buffer[:length]
        return status, headers, body

    def drop(self):
        """Vanishes without a word."""
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()


def head_text(method, path, host, port, headers):
    lines = [f'{method} {path} HTTP/1.1', f'Host: [{host}]:{port}' if ':' in host else f'Host: {host}:{port}']
    lines += [f'{name}: {value}' for name, value in headers.items()]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()


class WebSocket(Connection):
    """One WebSocket; refused handshakes raise Refused, the end of it Closed."""

    def __init__(self, host, port, path, headers=None, **options):
        super().__init__(host, port, **options)
        key = base64.b64encode(os.urandom(16)).decode()
        self.send(head_text('GET', path, host, port, {
            'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, **(headers or {})}))
        status, self.headers = self.take_head()
        if status != 101:
            body = self.take_all() if 'content-length' not in self.headers else b''
            while len(self.buffer) < int(self.headers.get('content-length', 0)) and self.fill():
                pass
            body = body or bytes(self.buffer)
            self.drop()
            raise Refused(status, self.headers, body)
        wanted = hashlib.sha1((key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
        assert self.headers['sec-websocket-accept'] == base64.b64encode(wanted).decode()
        self.closing = False
        self.pings = 0

    def take_frame(self, deadline=None):
        """(fin, opcode, payload)"""
        while True:
            have = len(self.buffer)
            if have >= 2:
                length, start = self.buffer[1], 2
                assert not length & 0x80, 'a server must not mask'
                assert not self.buffer[0] & 0x70, 'reserved bits are set'
                if length == 126 and have >= 4:
                    length, start = struct.unpack_from('>H', self.buffer, 2)[0], 4
                elif length == 127 and have >= 10:
                    length, start = struct.unpack_from('>Q', self.buffer, 2)[0], 10
                if (start > 2 or length < 126) and have >= start + length:
                    first = self.buffer[0]
                    payload = bytes(self.buffer[start:start + length])
                    del self.buffer[:start + length]
                    return bool(first & 0x80), first & 0x0f, payload
            if not self.fill(deadline):
                raise Closed(1006)

    def receive(self, timeout=None):
        """The next message: str for text, bytes for binary."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        kind, parts = None, []
        while True:
            fin, opcode, payload = self.take_frame(deadline)
            if opcode == PING:
                self.pings += 1
                self.send(frame(payload, PONG))
            elif opcode == CLOSE:
                self.answer_close(payload)
            elif opcode != PONG:
                kind = kind or opcode
                parts.append(payload)
                if fin:
                    whole = b''.join(parts)
                    return whole.decode() if kind == TEXT else whole

    def answer_close(self, payload):
        code = struct.unpack('>H', payload[:2])[0] if payload else 1005
        try:
            if not self.closing:
                self.send(frame(payload[:2], CLOSE))
        except OSError:
            pass
        raise Closed(code, payload[2:].decode())

    def receive_json(self, timeout=None):
        return json.loads(self.receive(timeout))

    def send_text(self, text):
        self.send(frame(text))

    def send_json(self, value):
        self.send(frame(json.dumps(value)))

    def ask(self, value, timeout=None):
        """Sends one message and gives the next one that comes."""
        self.send_text(value if isinstance(value, str) else json.dumps(value))
        return self.receive_json(timeout)

    def expect_close(self, timeout=None):
        """Reads on until the end; the Closed that ended it, and the messages before it in .before"""
        before = []
        try:
            while True:
                before.append(self.receive(timeout))
        except Closed as closed:
            closed.before = before
            return closed

    def ping_pong(self):
        """A round trip of the subscribe door: whatever was sent before it has been looked at."""
        self.send_json({'type': 'ping'})
        assert self.receive_json() == {'type': 'pong'}

    def close(self, code=1000):
        """The polite way; returns when the server has closed the connection."""
        self.closing = True
        try:
            self.send(frame(struct.pack('>H', code), CLOSE))
            return self.expect_close()
        except OSError:
            return None
        finally:
            self.drop()


class EventStream(Connection):
    """One SSE stream: blocks as dictionaries of their fields; a comment is {'comment': …}."""

    def __init__(self, host, port, path, headers=None, **options):
        super().__init__(host, port, **options)
        self.send(head_text('GET', path, host, port, {'Accept': 'text/event-stream', **(headers or {})}))
        self.status, self.headers = self.take_head()
        self.last_id = None

    def next_block(self, timeout=None):
        """The next block, or None at the end of the stream."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        block = {}
        while True:
            line = self.take_until(b'\n', deadline)
            if line is None:
                return block or None
            line = line.decode().rstrip('\r\n')
            if line == '':
                if block:
                    self.last_id = block.get('id', self.last_id)
                    return block
                continue
            if line.startswith(':'):
                block['comment'] = line[1:].strip()
                continue
            name, _, value = line.partition(':')
            value = value[1:] if value.startswith(' ') else value
            block[name] = block[name] + '\n' + value if name == 'data' and name in block else value

    def next_data(self, timeout=None):
        """The next block that carries data (an event or a gap), or None at the end."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            block = self.next_block(deadline - time.monotonic())
            if block is None or 'data' in block:
                return block

    def next_event(self, timeout=None):
        """The next event as JSON."""
        block = self.next_data(timeout)
        if block is None:
            raise Closed(1006, 'the stream has ended')
        assert 'event' not in block, block
        return json.loads(block['data'])
