/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-event.h"
#include "belfry-filter.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_LOG_PAGE    (belfry_log_page_get_type ())
#define BELFRY_TYPE_TYPE_COUNT  (belfry_type_count_get_type ())
#define BELFRY_TYPE_STORE_STATS (belfry_store_stats_get_type ())
#define BELFRY_TYPE_EVENT_STORE (belfry_event_store_get_type ())

/**
 * BelfryLogPage:
 * @events: (element-type BelfryEvent): the matching events, in log order
 * @next: the position up to which the log has been looked at; the next page begins behind it
 * @lost: how many positions behind the asked-for place have been removed from the log
 * @floor: the first position that the log still held when the page was read
 *
 * A stretch of the log, read forwards.
 *
 * Since: 0.1
 */
typedef struct
{
  GPtrArray *events;
  guint64    next;
  guint64    lost;
  guint64    floor;
} BelfryLogPage;

/**
 * BelfryTypeCount:
 * @event_type: name of the type
 * @count: events of it that the log holds
 * @last_seen_usec: when the newest of them was accepted, in µs since 1970 UTC
 *
 * What the log holds of one type.
 *
 * Since: 0.1
 */
typedef struct
{
  char    *event_type;
  guint64  count;
  gint64   last_seen_usec;
} BelfryTypeCount;

/**
 * BelfryStoreStats:
 * @total_events: events that the log holds
 * @events_last_hour: those of them accepted within the last hour
 * @by_type: (element-type BelfryTypeCount): count descending, then name
 *
 * What the log holds, in numbers.
 *
 * Since: 0.1
 */
typedef struct
{
  guint64    total_events;
  guint64    events_last_hour;
  GPtrArray *by_type;
} BelfryStoreStats;

