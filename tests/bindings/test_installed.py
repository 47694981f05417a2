# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What is installed is enough for a stranger: a C program by pkg-config, Python and JavaScript by the typelib.

Arguments: the build folder, the prefix, the folder of the override.
"""
import glob
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD, PREFIX, OVERRIDES = (sys.argv.pop(1) for _ in range(3))
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'examples')
PROGRAM = """
#include <belfry.h>
int
main (void)
{
  g_autoptr(BelfryCursor) cursor = belfry_cursor_new (1, 2);
  g_autofree char *text = belfry_cursor_to_string (cursor);
  g_print ("%s", text);
  return 0;
}
"""
SCRIPT = """
import asyncio, gi, sys
gi.require_version('Belfry', '1')
from gi.repository import Belfry
async def main():
    async with Belfry.SqliteStore(sys.argv[1]) as store:
        event = await Belfry.Pipeline(store).publish({'event_type': 'quiz_started', 'source': 'test', 'payload': {}})
        print(event.position)
asyncio.run(main())
"""


def run(*command, **env):
    return subprocess.run(command, check=True, text=True, capture_output=True, env=os.environ | env).stdout


def find(root, pattern):
    found = glob.glob(os.path.join(root, '**', pattern), recursive=True)
    assert found, f'{pattern} is not installed'
    return os.path.dirname(found[0])


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix='belfry-')
        cls.addClassCleanup(shutil.rmtree, cls.root)
        run('meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', DESTDIR=cls.root)
        cls.libraries = find(cls.root, 'libbelfry-1.so')
        cls.bindings = {'LD_LIBRARY_PATH': cls.libraries, 'GI_TYPELIB_PATH': find(cls.root, 'Belfry-1.typelib')}

    def compile(self, source, name):
        packages = {'PKG_CONFIG_PATH': find(self.root, 'belfry-1.pc'), 'PKG_CONFIG_SYSROOT_DIR': self.root}
        own = shlex.split(run('pkg-config', '--cflags', '--libs', 'belfry-1', **packages))
        # The sysroot is that of Belfry alone; what it needs lies where it always does.
        flags = [flag if os.path.exists(flag[2:]) else flag.replace(self.root, '') for flag in own if flag != '-pthread']
        program = os.path.join(self.root, name)
        run('cc', '-Wall', '-Werror', source, '-o', program, *flags, *shlex.split(run('pkg-config', '--cflags', '--libs', 'gio-unix-2.0')))
        return program

    def test_a_c_program_is_built_by_pkg_config(self):
        source = os.path.join(self.root, 'program.c')
        with open(source, 'w') as file:
            file.write(PROGRAM)
        self.assertEqual(len(run(self.compile(source, 'program'), LD_LIBRARY_PATH=self.libraries)), 23)

    def test_the_examples_are_built_by_pkg_config(self):
        for name in ('embed', 'publish', 'tail'):
            self.compile(os.path.join(EXAMPLES, name + '.c'), name)

    def test_python_finds_the_override(self):
        folder = self.root + os.path.dirname(os.path.dirname(OVERRIDES))
        self.assertTrue(os.path.exists(os.path.join(folder, 'gi', 'overrides', 'Belfry.py')))
        path = os.path.join(self.root, 'events.db')
        self.assertEqual(run('/usr/bin/python3', '-c', SCRIPT, path, PYTHONPATH=folder, **self.bindings), '1\n')

    @unittest.skipUnless(shutil.which('gjs'), 'there is no gjs')
    def test_javascript_finds_the_typelib(self):
        script = "const {Belfry} = imports.gi; print(Belfry.Cursor.new(1, 2).to_string().length);"
        self.assertEqual(run('gjs', '-c', script, **self.bindings), '23\n')


if __name__ == '__main__':
    unittest.main()
