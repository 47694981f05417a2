/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* An index table is filled fastest in the order of its keys. Different keys are few beside the events
 * that have them, and positions come in order by themselves: so only the different keys are sorted, and
 * the positions are then dealt out to them by counting. A million events or so are held at once, in 4
 * bytes each; more are merged into what is there. */

#include "belfry-sqlite-import-keys-private.h"

#include <string.h>

#define MAX_ROWS       (1024 * 1024)
#define MAX_TEXT_BYTES (64 * 1024 * 1024)
#define TEXT_BLOCK     (64 * 1024)
#define NO_KEY         G_MAXUINT32

/* Rows of one statement, which finds its place in the table from that of the row before. */
#define ROWS_AT_ONCE 200

struct _BelfrySqliteImportKeys
{
  sqlite3_stmt *insert;
  sqlite3_stmt *insert_many;  /* ROWS_AT_ONCE */
  GHashTable   *numbers;  /* text → its number and one */
  GPtrArray    *texts;    /* number → text; empty when keys are numbers */
  GStringChunk *chunk;    /* owns the texts */
  gsize         n_bytes;  /* of the texts */
  guint32       n_keys;   /* greatest number of a key, and one */
  GArray       *rows;     /* guint32: number of the row's key, or NO_KEY */
  guint64       first;    /* position of the first row */
};

static void
clear (BelfrySqliteImportKeys *self)
{
  g_hash_table_remove_all (self->numbers);
  g_ptr_array_set_size (self->texts, 0);
  g_string_chunk_clear (self->chunk);
  g_array_set_size (self->rows, 0);
  self->n_bytes = 0;
  self->n_keys = 0;
}

static sqlite3_stmt *
prepare_insert (sqlite3     *db,
                const char  *table,
                guint        n_rows,
                GError     **error)
{
  g_autoptr(GString) sql = g_string_new ("INSERT INTO ");

  g_string_append (sql, table);
  for (guint i = 0; i < n_rows; i++)
    g_string_append (sql, i == 0 ? " VALUES (?, ?)" : ", (?, ?)");

  return belfry_sqlite_prepare (db, sql->str, error);
}

/* @table is an index table, of keys and positions. */
BelfrySqliteImportKeys *
belfry_sqlite_import_keys_new (sqlite3     *db,
                               const char  *table,
                               GError     **error)
{
  g_autoptr(sqlite3_stmt) insert = prepare_insert (db, table, 1, error);
  g_autoptr(sqlite3_stmt) insert_many = NULL;
  BelfrySqliteImportKeys *self;

  if (insert != NULL)
    insert_many = prepare_insert (db, table, ROWS_AT_ONCE, error);
  if (insert_many == NULL)
    return NULL;

  self = g_new0 (BelfrySqliteImportKeys, 1);
  self->insert = g_steal_pointer (&insert);
  self->insert_many = g_steal_pointer (&insert_many);
  self->numbers = g_hash_table_new (g_str_hash, g_str_equal);
  self->texts = g_ptr_array_new ();
  self->chunk = g_string_chunk_new (TEXT_BLOCK);
  self->rows = g_array_new (FALSE, FALSE, sizeof (guint32));
  self->first = 1;

  return self;
}

void
belfry_sqlite_import_keys_free (BelfrySqliteImportKeys *self)
{
  sqlite3_finalize (self->insert);
  sqlite3_finalize (self->insert_many);
  g_hash_table_unref (self->numbers);
  g_ptr_array_unref (self->texts);
  g_string_chunk_free (self->chunk);
  g_array_unref (self->rows);
  g_free (self);
}

/* The key of the next event, which may be %NULL for none. */
void
belfry_sqlite_import_keys_add_text (BelfrySqliteImportKeys *self,
                                    const char             *text)
{
  guint32 number = NO_KEY;

  if (text != NULL)
    number = GPOINTER_TO_UINT (g_hash_table_lookup (self->numbers, text)) - 1;
  if (text != NULL && number == NO_KEY)
    {
      char *copy = g_string_chunk_insert (self->chunk, text);

      number = self->n_keys++;
      self->n_bytes += strlen (text);
      g_ptr_array_add (self->texts, copy);
      g_hash_table_insert (self->numbers, copy, GUINT_TO_POINTER (number + 1));
    }
  g_array_append_val (self->rows, number);
}