BELFRY_AVAILABLE_IN_ALL GType             belfry_log_page_get_type    (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL BelfryLogPage    *belfry_log_page_copy        (const BelfryLogPage *self);
BELFRY_AVAILABLE_IN_ALL void              belfry_log_page_free        (BelfryLogPage *self);
BELFRY_AVAILABLE_IN_ALL GType             belfry_type_count_get_type  (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL BelfryTypeCount  *belfry_type_count_copy      (const BelfryTypeCount *self);
BELFRY_AVAILABLE_IN_ALL void              belfry_type_count_free      (BelfryTypeCount *self);
BELFRY_AVAILABLE_IN_ALL GType             belfry_store_stats_get_type (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL
BelfryStoreStats *belfry_store_stats_copy (const BelfryStoreStats *self);
BELFRY_AVAILABLE_IN_ALL void              belfry_store_stats_free     (BelfryStoreStats *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryLogPage, belfry_log_page_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryTypeCount, belfry_type_count_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryStoreStats, belfry_store_stats_free)

/* The durable log. Signal "committed" (GPtrArray of BelfryEvent): on the home context, in log order, each run just
 * before the answers of the appends that it holds. Positions begin at 1 and are never used twice. */
BELFRY_AVAILABLE_IN_ALL
G_DECLARE_INTERFACE (BelfryEventStore, belfry_event_store, BELFRY, EVENT_STORE, GObject)

struct _BelfryEventStoreInterface
{
  GTypeInterface parent_iface;

  void (*append_async) (BelfryEventStore *self, GPtrArray *events, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
  gboolean          (*append_finish) (BelfryEventStore *self, GAsyncResult *result, GError **error);
  void (*query_async) (BelfryEventStore *self, BelfryFilter *filter, gint64 since_usec,
                       guint64 before_position, guint limit, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  GPtrArray        *(*query_finish)  (BelfryEventStore *self, GAsyncResult *result, GError **error);
  void (*lookup_async) (BelfryEventStore *self, const char *id, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
  BelfryEvent      *(*lookup_finish) (BelfryEventStore *self, GAsyncResult *result, GError **error);
  void (*read_async) (BelfryEventStore *self, BelfryFilter *filter, guint64 after, guint64 through,
                      guint max_events, gsize max_bytes, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data);
  BelfryLogPage    *(*read_finish)   (BelfryEventStore *self, GAsyncResult *result, GError **error);
  void (*delete_async) (BelfryEventStore *self, gint64 before_usec, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data);
  gboolean (*delete_finish) (BelfryEventStore *self, GAsyncResult *result, guint64 *n_deleted,
                             GError **error);
  void (*stats_async) (BelfryEventStore *self, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  BelfryStoreStats *(*stats_finish)  (BelfryEventStore *self, GAsyncResult *result, GError **error);
  void (*check_async) (BelfryEventStore *self, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer user_data);
  gboolean          (*check_finish)  (BelfryEventStore *self, GAsyncResult *result, GError **error);
  guint64           (*get_log_id)        (BelfryEventStore *self);
  guint64           (*get_last_position) (BelfryEventStore *self);
  guint64           (*get_floor)         (BelfryEventStore *self);
  gboolean          (*query_was_cut)     (BelfryEventStore *self, GAsyncResult *result);
};

/* Appends events, all or none, in their order. Answered when they survive power loss; then each is sealed (id, position, timestamp).
 * BELFRY_ERROR_UNAVAILABLE at once when too much waits, or when storage is full or failing. An event is appended once in its life. */
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_append_async (BelfryEventStore *self, GPtrArray *events,
                                      GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_append_list_async (BelfryEventStore *self, BelfryEvent **events,
                                           gsize n_events, GCancellable *cancellable,
                                           GAsyncReadyCallback callback, gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_store_append_finish (BelfryEventStore *self, GAsyncResult *result,
                                           GError **error);
/* Newest first. filter NULL: any. since_usec: strictly after, G_MININT64: none. before_position:
 * strictly below, 0: none. limit 1 to 100,000. */
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_query_async (BelfryEventStore *self, BelfryFilter *filter,
                                     gint64 since_usec, guint64 before_position, guint limit,
                                     GCancellable *cancellable, GAsyncReadyCallback callback,
                                     gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
GPtrArray *belfry_event_store_query_finish (BelfryEventStore *self, GAsyncResult *result,
                                            GError **error);
/* After query_finish: whether the answer holds fewer events than limit although more match,
 * because of their size. Go on before the last of them. */
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_store_query_was_cut (BelfryEventStore *self, GAsyncResult *result);
/* NULL with BELFRY_ERROR_NOT_FOUND when no such event is held. */
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_lookup_async (BelfryEventStore *self, const char *id,
                                      GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
BelfryEvent *belfry_event_store_lookup_finish (BelfryEventStore *self, GAsyncResult *result,
                                               GError **error);
/* Forwards: positions > after and <= through (G_MAXUINT64: to the end). A page may hold fewer than asked, even none, with next < through: go on from next.
 * next equals min(through, last position) once everything has been seen. */
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_read_async (BelfryEventStore *self, BelfryFilter *filter, guint64 after,
                                    guint64 through, guint max_events, gsize max_bytes,
                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                    gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
BelfryLogPage *belfry_event_store_read_finish (BelfryEventStore *self, GAsyncResult *result,
                                               GError **error);
/* Moves the floor: removes what was accepted strictly before before_usec; G_MAXINT64: all.
 * Visible at once. */
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_delete_async (BelfryEventStore *self, gint64 before_usec,
                                      GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_store_delete_finish (BelfryEventStore *self, GAsyncResult *result,
                                           guint64 *n_deleted, GError **error);
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_stats_async (BelfryEventStore *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
BelfryStoreStats *belfry_event_store_stats_finish (BelfryEventStore *self, GAsyncResult *result,
                                                   GError **error);
/* Succeeds when the log can be read and written now. */
BELFRY_AVAILABLE_IN_ALL
void belfry_event_store_check_async (BelfryEventStore *self, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
BELFRY_AVAILABLE_IN_ALL
gboolean belfry_event_store_check_finish (BelfryEventStore *self, GAsyncResult *result,
                                          GError **error);
BELFRY_AVAILABLE_IN_ALL guint64 belfry_event_store_get_log_id        (BelfryEventStore *self);
/* The newest committed position that "committed" has told of, 0 in an empty new log. */
BELFRY_AVAILABLE_IN_ALL guint64 belfry_event_store_get_last_position (BelfryEventStore *self);
/* The first position that is not deleted; last position + 1 when none is held. */
BELFRY_AVAILABLE_IN_ALL guint64 belfry_event_store_get_floor         (BelfryEventStore *self);

G_END_DECLS
