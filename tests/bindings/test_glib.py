# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Every class from Python with GLib's main loop, without asyncio."""
import json
import unittest

from gi.repository import Gio, GLib
from support import Belfry, Folder, new_event, until, wait

NEVER, FOR_EVER = -2 ** 63, 2 ** 63 - 1


class Values(unittest.TestCase):
    def test_a_cursor_survives_its_text(self):
        cursor = Belfry.Cursor.new_from_string(Belfry.Cursor.new(7, 9).to_string())
        self.assertEqual((cursor.log_id, cursor.position), (7, 9))
        self.assertEqual(len(cursor.to_string()), Belfry.CURSOR_TEXT_LENGTH)
        self.assertEqual(str(cursor), cursor.to_string())

    def test_a_filter_is_the_same_from_json_and_from_a_variant(self):
        rules = {'event_types': ['quiz_started'], 'user_tiers': ['gold'], 'min_amount': 2.5}
        one = Belfry.Filter.new_from_json(json.dumps(rules), -1)
        other = Belfry.Filter.new_from_variant(GLib.Variant('a{sv}', {
            'event_types': GLib.Variant('as', ['quiz_started']), 'user_tiers': GLib.Variant('as', ['gold']),
            'min_amount': GLib.Variant('d', 2.5)}))
        self.assertTrue(one.equal(other))
        self.assertEqual(one.get_event_types(), ['quiz_started'])
        self.assertEqual(one.get_min_amount(), (True, 2.5))
        self.assertFalse(one.is_any())
        self.assertTrue(Belfry.Filter.new(None, None, None).is_any())

    def test_an_error_has_a_domain_and_a_code(self):
        with self.assertRaises(GLib.Error) as caught:
            Belfry.Cursor.new_from_string('no cursor')
        self.assertTrue(caught.exception.matches(Belfry.error_quark(), Belfry.Error.UNKNOWN_CURSOR))

    def test_a_registry_knows_its_types(self):
        registry = Belfry.EventTypeRegistry()
        registered = []
        registry.connect('registered', lambda _, name: registered.append(name))
        registry.register('bell_rung', 'Somebody pulled the rope')
        self.assertEqual(registered, ['bell_rung'])
        self.assertIn('bell_rung', registry.list_names())
        self.assertEqual(registry.get_n_types(), len(registry.list_names()))
        self.assertEqual(registry.get_description('bell_rung'), 'Somebody pulled the rope')

    def test_a_validator_tells_an_event_from_nonsense(self):
        validator = Belfry.EventValidator.new(Belfry.EventTypeRegistry())
        event = validator.parse(json.dumps(new_event(3, user_id='ada')), -1)
        self.assertEqual((event.event_type, event.source, event.user_id, event.payload), ('quiz_started', 'test', 'ada', {'n': 3}))
        self.assertEqual((event.id, event.timestamp, event.to_dict(), event.position), (None, None, None, 0))
        self.assertTrue(Belfry.Filter.new(['quiz_started'], None, 'ada').matches(event))
        with self.assertRaises(GLib.Error) as caught:
            validator.parse('{', -1)
        self.assertEqual(caught.exception.code, Belfry.Error.INVALID_JSON)

    def test_a_problem_is_made_and_copied(self):
        problem = Belfry.Problem.new('source', 'missing', 'Field required').copy()
        self.assertEqual((problem.field, problem.rule, problem.message), ('source', 'missing', 'Field required'))


