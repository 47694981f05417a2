/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "store-fixture.h"

#include <string.h>

#include <glib/gstdio.h>

#define PATIENCE_USEC (20 * G_USEC_PER_SEC)

/* Of a file that a busy store is opened on: the smallest. */
#define BUSY_BLOCK_BITS BELFRY_SQLITE_MIN_BLOCK_BITS

static const BelfrySqliteTuning busy_tuning = {
  .idle_usec = 2000,
  .seal_chunks = 7,
  .reclaim_rows = 5,
  .type_rows = 2,
  .checkpoint_bytes = 40 * BELFRY_SQLITE_PAGE_SIZE,
  .tail_rows = 200,
};

static gint64
tell_time (gpointer user_data)
{
  Fixture *self = user_data;
  gint64 now_usec = __atomic_load_n (&self->now_usec, __ATOMIC_SEQ_CST);

  return now_usec != 0 ? now_usec : g_get_real_time ();
}

static void
on_committed (BelfryEventStore *store,
              GPtrArray        *events,
              gpointer          user_data)
{
  Fixture *self = user_data;

  for (guint i = 0; i < events->len; i++)
    g_ptr_array_add (self->committed, belfry_event_ref (g_ptr_array_index (events, i)));
}

void
fixture_set_up (Fixture *self)
{
  g_autoptr(GError) error = NULL;

  *self = (Fixture) { 0 };
  self->folder = g_dir_make_tmp ("belfry-store-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->folder, "events.db", NULL);
  self->committed = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
}

static void
remove_folder (const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        remove_folder (path);
      else
        g_assert_no_errno (g_unlink (path));
    }
  g_assert_no_errno (g_rmdir (folder));
}

void
fixture_tear_down (Fixture *self)
{
  fixture_close (self);
  remove_folder (self->folder);
  g_ptr_array_unref (self->committed);
  g_free (self->folder);
  g_free (self->path);
}

/* What a busy store finds in its file, in place of what is right for daily use. */
static void
make_small_blocks (Fixture *self)
{
  g_autoptr(sqlite3) db = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *sql = g_strdup_printf ("UPDATE indexing SET block_bits = %u", BUSY_BLOCK_BITS);

  belfry_sqlite_schema_prepare (self->path, &error);
  g_assert_no_error (error);
  db = belfry_sqlite_open (self->path, BELFRY_SQLITE_WRITER, &error);
  g_assert_no_error (error);
  belfry_sqlite_execute (db, sql, &error);
  g_assert_no_error (error);
}

void
fixture_open (Fixture *self)
{
  g_autoptr(GError) error = NULL;
  gboolean success;

  if (self->is_busy && !g_file_test (self->path, G_FILE_TEST_EXISTS))
    make_small_blocks (self);
  self->store = belfry_sqlite_store_new (self->path);
  belfry_sqlite_store_set_clock (self->store, tell_time, self);
  if (self->receipt_max_bytes != 0)
    g_object_set (self->store, "receipt-max-bytes", self->receipt_max_bytes, NULL);
  if (self->is_busy)
    belfry_sqlite_store_set_tuning (self->store, &busy_tuning);
  g_signal_connect (self->store, "committed", G_CALLBACK (on_committed), self);
  success = belfry_sqlite_store_open (self->store, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (success);
}

void
fixture_close (Fixture *self)
{
  if (self->store != NULL)
    {
      belfry_sqlite_store_close (self->store);
      /* Answers to what was closed over hold the store until they are given. */
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
  g_clear_object (&self->store);
}

/* Checks the file, whether a store has it open or not. */
void
fixture_set_time (Fixture *self,
                  gint64   now_usec)
{
  __atomic_store_n (&self->now_usec, now_usec, __ATOMIC_SEQ_CST);
}

void
fixture_verify (Fixture *self)
{
  g_autoptr(GError) error = NULL;
  gboolean success = belfry_sqlite_store_verify_file (self->path, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (success);
}

/* Waits until a busy store has indexed what blocks are full. */
void
fixture_settle (Fixture *self)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_USEC;

  g_assert_true (self->is_busy);
  while (get_counter (self->store, "tail-events") >= 1 << BUSY_BLOCK_BITS ||
         belfry_sqlite_tail_get_dropped (self->store->log->tail) != 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_thread_yield ();
    }
}

/* What a reader has to know of the file, for those who read without a store. */
BelfrySqliteLog *
fixture_load_log (Fixture *self)
{
  g_autoptr(BelfrySqliteLog) log = belfry_sqlite_log_new (self->path);
  g_autoptr(sqlite3) db = NULL;
  g_autoptr(GError) error = NULL;
  BelfrySqliteState state;

  db = belfry_sqlite_open (self->path, BELFRY_SQLITE_READER, &error);
  g_assert_no_error (error);
  g_assert_true (belfry_sqlite_schema_load_state (db, &state, &error) &&
                 belfry_sqlite_schema_load_indexing (db, &state, &error));
  belfry_event_id_key_init (&log->id_key, state.secret);
  belfry_sqlite_blocks_init (&log->blocks, state.block_bits, state.secret);

  return g_steal_pointer (&log);
}

BelfryEvent *
make_rich_event (const char   *type,
                 const char   *session_id,
                 const char   *user_id,
                 const char   *user_tier,
                 const double *amount)
{
  g_autoptr(GString) payload = g_string_new ("{");
  BelfryEventFields fields = {
    .event_type = type, .event_type_length = -1,
    .source = "test", .source_length = -1,
    .session_id = session_id, .session_id_length = -1,
    .user_id = user_id, .user_id_length = -1,
    .user_tier = user_tier, .user_tier_length = -1,
    .has_amount = amount != NULL, .amount = amount != NULL ? *amount : 0,
  };

  if (user_tier != NULL)
    g_string_append_printf (payload, "\"user_tier\":\"%s\"", user_tier);
  if (amount != NULL)
    {
      char number[G_ASCII_DTOSTR_BUF_SIZE];

      g_ascii_dtostr (number, sizeof number, *amount);
      g_string_append_printf (payload, "%s\"amount\":%s", user_tier != NULL ? "," : "", number);
    }
  g_string_append_c (payload, '}');
  fields.payload = payload->str;
  fields.payload_length = (gssize) payload->len;

  return belfry_event_new_trusted (&fields);
}

BelfryEvent *
make_event (const char *type,
            const char *session_id,
            const char *user_id,
            const char *payload)
{
  BelfryEventFields fields = {
    .event_type = type, .event_type_length = -1,
    .source = "test", .source_length = -1,
    .session_id = session_id, .session_id_length = -1,
    .user_id = user_id, .user_id_length = -1,
    .payload = payload != NULL ? payload : "{}", .payload_length = -1,
  };

  return belfry_event_new_trusted (&fields);
}

void
catch_result (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  GAsyncResult **place = user_data;

  g_assert_null (*place);
  *place = g_object_ref (result);
}

GAsyncResult *
wait_for (GAsyncResult **result)
{
  gint64 end = g_get_monotonic_time () + PATIENCE_USEC;

  while (*result == NULL && g_get_monotonic_time () < end)
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (*result);

  return *result;
}

gboolean
append (BelfrySqliteStore  *store,
        GPtrArray          *events,
        GError            **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  belfry_event_store_append_async (BELFRY_EVENT_STORE (store), events, NULL, catch_result, &result);

  return belfry_event_store_append_finish (BELFRY_EVENT_STORE (store), wait_for (&result), error);
}

void
append_one (BelfrySqliteStore *store,
            BelfryEvent       *event)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GError) error = NULL;

  g_ptr_array_add (events, event);
  append (store, events, &error);
  g_assert_no_error (error);
}

