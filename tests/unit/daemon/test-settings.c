/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include <glib/gstdio.h>

#include "belfry-setting-lists.h"
#include "belfry-setting-values.h"
#include "belfry-settings.h"

static BelfrySettings *
make_settings (const char * const  *environment,
               GError             **error)
{
  g_autoptr(BelfrySettingSources) sources = belfry_setting_sources_new ();

  belfry_setting_sources_add_environment (sources, environment);
  return belfry_settings_new (sources, error);
}

static void
test_defaults (void)
{
  static const char * const nothing[] = { "PATH=/bin", "HOST=", "PORT=", NULL };
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfrySettings) settings = make_settings (nothing, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (settings->host, ==, "0.0.0.0");
  g_assert_cmpuint (settings->ports->len, ==, 1);
  g_assert_cmpuint (g_array_index (settings->ports, guint16, 0), ==, 8001);
  g_assert_false (settings->debug);
  g_assert_cmpstr (settings->database_path, ==, "data/events.db");
  g_assert_cmpstr (settings->cors_origins[0], ==, "*");
  g_assert_false (settings->require_auth);
  g_assert_null (settings->api_key);
  g_assert_cmpuint (settings->max_queue_size, ==, 10000);
  g_assert_cmpuint (settings->ring_max_bytes, ==, 33554432);
  g_assert_cmpuint (settings->max_subscribers, ==, 5000);
  g_assert_cmpuint (settings->max_ws_message_bytes, ==, 1048576);
  g_assert_cmpuint (settings->max_ws_connections_per_ip, ==, 20);
  g_assert_cmpuint (settings->max_payload_keys, ==, 50);
  g_assert_cmpuint (settings->max_payload_bytes, ==, 65536);
  g_assert_cmpuint (settings->max_body_bytes, ==, 8 * 65536 + 16384);
  g_assert_cmpint (settings->event_retention_usec, ==, 0);
  g_assert_cmpstr (settings->log_level, ==, "INFO");
  g_assert_cmpstr (settings->log_format, ==, "text");
  g_assert_cmpstr (settings->service_name, ==, "event-pipeline");
  g_assert_null (settings->tls_certificate);
}

static void
test_values (void)
{
  static const char * const environment[] = {
    "HTTP_HOST=::1", "PORT= 8001,0 ,65535", "HTTP_PORT=1", "REQUIRE_AUTH=YES", "API_KEY=sesame", "CORS_ORIGINS=https://a, https://b,",
    "EVENT_RETENTION=30d", "LOG_LEVEL=debug", "LOG_FORMAT=JSON", "MAX_PAYLOAD_BYTES=1024", "DEBUG=On", NULL,
  };
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfrySettings) settings = make_settings (environment, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (settings->host, ==, "::1");
  g_assert_cmpuint (settings->ports->len, ==, 3);
  g_assert_cmpuint (g_array_index (settings->ports, guint16, 1), ==, 0);
  g_assert_cmpuint (g_array_index (settings->ports, guint16, 2), ==, 65535);
  g_assert_true (settings->require_auth);
  g_assert_cmpstr (settings->api_key, ==, "sesame");
  g_assert_cmpuint (g_strv_length (settings->cors_origins), ==, 2);
  g_assert_cmpstr (settings->cors_origins[1], ==, "https://b");
  g_assert_cmpint (settings->event_retention_usec, ==, 30 * G_TIME_SPAN_DAY);
  g_assert_cmpstr (settings->log_level, ==, "DEBUG");
  g_assert_cmpstr (settings->log_format, ==, "json");
  g_assert_cmpuint (settings->max_body_bytes, ==, 8 * 1024 + 16384);
  g_assert_true (settings->debug);
}

static void
test_empty_list (void)
{
  static const char * const environment[] = { "CORS_ORIGINS=", NULL };
  g_autoptr(BelfrySettings) settings = make_settings (environment, NULL);

  g_test_summary ("Nobody is allowed when the list of origins is empty on purpose");
  g_assert_cmpuint (g_strv_length (settings->cors_origins), ==, 0);
}

