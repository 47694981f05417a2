# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The same story in C, Python and JavaScript: each example does what it says, and each understands the others' server.

The folder of the C programs is the first argument.
"""
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import unittest

from support import PATIENCE, Folder

SOURCES = os.path.join(os.path.dirname(__file__), '..', '..', 'docs', 'examples')
PROGRAMS = sys.argv.pop(1)
COMMANDS = {
    'c': lambda name: [os.path.join(PROGRAMS, 'example-' + name)],
    'python': lambda name: ['/usr/bin/python3', os.path.join(SOURCES, name + '.py')],
    'javascript': lambda name: ['gjs', '-m', os.path.join(SOURCES, name + '.js')],
}
LANGUAGES = [language for language in COMMANDS if language != 'javascript' or shutil.which('gjs')]


def free_port():
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


class Program:
    """A running example and its lines; they are read by a thread, so that waiting has an end."""

    def __init__(self, test, language, name, *args):
        self.process = subprocess.Popen(COMMANDS[language](name) + [str(arg) for arg in args], text=True, stdout=subprocess.PIPE)
        test.addCleanup(self.kill)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def until(self, word):
        """The lines up to and with the one that begins with a word."""
        lines = []
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if line is None:
                raise AssertionError(f'ended before {word!r}: {lines}')
            lines.append(line)
            if line.startswith(word):
                return lines

    def rest(self):
        status = self.process.wait(PATIENCE)
        lines = list(iter(lambda: self.lines.get(timeout=PATIENCE), None))
        assert status == 0, (status, lines)
        return lines

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.rest()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()


def words(lines, first):
    return [line.split()[1] for line in lines if line.startswith(first + ' ')]


class Examples(Folder):
    def test_an_embedded_log_publishes_finds_and_delivers(self):
        for language in LANGUAGES:
            with self.subTest(language):
                embed = Program(self, language, 'embed', f'{self.path}-{language}', free_port())
                lines = embed.until('serving')
                if language == 'c':  # its loop begins when it serves
                    while len(words(lines, 'received')) < 3:
                        lines += embed.until('received')
                published = words(lines, 'published')
                self.assertEqual(len(published), 3)
                self.assertEqual(words(lines, 'found'), published[::-1])
                self.assertEqual(words(lines, 'received'), published)
                embed.end()

    def test_each_publishes_to_each(self):
        for server in LANGUAGES:
            port = free_port()
            embed = Program(self, server, 'embed', f'{self.path}-{server}', port)
            embed.until('serving')
            for language in LANGUAGES:
                with self.subTest(server=server, publisher=language):
                    lines = Program(self, language, 'publish', f'http://127.0.0.1:{port}').rest()
                    self.assertEqual(sum(line.startswith('published ') for line in lines), 2 if language != 'c' else 3, lines)
                    self.assertEqual(sum(line.startswith('found ') for line in lines), 3)
                    self.assertEqual(sum(line.startswith('refused ') for line in lines), 1)
            embed.end()

    def test_each_follows_across_a_restart_and_resumes(self):
        for language in LANGUAGES:
            with self.subTest(language):
                port = free_port()
                url, path = f'http://127.0.0.1:{port}', f'{self.path}-tail-{language}'
                embed = Program(self, 'c', 'embed', path, port)
                embed.until('serving')
                tail = Program(self, language, 'tail', url, 'beginning')
                seen = tail.until('connected')
                for _ in range(3):
                    seen += tail.until('received')
                embed.end()
                tail.until('lost')
                embed = Program(self, 'c', 'embed', path, port)
                embed.until('serving')
                seen = tail.until('connected')
                for _ in range(3):
                    seen += tail.until('received')
                cursor = words(tail.end(), 'cursor')[0]
                Program(self, language, 'publish', url).rest()
                resumed = Program(self, language, 'tail', url, cursor)
                lines = resumed.until('connected')
                for _ in range(3):
                    lines += resumed.until('received')
                self.assertIn('quiz_started', lines[-3])
                resumed.end()
                embed.end()


if __name__ == '__main__':
    unittest.main()
