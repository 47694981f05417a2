/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-settings.h"

#include <errno.h>
#include <string.h>

/* The one table of settings, and how a text becomes a value. */

#define FIELD(name) G_STRUCT_OFFSET (BelfrySettings, name)
#define GIBIBYTE    (1024 * 1024 * 1024ull)

static const BelfrySettingInfo settings[] = {
  { "HOST", "host", "HTTP_HOST", BELFRY_SETTING_STRING, "0.0.0.0", 0, 0, NULL, NULL,
    "Address or name to listen on", FIELD (host), FALSE },
  { "PORT", "port", "HTTP_PORT", BELFRY_SETTING_PORTS, "8001", 0, G_MAXUINT16, NULL, NULL,
    "Ports to listen on, separated by commas; 0 is any free one", FIELD (ports), FALSE },
  { "DEBUG", "debug", NULL, BELFRY_SETTING_BOOLEAN, "false", 0, 0, NULL, NULL,
    "Log at level DEBUG", FIELD (debug), FALSE },
  { "DATABASE_PATH", "database", NULL, BELFRY_SETTING_STRING, "data/events.db", 0, 0, NULL, NULL,
    "File that holds the log", FIELD (database_path), FALSE },
  { "CORS_ORIGINS", "cors-origins", NULL, BELFRY_SETTING_LIST, "*", 0, 0, NULL, NULL,
    "Origins whose pages may use the service, separated by commas; * is all", FIELD (cors_origins), FALSE },
  { "REQUIRE_AUTH", "require-auth", NULL, BELFRY_SETTING_BOOLEAN, "false", 0, 0, NULL, NULL,
    "Ask every client for the key", FIELD (require_auth), FALSE },
  { "API_KEY", NULL, NULL, BELFRY_SETTING_STRING, NULL, 0, 0, NULL, NULL,
    "The key", FIELD (api_key), TRUE },
  { "MAX_QUEUE_SIZE", NULL, NULL, BELFRY_SETTING_NUMBER, "10000", 1, 10000000, NULL, "events",
    "Newest events kept in memory for live subscribers", FIELD (max_queue_size), FALSE },
  { "RING_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "33554432", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Memory that the newest events may take", FIELD (ring_max_bytes), FALSE },
  { "MAX_SUBSCRIBERS", NULL, NULL, BELFRY_SETTING_NUMBER, "5000", 1, 1000000, NULL, "subscribers",
    "Live subscribers at a time", FIELD (max_subscribers), FALSE },
  { "MAILBOX_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "1048576", 4096, GIBIBYTE, NULL, "bytes",
    "Events that may wait for one subscriber before it is served from the log", FIELD (mailbox_max_bytes), FALSE },
  { "CATCH_UP_MAX_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "33554432", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Events read from the log that may wait for all subscribers", FIELD (catch_up_max_bytes), FALSE },
  { "MAX_WAITING_EVENTS", NULL, NULL, BELFRY_SETTING_NUMBER, "50000", 1, 100000000, NULL, "events",
    "Events that may wait for the disk before publishers are told to try later", FIELD (max_waiting_events), FALSE },
  { "MAX_WAITING_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "67108864", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Bytes that may wait for the disk before publishers are told to try later", FIELD (max_waiting_bytes), FALSE },
  { "MAX_WS_MESSAGE_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "1048576", 1024, GIBIBYTE, NULL, "bytes",
    "Longest WebSocket message", FIELD (max_ws_message_bytes), FALSE },
  { "MAX_WS_CONNECTIONS_PER_IP", NULL, NULL, BELFRY_SETTING_NUMBER, "20", 1, 1000000, NULL, "connections",
    "WebSocket connections of one address at a time", FIELD (max_ws_connections_per_ip), FALSE },
  { "MAX_PAYLOAD_KEYS", NULL, NULL, BELFRY_SETTING_NUMBER, "50", 0, 100000, NULL, "members",
    "Members of an event's payload", FIELD (max_payload_keys), FALSE },
  { "MAX_PAYLOAD_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "65536", 2, 64 * 1024 * 1024, NULL, "bytes",
    "Length of an event's payload as compact JSON", FIELD (max_payload_bytes), FALSE },
  { "MAX_BODY_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, NULL, 1024, GIBIBYTE, NULL, "bytes",
    "Longest request body; 8 times MAX_PAYLOAD_BYTES and 16384 when unset", FIELD (max_body_bytes), FALSE },
  { "MAX_ANSWER_BYTES", NULL, NULL, BELFRY_SETTING_NUMBER, "268435456", 65536, 64 * GIBIBYTE, NULL, "bytes",
    "Answers to queries that may be under way before further ones are told to try later", FIELD (max_answer_bytes), FALSE },
  { "EVENT_RETENTION", NULL, NULL, BELFRY_SETTING_DURATION, "0", 0, 0, NULL, NULL,
    "Age at which events are deleted, such as 30d; 0 keeps them", FIELD (event_retention_usec), FALSE },
  { "LOG_LEVEL", "log-level", NULL, BELFRY_SETTING_CHOICE, "INFO", 0, 0, "DEBUG|INFO|WARNING|ERROR", NULL,
    "Least level that is logged", FIELD (log_level), FALSE },
  { "LOG_FORMAT", "log-format", NULL, BELFRY_SETTING_CHOICE, "text", 0, 0, "text|json", NULL,
    "Form of the log on standard error", FIELD (log_format), FALSE },
  { "SERVICE_NAME", NULL, NULL, BELFRY_SETTING_STRING, "event-pipeline", 0, 0, NULL, NULL,
    "Name that /health tells", FIELD (service_name), FALSE },
  { "VERSION", NULL, NULL, BELFRY_SETTING_STRING, NULL, 0, 0, NULL, NULL,
    "Read, without effect", FIELD (version), FALSE },
  { "TLS_CERTIFICATE", "tls-certificate", NULL, BELFRY_SETTING_STRING, NULL, 0, 0, NULL, NULL,
    "File with the certificate chain, PEM", FIELD (tls_certificate), FALSE },
  { "TLS_PRIVATE_KEY", "tls-private-key", NULL, BELFRY_SETTING_STRING, NULL, 0, 0, NULL, NULL,
    "File with the private key, PEM", FIELD (tls_private_key), FALSE },
  { "BELFRY_EVENT_TYPES_DIR", "event-types-dir", NULL, BELFRY_SETTING_STRING,
    BELFRY_SYSCONFDIR "/belfry/event-types.d", 0, 0, NULL, NULL,
    "Folder of key files with event types", FIELD (event_types_dir), FALSE },
};

