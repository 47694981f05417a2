/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-client-message-private.h"

#define EVENT "{\"id\":\"evt_a\",\"event_type\":\"purchase\",\"payload\":{\"cursor\":\"no\",\"status\":\"error\"},\"timestamp\":\"t\""

static BelfryClientMessage
read_text (const char *text)
{
  BelfryClientMessage message;

  belfry_client_message_read (&message, text, strlen (text));

  return message;
}

static void
assert_span (BelfryJsonSpan  span,
             const char     *expected)
{
  g_autofree char *text = g_strndup (span.text != NULL ? span.text : "", span.length);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_event (void)
{
  const char *text = EVENT ",\"cursor\":\"AbC\"}";
  BelfryClientMessage message = read_text (text);
  g_autofree char *event = belfry_client_message_dup_event (&message, text, strlen (text));

  g_assert_cmpint (message.kind, ==, BELFRY_CLIENT_MESSAGE_EVENT);
  assert_span (message.cursor, "\"AbC\"");
  g_assert_cmpstr (event, ==, EVENT "}");
}

static void
test_event_without_cursor (void)
{
  const char *text = EVENT "}";
  BelfryClientMessage message = read_text (text);
  g_autofree char *event = belfry_client_message_dup_event (&message, text, strlen (text));

  g_assert_cmpint (message.kind, ==, BELFRY_CLIENT_MESSAGE_EVENT);
  assert_span (message.cursor, "");
  g_assert_cmpstr (event, ==, text);
}

static void
test_cursor_in_the_middle (void)
{
  const char *text = "{\"id\": \"a\" , \"cursor\" : \"x\" , \"event_type\" : \"b\" }";
  BelfryClientMessage message = read_text (text);
  g_autofree char *event = belfry_client_message_dup_event (&message, text, strlen (text));

  g_assert_cmpstr (event, ==, "{\"id\": \"a\" , \"event_type\" : \"b\" }");
}

static void
test_others (void)
{
  BelfryClientMessage message;

  message = read_text ("{\"status\": \"subscribed\", \"subscriber_id\": \"sub_1\", \"filters\": {\"event_types\": []}}");
  g_assert_cmpint (message.kind, ==, BELFRY_CLIENT_MESSAGE_SUBSCRIBED);
  assert_span (message.subscriber_id, "\"sub_1\"");

  message = read_text ("{\"status\":\"error\",\"message\":\"Unknown cursor\"}");
  g_assert_cmpint (message.kind, ==, BELFRY_CLIENT_MESSAGE_ERROR);
  assert_span (message.message, "\"Unknown cursor\"");

  message = read_text ("{\"type\":\"gap\",\"from\":\"a\",\"to\":\"b\",\"lost\":12}");
  g_assert_cmpint (message.kind, ==, BELFRY_CLIENT_MESSAGE_GAP);
  assert_span (message.from, "\"a\"");
  assert_span (message.to, "\"b\"");
  g_assert_cmpuint (message.lost, ==, 12);

  g_assert_cmpint (read_text ("{\"type\":\"keepalive\"}").kind, ==, BELFRY_CLIENT_MESSAGE_OTHER);
  g_assert_cmpint (read_text ("{\"type\":\"pong\"}").kind, ==, BELFRY_CLIENT_MESSAGE_OTHER);
  g_assert_cmpint (read_text ("{\"status\":\"filters_updated\"}").kind, ==, BELFRY_CLIENT_MESSAGE_OTHER);
  g_assert_cmpint (read_text ("{\"event_type\":\"a\"").kind, ==, BELFRY_CLIENT_MESSAGE_OTHER);
  g_assert_cmpint (read_text ("[]").kind, ==, BELFRY_CLIENT_MESSAGE_OTHER);
  g_assert_cmpint (read_text ("").kind, ==, BELFRY_CLIENT_MESSAGE_OTHER);
  g_assert_cmpuint (read_text ("{\"type\":\"gap\",\"lost\":99999999999999999999999}").lost, ==, 0);
  g_assert_cmpuint (read_text ("{\"type\":\"gap\",\"lost\":-1}").lost, ==, 0);
}

static void
test_subscribe (void)
{
  const char *types[] = { "purchase", NULL };
  g_autoptr(BelfryFilter) filter = belfry_filter_new (types, "s\"1", NULL);
  g_autofree char *any = belfry_client_message_new_subscribe (NULL, NULL);
  g_autofree char *resumed = belfry_client_message_new_subscribe (NULL, "a\"b");
  g_autofree char *some = belfry_client_message_new_subscribe (filter, "beginning");
  g_autofree char *update = belfry_client_message_new_update (filter);
  g_autofree char *rules = belfry_filter_to_json (filter);
  g_autofree char *expected = g_strdup_printf ("{\"type\":\"update_filters\",\"filters\":%s}", rules);
  g_autoptr(BelfryFilter) back = NULL;

  g_assert_cmpstr (any, ==, "{\"cursors\":true}");
  g_assert_cmpstr (resumed, ==, "{\"cursors\":true,\"resume_from\":\"a\\\"b\"}");
  g_assert_cmpstr (update, ==, expected);
  back = belfry_filter_new_from_json (some, -1, NULL);
  g_assert_nonnull (back);
  g_assert_true (belfry_filter_equal (back, filter));
  g_assert_nonnull (strstr (some, "\"resume_from\":\"beginning\""));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/client-message/event/loses-its-cursor-only", test_event);
  g_test_add_func ("/client-message/event/needs-no-cursor", test_event_without_cursor);
  g_test_add_func ("/client-message/event/cursor-may-stand-anywhere", test_cursor_in_the_middle);
  g_test_add_func ("/client-message/others-are-told-apart", test_others);
  g_test_add_func ("/client-message/subscribe/carries-filter-and-place", test_subscribe);

  return g_test_run ();
}
