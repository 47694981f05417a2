/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-setting-values.h"

#include <string.h>

#include "belfry-client-address-private.h"
#include "belfry-cors-private.h"

/* How the text of a setting becomes a value, kind by kind, and what is said when it cannot. */

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
is_duration_allowed (const BelfrySettingInfo *info,
                     guint64                  seconds)
{
  /* A thousand years are longer than any log. */
  guint64 maximum = info->maximum != 0 ? info->maximum : 1000ull * 366 * 86400;

  return seconds >= info->minimum && seconds <= maximum;
}

static gboolean
parse_duration (const BelfrySettingInfo *info,
                const char              *text,
                gint64                  *value_usec)
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
      return is_duration_allowed (info, 0);
    }

  /* A number alone is refused: who writes 30 hardly means half a minute. */
  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    {
      if (g_ascii_strcasecmp (text + n_digits, units[i].unit) != 0)
        continue;
      if (!is_duration_allowed (info, number * units[i].seconds))
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

static gboolean
parse_port (const char *text,
            char      **value)
{
  guint64 port;

  if (g_ascii_strcasecmp (text, "off") == 0)
    {
      g_free (*value);
      *value = g_strdup ("off");
      return TRUE;
    }
  if (!parse_number (text, 0, G_MAXUINT16, &port))
    return FALSE;

  g_free (*value);
  *value = g_strdup_printf ("%" G_GUINT64_FORMAT, port);
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

/* COUNT/PERIOD; 0 and unlimited are no limit. */
static gboolean
parse_rate (const char *text,
            char      **value)
{
  static const char * const periods[] = { "second", "minute", "hour", "day", NULL };
  const char *slash = strchr (text, '/');
  g_autofree char *digits = NULL;
  g_autofree char *period = NULL;
  guint64 count;

  if (strcmp (text, "0") == 0 || g_ascii_strcasecmp (text, "unlimited") == 0)
    {
      g_free (*value);
      *value = g_strdup ("unlimited");
      return TRUE;
    }
  if (slash == NULL)
    return FALSE;

  digits = g_strstrip (g_strndup (text, slash - text));
  period = g_strstrip (g_ascii_strdown (slash + 1, -1));
  if (!parse_number (digits, 0, BELFRY_SETTING_MAX_RATE, &count) || !g_strv_contains (periods, period))
    return FALSE;

  g_free (*value);
  *value = count == 0 ? g_strdup ("unlimited") : g_strdup_printf ("%" G_GUINT64_FORMAT "/%s", count, period);
  return TRUE;
}

static gboolean
parse_networks (const char *text,
                char     ***value)
{
  g_autoptr(GArray) ranges = NULL;

  parse_list (text, value);
  ranges = belfry_address_ranges_new ((const char * const *) *value, NULL);
  return ranges != NULL;
}

static gboolean
parse_origins (const char *text,
               char     ***value)
{
  g_autoptr(BelfryCors) cors = NULL;

  parse_list (text, value);
  cors = belfry_cors_new ((const char * const *) *value, NULL);
  return cors != NULL && g_utf8_validate (text, -1, NULL);
}

/* A path is bytes, but an unprintable one is always a mistake. */
static gboolean
parse_text (const char *text,
            char      **value)
{
  g_free (*value);
  *value = g_strdup (text);
  return g_utf8_validate (text, -1, NULL);
}

/* 1 to 63 letters, digits and hyphens, of which none stands at an end; an underline is used, though no standard knows
 * it. */
static gboolean
is_host_label (const char *label)
{
  gsize length = strlen (label);

  return length >= 1 && length <= 63 && label[0] != '-' && label[length - 1] != '-'
         && strspn (label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == length;
}

/* What ends in a number would be a mistyped address. */
static gboolean
is_host_name (const char *text)
{
  g_autofree char *name = g_hostname_to_ascii (text);
  g_auto(GStrv) labels = NULL;
  guint n_labels;

  if (name == NULL)
    return FALSE;
  if (g_str_has_suffix (name, "."))
    name[strlen (name) - 1] = '\0';
  if (strlen (name) > 253)
    return FALSE;

  labels = g_strsplit (name, ".", -1);
  n_labels = g_strv_length (labels);
  for (guint i = 0; i < n_labels; i++)
    {
      if (!is_host_label (labels[i]))
        return FALSE;
    }

  return n_labels > 0 && strspn (labels[n_labels - 1], "0123456789") < strlen (labels[n_labels - 1]);
}

static gboolean
parse_host (const char *text,
            char      **value)
{
  g_autofree char *bare = NULL;
  g_autoptr(GInetAddress) address = NULL;

  if (!parse_text (text, value))
    return FALSE;

  if (text[0] == '[' && g_str_has_suffix (text, "]"))
    bare = g_strndup (text + 1, strlen (text) - 2);
  address = g_inet_address_new_from_string (bare != NULL ? bare : text);
  if (bare != NULL)
    return address != NULL && g_inet_address_get_family (address) == G_SOCKET_FAMILY_IPV6;

  return address != NULL || is_host_name (text);
}

/* What is compared is what a header carries, where nothing of this comes through as it was. */
static gboolean
parse_key (const char *text,
           char      **value)
{
  if (!parse_text (text, value))
    return FALSE;

  for (const char *place = text; *place != '\0'; place = g_utf8_next_char (place))
    {
      gunichar character = g_utf8_get_char (place);

      if (g_unichar_isspace (character) || g_unichar_iscntrl (character))
        return FALSE;
    }

  return TRUE;
}

static gboolean
parse_value (const BelfrySettingInfo *info,
             const char              *text,
             gpointer                 field)
{
  switch (info->kind)
    {
    case BELFRY_SETTING_STRING:
    case BELFRY_SETTING_FILE:
    case BELFRY_SETTING_FOLDER:
      return parse_text (text, field);
    case BELFRY_SETTING_HOST:
      return parse_host (text, field);
    case BELFRY_SETTING_KEY:
      return parse_key (text, field);
    case BELFRY_SETTING_BOOLEAN:
      return parse_boolean (text, field);
    case BELFRY_SETTING_NUMBER:
      return parse_number (text, info->minimum, info->maximum, field);
    case BELFRY_SETTING_DURATION:
      return parse_duration (info, text, field);
    case BELFRY_SETTING_PORTS:
      return parse_ports (text, field);
    case BELFRY_SETTING_LIST:
      parse_list (text, field);
      return g_utf8_validate (text, -1, NULL);
    case BELFRY_SETTING_CHOICE:
      return parse_choice (text, info->choices, field);
    case BELFRY_SETTING_RATE:
      return parse_rate (text, field);
    case BELFRY_SETTING_PORT:
      return parse_port (text, field);
    case BELFRY_SETTING_ORIGINS:
      return parse_origins (text, field);
    case BELFRY_SETTING_NETWORKS:
      return parse_networks (text, field);
    default:
      g_assert_not_reached ();
    }
}

static char *
describe_duration (const BelfrySettingInfo *info)
{
  const char *form = "a whole number with s, m, h, d or w behind it";

  if (info->maximum == 0)
    return g_strdup_printf ("%s%s", info->minimum == 0 ? "0, or " : "", form);

  return g_strdup_printf ("%s%s, from %" G_GUINT64_FORMAT "s to %" G_GUINT64_FORMAT "s",
                          info->minimum == 0 ? "0, or " : "", form, info->minimum, info->maximum);
}

char *
belfry_setting_describe_allowed (const BelfrySettingInfo *info)
{
  g_auto(GStrv) choices = NULL;

  switch (info->kind)
    {
    case BELFRY_SETTING_HOST:
      return g_strdup ("an address such as 127.0.0.1 or ::1, or a host name");
    case BELFRY_SETTING_KEY:
      return g_strdup ("text without white space and control characters");
    case BELFRY_SETTING_BOOLEAN:
      return g_strdup ("true, 1, yes, on, false, 0, no, off");
    case BELFRY_SETTING_NUMBER:
      return g_strdup_printf ("a whole number of %s from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                              info->unit, info->minimum, info->maximum);
    case BELFRY_SETTING_DURATION:
      return describe_duration (info);
    case BELFRY_SETTING_PORTS:
      return g_strdup ("1 to 64 port numbers from 0 to 65535, separated by commas");
    case BELFRY_SETTING_CHOICE:
      choices = g_strsplit (info->choices, "|", -1);
      return g_strjoinv (", ", choices);
    case BELFRY_SETTING_PORT:
      return g_strdup ("a number from 0 to 65535, or off");
    case BELFRY_SETTING_RATE:
      return g_strdup_printf ("COUNT/second, COUNT/minute, COUNT/hour or COUNT/day with a COUNT up to %u, 0, unlimited",
                              BELFRY_SETTING_MAX_RATE);
    case BELFRY_SETTING_ORIGINS:
      return g_strdup ("* or origins such as https://example.org, separated by commas");
    case BELFRY_SETTING_NETWORKS:
      return g_strdup ("addresses and networks such as 10.0.0.0/8 or fd00::/8, separated by commas");
    case BELFRY_SETTING_FILE:
      return g_strdup ("the path of a file");
    case BELFRY_SETTING_FOLDER:
      return g_strdup ("the path of a folder");
    case BELFRY_SETTING_STRING:
    case BELFRY_SETTING_LIST:
    default:
      return g_strdup ("text in UTF-8");
    }
}

/* One line, whatever the value holds. */
gboolean
belfry_setting_parse (const BelfrySettingInfo  *info,
                      const char               *text,
                      const char               *file,
                      BelfrySettings           *settings,
                      GError                  **error)
{
  g_autofree char *allowed = NULL;
  g_autofree char *shown = NULL;

  if (parse_value (info, text, (char *) settings + info->offset))
    return TRUE;

  allowed = belfry_setting_describe_allowed (info);
  shown = info->is_secret ? g_strdup ("(not shown)") : g_strescape (text, NULL);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: '%.100s'%s%s%s is not allowed; allowed: %s",
               info->name, shown, file != NULL ? " (from " : "", file != NULL ? file : "", file != NULL ? ")" : "",
               allowed);
  return FALSE;
}

static gboolean
is_list (const BelfrySettingInfo *info)
{
  return info->kind == BELFRY_SETTING_LIST || info->kind == BELFRY_SETTING_ORIGINS
         || info->kind == BELFRY_SETTING_NETWORKS;
}

static gboolean
are_ports_equal (GArray *a,
                 GArray *b)
{
  return a->len == b->len && memcmp (a->data, b->data, a->len * sizeof (guint16)) == 0;
}

gboolean
belfry_setting_is_equal (const BelfrySettingInfo *info,
                         const BelfrySettings    *a,
                         const BelfrySettings    *b)
{
  gconstpointer of_a = (const char *) a + info->offset;
  gconstpointer of_b = (const char *) b + info->offset;
  char **list_a, **list_b;

  switch (info->kind)
    {
    case BELFRY_SETTING_BOOLEAN:
      return *(const gboolean *) of_a == *(const gboolean *) of_b;
    case BELFRY_SETTING_NUMBER:
      return *(const guint64 *) of_a == *(const guint64 *) of_b;
    case BELFRY_SETTING_DURATION:
      return *(const gint64 *) of_a == *(const gint64 *) of_b;
    case BELFRY_SETTING_PORTS:
      return are_ports_equal (*(GArray * const *) of_a, *(GArray * const *) of_b);
    case BELFRY_SETTING_LIST:
    case BELFRY_SETTING_ORIGINS:
    case BELFRY_SETTING_NETWORKS:
      list_a = *(char ** const *) of_a;
      list_b = *(char ** const *) of_b;
      return list_a == NULL || list_b == NULL ? list_a == list_b
                                              : g_strv_equal ((const char * const *) list_a, (const char * const *) list_b);
    default:
      return g_strcmp0 (*(char * const *) of_a, *(char * const *) of_b) == 0;
    }
}

void
belfry_setting_clear (const BelfrySettingInfo *info,
                      BelfrySettings          *settings)
{
  gpointer field = (char *) settings + info->offset;

  if (info->kind == BELFRY_SETTING_PORTS)
    g_clear_pointer ((GArray **) field, g_array_unref);
  else if (is_list (info))
    g_clear_pointer ((char ***) field, g_strfreev);
  else if (info->kind != BELFRY_SETTING_BOOLEAN && info->kind != BELFRY_SETTING_NUMBER
           && info->kind != BELFRY_SETTING_DURATION)
    g_clear_pointer ((char **) field, g_free);
}
