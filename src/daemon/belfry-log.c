/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One line a message on standard error, written with one call so that threads do not mix theirs. When
 * standard error is the journal, messages go there with their fields; as JSON the fields are members. */

/* These change at a reload, while other threads may speak: atomic. */
static int shown_levels = G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING
                          | G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO;
static int as_json;
static int to_journal;

static GMutex secrets_lock;
static GPtrArray *secrets;  /* guarded by secrets_lock; never freed */

static const char *
get_field (const GLogField *fields,
           gsize            n_fields,
           const char      *key)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      if (strcmp (fields[i].key, key) == 0 && fields[i].length < 0)
        return fields[i].value;
    }

  return NULL;
}

static const char *
get_level_name (GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return "ERROR";
  if (level & G_LOG_LEVEL_WARNING)
    return "WARNING";
  if (level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO))
    return "INFO";

  return "DEBUG";
}

static void
append_json_string (GString    *line,
                    const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (line, '"');
  for (const char *p = valid; *p != '\0'; p++)
    {
      if (*p == '"' || *p == '\\')
        g_string_append_c (line, '\\');
      if ((guchar) *p < 0x20 || *p == 0x7f)
        g_string_append_printf (line, "\\u%04x", (guint) (guchar) *p);
      else
        g_string_append_c (line, *p);
    }
  g_string_append_c (line, '"');
}

static void
append_member (GString    *line,
               const char *name,
               const char *text)
{
  g_string_append (line, line->len > 1 ? ", " : "");
  append_json_string (line, name);
  g_string_append (line, ": ");
  append_json_string (line, text);
}

/* The fields that GLib adds by itself say nothing that an operator searches for. */
static gboolean
is_own_field (const GLogField *field)
{
  return field->length < 0 && g_str_has_prefix (field->key, "BELFRY_");
}

static void
format_json (GString         *line,
             const char      *now,
             GLogLevelFlags   level,
             const GLogField *fields,
             gsize            n_fields)
{
  const char *domain = get_field (fields, n_fields, "GLIB_DOMAIN");
  const char *message = get_field (fields, n_fields, "MESSAGE");

  g_string_append_c (line, '{');
  append_member (line, "time", now);
  append_member (line, "level", get_level_name (level));
  append_member (line, "domain", domain != NULL ? domain : "");
  append_member (line, "message", message != NULL ? message : "");
  for (gsize i = 0; i < n_fields; i++)
    {
      g_autofree char *name = NULL;

      if (!is_own_field (&fields[i]))
        continue;
      name = g_ascii_strdown (fields[i].key, -1);
      append_member (line, name, fields[i].value);
    }
  g_string_append_c (line, '}');
}

/* A message is one line, whatever it quotes. */
static void
format_text (GString         *line,
             const char      *now,
             GLogLevelFlags   level,
             const GLogField *fields,
             gsize            n_fields)
{
  const char *domain = get_field (fields, n_fields, "GLIB_DOMAIN");
  const char *message = get_field (fields, n_fields, "MESSAGE");

  g_string_append_printf (line, "%s %-7s %s: ", now, get_level_name (level), domain != NULL ? domain : "-");
  for (const char *p = message != NULL ? message : ""; *p != '\0'; p++)
    {
      if ((guchar) *p < 0x20 || *p == 0x7f)
        g_string_append_printf (line, "\\x%02x", (guint) (guchar) *p);
      else
        g_string_append_c (line, *p);
    }
}

static void
hide_secrets (GString *line)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&secrets_lock);

  for (guint i = 0; secrets != NULL && i < secrets->len; i++)
    g_string_replace (line, g_ptr_array_index (secrets, i), "(hidden)", 0);
}

static gboolean
is_shown (GLogLevelFlags   level,
          const GLogField *fields,
          gsize            n_fields)
{
  const char *domain;

  if (!(level & g_atomic_int_get (&shown_levels)))
    return FALSE;
  if (!(level & G_LOG_LEVEL_DEBUG))
    return TRUE;

  /* What the libraries below say at debug may quote whole requests. */
  domain = get_field (fields, n_fields, "GLIB_DOMAIN");
  return domain != NULL && g_str_has_prefix (domain, "Belfry");
}

