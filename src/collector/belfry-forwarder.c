/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-forwarder-private.h"

#include "belfry-learner-event-private.h"

/* What lies between the log and a sink.
 *
 * Events are in flight from when the sink got them until it is done with them; those pieces wait in a queue, bounded in events and
 * bytes. While the forwarder is at the end of the log, it passes on each run as the log tells of it, an array with one more
 * reference; what finds no room is left to the log and read from there, in pages, when half of the flight has landed. So the memory
 * is the same however long the sink is away. The cursor moves behind what is done with, and the log writes it along with what it
 * writes anyway.
 *
 * The log promises to forward what it accepts. When the oldest pending event is too old, or there is too much of them, it accepts
 * nothing more until the sink has taken some. */

#define PAGE_EVENTS 1000
#define PAGE_BYTES  (1024 * 1024)

/* So many events at most are given to a sink that is away, which can only keep them. */
#define AWAY_EVENTS 1000

/* How long a page that could not be read is not asked for again, and how often the age is looked at. */
#define LOOK_SEC 1

G_DEFINE_FINAL_TYPE (BelfryForwarder, belfry_forwarder, G_TYPE_OBJECT)

static void
piece_free (gpointer data)
{
  BelfryForwarderPiece *piece = data;

  g_ptr_array_unref (piece->events);
  g_free (piece);
}

static gint64
get_real_time (gpointer user_data)
{
  return g_get_real_time ();
}

static guint64
count_after (BelfryForwarder *self,
             guint64          position)
{
  return belfry_cursor_keeper_count_after (BELFRY_CURSOR_KEEPER (self->store), position);
}

static gsize
measure (GPtrArray *events,
         guint      first)
{
  gsize bytes = 0;

  for (guint i = first; i < events->len; i++)
    {
      gsize length;

      belfry_event_peek_json (g_ptr_array_index (events, i), &length);
      bytes += length;
    }

  return bytes;
}

/* About what lies behind given, by what events take lately; no more than all of the log does. */
static guint64
estimate_behind (BelfryForwarder *self)
{
  guint64 database_bytes, wal_bytes;

  g_object_get (self->store, "database-bytes", &database_bytes, "wal-bytes", &wal_bytes, NULL);

  return MIN (count_after (self, self->given) * self->event_bytes, database_bytes + wal_bytes);
}

/* --- the bound --- */

static void
tell_full (BelfryForwarder *self,
           gboolean         is_full)
{
  if (is_full == self->is_full)
    return;

  self->is_full = is_full;
  g_object_set (self->store, "refuses-appends", is_full, NULL);
  g_object_notify (G_OBJECT (self), "is-full");
  if (is_full)
    g_warning ("%" G_GUINT64_FORMAT " events wait to be forwarded, which is too much or too long: no more are accepted",
               belfry_forwarder_get_pending (self));
  else
    g_message ("Events are accepted again: enough were forwarded");
}

void
belfry_forwarder_check_bounds (BelfryForwarder *self)
{
  gint64 oldest_usec = belfry_forwarder_get_oldest_usec (self);
  gboolean is_old = oldest_usec != 0 && oldest_usec != G_MAXINT64
                    && self->clock (self->clock_data) - oldest_usec >= self->buffer_max_usec;

  tell_full (self, self->is_started && oldest_usec != G_MAXINT64
                   && (is_old || belfry_forwarder_get_pending_bytes (self) >= self->buffer_max_bytes));
}

static void pump (BelfryForwarder *self);

static gboolean
look_cb (gpointer user_data)
{
  BelfryForwarder *self = user_data;

  belfry_forwarder_check_bounds (self);
  pump (self);
  return G_SOURCE_CONTINUE;
}

/* --- the flight --- */

static guint
get_flight_limit (BelfryForwarder *self)
{
  return belfry_sink_is_connected (self->sink) ? self->max_flight_events : MIN (self->max_flight_events, AWAY_EVENTS);
}

static gboolean
has_room (BelfryForwarder *self)
{
  return self->flight_events < get_flight_limit (self) && self->flight_bytes < self->max_flight_bytes;
}

/* All of the array from first on. */
static void
give (BelfryForwarder *self,
      GPtrArray       *events,
      guint            first,
      gsize            bytes)
{
  BelfryForwarderPiece *piece = g_new (BelfryForwarderPiece, 1);

  *piece = (BelfryForwarderPiece) { g_ptr_array_ref (events), first, bytes };
  g_queue_push_tail (&self->flight, piece);
  self->flight_events += events->len - first;
  self->flight_bytes += bytes;
  belfry_sink_send (self->sink, events, first);
}

