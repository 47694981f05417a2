/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-convert-private.h"
#include "belfry-collector-message-private.h"
#include "fuzz-target.h"

#define MAX_EVENTS 20

static void
check_text (BelfryGrpcText text,
            gboolean       may_hold_nul)
{
  g_assert_nonnull (text.data);
  g_assert_true (may_hold_nul || g_utf8_validate_len (text.data, text.size, NULL));
}

static void
check_entries (const BelfryGrpcEntry *entries,
               gsize                  n_entries)
{
  for (gsize i = 0; i < n_entries; i++)
    {
      check_text (entries[i].key, TRUE);
      check_text (entries[i].value, TRUE);
    }
}

static void
check_event (const BelfryGrpcEvent *event)
{
  check_text (event->learner_id, FALSE);
  check_text (event->course_id, FALSE);
  check_text (event->lesson_id, FALSE);
  check_text (event->event_type, FALSE);
  check_text (event->timestamp, FALSE);
  check_text (event->session_id, FALSE);
  check_text (event->event_data_json, TRUE);
  check_entries (event->event_data, event->n_event_data);
  check_entries (event->metadata, event->n_metadata);
  g_assert_true ((event->refused_field == NULL) == (event->refusal == NULL));
  g_assert_true (event->refused_field == NULL || event->n_event_data == 0);
}

/* What the door lets through is JSON to the judge, whatever its texts are. */
static void
check_text_of (const BelfryGrpcEvent *event)
{
  g_autoptr(GString) text = g_string_new (NULL);
  BelfryLearnerRefusal refusal = { 0 };
  BelfryJsonValue root;

  if (event->refused_field != NULL)
    return;
  if (belfry_collector_message_print (event, text, &refusal))
    g_assert_true (belfry_json_scan (text->str, text->len, NULL, &root) && root.type == BELFRY_JSON_OBJECT);
  else
    g_assert_cmpstr (refusal.field, ==, "event_data_json");
  belfry_learner_refusal_clear (&refusal);
}

/* The first bit says whether it is an event or a batch. However it ends, the memory is bounded by the size of the message. */
int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr(BelfryGrpcWork) work = belfry_grpc_work_new (NULL, NULL, "");

  if (size == 0)
    return 0;

  if (data[0] & 1)
    belfry_grpc_convert_batch (work, data + 1, size - 1, MAX_EVENTS);
  else
    belfry_grpc_convert_event (work, data + 1, size - 1);
  g_assert_cmpuint (work->group.n_events, <=, MAX_EVENTS);
  for (guint i = 0; i < work->group.n_events; i++)
    {
      check_event (&work->group.events[i]);
      check_text_of (&work->group.events[i]);
    }
  g_assert_true (work->status != GRPC_STATUS_OK || work->group.n_events > 0);
  g_assert_cmpuint (belfry_grpc_work_get_size (work), <, 200000 + MAX_EVENTS * 40000 + 20 * size);
  return 0;
}
