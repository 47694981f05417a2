/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-event-store.h"

/**
 * BelfryEventStore:
 *
 * The log: every accepted event is appended once and gets the next position.
 *
 * An append is answered when it survives power loss, and only then seen by anybody else: first
 * [signal@Belfry.EventStore::committed] tells of the events, in log order, then the appends that brought them are
 * answered. Reading goes backwards ([method@Belfry.EventStore.query_async]), forwards from a place
 * ([method@Belfry.EventStore.read_async]) or to one event ([method@Belfry.EventStore.lookup_async]). Deleting moves the
 * floor, below which the log holds nothing.
 *
 * A store is used on the thread-default context of its construction.
 *
 * Since: 0.1
 */
G_DEFINE_INTERFACE (BelfryEventStore, belfry_event_store, G_TYPE_OBJECT)

G_DEFINE_BOXED_TYPE (BelfryLogPage, belfry_log_page, belfry_log_page_copy, belfry_log_page_free)
G_DEFINE_BOXED_TYPE (BelfryTypeCount, belfry_type_count, belfry_type_count_copy, belfry_type_count_free)
G_DEFINE_BOXED_TYPE (BelfryStoreStats, belfry_store_stats, belfry_store_stats_copy, belfry_store_stats_free)

static void
belfry_event_store_default_init (BelfryEventStoreInterface *iface)
{
  /**
   * BelfryEventStore::committed:
   * @self: the store
   * @events: (element-type BelfryEvent): what one transaction appended, in log order
   *
   * Events became durable. Emitted on the home context, once for each transaction, in log order, just before the
   * appends that brought the events are answered.
   *
   * Since: 0.1
   */
  g_signal_new ("committed",
                G_TYPE_FROM_INTERFACE (iface),
                G_SIGNAL_RUN_LAST,
                0,
                NULL, NULL, NULL,
                G_TYPE_NONE, 1, G_TYPE_PTR_ARRAY);

  /**
   * BelfryEventStore::removed:
   * @self: the store
   *
   * The log lost its oldest events: they were deleted, or had become too old. Emitted on the home context, just
   * before whoever deleted them is answered.
   *
   * Since: 0.1
   */
  g_signal_new ("removed",
                G_TYPE_FROM_INTERFACE (iface),
                G_SIGNAL_RUN_LAST,
                0,
                NULL, NULL, NULL,
                G_TYPE_NONE, 0);
}

/**
 * belfry_log_page_copy:
 * @self: a page
 *
 * Copies a page; the events are shared.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
BelfryLogPage *
belfry_log_page_copy (const BelfryLogPage *self)
{
  BelfryLogPage *copy;

  g_return_val_if_fail (self != NULL, NULL);

  copy = g_new (BelfryLogPage, 1);
  *copy = *self;
  copy->events = g_ptr_array_ref (self->events);

  return copy;
}

/**
 * belfry_log_page_free:
 * @self: (transfer full): a page
 *
 * Frees a page.
 *
 * Since: 0.1
 */
void
belfry_log_page_free (BelfryLogPage *self)
{
  g_return_if_fail (self != NULL);

  g_ptr_array_unref (self->events);
  g_free (self);
}

/**
 * belfry_type_count_copy:
 * @self: a count
 *
 * Copies a count.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
BelfryTypeCount *
belfry_type_count_copy (const BelfryTypeCount *self)
{
  BelfryTypeCount *copy;

  g_return_val_if_fail (self != NULL, NULL);

  copy = g_new (BelfryTypeCount, 1);
  *copy = *self;
  copy->event_type = g_strdup (self->event_type);

  return copy;
}

/**
 * belfry_type_count_free:
 * @self: (transfer full): a count
 *
 * Frees a count.
 *
 * Since: 0.1
 */
void
belfry_type_count_free (BelfryTypeCount *self)
{
  g_return_if_fail (self != NULL);

  g_free (self->event_type);
  g_free (self);
}

