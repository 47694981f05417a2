/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-error.h"
#include "belfry-event-private.h"
#include "belfry-event-validator.h"
#include "belfry-json-scanner-private.h"
#include "fuzz-target.h"

/* What was accepted gives a valid text of its own, whose payload is the event's. */
static void
check_event (BelfryEvent *event)
{
  static const BelfryJsonName names[] = { BELFRY_JSON_NAME ("payload") };
  const BelfryEventPlace place = { 1, 0, "evt_000000000001" };
  BelfryJsonValue payload, root;
  const BelfryJsonWanted wanted = { names, 1, &payload, 0, NULL, 0, NULL };
  const char *json;
  gsize length;

  belfry_event_seal_run (&event, &place, 1);
  json = belfry_event_peek_json (event, &length);
  g_assert_true (belfry_json_scan (json, length, &wanted, &root));
  g_assert_false (payload.has_space);
  g_assert_cmpuint (payload.n_members, <=, 50);
  g_assert_cmpuint (payload.length, <=, 65536);
  g_assert_cmpmem (payload.text, payload.length, belfry_event_get_payload (event),
                   strlen (belfry_event_get_payload (event)));
  g_assert_cmpuint (strlen (belfry_event_get_json (event)), ==, length);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  static BelfryEventValidator *validator;
  g_autoptr(BelfryEvent) event = NULL;
  g_autoptr(GError) error = NULL;

  if (validator == NULL)
    {
      g_autoptr(BelfryEventTypeRegistry) registry = belfry_event_type_registry_new ();

      validator = belfry_event_validator_new (registry);
    }
  event = belfry_event_validator_parse (validator, (const char *) data, (gssize) size, &error);
  if (event != NULL)
    {
      check_event (event);
      return 0;
    }
  g_assert_nonnull (belfry_error_get_problems (error));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), <, 4096);
  return 0;
}
