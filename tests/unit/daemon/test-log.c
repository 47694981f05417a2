/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-log.h"

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

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/log/text-is-one-line", test_text);
  g_test_add_func ("/log/json-keeps-fields", test_json);
  g_test_add_func ("/log/levels", test_levels);
  g_test_add_func ("/log/debug-is-of-ours-only", test_debug);

  return g_test_run ();
}
