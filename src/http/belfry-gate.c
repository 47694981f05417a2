/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-gate-private.h"

#include <string.h>
#include <sys/socket.h>

#include "belfry-http-stream-private.h"
#include "belfry-plain-request-private.h"
#include "belfry-refusal-private.h"
#include "belfry-request-log-private.h"
#include "belfry-server-private.h"

/* A request passes three places. When its headers are there it is given its route, its key is looked at,
 * and what is too large is turned away; doors that take the connection for themselves (WebSocket,
 * Server-Sent Events) do so here. When its body is there the function of the route is called. When it is
 * answered the connection goes on to the next one.
 *
 * A plain POST to a route that allows it passes all three at once, and libsoup never sees it. Whatever about it
 * is not as it should be, libsoup gets it after all, and it goes the way of the others to its refusal. */

static const char bad_request[] = "{\"detail\": \"Bad Request\"}";

struct _BelfryGate
{
  BelfryServer     *server;      /* borrowed; owns the gate */
  SoupServer       *soup;        /* owned */
  BelfryHttpPoller *poller;      /* owned reference */
  BelfryHttpClock  *clock;       /* owned reference */
  GBytes           *lines;       /* owned; the security headers; NULL before the first connection */
  BelfryRouteTable *routes;      /* owned */
  GSocket          *far_end;     /* owned; of a socket pair on which nothing ever comes */
  GHashTable       *early;       /* owned; SoupServerMessage -> BelfryRequest (owned), between headers and body */
  GHashTable       *in_work;     /* owned; SoupServerMessage, from the body to the end of the answer */
  GHashTable       *requests;    /* owned; every BelfryRequest alive, borrowed */
  guint             n_plain;     /* requests that libsoup has not seen, to the end of their answers */
  BelfryGateTally   tally;
};

static BelfryHttpStream *
find_stream (SoupServerMessage *message)
{
  return belfry_http_stream_find (soup_server_message_get_remote_address (message));
}

/* libsoup reads a body also when it has its answer: the request was not to its own taste, so that we have
 * not even seen it. Nobody waits for the rest. */
static void
refuse_unseen (BelfryGate        *self,
               SoupServerMessage *message)
{
  guint status = soup_server_message_get_status (message);
  g_autoptr(GBytes) answer = NULL;
  g_autoptr(GIOStream) cover = NULL;
  g_autoptr(GIOStream) stream = NULL;

  belfry_cors_decorate (belfry_server_get_cors (self->server), soup_server_message_get_request_headers (message),
                        soup_server_message_get_response_headers (message));
  answer = belfry_refusal_format (message, status, belfry_status_get_phrase (status));
  cover = soup_server_message_steal_connection (message);
  stream = belfry_http_stream_unwrap (cover);
  belfry_answer_and_close (stream, answer, self->clock, belfry_server_get_stopping (self->server));
}

/* A client that comes again when others have ended finds room. */
static void
refuse_for_want_of_room (BelfryGate        *self,
                         SoupServerMessage *message,
                         BelfryRequest     *request)
{
  belfry_request_set_response_header (request, "Retry-After", "1");
  belfry_refuse_and_close (request, 503, "Too many uploads");
  g_hash_table_remove (self->early, message);
}

static void
on_body_chunk (SoupServerMessage *message,
               GBytes            *chunk,
               BelfryGate        *self)
{
  BelfryRequest *request = g_hash_table_lookup (self->early, message);

  if (request == NULL)
    {
      refuse_unseen (self, message);
      return;
    }
  if (!belfry_request_reserve_body (request, g_bytes_get_size (chunk)))
    {
      refuse_for_want_of_room (self, message, request);
      return;
    }
  if (belfry_request_append_body (request, chunk,
                                  belfry_server_get_max_body_bytes (self->server, belfry_request_get_route (request))))
    return;

  self->tally.too_large++;
  belfry_refuse_and_close (request, 413, "Request body too large");
  g_hash_table_remove (self->early, message);
}

/* What libsoup answers by itself, a request that cannot be parsed, goes out without asking us again: its
 * body lies ready from the start, and is taken away when the headers turn out to be good. */
