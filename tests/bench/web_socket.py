# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""As little of a WebSocket as the benchmarks need; a message has to come whole within the timeout."""

import base64
import json
import os
import socket
import struct


def upgrade(path):
    """The request that opens one."""
    return (f'GET {path} HTTP/1.1\r\nHost: belfry\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
            f'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n').encode()


def frame(text, opcode=1):
    """A whole message of less than 64 KiB, or a control frame."""
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b'\xfe' + struct.pack('>H', len(text))
    return bytes([0x80 | opcode]) + length + b'\0\0\0\0' + text


class WebSocket:
    def __init__(self, address, path, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(60)
        self.socket.connect(address)
        self.socket.sendall(upgrade(path))
        self.reader = self.socket.makefile('rb')
        if not self.reader.readline().startswith(b'HTTP/1.1 101'):
            raise ConnectionError(f'{path} was refused')
        while self.reader.readline() not in (b'\r\n', b''):
            pass

    def send(self, text, opcode=1, times=1):
        self.socket.sendall(frame(text, opcode) * times)

    def receive(self):
        """The next message, as JSON. Pings are answered on the way."""
        while True:
            head = self.reader.read(2)
            if len(head) < 2:
                raise ConnectionError('a connection ended that should stand')
            length = head[1]
            if length == 126:
                length = struct.unpack('>H', self.reader.read(2))[0]
            elif length == 127:
                length = struct.unpack('>Q', self.reader.read(8))[0]
            text = self.reader.read(length)
            if head[0] & 15 == 9:
                self.send(text, 10)
            elif head[0] & 15 == 8:
                raise ConnectionError(f'a connection was closed: {text!r}')
            else:
                return json.loads(text)

    def close(self):
        self.reader.close()
        self.socket.close()
