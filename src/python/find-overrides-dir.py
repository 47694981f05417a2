# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Prints the folder for overrides that the system's Python searches for packages under a prefix."""
import os
import sys
import sysconfig

prefix = sys.argv[1]
schemes = sysconfig.get_scheme_names()
if prefix == '/usr/local' and 'posix_local' in schemes:
    packages = sysconfig.get_path('purelib', 'posix_local', {'base': '/usr', 'installed_base': '/usr'})
else:
    packages = sysconfig.get_path('purelib', 'deb_system' if 'deb_system' in schemes and prefix == '/usr' else 'posix_prefix', {'base': prefix})
print(os.path.join(packages, 'gi', 'overrides'))