/**
 * belfry_store_stats_copy:
 * @self: statistics
 *
 * Copies statistics; the counts by type are shared.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
BelfryStoreStats *
belfry_store_stats_copy (const BelfryStoreStats *self)
{
  BelfryStoreStats *copy;

  g_return_val_if_fail (self != NULL, NULL);

  copy = g_new (BelfryStoreStats, 1);
  *copy = *self;
  copy->by_type = g_ptr_array_ref (self->by_type);

  return copy;
}

/**
 * belfry_store_stats_free:
 * @self: (transfer full): statistics
 *
 * Frees statistics.
 *
 * Since: 0.1
 */
void
belfry_store_stats_free (BelfryStoreStats *self)
{
  g_return_if_fail (self != NULL);

  g_ptr_array_unref (self->by_type);
  g_free (self);
}

/**
 * belfry_event_store_append_async:
 * @self: a store
 * @events: (element-type BelfryEvent): events that were never appended before; the store keeps its own references
 * @cancellable: (nullable): cancels what is not yet being written
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Appends events, all or none, in their order.
 *
 * Answered when they survive power loss; then each has its id, position and timestamp. Fails at once with
 * %BELFRY_ERROR_UNAVAILABLE when too much waits.
 *
 * Since: 0.1
 */
void
belfry_event_store_append_async (BelfryEventStore    *self,
                                 GPtrArray           *events,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (events != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->append_async (self, events, cancellable, callback, user_data);
}

/**
 * belfry_event_store_append_list_async: (rename-to belfry_event_store_append_async)
 * @self: a store
 * @events: (array length=n_events) (transfer none): events that were never appended before
 * @n_events: how many they are
 * @cancellable: (nullable): cancels what is not yet being written
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Appends events as [method@Belfry.EventStore.append_async] does, from a plain array: for languages whose bindings make no
 * [struct@GLib.PtrArray].
 *
 * Since: 0.1
 */
void
belfry_event_store_append_list_async (BelfryEventStore     *self,
                                      BelfryEvent         **events,
                                      gsize                 n_events,
                                      GCancellable         *cancellable,
                                      GAsyncReadyCallback   callback,
                                      gpointer              user_data)
{
  g_autoptr(GPtrArray) list = g_ptr_array_new_full ((guint) n_events, (GDestroyNotify) belfry_event_unref);

  for (gsize i = 0; i < n_events; i++)
    {
      g_return_if_fail (events[i] != NULL);
      g_ptr_array_add (list, belfry_event_ref (events[i]));
    }

  belfry_event_store_append_async (self, list, cancellable, callback, user_data);
}

/**
 * belfry_event_store_append_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends an append.
 *
 * Returns: %TRUE when the events are durable; %FALSE with %BELFRY_ERROR_UNAVAILABLE when too much waits or when storage
 *   is full or failing
 *
 * Since: 0.1
 */
gboolean
belfry_event_store_append_finish (BelfryEventStore  *self,
                                  GAsyncResult      *result,
                                  GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), FALSE);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->append_finish (self, result, error);
}

/**
 * belfry_event_store_query_async:
 * @self: a store
 * @filter: (nullable): which events, or %NULL for any
 * @since_usec: only events accepted strictly after this instant, in µs since 1970 UTC; %G_MININT64 for no bound
 * @before_position: only events at positions strictly below this one; 0 for no bound
 * @limit: how many events at most, 1 to 100,000
 * @cancellable: (nullable): cancels the query
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Asks for the newest matching events.
 *
 * Since: 0.1
 */
void
belfry_event_store_query_async (BelfryEventStore    *self,
                                BelfryFilter        *filter,
                                gint64               since_usec,
                                guint64              before_position,
                                guint                limit,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (limit >= 1 && limit <= 100000);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->query_async (self, filter, since_usec, before_position, limit,
                                                    cancellable, callback, user_data);
}

/**
 * belfry_event_store_query_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends a query.
 *
 * A store may bound the bytes of an answer; [method@Belfry.EventStore.query_was_cut] then tells.
 *
 * Returns: (transfer container) (element-type BelfryEvent): the events, newest first; %NULL with
 *   %BELFRY_ERROR_UNAVAILABLE when the log cannot be read
 *
 * Since: 0.1
 */
