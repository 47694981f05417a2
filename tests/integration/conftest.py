# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Fixtures of the black-box tests: the real belfryd of BELFRY_BUILD_DIR, on a free loopback port, in a fresh folder.

Files may run beside each other, in several processes (pytest-xdist, `-n COUNT --dist loadfile`): each has daemons, ports, folders and
buses of its own. Tests of one file keep their order, for they may share a daemon."""

import socket
import subprocess

import pytest

import belfry_daemon
from belfry_daemon import Daemon

LONGEST = ('test_browser', 'test_clocks', 'test_hostile', 'test_http_guards')  # begin first, so that nobody waits for them at the end


def pytest_addoption(parser):
    parser.addoption('--long', action='store_true', help='more rounds, full sizes, and the tests that take half a minute')


def pytest_configure(config):
    config.addinivalue_line('markers', 'long: takes its time; runs only with --long')
    config.addinivalue_line('markers', 'measures: asserts memory or time of a plain build; left out of sanitizer builds; wants no test beside it')
    belfry_daemon.share_checker_crashes()


def pytest_collection_modifyitems(config, items):
    """Leaves out what cannot hold here. What is left out is not collected: a skip would hide a test that should have run."""
    def fits(item):
        if item.get_closest_marker('long') and not config.getoption('--long'):
            return False
        return not (item.get_closest_marker('measures') and belfry_daemon.SANITIZED)

    config.hook.pytest_deselected(items=[item for item in items if not fits(item)])
    items[:] = sorted((item for item in items if fits(item)), key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture
def long_run(request):
    return request.config.getoption('--long')


class Factory:
    """Starts daemons and answers for their end: SIGTERM, exit status 0, nothing bad on stderr.

    Keyword arguments in capitals are settings (None takes one away); `folder` reuses a folder, and with it the database;
    `port`, `host`, `arguments`, `addresses` (how many `Listening on` lines to wait for) and `before` (a command in front) as in Daemon.
    """

    def __init__(self, make_folder):
        self.make_folder = make_folder
        self.daemons = []

    def __call__(self, folder=None, **options):
        settings = {name: options.pop(name) for name in list(options) if name.isupper()}
        daemon = Daemon(folder or self.make_folder(), settings=settings, **options)
        self.daemons.append(daemon)
        return daemon

    def stop_all(self):
        failures = []
        for daemon in self.daemons:
            try:
                daemon.stop()
            except AssertionError as failure:
                failures.append(str(failure))
        assert not failures, '\n'.join(failures)


@pytest.fixture
def belfryd(tmp_path_factory):
    factory = Factory(lambda: tmp_path_factory.mktemp('belfryd'))
    yield factory
    factory.stop_all()


@pytest.fixture(scope='module')
def shared_factory(tmp_path_factory):
    factory = Factory(lambda: tmp_path_factory.mktemp('belfryd'))
    yield factory
    factory.stop_all()


@pytest.fixture(scope='module')
def daemon(shared_factory):
    """One daemon for all tests of a module that do not disturb each other."""
    return shared_factory()


@pytest.fixture
def port():
    """A port for a daemon that comes back to it. Nobody else is given the port while it is bound here; who connects is refused."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(('127.0.0.1', 0))
        yield holder.getsockname()[1]


@pytest.fixture(scope='session')
def certificate(tmp_path_factory):
    """(certificate, private key) for localhost, made here and good for a day."""
    folder = tmp_path_factory.mktemp('tls')
    paths = folder / 'certificate.pem', folder / 'key.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
                    '-keyout', str(paths[1]), '-out', str(paths[0])], check=True, capture_output=True, timeout=30)
    return paths
