/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-security-headers-private.h"

void
belfry_security_headers_foreach (gboolean         over_tls,
                                 BelfryHeaderFunc func,
                                 gpointer         user_data)
{
  func ("X-Content-Type-Options", "nosniff", user_data);
  func ("X-Frame-Options", "DENY", user_data);
  func ("X-XSS-Protection", "1; mode=block", user_data);
  func ("Referrer-Policy", "strict-origin-when-cross-origin", user_data);
  func ("Content-Security-Policy", "default-src 'self'", user_data);
  if (over_tls)
    func ("Strict-Transport-Security", "max-age=31536000; includeSubDomains", user_data);
}

typedef struct
{
  SoupMessageHeaders *given;  /* borrowed, or NULL */
  GString            *text;   /* owned */
} SecurityLines;

static void
append_unless_given (const char *name,
                     const char *value,
                     gpointer    user_data)
{
  SecurityLines *lines = user_data;

  if (lines->given == NULL || soup_message_headers_get_one (lines->given, name) == NULL)
    g_string_append_printf (lines->text, "%s: %s\r\n", name, value);
}

GBytes *
belfry_security_lines_new (gboolean            over_tls,
                           SoupMessageHeaders *given)
{
  SecurityLines lines = { given, g_string_new (NULL) };

  belfry_security_headers_foreach (over_tls, append_unless_given, &lines);
  return g_string_free_to_bytes (lines.text);
}

typedef struct
{
  const char *name;
  gboolean    is_known;
} SecurityName;

static void
compare_name (const char *name,
              const char *value,
              gpointer    user_data)
{
  SecurityName *wanted = user_data;

  wanted->is_known |= g_ascii_strcasecmp (name, wanted->name) == 0;
}

gboolean
belfry_security_headers_contain (gboolean    over_tls,
                                 const char *name)
{
  SecurityName wanted = { name, FALSE };

  belfry_security_headers_foreach (over_tls, compare_name, &wanted);
  return wanted.is_known;
}