void
append_many (BelfrySqliteStore *store,
             guint              n_events,
             const char        *session_id)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < n_events; i++)
    g_ptr_array_add (events, make_event ("timer_tick", session_id, NULL, NULL));
  append (store, events, &error);
  g_assert_no_error (error);
}

GPtrArray *
query (BelfrySqliteStore *store,
       BelfryFilter      *filter,
       gint64             since_usec,
       guint64            before_position,
       guint              limit)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  GPtrArray *events;

  belfry_event_store_query_async (BELFRY_EVENT_STORE (store), filter, since_usec, before_position, limit,
                                  NULL, catch_result, &result);
  events = belfry_event_store_query_finish (BELFRY_EVENT_STORE (store), wait_for (&result), &error);
  g_assert_no_error (error);

  return events;
}

BelfryEvent *
look_up (BelfrySqliteStore  *store,
         const char         *id,
         GError            **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  belfry_event_store_lookup_async (BELFRY_EVENT_STORE (store), id, NULL, catch_result, &result);

  return belfry_event_store_lookup_finish (BELFRY_EVENT_STORE (store), wait_for (&result), error);
}

BelfryLogPage *
read_page (BelfrySqliteStore *store,
           BelfryFilter      *filter,
           guint64            after,
           guint64            through,
           guint              max_events,
           gsize              max_bytes)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  BelfryLogPage *page;

  belfry_event_store_read_async (BELFRY_EVENT_STORE (store), filter, after, through, max_events, max_bytes,
                                 NULL, catch_result, &result);
  page = belfry_event_store_read_finish (BELFRY_EVENT_STORE (store), wait_for (&result), &error);
  g_assert_no_error (error);

  return page;
}

guint64
delete_before (BelfrySqliteStore *store,
               gint64             before_usec)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  guint64 n_deleted = 0;

  belfry_event_store_delete_async (BELFRY_EVENT_STORE (store), before_usec, NULL, catch_result, &result);
  belfry_event_store_delete_finish (BELFRY_EVENT_STORE (store), wait_for (&result), &n_deleted, &error);
  g_assert_no_error (error);

  return n_deleted;
}

BelfryStoreStats *
get_stats (BelfrySqliteStore *store)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) error = NULL;
  BelfryStoreStats *stats;

  belfry_event_store_stats_async (BELFRY_EVENT_STORE (store), NULL, catch_result, &result);
  stats = belfry_event_store_stats_finish (BELFRY_EVENT_STORE (store), wait_for (&result), &error);
  g_assert_no_error (error);

  return stats;
}

gboolean
check (BelfrySqliteStore  *store,
       GError            **error)
{
  g_autoptr(GAsyncResult) result = NULL;

  belfry_event_store_check_async (BELFRY_EVENT_STORE (store), NULL, catch_result, &result);

  return belfry_event_store_check_finish (BELFRY_EVENT_STORE (store), wait_for (&result), error);
}

guint64
get_counter (BelfrySqliteStore *store,
             const char        *name)
{
  guint64 value;

  g_object_get (store, name, &value, NULL);

  return value;
}

static GLogWriterOutput
ignore_log (GLogLevelFlags   log_level,
            const GLogField *fields,
            gsize            n_fields,
            gpointer         user_data)
{
  if (log_level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return g_log_writer_default (log_level, fields, n_fields, user_data);

  return G_LOG_WRITER_HANDLED;
}

/* Tests that break the disk expect warnings, which would otherwise end them. */
void
silence_log (void)
{
  g_log_set_writer_func (ignore_log, NULL, NULL);
}
