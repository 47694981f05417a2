// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright 2026 The Belfry authors
baseURLs = [
  ['GLib', 'https://docs.gtk.org/glib/'],
  ['GObject', 'https://docs.gtk.org/gobject/'],
  ['Gio', 'https://docs.gtk.org/gio/'],
];
