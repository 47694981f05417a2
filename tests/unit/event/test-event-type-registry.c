/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <glib/gstdio.h>
#include <string.h>

#include "belfry-error.h"
#include "belfry-event-type-registry-private.h"

typedef struct
{
  BelfryEventTypeRegistry *registry;
  char                    *folder;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->registry = belfry_event_type_registry_new ();
  fixture->folder = g_build_filename (g_get_user_data_dir (), "event-types.d", NULL);
  g_assert_cmpint (g_mkdir_with_parents (fixture->folder, 0700), ==, 0);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_clear_object (&fixture->registry);
  g_clear_pointer (&fixture->folder, g_free);
}

static void
write_file (Fixture *fixture, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

static void
test_holds_built_in_types (Fixture *fixture, gconstpointer data)
{
  g_auto(GStrv) names = belfry_event_type_registry_list_names (fixture->registry);

  g_assert_cmpuint (belfry_event_type_registry_get_n_types (fixture->registry), ==, 23);
  g_assert_cmpuint (g_strv_length (names), ==, 23);
  g_assert_cmpstr (names[0], ==, "answer_changed");
  g_assert_cmpstr (names[22], ==, "timer_warning");
  g_assert_cmpstr (belfry_event_type_registry_get_description (fixture->registry, "quiz_completed"),
                   ==,
                   "Student completed/submitted quiz");
  g_assert_true (belfry_event_type_registry_contains (fixture->registry, "progress_updated"));
  g_assert_false (belfry_event_type_registry_contains (fixture->registry, "purchase"));
  g_assert_null (belfry_event_type_registry_get_description (fixture->registry, "purchase"));
}

static void
on_registered (BelfryEventTypeRegistry *registry, const char *name, gpointer user_data)
{
  GString *names = user_data;

  g_string_append_printf (names, "%s;", name);
}

static void
test_register_tells (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GString) told = g_string_new (NULL);
  g_autoptr(GError) error = NULL;
  const char *found;

  g_signal_connect (fixture->registry, "registered", G_CALLBACK (on_registered), told);
  g_assert_true (belfry_event_type_registry_register (fixture->registry, "a.b-c_9", "First",
                                                      &error));
  found = belfry_event_type_registry_lookup (fixture->registry, "a.b-c_9 and more", 7);
  g_assert_cmpstr (found, ==, "a.b-c_9");
  g_assert_true (belfry_event_type_registry_register (fixture->registry, "a.b-c_9", "Second",
                                                      &error));
  g_assert_true (belfry_event_type_registry_register (fixture->registry, "a.b-c_9", "Second",
                                                      &error));
  g_assert_cmpstr (belfry_event_type_registry_get_description (fixture->registry, "a.b-c_9"), ==,
                   "Second");
  g_assert_true (belfry_event_type_registry_lookup (fixture->registry, "a.b-c_9", 7) == found);
  g_assert_cmpstr (told->str, ==, "a.b-c_9;a.b-c_9;");
  g_assert_cmpuint (belfry_event_type_registry_get_n_types (fixture->registry), ==, 24);
}

static void
test_register_refuses (Fixture *fixture, gconstpointer data)
{
  g_autofree char *name_50 = g_strnfill (50, 'a');
  g_autofree char *name_51 = g_strnfill (51, 'a');
  g_autoptr(GString) description = g_string_new (NULL);
  const char * const bad_names[] = { "", "A", "a b", "\xc3\xa9", "a/b", "a\n", name_51 };

  for (guint i = 0; i < G_N_ELEMENTS (bad_names); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (belfry_event_type_registry_register (fixture->registry, bad_names[i], "d",
                                                           &error));
      g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT);
    }
  g_assert_true (belfry_event_type_registry_register (fixture->registry, name_50, "d", NULL));
  g_assert_false (belfry_event_type_registry_register (fixture->registry, "x", "", NULL));
  g_assert_false (belfry_event_type_registry_register (fixture->registry, "x", "\xff", NULL));
  for (guint i = 0; i < 500; i++)
    g_string_append (description, "\xc3\xa9");
  g_assert_true (belfry_event_type_registry_register (fixture->registry, "x", description->str,
                                                      NULL));
  g_string_append (description, "x");
  g_assert_false (belfry_event_type_registry_register (fixture->registry, "y", description->str,
                                                       NULL));
}

static void
test_bounds_types (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  for (guint i = belfry_event_type_registry_get_n_types (fixture->registry); i < BELFRY_EVENT_TYPES_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("t%u", i);

      g_assert_true (belfry_event_type_registry_register (fixture->registry, name, "d", NULL));
    }
  g_assert_false (belfry_event_type_registry_register (fixture->registry, "one_more", "d", &error));
  g_assert_error (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY);
  g_assert_true (belfry_event_type_registry_register (fixture->registry, "quiz_started",
                                                      "Another text", NULL));
}

