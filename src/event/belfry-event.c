/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-event.h"
#include "belfry-event-private.h"
#include "belfry-event-run-private.h"

#include <string.h>

#include "belfry-timestamp-private.h"

/**
 * BelfryEvent:
 *
 * One accepted, or about to be accepted, event: what happened, who said so, and a JSON object with
 * the details.
 *
 * An event is made by [method@Belfry.EventValidator.parse] or by a log that reads it back. It is
 * immutable. Before the log has accepted it, it has no position, id, timestamp or JSON text, and
 * those getters give 0 or %NULL. Its references may be taken and dropped by any thread.
 *
 * Since: 0.1
 */

G_DEFINE_BOXED_TYPE (BelfryEvent, belfry_event, belfry_event_ref, belfry_event_unref)

/* Copies @text and a NUL to *@room and moves *@room behind them. */
static inline const char *
lay_text (char **room, const char *text, gsize length)
{
  char *copy = *room;

  memcpy (copy, text, length);
  copy[length] = '\0';
  *room = copy + length + 1;
  return copy;
}

BelfryEvent *
belfry_event_new_trusted (const BelfryEventFields *fields)
{
  gsize type_length = belfry_event_text_length (fields->event_type, fields->event_type_length);
  gsize source_length = belfry_event_text_length (fields->source, fields->source_length);
  gsize session_length = belfry_event_text_length (fields->session_id, fields->session_id_length);
  gsize user_length = belfry_event_text_length (fields->user_id, fields->user_id_length);
  gsize payload_length = belfry_event_text_length (fields->payload, fields->payload_length);
  gsize tier_length = belfry_event_text_length (fields->user_tier, fields->user_tier_length);
  gsize id_length = belfry_event_text_length (fields->imported_id, -1);
  gsize learner_length = belfry_event_text_length (fields->learner, fields->learner_length);
  /* Eight texts, each with a NUL. */
  gsize size = sizeof (BelfryEvent) + type_length + source_length + session_length + user_length
               + payload_length + tier_length + id_length + learner_length + 8;
  BelfryEvent *self = g_malloc (size);
  char *room = (char *) (self + 1);

  g_assert (payload_length <= G_MAXUINT32);

  memset (self, 0, sizeof *self);
  g_atomic_ref_count_init (&self->ref_count);
  self->own_size = size;
  self->event_type = lay_text (&room, fields->event_type, type_length);
  self->event_type_length = (guint32) type_length;
  self->source = lay_text (&room, fields->source, source_length);
  self->source_length = (guint32) source_length;
  if (fields->session_id != NULL)
    self->session_id = lay_text (&room, fields->session_id, session_length);
  self->session_id_length = (guint32) session_length;
  if (fields->user_id != NULL)
    self->user_id = lay_text (&room, fields->user_id, user_length);
  self->user_id_length = (guint32) user_length;
  self->payload = lay_text (&room, fields->payload, payload_length);
  self->payload_length = (guint32) payload_length;
  if (fields->user_tier != NULL)
    self->user_tier = lay_text (&room, fields->user_tier, tier_length);
  if (fields->imported_id != NULL)
    self->imported_id = lay_text (&room, fields->imported_id, id_length);
  if (fields->learner != NULL)
    {
      self->learner = lay_text (&room, fields->learner, learner_length);
      self->learner_length = (guint32) learner_length;
      self->sent_usec = fields->sent_usec;
    }
  self->has_amount = fields->has_amount ? 1 : 0;
  self->amount = fields->has_amount ? fields->amount : 0;
  return self;
}

static void
belfry_event_free (BelfryEvent *self)
{
  g_clear_pointer (&self->run, belfry_event_run_unref);
  g_clear_pointer (&self->terminated_json, g_free);
  for (guint i = 0; i < BELFRY_N_EVENT_ENCODINGS; i++)
    g_clear_pointer (&self->encodings[i], g_bytes_unref);
  g_free (self);
}

/**
 * belfry_event_ref:
 * @self: an event
 *
 * Takes a reference, from any thread.
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
BelfryEvent *
belfry_event_ref (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * belfry_event_unref:
 * @self: (transfer full): an event
 *
 * Drops a reference, from any thread; the last one frees the event.
 *
 * Since: 0.1
 */
void
belfry_event_unref (BelfryEvent *self)
{
  g_return_if_fail (self != NULL);

  if (g_atomic_ref_count_dec (&self->ref_count))
    belfry_event_free (self);
}

/**
 * belfry_event_get_id:
 * @self: an event
 *
 * Gets the id that the log gave: `evt_` and 12 lower-case hexadecimal digits. An event that was
 * imported from another system may have one of another form.
 *
 * Returns: (transfer none) (nullable): the id, or %NULL before the log has accepted the event
 *
 * Since: 0.1
 */
const char *
belfry_event_get_id (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->run == NULL)
    return NULL;
  return self->imported_id != NULL ? self->imported_id : self->id;
}

/**
 * belfry_event_get_position:
 * @self: an event
 *
 * Gets the event's place in its log. Later events have greater positions; positions are never used
 * twice.
 *
 * Returns: the position, or 0 before the log has accepted the event
 *
 * Since: 0.1
 */
guint64
belfry_event_get_position (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->position;
}

/**
 * belfry_event_get_event_type:
 * @self: an event
 *
 * Gets the name of the event's type.
 *
 * Returns: (transfer none): the name
 *
 * Since: 0.1
 */
