# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""The coroutines and iterators of the override, under plain asyncio."""
import asyncio
import datetime
import functools
import json
import socket
import threading
import unittest

from gi.repository import Gio, GLib
from support import PATIENCE, Belfry, Folder, new_event


def patient(test):
    """Runs a coroutine with asyncio.run(), within the patience."""
    @functools.wraps(test)
    def run(self):
        asyncio.run(asyncio.wait_for(test(self), PATIENCE))
    return run


async def take(events, n):
    taken = []
    async for event in events:
        taken.append(event['payload']['n'] if isinstance(event, dict) else event.payload['n'])
        if len(taken) == n:
            return taken


class Loop(unittest.TestCase):
    def test_descriptors_timers_threads_and_sources_run_side_by_side(self):
        async def main():
            loop = asyncio.get_running_loop()
            ticks = []
            GLib.timeout_add(1, lambda: ticks.append(1) or len(ticks) < 5)
            one, other = socket.socketpair()
            one.setblocking(False)
            reading = asyncio.create_task(loop.sock_recv(one, 10))
            await asyncio.sleep(0)
            threading.Thread(target=other.send, args=(b'ding',)).start()
            self.assertEqual(await reading, b'ding')
            self.assertEqual(await asyncio.to_thread(lambda: 7), 7)
            process = await asyncio.create_subprocess_exec('true')
            self.assertEqual(await process.wait(), 0)
            while len(ticks) < 5:
                await asyncio.sleep(0.001)
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.01)
            one.close(), other.close()
        with asyncio.Runner(loop_factory=Belfry.EventLoop) as runner:
            runner.run(asyncio.wait_for(main(), PATIENCE))

    @patient
    async def test_a_plain_loop_keeps_its_readers_when_it_takes_glib_in(self):
        one, other = socket.socketpair()
        got = asyncio.Event()
        asyncio.get_running_loop().add_reader(one, got.set)
        with self.assertRaises(Belfry.Failure):
            await Belfry.SqliteStore('').__aenter__()
        other.send(b'x')
        await got.wait()
        asyncio.get_running_loop().remove_reader(one)
        one.close(), other.close()

    def test_a_loop_without_a_selector_is_refused_in_words(self):
        class Other(asyncio.SelectorEventLoop):
            def take_away(self):
                self.kept, self._selector = self._selector, None

            def give_back(self):
                self._selector = self.kept

        async def main():
            loop = asyncio.get_running_loop()
            loop.take_away()
            try:
                with self.assertRaisesRegex(RuntimeError, 'Other cannot run'):
                    await Belfry.Client('http://127.0.0.1:9').stats()
            finally:
                loop.give_back()
        with asyncio.Runner(loop_factory=Other) as runner:
            runner.run(main())


