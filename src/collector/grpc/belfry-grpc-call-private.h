/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-grpc-queue-private.h"

G_BEGIN_DECLS

#define BELFRY_GRPC_BATCH_ID_LENGTH 36

/* What a method does at the turning points of a call; each may be NULL. All on the queue's thread. */
typedef struct
{
  gboolean is_stream;
  void (*begin)   (BelfryGrpcCall *call);
  /* A message, which the caller frees; NULL when the other end has sent all. */
  void (*receive) (BelfryGrpcCall *call, grpc_byte_buffer *message);
  /* A message has gone. */
  void (*sent)    (BelfryGrpcCall *call);
  /* A work came back; it is the method's to release. */
  void (*settle)  (BelfryGrpcCall *call, BelfryGrpcWork *work);
  /* The time that was set has come. */
  void (*tick)    (BelfryGrpcCall *call);
  /* The server drains, or serves no longer or again. */
  void (*notice)  (BelfryGrpcCall *call);
  void (*free)    (BelfryGrpcCall *call);
} BelfryGrpcMethod;

/* One call, from the wait for it to its end. It lives until gRPC and the home context have given back all that they were given. */
struct _BelfryGrpcCall
{
  BelfryGrpcQueue        *queue;      /* borrowed */
  const BelfryGrpcMethod *method;     /* NULL until it is known */
  gpointer                state;      /* the method's */

  grpc_call              *call;       /* owned; NULL while nobody has called */
  grpc_call_details       details;
  grpc_metadata_array     metadata;
  grpc_slice              reason;     /* of the status; must outlive its way out */
  grpc_byte_buffer       *received;   /* owned, while it is being read */
  int                     was_cancelled;

  BelfryGrpcTag           on_request;
  BelfryGrpcTag           on_received;
  BelfryGrpcTag           on_sent;
  BelfryGrpcTag           on_ended;
  BelfryGrpcTag           on_closed;
  guint                   n_pending;  /* tags on their way, and works that are not back */

  GList                   link;       /* in the calls of the queue */
  GList                   stalled;    /* in those that wait for room; its data is the call while it does */
  GList                   sending;    /* in those that were sent something; its data is the call until it is taken */
  gint64                  sent_usec;  /* when it was sent */
  GSequenceIter          *timer;      /* NULL while none is set */
  gint64                  due_usec;

  BelfryGrpcCaller        caller;
  char                    batch_id[BELFRY_GRPC_BATCH_ID_LENGTH + 1];

  guint                   is_open : 1;
  guint                   is_reading : 1;
  guint                   is_sending : 1;
  guint                   has_begun_answer : 1; /* the initial metadata has gone */
  guint                   is_ended : 1;         /* the status has gone */
  guint                   is_closed : 1;        /* nobody listens any longer */
};

/* Waits for somebody to call. */
void            belfry_grpc_call_expect (BelfryGrpcQueue *queue);
/* The paths of the methods. */
const BelfryGrpcMethod *belfry_grpc_call_find_method (grpc_slice path, BelfryGrpcPurpose *purpose);

gboolean        belfry_grpc_call_is_over  (BelfryGrpcCall *self);
BelfryGrpcWork *belfry_grpc_call_add_work (BelfryGrpcCall *self, gboolean needs_leave);
void            belfry_grpc_call_push     (BelfryGrpcCall *self, BelfryGrpcWork *work);
/* A work is back from home. */
void            belfry_grpc_call_settle   (BelfryGrpcCall *self, BelfryGrpcWork *work);
void            belfry_grpc_call_tick     (BelfryGrpcCall *self);
/* Ends it at once, for the other end does not take what it is sent. */
void            belfry_grpc_call_cut      (BelfryGrpcCall *self);
/* Reads the next message as soon as there is room for it. */
void            belfry_grpc_call_read     (BelfryGrpcCall *self);
/* Begins the answer without a message. Only one message is on its way at a time. */
void            belfry_grpc_call_greet    (BelfryGrpcCall *self);
/* Takes the message. With more to come soon it may wait for that. */
void            belfry_grpc_call_send     (BelfryGrpcCall *self, grpc_byte_buffer *message, gboolean has_more);
/* The end: takes the message that goes with it, if any. Nothing may be on its way. */
void            belfry_grpc_call_end      (BelfryGrpcCall *self, grpc_status_code status, const char *reason, grpc_byte_buffer *message);

/* Of the queue, for its calls. */
void            belfry_grpc_queue_add_call     (BelfryGrpcQueue *self, BelfryGrpcCall *call);
void            belfry_grpc_queue_remove_call  (BelfryGrpcQueue *self, BelfryGrpcCall *call);
void            belfry_grpc_queue_hold_back    (BelfryGrpcQueue *self, BelfryGrpcCall *call);
/* Something is on its way to the other end, which has so long to take it; it is taken. */
void            belfry_grpc_queue_begin_sending (BelfryGrpcQueue *self, BelfryGrpcCall *call);
void            belfry_grpc_queue_end_sending   (BelfryGrpcQueue *self, BelfryGrpcCall *call);
void            belfry_grpc_queue_set_timer    (BelfryGrpcQueue *self, BelfryGrpcCall *call, gint64 due_usec);
void            belfry_grpc_queue_clear_timer  (BelfryGrpcQueue *self, BelfryGrpcCall *call);

G_END_DECLS