void
belfry_sqlite_import_keys_add_number (BelfrySqliteImportKeys *self,
                                      guint32                 number)
{
  self->n_keys = MAX (self->n_keys, number + 1);
  g_array_append_val (self->rows, number);
}

gboolean
belfry_sqlite_import_keys_is_full (BelfrySqliteImportKeys *self)
{
  return self->rows->len >= MAX_ROWS || self->n_bytes >= MAX_TEXT_BYTES;
}

static int
compare_texts (gconstpointer a,
               gconstpointer b,
               gpointer      user_data)
{
  const GPtrArray *texts = user_data;

  return strcmp (g_ptr_array_index (texts, *(const guint32 *) a), g_ptr_array_index (texts, *(const guint32 *) b));
}

/* The numbers of the keys in the order of SQLite's own comparison. */
static guint32 *
sort_keys (BelfrySqliteImportKeys *self)
{
  guint32 *order = g_new (guint32, self->n_keys);

  for (guint32 i = 0; i < self->n_keys; i++)
    order[i] = i;
  if (self->texts->len > 0)
    g_qsort_with_data (order, (int) self->n_keys, sizeof *order, compare_texts, self->texts);

  return order;
}

/* Where the rows of each key begin among all rows in the order of keys; one more tells where they end. */
static guint32 *
count_rows (const guint32 *rows,
            guint          n_rows,
            const guint32 *order,
            guint32        n_keys)
{
  guint32 *starts = g_new0 (guint32, n_keys + 1);
  guint32 start = 0;

  for (guint i = 0; i < n_rows; i++)
    if (rows[i] != NO_KEY)
      starts[rows[i]]++;
  for (guint32 i = 0; i < n_keys; i++)
    {
      guint32 n = starts[order[i]];

      starts[order[i]] = start;
      start += n;
    }
  starts[n_keys] = start;

  return starts;
}

static gboolean
insert_rows (BelfrySqliteImportKeys  *self,
             sqlite3_stmt            *stmt,
             const guint32           *sorted,
             guint                    n_rows,
             GError                 **error)
{
  const guint32 *rows = (const guint32 *) (gconstpointer) self->rows->data;

  for (guint i = 0; i < n_rows; i++)
    {
      guint32 number = rows[sorted[i]];
      int parameter = (int) i * 2 + 1;

      if (self->texts->len > 0)
        belfry_sqlite_bind_text (stmt, parameter, g_ptr_array_index (self->texts, number), -1);
      else
        sqlite3_bind_int64 (stmt, parameter, number);
      sqlite3_bind_int64 (stmt, parameter + 1, (gint64) (self->first + sorted[i]));
    }

  return belfry_sqlite_run (stmt, error);
}

/* Inserts what was gathered, in the order of the keys. */
gboolean
belfry_sqlite_import_keys_insert (BelfrySqliteImportKeys  *self,
                                  GError                 **error)
{
  const guint32 *rows = (const guint32 *) (gconstpointer) self->rows->data;
  g_autofree guint32 *order = sort_keys (self);
  g_autofree guint32 *starts = count_rows (rows, self->rows->len, order, self->n_keys);
  guint32 n_entries = starts[self->n_keys];
  g_autofree guint32 *sorted = g_new0 (guint32, n_entries);

  for (guint i = 0; i < self->rows->len; i++)
    if (rows[i] != NO_KEY)
      sorted[starts[rows[i]]++] = i;

  for (guint32 i = 0; i < n_entries;)
    {
      guint n_rows = n_entries - i >= ROWS_AT_ONCE ? ROWS_AT_ONCE : 1;

      if (!insert_rows (self, n_rows > 1 ? self->insert_many : self->insert, sorted + i, n_rows, error))
        return FALSE;
      i += n_rows;
    }

  self->first += self->rows->len;
  clear (self);

  return TRUE;
}
