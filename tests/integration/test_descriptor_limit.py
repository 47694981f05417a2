# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""RLIMIT_NOFILE: raised to what is allowed, and told when that is not enough."""

import resource
from pathlib import Path


def limited(soft, hard):
    return ['prlimit', f'--nofile={soft}:{hard}']


def soft_limit(daemon):
    for line in Path(f'/proc/{daemon.pid}/limits').read_text().splitlines():
        if line.startswith('Max open files'):
            return int(line.split()[3])
    raise KeyError('Max open files')


def test_the_soft_limit_is_raised(belfryd):
    hard = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4096)
    daemon = belfryd(before=limited(256, hard), MAX_SUBSCRIBERS=100)
    assert soft_limit(daemon) == hard
    assert 'limit on open files' not in daemon.log()


def test_a_limit_that_is_too_low_is_told(belfryd):
    daemon = belfryd(before=limited(256, 512), MAX_SUBSCRIBERS=5000)
    assert soft_limit(daemon) == 512
    line = [line for line in daemon.log().splitlines() if 'limit on open files' in line]
    assert len(line) == 1 and '512' in line[0] and 'MAX_SUBSCRIBERS 5000' in line[0] and 'WARNING' in line[0]
    assert daemon.publish(), 'it serves all the same'
