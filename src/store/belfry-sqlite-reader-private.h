/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-event-listing-private.h"
#include "belfry-event-store.h"
#include "belfry-sqlite-scan-private.h"

G_BEGIN_DECLS

typedef enum
{
  BELFRY_SQLITE_READ_QUERY,   /* gives a GPtrArray of BelfryEvent */
  BELFRY_SQLITE_READ_LIST,    /* gives a BelfryEventListing */
  BELFRY_SQLITE_READ_PAGE,    /* gives a BelfryLogPage */
  BELFRY_SQLITE_READ_LOOKUP,  /* gives a BelfryEvent */
  BELFRY_SQLITE_READ_TIME,    /* gives a BelfrySqliteCut without counts */
  BELFRY_SQLITE_READ_CUT,     /* gives a BelfrySqliteCut */
  BELFRY_SQLITE_READ_LETTERS, /* gives a GPtrArray of BelfryDeadLetter */
} BelfrySqliteReadKind;

/* A place in the log found by time, and what lies between the floor and it. */
typedef struct
{
  guint64     position;
  GHashTable *counts;  /* id of type → number */
} BelfrySqliteCut;

/* Something that a reader is asked for, and how far it has come; its task's data. */
typedef struct
{
  BelfrySqliteReadKind  kind;
  BelfrySqliteScan      scan;
  gint64                usec;     /* query, list: strictly after; time, cut: at or after */
  guint64               after;    /* page */
  guint64               through;  /* page */
  char                 *id;       /* lookup; letters: the reason, or NULL */
  guint64               low;      /* letters, like the next four: the first number */
  guint64               high;
  gboolean              newest_first;
  guint                 limit;
  gsize                 max_bytes;
  BelfrySqliteCut      *cut;      /* cut, once the place is found */
  guint64               counted;  /* cut: counted up to here */
  gboolean              is_begun;
  gboolean              was_cut;  /* query, list: ended by its bytes */

  gpointer              result;   /* once done; or else the error */
  GDestroyNotify        result_free;
  GError               *error;
} BelfrySqliteRead;

typedef struct _BelfrySqliteReaders BelfrySqliteReaders;

BelfrySqliteRead    *belfry_sqlite_read_new           (BelfrySqliteReadKind   kind);
void                 belfry_sqlite_read_free          (BelfrySqliteRead      *self);
void                 belfry_sqlite_cut_free           (BelfrySqliteCut       *self);

BelfrySqliteReaders *belfry_sqlite_readers_new        (BelfrySqliteLog       *log,
                                                       GSource               *source,
                                                       guint                  n_threads);
void                 belfry_sqlite_readers_push       (BelfrySqliteReaders   *self,
                                                       GTask                 *task);
void                 belfry_sqlite_readers_answer     (BelfrySqliteReaders   *self);
void                 belfry_sqlite_readers_stop       (BelfrySqliteReaders   *self);
guint                belfry_sqlite_readers_get_n_waiting (BelfrySqliteReaders *self);
void                 belfry_sqlite_readers_free       (BelfrySqliteReaders   *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteCut, belfry_sqlite_cut_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteRead, belfry_sqlite_read_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySqliteReaders, belfry_sqlite_readers_free)

G_END_DECLS
