/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-cursor.h"
#include "belfry-event-store.h"
#include "belfry-filter-index-private.h"
#include "belfry-filter-versions-private.h"
#include "belfry-mailbox-private.h"
#include "belfry-ring-private.h"
#include "belfry-subscriber-private.h"

G_BEGIN_DECLS

/* The machine inside BelfryRouter (the hub) and BelfrySubscriber (a feed). How it works stands in
 * belfry-feed.c. */

/* Ring events that one feed looks at in a turn of the loop, and all feeds together. */
#define BELFRY_FEED_TURN 1000
#define BELFRY_FEED_HUB_TURN 8000

typedef struct _BelfryFeed    BelfryFeed;
typedef struct _BelfryFeedHub BelfryFeedHub;

typedef enum
{
  BELFRY_FEED_LIVE,    /* in the index; everything up to the newest event was seen */
  BELFRY_FEED_BEHIND,  /* reads on behind position by itself */
  BELFRY_FEED_CLOSED,
} BelfryFeedState;

typedef void (*BelfryFeedReadyFunc) (BelfryFeed *feed);

struct _BelfryFeed
{
  BelfryIndexEntry  entry;        /* first member; in the index while LIVE */
  BelfryMailbox     mailbox;
  BelfryRingWaiter  waiter;       /* at the mailbox's oldest event, or an older one */
  BelfryFeedState   state;
  gboolean          owns_events;  /* the mailbox holds pages of the log, not events of the ring */
  gboolean          is_told;      /* ready was called, and pop() has not said NONE since */
  guint             woken_slot;   /* 1 + place in the hub's list of those to be told, or 0 */

  BelfryFeedHub    *hub;          /* NULL once closed */
  guint64           log_id;
  guint64           position;     /* all up to here was looked at; stale while LIVE: get_position() */
  BelfryFilterVersions versions;
  GQueue            gaps;         /* owned BelfryGap, in order; each lies before what is behind its end */
  guint64           delivered;

  GCancellable     *read;         /* the one read in flight */
  gsize             read_bytes;   /* what it may bring; counted among the hub's page_bytes */
  gsize             held_bytes;   /* what the reader took and cannot pass on; counted there too */
  GSource          *retry;        /* waits to read again after a failure */
  guint             retry_msec;   /* next delay; 0 when the last read succeeded */
  GList             queue_link;   /* in the hub's queue when data is set */

  GObject             *owner;     /* what embeds the feed; kept alive while a read is in flight */
  BelfryFeedReadyFunc  ready;
};

struct _BelfryFeedHub
{
  GObject           *owner;
  GMainContext      *context;
  BelfryEventStore  *store;
  BelfryRing         ring;
  BelfryFilterIndex  index;
  guint64            newest;             /* position that was routed last, or was there at the start */
  gsize              mailbox_max_bytes;
  gsize              pages_max_bytes;
  gsize              page_bytes;         /* pages that wait in mailboxes or are being read; what readers hold */
  GPtrArray         *woken;              /* unowned feeds to be told after this run; NULL where one closed */
  GQueue             queue;              /* feeds that go on reading in the ring in a later turn */
  GSource           *queue_source;

  guint64 deliveries;
  guint64 gaps;
  guint64 fallbacks;
  guint64 read_failures;
};

void belfry_feed_hub_init (BelfryFeedHub *self, GObject *owner, GMainContext *context,
                           BelfryEventStore *store);
/* Every feed has been closed. */
void belfry_feed_hub_clear  (BelfryFeedHub *self);
/* A run of committed events, in log order. */
void belfry_feed_hub_route  (BelfryFeedHub *self, GPtrArray *events);
void belfry_feed_hub_enqueue (BelfryFeedHub *self, BelfryFeed *feed);
void belfry_feed_hub_forget  (BelfryFeedHub *self, BelfryFeed *feed);

void belfry_feed_open (BelfryFeed *self, BelfryFeedHub *hub, GObject *owner,
                       BelfryFeedReadyFunc ready, BelfryFilter *filter, guint64 position);
/* Lets go of everything but the newest filter and the cursor. */
void               belfry_feed_close          (BelfryFeed *self);
/* After close. */
void               belfry_feed_clear          (BelfryFeed *self);
BelfryDeliveryKind belfry_feed_pop            (BelfryFeed *self, BelfryDelivery *delivery);
gboolean           belfry_feed_has_waiting    (BelfryFeed *self);
void               belfry_feed_tell           (BelfryFeed *self);
void               belfry_feed_set_filter     (BelfryFeed *self, BelfryFilter *filter);
void belfry_feed_set_filter_tagged (BelfryFeed *self, BelfryFilter *filter, gpointer tag,
                                    GDestroyNotify tag_free);
/* As belfry_subscriber_set_held(), _is_memory_scarce() and _count_encoding(). */
void               belfry_feed_set_held       (BelfryFeed *self, gsize bytes);
gboolean           belfry_feed_is_memory_scarce (BelfryFeed *self);
void               belfry_feed_count_encoding (BelfryFeed *self, BelfryEvent *event, gsize bytes);
/* Behind everything that pop() has given or passed over. */
guint64            belfry_feed_get_taken      (BelfryFeed *self);
guint64            belfry_feed_get_position   (BelfryFeed *self);

/* Between belfry-feed.c and belfry-feed-fill.c */
/* Brings more into the mailbox of a feed that is behind and runs low, looking at up to budget ring
 * events now; the rest comes in later turns. How many it looked at. */
guint belfry_feed_fill      (BelfryFeed *self, guint budget);
/* Forgets what the feed holds of the log, and what it is reading. */
void  belfry_feed_release_pages (BelfryFeed *self);
/* Adds the stretch behind from and up to to, and joins it with one that ends there. */
void  belfry_feed_push_gap  (BelfryFeed *self, guint64 from, guint64 to, guint64 lost);
/* Its oldest events have left the ring. */
void  belfry_feed_fall_back (BelfryFeed *self);
/* An event for a LIVE feed. */
void  belfry_feed_take_live (BelfryFeed *self, BelfryEvent *event, gsize size);

G_END_DECLS
