/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-plain-request-private.h"

#include <libsoup/soup.h>
#include <string.h>

/* libsoup makes objects, closures and sources anew for each message: of the 184,000 instructions that the main thread
 * spent on a POST, 113,000 were its part. What clients send that publish is always the same, a short head and a body
 * in one piece. Such a request is recognised here, and everything else is left to libsoup: another
 * method, version or target, a header that is not on the list, or one with a value that could mean something
 * special.
 *
 * That there is one host and one length, that lines end as they should and hold no control characters: that is the
 * guard's affair, which has let the request through before it comes here. */

#define METHOD     "POST "
#define VERSION    " HTTP/1.1"
#define MAX_FIELDS 16
#define MAX_TARGET 64
#define MAX_HOST   255
#define MAX_HEAD   4096

typedef struct
{
  guint16 name;  /* where it begins in the text */
  guint16 value;
} Field;

struct _BelfryPlainRequest
{
  BelfryHttpStream   *stream;   /* owned */
  GBytes             *body;     /* owned; NULL once it was stolen */
  SoupMessageHeaders *headers;  /* owned; of the answer; NULL while it has none of its own */
  gsize               body_size;
  const char         *target;   /* within text */
  guint               n_fields;
  Field               fields[MAX_FIELDS];
  char                text[];   /* the head, with ends of strings in it */
};

typedef gboolean (*CheckFunc) (const char *value);

static gboolean
is_plain_host (const char *value)
{
  gsize name = strspn (value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
  const char *port = value + name;
  gsize digits;

  if (name == 0 || name > MAX_HOST)
    return FALSE;
  if (port[0] == '\0')
    return TRUE;

  /* One of five digits is good when it begins with less than a six: others are rare enough. */
  digits = strspn (port + 1, "0123456789");
  return port[0] == ':' && digits >= 1 && digits <= 4 + (gsize) (port[1] < '6') && port[1 + digits] == '\0';
}

static gboolean
is_keep_alive (const char *value)
{
  return g_ascii_strcasecmp (value, "keep-alive") == 0;
}

/* What may stand in a head, and with which value; NULL: with any. */
static const struct
{
  const char *name;
  CheckFunc   check;
} known_fields[] = {
  { "Host", is_plain_host },
  { "Accept", NULL },
  { "Connection", is_keep_alive },
  { "X-API-Key", NULL },
  { "User-Agent", NULL },
  { "Content-Type", NULL },
  { "Authorization", NULL },
  { "Content-Length", NULL },
  { "Accept-Encoding", NULL },
  { "Accept-Language", NULL },
  { "Sec-Fetch-Mode", NULL },
};

static gboolean
is_known (const char *name,
          gsize       length,
          const char *value)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known_fields); i++)
    {
      if (strlen (known_fields[i].name) == length && g_ascii_strcasecmp (known_fields[i].name, name) == 0)
        return known_fields[i].check == NULL || known_fields[i].check (value);
    }

  return FALSE;
}

/* line: without its end, and with the end of a string in that place. */
static gboolean
take_field (BelfryPlainRequest *self,
            char               *line,
            char               *end)
{
  char *colon = memchr (line, ':', end - line);
  char *value;

  if (colon == NULL || self->n_fields == MAX_FIELDS)
    return FALSE;

  *colon = '\0';
  value = colon + 1;
  while (*value == ' ' || *value == '\t')
    value++;
  while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
    *--end = '\0';
  self->fields[self->n_fields++] = (Field) { (guint16) (line - self->text), (guint16) (value - self->text) };

  return is_known (line, (gsize) (colon - line), value);
}

