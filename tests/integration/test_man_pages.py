# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The manual: set without a warning, complete, and the same as what the programs say of themselves."""

import os
import re
import subprocess

import pytest

from belfry_daemon import BUILD_DIR, SOURCE_DIR, binary

PAGES = ['belfryd.8', 'belfryctl.1', 'belfry.conf.5']


def run(*command, **environment):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60,
                          env={**os.environ, 'LC_ALL': 'C.UTF-8', 'MANWIDTH': '400', 'MAN_KEEP_FORMATTING': '', **environment})


def page(name):
    path = BUILD_DIR / 'docs' / 'man' / name
    assert path.exists(), f'{path} was not built'
    return path


def shown(name):
    """The page as a reader sees it, hyphenation and spacing undone."""
    text = run('man', '--no-hyphenation', '--no-justification', '-E', 'UTF-8', '-l', page(name)).stdout
    text = re.sub(r'.\x08', '', text).replace('−', '-').replace('‐', '-')
    return re.sub(r'\s+', ' ', text)


def settings():
    """The table: name, option, default, allowed, when, meaning."""
    lines = run(binary('belfryd'), '--list-settings').stdout.splitlines()
    return [line.split('\t') for line in lines]


@pytest.mark.parametrize('name', PAGES)
def test_no_warnings(name):
    ended = run('man', '--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', page(name))
    assert ended.returncode == 0 and ended.stderr == '', ended.stderr
    assert 'SEE ALSO' in shown(name) and '@' not in shown(name)


def test_every_setting_is_in_the_manual():
    text = shown('belfry.conf.5')
    assert len(settings()) > 25
    for name, _, default, _, _, meaning in settings():
        assert f'{name}={default} {meaning}' in text, name


def test_every_option_is_in_the_manual():
    text = shown('belfryd.8')
    options = set(re.findall(r'--[a-z][a-z-]+', run(binary('belfryd'), '--help').stdout)) - {'--help-all', '--help-belfry'}
    assert len(options) > 10
    for option in options:
        assert option in text, option


def test_every_command_is_in_the_manual():
    text = shown('belfryctl.1')
    help_text = run(binary('belfryctl'), '--help').stdout
    commands = re.findall(r'^  ([a-z-]+)   ', help_text, re.M)
    assert len(commands) >= 9
    for command in commands:
        assert re.search(rf' {re.escape(command)} ', text), command
        for option in re.findall(r'--[a-z][a-z-]+', run(binary('belfryctl'), command, '--help').stdout):
            assert option in text or option in ('--source', '--session', '--user', '--payload', '--type', '--quiet', '--count', '--cursors',
                                                '--from', '--limit', '--yes', '--force'), (command, option)


def test_reference_is_the_table():
    text = (SOURCE_DIR / 'docs' / 'configuration.md').read_text()
    table = run(binary('belfryd'), '--list-settings=markdown').stdout
    assert table in text, 'docs/configuration.md must hold what "belfryd --list-settings=markdown" prints'


def test_sample_is_a_key_file_that_changes_nothing(tmp_path):
    sample = run(binary('belfryd'), '--list-settings=conf').stdout
    path = tmp_path / 'belfry.conf'
    path.write_text(sample)
    ended = run(binary('belfryd'), '--check-config', '--config', path, DATABASE_PATH=str(tmp_path / 'e.db'))
    assert ended.returncode == 0 and ended.stderr == '', ended.stderr
    for name, *_ in settings():
        assert f'\n#{name}=' in sample
    # Without the comment signs each default is a value that is allowed.
    path.write_text(re.sub(r'^#(?=[A-Z_]+=)', '', sample, flags=re.M))
    ended = run(binary('belfryd'), '--check-config', '--config', path, DATABASE_PATH=str(tmp_path / 'e.db'))
    assert ended.returncode == 0 and ended.stderr == '', ended.stderr


def test_unit(tmp_path):
    """What systemd itself says of the unit."""
    unit = (SOURCE_DIR / 'data' / 'belfry.service.in').read_text().replace('@BINDIR@/belfryd', str(binary('belfryd')))
    unit = re.sub(r'^Documentation=.*\n', '', unit, flags=re.M)
    path = tmp_path / 'belfry.service'
    path.write_text(unit)
    ended = run('systemd-analyze', 'verify', '--man=no', path)
    assert ended.returncode == 0 and 'belfry.service' not in ended.stderr, ended.stderr
    ended = run('systemd-analyze', 'security', '--offline=true', '--threshold=20', path)
    assert ended.returncode == 0, ended.stdout[-2000:]
