#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Follows a daemon elsewhere, across lost connections: tail.py URL [CURSOR|beginning]"""
import asyncio
import signal
import sys

import gi
gi.require_version('Belfry', '1')
from gi.repository import Belfry


def on_disconnected(subscription, error, retry_msec):
    print('lost the connection, trying again' if retry_msec >= 0 else f'ended: {error.message}', flush=True)


async def follow(events):
    async for event in events:
        print('received', event['id'], event['event_type'], flush=True)


async def main(url, resume_from=None):
    client = Belfry.Client(url)
    events = client.subscribe({}, resume_from, on_gap=lambda lost: print(lost, 'places of the log are gone'))
    events.source.connect('connected', lambda subscription, name: print('connected', flush=True))
    events.source.connect('disconnected', on_disconnected)

    # It comes back by itself and goes on behind the last event. SIGINT and SIGTERM end it.
    following = asyncio.create_task(follow(events))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, events.close)
    await following

    # To go on here another time.
    print('cursor', events.cursor)


asyncio.run(main(*sys.argv[1:]))