static void
land (BelfryForwarder *self,
      guint            n_events)
{
  while (n_events > 0)
    {
      BelfryForwarderPiece *piece = g_queue_peek_head (&self->flight);
      guint n_landed = MIN (n_events, piece->events->len - piece->n_done);

      piece->n_done += n_landed;
      self->flight_events -= n_landed;
      n_events -= n_landed;
      if (piece->n_done == piece->events->len)
        {
          self->flight_bytes -= piece->bytes;
          piece_free (g_queue_pop_head (&self->flight));
        }
    }
}

static void
drop_flight (BelfryForwarder *self)
{
  g_queue_clear_full (&self->flight, piece_free);
  self->flight_events = 0;
  self->flight_bytes = 0;
}

static void
move_cursor (BelfryForwarder *self)
{
  guint64 position = self->done;
  const guint64 *letter = g_queue_peek_head (&self->letters);

  /* An event that somebody is still about to keep must be found again after a crash. */
  if (letter != NULL)
    position = MIN (position, *letter - 1);
  if (position <= self->cursor.position)
    return;

  self->cursor.position = position;
  belfry_cursor_keeper_move (BELFRY_CURSOR_KEEPER (self->store), self->name, &self->cursor);
}

static void
refuse (BelfryForwarder         *self,
        const BelfrySinkRefusal *refusal)
{
  guint64 position = belfry_event_get_position (refusal->event);

  self->refused++;
  g_warning ("Event '%s' cannot be forwarded: %s", belfry_event_get_id (refusal->event), refusal->reason);
  if (self->letter_func == NULL)
    return;

  /* Before the call: it may be answered in there. */
  g_queue_push_tail (&self->letters, g_memdup2 (&position, sizeof position));
  if (self->letter_func (self, refusal->event, refusal->reason, self->letter_data))
    belfry_forwarder_letter_kept (self, position);
}

static void
on_reported (BelfrySink *sink,
             gpointer    user_data)
{
  BelfryForwarder *self = user_data;
  g_auto(BelfrySinkReport) report = { 0 };
  guint n_refused;

  if (!self->is_started || !belfry_sink_take_report (sink, &report))
    return;

  land (self, report.n_done);
  n_refused = report.refused != NULL ? report.refused->len : 0;
  for (guint i = 0; i < n_refused; i++)
    refuse (self, g_ptr_array_index (report.refused, i));
  self->cursor.count += report.n_done - n_refused;
  self->acknowledged += report.n_done - n_refused;
  self->done = MAX (self->done, report.through);
  move_cursor (self);
  if (self->is_full)
    belfry_forwarder_check_bounds (self);
  pump (self);
}

/* --- from the log --- */

static void
on_page (BelfryForwarder *self,
         BelfryLogPage   *page)
{
  guint64 floor = belfry_event_store_get_floor (self->store);
  gsize bytes = measure (page->events, 0);
  guint first = 0;

  /* What was deleted while it was read. */
  while (first < page->events->len && belfry_event_get_position (g_ptr_array_index (page->events, first)) < floor)
    first++;

  if (page->events->len > 0)
    self->event_bytes = bytes / page->events->len;
  self->given = MAX (self->given, page->next);
  if (self->is_sized)
    self->behind_bytes -= MIN (self->behind_bytes, bytes);
  else
    self->behind_bytes = estimate_behind (self);
  self->is_sized = TRUE;
  if (self->given >= self->seen)
    self->behind_bytes = 0;
  if (first < page->events->len)
    give (self, page->events, first, bytes);
}

static void
read_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr(BelfryForwarder) self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryLogPage) page = belfry_event_store_read_finish (BELFRY_EVENT_STORE (object), result, &error);

  self->is_reading = FALSE;
  if (!self->is_started)
    return;

  if (page != NULL)
    {
      self->has_failed = FALSE;
      /* What was asked for before a reset begins at another place. */
      if (self->reading_reset == self->resets)
        on_page (self, page);
      pump (self);
      return;
    }

  /* The next look tries again. */
  self->read_failures++;
  if (!self->has_failed)
    g_warning ("Cannot read what is to be forwarded: %s, retrying every %d s", error->message, LOOK_SEC);
  self->has_failed = TRUE;
}

