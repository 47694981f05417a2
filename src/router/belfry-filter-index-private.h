/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-event.h"
#include "belfry-filter.h"

G_BEGIN_DECLS

/* Which filters does an event match? Each filter stands under its most selective rule: its session,
 * else its user, else each of its event types, else under "any". An event looks only at the lists
 * of its own session, user and type and at "any", so filters for other sessions cost it nothing.
 * Entries are embedded in whoever owns the filter; adding and removing is O(1) for each list. */
typedef struct _BelfryIndexList BelfryIndexList;

typedef struct
{
  BelfryIndexList *list;
  guint            slot;  /* place in the list */
} BelfryIndexLink;

typedef struct
{
  BelfryFilter    *filter;    /* owned while in the index, NULL outside */
  gboolean         is_exact;  /* the rule that it stands under is the whole filter */
  guint            n_links;
  BelfryIndexLink  link;      /* the only one of most filters */
  BelfryIndexLink *links;     /* &link, or owned */
} BelfryIndexEntry;

typedef struct
{
  BelfryIndexEntry *entry;
  guint             link;  /* which of the entry's links */
} BelfryIndexItem;

struct _BelfryIndexList
{
  BelfryIndexItem *items;
  guint            length;
  guint            capacity;
  GHashTable      *table;  /* where the list lives under key; NULL for "any" */
  char            *key;
};

typedef struct
{
  GHashTable      *by_session;
  GHashTable      *by_user;
  GHashTable      *by_type;
  BelfryIndexList  any;
  guint64          n_looked_at;  /* entries that events had to look at since the start */
} BelfryFilterIndex;

/* May remove the entry that it is given, and no other. */
typedef void (*BelfryIndexVisitFunc) (BelfryIndexEntry *entry, gpointer user_data);

void belfry_filter_index_init   (BelfryFilterIndex *self);
void belfry_filter_index_clear  (BelfryFilterIndex *self);
void belfry_filter_index_add (BelfryFilterIndex *self, BelfryIndexEntry *entry,
                              BelfryFilter *filter);
void belfry_filter_index_remove (BelfryFilterIndex *self, BelfryIndexEntry *entry);
/* Calls func once for each entry whose filter matches event. */
void belfry_filter_index_visit (BelfryFilterIndex *self, BelfryEvent *event,
                                BelfryIndexVisitFunc func, gpointer user_data);

G_END_DECLS