const BelfrySettingInfo *
belfry_settings_list (gsize *n_settings)
{
  *n_settings = G_N_ELEMENTS (settings);
  return settings;
}

/* --- a text becomes a value; FALSE when it cannot --- */

static gboolean
parse_boolean (const char *text,
               gboolean   *value)
{
  static const char * const yes[] = { "true", "1", "yes", "on" };
  static const char * const no[] = { "false", "0", "no", "off" };

  for (gsize i = 0; i < G_N_ELEMENTS (yes); i++)
    {
      *value = g_ascii_strcasecmp (text, yes[i]) == 0;
      if (*value || g_ascii_strcasecmp (text, no[i]) == 0)
        return TRUE;
    }

  return FALSE;
}

static gboolean
parse_number (const char *text,
              guint64     minimum,
              guint64     maximum,
              guint64    *value)
{
  return g_ascii_string_to_unsigned (text, 10, minimum, maximum, value, NULL);
}

static gboolean
parse_duration (const char *text,
                gint64     *value_usec)
{
  static const struct { const char *unit; gint64 seconds; } units[] = {
    { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 7 * 86400 },
  };
  gsize n_digits = strspn (text, "0123456789");
  g_autofree char *digits = g_strndup (text, n_digits);
  guint64 number;

  if (!parse_number (digits, 0, 1000000000, &number))
    return FALSE;
  if (number == 0 && text[n_digits] == '\0')
    {
      *value_usec = 0;
      return TRUE;
    }

  /* A number alone is refused: who writes 30 hardly means half a minute. */
  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    {
      if (g_ascii_strcasecmp (text + n_digits, units[i].unit) != 0)
        continue;
      /* A thousand years are longer than any log. */
      if (number > 1000ull * 366 * 86400 / units[i].seconds)
        return FALSE;
      *value_usec = (gint64) number * units[i].seconds * G_USEC_PER_SEC;
      return TRUE;
    }

  return FALSE;
}

static gboolean
parse_ports (const char *text,
             GArray    **value)
{
  g_auto(GStrv) pieces = g_strsplit (text, ",", -1);
  g_autoptr(GArray) ports = g_array_new (FALSE, FALSE, sizeof (guint16));

  for (gsize i = 0; pieces[i] != NULL; i++)
    {
      guint64 number;
      guint16 port;

      if (!parse_number (g_strstrip (pieces[i]), 0, G_MAXUINT16, &number))
        return FALSE;
      port = number;
      g_array_append_val (ports, port);
    }
  if (ports->len == 0 || ports->len > 64)
    return FALSE;

  g_clear_pointer (value, g_array_unref);
  *value = g_steal_pointer (&ports);
  return TRUE;
}

static void
parse_list (const char *text,
            char     ***value)
{
  g_auto(GStrv) pieces = g_strsplit (text, ",", -1);
  g_autoptr(GStrvBuilder) list = g_strv_builder_new ();

  for (gsize i = 0; pieces[i] != NULL; i++)
    {
      g_strstrip (pieces[i]);
      if (pieces[i][0] != '\0')
        g_strv_builder_add (list, pieces[i]);
    }

  g_strfreev (*value);
  *value = g_strv_builder_end (list);
}

