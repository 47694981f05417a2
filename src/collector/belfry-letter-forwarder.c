/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-letter-forwarder.h"

#include "belfry-cursor-keeper-private.h"
#include "belfry-dead-letter-private.h"

/* Letters are few and nobody waits for them: once a second it is looked whether there are new ones. */

#define LOOK_SEC     1
#define PAGE_LETTERS 100
#define PAGE_BYTES   (1024 * 1024)

struct _BelfryLetterForwarder
{
  BelfryEventStore *store;   /* owned; NULL when it was stopped */
  BelfrySink       *sink;    /* owned */
  char             *name;    /* owned */
  BelfryKeptCursor  cursor;  /* position: the number of the last letter that has arrived */
  guint64           given;   /* to the sink, up to this number */
  guint             n_given; /* in the page on its way; 0: none is */
  gboolean          is_reading;
  GSource          *look;    /* owned */
};

static void
release (gpointer data)
{
  BelfryLetterForwarder *self = data;

  g_clear_object (&self->store);
  g_clear_object (&self->sink);
  g_free (self->name);
}

static void
list_cb (GObject      *object,
         GAsyncResult *result,
         gpointer      user_data)
{
  BelfryLetterForwarder *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (object), result, &error);

  self->is_reading = FALSE;
  if (letters == NULL)
    {
      g_debug ("Cannot read letters: %s, retrying", error->message);
    }
  else if (self->store != NULL && letters->len > 0)
    {
      self->given = ((const BelfryDeadLetter *) g_ptr_array_index (letters, letters->len - 1))->number;
      self->n_given = letters->len;
      belfry_sink_send_letters (self->sink, letters);
    }

  g_rc_box_release_full (self, release);
}

static void
pump (BelfryLetterForwarder *self)
{
  BelfryDeadLetterKeeper *keeper = BELFRY_DEAD_LETTER_KEEPER (self->store);
  BelfryDeadLetterTally tally;

  belfry_dead_letter_keeper_get_tally (keeper, &tally);
  if (self->is_reading || self->n_given > 0 || tally.n_ever <= self->given)
    return;

  self->is_reading = TRUE;
  belfry_dead_letter_keeper_list_async (keeper, self->given + 1, G_MAXINT64, FALSE, NULL, PAGE_LETTERS, PAGE_BYTES, NULL, list_cb,
                                        g_rc_box_acquire (self));
}

static gboolean
look_cb (gpointer user_data)
{
  pump (user_data);
  return G_SOURCE_CONTINUE;
}

static void
on_letters_sent (BelfrySink *sink,
                 gpointer    user_data)
{
  BelfryLetterForwarder *self = user_data;

  self->cursor.position = self->given;
  self->cursor.count += self->n_given;
  self->n_given = 0;
  belfry_cursor_keeper_move (BELFRY_CURSOR_KEEPER (self->store), self->name, &self->cursor);
  pump (self);
}

BelfryLetterForwarder *
belfry_letter_forwarder_new (BelfryEventStore *store,
                             BelfrySink       *sink,
                             const char       *name,
                             gboolean          from_beginning)
{
  BelfryLetterForwarder *self = g_rc_box_new0 (BelfryLetterForwarder);
  BelfryDeadLetterTally tally;

  self->store = g_object_ref (store);
  self->sink = g_object_ref (sink);
  self->name = g_strdup (name);
  belfry_dead_letter_keeper_get_tally (BELFRY_DEAD_LETTER_KEEPER (store), &tally);
  if (!belfry_cursor_keeper_find (BELFRY_CURSOR_KEEPER (store), name, &self->cursor))
    {
      self->cursor = (BelfryKeptCursor) { from_beginning ? 0 : tally.n_ever, 0 };
      belfry_cursor_keeper_move (BELFRY_CURSOR_KEEPER (store), name, &self->cursor);
    }
  self->given = self->cursor.position;
  g_signal_connect (sink, "letters-sent", G_CALLBACK (on_letters_sent), self);

  self->look = g_timeout_source_new_seconds (LOOK_SEC);
  g_source_set_static_name (self->look, "belfry letter forwarder");
  g_source_set_callback (self->look, look_cb, self, NULL);
  g_source_attach (self->look, g_main_context_get_thread_default ());

  return self;
}

void
belfry_letter_forwarder_stop (BelfryLetterForwarder *self)
{
  g_source_destroy (self->look);
  g_clear_pointer (&self->look, g_source_unref);
  g_signal_handlers_disconnect_by_data (self->sink, self);
  g_clear_object (&self->store);
  g_rc_box_release_full (self, release);
}
