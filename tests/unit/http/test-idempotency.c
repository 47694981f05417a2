/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-idempotency-private.h"
#include "belfry-pipeline-private.h"
#include "server-world.h"

#define BODY  "{\"event_type\":\"timer_tick\",\"source\":\"test\"}"
#define OTHER "{\"event_type\":\"timer_tick\",\"source\":\"other\"}"

static void
test_parse (void)
{
  static const struct
  {
    const char *text;
    const char *key;
  } cases[] = {
    { "a", "a" },
    { "\"a\"", "a" },
    { "\"a b\"", "a b" },
    { "\"a\\\"b\\\\\"", "a\"b\\" },
    { "8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324" },
    { "YWJj+/=", "YWJj+/=" },
    { "'a'", "'a'" },
    { "", NULL },
    { "\"\"", NULL },
    { "\"", NULL },
    { "\"a", NULL },
    { "a\"", NULL },
    { "\"a\"b", NULL },
    { "\"a\";b=1", NULL },
    { "\"a\", \"b\"", NULL },
    { "a, a", NULL },
    { "a;b", NULL },
    { "a b", NULL },
    { "\"a\\b\"", NULL },
    { "\"a\\\"", NULL },
    { "\"a\001\"", NULL },
    { "\"a\177\"", NULL },
    { "a\001", NULL },
    { "\303\251", NULL },
    { "\"\303\251\"", NULL },
  };

  g_test_summary ("A key is a string in double quotes or a bare word; everything else is refused");
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *key = belfry_idempotency_parse (cases[i].text);

      g_assert_cmpstr (key, ==, cases[i].key);
    }
}

static void
test_parse_length (void)
{
  g_test_summary ("A key has 255 characters at most, those that it means, not those that it takes to write it");
  for (gsize length = 254; length <= 257; length++)
    {
      g_autofree char *bare = g_strnfill (length, 'x');
      g_autofree char *quoted = g_strdup_printf ("\"%s\"", bare);
      g_autofree char *escaped = g_strdup_printf ("\"\\\"%s\"", bare + 1);
      g_autofree char *keys[] = {
        belfry_idempotency_parse (bare), belfry_idempotency_parse (quoted), belfry_idempotency_parse (escaped),
      };

      for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
        {
          g_assert_true ((keys[i] != NULL) == (length <= 255));
          g_clear_pointer (&keys[i], g_free);
        }
    }
}

static Response *
post (ServerWorld *world,
      const char  *path,
      const char  *key,
      const char  *body)
{
  g_autofree char *headers = g_strdup_printf ("Idempotency-Key: %s\r\n", key);

  return server_world_request (world, "POST", path, headers, body);
}

static void
test_answers (void)
{
  g_autoptr(Response) first = NULL;
  g_autoptr(Response) again = NULL;
  g_autoptr(Response) other = NULL;
  g_autoptr(Response) bad = NULL;
  g_autoptr(Response) malformed = NULL;
  ServerWorld world;

  g_test_summary ("201 comes again byte for byte, another body is 422, a malformed key 400, and one event is stored");
  server_world_set_up (&world, "service-name", "test", NULL);

  first = post (&world, "/events", "\"a\"", BODY);
  again = post (&world, "/api/v1/events", "a", BODY);
  other = post (&world, "/events", "a", OTHER);
  bad = post (&world, "/events", "b", "{");
  malformed = post (&world, "/events", "a b", BODY);
  g_assert_cmpuint (first->status, ==, 201);
  g_assert_cmpuint (again->status, ==, 201);
  g_assert_cmpstr (again->body, ==, first->body);
  g_assert_cmpuint (other->status, ==, 422);
  g_assert_nonnull (strstr (other->body, "[\"header\", \"Idempotency-Key\"]"));
  g_assert_cmpuint (bad->status, ==, 422);
  g_assert_nonnull (strstr (bad->body, "[\"body\"]"));
  g_assert_cmpuint (malformed->status, ==, 400);
  g_assert_cmpuint (belfry_event_store_get_last_position (BELFRY_EVENT_STORE (world.store)), ==, 1);

  server_world_tear_down (&world);
}

static void
count_answer (GPtrArray     *events,
              BelfryReceipt *receipt,
              const GError  *error,
              gpointer       user_data)
{
  guint *n_answers = user_data;

  g_assert_no_error (error);
  g_assert_cmpint (receipt->outcome, ==, BELFRY_RECEIPT_UNKNOWN);
  (*n_answers)++;
}

static void
test_under_way (void)
{
  g_autoptr(GPtrArray) none = g_ptr_array_new ();
  g_autoptr(BelfryReceipt) first = belfry_receipt_new ();
  g_autoptr(BelfryReceipt) same = belfry_receipt_new ();
  g_autoptr(BelfryReceipt) other = belfry_receipt_new ();
  guint n_answers = 0;
  guint64 conflicts;
  ServerWorld world;

  g_test_summary ("While a key is under way another request with it is not let through, and afterwards it is");
  server_world_set_up (&world, "service-name", "test", NULL);

  other->key[0] = 1;
  for (guint i = 1; i <= 2; i++)
    {
      g_assert_true (belfry_pipeline_publish_once (world.pipeline, none, first, count_answer, &n_answers));
      g_assert_false (belfry_pipeline_publish_once (world.pipeline, none, same, count_answer, &n_answers));
      g_assert_true (belfry_pipeline_publish_once (world.pipeline, none, other, count_answer, &n_answers));
      server_world_wait (n_answers == 2 * i);
    }
  g_object_get (world.pipeline, "conflicts", &conflicts, NULL);
  g_assert_cmpuint (conflicts, ==, 2);

  server_world_tear_down (&world);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/idempotency/parse/key", test_parse);
  g_test_add_func ("/idempotency/parse/length", test_parse_length);
  g_test_add_func ("/idempotency/post/answers", test_answers);
  g_test_add_func ("/idempotency/under-way/lets-one-through", test_under_way);

  return g_test_run ();
}