GPtrArray *
belfry_event_store_query_finish (BelfryEventStore  *self,
                                 GAsyncResult      *result,
                                 GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), NULL);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->query_finish (self, result, error);
}

/**
 * belfry_event_store_query_was_cut:
 * @self: a store
 * @result: what the callback of a query was given
 *
 * Tells whether an answer holds fewer events than the limit of its query although more match, because what it holds is
 * large. It always holds one; a further query, for positions below that of the last, goes on.
 *
 * Returns: %TRUE when more events match
 *
 * Since: 0.1
 */
gboolean
belfry_event_store_query_was_cut (BelfryEventStore *self,
                                  GAsyncResult     *result)
{
  BelfryEventStoreInterface *iface;

  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), FALSE);
  g_return_val_if_fail (G_IS_ASYNC_RESULT (result), FALSE);

  iface = BELFRY_EVENT_STORE_GET_IFACE (self);

  return iface->query_was_cut != NULL && iface->query_was_cut (self, result);
}

/**
 * belfry_event_store_lookup_async:
 * @self: a store
 * @id: id of an event; any text may be asked for
 * @cancellable: (nullable): cancels the lookup
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Asks for one event.
 *
 * Since: 0.1
 */
void
belfry_event_store_lookup_async (BelfryEventStore    *self,
                                 const char          *id,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (id != NULL);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->lookup_async (self, id, cancellable, callback, user_data);
}

/**
 * belfry_event_store_lookup_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends a lookup.
 *
 * Returns: (transfer full): the event; %NULL with %BELFRY_ERROR_NOT_FOUND when the log holds none of that id
 *
 * Since: 0.1
 */
BelfryEvent *
belfry_event_store_lookup_finish (BelfryEventStore  *self,
                                  GAsyncResult      *result,
                                  GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), NULL);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->lookup_finish (self, result, error);
}

/**
 * belfry_event_store_read_async:
 * @self: a store
 * @filter: (nullable): which events, or %NULL for any
 * @after: the position behind which to begin; 0 for the beginning
 * @through: the last position to look at; %G_MAXUINT64 for the end
 * @max_events: how many events at most, 1 or more
 * @max_bytes: when so many bytes have come together the page ends; it holds one event even when that is larger
 * @cancellable: (nullable): cancels the reading
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Reads a page of the log forwards.
 *
 * A page may hold fewer events than asked for, even none, with its `next` below the end: go on from there. `next`
 * equals @through or the last position, whichever is lower, once everything has been seen.
 *
 * Since: 0.1
 */
void
belfry_event_store_read_async (BelfryEventStore    *self,
                               BelfryFilter        *filter,
                               guint64              after,
                               guint64              through,
                               guint                max_events,
                               gsize                max_bytes,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (max_events >= 1);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->read_async (self, filter, after, through, max_events, max_bytes,
                                                   cancellable, callback, user_data);
}

/**
 * belfry_event_store_read_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends the reading of a page.
 *
 * Returns: (transfer full): the page; %NULL with %BELFRY_ERROR_UNAVAILABLE when the log cannot be read
 *
 * Since: 0.1
 */
BelfryLogPage *
belfry_event_store_read_finish (BelfryEventStore  *self,
                                GAsyncResult      *result,
                                GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), NULL);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->read_finish (self, result, error);
}

/**
 * belfry_event_store_delete_async:
 * @self: a store
 * @before_usec: removes what was accepted strictly before this instant, in µs since 1970 UTC; %G_MAXINT64 for all
 * @cancellable: (nullable): cancels what is not yet being written
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Moves the floor of the log. What is below is gone at once; its space is reclaimed later, little by little.
 *
 * Since: 0.1
 */
void
belfry_event_store_delete_async (BelfryEventStore    *self,
                                 gint64               before_usec,
                                 GCancellable        *cancellable,
                                 GAsyncReadyCallback  callback,
                                 gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->delete_async (self, before_usec, cancellable, callback, user_data);
}

