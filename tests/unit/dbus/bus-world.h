/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dbus-service.h"
#include "server-world.h"

/* A bus of its own, a server over a real log, and a caller's connection. */
typedef struct
{
  ServerWorld      server;
  GTestDBus       *bus;
  GDBusConnection *caller;
} BusWorld;

void             bus_world_set_up    (BusWorld *world, gconstpointer data);
void             bus_world_tear_down (BusWorld *world, gconstpointer data);
GDBusConnection *bus_world_connect   (BusWorld *world);
/* Calls a method of org.belfry.Belfry1 at the owner of a name, and waits for the answer. */
GVariant        *bus_world_call      (BusWorld *world, const char *name, const char *method, GVariant *parameters,
                                      GUnixFDList **fds, GError **error);
/* Publishes in C. */
void             bus_world_publish   (BusWorld *world, const char *source);
