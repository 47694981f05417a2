/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-event-run-private.h"

#include <string.h>

#include "belfry-json-scanner-private.h"
#include "belfry-timestamp-private.h"

/* The parts of an event's JSON text that are the same for all. */
#define PART_ID "{\"id\":\""
#define PART_TYPE "\",\"event_type\":\""
#define PART_SOURCE "\",\"source\":\""
#define PART_SESSION "\",\"session_id\":"
#define PART_USER ",\"user_id\":"
#define PART_PAYLOAD ",\"payload\":"
#define PART_TIMESTAMP ",\"timestamp\":\""
#define PART_END "\"}"
#define PART_NULL "null"
#define PART_LENGTH(part) (sizeof (part) - 1)
#define PARTS_LENGTH                                                                                       \
  (PART_LENGTH (PART_ID) + PART_LENGTH (PART_TYPE) + PART_LENGTH (PART_SOURCE) + PART_LENGTH (PART_SESSION) \
   + PART_LENGTH (PART_USER) + PART_LENGTH (PART_PAYLOAD) + PART_LENGTH (PART_TIMESTAMP)                    \
   + BELFRY_TIMESTAMP_LENGTH + PART_LENGTH (PART_END))

#define APPEND_PART(at, part) append_bytes (at, part, PART_LENGTH (part))

void
belfry_event_run_unref (BelfryEventRun *run)
{
  if (g_atomic_ref_count_dec (&run->ref_count))
    g_free (run);
}

static inline guint8 *
append_bytes (guint8 *at, const char *bytes, gsize length)
{
  memcpy (at, bytes, length);
  return at + length;
}

/* Bytes of @text as a JSON string, or as null. */
static gsize
measure_id (const char *text, gsize length)
{
  return text != NULL ? belfry_json_measure_string (text, length) : PART_LENGTH (PART_NULL);
}

static guint8 *
append_id (guint8 *at, const char *text, gsize length)
{
  if (text == NULL)
    return APPEND_PART (at, PART_NULL);
  return (guint8 *) belfry_json_write_string ((char *) at, text, length);
}

static inline const char *
get_id (BelfryEvent *self)
{
  return G_LIKELY (self->imported_id == NULL) ? self->id : self->imported_id;
}

static gsize
measure_json (BelfryEvent *self)
{
  return PARTS_LENGTH + strlen (get_id (self)) + self->event_type_length + self->source_length
         + measure_id (self->session_id, self->session_id_length)
         + measure_id (self->user_id, self->user_id_length) + self->payload_length;
}

static guint8 *
append_json (guint8 *at, BelfryEvent *self)
{
  char timestamp[BELFRY_TIMESTAMP_LENGTH + 1];

  at = APPEND_PART (at, PART_ID);
  at = append_bytes (at, get_id (self), strlen (get_id (self)));
  at = APPEND_PART (at, PART_TYPE);
  at = append_bytes (at, self->event_type, self->event_type_length);
  at = APPEND_PART (at, PART_SOURCE);
  at = append_bytes (at, self->source, self->source_length);
  at = APPEND_PART (at, PART_SESSION);
  at = append_id (at, self->session_id, self->session_id_length);
  at = APPEND_PART (at, PART_USER);
  at = append_id (at, self->user_id, self->user_id_length);
  at = APPEND_PART (at, PART_PAYLOAD);
  at = append_bytes (at, self->payload, self->payload_length);
  at = APPEND_PART (at, PART_TIMESTAMP);
  belfry_timestamp_write (G_LIKELY (self->learner == NULL) ? self->accepted_usec : self->sent_usec, timestamp);
  at = append_bytes (at, timestamp, BELFRY_TIMESTAMP_LENGTH);
  return APPEND_PART (at, PART_END);
}

GBytes *
belfry_event_format_json (BelfryEvent *self, const BelfryEventPlace *place)
{
  BelfryEvent placed = *self;
  guint8 *json;
  gsize length;

  placed.accepted_usec = place->accepted_usec;
  memcpy (placed.id, place->id, sizeof placed.id);
  length = measure_json (&placed);
  json = g_malloc (length);
  append_json (json, &placed);
  return g_bytes_new_take (json, length);
}

void
belfry_event_print_json (const BelfryEventFields *fields, const BelfryEventPlace *place, GString *text)
{
  BelfryEvent event;
  gsize begin = text->len;

  /* Only what is printed. */
  event.event_type = fields->event_type;
  event.event_type_length = (guint32) belfry_event_text_length (fields->event_type, fields->event_type_length);
  event.source = fields->source;
  event.source_length = (guint32) belfry_event_text_length (fields->source, fields->source_length);
  event.session_id = fields->session_id;
  event.session_id_length = (guint32) belfry_event_text_length (fields->session_id, fields->session_id_length);
  event.user_id = fields->user_id;
  event.user_id_length = (guint32) belfry_event_text_length (fields->user_id, fields->user_id_length);
  event.payload = fields->payload;
  event.payload_length = (guint32) belfry_event_text_length (fields->payload, fields->payload_length);
  event.imported_id = fields->imported_id;
  event.learner = fields->learner;
  event.sent_usec = fields->sent_usec;
  event.accepted_usec = place->accepted_usec;
  memcpy (event.id, place->id, sizeof event.id);

  g_string_set_size (text, begin + measure_json (&event));
  append_json ((guint8 *) text->str + begin, &event);
}

static guint8
measure_header (gsize length)
{
  if (length < 126)
    return 2;
  return length <= G_MAXUINT16 ? 4 : BELFRY_EVENT_HEADROOM;
}

/* RFC 6455, section 5.2: FIN and opcode 1, no mask, the shortest form of the length. */
static guint8 *
append_header (guint8 *at, gsize length)
{
  guint n_bytes = measure_header (length) - 2u;

  *at++ = 0x81;
  if (n_bytes == 0)
    {
      *at++ = (guint8) length;
      return at;
    }
  *at++ = n_bytes == 2 ? 126 : 127;
  for (guint i = n_bytes; i > 0; i--)
    *at++ = (guint8) ((guint64) length >> (8 * (i - 1)));
  return at;
}

static void
place_event (BelfryEvent            *event,
             const BelfryEventPlace *place)
{
  g_assert (event->run == NULL);

  event->position = place->position;
  event->accepted_usec = place->accepted_usec;
  memcpy (event->id, place->id, sizeof event->id);
  event->json_length = measure_json (event);
  event->header_length = measure_header (event->json_length);
}

static void
lay_texts (BelfryEvent **events, gsize n_events, gsize size)
{
  BelfryEventRun *run = g_malloc (sizeof *run + size);
  guint8 *at = run->bytes;

  g_atomic_ref_count_init (&run->ref_count);
  run->size = size;
  for (gsize i = 0; i < n_events; i++)
    {
      if (i > 0)
        g_atomic_ref_count_inc (&run->ref_count);
      events[i]->run = run;
      events[i]->frame = at;
      at = append_json (append_header (at, events[i]->json_length), events[i]);
    }
  g_assert (at == run->bytes + size);
}

void
belfry_event_seal_run (BelfryEvent **events, const BelfryEventPlace *places, gsize n_events)
{
  gsize first = 0;
  gsize size = 0;

  for (gsize i = 0; i < n_events; i++)
    {
      gsize more;

      place_event (events[i], &places[i]);
      more = events[i]->header_length + events[i]->json_length;
      if (i > first && size + more > BELFRY_EVENT_RUN_MAX_BYTES)
        {
          lay_texts (events + first, i - first, size);
          first = i;
          size = 0;
        }
      size += more;
    }
  if (n_events > first)
    lay_texts (events + first, n_events - first, size);
}
