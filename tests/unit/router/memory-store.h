/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-private.h"
#include "belfry-event-store.h"

G_BEGIN_DECLS

/* A log in memory. Appends and reads are answered by themselves, in a later turn of the loop, or
 * wait until the test lets them go. */
#define MEMORY_TYPE_STORE (memory_store_get_type ())
G_DECLARE_FINAL_TYPE (MemoryStore, memory_store, MEMORY, STORE, GObject)

#define MEMORY_LOG_ID G_GUINT64_CONSTANT (0x1122334455667788)

struct _MemoryStore
{
  GObject parent_instance;

  GPtrArray *events;         /* all that were ever committed, in log order */
  guint64    last_position;
  guint64    floor;
  gint64     delete_before_usec;  /* what the last delete asked for */
  guint      n_deletes;
  guint      n_appends;
  guint      n_reads;
  gsize      last_max_bytes;

  gboolean   holds_appends;
  gboolean   holds_reads;
  gboolean   holds_deletes;
  guint      n_appends_to_fail;
  guint      n_appends_to_refuse;  /* these fail at once, ahead of those that are held */
  guint      n_reads_to_fail;
  guint      n_deletes_to_fail;
  GQueue     appends;        /* owned GTask, oldest first */
  GQueue     reads;
  GQueue     deletes;
};

MemoryStore *memory_store_new             (void);
/* Commits at once and emits "committed"; takes the references. */
void         memory_store_add_run         (MemoryStore *self, BelfryEvent **events, guint n_events);
void         memory_store_add             (MemoryStore *self, BelfryEvent *event);
/* Let the oldest of what waits go. */
void         memory_store_finish_append   (MemoryStore *self);
void         memory_store_finish_read     (MemoryStore *self);
void         memory_store_finish_delete   (MemoryStore *self);
/* Removes everything below floor. */
void         memory_store_set_floor       (MemoryStore *self, guint64 floor);

/* Every string may be NULL, event_type too. payload_size bytes of padding. */
BelfryEvent *memory_event_new (const char *event_type, const char *session_id, const char *user_id,
                               gsize payload_size);

G_END_DECLS
