/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-error-private.h"

#include <libsoup/soup.h>
#include <string.h>

#include "belfry-error.h"
#include "belfry-json-walk-private.h"

/* Longer texts of a server say nothing more to a person. */
#define MAX_MESSAGE_BYTES 1000

/* Domains are no constants in C, so the tables name them. */
typedef enum
{
  DOMAIN_BELFRY,
  DOMAIN_IO,
} ErrorDomain;

typedef struct
{
  guint       from;  /* HTTP status or close code */
  ErrorDomain domain;
  int         code;
  const char *text;  /* when the server gives none */
} ErrorRule;

static const ErrorRule status_rules[] = {
  { 400, DOMAIN_BELFRY, BELFRY_ERROR_INVALID_ARGUMENT, "Bad request" },
  { 401, DOMAIN_IO, G_IO_ERROR_PERMISSION_DENIED, "Invalid or missing API key" },
  { 403, DOMAIN_IO, G_IO_ERROR_PERMISSION_DENIED, "Not allowed" },
  { 404, DOMAIN_BELFRY, BELFRY_ERROR_NOT_FOUND, "Not found" },
  { 405, DOMAIN_IO, G_IO_ERROR_NOT_SUPPORTED, "The server does not know this request" },
  { 408, DOMAIN_IO, G_IO_ERROR_TIMED_OUT, "The server has waited too long" },
  { 409, DOMAIN_IO, G_IO_ERROR_BUSY, "The same request is still at work" },
  { 413, DOMAIN_IO, G_IO_ERROR_MESSAGE_TOO_LARGE, "Too large" },
  { 422, DOMAIN_BELFRY, BELFRY_ERROR_INVALID_EVENT, "A rule is broken" },
  { 429, DOMAIN_IO, G_IO_ERROR_BUSY, "Rate limit exceeded" },
  { 501, DOMAIN_IO, G_IO_ERROR_NOT_SUPPORTED, "The server does not know this request" },
  { 502, DOMAIN_IO, G_IO_ERROR_HOST_UNREACHABLE, "The server behind the gateway cannot be reached" },
  { 503, DOMAIN_BELFRY, BELFRY_ERROR_UNAVAILABLE, "The server is not able to answer now" },
  { 504, DOMAIN_IO, G_IO_ERROR_TIMED_OUT, "The server behind the gateway does not answer" },
};

static const ErrorRule close_rules[] = {
  { 1000, DOMAIN_IO, G_IO_ERROR_CONNECTION_CLOSED, "The server closed the connection" },
  { 1001, DOMAIN_IO, G_IO_ERROR_CONNECTION_CLOSED, "The server shuts down" },
  { 1009, DOMAIN_IO, G_IO_ERROR_MESSAGE_TOO_LARGE, "Message too large" },
  { 1013, DOMAIN_BELFRY, BELFRY_ERROR_CAPACITY, "Server at subscriber capacity" },
  { 4001, DOMAIN_IO, G_IO_ERROR_PERMISSION_DENIED, "Unauthorized" },
  { 4002, DOMAIN_BELFRY, BELFRY_ERROR_CAPACITY, "Too many connections" },
  { 4004, DOMAIN_BELFRY, BELFRY_ERROR_NOT_FOUND, "Unknown subscriber" },
  { 4009, DOMAIN_IO, G_IO_ERROR_EXISTS, "Replaced by another connection" },
};

static const struct
{
  const char *message;
  ErrorDomain domain;
  int         code;
} message_rules[] = {
  { "Invalid JSON", DOMAIN_BELFRY, BELFRY_ERROR_INVALID_JSON },
  { "Message too large", DOMAIN_IO, G_IO_ERROR_MESSAGE_TOO_LARGE },
  { "Storage unavailable", DOMAIN_BELFRY, BELFRY_ERROR_UNAVAILABLE },
  { "Too much waits", DOMAIN_BELFRY, BELFRY_ERROR_UNAVAILABLE },
  { "Unknown cursor", DOMAIN_BELFRY, BELFRY_ERROR_UNKNOWN_CURSOR },
  { "Server at subscriber capacity", DOMAIN_BELFRY, BELFRY_ERROR_CAPACITY },
};

static GQuark
domain_quark (ErrorDomain domain)
{
  return domain == DOMAIN_BELFRY ? BELFRY_ERROR : G_IO_ERROR;
}

static const ErrorRule *
find_rule (const ErrorRule *rules,
           gsize            n_rules,
           guint            from)
{
  for (gsize i = 0; i < n_rules; i++)
    if (rules[i].from == from)
      return &rules[i];

  return NULL;
}

static GError *
new_error (ErrorDomain  domain,
           int          code,
           const char  *text)
{
  g_autofree char *cut = g_strndup (text, MAX_MESSAGE_BYTES);
  g_autofree char *valid = g_utf8_make_valid (cut, -1);

  return g_error_new_literal (domain_quark (domain), code, valid);
}

/* "source: Field required" out of one item of a 422's detail; the place is an array whose last item is the field. */
static void
append_problem (GString    *text,
                const char *item)
{
  BelfryJsonSpan message = { NULL, 0 };
  BelfryJsonSpan place = { NULL, 0 };
  gsize n_places = 0;
  g_auto(GStrv) places = NULL;
  g_autofree char *sentence = NULL;
  g_autofree char *field = NULL;

  if (belfry_json_walk_find (item, strlen (item), "msg", &message))
    sentence = belfry_json_walk_decode (&message);
  if (sentence == NULL)
    return;

  if (belfry_json_walk_find (item, strlen (item), "loc", &place))
    places = belfry_json_walk_split (place.text, place.length, &n_places);
  if (n_places > 1)
    {
      BelfryJsonSpan last = { places[n_places - 1], strlen (places[n_places - 1]) };

      field = belfry_json_walk_decode (&last);
    }

  if (text->len > 0)
    g_string_append (text, "; ");
  if (field != NULL && *field != '\0' && !g_str_has_prefix (sentence, field))
    g_string_append_printf (text, "%s: ", field);
  g_string_append (text, sentence);
}