static void
test_refuses (void)
{
  static const char * const bad[] = {
    "PORT=x", "PORT=65536", "PORT=-1", "PORT=1,,2", "PORT=80 81", "HTTP_PORT=abc",
    "DEBUG=maybe", "REQUIRE_AUTH=2", "REQUIRE_AUTH=true",
    "MAX_QUEUE_SIZE=0", "MAX_QUEUE_SIZE=ten", "RING_MAX_BYTES=1", "RING_MAX_BYTES=99999999999999999999", "MAX_SUBSCRIBERS=-5",
    "MAILBOX_MAX_BYTES=1", "MAX_WAITING_EVENTS=0", "MAX_WAITING_BYTES=0x10", "IDEMPOTENCY_WINDOW=24", "IDEMPOTENCY_MAX_BYTES=1", "MAX_WS_MESSAGE_BYTES=1", "MAX_WS_CONNECTIONS_PER_IP=0",
    "MAX_PAYLOAD_KEYS=1.5", "MAX_PAYLOAD_BYTES=1", "MAX_BODY_BYTES=1", "MAX_ANSWER_BYTES=1", "EVENT_RETENTION=-1", "EVENT_RETENTION=30", "EVENT_RETENTION=30x", "EVENT_RETENTION=d",
    "EVENT_RETENTION=999999999w", "LOG_LEVEL=LOUD", "LOG_FORMAT=xml", "TLS_CERTIFICATE=a.pem", "TLS_PRIVATE_KEY=a.pem",
    "SERVICE_NAME=\377", "PORT=1\n2",
  };

  g_test_summary ("A bad value gives one line that names setting, value and what is allowed");
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *environment[] = { bad[i], NULL };
      g_auto(GStrv) halves = g_strsplit (bad[i], "=", 2);
      const char *name = g_str_has_prefix (bad[i], "HTTP_PORT") ? "PORT" : halves[0];
      g_autoptr(GError) error = NULL;

      g_assert_null (make_settings (environment, &error));
      g_assert_nonnull (error);
      g_test_message ("%s", error->message);
      g_assert_null (strchr (error->message, '\n'));
      g_assert_nonnull (strstr (error->message, "allowed"));
      if (!g_str_has_prefix (bad[i], "TLS"))
        g_assert_true (g_str_has_prefix (error->message, name));
      if (g_utf8_validate (halves[1], -1, NULL) && strchr (halves[1], '\n') == NULL
          && !g_str_has_prefix (bad[i], "TLS"))
        g_assert_nonnull (strstr (error->message, halves[1]));
    }
}

static void
test_hides_key (void)
{
  static const char * const environment[] = { "API_KEY=secret\377", NULL };
  g_autoptr(GError) error = NULL;

  g_assert_null (make_settings (environment, &error));
  g_assert_null (strstr (error->message, "secret"));
}

typedef struct
{
  char *folder;
  char *conf;
  char *fragments;
} Files;

static void
write_file (const char *folder,
            const char *name,
            const char *contents)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, contents, -1, NULL));
}

static void
set_up_files (Files         *files,
              gconstpointer  data)
{
  files->folder = g_dir_make_tmp ("belfry-settings-XXXXXX", NULL);
  files->conf = g_build_filename (files->folder, "belfry.conf", NULL);
  files->fragments = g_build_filename (files->folder, "belfry.conf.d", NULL);
  g_assert_cmpint (g_mkdir (files->fragments, 0700), ==, 0);
}

static void
tear_down_files (Files         *files,
                 gconstpointer  data)
{
  g_clear_pointer (&files->folder, g_free);
  g_clear_pointer (&files->conf, g_free);
  g_clear_pointer (&files->fragments, g_free);
}

