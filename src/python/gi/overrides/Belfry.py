# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright 2026 The Belfry authors
"""Belfry for Python: what waits can be awaited, events are dicts, subscriptions are iterated.

Everything of the C library is there under its own name and works with GLib.MainLoop as in C. On top of that, classes get coroutines
(`await client.publish({...})`), asynchronous iterators (`async for event in client.subscribe()`) and asynchronous context managers.

One thread, one loop. Belfry's objects live on a GLib main context. GLib can drive asyncio or asyncio can drive GLib; here asyncio does:
its selector waits by one iteration of the main context, in which the selector's own epoll descriptor is one source among others.
Callbacks of both worlds run in the same thread, one after the other, so nothing needs a lock and no object changes its thread; a
second thread with a loop of its own would need both. Plain `asyncio.run(main())` is enough: the first thing of Belfry that is awaited
gives the running loop that selector. Where a loop is to be made by hand it is `Belfry.EventLoop`. Loops that are not
selector loops, such as uvloop's, are refused with a RuntimeError.

A task that is cancelled cancels what it waits for. Errors of Belfry are raised as `Belfry.Failure`, a GLib.Error whose `code` is a
`Belfry.Error`.
"""

import asyncio
import collections
import datetime
import json
import selectors
import weakref

from gi.module import get_introspection_module
from gi.overrides import override
from gi.repository import Gio, GLib

Belfry = get_introspection_module('Belfry')

__all__ = []

DOMAIN = GLib.quark_to_string(Belfry.error_quark())
FAR_MSEC = 0x7fffffff
NO_LIMIT = 0xffffffffffffffff
NEVER, FOR_EVER = -2 ** 63, 2 ** 63 - 1


# The loop

class Selector(selectors.DefaultSelector):
    """Waits for descriptors and for a GLib main context at once."""

    def __init__(self):
        super().__init__()
        self._context = GLib.MainContext.ref_thread_default()
        # Becomes ready with the descriptors or at the end of the wait. What it calls has nothing to do: it only ends an iteration.
        self._source = GLib.timeout_source_new(FAR_MSEC)
        self._source.set_callback(lambda *args: True)
        self._source.add_unix_fd(self.fileno(), GLib.IOCondition.IN)
        self._source.attach(self._context)

    def select(self, timeout=None):
        may_wait = timeout is None or timeout > 0
        self._source.set_ready_time(GLib.get_monotonic_time() + int(timeout * 1e6) if timeout and may_wait else -1)
        self._context.iteration(may_wait)
        return super().select(0)

    def close(self):
        self._source.destroy()
        super().close()


class EventLoop(asyncio.SelectorEventLoop):
    """A loop of asyncio that also runs the thread's GLib main context."""

    def __init__(self):
        super().__init__(Selector())


def running_loop():
    """The running loop, which from now on also runs GLib."""
    loop = asyncio.get_running_loop()
    old = getattr(loop, '_selector', None)
    if isinstance(old, Selector) or type(loop).__module__.startswith('gi.'):
        return loop
    if not isinstance(old, selectors.BaseSelector):
        raise RuntimeError(f'{type(loop).__name__} cannot run a GLib main context; use Belfry.EventLoop')
    selector = Selector()
    for key in list(old.get_map().values()):
        selector.register(key.fileobj, key.events, key.data)
    loop._selector = selector
    old.close()
    return loop


# What waits

class Failure(GLib.Error):
    """Something of Belfry went wrong; `code` is a Belfry.Error, `message` says it in words."""

    def __init__(self, error):
        super().__init__(error.message, error.domain, Belfry.Error(error.code))


def translate(error):
    return Failure(error) if error.domain == DOMAIN else error


async def call(begin, finish, *args):
    """Awaits a pair of functions of the library, which may also be one that this file does not know.

    >>> await Belfry.call(store.check_async, store.check_finish)
    """
    answer = running_loop().create_future()
    cancellable = Gio.Cancellable()

    def answered(source, result, *data):
        try:
            value = finish(result)
        except GLib.Error as error:
            if not answer.done():
                answer.set_exception(translate(error))
        else:
            if not answer.done():
                answer.set_result(value)

    begin(*args, cancellable, answered)
    try:
        return await answer
    except asyncio.CancelledError:
        cancellable.cancel()
        raise


def to_json(event):
    return event if isinstance(event, str) else json.dumps(event)


def to_filter(value):
    if value is None:
        return Belfry.Filter.new(None, None, None)
    return value if isinstance(value, Belfry.Filter) else Belfry.Filter.new_from_json(json.dumps(value), -1)


def to_cursor(value):
    if value == 'beginning':
        return Belfry.Cursor.new_beginning()
    return Belfry.Cursor.new_from_string(value) if isinstance(value, str) else value


def to_usec(value, default):
    return default if value is None else round(value.timestamp() * 1000000) if isinstance(value, datetime.datetime) else value


