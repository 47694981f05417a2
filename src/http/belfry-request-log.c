/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-request-log-private.h"

#include <string.h>

#include "belfry-request-private.h"
#include "belfry-server-private.h"

/* Requests at level debug, for whoever looks for the one that goes wrong. Bodies, keys and whom an event is about stay
 * out: of the query only what is harmless shows its value. */

/* However long a query is, its line is not. */
#define MAX_PARAMETERS 16

static gboolean
may_show_value (const char *name)
{
  static const char * const harmless[] = { "event_type", "event_types", "since", "before", "limit", "view", NULL };

  return g_strv_contains (harmless, name);
}

char *
belfry_request_log_format_query (const char *query)
{
  g_auto(GStrv) pairs = g_strsplit (query != NULL ? query : "", "&", MAX_PARAMETERS + 1);
  GString *text = g_string_new (NULL);

  for (gsize i = 0; pairs[i] != NULL && i < MAX_PARAMETERS; i++)
    {
      char *equals = strchr (pairs[i], '=');
      g_autofree char *name = g_strndup (pairs[i], equals != NULL ? (gsize) (equals - pairs[i]) : strlen (pairs[i]));

      if (name[0] == '\0')
        continue;
      g_string_append_printf (text, "%c%.50s", text->len == 0 ? '?' : '&', name);
      if (equals != NULL)
        g_string_append_printf (text, "=%.100s", may_show_value (name) ? equals + 1 : "…");
    }

  return g_string_free (text, FALSE);
}

/* As the proxies tell it, and in full. */
static char *
format_address (BelfryRequest *request)
{
  BelfryAdmission *admission = belfry_server_get_admission (belfry_request_get_server (request));
  g_autoptr(GInetAddress) shown = NULL;
  BelfryClientAddress address;

  belfry_admission_find_address (admission, request, &address);
  if (belfry_client_address_is_ipv4 (&address))
    shown = g_inet_address_new_from_bytes (address.bytes + 12, G_SOCKET_FAMILY_IPV4);
  else
    shown = g_inet_address_new_from_bytes (address.bytes, G_SOCKET_FAMILY_IPV6);
  return g_inet_address_to_string (shown);
}

void
belfry_request_log_answer (BelfryRequest *request,
                           guint          status,
                           gsize          length,
                           gint64         started_usec)
{
  SoupServerMessage *message = belfry_request_get_message (request);
  GUri *uri = message != NULL ? soup_server_message_get_uri (message) : NULL;
  g_autofree char *address = NULL;
  g_autofree char *query = NULL;
  const BelfryGrant *grant = belfry_request_get_grant (request);
  g_autofree char *status_text = g_strdup_printf ("%u", status);
  const char *method;

  /* A client that has gone gets no answer. */
  if (uri == NULL)
    return;

  method = soup_server_message_get_method (message);
  address = format_address (request);
  query = belfry_request_log_format_query (g_uri_get_query (uri));
  g_log_structured (G_LOG_DOMAIN, G_LOG_LEVEL_DEBUG,
                    "BELFRY_METHOD", method,
                    "BELFRY_STATUS", status_text,
                    "BELFRY_ADDRESS", address,
                    "BELFRY_KEY", grant != NULL ? grant->name : "",
                    "MESSAGE", "%.20s %.200s%s -> %u, %" G_GSIZE_FORMAT " bytes, %" G_GINT64_FORMAT " µs, %s%s%s",
                    method, g_uri_get_path (uri), query, status, length,
                    started_usec != 0 ? g_get_monotonic_time () - started_usec : 0, address,
                    grant != NULL ? ", key " : "", grant != NULL ? grant->name : "");
}
