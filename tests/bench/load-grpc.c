/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load-grpc.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <string.h>
#include <unistd.h>

/* The messages are written by hand: it takes a page, and shows that the door understands others than its own code. */

#define SERVICE "/belfry.collector.v1.EventCollectorService/"
#define CONNECT_NSEC G_GINT64_CONSTANT (10000000000)
#define DRAIN_NSEC   G_GINT64_CONSTANT (10000000000)
#define GRPC_TICK_NSEC G_GINT64_CONSTANT (1100000)
/* What is handed out before somebody may send again. */
#define TURN_TAGS 128

/* Messages */

static void
put_number (GByteArray *message,
            guint64     number)
{
  do
    {
      guint8 byte = (guint8) ((number & 0x7f) | (number > 0x7f ? 0x80 : 0));

      g_byte_array_append (message, &byte, 1);
      number >>= 7;
    }
  while (number > 0);
}

static void
put_bytes (GByteArray *message,
           guint       field,
           const void *data,
           gsize       size)
{
  put_number (message, field << 3 | 2);
  put_number (message, size);
  g_byte_array_append (message, data, (guint) size);
}

static void
put_text (GByteArray *message,
          guint       field,
          const char *text)
{
  put_bytes (message, field, text, strlen (text));
}

static void
put_entry (GByteArray *message,
           guint       field,
           const char *name,
           const char *value)
{
  g_autoptr(GByteArray) entry = g_byte_array_new ();

  put_text (entry, 1, name);
  put_text (entry, 2, value);
  put_bytes (message, field, entry->data, entry->len);
}

static void
put_padding (GByteArray *message,
             guint       size)
{
  g_autoptr(GString) padding = g_string_new ("p");

  for (gsize length = message->len + 12; length < size; length++)
    g_string_append_c (padding, (char) ('a' + length % 26));
  put_entry (message, 5, "pad", padding->str);
}

/* The same fields as those of load-collect.c. */
static GByteArray *
make_event (guint number,
            guint size)
{
  GByteArray *event = g_byte_array_new ();
  g_autofree char *learner_id = g_strdup_printf ("learner-%05u", number);
  g_autofree char *course_id = g_strdup_printf ("course-%03u", number % 7);
  g_autofree char *lesson_id = g_strdup_printf ("lesson-%03u", number % 100);
  g_autofree char *session_id = g_strdup_printf ("session-%04u", number % 50);
  g_autofree char *progress = g_strdup_printf ("%u", number);

  put_text (event, 1, learner_id);
  put_text (event, 2, course_id);
  put_text (event, 3, lesson_id);
  put_text (event, 4, "progress_updated");
  put_entry (event, 5, "progress", progress);
  put_entry (event, 5, "score", "0.95");
  put_text (event, 6, "2024-01-15T10:30:00.123Z");
  put_text (event, 7, session_id);
  put_padding (event, size);
  return event;
}

static grpc_slice
make_message (guint number,
              guint batch,
              guint size)
{
  g_autoptr(GByteArray) message = batch > 0 ? g_byte_array_new () : make_event (number, size);

  for (guint i = 0; i < batch; i++)
    {
      g_autoptr(GByteArray) event = make_event (number * batch + i, size);

      put_bytes (message, 1, event->data, event->len);
    }
  return grpc_slice_from_copied_buffer ((const char *) message->data, message->len);
}

grpc_byte_buffer *
load_grpc_make_message (LoadGrpc *self)
{
  grpc_slice *slice = &self->messages[self->next_message++ % LOAD_GRPC_N_MESSAGES];

  return grpc_raw_byte_buffer_create (slice, 1);
}

static gboolean
take_number (const guint8 **at,
             const guint8  *end,
             guint64       *number)
{
  guint shift = 0;

  for (*number = 0; *at < end && shift < 64; shift += 7)
    {
      guint8 byte = *(*at)++;

      *number |= (guint64) (byte & 0x7f) << shift;
      if (byte < 0x80)
        return TRUE;
    }
  return FALSE;
}

