/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-request.h"

#include <string.h>

#include "belfry-http-stream-private.h"
#include "belfry-request-log-private.h"
#include "belfry-refusal-private.h"
#include "belfry-request-private.h"
#include "belfry-server-private.h"

/**
 * BelfryRequest:
 *
 * One HTTP request on its way to an answer.
 *
 * A [class@Server] makes it and hands it to the function of the route that its path names, once the
 * body is there. Whoever has it answers it once, at once or later, on the home context of the server;
 * keeping a reference is all it takes to answer later. A request whose last reference goes without an
 * answer is answered with 500.
 *
 * Since: 0.1
 */

struct _BelfryRequest
{
  GObject parent_instance;

  BelfryServer      *server;   /* owned */
  SoupServerMessage *message;  /* owned; NULL once the connection is gone, or when libsoup has not seen it */
  BelfryPlainRequest *plain;   /* owned; NULL: libsoup has read it, or the connection is gone */
  BelfryQueryString *query;    /* owned; NULL before it was parsed */
  GBytes            *body;     /* owned; NULL when there is none, or it lies in pieces */
  GByteArray        *pieces;   /* owned; what has come of a body in more than one piece, or NULL */
  char              *path;     /* owned */
  char              *path_param;  /* owned */
  BelfryRoute       *route;    /* owned reference; NULL before it was found */
  BelfryGrant       *grant;    /* owned reference; NULL: it came without a valid key */
  gint64             started_usec;  /* monotonic */
  gsize              reserved_bytes;  /* of the body, in the server's quota */
  gboolean           answered;
  gboolean           waiting;  /* the message is paused */
};

G_DEFINE_FINAL_TYPE (BelfryRequest, belfry_request, G_TYPE_OBJECT)

BelfryRequest *
belfry_request_new (BelfryServer      *server,
                    SoupServerMessage *message)
{
  BelfryRequest *self = g_object_new (BELFRY_TYPE_REQUEST, NULL);

  self->server = g_object_ref (server);
  self->message = g_object_ref (message);
  self->started_usec = g_get_monotonic_time ();
  return self;
}

BelfryRequest *
belfry_request_new_plain (BelfryServer       *server,
                          BelfryPlainRequest *plain)
{
  BelfryRequest *self = g_object_new (BELFRY_TYPE_REQUEST, NULL);

  self->server = g_object_ref (server);
  self->plain = plain;
  self->body = belfry_plain_request_steal_body (plain);
  self->query = belfry_query_string_parse (NULL, 0, NULL);
  return self;
}

/* Somebody waits for the answer. */
static gboolean
has_client (BelfryRequest *self)
{
  return self->message != NULL || self->plain != NULL;
}

static void
belfry_request_dispose (GObject *object)
{
  BelfryRequest *self = BELFRY_REQUEST (object);

  if (!self->answered && has_client (self))
    belfry_request_respond_detail (self, 500, "Internal Server Error");
  if (self->server != NULL)
    {
      belfry_upload_quota_give_back (belfry_server_get_uploads (self->server), self->reserved_bytes);
      self->reserved_bytes = 0;
      belfry_server_forget_request (self->server, self);
    }

  g_clear_pointer (&self->plain, belfry_plain_request_free);
  g_clear_object (&self->message);
  g_clear_object (&self->server);

  G_OBJECT_CLASS (belfry_request_parent_class)->dispose (object);
}

static void
belfry_request_finalize (GObject *object)
{
  BelfryRequest *self = BELFRY_REQUEST (object);

  g_clear_pointer (&self->query, belfry_query_string_free);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_clear_pointer (&self->pieces, g_byte_array_unref);
  g_clear_pointer (&self->route, belfry_route_unref);
  g_clear_pointer (&self->grant, belfry_grant_unref);
  g_free (self->path);
  g_free (self->path_param);

  G_OBJECT_CLASS (belfry_request_parent_class)->finalize (object);
}

static void
belfry_request_class_init (BelfryRequestClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = belfry_request_dispose;
  object_class->finalize = belfry_request_finalize;
}

static void
belfry_request_init (BelfryRequest *self)
{
}

void
belfry_request_take_match (BelfryRequest    *self,
                           BelfryRouteMatch *match)
{
  self->path = g_steal_pointer (&match->path);
  self->path_param = g_steal_pointer (&match->path_param);
  self->route = g_steal_pointer (&match->route);
}

const BelfryRoute *
belfry_request_get_route (BelfryRequest *self)
{
  return self->route;
}

BelfryServer *
belfry_request_get_server (BelfryRequest *self)
{
  return self->server;
}

SoupServerMessage *
belfry_request_get_message (BelfryRequest *self)
{
  return self->message;
}

