/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-log.h"

#include <fcntl.h>
#include <unistd.h>

#include <glib-unix.h>

/* The writer is one for the life of a process: each case speaks in a process of its own. */

static void
speak (const char *level,
       const char *format)
{
  belfry_log_set_up (level, format);
  belfry_log_add_secret ("sesame");
  g_debug ("of no interest");
  g_info ("an info");
  g_message ("a \"message\"\nwith sesame in it");
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "BELFRY_SUBSCRIBER", "sub_1", "MESSAGE", "a warning");
}

static void
test_text (void)
{
  if (g_test_subprocess ())
    {
      speak ("INFO", "text");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*Z INFO    *: an info\n*Z INFO    *: a \"message\"\\x0awith (hidden) in it\n*Z WARNING *: a warning\n*");
  g_test_trap_assert_stderr_unmatched ("*of no interest*");
  g_test_trap_assert_stderr_unmatched ("*sesame*");
}

static void
test_json (void)
{
  if (g_test_subprocess ())
    {
      speak ("INFO", "json");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*{\"time\": \"*Z\", \"level\": \"INFO\", \"domain\": \"*\", \"message\": \"a \\\"message\\\"\\u000awith (hidden) in it\"}\n*");
  g_test_trap_assert_stderr ("*\"level\": \"WARNING\"*\"message\": \"a warning\", \"belfry_subscriber\": \"sub_1\"}\n*");
}

static void
test_levels (void)
{
  if (g_test_subprocess ())
    {
      speak ("WARNING", "text");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*a warning*");
  g_test_trap_assert_stderr_unmatched ("*an info*");
}

static void
test_debug (void)
{
  if (g_test_subprocess ())
    {
      belfry_log_set_up ("DEBUG", "text");
      g_log_structured ("Belfry.Store", G_LOG_LEVEL_DEBUG, "MESSAGE", "of ours");
      g_log_structured ("libsoup", G_LOG_LEVEL_DEBUG, "MESSAGE", "of a library");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*DEBUG   Belfry.Store: of ours\n*");
  g_test_trap_assert_stderr_unmatched ("*of a library*");
}

static const char *
find_field (GArray     *fields,
            const char *key)
{
  for (guint i = 0; i < fields->len; i++)
    {
      const GLogField *field = &g_array_index (fields, GLogField, i);

      if (g_str_equal (field->key, key))
        return field->value;
    }

  return NULL;
}

static void
test_journal_fields (void)
{
  const GLogField fields[] = {
    { "PRIORITY", "6", -1 },
    { "BELFRY_SUBSCRIBER", "sub_1", -1 },
    { "MESSAGE", "open sesame", -1 },
    { "BELFRY_BYTES", "ab", 2 },
  };
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GArray) shown = NULL;

  g_test_summary ("The journal gets all fields, without secrets, and the name of the program");
  belfry_log_add_secret ("sesame");
  shown = belfry_log_make_journal_fields (fields, G_N_ELEMENTS (fields), texts);
  g_assert_cmpuint (shown->len, ==, G_N_ELEMENTS (fields) + 1);
  g_assert_cmpstr (find_field (shown, "PRIORITY"), ==, "6");
  g_assert_cmpstr (find_field (shown, "BELFRY_SUBSCRIBER"), ==, "sub_1");
  g_assert_cmpstr (find_field (shown, "MESSAGE"), ==, "open (hidden)");
  g_assert_cmpstr (find_field (shown, "SYSLOG_IDENTIFIER"), ==, "belfryd");
  g_assert_true (find_field (shown, "BELFRY_BYTES") == fields[3].value);
}

static void
test_journal_choice (void)
{
  int fds[2];

  g_test_summary ("A pipe is no journal");
  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  g_assert_false (belfry_log_wants_journal ("text", fds[1]));
  g_assert_false (belfry_log_wants_journal ("json", fds[1]));
  close (fds[0]);
  close (fds[1]);
}

static void
test_change (void)
{
  if (g_test_subprocess ())
    {
      belfry_log_set_up ("WARNING", "text");
      g_message ("too low");
      g_assert_false (g_log_get_debug_enabled ());
      belfry_log_set_up ("DEBUG", "json");
      g_assert_true (g_log_get_debug_enabled ());
      g_log_structured ("Belfry.Store", G_LOG_LEVEL_DEBUG, "MESSAGE", "high enough");
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*\"message\": \"high enough\"*");
  g_test_trap_assert_stderr_unmatched ("*too low*");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/log/text-is-one-line", test_text);
  g_test_add_func ("/log/json-keeps-fields", test_json);
  g_test_add_func ("/log/levels", test_levels);
  g_test_add_func ("/log/debug-is-of-ours-only", test_debug);

  g_test_add_func ("/log/journal-fields", test_journal_fields);
  g_test_add_func ("/log/journal-is-recognised", test_journal_choice);
  g_test_add_func ("/log/level-and-form-change", test_change);

  return g_test_run ();
}
