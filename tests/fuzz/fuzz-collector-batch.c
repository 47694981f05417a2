/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-collector-batch-private.h"
#include "fuzz-target.h"

#define MAX_ITEMS 20

static void
check_events (const BelfryCollectorBatch *batch, const BelfryEventPlace *places)
{
  for (guint i = 0; i < batch->events->len; i++)
    {
      BelfryEvent *event = g_ptr_array_index (batch->events, i);
      g_autoptr(GString) text = g_string_new (NULL);
      BelfryJsonValue root;

      belfry_event_seal_run (&event, &places[i], 1);
      g_assert_true (belfry_learner_event_print (event, text));
      g_assert_true (belfry_json_scan (text->str, text->len, NULL, &root));
      g_assert_false (root.has_space);
    }
}

/* Every item is one or the other, what is shown is JSON, and letters hold JSON that lay in the body. */
static void
check_batch (const BelfryCollectorBatch *batch)
{
  g_autofree BelfryEventPlace *places = g_new0 (BelfryEventPlace, batch->events->len + 1);
  g_autoptr(GBytes) answer = NULL;
  BelfryJsonValue root;
  gsize length;
  const char *text;

  g_assert_cmpuint (batch->n_items, ==, batch->events->len + batch->letters->len);
  g_assert_cmpuint (batch->letters->len, ==, batch->letter_items->len);
  for (guint i = 0; i < batch->events->len; i++)
    {
      places[i].position = i + 1;
      g_snprintf (places[i].id, sizeof places[i].id, "evt_%012x", i);
    }
  answer = belfry_collector_batch_format (batch, places);
  text = g_bytes_get_data (answer, &length);
  g_assert_true (belfry_json_scan (text, length, NULL, &root));
  check_events (batch, places);
  for (guint i = 0; i < batch->letters->len; i++)
    {
      const BelfryDeadLetter *letter = g_ptr_array_index (batch->letters, i);

      text = g_bytes_get_data (letter->body, &length);
      g_assert_true (belfry_json_scan (text, length, NULL, &root));
      g_assert_true (g_utf8_validate (letter->message, -1, NULL));
      g_assert_cmpuint (strlen (letter->message), <, 4096);
    }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static BelfryEventTypeRegistry *registry;
  static GString *scratch;
  g_autoptr(BelfryCollectorBatch) batch = belfry_collector_batch_new (G_GINT64_CONSTANT (1768473105000000));
  g_autoptr(GBytes) body = g_bytes_new (data, size);
  BelfryLearnerRules rules;
  BelfryCollectorBody verdict;

  if (registry == NULL)
    {
      registry = belfry_event_type_registry_new ();
      scratch = g_string_new (NULL);
    }
  rules = (BelfryLearnerRules) { registry, 50, 65536, batch->received_usec, batch->batch_id, scratch };
  verdict = belfry_collector_batch_read (batch, &rules, body, MAX_ITEMS);
  if (verdict == BELFRY_COLLECTOR_BODY_GOOD)
    check_batch (batch);
  g_assert_cmpuint (batch->n_items, <=, MAX_ITEMS);
  return 0;
}
