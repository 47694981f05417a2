/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dead-letter-private.h"
#include "belfry-sqlite-connection-private.h"

G_BEGIN_DECLS

/* What may be kept; 0 is without end. */
typedef struct
{
  guint64 max_letters;
  guint64 max_bytes;
  gint64  max_age_usec;
} BelfrySqliteDeadLetterBounds;

typedef struct _BelfrySqliteDeadLetters BelfrySqliteDeadLetters;

BelfrySqliteDeadLetters *belfry_sqlite_dead_letters_new        (const BelfrySqliteDeadLetterBounds *bounds);
void                     belfry_sqlite_dead_letters_free       (BelfrySqliteDeadLetters  *self);
gboolean                 belfry_sqlite_dead_letters_connect    (BelfrySqliteDeadLetters  *self,
                                                                sqlite3                  *db,
                                                                GError                  **error);
void                     belfry_sqlite_dead_letters_disconnect (BelfrySqliteDeadLetters  *self);
gboolean                 belfry_sqlite_dead_letters_add        (BelfrySqliteDeadLetters  *self,
                                                                GPtrArray                *letters,
                                                                gint64                    now_usec,
                                                                GError                  **error);
gboolean                 belfry_sqlite_dead_letters_look_up    (BelfrySqliteDeadLetters  *self,
                                                                BelfryReplay             *replay,
                                                                GError                  **error);
gboolean                 belfry_sqlite_dead_letters_mark       (BelfrySqliteDeadLetters  *self,
                                                                BelfryReplay             *replay,
                                                                const BelfryEventPlace   *place,
                                                                GError                  **error);
gboolean                 belfry_sqlite_dead_letters_remove     (BelfrySqliteDeadLetters  *self,
                                                                guint64                   number,
                                                                gboolean                 *was_there,
                                                                GError                  **error);
gboolean                 belfry_sqlite_dead_letters_is_due     (BelfrySqliteDeadLetters  *self,
                                                                gint64                    now_usec);
gboolean                 belfry_sqlite_dead_letters_trim       (BelfrySqliteDeadLetters  *self,
                                                                gint64                    now_usec,
                                                                guint                     max_rows,
                                                                GError                  **error);
/* Writes down what the open transaction changed, just before its end. */
gboolean                 belfry_sqlite_dead_letters_write      (BelfrySqliteDeadLetters  *self,
                                                                GError                  **error);
void                     belfry_sqlite_dead_letters_settle     (BelfrySqliteDeadLetters  *self);
void                     belfry_sqlite_dead_letters_give_up    (BelfrySqliteDeadLetters  *self);
void                     belfry_sqlite_dead_letters_get_tally  (BelfrySqliteDeadLetters  *self,
                                                                BelfryDeadLetterTally    *tally);

/* On a connection that only reads. */
GPtrArray               *belfry_sqlite_dead_letters_list       (sqlite3                  *db,
                                                                guint64                   low,
                                                                guint64                   high,
                                                                gboolean                  newest_first,
                                                                const char               *reason,
                                                                guint                     limit,
                                                                gsize                     max_bytes,
                                                                GError                  **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteDeadLetters, belfry_sqlite_dead_letters_free)

G_END_DECLS
