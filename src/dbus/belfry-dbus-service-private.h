/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dbus-generated.h"
#include "belfry-dbus-right-private.h"
#include "belfry-dbus-service.h"
#include "belfry-dbus-state-private.h"
#include "belfry-dbus-streams-private.h"

G_BEGIN_DECLS

/* For the files that make up the service. */
struct _BelfryDBusService
{
  GObject parent_instance;

  BelfryServer       *server;      /* owned */
  BelfryCollector    *collector;   /* owned, or NULL */
  BelfryDBusBelfry1  *skeleton;    /* owned */
  BelfryDBusState    *state;       /* owned; while exported */
  BelfryDBusStreams  *streams;     /* owned */
  GDBusConnection    *connection;  /* owned; while exported */

  char   *group;
  guint32 group_id;          /* of it; looked up at export and when asked to */
  guint   max_calls;         /* in work at a time */
  guint   max_streams;       /* of one user */
  guint64 max_answer_bytes;

  guint   n_in_work;         /* calls that were taken and not yet answered */
  guint   n_large;           /* of them those whose answer may be large, and not yet handed to the bus */
  GQueue  large_waiting;     /* owned BelfryDBusCall; wait for their turn, and for one of those to end */
  GSource *turn;             /* owned; while one that waits may be made */
  GHashTable *open_callers;  /* owned; name of a caller → how many of its calls in work need no right */
  guint   n_open;            /* of all of them together */
  GVariant *types;           /* owned; the answer of ListEventTypes, until a type is registered */
  gboolean is_stopped;
  BelfryDBusDrainFunc drain_func;  /* called once nothing is in work */
  gpointer            drain_data;

  guint64 calls;
  guint64 calls_denied;
  guint64 calls_busy;
  guint64 streams_refused;
};

/* One call, from its arrival to its answer. */
typedef struct _BelfryDBusCall BelfryDBusCall;

typedef void (*BelfryDBusCallFunc) (BelfryDBusCall *call);

typedef struct
{
  const char         *name;
  BelfryDBusRight     right;
  gboolean            is_large;  /* its answer may be: few of them at a time */
  BelfryDBusCallFunc  run;
} BelfryDBusMethod;

struct _BelfryDBusCall
{
  BelfryDBusService      *service;     /* owned */
  GDBusMethodInvocation  *invocation;  /* owned by GDBus until it is answered */
  GVariant               *parameters;  /* borrowed from it */
  const BelfryDBusMethod *method;
  guint32                 user;        /* who calls; known when the method needs a right */
  gboolean                has_share;   /* is counted among the calls of its caller that need no right */
};

/* Takes over the invocation: looks for the right to call, waits for its turn and runs the method. */
void belfry_dbus_call_start        (BelfryDBusService *service, GDBusMethodInvocation *invocation);
/* Each answers, and frees the call. value may be floating, and NULL for no values. */
void belfry_dbus_call_return       (BelfryDBusCall *call, GVariant *value);
void belfry_dbus_call_return_fd    (BelfryDBusCall *call, int fd);
void belfry_dbus_call_return_error (BelfryDBusCall *call, const GError *error);

/* NULL for a name that the interface does not have. */
const BelfryDBusMethod *belfry_dbus_method_find (const char *name);

G_END_DECLS
