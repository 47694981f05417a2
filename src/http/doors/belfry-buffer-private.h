/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <json-glib/json-glib.h>

#include "belfry-server.h"

G_BEGIN_DECLS

/* What GET /buffer/stats tells. */
typedef struct
{
  guint64     buffered_events;
  guint64     pending_events;
  guint64     pending_bytes;
  gint64      oldest_pending_usec;  /* 0: there is none */
  guint64     forwarded_events;
  guint64     dead_letters;
  guint64     buffer_bytes;
  guint64     retention_hours;
  const char *kafka;                /* disabled, connected or unreachable */
} BelfryBufferState;

/* state comes as it is of a log that is not forwarded. */
typedef void        (*BelfryBufferFunc)    (BelfryBufferState *state, gpointer user_data);
/* "ok", "disabled" or what is wrong. */
typedef const char *(*BelfryComponentFunc) (gpointer user_data);

void belfry_server_set_buffer_func (BelfryServer *self, BelfryBufferFunc func, gpointer user_data);
/* GET /health tells of it. name and user_data must outlive the server. */
void belfry_server_add_component   (BelfryServer *self, const char *name, BelfryComponentFunc func, gpointer user_data);

/* As GET /buffer/stats tells it. */
void belfry_rest_read_buffer     (BelfryServer *server, BelfryBufferState *state);

/* Adds them all as members, if there is a builder; FALSE when something is wrong with one. */
gboolean belfry_rest_add_components    (JsonBuilder *builder, BelfryServer *server);

G_END_DECLS
