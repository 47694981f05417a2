# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The gRPC door in front of a sink that keeps its events in memory, and stubs made from the contract as an application makes them."""

import importlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
from grpc_tools import protoc

from belfry_daemon import BUILD_DIR, PATIENCE, SANITIZED, SOURCE_DIR, TROUBLE, wait_until

PROGRAM = BUILD_DIR / 'tests' / 'unit' / 'collector' / 'grpc-echo'
CONTRACT = SOURCE_DIR / 'data' / 'event_collector.proto'
WIRE = SOURCE_DIR / 'src' / 'collector' / 'grpc' / 'proto' / 'belfry-grpc-wire.proto'


def make_stubs(folder, source):
    """The modules (messages, services) that protoc makes of a file."""
    assert protoc.main(['protoc', f'-I{source.parent}', f'--python_out={folder}', f'--grpc_python_out={folder}', str(source)]) == 0
    sys.path.insert(0, str(folder))
    try:
        name = source.stem.replace('-', '_')
        return importlib.import_module(name + '_pb2'), importlib.import_module(name + '_pb2_grpc')
    finally:
        sys.path.remove(str(folder))


class Door:
    """A running grpc-echo. Keyword arguments are properties of the server, with _ for -."""

    def __init__(self, folder, arguments=(), **properties):
        self.log_path = Path(folder) / 'stderr.log'
        command = [str(PROGRAM), *map(str, arguments)]
        for name, value in properties.items():
            command.append(f'--property={name.replace("_", "-")}={value}')
        kept = {name: os.environ[name] for name in ('PATH', 'HOME', 'LANG', 'TMPDIR', 'LD_LIBRARY_PATH') if name in os.environ}
        environment = {
            **kept, 'G_DEBUG': 'fatal-criticals', 'ASAN_OPTIONS': 'detect_leaks=1:exitcode=66:intercept_tls_get_addr=0',
            'UBSAN_OPTIONS': 'print_stacktrace=1:halt_on_error=1:exitcode=67',
        }
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.answers = queue.Queue()
        threading.Thread(target=self.read_lines, daemon=True).start()
        self.pid = self.process.pid
        self.port = int(self.next_line())
        self.address = f'127.0.0.1:{self.port}'
        self.channels = []

    def read_lines(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put('')

    def next_line(self):
        line = self.answers.get(timeout=15 * PATIENCE)
        assert line, f'grpc-echo ended with {self.process.wait(10)}: {self.log()}'
        return line

    def log(self):
        return self.log_path.read_text(errors='replace')

    def tell(self, command):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        return self.next_line()

    def stats(self):
        return json.loads(self.tell('stats'))

    def take(self):
        """What the sink was given since the last time."""
        return json.loads(self.tell('take'))

    def wait_for(self, **figures):
        wait_until(lambda: all(self.stats()[name.replace('_', '-')] == value for name, value in figures.items()), what=str(figures))

    def channel(self, credentials=None, **options):
        """Connections are not shared between the channels of a test."""
        settings = {'grpc.use_local_subchannel_pool': 1, **{name.replace('__', '.'): value for name, value in options.items()}}
        if credentials is not None:
            channel = grpc.secure_channel(self.address, credentials, list(settings.items()))
        else:
            channel = grpc.insecure_channel(self.address, list(settings.items()))
        self.channels.append(channel)
        return channel

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def rss(self):
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith('VmRSS:'):
                return int(line.split()[1]) * 1024
        raise KeyError('VmRSS')

    def stop(self):
        for channel in self.channels:
            channel.close()
        if self.process.poll() is None:
            self.terminate()
        try:
            self.process.wait(10 * PATIENCE + (20 if SANITIZED else 0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f'did not end: {self.log()[-3000:]}') from None
        self.process.stdin.close()
        assert TROUBLE.search(self.log()) is None, self.log()[-8000:]
        assert self.process.returncode == 0, f'exit status {self.process.returncode}: {self.log()[-3000:]}'