gboolean
belfry_request_get_address (BelfryRequest       *self,
                            BelfryClientAddress *address)
{
  if (self->plain != NULL)
    return belfry_http_stream_get_address (belfry_plain_request_get_stream (self->plain), address);

  return belfry_client_address_init (address,
                                     self->message != NULL ? soup_server_message_get_remote_address (self->message)
                                                           : NULL);
}

gboolean
belfry_request_is_answered (BelfryRequest *self)
{
  return self->answered;
}

void
belfry_request_set_started (BelfryRequest *self,
                            gint64         usec)
{
  self->started_usec = usec;
}

/* An upgrade, a stream: how long it takes is not the service's affair. */
void
belfry_request_leave_answer (BelfryRequest *self)
{
  self->answered = TRUE;
  belfry_server_count_answer (self->server, self->route, SOUP_STATUS_SWITCHING_PROTOCOLS);
}

void
belfry_request_count_stream (BelfryRequest *self)
{
  belfry_server_count_answer (self->server, self->route, SOUP_STATUS_OK);
}

void
belfry_request_wait (BelfryRequest *self)
{
  g_assert (!self->answered && self->message != NULL);

  self->waiting = TRUE;
  soup_server_message_pause (self->message);
}

void
belfry_request_detach (BelfryRequest *self)
{
  self->waiting = FALSE;
  g_clear_pointer (&self->plain, belfry_plain_request_free);
  g_clear_object (&self->message);
}

gboolean
belfry_request_parse_query (BelfryRequest  *self,
                            GError        **error)
{
  self->query = belfry_query_string_parse (g_uri_get_query (soup_server_message_get_uri (self->message)), -1, error);
  if (self->query != NULL)
    return TRUE;

  /* Too much or too broken to say which parameter it was. */
  self->query = belfry_query_string_parse (NULL, 0, NULL);
  return FALSE;
}

BelfryQueryString *
belfry_request_peek_query (BelfryRequest *self)
{
  return self->query;
}

gboolean
belfry_request_has_body (BelfryRequest *self)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (self->message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);

  return encoding == SOUP_ENCODING_CHUNKED
         || (encoding == SOUP_ENCODING_CONTENT_LENGTH && soup_message_headers_get_content_length (headers) > 0);
}

gboolean
belfry_request_reserve_body (BelfryRequest *self,
                             gsize          bytes)
{
  if (!belfry_upload_quota_take (belfry_server_get_uploads (self->server), self->reserved_bytes, bytes))
    return FALSE;

  self->reserved_bytes += bytes;
  return TRUE;
}

/* A body that comes in one piece is not copied; of others no piece is kept, however small they are. */
gboolean
belfry_request_append_body (BelfryRequest *self,
                            GBytes        *piece,
                            guint64        max_bytes)
{
  gsize size = g_bytes_get_size (piece);
  gsize so_far = self->pieces != NULL ? self->pieces->len : self->body != NULL ? g_bytes_get_size (self->body) : 0;

  if (so_far + size > max_bytes)
    return FALSE;

  if (self->body == NULL && self->pieces == NULL)
    {
      self->body = g_bytes_ref (piece);
      return TRUE;
    }
  if (self->pieces == NULL)
    {
      self->pieces = g_byte_array_new ();
      g_byte_array_append (self->pieces, g_bytes_get_data (self->body, NULL), so_far);
      g_clear_pointer (&self->body, g_bytes_unref);
    }
  g_byte_array_append (self->pieces, g_bytes_get_data (piece, NULL), size);
  return TRUE;
}

void
belfry_request_end_body (BelfryRequest *self)
{
  gsize length;
  guint8 *bytes;

  if (self->pieces == NULL)
    return;

  /* The array has grown by doubling. */
  bytes = g_byte_array_steal (self->pieces, &length);
  g_clear_pointer (&self->pieces, g_byte_array_unref);
  self->body = g_bytes_new_take (g_realloc (bytes, length), length);
}

void
belfry_request_set_grant (BelfryRequest *self,
                          BelfryGrant   *grant)
{
  g_clear_pointer (&self->grant, belfry_grant_unref);
  self->grant = belfry_grant_ref (grant);
}

BelfryGrant *
belfry_request_get_grant (BelfryRequest *self)
{
  return self->grant;
}

/**
 * belfry_request_get_method:
 * @self: a request
 *
 * Gets the method, such as `POST`.
 *
 * Returns: the method, as it was sent
 *
 * Since: 0.1
 */
const char *
belfry_request_get_method (BelfryRequest *self)
{
  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);

  if (self->message != NULL)
    return soup_server_message_get_method (self->message);

  return self->plain != NULL ? SOUP_METHOD_POST : "";
}

/**
 * belfry_request_get_path:
 * @self: a request
 *
 * Gets the path, decoded and without the prefix `/api/v1`.
 *
 * Returns: the path
 *
 * Since: 0.1
 */
