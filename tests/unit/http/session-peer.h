/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The client's end of a connection whose other end a session takes, both in one thread: whatever waits iterates the
 * main context, and gives up after some seconds. */

typedef enum
{
  PEER_SOCKET_PAIR,
  PEER_LOOPBACK,
  PEER_TLS,
} PeerKind;

#define N_PEER_KINDS 3

typedef struct
{
  GIOStream  *stream;    /* owned; this end */
  GSocket    *socket;    /* owned */
  GByteArray *received;  /* not yet taken by an expectation */
  gboolean    has_ended; /* the other end was seen to end */
} Peer;

const char      *peer_kind_to_string  (PeerKind kind);
/* @other: the end for the session, owned by the caller. */
Peer            *peer_new             (PeerKind kind, GIOStream **other);
/* Of a stream that is connected already. */
Peer            *peer_new_for_stream  (GIOStream *stream);
void             peer_free            (Peer *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Peer, peer_free)
GTlsCertificate *peer_get_certificate (void);

/* Iterates the context until @condition holds. */
#define peer_wait_for(condition) \
  G_STMT_START { \
    gint64 peer_deadline = g_get_monotonic_time () + 20 * G_USEC_PER_SEC; \
    while (!(condition)) \
      { \
        g_assert_cmpint (g_get_monotonic_time (), <, peer_deadline); \
        peer_iterate (); \
      } \
  } G_STMT_END

/* One round of the context, which waits at most a millisecond. */
void             peer_iterate         (void);

void             peer_send            (Peer *self, const void *data, gsize length);
/* What could be sent before the other end stopped taking, at most @length. */
gsize            peer_send_some       (Peer *self, const void *data, gsize length);
void             peer_send_frame      (Peer *self, guint8 first, const void *payload, gsize length);
void             peer_send_text       (Peer *self, const char *text);
void             peer_send_close      (Peer *self, guint16 code);
void             peer_append_frame    (GByteArray *out, guint8 first, const void *payload, gsize length);

/* Reads what is there; never waits. */
void             peer_read            (Peer *self);
/* The payload of the next frame, whose first byte must be @first. */
char            *peer_expect_frame    (Peer *self, guint8 first, gsize *length);
/* The next frame must be a text. */
char            *peer_expect_text     (Peer *self);
void             peer_expect          (Peer *self, const char *text);
/* The next frame must be a close with this code and reason. */
void             peer_expect_close    (Peer *self, guint16 code, const char *reason);
void             peer_expect_end      (Peer *self);
/* Nothing waits, and nothing comes in some rounds of the context. */
void             peer_expect_silence  (Peer *self);
/* Bytes that are no frames: must begin with text, which is taken. */
void             peer_expect_bytes    (Peer *self, const char *text);
/* Everything up to and with @mark. */
char            *peer_read_through    (Peer *self, const char *mark);

G_END_DECLS