static gboolean
take_request_line (BelfryPlainRequest *self,
                   char               *end)
{
  char *target = self->text + strlen (METHOD);
  gsize length = strspn (target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_");

  if (length == 0 || length > MAX_TARGET || target[0] != '/' || strcmp (target + length, VERSION) != 0
      || target + length + strlen (VERSION) != end)
    return FALSE;

  target[length] = '\0';
  self->target = target;
  return TRUE;
}

/* text: the head with its empty line. */
static gboolean
parse (BelfryPlainRequest *self,
       gsize               length)
{
  char *line = self->text;
  char *rest_end = self->text + length - strlen ("\r\n");

  while (line < rest_end)
    {
      char *end = memchr (line, '\r', rest_end - line);

      if (end == NULL)
        return FALSE;
      *end = '\0';
      if (!(line == self->text ? take_request_line (self, end) : take_field (self, line, end)))
        return FALSE;
      line = end + strlen ("\r\n");
    }

  return TRUE;
}

/* Length of the head, with its empty line; 0 when libsoup shall look at it. */
static gsize
measure_head (const guint8 *bytes,
              gsize         length)
{
  gboolean is_ascii = TRUE;
  const guint8 *end;
  gsize head;

  if (length < strlen (METHOD) || memcmp (bytes, METHOD, strlen (METHOD)) != 0)
    return 0;
  end = memmem (bytes, MIN (length, MAX_HEAD), "\r\n\r\n", strlen ("\r\n\r\n"));
  if (end == NULL)
    return 0;

  head = (gsize) (end - bytes) + strlen ("\r\n\r\n");
  for (gsize i = 0; i < head; i++)
    is_ascii &= bytes[i] < 0x80;
  return is_ascii ? head : 0;
}

BelfryPlainRequest *
belfry_plain_request_new (BelfryHttpStream *stream,
                          const guint8     *bytes,
                          gsize             length)
{
  g_autoptr(BelfryPlainRequest) self = NULL;
  gsize head = measure_head (bytes, length);

  if (head == 0)
    return NULL;

  self = g_malloc0 (sizeof *self + head + 1);
  memcpy (self->text, bytes, head);
  if (!parse (self, head))
    return NULL;

  self->stream = g_object_ref (stream);
  self->body_size = length - head;
  self->body = g_bytes_new (bytes + head, self->body_size);
  return g_steal_pointer (&self);
}

void
belfry_plain_request_free (BelfryPlainRequest *self)
{
  g_clear_pointer (&self->headers, soup_message_headers_unref);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_clear_object (&self->stream);
  g_free (self);
}

BelfryHttpStream *
belfry_plain_request_get_stream (BelfryPlainRequest *self)
{
  return self->stream;
}

const char *
belfry_plain_request_get_target (BelfryPlainRequest *self)
{
  return self->target;
}

const char *
belfry_plain_request_get_header (BelfryPlainRequest *self,
                                 const char         *name)
{
  for (guint i = self->n_fields; i > 0; i--)
    {
      if (g_ascii_strcasecmp (self->text + self->fields[i - 1].name, name) == 0)
        return self->text + self->fields[i - 1].value;
    }

  return NULL;
}

GBytes *
belfry_plain_request_steal_body (BelfryPlainRequest *self)
{
  return g_steal_pointer (&self->body);
}

gsize
belfry_plain_request_get_body_size (BelfryPlainRequest *self)
{
  return self->body_size;
}

/* --- the answer --- */

void
belfry_plain_request_set_response_header (BelfryPlainRequest *self,
                                          const char         *name,
                                          const char         *value)
{
  if (self->headers == NULL)
    self->headers = soup_message_headers_new (SOUP_MESSAGE_HEADERS_RESPONSE);
  soup_message_headers_replace (self->headers, name, value);
}

static void
append_header (const char *name,
               const char *value,
               gpointer    user_data)
{
  GString *head = user_data;

  g_string_append (head, name);
  g_string_append_len (head, ": ", 2);
  g_string_append (head, value);
  g_string_append_len (head, "\r\n", 2);
}

void
belfry_plain_request_answer (BelfryPlainRequest *self,
                             guint               status,
                             const char         *content_type,
                             GBytes             *body,
                             gboolean            closes)
{
  g_autoptr(GString) head = g_string_sized_new (512);

  belfry_http_stream_append_head (self->stream, status, self->headers, head);
  if (content_type != NULL)
    append_header ("Content-Type", content_type, head);
  if (closes)
    append_header ("Connection", "close", head);
  g_string_append_printf (head, "Content-Length: %" G_GSIZE_FORMAT "\r\n", body != NULL ? g_bytes_get_size (body) : 0);
  /* Where libsoup puts them. */
  if (self->headers != NULL)
    soup_message_headers_foreach (self->headers, append_header, head);
  g_string_append (head, "\r\n");

  belfry_http_stream_answer (self->stream, head, body, closes);
}