const char *
belfry_request_get_path (BelfryRequest *self)
{
  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);

  return self->path;
}

/**
 * belfry_request_get_path_param:
 * @self: a request
 *
 * Gets what stands in the path for the `{name}` of the route's pattern, decoded.
 *
 * Returns: (nullable): the segment, or %NULL when the pattern has no such place
 *
 * Since: 0.1
 */
const char *
belfry_request_get_path_param (BelfryRequest *self)
{
  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);

  return self->path_param;
}

/**
 * belfry_request_get_query:
 * @self: a request
 * @name: name of a query parameter
 *
 * Gets the value of a query parameter, decoded; the last one when it was given more than once.
 *
 * Returns: (nullable): the value, or %NULL when there is none
 *
 * Since: 0.1
 */
const char *
belfry_request_get_query (BelfryRequest *self,
                          const char    *name)
{
  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return belfry_query_string_get (self->query, name);
}

/**
 * belfry_request_list_query_names:
 * @self: a request
 *
 * Lists the names of all query parameters, in order, repeated ones once.
 *
 * Returns: (transfer full): the names
 *
 * Since: 0.1
 */
char **
belfry_request_list_query_names (BelfryRequest *self)
{
  g_autoptr(GPtrArray) names = NULL;
  g_autoptr(GHashTable) seen = NULL;

  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);

  names = g_ptr_array_new ();
  seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < belfry_query_string_get_size (self->query); i++)
    {
      const char *name = belfry_query_string_peek_name (self->query, i);

      if (g_hash_table_add (seen, (gpointer) name))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_add (names, NULL);

  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/**
 * belfry_request_list_query:
 * @self: a request
 * @name: name of a query parameter
 *
 * Lists all values of a query parameter, decoded, in order.
 *
 * Returns: (transfer full): the values
 *
 * Since: 0.1
 */
char **
belfry_request_list_query (BelfryRequest *self,
                           const char    *name)
{
  g_autoptr(GStrvBuilder) values = NULL;

  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  values = g_strv_builder_new ();
  for (guint i = 0; i < belfry_query_string_get_size (self->query); i++)
    {
      if (strcmp (belfry_query_string_peek_name (self->query, i), name) == 0)
        g_strv_builder_add (values, belfry_query_string_peek_value (self->query, i));
    }

  return g_strv_builder_end (values);
}

/**
 * belfry_request_get_header:
 * @self: a request
 * @name: name of a header, in any case
 *
 * Gets the value of a header; of one that was sent more than once, the last.
 *
 * Returns: (nullable): the value, or %NULL when it was not sent
 *
 * Since: 0.1
 */
const char *
belfry_request_get_header (BelfryRequest *self,
                           const char    *name)
{
  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);
  g_return_val_if_fail (name != NULL, NULL);

  if (self->plain != NULL)
    return belfry_plain_request_get_header (self->plain, name);
  if (self->message == NULL)
    return NULL;

  return soup_message_headers_get_one (soup_server_message_get_request_headers (self->message), name);
}

/**
 * belfry_request_get_body:
 * @self: a request
 *
 * Gets the body.
 *
 * Returns: (transfer none): the body, empty when there was none
 *
 * Since: 0.1
 */
GBytes *
belfry_request_get_body (BelfryRequest *self)
{
  g_return_val_if_fail (BELFRY_IS_REQUEST (self), NULL);

  if (self->body == NULL)
    self->body = g_bytes_new_static ("", 0);

  return self->body;
}

/* A route that sets a header of those that every response has means its own instead. */
static void
leave_out_line (BelfryRequest *self,
                const char    *name)
{
  BelfryHttpStream *stream = belfry_http_stream_find (soup_server_message_get_remote_address (self->message));
  gboolean over_tls = belfry_server_is_over_tls (self->server);
  g_autoptr(GBytes) lines = NULL;

  if (stream == NULL || !belfry_security_headers_contain (over_tls, name))
    return;

  lines = belfry_security_lines_new (over_tls, soup_server_message_get_response_headers (self->message));
  belfry_http_stream_replace_lines (stream, lines);
}

/**
 * belfry_request_set_response_header:
 * @self: a request that was not answered yet
 * @name: name of a header
 * @value: its value
 *
 * Sets a header of the answer, in place of one of the same name.
 *
 * Since: 0.1
 */
void
belfry_request_set_response_header (BelfryRequest *self,
                                    const char    *name,
                                    const char    *value)
{
  g_return_if_fail (BELFRY_IS_REQUEST (self));
  g_return_if_fail (name != NULL && value != NULL);

  if (self->plain != NULL)
    belfry_plain_request_set_response_header (self->plain, name, value);
  if (self->message == NULL)
    return;

  soup_message_headers_replace (soup_server_message_get_response_headers (self->message), name, value);
  leave_out_line (self, name);
}

