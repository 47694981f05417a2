/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-filter-index-private.h"
#include "belfry-filter-private.h"
#include "memory-store.h"

#define N_ENTRIES 200
#define N_ROUNDS 2000

typedef struct
{
  BelfryIndexEntry   entry;
  BelfryFilter      *filter;
  guint              n_found;
  BelfryFilterIndex *leave;  /* removes itself when it is found */
} Reader;

static const char *types[] = { "a", "b", "c", "d" };
static const char *names[] = { "x", "y", "z" };
static const char *tiers[] = { "gold", NULL };

static void
found (BelfryIndexEntry *entry,
       gpointer          user_data)
{
  Reader *reader = (Reader *) entry;

  reader->n_found++;
  if (reader->leave != NULL)
    belfry_filter_index_remove (reader->leave, entry);
}

static const char *
some_name (void)
{
  return g_test_rand_bit () ? names[g_test_rand_int_range (0, G_N_ELEMENTS (names))] : NULL;
}

static BelfryFilter *
some_filter (void)
{
  const char *chosen[6] = { NULL };
  guint n_types = (guint) g_test_rand_int_range (0, 6);
  double amount = 10;
  g_autoptr(GError) error = NULL;
  BelfryFilter *filter = NULL;

  for (guint i = 0; i < n_types; i++)
    chosen[i] = types[g_test_rand_int_range (0, G_N_ELEMENTS (types))];

  filter = belfry_filter_new_checked (g_test_rand_bit () ? chosen : NULL, some_name (), some_name (),
                                      g_test_rand_int_range (0, 8) == 0 ? tiers : NULL,
                                      g_test_rand_int_range (0, 8) == 0 ? &amount : NULL, &error);
  g_assert_no_error (error);
  return filter;
}

static BelfryEvent *
some_event (void)
{
  return belfry_event_new_trusted (&(BelfryEventFields) {
    .event_type = types[g_test_rand_int_range (0, G_N_ELEMENTS (types))],
    .event_type_length = -1,
    .source = "test",
    .source_length = -1,
    .session_id = some_name (),
    .session_id_length = -1,
    .user_id = some_name (),
    .user_id_length = -1,
    .payload = "{}",
    .payload_length = -1,
    .user_tier = g_test_rand_bit () ? "gold" : NULL,
    .user_tier_length = -1,
    .has_amount = g_test_rand_bit (),
    .amount = g_test_rand_double_range (0, 20),
  });
}

static void
replace (BelfryFilterIndex *index,
         Reader            *reader)
{
  belfry_filter_index_remove (index, &reader->entry);
  g_clear_pointer (&reader->filter, belfry_filter_unref);
  if (g_test_rand_int_range (0, 4) == 0)
    return;

  reader->filter = some_filter ();
  belfry_filter_index_add (index, &reader->entry, reader->filter);
}

static void
test_equals_brute_force (void)
{
  BelfryFilterIndex index;
  g_autofree Reader *readers = g_new0 (Reader, N_ENTRIES);
  guint n_matches = 0;

  g_test_summary ("While random filters come and go, an event finds each filter that it matches once, and no other");

  belfry_filter_index_init (&index);
  for (guint round = 0; round < N_ROUNDS; round++)
    {
      g_autoptr(BelfryEvent) event = some_event ();

      for (guint i = 0; i < 5; i++)
        replace (&index, &readers[g_test_rand_int_range (0, N_ENTRIES)]);
      belfry_filter_index_visit (&index, event, found, NULL);

      for (guint i = 0; i < N_ENTRIES; i++)
        {
          gboolean matches = readers[i].filter != NULL && belfry_filter_matches (readers[i].filter, event);

          g_assert_cmpuint (readers[i].n_found, ==, matches);
          readers[i].n_found = 0;
          n_matches += matches;
        }
    }
  g_assert_cmpuint (n_matches, >, N_ROUNDS);

  for (guint i = 0; i < N_ENTRIES; i++)
    {
      belfry_filter_index_remove (&index, &readers[i].entry);
      g_clear_pointer (&readers[i].filter, belfry_filter_unref);
    }
  g_assert_cmpuint (g_hash_table_size (index.by_session), ==, 0);
  g_assert_cmpuint (g_hash_table_size (index.by_user), ==, 0);
  g_assert_cmpuint (g_hash_table_size (index.by_type), ==, 0);
  belfry_filter_index_clear (&index);
}

static void
test_leaves_while_visited (void)
{
  BelfryFilterIndex index;
  g_autofree Reader *readers = g_new0 (Reader, N_ENTRIES);
  g_autoptr(BelfryEvent) event = memory_event_new ("a", "x", "y", 0);

  g_test_summary ("An entry may leave while it is visited, and the others are still visited once");

  belfry_filter_index_init (&index);
  for (guint i = 0; i < N_ENTRIES; i++)
    {
      g_autoptr(BelfryFilter) filter = some_filter ();

      readers[i].leave = g_test_rand_bit () ? &index : NULL;
      readers[i].filter = belfry_filter_ref (filter);
      belfry_filter_index_add (&index, &readers[i].entry, filter);
    }

  belfry_filter_index_visit (&index, event, found, NULL);
  for (guint i = 0; i < N_ENTRIES; i++)
    g_assert_cmpuint (readers[i].n_found, ==, belfry_filter_matches (readers[i].filter, event));
  belfry_filter_index_visit (&index, event, found, NULL);
  for (guint i = 0; i < N_ENTRIES; i++)
    {
      guint n_times = readers[i].leave != NULL ? 1 : 2;

      g_assert_cmpuint (readers[i].n_found, ==,
                        belfry_filter_matches (readers[i].filter, event) ? n_times : 0);
      belfry_filter_index_remove (&index, &readers[i].entry);
      g_clear_pointer (&readers[i].filter, belfry_filter_unref);
    }
  belfry_filter_index_clear (&index);
}

static void
test_ignores_other_sessions (void)
{
  BelfryFilterIndex index;
  g_autofree Reader *readers = g_new0 (Reader, N_ENTRIES);
  g_autoptr(BelfryEvent) event = memory_event_new ("a", "session-7", NULL, 0);

  g_test_summary ("Filters of other sessions are not looked at");

  belfry_filter_index_init (&index);
  for (guint i = 0; i < N_ENTRIES; i++)
    {
      g_autofree char *session_id = g_strdup_printf ("session-%u", i);

      readers[i].filter = belfry_filter_new (NULL, session_id, NULL);
      belfry_filter_index_add (&index, &readers[i].entry, readers[i].filter);
      g_assert_true (readers[i].entry.is_exact);
    }

  belfry_filter_index_visit (&index, event, found, NULL);
  g_assert_cmpuint (index.n_looked_at, ==, 1);
  g_assert_cmpuint (readers[7].n_found, ==, 1);

  for (guint i = 0; i < N_ENTRIES; i++)
    {
      belfry_filter_index_remove (&index, &readers[i].entry);
      g_clear_pointer (&readers[i].filter, belfry_filter_unref);
    }
  belfry_filter_index_clear (&index);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/filter-index/equals-brute-force", test_equals_brute_force);
  g_test_add_func ("/filter-index/leaves-while-visited", test_leaves_while_visited);
  g_test_add_func ("/filter-index/ignores-other-sessions", test_ignores_other_sessions);

  return g_test_run ();
}
