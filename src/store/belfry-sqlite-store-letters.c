/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The store's face as a keeper of dead letters, and the properties that go with it. All of it on the home context. */

#include "belfry-sqlite-store-private.h"

#define FIRST_PROPERTY 1000

/* A deletion of a letter more than these is refused. */
#define MAX_WAITING_DELETES 100

typedef enum
{
  PROP_DEAD_LETTERS_MAX = FIRST_PROPERTY,
  PROP_DEAD_LETTERS_MAX_BYTES,
  PROP_DEAD_LETTERS_MAX_AGE_USEC,
  PROP_DEAD_LETTERS,
  PROP_DEAD_LETTER_BYTES,
  PROP_DEAD_LETTERS_EVER,
  PROP_DEAD_LETTERS_DROPPED,
} BelfrySqliteStoreLetterProperty;

static void
deliver_async (BelfryDeadLetterKeeper *keeper,
               const BelfryConsignment   *delivery,
               GCancellable           *cancellable,
               GAsyncReadyCallback     callback,
               gpointer                user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);
  g_autoptr(GTask) task = belfry_sqlite_store_begin_task (self, belfry_dead_letter_keeper_deliver_async, cancellable,
                                                          callback, user_data);

  if (task == NULL || g_task_return_error_if_cancelled (task))
    return;

  if (delivery->events->len == 0 && (delivery->letters == NULL || delivery->letters->len == 0) &&
      delivery->receipt == NULL && delivery->replay == NULL)
    g_task_return_boolean (task, TRUE);
  else
    belfry_sqlite_store_push_append (self, g_steal_pointer (&task), delivery);
}

static void
list_async (BelfryDeadLetterKeeper *keeper,
            guint64                 low,
            guint64                 high,
            gboolean                newest_first,
            const char             *reason,
            guint                   limit,
            gsize                   max_bytes,
            GCancellable           *cancellable,
            GAsyncReadyCallback     callback,
            gpointer                user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_dead_letter_keeper_list_async, cancellable, callback,
                                                user_data);
  BelfrySqliteRead *read;

  if (task == NULL)
    return;

  read = belfry_sqlite_read_new (BELFRY_SQLITE_READ_LETTERS);
  read->low = low;
  read->high = high;
  read->newest_first = newest_first;
  read->id = g_strdup (reason);
  read->limit = limit;
  read->max_bytes = max_bytes;
  belfry_sqlite_store_push_read (self, task, read);
}

static GPtrArray *
list_finish (BelfryDeadLetterKeeper  *keeper,
             GAsyncResult            *result,
             GError                 **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
delete_async (BelfryDeadLetterKeeper *keeper,
              guint64                 number,
              GCancellable           *cancellable,
              GAsyncReadyCallback     callback,
              gpointer                user_data)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);
  GTask *task = belfry_sqlite_store_begin_task (self, belfry_dead_letter_keeper_delete_async, cancellable, callback,
                                                user_data);
  BelfrySqliteJob *job;

  if (task == NULL)
    return;

  if (self->waiting_letter_deletes >= MAX_WAITING_DELETES)
    {
      g_task_return_new_error (task, BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE, "Too much waits");
      g_object_unref (task);
      return;
    }

  self->waiting_letter_deletes++;
  job = g_new0 (BelfrySqliteJob, 1);
  job->kind = BELFRY_SQLITE_JOB_DELETE_LETTER;
  job->task = task;
  job->letter = number;
  belfry_sqlite_writer_push (self->writer, job);
}

static gboolean
delete_finish (BelfryDeadLetterKeeper  *keeper,
               GAsyncResult            *result,
               GError                 **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* All 0 while the store is not open. */
static void
get_tally (BelfryDeadLetterKeeper *keeper,
           BelfryDeadLetterTally  *tally)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (keeper);
  BelfrySqliteGauges gauges = { 0 };

  if (self->is_open)
    belfry_sqlite_writer_get_gauges (self->writer, &gauges);
  *tally = gauges.letters;
}

void
belfry_sqlite_store_dead_letter_keeper_init (BelfryDeadLetterKeeperInterface *iface)
{
  iface->deliver_async = deliver_async;
  iface->list_async = list_async;
  iface->list_finish = list_finish;
  iface->delete_async = delete_async;
  iface->delete_finish = delete_finish;
  iface->get_tally = get_tally;
}