class Log(Folder):
    def setUp(self):
        super().setUp()
        self.store = Belfry.SqliteStore.new(self.path)
        self.store.open(None)
        self.addCleanup(lambda: self.store.close())
        self.pipeline = Belfry.Pipeline.new_for_store(self.store)

    def publish(self, *events):
        pipeline = self.pipeline
        return [wait(pipeline.publish_async, pipeline.publish_finish, json.dumps(event), -1) for event in events]

    def test_an_event_is_found_in_every_way(self):
        store = self.store
        committed = []
        store.connect('committed', lambda _, events: committed.extend(events))
        events = self.publish(*(new_event(n) for n in range(3)))
        self.assertEqual([event.position for event in events], [1, 2, 3])
        self.assertEqual([event.id for event in committed], [event.id for event in events])
        found = wait(store.query_async, store.query_finish, None, NEVER, 0, 2)
        self.assertEqual([event.payload['n'] for event in found], [2, 1])
        self.assertEqual(wait(store.lookup_async, store.lookup_finish, events[0].id).to_dict()['payload'], {'n': 0})
        page = wait(store.read_async, store.read_finish, None, 1, 2 ** 64 - 1, 10, 1 << 20)
        self.assertEqual(([event.position for event in page.events], page.next, page.lost, page.floor), ([2, 3], 3, 0, 1))
        stats = wait(store.stats_async, store.stats_finish)
        self.assertEqual((stats.total_events, stats.events_last_hour), (3, 3))
        self.assertEqual([(row.event_type, row.count) for row in stats.by_type], [('quiz_started', 3)])
        self.assertTrue(wait(store.check_async, store.check_finish))
        self.assertEqual(wait(store.delete_async, store.delete_finish, FOR_EVER), 3)
        self.assertEqual((store.get_floor(), store.get_last_position()), (4, 3))
        with self.assertRaises(GLib.Error) as caught:
            wait(store.lookup_async, store.lookup_finish, events[0].id)
        self.assertTrue(caught.exception.matches(Belfry.error_quark(), Belfry.Error.NOT_FOUND))

    def test_events_of_a_validator_are_appended_together(self):
        parse = self.pipeline.get_validator().parse
        events = [parse(json.dumps(new_event(n)), -1) for n in range(2)]
        self.assertTrue(wait(self.store.append_async, self.store.append_finish, events))
        self.assertEqual([event.position for event in events], [1, 2])
        self.assertEqual(self.store.props.events_appended, 2)

    def test_a_subscriber_resumes_pauses_and_changes_its_filter(self):
        router = self.pipeline.get_router()
        self.publish(new_event(0), new_event(1))
        subscriber = router.subscribe(Belfry.Filter.new(None, None, None), Belfry.Cursor.new(self.store.get_log_id(), 1))
        got = []
        subscriber.connect('event', lambda _, event: got.append(event.payload['n']))
        self.assertEqual(router.lookup(subscriber.get_id()), subscriber)
        self.assertEqual(router.list_subscribers(), [subscriber])
        subscriber.start()
        until(lambda: got == [1])
        subscriber.pause()
        self.publish(new_event(2), new_event(3))
        self.assertEqual(got, [1])
        subscriber.set_filter(Belfry.Filter.new(None, None, 'ada'))
        subscriber.start()
        self.publish(new_event(4), new_event(5, user_id='ada'))
        until(lambda: len(got) == 4)
        self.assertEqual(got, [1, 2, 3, 5])
        self.assertEqual(subscriber.dup_cursor().position, 6)
        subscriber.cancel()
        self.assertEqual(router.list_subscribers(), [])

    def test_a_pause_in_a_handler_holds_at_once(self):
        subscriber = self.pipeline.get_router().subscribe(Belfry.Filter.new(None, None, None), None)
        got = []

        def on_event(_, event):
            got.append(event.payload['n'])
            if len(got) == 2:
                subscriber.pause()
        subscriber.connect('event', on_event)
        self.publish(*(new_event(n) for n in range(5)))
        subscriber.start()
        until(lambda: len(got) == 2)
        self.publish(new_event(5))
        self.assertEqual(got, [0, 1])
        subscriber.start()
        until(lambda: len(got) == 6)
        subscriber.cancel()

    def test_a_removed_place_is_told_as_a_gap(self):
        self.publish(new_event(0), new_event(1))
        wait(self.store.delete_async, self.store.delete_finish, FOR_EVER)
        subscriber = self.pipeline.get_router().subscribe(Belfry.Filter.new(None, None, None), Belfry.Cursor.new(self.store.get_log_id(), 1))
        gaps = []
        subscriber.connect('gap', lambda _, gap: gaps.append(gap.copy()))
        subscriber.start()
        until(lambda: gaps)
        self.assertEqual((gaps[0].lost, gaps[0].from_.position, gaps[0].to.position), (1, 1, 2))

    def test_a_store_opens_without_blocking(self):
        other = Belfry.SqliteStore(self.path + '2')
        answers = []
        other.open_async(None, lambda store, result: answers.append(store.open_finish(result)))
        self.assertEqual((answers, other.props.events_waiting), ([], 0))
        until(lambda: answers)
        pipeline = Belfry.Pipeline(store=other)
        self.assertEqual(wait(pipeline.publish_async, pipeline.publish_finish, json.dumps(new_event()), -1).position, 1)
        other.close()
        with self.assertRaises(GLib.Error) as caught:
            wait(other.stats_async, other.stats_finish)
        self.assertEqual(caught.exception.code, Belfry.Error.UNAVAILABLE)

    def test_a_store_in_use_is_refused_both_ways(self):
        second = Belfry.SqliteStore(self.path)
        with self.assertRaises(GLib.Error) as caught:
            second.open(None)
        self.assertEqual(caught.exception.code, Belfry.Error.REFUSED)
        third = Belfry.SqliteStore(self.path)
        with self.assertRaises(GLib.Error) as caught:
            wait(third.open_async, third.open_finish)
        self.assertEqual(caught.exception.code, Belfry.Error.REFUSED)

    def test_a_cancelled_opening_opens_nothing(self):
        cancellable = Gio.Cancellable()
        cancellable.cancel()
        other = Belfry.SqliteStore(self.path + '3')
        answers = []
        other.open_async(cancellable, lambda store, result: answers.append(result))
        until(lambda: answers)
        with self.assertRaises(GLib.Error) as caught:
            other.open_finish(answers[0])
        self.assertTrue(caught.exception.matches(Gio.io_error_quark(), Gio.IOErrorEnum.CANCELLED))
        other.open(None)
        other.close()

    def test_whole_files_are_backed_up_verified_and_restored(self):
        self.publish(new_event())
        copy, restored = self.path + '.copy', self.path + '.restored'
        Belfry.SqliteStore.backup_file(self.path, copy, None)
        Belfry.SqliteStore.verify_file(copy, None)
        Belfry.SqliteStore.restore_file(copy, restored, False, None)
        with self.assertRaises(GLib.Error):
            Belfry.SqliteStore.restore_file(copy, restored, False, None)

    def test_a_server_answers_its_own_routes(self):
        server = Belfry.Server.new(self.pipeline)
        seen = []

        def greet(server, request):
            seen.append((request.get_method(), request.get_path(), request.get_path_param(), request.get_query('loud'),
                         request.list_query_names(), request.get_header('user-agent'), request.get_body().get_data()))
            request.set_response_header('X-Bell', 'ding')
            request.respond_json(200, '{}')
        server.add_route('GET', '/greet/{name}', greet)
        server.listen('127.0.0.1', 0)
        url = server.list_uris()[0] + '/greet/ada?loud=1'
        answers = []
        address = GLib.Uri.parse(url, GLib.UriFlags.NONE)
        connection = []
        Gio.SocketClient().connect_to_host_async(
            address.get_host(), address.get_port(), None,
            lambda client, result: connection.append(client.connect_to_host_finish(result)))
        until(lambda: connection)
        connection[0].get_output_stream().write_all(
            b'GET /greet/ada?loud=1 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\nConnection: close\r\n\r\n', None)
        connection[0].get_input_stream().read_bytes_async(
            4096, GLib.PRIORITY_DEFAULT, None, lambda stream, result: answers.append(stream.read_bytes_finish(result).get_data()))
        until(lambda: answers)
        self.assertTrue(answers[0].startswith(b'HTTP/1.1 200'), answers[0])
        self.assertIn(b'X-Bell: ding', answers[0])
        self.assertEqual(seen, [('GET', '/greet/ada', 'ada', '1', ['loud'], 'test', b'')])
        self.assertTrue(wait(server.stop_async, server.stop_finish))


class Mistakes(unittest.TestCase):
    def test_parts_without_their_parts_are_criticals_and_no_crash(self):
        flags = GLib.log_set_always_fatal(GLib.LogLevelFlags.LEVEL_ERROR)
        GLib.log_set_writer_func(lambda *args: GLib.LogWriterOutput.HANDLED)
        try:
            for kind in (Belfry.Router, Belfry.Pipeline, Belfry.Subscriber, Belfry.Client, Belfry.ClientPublisher,
                         Belfry.EventValidator, Belfry.EventTypeRegistry, Belfry.SqliteStore):
                kind()
        finally:
            GLib.log_set_always_fatal(flags)


if __name__ == '__main__':
    unittest.main()
