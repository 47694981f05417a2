/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-cors-private.h"

#include <string.h>

#define ALLOWED_METHODS "GET, POST, PUT, DELETE"
#define ALLOWED_HEADERS "Content-Type, X-API-Key, Authorization, Idempotency-Key, Last-Event-ID"
#define EXPOSED_HEADERS "Link, Retry-After"
#define MAX_AGE_SECONDS "600"

struct _BelfryCors
{
  gboolean is_any;   /* "*" */
  char   **origins;  /* owned; normalised */
};

/* Host and port in lower case, without the port that is the scheme's own. length: of the authority alone. */
static char *
normalise_authority (const char *scheme,
                     gsize       scheme_length,
                     const char *authority,
                     gsize       length)
{
  static const struct { const char *scheme, *port; } defaults[] = {
    { "http", ":80" }, { "https", ":443" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (defaults); i++)
    {
      gsize port_length = strlen (defaults[i].port);

      if (strlen (defaults[i].scheme) == scheme_length
          && g_ascii_strncasecmp (defaults[i].scheme, scheme, scheme_length) == 0 && length > port_length
          && strncmp (authority + length - port_length, defaults[i].port, port_length) == 0)
        length -= port_length;
    }

  return g_ascii_strdown (authority, (gssize) length);
}

/* "HTTPS://Example.org:443" -> "https://example.org"; NULL when it is no origin. */
static char *
normalise_origin (const char *origin)
{
  const char *separator = strstr (origin, "://");
  g_autofree char *authority = NULL;
  g_autofree char *scheme = NULL;
  const char *start;
  gsize length;

  if (strcmp (origin, "null") == 0)
    return g_strdup (origin);
  if (separator == NULL || separator == origin)
    return NULL;

  start = separator + strlen ("://");
  length = strcspn (start, "/?#@ \t\"\\");
  if (length == 0 || start[length] != '\0')
    return NULL;

  scheme = g_ascii_strdown (origin, separator - origin);
  authority = normalise_authority (origin, (gsize) (separator - origin), start, length);
  return g_strconcat (scheme, "://", authority, NULL);
}

static gboolean
add_origin (BelfryCors    *self,
            GStrvBuilder  *origins,
            const char    *text,
            GError       **error)
{
  gsize length = strlen (text);
  /* People write the address of the page, with the slash that browsers show. */
  g_autofree char *trimmed = g_strndup (text, length > 0 && text[length - 1] == '/' ? length - 1 : length);
  g_autofree char *normal = NULL;
  g_autofree char *shown = NULL;

  if (strcmp (text, "*") == 0)
    {
      self->is_any = TRUE;
      return TRUE;
    }

  normal = normalise_origin (trimmed);
  if (normal != NULL)
    {
      g_strv_builder_add (origins, normal);
      return TRUE;
    }

  shown = g_strescape (text, NULL);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "'%.100s' is not allowed; allowed: * or origins such as https://example.org, separated by commas",
               shown);
  return FALSE;
}

BelfryCors *
belfry_cors_new (const char * const  *origins,
                 GError             **error)
{
  g_autoptr(BelfryCors) self = g_rc_box_new0 (BelfryCors);
  g_autoptr(GStrvBuilder) list = g_strv_builder_new ();

  for (gsize i = 0; origins != NULL && origins[i] != NULL; i++)
    {
      if (!add_origin (self, list, origins[i], error))
        return NULL;
    }

  self->origins = g_strv_builder_end (list);
  return g_steal_pointer (&self);
}

BelfryCors *
belfry_cors_ref (BelfryCors *self)
{
  return g_rc_box_acquire (self);
}

static void
clear_cors (gpointer data)
{
  g_strfreev (((BelfryCors *) data)->origins);
}

void
belfry_cors_unref (BelfryCors *self)
{
  g_rc_box_release_full (self, clear_cors);
}

void
belfry_cors_take_origins (BelfryCors *self,
                          BelfryCors *other)
{
  self->is_any = other->is_any;
  g_strfreev (self->origins);
  self->origins = g_steal_pointer (&other->origins);
}

const char *
belfry_cors_find_allowed (const BelfryCors *self,
                          const char       *origin)
{
  g_autofree char *normal = NULL;

  if (origin == NULL)
    return NULL;
  if (self->is_any)
    return "*";

  normal = normalise_origin (origin);
  return normal != NULL && g_strv_contains ((const char * const *) self->origins, normal) ? origin : NULL;
}

/* Host does not tell the scheme; that of the origin decides which port goes without saying. */
static gboolean
is_same_host (const char *origin,
              const char *host)
{
  const char *separator = strstr (origin, "://");
  g_autofree char *normal = normalise_origin (origin);
  g_autofree char *own = NULL;

  if (separator == NULL || normal == NULL)
    return FALSE;

  own = normalise_authority (origin, (gsize) (separator - origin), host, strlen (host));
  return strcmp (strstr (normal, "://") + strlen ("://"), own) == 0;
}

gboolean
belfry_cors_admits_socket (const BelfryCors *self,
                           const char       *origin,
                           const char       *host)
{
  return origin == NULL || belfry_cors_find_allowed (self, origin) != NULL
         || (host != NULL && is_same_host (origin, host));
}

gboolean
belfry_cors_varies (const BelfryCors *self)
{
  return !self->is_any;
}

void
belfry_cors_decorate (const BelfryCors   *self,
                      SoupMessageHeaders *request,
                      SoupMessageHeaders *response)
{
  const char *allowed = belfry_cors_find_allowed (self, soup_message_headers_get_one (request, "Origin"));

  if (allowed == NULL)
    return;

  soup_message_headers_replace (response, "Access-Control-Allow-Origin", allowed);
  soup_message_headers_replace (response, "Access-Control-Expose-Headers", EXPOSED_HEADERS);
}

void
belfry_cors_append_lines (const BelfryCors *self,
                          const char       *origin,
                          GString          *head)
{
  const char *allowed = belfry_cors_find_allowed (self, origin);

  if (belfry_cors_varies (self))
    g_string_append (head, "Vary: Origin\r\n");
  if (allowed != NULL)
    g_string_append_printf (head, "Access-Control-Allow-Origin: %s\r\n"
                            "Access-Control-Expose-Headers: " EXPOSED_HEADERS "\r\n", allowed);
}

gboolean
belfry_cors_is_preflight (SoupMessageHeaders *request)
{
  return soup_message_headers_get_one (request, "Origin") != NULL
         && soup_message_headers_get_one (request, "Access-Control-Request-Method") != NULL;
}

void
belfry_cors_decorate_preflight (const BelfryCors   *self,
                                SoupMessageHeaders *request,
                                SoupMessageHeaders *response)
{
  if (belfry_cors_find_allowed (self, soup_message_headers_get_one (request, "Origin")) == NULL)
    return;

  soup_message_headers_replace (response, "Access-Control-Allow-Methods", ALLOWED_METHODS);
  soup_message_headers_replace (response, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
  soup_message_headers_replace (response, "Access-Control-Max-Age", MAX_AGE_SECONDS);
}