/* What the body's "detail" says, in words; NULL when it says nothing. */
static char *
read_detail (const char *body,
             gsize       length)
{
  BelfryJsonSpan detail;
  g_auto(GStrv) items = NULL;
  g_autoptr(GString) text = NULL;

  if (!g_utf8_validate (body, (gssize) length, NULL)
      || !belfry_json_walk_find (body, length, "detail", &detail))
    return NULL;

  items = belfry_json_walk_split (detail.text, detail.length, NULL);
  if (items == NULL)
    return belfry_json_walk_decode (&detail);

  text = g_string_new (NULL);
  for (gsize i = 0; items[i] != NULL; i++)
    append_problem (text, items[i]);

  return text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* Whether the one thing that is wrong with the body is that it is no JSON. */
static gboolean
tells_of_json (const char *body,
               gsize       length)
{
  BelfryJsonSpan detail;
  BelfryJsonSpan type;
  g_auto(GStrv) items = NULL;

  if (belfry_json_walk_find (body, length, "detail", &detail))
    items = belfry_json_walk_split (detail.text, detail.length, NULL);

  return items != NULL && items[0] != NULL
         && belfry_json_walk_find (items[0], strlen (items[0]), "type", &type)
         && type.length == strlen ("\"json_invalid\"")
         && memcmp (type.text, "\"json_invalid\"", type.length) == 0;
}

GError *
belfry_client_error_new_from_status (guint       status,
                                     const char *body,
                                     gsize       length)
{
  const ErrorRule *rule = find_rule (status_rules, G_N_ELEMENTS (status_rules), status);
  g_autofree char *detail = NULL;

  if (status >= 200 && status < 300)
    return NULL;

  detail = read_detail (body, length);
  if (status == 422 && tells_of_json (body, length))
    return new_error (DOMAIN_BELFRY, BELFRY_ERROR_INVALID_JSON, detail != NULL ? detail : "Invalid JSON");
  if (rule != NULL)
    return new_error (rule->domain, rule->code, detail != NULL ? detail : rule->text);

  return g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "The server answered with status %u", status);
}

GError *
belfry_client_error_new_from_message (const char *message)
{
  for (gsize i = 0; i < G_N_ELEMENTS (message_rules); i++)
    if (strcmp (message_rules[i].message, message) == 0)
      return new_error (message_rules[i].domain, message_rules[i].code, message);

  return new_error (DOMAIN_BELFRY, BELFRY_ERROR_INVALID_EVENT, message);
}

GError *
belfry_client_error_new_from_close (guint         code,
                                    const char   *reason,
                                    const GError *status)
{
  const ErrorRule *rule = find_rule (close_rules, G_N_ELEMENTS (close_rules), code);
  gboolean has_reason = reason != NULL && *reason != '\0';

  if (status != NULL)
    return g_error_copy (status);
  if (rule != NULL)
    return new_error (rule->domain, rule->code, has_reason ? reason : rule->text);
  if (code == SOUP_WEBSOCKET_CLOSE_POLICY_VIOLATION)
    return new_error (DOMAIN_IO, G_IO_ERROR_CLOSED, has_reason ? reason : "The server refused the connection");

  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "The connection broke");
}

GError *
belfry_client_error_translate (GError *error)
{
  g_autoptr(GError) own = error;
  int code = G_IO_ERROR_FAILED;

  if (own->domain == SOUP_WEBSOCKET_ERROR)
    code = G_IO_ERROR_CONNECTION_CLOSED;
  else if (own->domain == SOUP_SESSION_ERROR)
    code = own->code == SOUP_SESSION_ERROR_PARSING || own->code == SOUP_SESSION_ERROR_ENCODING
           ? G_IO_ERROR_INVALID_DATA
           : G_IO_ERROR_FAILED;
  else
    return g_steal_pointer (&own);

  return g_error_new_literal (G_IO_ERROR, code, own->message);
}

gboolean
belfry_client_error_is_passing (const GError *error)
{
  static const int belfry_lasting[] = {
    BELFRY_ERROR_INVALID_JSON,
    BELFRY_ERROR_INVALID_EVENT,
    BELFRY_ERROR_INVALID_ARGUMENT,
    BELFRY_ERROR_UNKNOWN_CURSOR,
    BELFRY_ERROR_NOT_FOUND,
  };
  static const int io_lasting[] = {
    G_IO_ERROR_CANCELLED,
    G_IO_ERROR_CLOSED,
    G_IO_ERROR_EXISTS,
    G_IO_ERROR_INVALID_ARGUMENT,
    G_IO_ERROR_MESSAGE_TOO_LARGE,
    G_IO_ERROR_NOT_SUPPORTED,
    G_IO_ERROR_PERMISSION_DENIED,
  };

  if (error->domain == G_TLS_ERROR && error->code == G_TLS_ERROR_BAD_CERTIFICATE)
    return FALSE;

  for (gsize i = 0; i < G_N_ELEMENTS (belfry_lasting); i++)
    if (g_error_matches (error, BELFRY_ERROR, belfry_lasting[i]))
      return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (io_lasting); i++)
    if (g_error_matches (error, G_IO_ERROR, io_lasting[i]))
      return FALSE;

  return TRUE;
}
