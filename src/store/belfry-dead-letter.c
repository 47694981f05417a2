/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

#include "belfry-dead-letter-private.h"

#include <string.h>

/* Of the name by which clients know it. */
#define ID_PREFIX "dl_"
#define ID_DIGITS 12

G_DEFINE_INTERFACE (BelfryDeadLetterKeeper, belfry_dead_letter_keeper, BELFRY_TYPE_EVENT_STORE)

static void
belfry_dead_letter_keeper_default_init (BelfryDeadLetterKeeperInterface *iface)
{
}

BelfryDeadLetter *
belfry_dead_letter_new (const char *door,
                        const char *reason,
                        const char *field,
                        const char *message,
                        const char *content_type,
                        GBytes     *body)
{
  BelfryDeadLetter *self = g_atomic_rc_box_new0 (BelfryDeadLetter);

  self->door = g_strdup (door);
  self->reason = g_strdup (reason);
  self->field = g_strdup (field);
  self->message = g_strdup (message);
  self->content_type = g_strdup (content_type);
  if (body != NULL)
    {
      self->body = g_bytes_ref (body);
      self->size = g_bytes_get_size (body);
    }

  return self;
}

BelfryDeadLetter *
belfry_dead_letter_ref (BelfryDeadLetter *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear_letter (gpointer data)
{
  BelfryDeadLetter *self = data;

  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self->door);
  g_free (self->reason);
  g_free (self->field);
  g_free (self->message);
  g_free (self->content_type);
  g_free (self->event_id);
}

void
belfry_dead_letter_unref (BelfryDeadLetter *self)
{
  g_atomic_rc_box_release_full (self, clear_letter);
}

BelfryReplay *
belfry_replay_new (guint64 number)
{
  BelfryReplay *self = g_atomic_rc_box_new0 (BelfryReplay);

  self->number = number;

  return self;
}

BelfryReplay *
belfry_replay_ref (BelfryReplay *self)
{
  return g_atomic_rc_box_acquire (self);
}

static void
clear_replay (gpointer data)
{
  g_free (((BelfryReplay *) data)->event_id);
}

void
belfry_replay_unref (BelfryReplay *self)
{
  g_atomic_rc_box_release_full (self, clear_replay);
}

void
belfry_replay_set (BelfryReplay        *self,
                   BelfryReplayOutcome  outcome,
                   char                *event_id)
{
  g_free (self->event_id);
  self->outcome = outcome;
  self->event_id = event_id;
}

void
belfry_dead_letter_keeper_deliver_async (BelfryDeadLetterKeeper *self,
                                         const BelfryConsignment   *delivery,
                                         GCancellable           *cancellable,
                                         GAsyncReadyCallback     callback,
                                         gpointer                user_data)
{
  g_assert (BELFRY_IS_DEAD_LETTER_KEEPER (self));
  g_assert (delivery->replay == NULL || (delivery->events->len <= 1 && delivery->letters == NULL &&
                                         delivery->receipt == NULL));

  BELFRY_DEAD_LETTER_KEEPER_GET_IFACE (self)->deliver_async (self, delivery, cancellable, callback, user_data);
}

void
belfry_dead_letter_keeper_list_async (BelfryDeadLetterKeeper *self,
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
  BELFRY_DEAD_LETTER_KEEPER_GET_IFACE (self)->list_async (self, low, high, newest_first, reason, limit, max_bytes,
                                                          cancellable, callback, user_data);
}

GPtrArray *
belfry_dead_letter_keeper_list_finish (BelfryDeadLetterKeeper  *self,
                                       GAsyncResult            *result,
                                       GError                 **error)
{
  return BELFRY_DEAD_LETTER_KEEPER_GET_IFACE (self)->list_finish (self, result, error);
}

void
belfry_dead_letter_keeper_delete_async (BelfryDeadLetterKeeper *self,
                                        guint64                 number,
                                        GCancellable           *cancellable,
                                        GAsyncReadyCallback     callback,
                                        gpointer                user_data)
{
  BELFRY_DEAD_LETTER_KEEPER_GET_IFACE (self)->delete_async (self, number, cancellable, callback, user_data);
}

gboolean
belfry_dead_letter_keeper_delete_finish (BelfryDeadLetterKeeper  *self,
                                         GAsyncResult            *result,
                                         GError                 **error)
{
  return BELFRY_DEAD_LETTER_KEEPER_GET_IFACE (self)->delete_finish (self, result, error);
}

void
belfry_dead_letter_keeper_get_tally (BelfryDeadLetterKeeper *self,
                                     BelfryDeadLetterTally  *tally)
{
  BELFRY_DEAD_LETTER_KEEPER_GET_IFACE (self)->get_tally (self, tally);
}

char *
belfry_dead_letter_format_id (guint64 number)
{
  return g_strdup_printf (ID_PREFIX "%012" G_GINT64_MODIFIER "x", number);
}

gboolean
belfry_dead_letter_parse_id (const char *id,
                             guint64    *number)
{
  const char *digits = id + strlen (ID_PREFIX);

  if (!g_str_has_prefix (id, ID_PREFIX) || strlen (digits) != ID_DIGITS
      || strspn (digits, "0123456789abcdef") != ID_DIGITS)
    return FALSE;

  *number = g_ascii_strtoull (digits, NULL, 16);
  return TRUE;
}