def to_instant(value):
    return value.isoformat() if isinstance(value, datetime.datetime) else value


class Subscription:
    """Events in the order of the log, for `async for`. Ends by `close()` or at the end of `async with`.

    At most `max_waiting` events wait to be taken; a reader that is slower gets the rest from the log, so nothing is lost and nothing
    grows. `cursor` is the place behind the event that was taken last: subscribing again from there goes on exactly behind it. What
    the log no longer holds is counted in `lost` and told to `on_gap(lost)`, in its place among the events. `source` is the object
    of the library with its signals.
    """

    def __init__(self, source, max_waiting, on_gap):
        running_loop()
        self.source = source
        self.cursor = None
        self.lost = 0
        self._waiting = collections.deque()
        self._max_waiting = max_waiting
        self._on_gap = on_gap
        self._waiter = None
        self._is_running = True
        self._is_closed = False
        # Whoever lets go of the subscription ends it, so the source must not hold it.
        this = weakref.ref(self)
        self._handlers = [source.connect(name, self._forward(this, name)) for name in self.SIGNALS]
        source.start()

    @staticmethod
    def _forward(this, name):
        def forward(source, *args):
            self = this()
            if self is not None:
                getattr(self, 'on_' + name)(*args)
        return forward

    def put(self, event, cursor, lost=0):
        self._waiting.append((event, cursor, lost))
        if self._is_running and len(self._waiting) >= self._max_waiting:
            self._is_running = False
            self.pause()
        self.wake()

    def end(self, error=None):
        self._waiting.append((None, None, error))
        self.wake()

    def wake(self):
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while True:
            while not self._waiting:
                if self._is_closed:
                    raise StopAsyncIteration
                self._waiter = running_loop().create_future()
                if not self._is_running:
                    self._is_running = True
                    self.source.start()
                await self._waiter
            event, cursor, more = self._waiting.popleft()
            if cursor is None and event is None:
                self.close()
                if more is None:
                    raise StopAsyncIteration
                raise translate(more)
            self.cursor = cursor
            if event is not None:
                return event
            self.lost += more
            if self._on_gap is not None:
                self._on_gap(more)

    def close(self):
        """Ends the subscription; iterating over it ends too."""
        if self._is_closed:
            return
        self._is_closed = True
        self._waiting.clear()
        for handler in self._handlers:
            self.source.disconnect(handler)
        self.stop()
        self.wake()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        self.close()

    def __del__(self):
        if not getattr(self, '_is_closed', True):
            self.close()


class RemoteSubscription(Subscription):
    """`async with` begins when the daemon has confirmed it: what is published from then on comes."""

    SIGNALS = ('event', 'gap', 'connected', 'disconnected')
    is_confirmed = False

    async def __aenter__(self):
        while not self.is_confirmed and not self._waiting and not self._is_closed:
            self._waiter = running_loop().create_future()
            await self._waiter
        # Closed meanwhile, there is nothing inside but the end.
        if not self.is_confirmed and self._waiting and self._waiting[0][0] is None:
            return await self.__anext__()
        return self

    def on_connected(self, subscriber_id):
        self.is_confirmed = True
        self.wake()

    def on_event(self, text, cursor):
        self.put(json.loads(text), cursor)

    def on_gap(self, begin, end, lost):
        self.put(None, end or begin or '', lost)

    def on_disconnected(self, error, retry_msec):
        if retry_msec < 0:
            self.end(error)

    def pause(self):
        # It goes on behind the last event that came when it is started again.
        self.source.stop()

    def stop(self):
        self.source.stop()


class LocalSubscription(Subscription):
    SIGNALS = ('event', 'gap', 'cancelled')

    def on_event(self, event):
        self.put(event, self.source.dup_cursor().to_string())

    def on_gap(self, gap):
        self.put(None, self.source.dup_cursor().to_string(), gap.lost)

    def on_cancelled(self):
        self.end()

    def pause(self):
        self.source.pause()

    def stop(self):
        self.source.cancel()


# The library

class Event(Belfry.Event):
    id = property(lambda self: self.get_id())
    position = property(lambda self: self.get_position())
    event_type = property(lambda self: self.get_event_type())
    source = property(lambda self: self.get_source())
    session_id = property(lambda self: self.get_session_id())
    user_id = property(lambda self: self.get_user_id())
    payload = property(lambda self: json.loads(self.get_payload()))

    @property
    def timestamp(self):
        """When it was accepted; None before that."""
        usec = self.get_timestamp_usec()
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=usec) if usec else None

    def to_dict(self):
        """The event as a remote client gets it; None before it was accepted."""
        text = self.get_json()
        return json.loads(text) if text is not None else None

    def __repr__(self):
        return f'<Belfry.Event {self.id} {self.event_type}>'


class Cursor(Belfry.Cursor):
    def __str__(self):
        return self.to_string()


