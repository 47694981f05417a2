/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-collector.h"
#include "belfry-server.h"

G_BEGIN_DECLS

#define BELFRY_DBUS_NAME "org.belfry.Belfry"
#define BELFRY_DBUS_PATH "/org/belfry/Belfry"

#define BELFRY_TYPE_DBUS_SERVICE (belfry_dbus_service_get_type ())

/* The object /org/belfry/Belfry: what data/org.belfry.Belfry1.xml says, in front of a server. Home context only.
 *
 * Properties, settable before export: server (construct-only), group, max-calls, max-streams (of one user), max-answer-bytes;
 * read-only, counters: calls, calls-denied, calls-busy, streams, streams-opened, streams-refused, delivered. */
G_DECLARE_FINAL_TYPE (BelfryDBusService, belfry_dbus_service, BELFRY, DBUS_SERVICE, GObject)

typedef void (*BelfryDBusDrainFunc) (gpointer user_data);
typedef void (*BelfryDBusReadyFunc) (gpointer user_data);

BelfryDBusService *belfry_dbus_service_new      (BelfryServer *server);
/* Replays dead letters; without one there are none. */
void               belfry_dbus_service_set_collector (BelfryDBusService *self, BelfryCollector *collector);
/* On one connection at a time. ready is called when the properties hold for the first time; not after unexport. */
gboolean           belfry_dbus_service_export   (BelfryDBusService *self, GDBusConnection *connection,
                                                 BelfryDBusReadyFunc ready, gpointer user_data, GError **error);
/* The group may have been made, or have another number, since export. May block. */
void               belfry_dbus_service_look_up_group (BelfryDBusService *self);
/* Takes no further calls; open streams go on. */
void               belfry_dbus_service_unexport (BelfryDBusService *self);
/* Refuses further calls, ends the streams, and calls func once those that were taken are answered; at once when there are
 * none. */
void               belfry_dbus_service_stop     (BelfryDBusService *self, BelfryDBusDrainFunc func, gpointer user_data);

G_END_DECLS
