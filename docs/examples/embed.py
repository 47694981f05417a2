#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""A log and its server inside a program of your own: embed.py DATABASE PORT"""
import asyncio
import signal
import sys

import gi
gi.require_version('Belfry', '1')
from gi.repository import Belfry


async def main(path, port):
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    async with Belfry.SqliteStore(path) as store:
        pipeline = Belfry.Pipeline(store)

        # Published, it is durable.
        for page in range(3):
            event = await pipeline.publish({'event_type': 'lesson_started', 'source': 'embed', 'user_id': 'ada', 'payload': {'page': page}})
            print('published', event.id)

        # The newest first.
        for event in await store.query({'user_id': 'ada'}, limit=3):
            print('found', event.id, event.payload)

        # From the beginning, in order; then whatever comes. The cursor is where to go on another time.
        async with pipeline.subscribe({'event_types': ['lesson_started']}, resume_from='beginning') as events:
            async for event in events:
                print('received', event.id, 'cursor', events.cursor)
                if event.position == store.get_last_position():
                    break

        # The same log for everybody else.
        async with Belfry.Server(pipeline) as server:
            server.listen('127.0.0.1', port)
            print('serving', server.list_uris()[0], flush=True)
            await ended.wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