/* Reads on when there is something to read and half of the flight is free. */
static void
pump (BelfryForwarder *self)
{
  guint limit, n_free;

  if (!self->is_started || self->is_reading || self->given >= self->seen)
    return;

  limit = get_flight_limit (self);
  if (self->flight_events > limit / 2 || self->flight_bytes > self->max_flight_bytes / 2)
    return;

  n_free = limit - self->flight_events;
  self->is_reading = TRUE;
  self->reading_reset = self->resets;
  belfry_event_store_read_async (self->store, NULL, self->given, self->seen, MIN (PAGE_EVENTS, n_free), PAGE_BYTES, NULL,
                                 read_cb, g_object_ref (self));
}

static void
on_committed (BelfryEventStore *store,
              GPtrArray        *events,
              gpointer          user_data)
{
  BelfryForwarder *self = user_data;
  guint64 last = belfry_event_get_position (g_ptr_array_index (events, events->len - 1));
  gsize bytes = measure (events, 0);
  gboolean is_live = self->given == self->seen && !self->is_reading && has_room (self);

  self->seen = last;
  if (is_live)
    {
      self->given = last;
      self->event_bytes = bytes / events->len;
      give (self, events, 0, bytes);
    }
  else
    {
      self->behind_bytes += bytes;
      pump (self);
    }
  /* What takes long is noticed once a second, what takes room at once. */
  if (belfry_forwarder_get_pending_bytes (self) >= self->buffer_max_bytes)
    belfry_forwarder_check_bounds (self);
}

/* Deleted events are not forwarded, and what is given to the sink cannot be taken out of it one by one. */
static void
on_removed (BelfryEventStore *store,
            gpointer          user_data)
{
  BelfryForwarder *self = user_data;
  guint64 floor = belfry_event_store_get_floor (store);

  if (self->done + 1 >= floor)
    return;

  self->done = floor - 1;
  if (self->flight.length > 0)
    {
      self->resets++;
      belfry_sink_reset (self->sink);
      drop_flight (self);
      self->given = self->done;
    }
  self->given = MAX (self->given, self->done);
  self->behind_bytes = estimate_behind (self);
  move_cursor (self);
  belfry_forwarder_check_bounds (self);
  pump (self);
}

/* --- the object --- */

static void
stop_looking (BelfryForwarder *self)
{
  if (self->look != NULL)
    g_source_destroy (self->look);
  g_clear_pointer (&self->look, g_source_unref);
}

static void
belfry_forwarder_dispose (GObject *object)
{
  BelfryForwarder *self = BELFRY_FORWARDER (object);

  self->is_started = FALSE;
  stop_looking (self);
  drop_flight (self);
  g_queue_clear_full (&self->letters, g_free);
  if (self->store != NULL)
    g_signal_handlers_disconnect_by_data (self->store, self);
  if (self->sink != NULL)
    g_signal_handlers_disconnect_by_data (self->sink, self);
  g_clear_object (&self->sink);
  g_clear_object (&self->store);

  G_OBJECT_CLASS (belfry_forwarder_parent_class)->dispose (object);
}

static void
belfry_forwarder_finalize (GObject *object)
{
  g_free (BELFRY_FORWARDER (object)->name);

  G_OBJECT_CLASS (belfry_forwarder_parent_class)->finalize (object);
}

static void
belfry_forwarder_class_init (BelfryForwarderClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = belfry_forwarder_dispose;
  object_class->finalize = belfry_forwarder_finalize;
  belfry_forwarder_install_properties (object_class);
}

static void
belfry_forwarder_init (BelfryForwarder *self)
{
  g_queue_init (&self->flight);
  g_queue_init (&self->letters);
  self->clock = get_real_time;
}

BelfryForwarder *
belfry_forwarder_new (BelfryEventStore *store,
                      BelfrySink       *sink)
{
  g_return_val_if_fail (BELFRY_IS_CURSOR_KEEPER (store), NULL);
  g_return_val_if_fail (BELFRY_IS_SINK (sink), NULL);

  return g_object_new (BELFRY_TYPE_FORWARDER, "store", store, "sink", sink, NULL);
}

static void
find_place (BelfryForwarder *self,
            gboolean         from_beginning)
{
  BelfryCursorKeeper *keeper = BELFRY_CURSOR_KEEPER (self->store);
  guint64 floor = belfry_event_store_get_floor (self->store);
  guint64 oldest = floor > 0 ? floor - 1 : 0;

  self->seen = belfry_event_store_get_last_position (self->store);
  if (!belfry_cursor_keeper_find (keeper, self->name, &self->cursor))
    {
      self->cursor = (BelfryKeptCursor) { from_beginning ? MIN (oldest, self->seen) : self->seen, 0 };
      belfry_cursor_keeper_move (keeper, self->name, &self->cursor);
    }
  self->cursor.position = MIN (self->cursor.position, self->seen);
  self->done = MIN (MAX (self->cursor.position, oldest), self->seen);
  self->given = self->done;
}

