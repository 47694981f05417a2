# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The servers that are measured: started in a folder of their own, ended by their process id."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

# What must not stand in the way of a load that comes from one address.
BELFRYD_SETTINGS = {
    'HOST': '127.0.0.1',
    'PORT': '0',
    'LOG_LEVEL': 'WARNING',
    'D_BUS': 'off',
    'MAX_SUBSCRIBERS': '15000',
    'MAX_WS_CONNECTIONS_PER_IP': '20000',
    'RATE_LIMIT_PUBLISH': 'unlimited',
    'RATE_LIMIT_QUERY': 'unlimited',
    'RATE_LIMIT_ADMIN': 'unlimited',
    'GRPC_PORT': 'off',
}

NATS = '''listen: "127.0.0.1:{port}"
max_connections: 60000
jetstream {{ store_dir: "{folder}/jetstream", max_file: 16GB }}
'''

# Memory only, no log, as many workers as cores. Messages stay long enough for every subscriber that keeps up, and for those whose
# subscription is still on its way from one worker to the other when the first message comes.
NGINX = '''load_module {module};
worker_processes auto;
worker_rlimit_nofile {files};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections {connections}; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  nchan_shared_memory_size 512M;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/publish/(\\d+)$ {{
      nchan_publisher http;
      nchan_channel_id $1;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 60s;
    }}
    location ~ ^/subscribe/(\\d+)$ {{
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message oldest;
    }}
  }}
}}
'''
NCHAN_MODULES = ['/usr/lib/nginx/modules/ngx_nchan_module.so', '/usr/lib64/nginx/modules/ngx_nchan_module.so']


class Missing(Exception):
    """What would be needed is not installed."""


def find_program(name):
    found = shutil.which(name, path=os.environ.get('PATH', '') + ':/usr/sbin:/usr/local/sbin')
    if found is None:
        raise Missing(f'{name} is not installed')
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f'{process.args[0]} did not start') from None
            time.sleep(0.01)


class Server:
    """Base of all: a process, its URL, and the processes that are counted as its own."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def launch(self, command, **options):
        self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, **options)
        self.pid = self.process.pid

    def launch_and_hear(self, command, **options):
        """For those that say where they listen."""
        begin = time.monotonic()
        self.launch(command, stdout=subprocess.PIPE, text=True, **options)
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        self.start_seconds = time.monotonic() - begin
        if not line.startswith('Listening on '):
            raise SystemExit(f'{command[0]} did not start: {line!r}')
        self.url = line.split()[-1]

    def pids(self):
        """Its own and its children's, which nginx has."""
        children = Path(f'/proc/{self.pid}/task/{self.pid}/children')
        found = children.read_text().split() if children.exists() else []
        return [str(self.pid), *found]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)


class Belfryd(Server):
    name = 'belfryd'

    def __init__(self, folder, program, settings=None, runner=(), **options):
        """settings: beside BELFRYD_SETTINGS, or in their place. runner: a command that runs the program."""
        super().__init__(folder)
        environment = {'PATH': os.environ['PATH'], 'HOME': str(self.folder), **BELFRYD_SETTINGS,
                       'DATABASE_PATH': str(self.folder / 'events.db'), **(settings or {})}
        self.launch_and_hear([*runner, str(program)], env=environment, **options)
        address = urlsplit(self.url)
        self.address = (address.hostname, address.port)
        # It tells of the other door behind the first.
        self.grpc_url = self.process.stdout.readline().split()[-1] if environment['GRPC_PORT'] == '0' else None

    def thread_seconds(self):
        """CPU seconds by the name of the thread."""
        seconds = {}
        for task in Path(f'/proc/{self.pid}/task').iterdir():
            try:
                name = (task / 'comm').read_text().strip()
                # In nanoseconds; those of stat are too coarse.
                used = int((task / 'schedstat').read_text().split()[0]) / 1e9
            except FileNotFoundError:
                continue
            seconds[name] = seconds.get(name, 0) + used
        return seconds

    def memory(self, name='VmRSS'):
        """Bytes: all that are resident, or with RssAnon those that are no file's."""
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith(f'{name}:'):
                return int(line.split()[1]) * 1024
        return 0


class BareSoup(Server):
    name = 'bare libsoup'

    def __init__(self, folder, program):
        super().__init__(folder)
        self.launch_and_hear([str(program)])


class Nats(Server):
    name = 'nats-server'

    def __init__(self, folder):
        super().__init__(folder)
        program = find_program('nats-server')
        port = free_port()
        configuration = self.folder / 'nats.conf'
        configuration.write_text(NATS.format(port=port, folder=self.folder))
        self.launch([program, '-c', str(configuration), '-l', str(self.folder / 'nats.log')])
        self.url = f'http://127.0.0.1:{port}'
        wait_for_port(port, self.process)


class Nchan(Server):
    name = 'nginx+nchan'

    def __init__(self, folder):
        super().__init__(folder)
        program = find_program('nginx')
        module = next((path for path in NCHAN_MODULES if Path(path).exists()), None)
        if module is None:
            raise Missing('the nchan module of nginx is not installed')
        port = free_port()
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        configuration = self.folder / 'nginx.conf'
        configuration.write_text(NGINX.format(port=port, folder=self.folder, module=module, files=files,
                                              connections=min(files - 100, 20000)))
        self.launch([program, '-p', str(self.folder), '-c', str(configuration)], stderr=subprocess.DEVNULL)
        self.url = f'http://127.0.0.1:{port}'
        wait_for_port(port, self.process)
        # The socket is open before the workers are there.
        deadline = time.monotonic() + 10
        while len(self.pids()) < 1 + os.cpu_count() and time.monotonic() < deadline:
            time.sleep(0.01)
        # Now and then a subscription between workers that have just started takes effect a second late; nobody means to measure that.
        time.sleep(1)
