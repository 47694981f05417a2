/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-sqlite-store-private.h"

#include <glib/gstdio.h>

#include "belfry-store-path-private.h"

/**
 * BelfrySqliteStore:
 *
 * The log in one SQLite file.
 *
 * It is made with a path, opened once with [method@Belfry.SqliteStore.open], used through
 * [iface@Belfry.EventStore], and closed with [method@Belfry.SqliteStore.close] or with its last
 * reference. One thread writes, with a flush for each transaction, and a few read; the context of
 * the store's construction never waits for a disk but in opening and closing.
 *
 * Since: 0.1
 */
typedef enum
{
  PROP_PATH = 1,
  PROP_N_READERS,
  PROP_MAX_WAITING_EVENTS,
  PROP_MAX_WAITING_BYTES,
  PROP_MAX_WAITING_READS,
  PROP_MAX_QUERY_BYTES,
  PROP_EVENTS_WAITING,
  PROP_READS_WAITING,
  PROP_COMMITS,
  PROP_EVENTS_APPENDED,
  PROP_APPENDS_FAILED,
  PROP_LARGEST_BATCH,
  PROP_WAL_BYTES,
  PROP_DATABASE_BYTES,
  PROP_TAIL_EVENTS,
  PROP_CHORES_SET_ASIDE,
  PROP_CLOCK_HELD,
  PROP_QUERIES_CUT,
  PROP_RECEIPT_WINDOW_USEC,
  PROP_RECEIPT_MAX_BYTES,
  PROP_RECEIPT_BYTES,
  PROP_RECEIPTS_STORED,
  PROP_RECEIPTS_REPEATED,
  PROP_RECEIPTS_MISMATCHED,
  PROP_RECEIPTS_DROPPED,
  PROP_REFUSES_APPENDS,
} BelfrySqliteStoreProperty;

static GParamSpec *properties[PROP_REFUSES_APPENDS + 1];

G_DEFINE_FINAL_TYPE_WITH_CODE (BelfrySqliteStore, belfry_sqlite_store, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_EVENT_STORE, belfry_sqlite_store_event_store_init)
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_EVENT_LISTER,
                                                      belfry_sqlite_store_event_lister_init)
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_RECEIPT_KEEPER,
                                                      belfry_sqlite_store_receipt_keeper_init)
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_DEAD_LETTER_KEEPER,
                                                      belfry_sqlite_store_dead_letter_keeper_init)
                               G_IMPLEMENT_INTERFACE (BELFRY_TYPE_CURSOR_KEEPER,
                                                      belfry_sqlite_store_cursor_keeper_init))

static gint64
read_clock (gpointer user_data)
{
  return g_get_real_time ();
}

static void
belfry_sqlite_store_dispose (GObject *object)
{
  belfry_sqlite_store_close (BELFRY_SQLITE_STORE (object));

  G_OBJECT_CLASS (belfry_sqlite_store_parent_class)->dispose (object);
}

static void
belfry_sqlite_store_finalize (GObject *object)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (object);

  g_free (self->path);
  g_free (self->tuning);

  G_OBJECT_CLASS (belfry_sqlite_store_parent_class)->finalize (object);
}

/* What the writer tells of itself; all 0 while the store is not open. */
static BelfrySqliteGauges
get_gauges (BelfrySqliteStore *self)
{
  BelfrySqliteGauges gauges = { 0 };

  if (self->is_open)
    belfry_sqlite_writer_get_gauges (self->writer, &gauges);

  return gauges;
}

static guint64
get_database_bytes (BelfrySqliteStore *self)
{
  GStatBuf status;

  return self->path != NULL && g_stat (self->path, &status) == 0 ? (guint64) status.st_size : 0;
}

