/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* The writer adds a run before its commit, takes it back when the commit fails, and trims after the commit that moved
 * the merge point. So the tail holds every row that a snapshot shows above the snapshot's merge point, unless it was
 * trimmed beyond that; then the reader begins again with a new snapshot. Rows that the snapshot does not show yet
 * lie above the reader's upper bound.
 *
 * When blocks fill and cannot get their index, the oldest rows are dropped: they are in no index and not in the tail, and
 * a search goes through them one by one. */

#include "belfry-sqlite-tail-private.h"

#include <string.h>

struct _BelfrySqliteTail
{
  GMutex     lock;
  guint64    merged;  /* guarded by lock; what lies up to here counts for nothing */
  guint64    dropped; /* guarded by lock; what lies above merged and up to here is in no index either */
  guint64    end;     /* guarded by lock; of the log, as far as the writer vouches for it */
  GPtrArray *pages;   /* guarded by lock; BelfrySqliteTailPage in order of position, none of them empty */
  guint      n_rows;  /* guarded by lock; above merged */
};

static void
page_unref (gpointer data)
{
  BelfrySqliteTailPage *page = data;

  if (g_ref_count_dec (&page->ref_count))
    g_free (page);
}

static BelfrySqliteTailPage *
page_new (guint64 first)
{
  BelfrySqliteTailPage *page = g_new0 (BelfrySqliteTailPage, 1);

  g_ref_count_init (&page->ref_count);
  page->first = first;

  return page;
}

static inline guint64
get_page_first (guint64 position)
{
  return position & ~(guint64) (BELFRY_SQLITE_TAIL_PAGE - 1);
}

BelfrySqliteTail *
belfry_sqlite_tail_new (void)
{
  BelfrySqliteTail *self = g_new0 (BelfrySqliteTail, 1);

  g_mutex_init (&self->lock);
  self->end = G_MAXUINT64;
  self->pages = g_ptr_array_new_with_free_func (page_unref);

  return self;
}

void
belfry_sqlite_tail_free (BelfrySqliteTail *self)
{
  g_ptr_array_unref (self->pages);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Takes the rows of @filled, which nobody else knows. At once, because readers may be looking. */
void
belfry_sqlite_tail_replace (BelfrySqliteTail *self,
                            guint64           merged,
                            guint64           end,
                            BelfrySqliteTail *filled)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  GPtrArray *pages = self->pages;

  self->merged = merged;
  self->dropped = filled->dropped;
  self->end = end;
  self->n_rows = filled->n_rows;
  self->pages = filled->pages;
  filled->pages = pages;
}

/* Index of the first page that ends at @position or behind it. */
static guint
find_page (BelfrySqliteTail *self,
           guint64           position)
{
  guint low = 0, high = self->pages->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;
      const BelfrySqliteTailPage *page = g_ptr_array_index (self->pages, middle);

      if (page->first + BELFRY_SQLITE_TAIL_PAGE <= position)
        low = middle + 1;
      else
        high = middle;
    }

  return low;
}

static BelfrySqliteTailPage *
ensure_last_page (BelfrySqliteTail *self,
                  guint64           position)
{
  BelfrySqliteTailPage *page = NULL;

  if (self->pages->len > 0)
    page = g_ptr_array_index (self->pages, self->pages->len - 1);
  if (page == NULL || page->first != get_page_first (position))
    {
      page = page_new (get_page_first (position));
      g_ptr_array_add (self->pages, page);
    }

  return page;
}

void
belfry_sqlite_tail_append (BelfrySqliteTail            *self,
                           const BelfrySqliteTailEntry *entries,
                           guint                        n_entries)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  BelfrySqliteTailPage *page = NULL;

  for (guint i = 0; i < n_entries; i++)
    {
      if (page == NULL || entries[i].position >= page->first + BELFRY_SQLITE_TAIL_PAGE)
        page = ensure_last_page (self, entries[i].position);
      for (guint column = 0; column < BELFRY_SQLITE_N_COLUMNS; column++)
        page->keys[column][entries[i].position - page->first] = entries[i].keys[column];
    }
  self->n_rows += n_entries;
}

/* What lies at @end and above is nobody's business yet: a commit whose flush failed may show there for a while. */
void
belfry_sqlite_tail_set_end (BelfrySqliteTail *self,
                            guint64           end)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  self->end = end;
}

guint64
belfry_sqlite_tail_get_end (BelfrySqliteTail *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->end;
}

