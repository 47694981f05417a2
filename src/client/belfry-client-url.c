/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-url-private.h"

#include <libsoup/soup.h>
#include <string.h>

#include "belfry-error.h"

#define PREFIX "/api/v1"

static gboolean
refuse (const char  *url,
        const char  *reason,
        GError     **error)
{
  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
               "The address '%.200s' %s", url, reason);

  return FALSE;
}

static gboolean
check_base (const char  *url,
            GUri        *uri,
            GError     **error)
{
  const char *scheme = g_uri_get_scheme (uri);
  const char *host = g_uri_get_host (uri);

  if (g_strcmp0 (scheme, "http") != 0 && g_strcmp0 (scheme, "https") != 0)
    return refuse (url, "does not begin with http:// or https://", error);
  if (host == NULL || *host == '\0')
    return refuse (url, "names no host", error);
  if (g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    return refuse (url, "has a query or a fragment", error);

  return TRUE;
}

char *
belfry_client_url_normalise (const char  *url,
                             GError     **error)
{
  g_autoptr(GUri) uri = NULL;
  g_autofree char *text = NULL;
  gsize length;

  uri = g_uri_parse (url, SOUP_HTTP_URI_FLAGS, NULL);
  if (uri == NULL)
    {
      refuse (url, "cannot be understood", error);
      return NULL;
    }

  /* It may be a password: the message does not repeat it. */
  if (g_uri_get_userinfo (uri) != NULL)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT,
                           "The address holds a user name or password; a key is given apart from it");
      return NULL;
    }

  if (!check_base (url, uri, error))
    return NULL;

  text = g_uri_to_string (uri);
  length = strlen (text);
  while (length > 0 && text[length - 1] == '/')
    text[--length] = '\0';
  if (g_str_has_suffix (text, PREFIX))
    text[length - strlen (PREFIX)] = '\0';

  return g_steal_pointer (&text);
}

char *
belfry_client_url_build (const char         *base,
                         const char         *path,
                         const char * const *parameters)
{
  g_autoptr(GString) url = g_string_new (base);

  g_string_append (url, PREFIX);
  g_string_append (url, path);

  for (guint i = 0; parameters != NULL && parameters[i] != NULL; i += 2)
    {
      g_string_append_c (url, i == 0 ? '?' : '&');
      g_string_append_uri_escaped (url, parameters[i], NULL, FALSE);
      g_string_append_c (url, '=');
      g_string_append_uri_escaped (url, parameters[i + 1], NULL, FALSE);
    }

  return g_string_free (g_steal_pointer (&url), FALSE);
}

static gboolean
is_same_server (GUri *a,
                GUri *b)
{
  return g_strcmp0 (g_uri_get_scheme (a), g_uri_get_scheme (b)) == 0
         && g_strcmp0 (g_uri_get_host (a), g_uri_get_host (b)) == 0
         && g_uri_get_port (a) == g_uri_get_port (b);
}

/* The parameters of a link, from behind its '>' on: is one of them rel=next, and where does the next link begin? */
static gboolean
link_is_next (const char  *parameters,
              const char **behind)
{
  const char *end = parameters;
  g_autofree char *text = NULL;

  while (*end != '\0' && *end != '<')
    end++;
  *behind = end;

  text = g_ascii_strdown (parameters, end - parameters);
  return strstr (text, "rel=\"next\"") != NULL || strstr (text, "rel=next") != NULL;
}

char *
belfry_client_url_find_next (const char *request_url,
                             const char *link_header)
{
  g_autoptr(GUri) request = g_uri_parse (request_url, SOUP_HTTP_URI_FLAGS, NULL);

  while (request != NULL && link_header != NULL && (link_header = strchr (link_header, '<')) != NULL)
    {
      const char *close = strchr (link_header, '>');
      const char *behind;

      if (close == NULL)
        return NULL;

      if (link_is_next (close + 1, &behind))
        {
          g_autofree char *target = g_strndup (link_header + 1, (gsize) (close - link_header - 1));
          g_autoptr(GUri) uri = g_uri_parse_relative (request, target, SOUP_HTTP_URI_FLAGS, NULL);

          return uri != NULL && is_same_server (uri, request) ? g_uri_to_string (uri) : NULL;
        }

      link_header = behind;
    }

  return NULL;
}