guint64
load_grpc_read_number (grpc_byte_buffer *message,
                       guint             field)
{
  grpc_byte_buffer_reader reader;
  grpc_slice slice;
  const guint8 *at;
  const guint8 *end;
  guint64 tag, number, found = 0;

  if (message == NULL || !grpc_byte_buffer_reader_init (&reader, message))
    return 0;

  slice = grpc_byte_buffer_reader_readall (&reader);
  grpc_byte_buffer_reader_destroy (&reader);
  at = GRPC_SLICE_START_PTR (slice);
  end = GRPC_SLICE_END_PTR (slice);
  while (take_number (&at, end, &tag) && take_number (&at, end, &number))
    {
      if (tag == field << 3)
        found = number;
      else if ((tag & 7) == 2)
        at += MIN (number, (guint64) (end - at));
    }
  grpc_slice_unref (slice);
  return found;
}

/* Channels */

static void
on_state (gpointer owner,
          gboolean is_ok)
{
}

static gboolean
connect_channel (LoadGrpc      *self,
                 grpc_channel  *channel,
                 GError       **error)
{
  static LoadGrpcTag tag = { on_state, NULL };
  gint64 end_nsec = load_now () + CONNECT_NSEC;
  grpc_connectivity_state state;

  while ((state = grpc_channel_check_connectivity_state (channel, 1)) != GRPC_CHANNEL_READY)
    {
      gpr_timespec until = gpr_time_add (gpr_now (GPR_CLOCK_MONOTONIC), gpr_time_from_millis (200, GPR_TIMESPAN));

      grpc_channel_watch_connectivity_state (channel, state, until, self->cq, &tag);
      grpc_completion_queue_next (self->cq, gpr_inf_future (GPR_CLOCK_MONOTONIC), NULL);
      if (load_now () > end_nsec)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "Nobody speaks gRPC at %s:%u",
                       self->options->host, self->options->port);
          return FALSE;
        }
    }
  return TRUE;
}

/* A connection each. */
static grpc_channel *
create_channel (LoadGrpc *self)
{
  g_autofree char *address = g_strdup_printf ("%s:%u", self->options->host, self->options->port);
  grpc_arg arguments[] = {
    { .type = GRPC_ARG_INTEGER, .key = (char *) GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, .value.integer = 1 },
    { .type = GRPC_ARG_INTEGER, .key = (char *) GRPC_ARG_ENABLE_RETRIES, .value.integer = 0 },
  };
  grpc_channel_args all = { G_N_ELEMENTS (arguments), arguments };
  grpc_channel_credentials *credentials = grpc_insecure_credentials_create ();
  grpc_channel *channel = grpc_channel_create (address, credentials, &all);

  grpc_channel_credentials_release (credentials);
  return channel;
}

gboolean
load_grpc_init (LoadGrpc           *self,
                const LoadOptions  *options,
                LoadResult         *result,
                const char         *method,
                guint               batch,
                GError            **error)
{
  g_autofree char *path = g_strconcat (SERVICE, method, NULL);

  grpc_init ();
  *self = (LoadGrpc) {
    .options = options,
    .result = result,
    .cq = grpc_completion_queue_create_for_next (NULL),
    .channels = g_new0 (grpc_channel *, options->connections),
    .methods = g_new0 (void *, options->connections),
    .key = options->api_key != NULL ? grpc_slice_from_copied_string (options->api_key) : grpc_empty_slice (),
  };
  for (guint i = 0; i < LOAD_GRPC_N_MESSAGES; i++)
    self->messages[i] = make_message (i, batch, options->size);

  for (guint i = 0; i < options->connections; i++)
    {
      self->channels[i] = create_channel (self);
      self->methods[i] = grpc_channel_register_call (self->channels[i], path, NULL, NULL);
      if (!connect_channel (self, self->channels[i], error))
        return FALSE;
    }
  load_process_begin (&result->process, options->pids, options->n_pids);
  load_process_begin (&result->self_process, &(int) { getpid () }, 1);
  return TRUE;
}

