#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors
//
// A log and its server inside a program of your own: embed.js DATABASE PORT
import Belfry from 'gi://Belfry?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';

Gio._promisify(Belfry.SqliteStore.prototype, 'open_async', 'open_finish');
Gio._promisify(Belfry.EventStore.prototype, 'query_async', 'query_finish');
Gio._promisify(Belfry.Pipeline.prototype, 'publish_async', 'publish_finish');
Gio._promisify(Belfry.Server.prototype, 'stop_async', 'stop_finish');

const [path, port] = ARGV;
const loop = GLib.MainLoop.new(null, false);
const toFilter = rules => Belfry.Filter.new_from_json(JSON.stringify(rules), -1);

function receive(pipeline, until) {
    // From the beginning, in order; then whatever comes. The cursor is where to go on another time.
    const router = pipeline.get_router();
    const subscriber = router.subscribe(toFilter({event_types: ['lesson_started']}), Belfry.Cursor.new_beginning());
    return new Promise(resolve => {
        subscriber.connect('event', (_, event) => {
            print('received', event.get_id(), 'cursor', subscriber.dup_cursor().to_string());
            if (event.get_position() === until) {
                subscriber.cancel();
                resolve();
            }
        });
        subscriber.start();
    });
}

async function main() {
    const store = new Belfry.SqliteStore({path});
    await store.open_async(null);
    const pipeline = new Belfry.Pipeline({store});

    // Published, it is durable.
    for (let page = 0; page < 3; page++) {
        const text = JSON.stringify({event_type: 'lesson_started', source: 'embed', user_id: 'ada', payload: {page}});
        const event = await pipeline.publish_async(text, -1, null);
        print('published', event.get_id());
    }

    // The newest first.
    for (const event of await store.query_async(toFilter({user_id: 'ada'}), 0, 0, 3, null))
        print('found', event.get_id(), event.get_payload());

    await receive(pipeline, store.get_last_position());

    // The same log for everybody else.
    const server = new Belfry.Server({pipeline});
    server.listen('127.0.0.1', Number(port));
    const ended = new Promise(resolve => [2, 15].forEach(number => GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, resolve)));
    print('serving', server.list_uris()[0]);
    await ended;
    await server.stop_async(null);
    store.close();
}

main().catch(error => logError(error)).finally(() => loop.quit());
loop.run();
