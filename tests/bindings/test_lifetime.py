# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Objects that are dropped in odd orders, and memory that stays flat."""
import asyncio
import gc
import itertools
import unittest
import weakref

from gi.repository import GLib
from support import PATIENCE, Belfry, Folder, new_event, resident_kib, until, wait

GROWTH_KIB = 8 << 10


class Order(Folder):
    def make(self, number):
        store = Belfry.SqliteStore(f'{self.path}-{number}')
        store.open(None)
        pipeline = Belfry.Pipeline(store)
        router = pipeline.get_router()
        subscriber = router.subscribe(Belfry.Filter.new(None, None, None), None)
        subscriber.connect('event', lambda *args: None)
        subscriber.start()
        server = Belfry.Server(pipeline)
        server.listen('127.0.0.1', 0)
        client = Belfry.Client(server.list_uris()[0])
        subscription = Belfry.ClientSubscription.new(client, None, None)
        subscription.connect('event', lambda *args: None)
        subscription.start()
        wait(client.publish_async, client.publish_finish, '{"event_type":"quiz_started","source":"test","payload":{}}')
        return [store, pipeline, router, subscriber, server, client, subscription]

    def test_the_parts_may_go_in_any_order(self):
        orders = itertools.islice(itertools.permutations(range(7)), 0, 5040, 211)
        for number, order in enumerate(orders):
            parts = self.make(number)
            alive = [weakref.ref(part) for part in parts]
            for i in order:
                parts[i] = None
                gc.collect()
                GLib.MainContext.default().iteration(False)
            del parts
            gc.collect()
            self.assertEqual([part() for part in alive], [None] * 7)

    def test_events_outlive_the_log(self):
        store, pipeline, *rest = self.make(0)
        event = wait(store.query_async, store.query_finish, None, 0, 0, 1)[0]
        page = wait(store.read_async, store.read_finish, None, 0, 9, 9, 9999)
        types = wait(store.stats_async, store.stats_finish).by_type
        store.close()
        del store, pipeline, rest
        gc.collect()
        held = page.events
        del page
        gc.collect()
        self.assertEqual((event.event_type, held[0].id, types[0].event_type), ('quiz_started', event.id, 'quiz_started'))

    def test_a_call_in_flight_keeps_what_it_needs(self):
        store, *rest = self.make(0)
        answers = []
        store.query_async(None, 0, 0, 1, None, lambda source, result: answers.append(source.query_finish(result)))
        del store, rest
        gc.collect()
        until(lambda: answers)
        self.assertEqual(len(answers[0]), 1)


class Memory(Folder):
    def check(self, one_round, n_warm, n_rounds):
        """A round moves 250 events; memory after the warm rounds stays what it is."""
        async def main():
            async with Belfry.SqliteStore(self.path) as store:
                pipeline = Belfry.Pipeline(router=Belfry.Router(store=store, max_queue_size=100))
                async with Belfry.Server(pipeline) as server:
                    server.listen('127.0.0.1', 0)
                    client = Belfry.Client(server.list_uris()[0])
                    go = one_round(store, pipeline, client)
                    for _ in range(n_warm):
                        await anext(go)
                    gc.collect()
                    before = resident_kib()
                    for _ in range(n_rounds):
                        await anext(go)
                    gc.collect()
                    grown = resident_kib() - before
                    await go.aclose()
                    self.assertLess(grown, GROWTH_KIB)
        asyncio.run(asyncio.wait_for(main(), PATIENCE))

    async def embedded(self, store, pipeline, client):
        async with pipeline.subscribe() as events:
            while True:
                await asyncio.gather(*(pipeline.publish(new_event(n)) for n in range(250)))
                for n in range(250):
                    self.assertEqual((await anext(events)).payload, {'n': n})
                self.assertEqual(len(await store.query(limit=250)), 250)
                yield

    async def remote(self, store, pipeline, client):
        publisher = Belfry.ClientPublisher(client)
        async with client.subscribe() as events:
            while True:
                await asyncio.gather(*(publisher.publish(new_event(n)) for n in range(250)))
                for n in range(250):
                    self.assertEqual((await anext(events))['payload'], {'n': n})
                self.assertEqual(len(await client.query(limit=250)), 250)
                yield

    def test_ten_thousand_events_through_the_log_keep_memory_flat(self):
        self.check(self.embedded, 16, 40)

    def test_ten_thousand_events_through_a_client_keep_memory_flat(self):
        self.check(self.remote, 16, 40)


if __name__ == '__main__':
    unittest.main()