static void
belfry_sqlite_store_get_property (GObject    *object,
                                  guint       property_id,
                                  GValue     *value,
                                  GParamSpec *pspec)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (object);

  switch ((BelfrySqliteStoreProperty) property_id)
    {
    case PROP_PATH:
      g_value_set_string (value, self->path);
      break;
    case PROP_N_READERS:
      g_value_set_uint (value, self->n_readers);
      break;
    case PROP_MAX_WAITING_EVENTS:
      g_value_set_uint (value, self->max_waiting_events);
      break;
    case PROP_MAX_WAITING_BYTES:
      g_value_set_uint64 (value, self->max_waiting_bytes);
      break;
    case PROP_MAX_WAITING_READS:
      g_value_set_uint (value, self->max_waiting_reads);
      break;
    case PROP_MAX_QUERY_BYTES:
      g_value_set_uint64 (value, self->max_query_bytes);
      break;
    case PROP_READS_WAITING:
      g_value_set_uint64 (value, self->is_open ? belfry_sqlite_readers_get_n_waiting (self->readers) : 0);
      break;
    case PROP_EVENTS_WAITING:
      g_value_set_uint64 (value, self->waiting_events);
      break;
    case PROP_COMMITS:
      g_value_set_uint64 (value, self->commits);
      break;
    case PROP_EVENTS_APPENDED:
      g_value_set_uint64 (value, self->events_appended);
      break;
    case PROP_APPENDS_FAILED:
      g_value_set_uint64 (value, self->appends_failed);
      break;
    case PROP_LARGEST_BATCH:
      g_value_set_uint64 (value, self->largest_batch);
      break;
    case PROP_WAL_BYTES:
      g_value_set_uint64 (value, get_gauges (self).wal_bytes);
      break;
    case PROP_DATABASE_BYTES:
      g_value_set_uint64 (value, get_database_bytes (self));
      break;
    case PROP_TAIL_EVENTS:
      g_value_set_uint64 (value, self->is_open ? belfry_sqlite_tail_get_size (self->log->tail) : 0);
      break;
    case PROP_CHORES_SET_ASIDE:
      g_value_set_uint64 (value, get_gauges (self).chores_set_aside);
      break;
    case PROP_CLOCK_HELD:
      g_value_set_uint64 (value, self->clock_held);
      break;
    case PROP_QUERIES_CUT:
      g_value_set_uint64 (value, self->queries_cut);
      break;
    case PROP_RECEIPT_WINDOW_USEC:
      g_value_set_int64 (value, self->receipt_window_usec);
      break;
    case PROP_RECEIPT_MAX_BYTES:
      g_value_set_uint64 (value, self->receipt_max_bytes);
      break;
    case PROP_RECEIPT_BYTES:
      g_value_set_uint64 (value, get_gauges (self).receipt_bytes);
      break;
    case PROP_RECEIPTS_STORED:
      g_value_set_uint64 (value, self->receipts_stored);
      break;
    case PROP_RECEIPTS_REPEATED:
      g_value_set_uint64 (value, self->receipts_repeated);
      break;
    case PROP_RECEIPTS_MISMATCHED:
      g_value_set_uint64 (value, self->receipts_mismatched);
      break;
    case PROP_RECEIPTS_DROPPED:
      g_value_set_uint64 (value, get_gauges (self).receipts_dropped);
      break;
    case PROP_REFUSES_APPENDS:
      g_value_set_boolean (value, self->refuses_appends);
      break;
    default:
      if (!belfry_sqlite_store_get_letter_property (self, property_id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_sqlite_store_set_property (GObject      *object,
                                  guint         property_id,
                                  const GValue *value,
                                  GParamSpec   *pspec)
{
  BelfrySqliteStore *self = BELFRY_SQLITE_STORE (object);

  switch ((BelfrySqliteStoreProperty) property_id)
    {
    case PROP_PATH:
      /* Two names of one file must not be two stores of it. */
      if (g_value_get_string (value) != NULL)
        self->path = belfry_store_path_resolve (g_value_get_string (value));
      break;
    case PROP_N_READERS:
      self->n_readers = g_value_get_uint (value);
      break;
    case PROP_MAX_WAITING_EVENTS:
      if (self->max_waiting_events != g_value_get_uint (value))
        {
          self->max_waiting_events = g_value_get_uint (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_MAX_WAITING_BYTES:
      if (self->max_waiting_bytes != g_value_get_uint64 (value))
        {
          self->max_waiting_bytes = g_value_get_uint64 (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_MAX_WAITING_READS:
      if (self->max_waiting_reads != g_value_get_uint (value))
        {
          self->max_waiting_reads = g_value_get_uint (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_MAX_QUERY_BYTES:
      if (self->max_query_bytes != g_value_get_uint64 (value))
        {
          self->max_query_bytes = g_value_get_uint64 (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_RECEIPT_WINDOW_USEC:
      if (self->receipt_window_usec != g_value_get_int64 (value))
        {
          self->receipt_window_usec = g_value_get_int64 (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_RECEIPT_MAX_BYTES:
      if (self->receipt_max_bytes != g_value_get_uint64 (value))
        {
          self->receipt_max_bytes = g_value_get_uint64 (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_REFUSES_APPENDS:
      if (self->refuses_appends != g_value_get_boolean (value))
        {
          self->refuses_appends = g_value_get_boolean (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_EVENTS_WAITING:
    case PROP_READS_WAITING:
    case PROP_COMMITS:
    case PROP_EVENTS_APPENDED:
    case PROP_APPENDS_FAILED:
    case PROP_LARGEST_BATCH:
    case PROP_WAL_BYTES:
    case PROP_DATABASE_BYTES:
    case PROP_TAIL_EVENTS:
    case PROP_CHORES_SET_ASIDE:
    case PROP_CLOCK_HELD:
    case PROP_QUERIES_CUT:
    case PROP_RECEIPT_BYTES:
    case PROP_RECEIPTS_STORED:
    case PROP_RECEIPTS_REPEATED:
    case PROP_RECEIPTS_MISMATCHED:
    case PROP_RECEIPTS_DROPPED:
    default:
      if (!belfry_sqlite_store_set_letter_property (self, property_id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static GParamSpec *
make_counter (const char *name)
{
  return g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, 0, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
install_receipt_properties (void)
{
  /**
   * BelfrySqliteStore:receipt-window-usec:
   *
   * How long the log knows the key of a request that is to count once, in µs from its acceptance. To be set before the
   * store is opened.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPT_WINDOW_USEC] =
    g_param_spec_int64 ("receipt-window-usec", NULL, NULL, 0, G_MAXINT64 / 2, G_TIME_SPAN_DAY,
                        G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:receipt-max-bytes:
   *
   * How many bytes of keys and answers are kept; beyond it the oldest go before their time. To be set before the store is
   * opened.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPT_MAX_BYTES] =
    g_param_spec_uint64 ("receipt-max-bytes", NULL, NULL, 0, G_MAXUINT64, 1024 * 1024 * 1024,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:receipt-bytes:
   *
   * Bytes of keys and answers that are kept.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPT_BYTES] = make_counter ("receipt-bytes");

  /**
   * BelfrySqliteStore:receipts-stored:
   *
   * Requests with a new key that were carried out since the store was opened.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPTS_STORED] = make_counter ("receipts-stored");

  /**
   * BelfrySqliteStore:receipts-repeated:
   *
   * Requests that got the answer of an earlier one, since the store was opened.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPTS_REPEATED] = make_counter ("receipts-repeated");

  /**
   * BelfrySqliteStore:receipts-mismatched:
   *
   * Requests that were refused because an earlier one had the same key and said something else, since the store was
   * opened.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPTS_MISMATCHED] = make_counter ("receipts-mismatched");

  /**
   * BelfrySqliteStore:receipts-dropped:
   *
   * Keys that were forgotten before their time since the store was opened, because
   * [property@Belfry.SqliteStore:receipt-max-bytes] was reached.
   *
   * Since: 0.1
   */
  properties[PROP_RECEIPTS_DROPPED] = make_counter ("receipts-dropped");
}

static void
belfry_sqlite_store_class_init (BelfrySqliteStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = belfry_sqlite_store_dispose;
  object_class->finalize = belfry_sqlite_store_finalize;
  object_class->get_property = belfry_sqlite_store_get_property;
  object_class->set_property = belfry_sqlite_store_set_property;

  /**
   * BelfrySqliteStore:path:
   *
   * Path of the database file. A symbolic link is followed at construction: what belongs to the
   * database lies beside the file that it leads to.
   *
   * Since: 0.1
   */
  properties[PROP_PATH] =
    g_param_spec_string ("path", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:n-readers:
   *
   * How many threads read.
   *
   * Since: 0.1
   */
  properties[PROP_N_READERS] =
    g_param_spec_uint ("n-readers", NULL, NULL, 1, 64, 2,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:max-waiting-events:
   *
   * How many events may wait for the disk; an append that would exceed it fails.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_WAITING_EVENTS] =
    g_param_spec_uint ("max-waiting-events", NULL, NULL, 1, G_MAXUINT, 50000,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:max-waiting-bytes:
   *
   * How many bytes of events may wait for the disk; an append that would exceed it fails.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_WAITING_BYTES] =
    g_param_spec_uint64 ("max-waiting-bytes", NULL, NULL, 1, G_MAXUINT64, 64 * 1024 * 1024,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:max-waiting-reads:
   *
   * How many queries, lookups and pages may wait for a thread that reads; another one fails.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_WAITING_READS] =
    g_param_spec_uint ("max-waiting-reads", NULL, NULL, 1, G_MAXUINT, 10000,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:max-query-bytes:
   *
   * How many bytes of events one query reads; its answer ends early with the event that reaches them.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_QUERY_BYTES] =
    g_param_spec_uint64 ("max-query-bytes", NULL, NULL, 1, G_MAXUINT64, 64 * 1024 * 1024,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfrySqliteStore:reads-waiting:
   *
   * Queries, lookups and pages that wait for a thread that reads.
   *
   * Since: 0.1
   */
  properties[PROP_READS_WAITING] = make_counter ("reads-waiting");

  /**
   * BelfrySqliteStore:events-waiting:
   *
   * Events whose append is not answered yet.
   *
   * Since: 0.1
   */
  properties[PROP_EVENTS_WAITING] = make_counter ("events-waiting");

  /**
   * BelfrySqliteStore:commits:
   *
   * Transactions that appended events, since the store was opened.
   *
   * Since: 0.1
   */
  properties[PROP_COMMITS] = make_counter ("commits");

  /**
   * BelfrySqliteStore:events-appended:
   *
   * Events appended since the store was opened.
   *
   * Since: 0.1
   */
  properties[PROP_EVENTS_APPENDED] = make_counter ("events-appended");

  /**
   * BelfrySqliteStore:appends-failed:
   *
   * Appends that failed since the store was opened, because too much waited or storage was full or failing.
   *
   * Since: 0.1
   */
  properties[PROP_APPENDS_FAILED] = make_counter ("appends-failed");

  /**
   * BelfrySqliteStore:largest-batch:
   *
   * The most events that one transaction appended.
   *
   * Since: 0.1
   */
  properties[PROP_LARGEST_BATCH] = make_counter ("largest-batch");

  /**
   * BelfrySqliteStore:wal-bytes:
   *
   * Bytes in the write-ahead log that are still needed.
   *
   * Since: 0.1
   */
  properties[PROP_WAL_BYTES] = make_counter ("wal-bytes");

  /**
   * BelfrySqliteStore:database-bytes:
   *
   * Size of the database file.
   *
   * Since: 0.1
   */
  properties[PROP_DATABASE_BYTES] = make_counter ("database-bytes");

  /**
   * BelfrySqliteStore:tail-events:
   *
   * The newest events, which are found through memory because the indexes do not hold them yet.
   *
   * Since: 0.1
   */
  properties[PROP_TAIL_EVENTS] = make_counter ("tail-events");

  /**
   * BelfrySqliteStore:chores-set-aside:
   *
   * Kinds of upkeep that came upon damage, and are not tried again before the next start.
   *
   * Since: 0.1
   */
  properties[PROP_CHORES_SET_ASIDE] = make_counter ("chores-set-aside");

  /**
   * BelfrySqliteStore:clock-held:
   *
   * Events accepted while the clock was behind the time of an earlier event, which they therefore share.
   *
   * Since: 0.1
   */
  properties[PROP_CLOCK_HELD] = make_counter ("clock-held");

  /**
   * BelfrySqliteStore:queries-cut:
   *
   * Queries whose answer ended early, because [property@Belfry.SqliteStore:max-query-bytes] was reached.
   *
   * Since: 0.1
   */
  properties[PROP_QUERIES_CUT] = make_counter ("queries-cut");

  install_receipt_properties ();

  /**
   * BelfrySqliteStore:refuses-appends:
   *
   * Whether every append fails with %BELFRY_ERROR_UNAVAILABLE, because what the log holds already waits too long for
   * somebody who is to have it. Everything else goes on.
   *
   * Since: 0.1
   */
  properties[PROP_REFUSES_APPENDS] =
    g_param_spec_boolean ("refuses-appends", NULL, NULL, FALSE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
  belfry_sqlite_store_install_letter_properties (object_class);
}

static void
belfry_sqlite_store_init (BelfrySqliteStore *self)
{
  self->clock = read_clock;
  self->floor = 1;
  belfry_histogram_init_times (&self->commit_times);
  belfry_histogram_init_numbers (&self->commit_events);
  g_queue_init (&self->outcomes);
  g_queue_init (&self->deletes);
}

const BelfryHistogram *
belfry_sqlite_store_get_commit_times (BelfrySqliteStore *self)
{
  return &self->commit_times;
}

const BelfryHistogram *
belfry_sqlite_store_get_commit_events (BelfrySqliteStore *self)
{
  return &self->commit_events;
}

/**
 * belfry_sqlite_store_new:
 * @path: path of the database file
 *
 * Makes a store, which is to be opened.
 *
 * Returns: (transfer full): a store
 *
 * Since: 0.1
 */
BelfrySqliteStore *
belfry_sqlite_store_new (const char *path)
{
  g_return_val_if_fail (path != NULL, NULL);

  return g_object_new (BELFRY_TYPE_SQLITE_STORE, "path", path, NULL);
}

void
belfry_sqlite_store_set_clock (BelfrySqliteStore     *self,
                               BelfrySqliteClockFunc  clock,
                               gpointer               user_data)
{
  g_assert (!self->was_opened);

  self->clock = clock;
  self->clock_data = user_data;
}

void
belfry_sqlite_store_set_tuning (BelfrySqliteStore        *self,
                                const BelfrySqliteTuning *tuning)
{
  g_assert (!self->was_opened);

  g_free (self->tuning);
  self->tuning = g_memdup2 (tuning, sizeof *tuning);
}
