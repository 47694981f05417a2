# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""What no schema can say of valid requests, said to schemathesis."""

import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.meta or not case.meta.generation.mode.is_positive:
        return
    # A cursor is valid only in the log that made it: it comes out of a Link, and out of nothing else.
    if case.query and 'cursor' in case.query:
        del case.query['cursor']
    # A second event under the key of a first one is refused, as it should be.
    if case.headers and 'Idempotency-Key' in case.headers:
        case.headers['Idempotency-Key'] = str(uuid.uuid4())
