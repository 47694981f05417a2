/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-session-batch-private.h"

#include <string.h>

#include "memory-store.h"

#define N_EVENTS 400

/* A run as it was committed, of events of about 400 bytes. */
static GPtrArray *
run_new (void)
{
  g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);
  BelfryEventPlace places[N_EVENTS];

  for (guint i = 0; i < N_EVENTS; i++)
    {
      g_ptr_array_add (events, memory_event_new (NULL, NULL, NULL, 100));
      places[i] = (BelfryEventPlace) { .position = i + 1, .id = "evt_000000000000" };
    }
  belfry_event_seal_run ((BelfryEvent **) events->pdata, places, N_EVENTS);
  return g_steal_pointer (&events);
}

static void
add (BelfryBatch *batch,
     GByteArray  *expected,
     BelfryEvent *event)
{
  gsize length;
  const guint8 *frame = belfry_event_peek_frame (event, &length);

  belfry_batch_add_event (batch, belfry_event_ref (event), frame, length);
  g_byte_array_append (expected, frame, length);
}

static void
assert_holds (const BelfryBatch *batch,
              const guint8      *expected,
              gsize              length)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  for (guint i = batch->first; i < batch->n_vectors; i++)
    g_byte_array_append (bytes, batch->vectors[i].iov_base, batch->vectors[i].iov_len);
  g_assert_cmpuint (batch->bytes, ==, length);
  g_assert_cmpmem (bytes->data, bytes->len, expected, length);
}

static void
test_keeps_references (void)
{
  g_autoptr(GPtrArray) events = run_new ();
  g_autoptr(GByteArray) expected = g_byte_array_new ();
  BelfryBatch *batch = belfry_batch_new ();
  BelfryBatch *rest = NULL;

  g_test_summary ("What nobody took of a whole run is kept by reference");

  for (guint i = 0; i < N_EVENTS; i++)
    add (batch, expected, g_ptr_array_index (events, i));
  belfry_batch_advance (batch, 1000);
  rest = belfry_batch_detach (batch);
  g_assert_cmpuint (rest->block_bytes, ==, 0);
  g_assert_cmpuint (rest->n_owners, ==, N_EVENTS);
  assert_holds (rest, expected->data + 1000, expected->len - 1000);
  g_assert_cmpuint (belfry_batch_get_held (rest), <=, 4 * rest->bytes);
  g_assert_cmpuint (batch->bytes, ==, 0);
  belfry_batch_free (rest);
  belfry_batch_free (batch);
}

static void
test_copies_few (void)
{
  g_autoptr(GPtrArray) events = run_new ();
  g_autoptr(GByteArray) expected = g_byte_array_new ();
  BelfryBatch *batch = belfry_batch_new ();
  BelfryBatch *rest = NULL;

  g_test_summary ("A few events of a large run are copied, so that the run's texts can go");

  for (guint i = 0; i < N_EVENTS; i += 50)
    add (batch, expected, g_ptr_array_index (events, i));
  g_assert_cmpuint (belfry_batch_get_held (batch), >, 4 * batch->bytes);
  belfry_batch_advance (batch, 700);
  rest = belfry_batch_detach (batch);
  g_ptr_array_set_size (events, 0);
  assert_holds (rest, expected->data + 700, expected->len - 700);
  g_assert_cmpuint (belfry_batch_get_held (rest), ==, expected->len - 700);
  belfry_batch_free (rest);
  belfry_batch_free (batch);
}

static void
test_copies_last_bytes (void)
{
  g_autoptr(GPtrArray) events = run_new ();
  g_autoptr(GByteArray) expected = g_byte_array_new ();
  BelfryBatch *batch = belfry_batch_new ();
  BelfryBatch *rest = NULL;

  g_test_summary ("Of a batch of which nearly all was taken little is kept");

  for (guint i = 0; i < N_EVENTS; i++)
    add (batch, expected, g_ptr_array_index (events, i));
  belfry_batch_advance (batch, expected->len - 10);
  rest = belfry_batch_detach (batch);
  assert_holds (rest, expected->data + expected->len - 10, 10);
  g_assert_cmpuint (belfry_batch_get_held (rest), ==, 10);
  belfry_batch_free (rest);
  belfry_batch_free (batch);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session-batch/detach/keeps-references", test_keeps_references);
  g_test_add_func ("/session-batch/detach/copies-few-of-many", test_copies_few);
  g_test_add_func ("/session-batch/detach/copies-last-bytes", test_copies_last_bytes);
  return g_test_run ();
}