const char *
belfry_event_get_event_type (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->event_type;
}

/**
 * belfry_event_get_source:
 * @self: an event
 *
 * Gets the name of who sent the event.
 *
 * Returns: (transfer none): the name
 *
 * Since: 0.1
 */
const char *
belfry_event_get_source (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->source;
}

/**
 * belfry_event_get_session_id:
 * @self: an event
 *
 * Gets the session that the event belongs to.
 *
 * Returns: (transfer none) (nullable): the session, or %NULL for none
 *
 * Since: 0.1
 */
const char *
belfry_event_get_session_id (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->session_id;
}

/**
 * belfry_event_get_user_id:
 * @self: an event
 *
 * Gets the user that the event is about.
 *
 * Returns: (transfer none) (nullable): the user, or %NULL for none
 *
 * Since: 0.1
 */
const char *
belfry_event_get_user_id (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->user_id;
}

/**
 * belfry_event_get_payload:
 * @self: an event
 *
 * Gets the payload as compact JSON text of an object.
 *
 * Returns: (transfer none): the text
 *
 * Since: 0.1
 */
const char *
belfry_event_get_payload (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->payload;
}

/**
 * belfry_event_get_timestamp_usec:
 * @self: an event
 *
 * Gets the instant at which the log accepted the event, in microseconds since 1970 UTC.
 *
 * Returns: the instant, or 0 before the log has accepted the event
 *
 * Since: 0.1
 */
gint64
belfry_event_get_timestamp_usec (BelfryEvent *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->accepted_usec;
}

/**
 * belfry_event_dup_timestamp:
 * @self: an event
 *
 * Gets the instant that the event's JSON text shows, such as `2026-01-15T10:30:45.123456Z`: when the log
 * accepted the event, or, of a collected event, when its sender says that it happened.
 *
 * Returns: (transfer full) (nullable): the text, or %NULL before the log has accepted the event
 *
 * Since: 0.1
 */
char *
belfry_event_dup_timestamp (BelfryEvent *self)
{
  char *text = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  if (self->run == NULL)
    return NULL;
  text = g_malloc (BELFRY_TIMESTAMP_LENGTH + 1);
  belfry_timestamp_write (belfry_event_get_shown_usec (self), text);
  return text;
}

/**
 * belfry_event_get_json:
 * @self: an event
 *
 * Gets the event's JSON text, as every door sends it.
 *
 * Returns: (transfer none) (nullable): the text, or %NULL before the log has accepted the event
 *
 * Since: 0.1
 */
const char *
belfry_event_get_json (BelfryEvent *self)
{
  char *text = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  if (self->run == NULL)
    return NULL;
  text = g_atomic_pointer_get (&self->terminated_json);
  if (text == NULL)
    {
      /* In the run the next frame follows at once, so there is no room for a NUL. */
      text = g_strndup ((const char *) self->frame + self->header_length, self->json_length);
      if (!g_atomic_pointer_compare_and_exchange (&self->terminated_json, NULL, text))
        {
          g_free (text);
          text = g_atomic_pointer_get (&self->terminated_json);
        }
    }
  return text;
}

gboolean
belfry_event_is_sealed (BelfryEvent *self)
{
  return self->run != NULL;
}

const char *
belfry_event_peek_json (BelfryEvent *self, gsize *length)
{
  if (self->run == NULL)
    {
      *length = 0;
      return NULL;
    }
  *length = self->json_length;
  return (const char *) self->frame + self->header_length;
}

const guint8 *
belfry_event_peek_frame (BelfryEvent *self, gsize *length)
{
  *length = self->run != NULL ? self->header_length + self->json_length : 0;
  return self->frame;
}

const char *
belfry_event_peek_payload (BelfryEvent *self, gsize *length)
{
  *length = self->payload_length;
  return self->payload;
}

const char *
belfry_event_peek_learner (BelfryEvent *self, gsize *length, gint64 *sent_usec)
{
  *length = self->learner_length;
  *sent_usec = self->sent_usec;
  return self->learner;
}

gint64
belfry_event_get_shown_usec (BelfryEvent *self)
{
  return self->learner != NULL ? self->sent_usec : self->accepted_usec;
}

const char *
belfry_event_peek_user_tier (BelfryEvent *self)
{
  return self->user_tier;
}

gboolean
belfry_event_peek_amount (BelfryEvent *self, double *amount)
{
  if (self->has_amount)
    *amount = self->amount;
  return self->has_amount;
}

gsize
belfry_event_get_size (BelfryEvent *self)
{
  return self->own_size + (self->run != NULL ? self->header_length + self->json_length : 0);
}

gsize
belfry_event_get_held (BelfryEvent   *self,
                       gconstpointer *run)
{
  gsize held = self->own_size;

  for (guint i = 0; i < BELFRY_N_EVENT_ENCODINGS; i++)
    if (self->encodings[i] != NULL)
      held += g_bytes_get_size (self->encodings[i]);
  if (self->run != NULL && self->run != *run)
    held += self->run->size;
  *run = self->run;
  return held;
}

GBytes *
belfry_event_ensure_encoding (BelfryEvent           *self,
                              BelfryEventEncoding    encoding,
                              BelfryEventEncodeFunc  encode,
                              gpointer               user_data)
{
  g_assert ((guint) encoding < BELFRY_N_EVENT_ENCODINGS);

  if (self->encodings[encoding] == NULL)
    self->encodings[encoding] = encode (self, user_data);
  return self->encodings[encoding];
}
