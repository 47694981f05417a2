/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <grpc/grpc.h>

#include "load.h"

G_BEGIN_DECLS

/* Load by gRPC: the core of it, on one thread and one completion queue, and messages that are made once, so that the generator
 * costs as little as such a client can. */

#define LOAD_GRPC_N_MESSAGES 64

/* What the queue brings back. */
typedef struct
{
  void    (*func) (gpointer owner, gboolean is_ok);
  gpointer  owner;
} LoadGrpcTag;

typedef struct
{
  const LoadOptions     *options;
  LoadResult            *result;
  LoadPace               pace;
  gint64                 now_nsec;
  grpc_completion_queue *cq;
  grpc_channel         **channels;  /* options->connections */
  void                 **methods;   /* of the channels */
  grpc_slice             messages[LOAD_GRPC_N_MESSAGES];
  guint                  next_message;
  grpc_slice             key;       /* empty: none */
} LoadGrpc;

/* Connects all channels; method is that of the service. Messages hold so many events, or with none are one. */
gboolean          load_grpc_init         (LoadGrpc          *self,
                                          const LoadOptions *options,
                                          LoadResult        *result,
                                          const char        *method,
                                          guint              batch,
                                          GError           **error);
void              load_grpc_clear        (LoadGrpc          *self);
grpc_call        *load_grpc_create_call  (LoadGrpc          *self,
                                          guint              channel);
/* The metadata of the beginning of a call; the room is the caller's, until the call has begun. */
grpc_op           load_grpc_greet        (LoadGrpc          *self,
                                          grpc_metadata     *room);
grpc_byte_buffer *load_grpc_make_message (LoadGrpc          *self);
void              load_grpc_start        (grpc_call         *call,
                                          const grpc_op     *ops,
                                          gsize              n_ops,
                                          LoadGrpcTag       *tag);
/* Waits at most so long for something to come and hands out what is there. */
void              load_grpc_turn         (LoadGrpc          *self,
                                          gint64             until_nsec);
/* Until the pace is over and nothing is in flight, or nobody is left who could send. */
void              load_grpc_run          (LoadGrpc          *self,
                                          gboolean         (*send) (gpointer user_data),
                                          guint            (*count_in_flight) (gpointer user_data),
                                          gpointer           user_data);

/* The value of a number's field of a message; 0 when it is not there. */
guint64           load_grpc_read_number  (grpc_byte_buffer  *message,
                                          guint              field);

G_END_DECLS
