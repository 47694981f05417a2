#!/usr/bin/gjs -m
// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors
//
// Follows a daemon elsewhere, across lost connections: tail.js URL [CURSOR|beginning]
import Belfry from 'gi://Belfry?version=1';
import GLib from 'gi://GLib';

const [url, cursor] = ARGV;
const loop = GLib.MainLoop.new(null, false);
const client = new Belfry.Client({url});
const subscription = Belfry.ClientSubscription.new(client, null, cursor ?? null);

subscription.connect('event', (_, text) => {
    const event = JSON.parse(text);
    print('received', event.id, event.event_type);
});
subscription.connect('gap', (_, begin, end, lost) => print(lost, 'places of the log are gone'));
subscription.connect('connected', () => print('connected'));
subscription.connect('disconnected', (_, error, retryMsec) => {
    print(retryMsec >= 0 ? 'lost the connection, trying again' : `ended: ${error.message}`);
    if (retryMsec < 0)
        loop.quit();
});

// It comes back by itself and goes on behind the last event. SIGINT and SIGTERM end it.
subscription.start();
[2, 15].forEach(number => GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, () => loop.quit()));
loop.run();
subscription.stop();

// To go on here another time.
print('cursor', subscription.get_cursor());