/**
 * belfry_event_store_delete_finish:
 * @self: a store
 * @result: what the callback was given
 * @n_deleted: (out) (optional): how many events were removed
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends a deletion.
 *
 * Returns: (skip): %TRUE when the removal is durable, %FALSE with %BELFRY_ERROR_UNAVAILABLE otherwise
 *
 * Since: 0.1
 */
gboolean
belfry_event_store_delete_finish (BelfryEventStore  *self,
                                  GAsyncResult      *result,
                                  guint64           *n_deleted,
                                  GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), FALSE);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->delete_finish (self, result, n_deleted, error);
}

/**
 * belfry_event_store_stats_async:
 * @self: a store
 * @cancellable: (nullable): cancels the asking
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Asks how many events the log holds.
 *
 * Since: 0.1
 */
void
belfry_event_store_stats_async (BelfryEventStore    *self,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->stats_async (self, cancellable, callback, user_data);
}

/**
 * belfry_event_store_stats_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends the asking for statistics.
 *
 * Returns: (transfer full): the statistics; %NULL with %BELFRY_ERROR_UNAVAILABLE when the log cannot be read
 *
 * Since: 0.1
 */
BelfryStoreStats *
belfry_event_store_stats_finish (BelfryEventStore  *self,
                                 GAsyncResult      *result,
                                 GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), NULL);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->stats_finish (self, result, error);
}

/**
 * belfry_event_store_check_async:
 * @self: a store
 * @cancellable: (nullable): cancels the check
 * @callback: (scope async) (closure user_data): called on the home context
 * @user_data: data for @callback
 *
 * Checks that the log can be read and written now.
 *
 * Since: 0.1
 */
void
belfry_event_store_check_async (BelfryEventStore    *self,
                                GCancellable        *cancellable,
                                GAsyncReadyCallback  callback,
                                gpointer             user_data)
{
  g_return_if_fail (BELFRY_IS_EVENT_STORE (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  BELFRY_EVENT_STORE_GET_IFACE (self)->check_async (self, cancellable, callback, user_data);
}

/**
 * belfry_event_store_check_finish:
 * @self: a store
 * @result: what the callback was given
 * @error: return location for a [error@Belfry.Error]
 *
 * Ends a check.
 *
 * Returns: %TRUE when the log can be read and written; %FALSE with %BELFRY_ERROR_CORRUPT when it can be written, and a
 *   part of it is damaged; otherwise %FALSE with %BELFRY_ERROR_UNAVAILABLE
 *
 * Since: 0.1
 */
gboolean
belfry_event_store_check_finish (BelfryEventStore  *self,
                                 GAsyncResult      *result,
                                 GError           **error)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), FALSE);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->check_finish (self, result, error);
}

/**
 * belfry_event_store_get_log_id:
 * @self: a store
 *
 * Gets the identity of the log. A cursor belongs to the log of its identity; a restored backup has a new one.
 *
 * Returns: the identity; 0 before the store is open
 *
 * Since: 0.1
 */
guint64
belfry_event_store_get_log_id (BelfryEventStore *self)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), 0);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->get_log_id (self);
}

/**
 * belfry_event_store_get_last_position:
 * @self: a store
 *
 * Gets the newest position that [signal@Belfry.EventStore::committed] has told of.
 *
 * Returns: the position; 0 in a new log
 *
 * Since: 0.1
 */
guint64
belfry_event_store_get_last_position (BelfryEventStore *self)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), 0);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->get_last_position (self);
}

/**
 * belfry_event_store_get_floor:
 * @self: a store
 *
 * Gets the first position that is not deleted.
 *
 * Returns: the position; the last position and 1 when no event is held
 *
 * Since: 0.1
 */
guint64
belfry_event_store_get_floor (BelfryEventStore *self)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_STORE (self), 0);

  return BELFRY_EVENT_STORE_GET_IFACE (self)->get_floor (self);
}
