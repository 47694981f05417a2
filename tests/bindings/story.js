// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors
//
// The library from GJS: everything that waits is awaited, collection of garbage may happen at any time.
import Belfry from 'gi://Belfry?version=1';
import Gio from 'gi://Gio';
import GLib from 'gi://GLib';
import System from 'system';

const promisify = (type, ...names) =>
    names.forEach(name => Gio._promisify(type.prototype, `${name}_async`, `${name}_finish`));
promisify(Belfry.SqliteStore, 'open');
promisify(Belfry.EventStore, 'append', 'query', 'lookup', 'read', 'delete', 'stats', 'check');
promisify(Belfry.Pipeline, 'publish');
promisify(Belfry.Server, 'stop');
promisify(Belfry.Client, 'publish', 'query', 'lookup', 'stats', 'list_event_types', 'add_event_type', 'clear');
promisify(Belfry.ClientPublisher, 'publish');

const any = Belfry.Filter.new(null, null, null);
const newEvent = (n, more = {}) => JSON.stringify({event_type: 'quiz_started', source: 'test', payload: {n}, ...more});
const payload = event => JSON.parse(event.get_payload()).n;

function equal(got, wanted) {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b)
        throw new Error(`${a} is not ${b}`);
}

async function fails(promise, domain, code) {
    let error = null;
    await promise.catch(e => (error = e));
    if (error === null || !error.matches(domain, code))
        throw new Error(`not the error that was expected: ${error}`);
}

function resident() {
    const [, bytes] = GLib.file_get_contents('/proc/self/statm');
    return Number(new TextDecoder().decode(bytes).split(' ')[1]) * 4;
}

function remove(folder) {
    const directory = Gio.File.new_for_path(folder);
    const entries = directory.enumerate_children('standard::name', 0, null);
    for (let info; (info = entries.next_file(null)) !== null;)
        entries.get_child(info).delete(null);
    directory.delete(null);
}

// Gathers what a signal brings, until there is enough.
class Gatherer {
    constructor(object, signal, read) {
        this.got = [];
        this.more = () => {};
        object.connect(signal, (_, ...args) => {
            this.got.push(read(...args));
            this.more();
        });
    }

    async until(n) {
        while (this.got.length < n)
            await new Promise(resolve => (this.more = resolve));
        return this.got;
    }
}

async function withLog(test) {
    const folder = GLib.dir_make_tmp('belfry-XXXXXX');
    const store = new Belfry.SqliteStore({path: `${folder}/events.db`});
    await store.open_async(null);
    await test(new Belfry.Pipeline({store}), store);
    store.close();
    remove(folder);
}

async function withServer(test) {
    await withLog(async (pipeline, store) => {
        const server = new Belfry.Server({pipeline});
        server.listen('127.0.0.1', 0);
        await test(new Belfry.Client({url: server.list_uris()[0]}), pipeline, server);
        await server.stop_async(null);
    });
}

