/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-server-private.h"
#include "belfry-sqlite-store.h"

/* A server on a free port of the loopback, with the whole engine and a log in a folder of its own, and the
 * other end of its connections, as bytes. */
typedef struct
{
  char                    *folder;
  BelfrySqliteStore       *store;
  BelfryEventTypeRegistry *registry;
  BelfryPipeline          *pipeline;
  BelfryServer            *server;
  guint16                  port;
} ServerWorld;

typedef struct
{
  guint    status;
  char    *head;   /* status line and headers */
  char    *body;
  gsize    length; /* of the body */
  gboolean closed; /* the server ended the connection */
} Response;

/* first_property…: of the server, as for g_object_set(). */
void      server_world_set_up    (ServerWorld *world, const char *first_property, ...) G_GNUC_NULL_TERMINATED;
void      server_world_tear_down (ServerWorld *world);

/* Adds a test with a world of its own, which @set_up_func makes. */
#define server_world_test(name, set_up_func, func) g_test_add (name, ServerWorld, NULL, set_up_func, func, server_world_end)
void      server_world_end       (ServerWorld *world, gconstpointer data);

/* A connected descriptor. */
int       server_world_connect   (ServerWorld *world);
/* Iterates the context until the condition holds; fails after some seconds. */
#define server_world_wait(condition) \
  G_STMT_START { \
    gint64 give_up = g_get_monotonic_time () + 10 * G_USEC_PER_SEC; \
    while (!(condition)) \
      { \
        g_assert_cmpint (g_get_monotonic_time (), <, give_up); \
        server_world_iterate (); \
      } \
  } G_STMT_END
void      server_world_iterate   (void);
void      server_world_send      (int fd, const char *bytes, gssize length);
/* The next response of a connection that stays, or the last one of one that ends. */
Response *server_world_receive   (int fd);
/* One request on a connection that stays. */
Response *server_world_ask       (int fd, const char *request);
/* One request on a connection of its own. */
Response *server_world_exchange  (ServerWorld *world, const char *request);
/* METHOD, path, further header lines (each with its CRLF) or NULL, body or NULL. */
Response *server_world_request   (ServerWorld *world, const char *method, const char *path, const char *headers,
                                  const char *body);
/* A number that the server tells. */
guint64   server_world_get_number (ServerWorld *world, const char *property);
void      response_free          (Response *response);
/* The value of a header, or NULL. */
char     *response_dup_header    (Response *response, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Response, response_free)