/* Lock held. */
static void
count_rows (BelfrySqliteTail *self)
{
  guint64 last_gone = MAX (self->merged, self->dropped);

  self->n_rows = 0;
  for (guint i = 0; i < self->pages->len; i++)
    {
      const BelfrySqliteTailPage *page = g_ptr_array_index (self->pages, i);
      guint first = last_gone >= page->first ? (guint) (last_gone + 1 - page->first) : 0;

      for (guint place = first; place < BELFRY_SQLITE_TAIL_PAGE; place++)
        self->n_rows += page->keys[BELFRY_SQLITE_COLUMN_TYPE][place] != 0;
    }
}

void
belfry_sqlite_tail_take_back (BelfrySqliteTail *self,
                              guint64           position)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  guint index = find_page (self, position);
  BelfrySqliteTailPage *page;
  gsize first;

  if (index == self->pages->len)
    return;

  page = g_ptr_array_index (self->pages, index);
  if (page->first < position)
    {
      first = (gsize) (position - page->first);
      for (guint column = 0; column < BELFRY_SQLITE_N_COLUMNS; column++)
        memset (page->keys[column] + first, 0, (BELFRY_SQLITE_TAIL_PAGE - first) * sizeof page->keys[column][0]);
      index++;
    }
  g_ptr_array_set_size (self->pages, (int) index);
  count_rows (self);
}

void
belfry_sqlite_tail_trim (BelfrySqliteTail *self,
                         guint64           merged)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  guint n_below = find_page (self, merged + 1);

  self->merged = MAX (self->merged, merged);
  if (self->dropped <= self->merged)
    self->dropped = 0;
  if (n_below > 0)
    g_ptr_array_remove_range (self->pages, 0, n_below);
  count_rows (self);
}

/* Forgets the rows up to @position, which have no index; 0 when there are no such rows any more. */
void
belfry_sqlite_tail_drop (BelfrySqliteTail *self,
                         guint64           position)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  guint n_below = find_page (self, position + 1);

  self->dropped = position;
  if (n_below > 0)
    g_ptr_array_remove_range (self->pages, 0, n_below);
  count_rows (self);
}

guint64
belfry_sqlite_tail_get_dropped (BelfrySqliteTail *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->dropped;
}

/* Rows. */
guint
belfry_sqlite_tail_get_size (BelfrySqliteTail *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  return self->n_rows;
}

/* A position up to which, from the merge point on, there are no rows; 0 when there are none at all. */
guint64
belfry_sqlite_tail_get_first (BelfrySqliteTail *self)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  const BelfrySqliteTailPage *page;

  if (self->pages->len == 0)
    return 0;
  page = g_ptr_array_index (self->pages, 0);

  return MAX (page->first, MAX (self->merged, self->dropped) + 1);
}

/* The page of @position, which lies above @merged, the merge point of the caller's snapshot; @page is %NULL where there are
 * no rows. %FALSE when the tail begins higher by now, or its rows were dropped. */
gboolean
belfry_sqlite_tail_ref_page (BelfrySqliteTail      *self,
                             guint64                merged,
                             guint64                position,
                             BelfrySqliteTailPage **page)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);
  guint index = find_page (self, position);

  *page = NULL;
  if (self->merged > merged || position <= self->dropped)
    return FALSE;

  if (index < self->pages->len)
    *page = g_ptr_array_index (self->pages, index);
  if (*page != NULL && (*page)->first > position)
    *page = NULL;
  if (*page != NULL)
    g_ref_count_inc (&(*page)->ref_count);

  return TRUE;
}

void
belfry_sqlite_tail_unref_page (BelfrySqliteTail     *self,
                               BelfrySqliteTailPage *page)
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  page_unref (page);
}

/* The keys of [first, first + n_positions), 0 where there is no row. For the writer, who alone changes them. */
void
belfry_sqlite_tail_copy (BelfrySqliteTail *self,
                         guint64           first,
                         guint             n_positions,
                         guint32          *const keys[BELFRY_SQLITE_N_COLUMNS])
{
  g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  for (guint column = 0; column < BELFRY_SQLITE_N_COLUMNS; column++)
    memset (keys[column], 0, n_positions * sizeof keys[column][0]);

  for (guint i = find_page (self, first); i < self->pages->len; i++)
    {
      const BelfrySqliteTailPage *page = g_ptr_array_index (self->pages, i);
      guint64 low = MAX (first, page->first), high = MIN (first + n_positions, page->first + BELFRY_SQLITE_TAIL_PAGE);

      if (low >= high)
        break;
      for (guint column = 0; column < BELFRY_SQLITE_N_COLUMNS; column++)
        memcpy (keys[column] + (low - first), page->keys[column] + (low - page->first),
                (gsize) (high - low) * sizeof keys[column][0]);
    }
}