static gboolean
parse_choice (const char *text,
              const char *choices,
              char      **value)
{
  g_auto(GStrv) list = g_strsplit (choices, "|", -1);

  for (gsize i = 0; list[i] != NULL; i++)
    {
      if (g_ascii_strcasecmp (text, list[i]) != 0)
        continue;
      g_free (*value);
      *value = g_strdup (list[i]);
      return TRUE;
    }

  return FALSE;
}

static gboolean
parse_setting (BelfrySettings          *self,
               const BelfrySettingInfo *info,
               const char              *text)
{
  gpointer field = (char *) self + info->offset;

  switch (info->kind)
    {
    case BELFRY_SETTING_STRING:
      g_free (*(char **) field);
      *(char **) field = g_strdup (text);
      return g_utf8_validate (text, -1, NULL);
    case BELFRY_SETTING_BOOLEAN:
      return parse_boolean (text, field);
    case BELFRY_SETTING_NUMBER:
      return parse_number (text, info->minimum, info->maximum, field);
    case BELFRY_SETTING_DURATION:
      return parse_duration (text, field);
    case BELFRY_SETTING_PORTS:
      return parse_ports (text, field);
    case BELFRY_SETTING_LIST:
      parse_list (text, field);
      return g_utf8_validate (text, -1, NULL);
    case BELFRY_SETTING_CHOICE:
      return parse_choice (text, info->choices, field);
    default:
      g_assert_not_reached ();
    }
}

static char *
describe_allowed (const BelfrySettingInfo *info)
{
  switch (info->kind)
    {
    case BELFRY_SETTING_BOOLEAN:
      return g_strdup ("true, 1, yes, on, false, 0, no, off");
    case BELFRY_SETTING_NUMBER:
      return g_strdup_printf ("a whole number of %s from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                              info->unit, info->minimum, info->maximum);
    case BELFRY_SETTING_DURATION:
      return g_strdup ("0, or a whole number with s, m, h, d or w behind it");
    case BELFRY_SETTING_PORTS:
      return g_strdup ("port numbers from 0 to 65535, separated by commas");
    case BELFRY_SETTING_CHOICE:
      return g_strdelimit (g_strdup (info->choices), "|", ' ');
    case BELFRY_SETTING_STRING:
    case BELFRY_SETTING_LIST:
    default:
      return g_strdup ("text in UTF-8");
    }
}

/* One line, whatever the value holds. */
static void
set_bad_value (const BelfrySettingInfo *info,
               const char              *text,
               GError                 **error)
{
  g_autofree char *allowed = describe_allowed (info);
  g_autofree char *shown = info->is_secret ? g_strdup ("(not shown)") : g_strescape (text, NULL);

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: '%.100s' is not allowed; allowed: %s",
               info->name, shown, allowed);
}

static gboolean
check_together (BelfrySettings  *self,
                GError         **error)
{
  if (self->require_auth && self->api_key == NULL)
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                           "REQUIRE_AUTH: 'true' is not allowed without a key; allowed: true together with API_KEY");
      return FALSE;
    }
  if ((self->tls_certificate != NULL) != (self->tls_private_key != NULL))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "%s: '' is not allowed; allowed: TLS_CERTIFICATE and TLS_PRIVATE_KEY together",
                   self->tls_certificate != NULL ? "TLS_PRIVATE_KEY" : "TLS_CERTIFICATE");
      return FALSE;
    }
  if (self->max_body_bytes == 0)
    self->max_body_bytes = 8 * self->max_payload_bytes + 16384;

  return TRUE;
}

BelfrySettings *
belfry_settings_new (BelfrySettingSources  *sources,
                     GError               **error)
{
  g_autoptr(BelfrySettings) self = g_new0 (BelfrySettings, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      const char *text = belfry_setting_sources_find (sources, &settings[i]);

      if (text == NULL)
        text = settings[i].unset;
      if (text != NULL && !parse_setting (self, &settings[i], text))
        {
          set_bad_value (&settings[i], text, error);
          return NULL;
        }
    }

  if (!check_together (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

void
belfry_settings_free (BelfrySettings *self)
{
  for (gsize i = 0; i < G_N_ELEMENTS (settings); i++)
    {
      gpointer field = (char *) self + settings[i].offset;

      if (settings[i].kind == BELFRY_SETTING_STRING || settings[i].kind == BELFRY_SETTING_CHOICE)
        g_free (*(char **) field);
      else if (settings[i].kind == BELFRY_SETTING_LIST)
        g_strfreev (*(char ***) field);
      else if (settings[i].kind == BELFRY_SETTING_PORTS)
        g_clear_pointer ((GArray **) field, g_array_unref);
    }
  g_free (self);
}
