#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Publishes to a daemon elsewhere and asks it: publish.py URL"""
import asyncio
import sys

import gi
gi.require_version('Belfry', '1')
from gi.repository import Belfry


async def main(url):
    client = Belfry.Client(url)

    # One request, one event: the answer comes when it is durable.
    event = await client.publish({'event_type': 'quiz_started', 'source': 'publish', 'session_id': 's1', 'payload': {'quiz': 7}})
    print('published', event['id'])

    # Many at once go over one connection.
    publisher = Belfry.ClientPublisher(client)
    ids = await asyncio.gather(*(
        publisher.publish({'event_type': 'answer_submitted', 'source': 'publish', 'session_id': 's1', 'payload': {'answer': n}})
        for n in range(2)))
    print('published', *ids)
    publisher.close()

    for event in await client.query({'session_id': 's1'}, limit=3):
        print('found', event['id'], event['event_type'])

    # What the daemon refuses is an exception with a code.
    try:
        await client.publish({'event_type': 'unheard_of', 'source': 'publish', 'payload': {}})
    except Belfry.Failure as failure:
        print('refused', failure.code == Belfry.Error.INVALID_EVENT)


asyncio.run(main(sys.argv[1]))