static void
append_body (BelfryRequest *self,
             GBytes        *body)
{
  BelfryHttpStream *stream = belfry_http_stream_find (soup_server_message_get_remote_address (self->message));

  soup_message_body_append_bytes (soup_server_message_get_response_body (self->message), body);
  if (stream != NULL && soup_server_message_get_method (self->message) != SOUP_METHOD_HEAD)
    belfry_http_stream_expect_body (stream);
}

/**
 * belfry_request_respond:
 * @self: a request that was not answered yet
 * @status: an HTTP status from 200 on
 * @content_type: (nullable): what @body is
 * @body: (nullable) (transfer none): the body; the answer keeps a reference
 *
 * Answers the request. To a client that has gone away meanwhile this does nothing.
 *
 * Since: 0.1
 */
void
belfry_request_respond (BelfryRequest *self,
                        guint          status,
                        const char    *content_type,
                        GBytes        *body)
{
  SoupMessageHeaders *headers;

  g_return_if_fail (BELFRY_IS_REQUEST (self));
  g_return_if_fail (status >= 200 && status < 600);
  g_return_if_fail (!self->answered);

  self->answered = TRUE;
  belfry_server_count_answer (self->server, self->route, status);
  belfry_server_observe_answer (self->server, self->started_usec);
  if (self->plain != NULL)
    belfry_plain_request_answer (self->plain, status, content_type, body, belfry_server_is_stopping (self->server));
  if (self->message == NULL)
    return;

  if (BELFRY_TELLS_REQUESTS ())
    belfry_request_log_answer (self, status, body != NULL ? g_bytes_get_size (body) : 0, self->started_usec);
  headers = soup_server_message_get_response_headers (self->message);
  /* NULL is the library's own phrase. */
  soup_server_message_set_status (self->message, status, status < 426 ? NULL : belfry_status_get_phrase (status));
  if (content_type != NULL)
    soup_message_headers_replace (headers, "Content-Type", content_type);
  if (body != NULL && g_bytes_get_size (body) > 0)
    append_body (self, body);
  if (belfry_server_is_stopping (self->server))
    soup_message_headers_replace (headers, "Connection", "close");

  if (self->waiting)
    {
      self->waiting = FALSE;
      /* Pausing again drops the source that libsoup waits with. Without it the message goes on as soon as it
       * may, and not a turn of the main loop later. */
      soup_server_message_pause (self->message);
      soup_server_message_unpause (self->message);
    }
}

/**
 * belfry_request_respond_json:
 * @self: a request that was not answered yet
 * @status: an HTTP status
 * @json: JSON text
 *
 * Answers the request with JSON.
 *
 * Since: 0.1
 */
void
belfry_request_respond_json (BelfryRequest *self,
                             guint          status,
                             const char    *json)
{
  g_autoptr(GBytes) body = NULL;

  g_return_if_fail (BELFRY_IS_REQUEST (self));
  g_return_if_fail (json != NULL);

  body = g_bytes_new (json, strlen (json));
  belfry_request_respond (self, status, "application/json", body);
}

/**
 * belfry_request_respond_detail:
 * @self: a request that was not answered yet
 * @status: an HTTP status
 * @detail: what to tell the client
 *
 * Answers the request with `{"detail": …}`.
 *
 * Since: 0.1
 */
void
belfry_request_respond_detail (BelfryRequest *self,
                               guint          status,
                               const char    *detail)
{
  g_autoptr(GString) json = NULL;

  g_return_if_fail (BELFRY_IS_REQUEST (self));
  g_return_if_fail (detail != NULL);

  json = g_string_new ("{\"detail\": ");
  belfry_json_append_string (json, detail);
  g_string_append_c (json, '}');
  belfry_request_respond_json (self, status, json->str);
}

GBytes *
belfry_request_format_refusal (BelfryRequest *self,
                               guint          status,
                               const char    *detail)
{
  if (BELFRY_TELLS_REQUESTS ())
    belfry_request_log_answer (self, status, strlen ("{\"detail\": \"\"}") + strlen (detail), self->started_usec);
  belfry_server_count_answer (self->server, self->route, status);
  belfry_server_observe_answer (self->server, self->started_usec);
  return belfry_refusal_format (self->message, status, detail);
}

GIOStream *
belfry_request_steal_connection (BelfryRequest *self)
{
  g_autoptr(SoupServerMessage) message = g_steal_pointer (&self->message);
  g_autoptr(GIOStream) stream = NULL;

  g_assert (message != NULL && !self->waiting);

  self->answered = TRUE;
  stream = soup_server_message_steal_connection (message);
  return belfry_http_stream_unwrap (stream);
}