void
load_grpc_clear (LoadGrpc *self)
{
  for (guint i = 0; i < self->options->connections; i++)
    if (self->channels[i] != NULL)
      grpc_channel_destroy (self->channels[i]);
  for (guint i = 0; i < LOAD_GRPC_N_MESSAGES; i++)
    grpc_slice_unref (self->messages[i]);
  grpc_slice_unref (self->key);
  g_free (self->channels);
  g_free (self->methods);

  /* Whatever was still on its way comes now, and concerns nobody. */
  grpc_completion_queue_shutdown (self->cq);
  while (grpc_completion_queue_next (self->cq, gpr_inf_future (GPR_CLOCK_MONOTONIC), NULL).type != GRPC_QUEUE_SHUTDOWN)
    continue;
  grpc_completion_queue_destroy (self->cq);
  grpc_shutdown ();
}

/* Calls */

grpc_call *
load_grpc_create_call (LoadGrpc *self,
                       guint     channel)
{
  return grpc_channel_create_registered_call (self->channels[channel], NULL, GRPC_PROPAGATE_DEFAULTS, self->cq,
                                              self->methods[channel], gpr_inf_future (GPR_CLOCK_REALTIME), NULL);
}

grpc_op
load_grpc_greet (LoadGrpc      *self,
                 grpc_metadata *room)
{
  grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };

  if (self->options->api_key != NULL)
    {
      *room = (grpc_metadata) { .key = grpc_slice_from_static_string ("x-api-key"), .value = self->key };
      op.data.send_initial_metadata.count = 1;
      op.data.send_initial_metadata.metadata = room;
    }
  return op;
}

void
load_grpc_start (grpc_call     *call,
                 const grpc_op *ops,
                 gsize          n_ops,
                 LoadGrpcTag   *tag)
{
  grpc_call_error result = grpc_call_start_batch (call, ops, n_ops, tag, NULL);

  g_assert (result == GRPC_CALL_OK);
}

/* gRPC waits for whole milliseconds: the last one we ask again and again, or every event of a schedule would be late. */
static gpr_timespec
find_deadline (gint64 until_nsec)
{
  gint64 wait_nsec = until_nsec - load_now () - GRPC_TICK_NSEC;

  if (wait_nsec <= 0)
    return gpr_inf_past (GPR_CLOCK_MONOTONIC);

  return gpr_time_add (gpr_now (GPR_CLOCK_MONOTONIC), gpr_time_from_nanos (wait_nsec, GPR_TIMESPAN));
}

void
load_grpc_turn (LoadGrpc *self,
                gint64    until_nsec)
{
  gpr_timespec until = find_deadline (until_nsec);
  guint n_tags = 0;

  do
    {
      grpc_event event = grpc_completion_queue_next (self->cq, until, NULL);
      LoadGrpcTag *tag = event.tag;

      self->now_nsec = load_now ();
      if (event.type != GRPC_OP_COMPLETE)
        return;
      tag->func (tag->owner, event.success);
      until = gpr_inf_past (GPR_CLOCK_MONOTONIC);
    }
  while (++n_tags < TURN_TAGS);
}

void
load_grpc_run (LoadGrpc *self,
               gboolean (*send) (gpointer user_data),
               guint    (*count_in_flight) (gpointer user_data),
               gpointer   user_data)
{
  LoadResult *result = self->result;
  gint64 drain_end_nsec = 0;

  self->now_nsec = load_now ();
  result->begin_nsec = result->end_nsec = self->now_nsec;
  load_pace_begin (&self->pace, self->options, self->now_nsec);
  while (TRUE)
    {
      if (load_pace_over (&self->pace, self->now_nsec))
        {
          if (drain_end_nsec == 0)
            drain_end_nsec = self->now_nsec + DRAIN_NSEC;
          if (count_in_flight (user_data) == 0 || self->now_nsec > drain_end_nsec)
            break;
        }
      if (!send (user_data))
        break;
      load_process_sample (&result->process, self->now_nsec);
      load_grpc_turn (self, load_pace_due (&self->pace, self->now_nsec));
    }
  result->failed += count_in_flight (user_data);
  load_process_end (&result->process);
  load_process_end (&result->self_process);
}