gboolean
belfry_sqlite_store_get_letter_property (BelfrySqliteStore *self,
                                         guint              property_id,
                                         GValue            *value)
{
  BelfryDeadLetterTally tally;

  get_tally (BELFRY_DEAD_LETTER_KEEPER (self), &tally);
  switch ((BelfrySqliteStoreLetterProperty) property_id)
    {
    case PROP_DEAD_LETTERS_MAX:
      g_value_set_uint64 (value, self->letter_bounds.max_letters);
      return TRUE;
    case PROP_DEAD_LETTERS_MAX_BYTES:
      g_value_set_uint64 (value, self->letter_bounds.max_bytes);
      return TRUE;
    case PROP_DEAD_LETTERS_MAX_AGE_USEC:
      g_value_set_int64 (value, self->letter_bounds.max_age_usec);
      return TRUE;
    case PROP_DEAD_LETTERS:
      g_value_set_uint64 (value, tally.n_kept);
      return TRUE;
    case PROP_DEAD_LETTER_BYTES:
      g_value_set_uint64 (value, tally.bytes);
      return TRUE;
    case PROP_DEAD_LETTERS_EVER:
      g_value_set_uint64 (value, tally.n_ever);
      return TRUE;
    case PROP_DEAD_LETTERS_DROPPED:
      g_value_set_uint64 (value, tally.n_dropped);
      return TRUE;
    default:
      return FALSE;
    }
}

gboolean
belfry_sqlite_store_set_letter_property (BelfrySqliteStore *self,
                                         guint              property_id,
                                         const GValue      *value)
{
  switch ((BelfrySqliteStoreLetterProperty) property_id)
    {
    case PROP_DEAD_LETTERS_MAX:
      self->letter_bounds.max_letters = g_value_get_uint64 (value);
      return TRUE;
    case PROP_DEAD_LETTERS_MAX_BYTES:
      self->letter_bounds.max_bytes = g_value_get_uint64 (value);
      return TRUE;
    case PROP_DEAD_LETTERS_MAX_AGE_USEC:
      self->letter_bounds.max_age_usec = g_value_get_int64 (value);
      return TRUE;
    case PROP_DEAD_LETTERS:
    case PROP_DEAD_LETTER_BYTES:
    case PROP_DEAD_LETTERS_EVER:
    case PROP_DEAD_LETTERS_DROPPED:
    default:
      return FALSE;
    }
}

static void
install_bounds (GObjectClass *object_class)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS;

  /**
   * BelfrySqliteStore:dead-letters-max:
   *
   * How many dead letters are kept; beyond it the oldest go. 0: no limit. To be set before the store is opened.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_DEAD_LETTERS_MAX,
                                   g_param_spec_uint64 ("dead-letters-max", NULL, NULL, 0, G_MAXUINT64, 100000,
                                                        flags));

  /**
   * BelfrySqliteStore:dead-letters-max-bytes:
   *
   * How many bytes of dead letters are kept; beyond it the oldest go. 0: no limit. To be set before the store is opened.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_DEAD_LETTERS_MAX_BYTES,
                                   g_param_spec_uint64 ("dead-letters-max-bytes", NULL, NULL, 0, G_MAXUINT64,
                                                        256 * 1024 * 1024, flags));

  /**
   * BelfrySqliteStore:dead-letters-max-age-usec:
   *
   * How long a dead letter is kept, in µs. 0: no limit. To be set before the store is opened.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_DEAD_LETTERS_MAX_AGE_USEC,
                                   g_param_spec_int64 ("dead-letters-max-age-usec", NULL, NULL, 0, G_MAXINT64 / 2,
                                                       30 * G_TIME_SPAN_DAY, flags));
}

static void
install_counter (GObjectClass *object_class,
                 guint         property_id,
                 const char   *name)
{
  g_object_class_install_property (object_class, property_id,
                                   g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, 0,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

void
belfry_sqlite_store_install_letter_properties (GObjectClass *object_class)
{
  install_bounds (object_class);

  /**
   * BelfrySqliteStore:dead-letters:
   *
   * Dead letters that are kept.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_DEAD_LETTERS, "dead-letters");

  /**
   * BelfrySqliteStore:dead-letter-bytes:
   *
   * Bytes of dead letters that are kept.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_DEAD_LETTER_BYTES, "dead-letter-bytes");

  /**
   * BelfrySqliteStore:dead-letters-ever:
   *
   * Dead letters since the database was made.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_DEAD_LETTERS_EVER, "dead-letters-ever");

  /**
   * BelfrySqliteStore:dead-letters-dropped:
   *
   * Dead letters that were removed before their time since the store was opened, because
   * [property@Belfry.SqliteStore:dead-letters-max] or [property@Belfry.SqliteStore:dead-letters-max-bytes] was reached.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_DEAD_LETTERS_DROPPED, "dead-letters-dropped");
}
