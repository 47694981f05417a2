# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Autobahn's WebSocket cases against the session class, plain and over TLS, by way of a small program that echoes."""

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest

BUILD_DIR = Path(os.environ['BELFRY_BUILD_DIR']) if 'BELFRY_BUILD_DIR' in os.environ \
    else Path(__file__).resolve().parents[2] / 'build-tests' / 'gcc'
ECHO_SERVER = BUILD_DIR.resolve() / 'tests' / 'unit' / 'http' / 'echo-server'
SUITE = Path(sys.executable).with_name('kosoku')

# Performance (9) and compression (12, 13), which is declined, are left out.
SELECTION = ['-i', '1.*', '-i', '2.*', '-i', '3.*', '-i', '4.*', '-i', '5.*', '-i', '6.*', '-i', '7.*', '-i', '10.*']
EXPECTED_CASES = 247
GOOD = {'OK', 'NON-STRICT', 'INFORMATIONAL'}


class EchoServer:
    """Serves until its input ends; then it must go by itself."""

    def __init__(self, arguments=()):
        self.process = subprocess.Popen([str(ECHO_SERVER), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        out, err = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, err
        assert 'CRITICAL' not in err and 'Sanitizer' not in err and 'runtime error' not in err, err
        return out


class TlsBridge:
    """Plain on this side, TLS on the other, because the suite itself speaks no TLS."""

    def __init__(self, port):
        self.remote_port = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.loop = asyncio.new_event_loop()
        self.tasks = set()
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, '127.0.0.1', 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection('127.0.0.1', self.remote_port, ssl=self.context)
        there = asyncio.ensure_future(self.pump(reader, far_writer))
        await self.pump(far_reader, writer)
        there.cancel()
        await asyncio.gather(there, return_exceptions=True)
        far_writer.close()
        writer.close()

    @staticmethod
    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except (OSError, ssl.SSLError):
            pass  # an end like any other
        finally:
            with contextlib.suppress(OSError):  # its own end may be gone already
                if not writer.is_closing() and writer.can_write_eof():
                    writer.write_eof()
                else:
                    writer.close()

    def stop(self):
        async def finish():
            self.server.close()
            await self.server.wait_closed()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(finish(), self.loop).result(timeout=20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=20)
        self.loop.close()


def run_cases(port, folder):
    done = subprocess.run([str(SUITE), '-m', 'fuzzingclient', *SELECTION, '-p', '4', '-o', str(folder), f'127.0.0.1:{port}'],
                          capture_output=True, text=True, timeout=200)
    report = folder / 'index.json'
    assert report.exists(), done.stdout + done.stderr
    (cases,) = json.loads(report.read_text()).values()
    return cases


def assert_all_good(cases):
    bad = {name: (case['behavior'], case['behaviorClose']) for name, case in cases.items()
           if case['behavior'] not in GOOD or case['behaviorClose'] not in GOOD}
    assert not bad, bad
    assert len(cases) == EXPECTED_CASES


@pytest.mark.timeout(240)
def test_plain(tmp_path):
    server = EchoServer()
    try:
        cases = run_cases(server.port, tmp_path / 'report')
    finally:
        out = server.stop()
    assert_all_good(cases)
    assert f'sessions {EXPECTED_CASES} ' in out


@pytest.mark.timeout(240)
def test_over_tls(tmp_path):
    certificate, key = str(tmp_path / 'certificate.pem'), str(tmp_path / 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', key, '-out', certificate], check=True, capture_output=True)
    server = EchoServer(['--tls-certificate', certificate, '--tls-key', key])
    bridge = TlsBridge(server.port)
    try:
        cases = run_cases(bridge.port, tmp_path / 'report')
    finally:
        bridge.stop()
        server.stop()
    assert_all_good(cases)