static void
on_request_started (SoupServer        *soup,
                    SoupServerMessage *message,
                    BelfryGate        *self)
{
  BelfryHttpStream *stream = find_stream (message);

  if (stream != NULL)
    belfry_http_stream_begin_request (stream);
  soup_message_headers_append (soup_server_message_get_response_headers (message), "Content-Type",
                               "application/json");
  if (belfry_cors_varies (belfry_server_get_cors (self->server)))
    soup_message_headers_append (soup_server_message_get_response_headers (message), "Vary", "Origin");
  soup_message_body_append (soup_server_message_get_response_body (message), SOUP_MEMORY_STATIC, bad_request,
                            strlen (bad_request));
  /* One that is sent byte by byte would take a hundred times its length. */
  soup_message_body_set_accumulate (soup_server_message_get_request_body (message), FALSE);
  g_signal_connect (message, "got-chunk", G_CALLBACK (on_body_chunk), self);
}

/* A client that asked whether to send its body, and was answered by libsoup itself, may send it nevertheless. What
 * the guard lets through as a body libsoup would take for requests then. */
static void
end_unread (SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (soup_message_headers_get_expectations (headers) != 0)
    soup_message_headers_replace (headers, "Connection", "close");
}

static void
on_request_gone (SoupServer        *soup,
                 SoupServerMessage *message,
                 BelfryGate        *self)
{
  BelfryHttpStream *stream = find_stream (message);

  if (stream != NULL)
    belfry_http_stream_end_request (stream);
  g_hash_table_remove (self->early, message);
  if (g_hash_table_remove (self->in_work, message))
    belfry_server_request_done (self->server);
  else
    end_unread (message);
}

/* FALSE when the request got its answer here. */
static gboolean
check_size (BelfryGate    *self,
            BelfryRequest *request)
{
  SoupServerMessage *message = belfry_request_get_message (request);
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  SoupEncoding encoding = soup_message_headers_get_encoding (headers);
  guint64 max_bytes = belfry_server_get_max_body_bytes (self->server, belfry_request_get_route (request));

  if (encoding == SOUP_ENCODING_CONTENT_LENGTH
      && (guint64) soup_message_headers_get_content_length (headers) > max_bytes)
    {
      self->tally.too_large++;
      belfry_refuse_and_close (request, 413, "Request body too large");
      return FALSE;
    }

  return TRUE;
}

static gboolean
is_options (SoupServerMessage *message)
{
  return soup_server_message_get_method (message) == SOUP_METHOD_OPTIONS;
}

/* An answer to OPTIONS, of headers alone. Behind a 204 the library would close the connection. */
static void
respond_bare (BelfryRequest *request)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (belfry_request_get_message (request));

  if (belfry_request_has_body (request))
    {
      belfry_refuse (request, 400, "No body expected");
      return;
    }
  soup_message_headers_remove (headers, "Content-Type");
  belfry_request_respond (request, 200, NULL, NULL);
}

/* Browsers ask before they send what a page could not send without script. Such a question carries no key. */
static gboolean
answer_preflight (BelfryGate        *self,
                  BelfryRequest     *request,
                  SoupServerMessage *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);

  if (!belfry_cors_is_preflight (headers))
    return FALSE;

  belfry_cors_decorate_preflight (belfry_server_get_cors (self->server), headers,
                                  soup_server_message_get_response_headers (message));
  respond_bare (request);
  return TRUE;
}