void
belfry_forwarder_start (BelfryForwarder *self,
                        const char      *name,
                        gboolean         from_beginning)
{
  g_return_if_fail (BELFRY_IS_FORWARDER (self));
  g_return_if_fail (!self->is_started && self->name == NULL);

  self->name = g_strdup (name);
  find_place (self, from_beginning);
  self->is_started = TRUE;
  self->is_sized = self->given == self->seen;
  g_signal_connect (self->store, "committed", G_CALLBACK (on_committed), self);
  g_signal_connect (self->store, "removed", G_CALLBACK (on_removed), self);
  g_signal_connect (self->sink, "reported", G_CALLBACK (on_reported), self);

  self->look = g_timeout_source_new_seconds (LOOK_SEC);
  g_source_set_static_name (self->look, "belfry forwarder");
  g_source_set_callback (self->look, look_cb, self, NULL);
  g_source_attach (self->look, g_main_context_get_thread_default ());
  pump (self);
}

static void
on_stopped (BelfrySink *sink,
            gpointer    user_data)
{
  BelfryForwarder *self = user_data;

  /* The last words of the sink. */
  on_reported (sink, self);
  self->is_started = FALSE;
  drop_flight (self);
  self->stopped_func (self->stopped_data);
}

void
belfry_forwarder_stop (BelfryForwarder  *self,
                       void            (*func) (gpointer user_data),
                       gpointer          user_data)
{
  g_return_if_fail (BELFRY_IS_FORWARDER (self));
  g_return_if_fail (self->is_started && self->stopped_func == NULL);

  self->stopped_func = func;
  self->stopped_data = user_data;
  stop_looking (self);
  g_signal_handlers_disconnect_by_data (self->store, self);
  /* There is nothing more to be read. */
  self->seen = self->given;
  g_signal_connect (self->sink, "stopped", G_CALLBACK (on_stopped), self);
  belfry_sink_stop (self->sink);
}

void
belfry_forwarder_set_letter_func (BelfryForwarder           *self,
                                  BelfryForwarderLetterFunc  func,
                                  gpointer                   user_data)
{
  g_return_if_fail (BELFRY_IS_FORWARDER (self));

  self->letter_func = func;
  self->letter_data = user_data;
}

void
belfry_forwarder_letter_kept (BelfryForwarder *self,
                              guint64          position)
{
  g_return_if_fail (BELFRY_IS_FORWARDER (self));

  for (GList *link = self->letters.head; link != NULL; link = link->next)
    {
      guint64 *letter = link->data;

      if (*letter != position)
        continue;
      g_queue_delete_link (&self->letters, link);
      g_free (letter);
      break;
    }
  if (self->is_started)
    move_cursor (self);
}

void
belfry_forwarder_set_clock (BelfryForwarder          *self,
                            BelfryForwarderClockFunc  clock,
                            gpointer                  user_data)
{
  self->clock = clock;
  self->clock_data = user_data;
}

BelfrySink *
belfry_forwarder_get_sink (BelfryForwarder *self)
{
  return self->sink;
}

guint64
belfry_forwarder_get_pending (BelfryForwarder *self)
{
  return self->name != NULL ? count_after (self, self->done) : 0;
}

guint64
belfry_forwarder_get_pending_bytes (BelfryForwarder *self)
{
  return self->flight_bytes + self->behind_bytes;
}

gint64
belfry_forwarder_get_oldest_usec (BelfryForwarder *self)
{
  const BelfryForwarderPiece *piece = g_queue_peek_head (&self->flight);

  if (piece != NULL)
    return belfry_event_get_timestamp_usec (g_ptr_array_index (piece->events, piece->n_done));

  return belfry_forwarder_get_pending (self) == 0 ? G_MAXINT64 : 0;
}

gint64
belfry_forwarder_get_hold_usec (BelfryForwarder *self)
{
  return self->letters.length > 0 ? 0 : belfry_forwarder_get_oldest_usec (self);
}

guint64
belfry_forwarder_get_forwarded (BelfryForwarder *self)
{
  return self->cursor.count;
}

const char *
belfry_forwarder_make_value (BelfryEvent  *event,
                             gsize        *length,
                             char        **made)
{
  g_autoptr(GString) text = g_string_new (NULL);

  *made = NULL;
  if (!belfry_learner_event_print (event, text))
    return belfry_event_peek_json (event, length);

  *length = text->len;
  *made = g_string_free (g_steal_pointer (&text), FALSE);
  return *made;
}
