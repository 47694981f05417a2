# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What the tests of the bindings share."""
import os
import shutil
import tempfile
import unittest

import gi
gi.require_version('Belfry', '1')
from gi.repository import Belfry, GLib

PATIENCE = 60


def new_event(n=0, **members):
    return {'event_type': 'quiz_started', 'source': 'test', 'payload': {'n': n}} | members


def resident_kib():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGESIZE') // 1024


class Folder(unittest.TestCase):
    """A fresh folder for each test."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='belfry-')
        self.path = os.path.join(self.folder, 'events.db')
        self.addCleanup(shutil.rmtree, self.folder)


class Wait:
    """Answers of asynchronous functions for programs without asyncio: turns the default main context until they are there."""

    def __init__(self):
        self.result = None

    def __call__(self, source, result, *data):
        self.result = result

    def answer(self):
        until(lambda: self.result is not None)
        return self.result


def until(condition):
    """Turns the default main context until the condition holds."""
    late = []
    timeout = GLib.timeout_add_seconds(PATIENCE, lambda: late.append(True) or True)
    while not condition():
        assert not late, 'what was waited for did not come'
        GLib.MainContext.default().iteration(True)
    GLib.source_remove(timeout)


def wait(begin, finish, *args):
    waiting = Wait()
    begin(*args, None, waiting)
    return finish(waiting.answer())