/* "OPTIONS *" asks what there is at all. */
static gboolean
answer_for_all (BelfryRequest *request,
                const char    *path)
{
  if (strcmp (path, "*") != 0)
    return FALSE;

  belfry_request_set_response_header (request, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS");
  respond_bare (request);
  return TRUE;
}

static gboolean
find_route (BelfryGate        *self,
            BelfryRequest     *request,
            SoupServerMessage *message)
{
  g_auto(BelfryRouteMatch) match = { 0 };

  belfry_route_table_match (self->routes, soup_server_message_get_method (message),
                            g_uri_get_path (soup_server_message_get_uri (message)), &match);
  if (match.route == NULL && match.path_known)
    {
      belfry_request_set_response_header (request, "Allow", match.allow);
      if (is_options (message))
        {
          respond_bare (request);
          return FALSE;
        }
      belfry_refuse (request, 405, "Method Not Allowed");
      return FALSE;
    }
  if (match.route == NULL)
    {
      belfry_refuse (request, 404, "Not Found");
      return FALSE;
    }

  belfry_request_take_match (request, &match);
  return TRUE;
}

void
belfry_gate_refuse_by_verdict (BelfryRequest *request,
                               BelfryVerdict  verdict)
{
  if (verdict == BELFRY_VERDICT_FORBIDDEN)
    {
      belfry_refuse (request, 403, "Insufficient scope");
      return;
    }

  belfry_request_set_response_header (request, "WWW-Authenticate", "Bearer");
  belfry_refuse (request, 401, "Invalid or missing API key");
}

/* FALSE when the request got its answer here: who it comes from, and how many came from there, is looked at
 * before anything that it says. */
static gboolean
admit (BelfryGate    *self,
       BelfryRequest *request)
{
  BelfryAdmission *admission = belfry_server_get_admission (self->server);
  BelfryVerdict verdict = belfry_admission_judge (admission, request, FALSE);
  g_autofree char *retry_after = NULL;
  guint64 wait_seconds;

  if (verdict != BELFRY_VERDICT_ADMITTED)
    {
      belfry_gate_refuse_by_verdict (request, verdict);
      return FALSE;
    }
  if (belfry_admission_take (admission, request, g_get_monotonic_time (), &wait_seconds))
    return TRUE;

  belfry_admission_count_limited (admission, belfry_request_get_route (request)->rate_class);
  retry_after = g_strdup_printf ("%" G_GUINT64_FORMAT, wait_seconds);
  belfry_request_set_response_header (request, "Retry-After", retry_after);
  belfry_refuse (request, 429, "Rate limit exceeded. Try again later.");
  return FALSE;
}

static void
on_headers (SoupServer        *soup,
            SoupServerMessage *message,
            const char        *path,
            GHashTable        *query,
            gpointer           user_data)
{
  BelfryGate *self = user_data;
  g_autoptr(BelfryRequest) request = belfry_request_new (self->server, message);
  g_autoptr(GError) error = NULL;
  const BelfryRoute *route;

  self->tally.requests++;
  soup_message_body_truncate (soup_server_message_get_response_body (message));
  g_hash_table_add (self->requests, request);
  /* We serve no parts; libsoup would cut them out of an answer by itself. */
  soup_message_headers_remove (soup_server_message_get_request_headers (message), "Range");

  belfry_cors_decorate (belfry_server_get_cors (self->server), soup_server_message_get_request_headers (message),
                        soup_server_message_get_response_headers (message));
  if (is_options (message) && (answer_preflight (self, request, message) || answer_for_all (request, path)))
    return;
  if (!find_route (self, request, message))
    return;

  route = belfry_request_get_route (request);
  if (!(route->flags & BELFRY_ROUTE_EARLY) && !admit (self, request))
    return;
  if (!belfry_request_parse_query (request, &error))
    {
      belfry_refuse (request, 400, error->message);
      return;
    }
  if (!check_size (self, request))
    return;

  if (route->flags & BELFRY_ROUTE_EARLY)
    route->func (self->server, request, route->user_data);
  else
    g_hash_table_insert (self->early, message, g_steal_pointer (&request));
}

/* Behind "100 Continue" libsoup forgets the headers of the answer. */
static void
restore_headers (BelfryGate        *self,
                 SoupServerMessage *message)
{
  SoupMessageHeaders *request = soup_server_message_get_request_headers (message);
  SoupMessageHeaders *response = soup_server_message_get_response_headers (message);
  g_autoptr(GDateTime) now = NULL;
  g_autofree char *date = NULL;

  if ((soup_message_headers_get_expectations (request) & SOUP_EXPECTATION_CONTINUE) == 0)
    return;

  now = g_date_time_new_now_utc ();
  date = soup_date_time_to_string (now, SOUP_DATE_HTTP);
  soup_message_headers_replace (response, "Date", date);
  if (belfry_cors_varies (belfry_server_get_cors (self->server)))
    soup_message_headers_replace (response, "Vary", "Origin");
  belfry_cors_decorate (belfry_server_get_cors (self->server), request, response);
}

static void
on_body (SoupServer        *soup,
         SoupServerMessage *message,
         const char        *path,
         GHashTable        *query,
         gpointer           user_data)
{
  BelfryGate *self = user_data;
  g_autoptr(BelfryRequest) request = NULL;
  const BelfryRoute *route;

  if (!g_hash_table_steal_extended (self->early, message, NULL, (gpointer *) &request))
    return;

  g_hash_table_add (self->in_work, message);
  restore_headers (self, message);
  belfry_request_end_body (request);
  route = belfry_request_get_route (request);
  route->func (self->server, request, route->user_data);
  if (!belfry_request_is_answered (request))
    belfry_request_wait (request);
}

/* --- without libsoup --- */

/* NULL when it is for libsoup. */
static BelfryRequest *
read_plain (BelfryGate       *self,
            BelfryHttpStream *stream,
            const guint8     *bytes,
            gsize             length)
{
  g_autoptr(BelfryPlainRequest) plain = belfry_plain_request_new (stream, bytes, length);
  g_auto(BelfryRouteMatch) match = { 0 };
  BelfryRequest *request;

  if (plain == NULL)
    return NULL;

  belfry_route_table_match (self->routes, SOUP_METHOD_POST, belfry_plain_request_get_target (plain), &match);
  if (match.route == NULL || !(match.route->flags & BELFRY_ROUTE_PLAIN)
      || belfry_plain_request_get_body_size (plain) > belfry_server_get_max_body_bytes (self->server, match.route))
    return NULL;

  request = belfry_request_new_plain (self->server, g_steal_pointer (&plain));
  belfry_request_take_match (request, &match);
  return request;
}

/* Who may not come in is counted and told so on the other way. */
static gboolean
admit_quietly (BelfryGate    *self,
               BelfryRequest *request)
{
  BelfryAdmission *admission = belfry_server_get_admission (self->server);
  gint64 now_usec = g_get_monotonic_time ();
  guint64 wait_seconds;

  belfry_request_set_started (request, now_usec);
  return belfry_admission_look (admission, request, FALSE) == BELFRY_VERDICT_ADMITTED
         && belfry_admission_take (admission, request, now_usec, &wait_seconds);
}

static gboolean
on_whole_request (gpointer          user_data,
                  BelfryHttpStream *stream,
                  const guint8     *bytes,
                  gsize             length)
{
  BelfryGate *self = user_data;
  g_autoptr(BelfryRequest) request = NULL;
  const BelfryRoute *route;

  if (BELFRY_TELLS_REQUESTS () || belfry_server_is_stopping (self->server))
    return FALSE;
  request = read_plain (self, stream, bytes, length);
  if (request == NULL)
    return FALSE;
  if (!admit_quietly (self, request))
    {
      belfry_request_detach (request);
      return FALSE;
    }

  self->tally.requests++;
  self->tally.plain++;
  self->n_plain++;
  g_hash_table_add (self->requests, request);
  route = belfry_request_get_route (request);
  route->func (self->server, request, route->user_data);
  return TRUE;
}

static void
on_served (gpointer user_data)
{
  BelfryGate *self = user_data;

  self->n_plain--;
  belfry_server_request_done (self->server);
}

/* libsoup keeps connections alive only while it has a listener of its own. It gets one end of a socket
 * pair, on which nothing ever comes: nobody can reach that. */
static void
give_silent_listener (BelfryGate *self)
{
  g_autoptr(GSocket) silent = NULL;
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    return;

  silent = g_socket_new_from_fd (pair[0], NULL);
  self->far_end = g_socket_new_from_fd (pair[1], NULL);
  soup_server_listen_socket (self->soup, silent, 0, NULL);
}

BelfryGate *
belfry_gate_new (BelfryServer *server)
{
  BelfryGate *self = g_new0 (BelfryGate, 1);

  self->server = server;
  self->soup = soup_server_new ("raw-paths", TRUE, NULL);
  self->poller = belfry_http_poller_new ();
  self->clock = belfry_http_clock_new ();
  self->routes = belfry_route_table_new ();
  self->early = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  self->in_work = g_hash_table_new (NULL, NULL);
  self->requests = g_hash_table_new (NULL, NULL);

  soup_server_add_early_handler (self->soup, NULL, on_headers, self, NULL);
  soup_server_add_early_handler (self->soup, "*", on_headers, self, NULL);
  soup_server_add_handler (self->soup, NULL, on_body, self, NULL);
  g_signal_connect (self->soup, "request-started", G_CALLBACK (on_request_started), self);
  g_signal_connect (self->soup, "request-finished", G_CALLBACK (on_request_gone), self);
  g_signal_connect (self->soup, "request-aborted", G_CALLBACK (on_request_gone), self);
  give_silent_listener (self);
  return self;
}

/* Whoever still has a request in hand finds that its answer goes nowhere. */
static void
detach_requests (BelfryGate *self)
{
  GHashTableIter iter;
  gpointer request;

  g_hash_table_iter_init (&iter, self->requests);
  while (g_hash_table_iter_next (&iter, &request, NULL))
    belfry_request_detach (request);
}

void
belfry_gate_close (BelfryGate *self)
{
  detach_requests (self);
  g_hash_table_remove_all (self->early);
  soup_server_disconnect (self->soup);
  if (self->far_end != NULL)
    g_socket_close (self->far_end, NULL);
  g_clear_object (&self->far_end);
}

void
belfry_gate_free (BelfryGate *self)
{
  belfry_gate_close (self);
  g_signal_handlers_disconnect_by_data (self->soup, self);
  soup_server_remove_handler (self->soup, NULL);
  soup_server_remove_handler (self->soup, "*");
  g_clear_object (&self->soup);
  g_clear_pointer (&self->poller, belfry_http_poller_unref);
  g_clear_pointer (&self->clock, belfry_http_clock_unref);
  g_clear_pointer (&self->lines, g_bytes_unref);
  g_clear_pointer (&self->routes, belfry_route_table_free);
  g_clear_pointer (&self->early, g_hash_table_unref);
  g_clear_pointer (&self->in_work, g_hash_table_unref);
  g_clear_pointer (&self->requests, g_hash_table_unref);
  g_free (self);
}

static GBytes *
ensure_lines (BelfryGate *self)
{
  if (self->lines == NULL)
    self->lines = belfry_security_lines_new (belfry_server_is_over_tls (self->server), NULL);

  return self->lines;
}

void
belfry_gate_take_connection (BelfryGate     *self,
                             GIOStream      *stream,
                             GSocketAddress *local,
                             GSocketAddress *remote)
{
  g_autoptr(GIOStream) cover = belfry_http_stream_new (stream, self->poller, self->clock, ensure_lines (self),
                                                        belfry_server_get_stopping (self->server));
  g_autoptr(GError) error = NULL;

  belfry_http_stream_set_cors (BELFRY_HTTP_STREAM (cover), belfry_server_get_cors (self->server));
  belfry_http_stream_set_serve_funcs (BELFRY_HTTP_STREAM (cover), on_whole_request, on_served, self);
  belfry_http_stream_attach (BELFRY_HTTP_STREAM (cover), remote);
  if (!soup_server_accept_iostream (self->soup, cover, local, remote, &error))
    g_debug ("Could not take a connection: %s", error->message);
}

BelfryRouteTable *
belfry_gate_get_routes (BelfryGate *self)
{
  return self->routes;
}

guint
belfry_gate_get_n_in_work (BelfryGate *self)
{
  return g_hash_table_size (self->in_work) + self->n_plain;
}

void
belfry_gate_forget_request (BelfryGate    *self,
                            BelfryRequest *request)
{
  g_hash_table_remove (self->requests, request);
}

BelfryHttpClock *
belfry_gate_get_clock (BelfryGate *self)
{
  return self->clock;
}

const BelfryGateTally *
belfry_gate_get_tally (BelfryGate *self)
{
  return &self->tally;
}
