/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event-store.h"
#include "belfry-receipt-private.h"

G_BEGIN_DECLS

/* Something that was refused, and is kept with the reason until somebody has seen to it. Never changed once it was made;
 * counted. */
typedef struct
{
  guint64  number;         /* ascending, never given twice; 0: not kept yet */
  gint64   received_usec;  /* 0: not kept yet */
  char    *door;           /* where it came in: "collect", "grpc", "kafka" */
  char    *reason;         /* a word of a small set, which labels figures */
  char    *field;          /* what the refusal is about; "" for all of it */
  char    *message;        /* the rule in words */
  char    *content_type;   /* of the body */
  GBytes  *body;           /* as it was received; NULL where only the size was asked for */
  guint64  size;           /* of the body */
  char    *event_id;       /* the event that it became, or NULL */
  gint64   replayed_usec;
} BelfryDeadLetter;

BelfryDeadLetter *belfry_dead_letter_new   (const char *door, const char *reason, const char *field,
                                            const char *message, const char *content_type, GBytes *body);
BelfryDeadLetter *belfry_dead_letter_ref   (BelfryDeadLetter *self);
void              belfry_dead_letter_unref (BelfryDeadLetter *self);

char             *belfry_dead_letter_format_id (guint64 number);
gboolean          belfry_dead_letter_parse_id  (const char *id, guint64 *number);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryDeadLetter, belfry_dead_letter_unref)

/* What is known of all letters. */
typedef struct
{
  guint64 n_kept;
  guint64 bytes;
  guint64 n_ever;     /* since the database was made */
  guint64 n_dropped;  /* to keep within the bounds, since the store was opened */
} BelfryDeadLetterTally;

typedef enum
{
  BELFRY_REPLAY_OPEN,      /* the log has not said anything yet */
  BELFRY_REPLAY_DONE,      /* the event was appended in place of the letter */
  BELFRY_REPLAY_REPEATED,  /* one was appended before */
  BELFRY_REPLAY_UNKNOWN,   /* there is no such letter */
} BelfryReplayOutcome;

/* What makes an event the replay of a letter, which becomes an event once. Counted; whoever asked may look at the lower
 * half when the append was answered without an error. */
typedef struct
{
  guint64             number;

  BelfryReplayOutcome outcome;
  char               *event_id;  /* owned; done, repeated */
} BelfryReplay;

BelfryReplay *belfry_replay_new   (guint64 number);
BelfryReplay *belfry_replay_ref   (BelfryReplay *self);
void          belfry_replay_unref (BelfryReplay *self);
/* The log's side: takes over the id. */
void          belfry_replay_set   (BelfryReplay *self, BelfryReplayOutcome outcome, char *event_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryReplay, belfry_replay_unref)

/* What to do in one transaction. All members but events may be NULL. */
typedef struct
{
  GPtrArray     *events;   /* of BelfryEvent; may be empty when there are letters or a receipt */
  GPtrArray     *letters;  /* of BelfryDeadLetter */
  BelfryReceipt *receipt;  /* that makes all of it happen once */
  BelfryReplay  *replay;   /* of which the only event is the result; then there are no letters and no receipt */
} BelfryConsignment;

#define BELFRY_TYPE_DEAD_LETTER_KEEPER (belfry_dead_letter_keeper_get_type ())

/* A log that keeps letters. */
G_DECLARE_INTERFACE (BelfryDeadLetterKeeper, belfry_dead_letter_keeper, BELFRY, DEAD_LETTER_KEEPER, BelfryEventStore)

struct _BelfryDeadLetterKeeperInterface
{
  GTypeInterface parent_iface;

  void              (*deliver_async) (BelfryDeadLetterKeeper *self, const BelfryConsignment *delivery,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
  void              (*list_async)    (BelfryDeadLetterKeeper *self, guint64 low, guint64 high, gboolean newest_first,
                                      const char *reason, guint limit, gsize max_bytes, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
  GPtrArray        *(*list_finish)   (BelfryDeadLetterKeeper *self, GAsyncResult *result, GError **error);
  void              (*delete_async)  (BelfryDeadLetterKeeper *self, guint64 number, GCancellable *cancellable,
                                      GAsyncReadyCallback callback, gpointer user_data);
  gboolean          (*delete_finish) (BelfryDeadLetterKeeper *self, GAsyncResult *result, GError **error);
  void              (*get_tally)     (BelfryDeadLetterKeeper *self, BelfryDeadLetterTally *tally);
};

/* Ended by belfry_event_store_append_finish(). */
void       belfry_dead_letter_keeper_deliver_async (BelfryDeadLetterKeeper *self, const BelfryConsignment *delivery,
                                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                                    gpointer user_data);
/* Letters with numbers from low through high, with their bodies; reason NULL: any. Ends early, with one letter at least,
 * when the bodies take max_bytes. */
void       belfry_dead_letter_keeper_list_async    (BelfryDeadLetterKeeper *self, guint64 low, guint64 high,
                                                    gboolean newest_first, const char *reason, guint limit,
                                                    gsize max_bytes, GCancellable *cancellable,
                                                    GAsyncReadyCallback callback, gpointer user_data);
/* Of BelfryDeadLetter. */
GPtrArray *belfry_dead_letter_keeper_list_finish   (BelfryDeadLetterKeeper *self, GAsyncResult *result, GError **error);
void       belfry_dead_letter_keeper_delete_async  (BelfryDeadLetterKeeper *self, guint64 number,
                                                    GCancellable *cancellable, GAsyncReadyCallback callback,
                                                    gpointer user_data);
/* FALSE with BELFRY_ERROR_NOT_FOUND when there is no such letter. */
gboolean   belfry_dead_letter_keeper_delete_finish (BelfryDeadLetterKeeper *self, GAsyncResult *result, GError **error);
void       belfry_dead_letter_keeper_get_tally     (BelfryDeadLetterKeeper *self, BelfryDeadLetterTally *tally);

G_END_DECLS