static void
test_order (Files         *files,
            gconstpointer  data)
{
  static const char * const environment[] = { "MAX_SUBSCRIBERS=5", "MAX_QUEUE_SIZE=50", NULL };
  g_autoptr(BelfrySettingSources) sources = belfry_setting_sources_new ();
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfrySettings) settings = NULL;
  g_autoptr(GError) error = NULL;
  g_autofree char *env_file = g_build_filename (files->folder, ".env", NULL);

  g_test_summary ("Options beat the environment, that beats the .env file, that beats the key files, of which the later wins");
  write_file (files->folder, "belfry.conf",
              "[belfry]\nMAX_PAYLOAD_KEYS=1\nMAX_PAYLOAD_BYTES=100\nHOST=one\nNO_SUCH=1\n[other]\nA=1\n");
  write_file (files->fragments, "20.conf", "[belfry]\nMAX_PAYLOAD_KEYS=3\n");
  write_file (files->fragments, "10.conf", "[belfry]\nMAX_PAYLOAD_KEYS=2\nSERVICE_NAME=ten\n");
  write_file (files->fragments, "30.txt", "no key file");
  write_file (files->folder, ".env",
              "# comment\nexport HOST = two\nMAX_SUBSCRIBERS=4\nSERVICE_NAME=\"a # b\"\nLOG_FORMAT=json # why\nUNKNOWN=x\nbroken\n");

  g_assert_true (belfry_setting_sources_add_file (sources, files->conf, TRUE, warnings, &error));
  g_assert_no_error (error);
  g_assert_true (belfry_setting_sources_add_env_file (sources, env_file, &error));
  belfry_setting_sources_add_environment (sources, environment);
  g_assert_true (belfry_setting_sources_add_option (sources, "port", "1234"));
  g_assert_true (belfry_setting_sources_add_option (sources, "MAX_QUEUE_SIZE", "60"));
  g_assert_false (belfry_setting_sources_add_option (sources, "no-such", "1"));

  settings = belfry_settings_new (sources, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (settings->max_payload_keys, ==, 3);
  g_assert_cmpuint (settings->max_payload_bytes, ==, 100);
  g_assert_cmpstr (settings->host, ==, "two");
  g_assert_cmpuint (settings->max_subscribers, ==, 5);
  g_assert_cmpuint (settings->max_queue_size, ==, 60);
  g_assert_cmpstr (settings->service_name, ==, "a # b");
  g_assert_cmpstr (settings->log_format, ==, "json");
  g_assert_cmpuint (g_array_index (settings->ports, guint16, 0), ==, 1234);

  g_assert_cmpuint (warnings->len, ==, 2);
  g_assert_nonnull (strstr (g_ptr_array_index (warnings, 0), "unknown group 'other'"));
  g_assert_nonnull (strstr (g_ptr_array_index (warnings, 1), "unknown key 'NO_SUCH'"));
  g_assert_nonnull (strstr (g_ptr_array_index (warnings, 1), "belfry.conf"));
}

static void
test_files (Files         *files,
            gconstpointer  data)
{
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfrySettingSources) sources = belfry_setting_sources_new ();
  g_autoptr(GError) error = NULL;

  g_test_summary ("A missing file is fine unless it was asked for; a broken one never is");
  g_assert_true (belfry_setting_sources_add_file (sources, files->conf, FALSE, warnings, &error));
  g_assert_no_error (error);
  g_assert_false (belfry_setting_sources_add_file (sources, files->conf, TRUE, warnings, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_clear_error (&error);

  write_file (files->fragments, "10.conf", "nonsense\n");
  g_assert_false (belfry_setting_sources_add_file (sources, files->conf, FALSE, warnings, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, "10.conf"));
}

static void
test_table (void)
{
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  g_test_summary ("Each setting of the table is described, and named once");
  for (gsize i = 0; i < n_settings; i++)
    {
      g_assert_nonnull (infos[i].description);
      g_assert_true (infos[i].kind != BELFRY_SETTING_NUMBER || infos[i].unit != NULL);
      for (gsize j = 0; j < i; j++)
        {
          g_assert_cmpstr (infos[i].name, !=, infos[j].name);
          g_assert_cmpuint (infos[i].offset, !=, infos[j].offset);
        }
    }
}

static BelfrySettings *
make_one (const char *assignment)
{
  const char *environment[] = { assignment, NULL };
  g_autoptr(GError) error = NULL;
  BelfrySettings *settings = make_settings (environment, &error);

  g_assert_no_error (error);
  return settings;
}

static void
test_equal (void)
{
  static const char * const changes[] = {
    "HOST=::1", "PORT=1,2", "DEBUG=true", "CORS_ORIGINS=https://a.example", "MAX_SUBSCRIBERS=7", "EVENT_RETENTION=1d", "API_KEY=k",
    "LOG_FORMAT=json", "RATE_LIMIT_QUERY=1/day", "TRUSTED_PROXIES=10.0.0.0/8", "DATABASE_PATH=other.db",
  };
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);
  g_autoptr(BelfrySettings) plain = make_one ("PATH=/bin");

  g_test_summary ("A reload finds exactly the settings that have changed");
  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr(BelfrySettings) changed = make_one (changes[i]);
      g_autoptr(BelfrySettings) again = make_one (changes[i]);

      for (gsize j = 0; j < n_settings; j++)
        {
          g_autofree char *prefix = g_strconcat (infos[j].name, "=", NULL);

          g_assert_cmpint (belfry_setting_is_equal (&infos[j], plain, changed), ==, !g_str_has_prefix (changes[i], prefix));
          g_assert_true (belfry_setting_is_equal (&infos[j], changed, again));
        }
    }
}

