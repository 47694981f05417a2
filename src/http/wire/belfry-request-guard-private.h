/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Follows the requests on one connection, byte by byte if need be, before the HTTP library sees them, and
 * lets through only what every reader understands in the same way. */

#define BELFRY_GUARD_MAX_HEAD_BYTES       65536  /* request line and empty line included */
#define BELFRY_GUARD_MAX_HEAD_LINES       128
#define BELFRY_GUARD_MAX_TRAILER_BYTES    8192
#define BELFRY_GUARD_MAX_CHUNK_LINE_BYTES 120    /* size and extensions */
#define BELFRY_GUARD_FREE_CHUNKS          1024   /* of a body, whatever their length; and one more for each */
#define BELFRY_GUARD_MIN_CHUNK_BYTES      4      /* of these that it has */
#define BELFRY_GUARD_MAX_ORIGIN_BYTES     300    /* a longer one is nobody's */

typedef enum
{
  BELFRY_GUARD_REQUEST_LINE,
  BELFRY_GUARD_HEADERS,
  BELFRY_GUARD_BODY,
  BELFRY_GUARD_CHUNK_SIZE,
  BELFRY_GUARD_CHUNK,
  BELFRY_GUARD_CHUNK_END,
  BELFRY_GUARD_TRAILERS,
  BELFRY_GUARD_HELD,         /* a request that wants to leave HTTP was let through; nothing more until it has its answer */
} BelfryGuardState;

typedef struct
{
  BelfryGuardState state;
  guint            status;      /* 0, or what the request that is next is refused with; then nothing goes through */
  guint            flags;       /* what the head has told so far */
  guint            n_lines;     /* of the head */
  gsize            n_bytes;     /* of the head or of the trailers; begun lines included */
  guint64          body_left;   /* bytes, of the body or of the chunk */
  guint64          n_chunks;    /* of the body so far */
  guint64          n_content;   /* bytes in them, the one at hand included */
  guint64          n_ended;     /* requests whose end has been let through */
  GByteArray      *line;        /* owned; what is kept of a line whose end has not come, or NULL */
  gsize            n_begun;     /* bytes of that line so far */
  char            *origin;      /* owned; of the request at hand or of one before, or NULL */
} BelfryRequestGuard;

void     belfry_request_guard_clear  (BelfryRequestGuard *self);
/* Gives how many bytes may go on; they lie at the beginning of data then. What is left out is of no meaning,
 * or begins at *consumed and is to be given again once the guard holds no more. */
gsize    belfry_request_guard_feed   (BelfryRequestGuard *self, guint8 *data, gsize length, gsize *consumed);
/* The request that wanted to leave has its answer, and is a request like others. */
void     belfry_request_guard_resume (BelfryRequestGuard *self);
/* Between two requests, with nothing of the next. */
gboolean belfry_request_guard_rests  (const BelfryRequestGuard *self);
gboolean belfry_request_guard_is_in_head (const BelfryRequestGuard *self);
/* What is known of the request at hand, for whoever refuses it. */
gboolean    belfry_request_guard_is_head_method (const BelfryRequestGuard *self);
const char *belfry_request_guard_get_origin     (const BelfryRequestGuard *self);

G_END_DECLS