class Log(Folder):
    @patient
    async def test_ten_lines_are_enough(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            async with Belfry.Server(pipeline) as server:
                server.listen('127.0.0.1', 0)
                client = Belfry.Client(server.list_uris()[0])
                async with client.subscribe({'event_types': ['quiz_started']}) as events:
                    await client.publish(new_event(1))
                    event = await anext(events)
        self.assertEqual(event['payload'], {'n': 1})

    @patient
    async def test_the_log_answers_with_events(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            events = [await pipeline.publish(new_event(n, user_id='ada')) for n in range(3)]
            self.assertIsNotNone(events[0].timestamp.tzinfo)
            self.assertEqual(events[0].to_dict()['id'], events[0].id)
            self.assertEqual([event.id for event in await store.query({'user_id': 'ada'}, limit=2)], [events[2].id, events[1].id])
            self.assertEqual(await store.query(since=events[2].timestamp), [])
            self.assertEqual((await store.lookup(events[1].id)).position, 2)
            self.assertEqual([event.position for event in (await store.read(after=2)).events], [3])
            self.assertEqual((await store.stats()).by_type[0].count, 3)
            await store.check()
            parsed = [pipeline.get_validator().parse(json.dumps(new_event()), -1)]
            await store.append(parsed)
            self.assertEqual(parsed[0].position, 4)
            self.assertEqual(await store.delete(before=datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)), 0)
            self.assertEqual(await store.delete(), 4)

    @patient
    async def test_errors_are_failures_with_a_code(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            for begun, code in ((pipeline.publish({}), Belfry.Error.INVALID_EVENT), (pipeline.publish('{'), Belfry.Error.INVALID_JSON),
                                (store.lookup('evt_000000000000'), Belfry.Error.NOT_FOUND)):
                with self.assertRaises(Belfry.Failure) as caught:
                    await begun
                self.assertIsInstance(caught.exception, GLib.Error)
                self.assertIs(type(caught.exception.code), Belfry.Error)
                self.assertEqual(caught.exception.code, code)
            with self.assertRaises(Belfry.Failure) as caught:
                pipeline.subscribe(resume_from=Belfry.Cursor.new(1, 1))
            self.assertEqual(caught.exception.code, Belfry.Error.UNKNOWN_CURSOR)
            with self.assertRaises(Belfry.Failure) as caught:
                async with Belfry.SqliteStore(self.path):
                    self.fail('opened twice')
            self.assertEqual(caught.exception.code, Belfry.Error.REFUSED)

    @patient
    async def test_a_subscription_resumes_behind_what_was_taken(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            for n in range(5):
                await pipeline.publish(new_event(n))
            events = pipeline.subscribe(resume_from='beginning')
            self.assertEqual(await take(events, 2), [0, 1])
            events.close()
            async with pipeline.subscribe(resume_from=events.cursor) as events:
                self.assertEqual(await take(events, 3), [2, 3, 4])
            self.assertEqual(pipeline.get_router().props.active_subscribers, 0)
            with self.assertRaises(StopAsyncIteration):
                await anext(events)

    @patient
    async def test_closing_ends_the_wait_for_a_daemon(self):
        with socket.socket() as silent:
            silent.bind(('127.0.0.1', 0))
            silent.listen()
            client = Belfry.Client(f'http://127.0.0.1:{silent.getsockname()[1]}')
            subscription = client.subscribe()

            async def read():
                async with subscription as events:
                    return [event async for event in events]

            reading = asyncio.create_task(read())
            while subscription._waiter is None:
                await asyncio.sleep(0)
            subscription.close()
            self.assertEqual(await reading, [])
            # One that was closed before has nothing to wait for.
            self.assertEqual(await read(), [])

    @patient
    async def test_a_slow_reader_loses_nothing_and_keeps_little(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            async with pipeline.subscribe(max_waiting=10) as events:
                for first in range(0, 1000, 100):
                    await asyncio.gather(*(pipeline.publish(new_event(first + n)) for n in range(100)))
                    self.assertLessEqual(len(events._waiting), 10)
                self.assertEqual(await take(events, 1000), list(range(1000)))

    @patient
    async def test_a_gap_is_told_in_its_place(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            await asyncio.gather(*(pipeline.publish(new_event(n)) for n in range(3)))
            await store.delete()
            gaps = []
            cursor = Belfry.Cursor.new(store.get_log_id(), 1)
            async with pipeline.subscribe(resume_from=str(cursor), on_gap=gaps.append) as events:
                await pipeline.publish(new_event(3))
                self.assertEqual(await take(events, 1), [3])
            self.assertEqual((gaps, events.lost), ([2], 2))

    @patient
    async def test_a_dropped_subscription_ends(self):
        async with Belfry.SqliteStore(self.path) as store:
            pipeline = Belfry.Pipeline(store)
            events = pipeline.subscribe()
            self.assertEqual(pipeline.get_router().props.active_subscribers, 1)
            del events
            self.assertEqual(pipeline.get_router().props.active_subscribers, 0)


class Daemon(Folder):
    """A client, and a server that can go and come back."""

    def start(self, port=0):
        self.server = Belfry.Server(self.pipeline)
        self.server.listen('127.0.0.1', port)
        return self.server.list_uris()[0]

    def with_daemon(test):
        @functools.wraps(test)
        def run(self):
            async def main():
                async with Belfry.SqliteStore(self.path) as store:
                    self.store = store
                    self.pipeline = Belfry.Pipeline(store)
                    self.url = self.start()
                    await test(self, Belfry.Client(self.url))
                    await self.server.stop()
            asyncio.run(asyncio.wait_for(main(), PATIENCE))
        return run

    @with_daemon
    async def test_each_request_has_a_coroutine(self, client):
        events = [await client.publish(new_event(n)) for n in range(3)]
        self.assertEqual([event['payload']['n'] for event in await client.query(limit=2)], [2, 1])
        self.assertEqual(await client.query({'user_id': 'nobody'}), [])
        self.assertEqual(await client.query(since=datetime.datetime.fromisoformat(events[2]['timestamp'])), [])
        self.assertEqual(await client.lookup(events[0]['id']), events[0])
        self.assertEqual((await client.stats())['total_events'], 3)
        await client.add_event_type('bell_rung', 'Somebody pulled the rope')
        self.assertIn('bell_rung', str(await client.list_event_types()))
        self.assertEqual(await client.clear(), 3)
        with self.assertRaises(Belfry.Failure) as caught:
            await client.lookup(events[0]['id'])
        self.assertEqual(caught.exception.code, Belfry.Error.NOT_FOUND)

    @with_daemon
    async def test_a_publisher_keeps_many_in_flight(self, client):
        publisher = Belfry.ClientPublisher(client, max_in_flight=100)
        ids = await asyncio.gather(*(publisher.publish(new_event(n)) for n in range(100)))
        self.assertEqual(len(set(ids)), 100)
        full = await asyncio.gather(*(publisher.publish(new_event(n)) for n in range(101)), return_exceptions=True)
        self.assertEqual([answer.code for answer in full if isinstance(answer, Exception)], [Belfry.Error.CAPACITY])
        publisher.close()

    @with_daemon
    async def test_a_subscription_survives_the_daemon(self, client):
        seen = []
        async with client.subscribe(retry_initial_msec=1, retry_maximum_msec=20) as events:
            events.source.connect('disconnected', lambda source, error, msec: seen.append(msec >= 0))
            await self.pipeline.publish(new_event(0))
            self.assertEqual(await take(events, 1), [0])
            await self.server.stop()
            await self.pipeline.publish(new_event(1))
            self.start(int(self.url.rsplit(':', 1)[1]))
            await self.pipeline.publish(new_event(2))
            self.assertEqual(await take(events, 2), [1, 2])
            self.assertEqual(events.source.props.connections, 2)
        self.assertTrue(seen and all(seen))

    @with_daemon
    async def test_a_slow_reader_loses_nothing_and_keeps_little(self, client):
        async with client.subscribe(max_waiting=50) as events:
            for first in range(0, 1000, 100):
                await asyncio.gather(*(self.pipeline.publish(new_event(first + n)) for n in range(100)))
                self.assertLessEqual(len(events._waiting), 50)
            self.assertEqual(await take(events, 1000), list(range(1000)))

    @with_daemon
    async def test_a_wrong_cursor_ends_a_subscription(self, client):
        with self.assertRaises(Belfry.Failure) as caught:
            async with client.subscribe(resume_from='nonsense') as events:
                await anext(events)
        self.assertEqual(caught.exception.code, Belfry.Error.UNKNOWN_CURSOR)

    @with_daemon
    async def test_what_is_cancelled_is_let_go(self, client):
        begun = asyncio.create_task(client.publish(new_event()))
        await asyncio.sleep(0)
        begun.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await begun
        with self.assertRaises(asyncio.TimeoutError):
            await asyncio.wait_for(Belfry.call(client.stats_async, client.stats_finish), 0)
        self.assertLessEqual((await client.stats())['total_events'], 1)

    def test_nobody_there_is_an_error_of_gio(self):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            url = f'http://127.0.0.1:{free.getsockname()[1]}'
        with self.assertRaises(GLib.Error) as caught:
            asyncio.run(Belfry.Client(url).stats())
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CONNECTION_REFUSED))


if __name__ == '__main__':
    unittest.main()
