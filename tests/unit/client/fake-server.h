/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <libsoup/soup.h>

#include "belfry-client.h"

G_BEGIN_DECLS

/* A server that the test plays itself: it notes what it is asked and answers what the test has laid ready. */
typedef struct
{
  SoupServer              *server;
  BelfryClient            *client;
  char                    *url;
  GString                 *requests;    /* "GET /path?query key=…\nbody\n" each */
  GQueue                   answers;     /* owned FakeAnswer, in order */
  GPtrArray               *sockets;     /* owned SoupWebsocketConnection, in order of their coming */
  GPtrArray               *messages;    /* owned texts that came over them */
  gboolean                 refuses_sockets;
  char                    *greeting;    /* sent to each socket after its first message */
} FakeServer;

FakeServer *fake_server_new    (void);
void        fake_server_free   (FakeServer  *self);
void        fake_server_answer (FakeServer  *self,
                                guint        status,
                                const char  *body,
                                const char  *link);
void        fake_server_send   (FakeServer  *self,
                                guint        socket,
                                const char  *text);
void        fake_server_close  (FakeServer  *self,
                                guint        socket,
                                guint        code,
                                const char  *reason);

/* Iterates the default context until it holds, or fails after ten seconds. */
#define wait_for(condition) \
  G_STMT_START { \
    gint64 wait_end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC; \
    guint wait_wake = g_timeout_add (20, fake_server_wake, NULL); \
    while (!(condition) && g_get_monotonic_time () < wait_end) \
      g_main_context_iteration (NULL, TRUE); \
    g_source_remove (wait_wake); \
    g_assert_true (condition); \
  } G_STMT_END

gboolean fake_server_wake (gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeServer, fake_server_free)

G_END_DECLS
