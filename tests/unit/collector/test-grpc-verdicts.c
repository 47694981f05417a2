/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-verdicts-private.h"

#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <string.h>

#include "belfry-grpc-wire.pb-c.h"

/* Works that came back, of which every REFUSED_EACH-th event was refused. */
#define REFUSED_EACH 3

static void
add_work (BelfryGrpcVerdicts *verdicts,
          guint               n_events,
          gint64              read_usec)
{
  g_autoptr(BelfryGrpcWork) work = belfry_grpc_work_new (NULL, NULL, NULL);
  guint64 first = verdicts->first + verdicts->n_events;

  work->read_usec = read_usec;
  for (guint i = 0; i < n_events; i++)
    {
      BelfryGrpcEvent *event = belfry_grpc_work_add_event (work);

      if ((first + i) % REFUSED_EACH == 0)
        belfry_grpc_group_refuse (&work->group, event, "course_id", "Field required");
      else
        belfry_grpc_event_accept (event, "evt_000000000001");
    }
  belfry_grpc_verdicts_add (verdicts, work);
}

static BelfryGrpcWire__StreamAck *
tell (BelfryGrpcVerdicts *verdicts,
      guint               n_events)
{
  grpc_byte_buffer *buffer = belfry_grpc_verdicts_tell (verdicts, n_events);
  grpc_byte_buffer_reader reader;
  BelfryGrpcWire__StreamAck *ack;
  grpc_slice slice;

  g_assert_true (grpc_byte_buffer_reader_init (&reader, buffer));
  slice = grpc_byte_buffer_reader_readall (&reader);
  ack = belfry_grpc_wire__stream_ack__unpack (NULL, GRPC_SLICE_LENGTH (slice), GRPC_SLICE_START_PTR (slice));
  g_assert_nonnull (ack);
  grpc_slice_unref (slice);
  grpc_byte_buffer_reader_destroy (&reader);
  grpc_byte_buffer_destroy (buffer);
  return ack;
}

static void
check_ack (BelfryGrpcVerdicts *verdicts,
           guint               n_events)
{
  guint64 first = verdicts->first;
  BelfryGrpcWire__StreamAck *ack = tell (verdicts, n_events);
  guint n_errors = 0;

  for (guint64 i = first; i < first + n_events; i++)
    if (i % REFUSED_EACH == 0)
      {
        g_assert_cmpuint (n_errors, <, ack->n_errors);
        g_assert_cmpuint (ack->errors[n_errors]->index, ==, i);
        g_assert_cmpmem (ack->errors[n_errors]->field.data, ack->errors[n_errors]->field.len, "course_id", 9);
        g_assert_cmpmem (ack->errors[n_errors]->message.data, ack->errors[n_errors]->message.len, "Field required", 14);
        n_errors++;
      }
  g_assert_cmpuint (ack->received, ==, first + n_events);
  g_assert_cmpuint (ack->rejected, ==, n_errors);
  g_assert_cmpuint (ack->n_errors, ==, n_errors);
  g_assert_cmpuint (ack->accepted, ==, n_events - n_errors);
  belfry_grpc_wire__stream_ack__free_unpacked (ack, NULL);
}

static void
test_works_and_acknowledgements_need_not_match (void)
{
  BelfryGrpcVerdicts verdicts = { 0 };

  add_work (&verdicts, 7, 10);
  add_work (&verdicts, 1, 20);
  add_work (&verdicts, 20, 30);
  g_assert_cmpuint (verdicts.n_events, ==, 28);
  g_assert_cmpint (belfry_grpc_verdicts_get_since (&verdicts), ==, 10);
  check_ack (&verdicts, 5);
  g_assert_cmpint (belfry_grpc_verdicts_get_since (&verdicts), ==, 10);
  check_ack (&verdicts, 2);
  g_assert_cmpint (belfry_grpc_verdicts_get_since (&verdicts), ==, 20);
  check_ack (&verdicts, 10);
  g_assert_cmpint (belfry_grpc_verdicts_get_since (&verdicts), ==, 30);
  check_ack (&verdicts, 11);
  g_assert_cmpuint (verdicts.n_events, ==, 0);
  g_assert_cmpuint (verdicts.size, ==, 0);
  g_assert_cmpuint (verdicts.first, ==, 28);
  belfry_grpc_verdicts_clear (&verdicts);
}

static void
test_takes_memory_for_refusals_only (void)
{
  BelfryGrpcVerdicts verdicts = { 0 };

  add_work (&verdicts, 1, 0);
  g_assert_cmpuint (verdicts.size, >, 0);
  check_ack (&verdicts, 1);
  add_work (&verdicts, 2, 0);
  g_assert_cmpuint (verdicts.size, ==, 0);
  add_work (&verdicts, 300, 0);
  g_assert_cmpuint (verdicts.size, >, 100 * strlen ("course_id: Field required"));
  belfry_grpc_verdicts_clear (&verdicts);
  g_assert_cmpuint (verdicts.size, ==, 0);
  g_assert_cmpuint (verdicts.n_events, ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/grpc-verdicts/works-and-acknowledgements-need-not-match", test_works_and_acknowledgements_need_not_match);
  g_test_add_func ("/grpc-verdicts/takes-memory-for-refusals-only", test_takes_memory_for_refusals_only);
  return g_test_run ();
}