static void
test_lookup_needs_exact_name (Fixture *fixture, gconstpointer data)
{
  g_autofree char *long_name = g_strnfill (1000, 'a');

  g_assert_cmpstr (belfry_event_type_registry_lookup (fixture->registry, "quiz_started", 12), ==,
                   "quiz_started");
  g_assert_null (belfry_event_type_registry_lookup (fixture->registry, "quiz_started", 11));
  g_assert_null (belfry_event_type_registry_lookup (fixture->registry, "quiz_started\0", 13));
  g_assert_null (belfry_event_type_registry_lookup (fixture->registry, "quiz_started", 0));
  g_assert_null (belfry_event_type_registry_lookup (fixture->registry, long_name, 1000));
}

static void
test_load_reads_in_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  write_file (fixture, "20-b.conf", "[Event Type purchase]\nDescription=Second\n");
  write_file (fixture, "10-a.conf",
              "# shop\n[Event Type purchase]\nDescription=First\n\n[Event Type refund]\nDescription=Back é\nOther=1\n");
  write_file (fixture, "30-c.conf.disabled", "nonsense");
  write_file (fixture, "40-empty.conf", "");
  g_assert_true (belfry_event_type_registry_load_directory (fixture->registry, fixture->folder,
                                                            &error));
  g_assert_no_error (error);
  g_assert_cmpstr (belfry_event_type_registry_get_description (fixture->registry, "purchase"), ==,
                   "Second");
  g_assert_cmpstr (belfry_event_type_registry_get_description (fixture->registry, "refund"), ==,
                   "Back é");
}

static void
test_load_names_file_and_group (Fixture *fixture, gconstpointer data)
{
  static const struct { const char *text, *group; } cases[] = {
    { "[Event Type Bad Name]\nDescription=x\n", "Group 'Event Type Bad Name'" },
    { "[Event Type ok]\nText=x\n", "Group 'Event Type ok'" },
    { "[Event Type ok]\nDescription=\n", "Group 'Event Type ok'" },
    { "[Something]\nDescription=x\n", "Group 'Something'" },
    { "no key file\n", "bad.conf'" },
    { "[Event Type ok]\nDescription=\xff\n", "bad.conf'" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      write_file (fixture, "bad.conf", cases[i].text);
      g_assert_false (belfry_event_type_registry_load_directory (fixture->registry, fixture->folder,
                                                                 &error));
      g_assert_nonnull (error);
      g_assert_nonnull (strstr (error->message, "bad.conf"));
      g_assert_nonnull (strstr (error->message, cases[i].group));
    }
}

static void
test_load_without_directory (Fixture *fixture, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (fixture->folder, "missing", NULL);
  g_autofree char *file = g_build_filename (fixture->folder, "file", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_true (belfry_event_type_registry_load_directory (fixture->registry, missing, &error));
  g_assert_no_error (error);
  write_file (fixture, "file", "");
  g_assert_false (belfry_event_type_registry_load_directory (fixture->registry, file, &error));
  g_assert_nonnull (error);
}

static void
test_describes_names (Fixture *fixture, gconstpointer data)
{
  g_autofree char *few = g_strdup (belfry_event_type_registry_describe_names (fixture->registry, 2));
  const char *all = belfry_event_type_registry_describe_names (fixture->registry, 23);

  g_assert_cmpstr (few, ==, "answer_changed, answer_submitted … and 21 more");
  g_assert_true (g_str_has_suffix (all, "timer_tick, timer_warning"));
}

int
main (int argc, char *argv[])
{
  static const struct { const char *path; void (*test) (Fixture *, gconstpointer); } tests[] = {
    { "/event-type-registry/new/holds-built-in-types", test_holds_built_in_types },
    { "/event-type-registry/register/tells", test_register_tells },
    { "/event-type-registry/register/refuses-malformed", test_register_refuses },
    { "/event-type-registry/register/bounds-types", test_bounds_types },
    { "/event-type-registry/lookup/needs-exact-name", test_lookup_needs_exact_name },
    { "/event-type-registry/load-directory/reads-in-order", test_load_reads_in_order },
    { "/event-type-registry/load-directory/names-file-and-group", test_load_names_file_and_group },
    { "/event-type-registry/load-directory/does-without", test_load_without_directory },
    { "/event-type-registry/describe-names/counts-the-rest", test_describes_names },
  };

  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);

  return g_test_run ();
}
