/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <glib.h>

#include "belfry-answer-quota-private.h"

#define READ_AT_ONCE 8
#define MAX_WAITING  1024

typedef struct
{
  BelfryAnswerQuota *quota;
  guint              n_let_in;
  guint              n_refused;
  gboolean           ends_at_once;
} World;

static void
on_room (gboolean has_room,
         gpointer user_data)
{
  World *world = user_data;

  if (!has_room)
    world->n_refused++;
  else
    world->n_let_in++;
  if (has_room && world->ends_at_once)
    belfry_answer_quota_end (world->quota, 1, 0, 0);
}

static void
begin (World *world,
       guint  n_answers)
{
  for (guint i = 0; i < n_answers; i++)
    belfry_answer_quota_begin (world->quota, 1, on_room, world);
}

static GBytes *
take (World *world,
      gsize  n_bytes)
{
  GString *text = g_string_new (NULL);

  g_string_set_size (text, n_bytes);
  return belfry_answer_quota_take_text (world->quota, text);
}

static void
test_few_at_a_time (void)
{
  g_autoptr(BelfryAnswerQuota) quota = belfry_answer_quota_new (1000);
  World world = { .quota = quota };

  begin (&world, READ_AT_ONCE + 2);
  g_assert_cmpuint (world.n_let_in, ==, READ_AT_ONCE);
  belfry_answer_quota_end (quota, 1, 0, 0);
  g_assert_cmpuint (world.n_let_in, ==, READ_AT_ONCE + 1);
  belfry_answer_quota_end (quota, 1, 0, 0);
  belfry_answer_quota_end (quota, 1, 0, 0);
  g_assert_cmpuint (world.n_let_in, ==, READ_AT_ONCE + 2);
  g_assert_cmpuint (world.n_refused, ==, 0);
}

/* 400 bytes an event, and room for 1000. */
static void
test_learns_the_size (void)
{
  g_autoptr(BelfryAnswerQuota) quota = belfry_answer_quota_new (1000);
  World world = { .quota = quota };

  begin (&world, 1);
  belfry_answer_quota_end (quota, 1, 1, 400);
  world.n_let_in = 0;
  begin (&world, READ_AT_ONCE);
  g_assert_cmpuint (world.n_let_in, ==, 2);
  belfry_answer_quota_end (quota, 1, 1, 400);
  g_assert_cmpuint (world.n_let_in, ==, 3);
}

static void
test_full_refuses (void)
{
  g_autoptr(BelfryAnswerQuota) quota = belfry_answer_quota_new (1000);
  World world = { .quota = quota };
  g_autoptr(GBytes) unread = NULL;

  begin (&world, 1);
  begin (&world, 1);
  unread = take (&world, 1000);
  begin (&world, 1);
  belfry_answer_quota_end (quota, 1, 1, 1000);
  g_assert_cmpuint (world.n_let_in, ==, 2);
  g_assert_cmpuint (world.n_refused, ==, 0);
  belfry_answer_quota_end (quota, 1, 1, 1000);
  g_assert_cmpuint (world.n_refused, ==, 1);
  g_assert_cmpuint (belfry_answer_quota_get_refused (quota), ==, 1);

  g_clear_pointer (&unread, g_bytes_unref);
  begin (&world, 1);
  g_assert_cmpuint (world.n_let_in, ==, 3);
}

static void
test_queue_has_an_end (void)
{
  g_autoptr(BelfryAnswerQuota) quota = belfry_answer_quota_new (1000);
  World world = { .quota = quota };

  begin (&world, READ_AT_ONCE + MAX_WAITING + 1);
  g_assert_cmpuint (world.n_let_in, ==, READ_AT_ONCE);
  g_assert_cmpuint (world.n_refused, ==, 1);
  world.ends_at_once = TRUE;
  belfry_answer_quota_end (quota, 1, 0, 0);
  g_assert_cmpuint (world.n_let_in, ==, READ_AT_ONCE + MAX_WAITING);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/answer-quota/reads-few-at-a-time", test_few_at_a_time);
  g_test_add_func ("/answer-quota/learns-how-large-events-are", test_learns_the_size);
  g_test_add_func ("/answer-quota/refuses-when-nothing-is-read-and-all-is-full", test_full_refuses);
  g_test_add_func ("/answer-quota/queue-has-an-end", test_queue_has_an_end);
  return g_test_run ();
}