static void
test_problems (void)
{
  static const char * const environment[] = { "PORT=x", "DEBUG=x", "API_KEY=secret\377", NULL };
  g_autoptr(BelfrySettingSources) sources = belfry_setting_sources_new ();
  g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func (g_free);

  g_test_summary ("All problems are told, one line each");
  belfry_setting_sources_add_environment (sources, environment);
  g_assert_null (belfry_settings_new_with_problems (sources, problems));
  g_assert_cmpuint (problems->len, ==, 3);
  for (guint i = 0; i < problems->len; i++)
    {
      g_assert_null (strchr (g_ptr_array_index (problems, i), '\n'));
      g_assert_null (strstr (g_ptr_array_index (problems, i), "secret"));
    }
}

static void
test_rates (void)
{
  static const char * const rates[][2] = {
    { "RATE_LIMIT_QUERY=5/minute", "5/minute" }, { "RATE_LIMIT_QUERY= 5 / Minute", "5/minute" },
    { "RATE_LIMIT_QUERY=0", "unlimited" }, { "RATE_LIMIT_QUERY=0/day", "unlimited" }, { "RATE_LIMIT_QUERY=Unlimited", "unlimited" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rates); i++)
    {
      g_autoptr(BelfrySettings) settings = make_one (rates[i][0]);

      g_assert_cmpstr (settings->rate_limit_query, ==, rates[i][1]);
    }
}

static void
test_lists (void)
{
  static const char * const forms[] = { "text", "markdown", "man", "options", "conf" };
  gsize n_settings;
  const BelfrySettingInfo *infos = belfry_settings_list (&n_settings);

  g_test_summary ("Each list names each setting, and each option");
  for (gsize i = 0; i < G_N_ELEMENTS (forms); i++)
    {
      g_autofree char *text = belfry_setting_list_format (forms[i]);

      g_assert_nonnull (text);
      g_assert_nonnull (strstr (belfry_setting_list_get_forms (), forms[i]));
      for (gsize j = 0; j < n_settings; j++)
        g_assert_true (strstr (text, infos[j].name) != NULL || (g_str_equal (forms[i], "options") && infos[j].option == NULL));
    }
  g_assert_null (belfry_setting_list_format ("poem"));
}

static void
test_forgets_files (Files         *files,
                    gconstpointer  data)
{
  g_autoptr(BelfrySettingSources) sources = belfry_setting_sources_new ();
  g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(BelfrySettings) settings = NULL;

  g_test_summary ("Before a reload the files are forgotten, options are not");
  write_file (files->folder, "belfry.conf", "[belfry]\nMAX_PAYLOAD_KEYS=1\nSERVICE_NAME=file\n");
  g_assert_true (belfry_setting_sources_add_file (sources, files->conf, TRUE, warnings, NULL));
  g_assert_true (belfry_setting_sources_add_option (sources, "SERVICE_NAME", "option"));
  belfry_setting_sources_forget_files (sources);
  settings = belfry_settings_new (sources, NULL);
  g_assert_cmpuint (settings->max_payload_keys, ==, 50);
  g_assert_cmpstr (settings->service_name, ==, "option");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/settings/defaults", test_defaults);
  g_test_add_func ("/settings/values", test_values);
  g_test_add_func ("/settings/empty-list", test_empty_list);
  g_test_add_func ("/settings/refuses-bad-values", test_refuses);
  g_test_add_func ("/settings/hides-key", test_hides_key);
  g_test_add ("/settings/order-of-sources", Files, NULL, set_up_files, test_order, tear_down_files);
  g_test_add ("/settings/files", Files, NULL, set_up_files, test_files, tear_down_files);
  g_test_add_func ("/settings/table", test_table);

  g_test_add_func ("/settings/changes-are-found", test_equal);
  g_test_add_func ("/settings/all-problems-are-told", test_problems);
  g_test_add_func ("/settings/rates", test_rates);
  g_test_add_func ("/settings/lists-are-complete", test_lists);
  g_test_add ("/settings/forgets-files", Files, NULL, set_up_files, test_forgets_files, tear_down_files);

  return g_test_run ();
}