class EventStore(Belfry.EventStore):
    async def append(self, events):
        """Appends events of a validator, all or none; they are durable then."""
        await call(self.append_async, self.append_finish, list(events))

    async def query(self, filter=None, since=None, before_position=0, limit=100):
        """The newest events that match, newest first; `since` is a datetime or µs since 1970."""
        return await call(self.query_async, self.query_finish, to_filter(filter), to_usec(since, NEVER), before_position, limit)

    async def lookup(self, id):
        return await call(self.lookup_async, self.lookup_finish, id)

    async def read(self, after=0, through=NO_LIMIT, filter=None, max_events=1000, max_bytes=4 << 20):
        """A page of the log, oldest first; the next one begins at its `next`."""
        return await call(self.read_async, self.read_finish, to_filter(filter), after, through, max_events, max_bytes)

    async def delete(self, before=None):
        """Deletes what was accepted before a datetime, or all; says how many events that were."""
        return await call(self.delete_async, self.delete_finish, to_usec(before, FOR_EVER))

    async def stats(self):
        return await call(self.stats_async, self.stats_finish)

    async def check(self):
        """Raises a Failure when the log cannot be read or written now."""
        await call(self.check_async, self.check_finish)


EventStore = override(EventStore)


class SqliteStore(Belfry.SqliteStore):
    """`async with Belfry.SqliteStore('events.db') as store:` opens and closes it."""

    def __init__(self, path=None, **properties):
        super().__init__(path=path, **properties)

    async def __aenter__(self):
        await call(self.open_async, self.open_finish)
        return self

    async def __aexit__(self, *error):
        self.close()


class Pipeline(Belfry.Pipeline):
    def __init__(self, store=None, **properties):
        super().__init__(store=store, **properties)

    async def publish(self, event):
        """Publishes a dict or a JSON text; gives the Belfry.Event, which is durable."""
        return await call(self.publish_async, self.publish_finish, to_json(event), -1)

    def subscribe(self, filter=None, resume_from=None, *, max_waiting=1024, on_gap=None):
        """Events for `async for`, from a cursor or 'beginning' or from now on; see Belfry.Subscription."""
        try:
            subscriber = self.get_router().subscribe(to_filter(filter), to_cursor(resume_from))
        except GLib.Error as error:
            raise translate(error) from None
        return LocalSubscription(subscriber, max_waiting, on_gap)


class Server(Belfry.Server):
    """`async with` stops it at the end."""

    def __init__(self, pipeline=None, **properties):
        super().__init__(pipeline=pipeline, **properties)

    async def stop(self):
        await call(self.stop_async, self.stop_finish)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.stop()


class Client(Belfry.Client):
    def __init__(self, url=None, **properties):
        super().__init__(url=url, **properties)

    async def publish(self, event):
        """Publishes a dict or a JSON text; gives the event as it was accepted, a dict. It is durable."""
        return json.loads(await call(self.publish_async, self.publish_finish, to_json(event)))

    async def query(self, filter=None, since=None, limit=100):
        """The newest events that match, newest first, as dicts."""
        texts = await call(self.query_async, self.query_finish, to_filter(filter), to_instant(since), limit)
        return [json.loads(text) for text in texts]

    async def lookup(self, id):
        return json.loads(await call(self.lookup_async, self.lookup_finish, id))

    async def stats(self):
        return json.loads(await call(self.stats_async, self.stats_finish))

    async def list_event_types(self):
        return json.loads(await call(self.list_event_types_async, self.list_event_types_finish))

    async def add_event_type(self, name, description=''):
        await call(self.add_event_type_async, self.add_event_type_finish, name, description)

    async def clear(self, before=None):
        """Deletes what was accepted before a datetime, or all; says how many events that were."""
        return await call(self.clear_async, self.clear_finish, to_instant(before))

    def subscribe(self, filter=None, resume_from=None, *, max_waiting=1024, on_gap=None, **properties):
        """Events for `async for`, as dicts, across lost connections; see Belfry.Subscription. Properties are those of
        Belfry.ClientSubscription."""
        source = Belfry.ClientSubscription(client=self, filter=to_filter(filter),
                                           resume_from=str(resume_from) if resume_from else None, **properties)
        return RemoteSubscription(source, max_waiting, on_gap)


class ClientPublisher(Belfry.ClientPublisher):
    def __init__(self, client=None, **properties):
        super().__init__(client=client, **properties)

    async def publish(self, event):
        """Sends a dict or a JSON text behind those given before; gives its id once it is durable."""
        return await call(self.publish_async, self.publish_finish, to_json(event))


Event, Cursor, SqliteStore, Pipeline, Server, Client, ClientPublisher = map(
    override, (Event, Cursor, SqliteStore, Pipeline, Server, Client, ClientPublisher))

__all__ += ['Client', 'ClientPublisher', 'Cursor', 'Event', 'EventLoop', 'EventStore', 'Failure', 'Pipeline', 'Server', 'SqliteStore',
            'Subscription', 'call']