/* The fields as they are, without secrets, and the name under which the journal lists us: unlike for lines on standard
 * error, it does not add one to fields. */
GArray *
belfry_log_make_journal_fields (const GLogField *fields,
                                gsize            n_fields,
                                GPtrArray       *texts)
{
  GArray *shown = g_array_sized_new (FALSE, FALSE, sizeof (GLogField), n_fields + 1);
  const GLogField identifier = { "SYSLOG_IDENTIFIER", "belfryd", -1 };

  for (gsize i = 0; i < n_fields; i++)
    {
      GLogField field = fields[i];

      if (field.length < 0)
        {
          GString *text = g_string_new (field.value);

          hide_secrets (text);
          field.value = text->str;
          g_ptr_array_add (texts, g_string_free (text, FALSE));
        }
      g_array_append_val (shown, field);
    }
  g_array_append_val (shown, identifier);
  return shown;
}

static GLogWriterOutput
write_journal (GLogLevelFlags   level,
               const GLogField *fields,
               gsize            n_fields)
{
  g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GArray) shown = belfry_log_make_journal_fields (fields, n_fields, texts);

  return g_log_writer_journald (level, (const GLogField *) shown->data, shown->len, NULL);
}

static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         user_data)
{
  g_autoptr(GDateTime) time = NULL;
  g_autofree char *now = NULL;
  g_autoptr(GString) line = NULL;
  gssize written;

  if (!is_shown (level, fields, n_fields))
    return G_LOG_WRITER_HANDLED;
  if (g_atomic_int_get (&to_journal) && write_journal (level, fields, n_fields) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;

  time = g_date_time_new_now_utc ();
  now = g_date_time_format (time, "%Y-%m-%dT%H:%M:%S.%fZ");
  line = g_string_sized_new (256);
  if (g_atomic_int_get (&as_json))
    format_json (line, now, level, fields, n_fields);
  else
    format_text (line, now, level, fields, n_fields);
  hide_secrets (line);
  g_string_append_c (line, '\n');

  /* There is nowhere to tell that telling failed. */
  written = write (STDERR_FILENO, line->str, line->len);
  (void) written;
  return G_LOG_WRITER_HANDLED;
}

void
belfry_log_add_secret (const char *secret)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&secrets_lock);

  if (secret == NULL || secret[0] == '\0')
    return;
  if (secrets == NULL)
    secrets = g_ptr_array_new ();
  if (!g_ptr_array_find_with_equal_func (secrets, secret, g_str_equal, NULL))
    g_ptr_array_add (secrets, g_strdup (secret));
}

/* The form that was asked for by name is kept; otherwise the journal gets fields. */
gboolean
belfry_log_wants_journal (const char *format,
                          int         fd)
{
  return strcmp (format, "json") != 0 && g_log_writer_is_journald (fd);
}

void
belfry_log_set_up (const char *level,
                   const char *format)
{
  static gboolean is_set_up;
  int levels = G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL;
  gboolean is_debug = strcmp (level, "DEBUG") == 0;

  if (strcmp (level, "ERROR") != 0)
    levels |= G_LOG_LEVEL_WARNING;
  if (strcmp (level, "INFO") == 0 || is_debug)
    levels |= G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO;
  if (is_debug)
    levels |= G_LOG_LEVEL_DEBUG;

  g_atomic_int_set (&shown_levels, levels);
  g_atomic_int_set (&as_json, strcmp (format, "json") == 0);
  g_atomic_int_set (&to_journal, belfry_log_wants_journal (format, STDERR_FILENO));
  /* Whoever would have to make a text first asks this. */
  g_log_set_debug_enabled (is_debug);
  if (!is_set_up)
    g_log_set_writer_func (write_log, NULL, NULL);
  is_set_up = TRUE;
}
