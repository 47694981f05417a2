#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors
//
// Publishes to a daemon elsewhere and asks it: publish.js URL
import Belfry from 'gi://Belfry?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

Gio._promisify(Belfry.Client.prototype, 'publish_async', 'publish_finish');
Gio._promisify(Belfry.Client.prototype, 'query_async', 'query_finish');
Gio._promisify(Belfry.ClientPublisher.prototype, 'publish_async', 'publish_finish');

const loop = GLib.MainLoop.new(null, false);
const newEvent = (event_type, payload) => JSON.stringify({event_type, source: 'publish', session_id: 's1', payload});

async function main(url) {
    const client = new Belfry.Client({url});

    // One request, one event: the answer comes when it is durable.
    const event = JSON.parse(await client.publish_async(newEvent('quiz_started', {quiz: 7}), null));
    print('published', event.id);

    // Many at once go over one connection.
    const publisher = new Belfry.ClientPublisher({client});
    const ids = await Promise.all([0, 1].map(answer => publisher.publish_async(newEvent('answer_submitted', {answer}), null)));
    print('published', ...ids);
    publisher.close();

    const filter = Belfry.Filter.new(null, 's1', null);
    for (const text of await client.query_async(filter, null, 3, null)) {
        const found = JSON.parse(text);
        print('found', found.id, found.event_type);
    }

    // What the daemon refuses is an exception with a code.
    try {
        await client.publish_async(newEvent('unheard_of', {}), null);
    } catch (error) {
        print('refused', error.matches(Belfry.Error, Belfry.Error.INVALID_EVENT));
    }
}

main(ARGV[0]).catch(error => logError(error)).finally(() => loop.quit());
loop.run();