const tests = {
    'an event is found in every way': () => withLog(async (pipeline, store) => {
        const events = [];
        for (let n = 0; n < 3; n++)
            events.push(await pipeline.publish_async(newEvent(n, {user_id: 'ada'}), -1, null));
        System.gc();
        equal((await store.query_async(any, 0, 0, 2, null)).map(payload), [2, 1]);
        equal((await store.lookup_async(events[0].get_id(), null)).get_position(), 1);
        const page = await store.read_async(null, 1, 100, 10, 1 << 20, null);
        System.gc();
        equal([page.events.map(payload), page.next, page.lost, page.floor], [[1, 2], 3, 0, 1]);
        const stats = await store.stats_async(null);
        System.gc();
        equal(stats.by_type.map(row => [row.event_type, row.count]), [['quiz_started', 3]]);
        await store.check_async(null);
        const parsed = pipeline.get_validator().parse(newEvent(4), -1);
        await store.append_async([parsed], null);
        equal(parsed.get_position(), 4);
        equal(await store.delete_async(Date.now() * 1000 + 3.6e9, null), [4]);
    }),

    'errors have a domain, a code and the broken rules': () => withLog(async (pipeline, store) => {
        await fails(store.lookup_async('evt_000000000000', null), Belfry.Error, Belfry.Error.NOT_FOUND);
        await fails(pipeline.publish_async('{', -1, null), Belfry.Error, Belfry.Error.INVALID_JSON);
        try {
            pipeline.get_validator().parse('{"event_type":"quiz_started"}', -1);
        } catch (error) {
            equal(Belfry.Error.get_problems(error).map(problem => `${problem.field} ${problem.rule}`), ['source missing']);
        }
        const second = new Belfry.SqliteStore({path: store.path});
        await fails(second.open_async(null), Belfry.Error, Belfry.Error.REFUSED);
    }),

    'a subscriber resumes, pauses and goes on': () => withLog(async (pipeline, store) => {
        for (let n = 0; n < 3; n++)
            await pipeline.publish_async(newEvent(n), -1, null);
        const subscriber = pipeline.get_router().subscribe(any, Belfry.Cursor.new_beginning());
        const events = new Gatherer(subscriber, 'event', event => {
            if (payload(event) === 1)
                subscriber.pause();
            return payload(event);
        });
        subscriber.start();
        equal(await events.until(2), [0, 1]);
        await pipeline.publish_async(newEvent(3), -1, null);
        System.gc();
        equal(events.got, [0, 1]);
        subscriber.start();
        equal(await events.until(4), [0, 1, 2, 3]);
        equal(subscriber.dup_cursor().to_string().length, Belfry.CURSOR_TEXT_LENGTH);
        subscriber.cancel();
    }),

    'a removed place is told as a gap': () => withLog(async (pipeline, store) => {
        await pipeline.publish_async(newEvent(0), -1, null);
        const first = pipeline.get_router().dup_cursor();
        await pipeline.publish_async(newEvent(1), -1, null);
        await store.delete_async(Date.now() * 1000 + 3.6e9, null);
        const subscriber = pipeline.get_router().subscribe(any, first);
        const gaps = new Gatherer(subscriber, 'gap', gap => [gap.lost, gap.from.position, gap.to.position]);
        subscriber.start();
        equal(await gaps.until(1), [[1, 1, 2]]);
        subscriber.cancel();
    }),

    'a client publishes, asks and removes': () => withServer(async client => {
        const event = JSON.parse(await client.publish_async(newEvent(0), null));
        equal(JSON.parse(await client.lookup_async(event.id, null)), event);
        equal((await client.query_async(any, null, 10, null)).map(text => JSON.parse(text).id), [event.id]);
        equal(JSON.parse(await client.stats_async(null)).total_events, 1);
        await client.add_event_type_async('bell_rung', 'Somebody pulled the rope', null);
        equal((await client.list_event_types_async(null)).includes('bell_rung'), true);
        equal(await client.clear_async(null, null), [1]);
        await fails(client.lookup_async(event.id, null), Belfry.Error, Belfry.Error.NOT_FOUND);
    }),

    'a subscription survives the server': () => withServer(async (client, pipeline, server) => {
        const subscription = Belfry.ClientSubscription.new(client, null, 'beginning');
        subscription.retry_initial_msec = 1;
        subscription.retry_maximum_msec = 20;
        const events = new Gatherer(subscription, 'event', text => JSON.parse(text).payload.n);
        const breaks = new Gatherer(subscription, 'disconnected', (error, msec) => error instanceof GLib.Error && msec >= 0);
        subscription.start();
        await pipeline.publish_async(newEvent(0), -1, null);
        await events.until(1);
        const port = Number(server.list_uris()[0].split(':').pop());
        await server.stop_async(null);
        await breaks.until(1);
        await pipeline.publish_async(newEvent(1), -1, null);
        System.gc();
        const again = new Belfry.Server({pipeline});
        again.listen('127.0.0.1', port);
        equal(await events.until(2), [0, 1]);
        equal(breaks.got.every(isPassing => isPassing), true);
        subscription.stop();
        await again.stop_async(null);
    }),

    'a wrong cursor ends a subscription': () => withServer(async client => {
        const subscription = Belfry.ClientSubscription.new(client, null, 'nonsense');
        const ends = new Gatherer(subscription, 'disconnected', (error, msec) =>
            [error.matches(Belfry.Error, Belfry.Error.UNKNOWN_CURSOR), msec]);
        subscription.start();
        equal(await ends.until(1), [[true, -1]]);
    }),

    'a route answers': () => withServer(async (client, pipeline, server) => {
        server.add_route('GET', '/events/{id}', (_, request) => {
            System.gc();
            request.respond_json(200, `{"id":"${request.get_path_param()}"}`);
        });
        System.gc();
        equal(JSON.parse(await client.lookup_async('evt_000000000000', null)).id, 'evt_000000000000');
    }),

    'what is cancelled fails as cancelled': () => withServer(async client => {
        const cancellable = new Gio.Cancellable();
        const begun = client.stats_async(cancellable);
        cancellable.cancel();
        await fails(begun, Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED);
    }),

    'objects dropped in the middle of it all do no harm': async () => {
        for (let round = 0; round < 10; round++) {
            await withServer(async (client, pipeline) => {
                let subscription = Belfry.ClientSubscription.new(client, null, 'beginning');
                subscription.connect('event', () => System.gc());
                subscription.start();
                let publisher = new Belfry.ClientPublisher({client});
                await Promise.all([0, 1, 2].map(n => publisher.publish_async(newEvent(n), null)));
                subscription = publisher = client = pipeline = null;
                System.gc();
            });
            System.gc();
        }
    },

    'ten thousand events keep memory flat': () => withLog(async (pipeline, store) => {
        const router = new Belfry.Router({store, max_queue_size: 100});
        const small = new Belfry.Pipeline({store, router});
        const subscriber = router.subscribe(any, null);
        const events = new Gatherer(subscriber, 'event', payload);
        const round = async () => {
            const all = Array.from({length: 250}, (_, n) => n);
            await Promise.all(all.map(n => small.publish_async(newEvent(n), -1, null)));
            equal(await events.until(250), all);
            events.got = [];
        };
        const rounds = async number => {
            // The collector sees the wrappers of events, but not how large the events are.
            for (let n = 0; n < number; n++) {
                await round();
                if (n % 8 === 7)
                    System.gc();
            }
        };
        subscriber.start();
        await rounds(16);
        const before = resident();
        await rounds(40);
        const grown = resident() - before;
        subscriber.cancel();
        if (grown > 16 << 10)
            throw new Error(`grown by ${grown} KiB`);
    }),
};

async function main() {
    let number = 0;
    print(`1..${Object.keys(tests).length}`);
    for (const [name, test] of Object.entries(tests)) {
        number++;
        try {
            await test();
            print(`ok ${number} ${name}`);
        } catch (error) {
            print(`not ok ${number} ${name}\n# ${error}\n# ${(error.stack ?? '').trim().replaceAll('\n', '\n# ')}`);
        }
        System.gc();
    }
}

const loop = GLib.MainLoop.new(null, false);
main().catch(error => print(`Bail out! ${error}`)).finally(() => loop.quit());
loop.run();
