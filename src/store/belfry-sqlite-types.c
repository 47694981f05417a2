/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* Each type has a row that counts its events. An append writes the rows of the types that it brings, a deletion may
 * concern all of them, of which there can be thousands. A deletion therefore writes a few such rows itself and leaves the
 * others as they are, beside a note of what is to be taken off them, which is paid off a few rows at a time. Notes
 * that are left when the next deletion comes are written anew with what that one adds. In memory counts are always
 * right; a row holds the count and what is owed. */

#include "belfry-sqlite-types-private.h"

#define REMOVAL_BYTES_A_TYPE 12

typedef struct
{
  char     *name;  /* a GRefString */
  guint32   id;
  guint64   count;      /* as committed */
  gint64    last_usec;  /* as committed */
  guint64   pending;    /* events in the open transaction */
  gboolean  is_new;     /* its row is in the open transaction */
  guint64   removed;    /* with the open transaction, or in the last deletion */
  guint64   owed;       /* deleted and still in the count of its row; as committed */
  gint64    note;       /* which says so */
} Type;

typedef enum
{
  INSERT_TYPE,
  UPDATE_TYPE,
  INSERT_NOTE,
  DELETE_NOTE,
  DELETE_ALL_NOTES,
  N_STATEMENTS,
} Statement;

struct _BelfrySqliteTypes
{
  guint         max_rows;
  GHashTable   *types;      /* name → Type */
  GPtrArray    *touched;    /* Type that the open transaction counts */
  GPtrArray    *concerned;  /* Type that the deletion in the open transaction concerns; those that it writes come first */
  GPtrArray    *owing;      /* Type with something owed, those of one note beside each other */
  sqlite3      *db;
  sqlite3_stmt *statements[N_STATEMENTS];
};

static const char *const sources[N_STATEMENTS] = {
  [INSERT_TYPE] = "INSERT INTO event_type (name, count, last_seen) VALUES (?1, 0, 0)",
  [UPDATE_TYPE] = "UPDATE event_type SET count = ?2, last_seen = ?3 WHERE id = ?1",
  [INSERT_NOTE] = "INSERT INTO removal VALUES (?1, ?2)",
  [DELETE_NOTE] = "DELETE FROM removal WHERE id = ?1",
  [DELETE_ALL_NOTES] = "DELETE FROM removal",
};

static void
type_free (gpointer data)
{
  Type *type = data;

  g_ref_string_release (type->name);
  g_free (type);
}

static void
clear_type_change (gpointer data)
{
  g_ref_string_release (((BelfrySqliteTypeChange *) data)->name);
}

GArray *
belfry_sqlite_type_changes_new (void)
{
  GArray *changes = g_array_new (FALSE, FALSE, sizeof (BelfrySqliteTypeChange));

  g_array_set_clear_func (changes, clear_type_change);

  return changes;
}

BelfrySqliteTypes *
belfry_sqlite_types_new (guint max_rows)
{
  BelfrySqliteTypes *self = g_new0 (BelfrySqliteTypes, 1);

  self->max_rows = max_rows;
  self->types = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, type_free);
  self->touched = g_ptr_array_new ();
  self->concerned = g_ptr_array_new ();
  self->owing = g_ptr_array_new ();

  return self;
}

void
belfry_sqlite_types_free (BelfrySqliteTypes *self)
{
  belfry_sqlite_types_disconnect (self);
  g_ptr_array_unref (self->owing);
  g_ptr_array_unref (self->concerned);
  g_ptr_array_unref (self->touched);
  g_hash_table_unref (self->types);
  g_free (self);
}

void
belfry_sqlite_types_disconnect (BelfrySqliteTypes *self)
{
  for (guint i = 0; i < N_STATEMENTS; i++)
    g_clear_pointer (&self->statements[i], sqlite3_finalize);
  self->db = NULL;
}

static Type *
add_type (BelfrySqliteTypes *self,
          const char        *name,
          guint32            id)
{
  Type *type = g_new0 (Type, 1);

  type->name = g_ref_string_new (name);
  type->id = id;
  g_hash_table_insert (self->types, type->name, type);

  return type;
}

static gboolean
load_types (BelfrySqliteTypes  *self,
            GHashTable         *by_id,
            GError            **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (self->db, "SELECT id, name, count, last_seen FROM event_type", error);
  if (stmt == NULL)
    return FALSE;

  for (;;)
    {
      Type *type;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      type = add_type (self, (const char *) sqlite3_column_text (stmt, 1), (guint32) sqlite3_column_int64 (stmt, 0));
      type->count = (guint64) sqlite3_column_int64 (stmt, 2);
      type->last_usec = sqlite3_column_int64 (stmt, 3);
      g_hash_table_insert (by_id, GUINT_TO_POINTER (type->id), type);
    }
}

static gboolean
load_notes (BelfrySqliteTypes  *self,
            GHashTable         *by_id,
            GError            **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  gboolean has_row;

  stmt = belfry_sqlite_prepare (self->db, "SELECT removal.id, CAST (key AS INTEGER), value"
                                " FROM removal, json_each (counts) ORDER BY removal.id", error);
  if (stmt == NULL)
    return FALSE;

  for (;;)
    {
      guint64 owed;
      Type *type;

      if (!belfry_sqlite_next (stmt, &has_row, error))
        return FALSE;
      if (!has_row)
        return TRUE;

      type = g_hash_table_lookup (by_id, GUINT_TO_POINTER ((guint) sqlite3_column_int64 (stmt, 1)));
      owed = (guint64) sqlite3_column_int64 (stmt, 2);
      if (type == NULL || type->owed != 0 || owed == 0 || owed > type->count)
        {
          g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT, "What was deleted of a type is damaged");
          return FALSE;
        }

      type->note = sqlite3_column_int64 (stmt, 0);
      type->owed = owed;
      type->count -= owed;
      g_ptr_array_add (self->owing, type);
    }
}

gboolean
belfry_sqlite_types_connect (BelfrySqliteTypes  *self,
                             sqlite3            *db,
                             GError            **error)
{
  g_autoptr(GHashTable) by_id = g_hash_table_new (NULL, NULL);

  self->db = db;
  g_ptr_array_set_size (self->owing, 0);
  g_hash_table_remove_all (self->types);
  if (!load_types (self, by_id, error) || !load_notes (self, by_id, error))
    return FALSE;

  for (guint i = 0; i < N_STATEMENTS; i++)
    {
      self->statements[i] = belfry_sqlite_prepare (db, sources[i], error);
      if (self->statements[i] == NULL)
        return FALSE;
    }

  return TRUE;
}

void
belfry_sqlite_types_tell (BelfrySqliteTypes *self,
                          GArray            *changes)
{
  GHashTableIter iter;
  Type *type;

  g_hash_table_iter_init (&iter, self->types);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &type))
    {
      BelfrySqliteTypeChange change = { g_ref_string_acquire (type->name), type->count, 0, type->last_usec };

      g_array_append_val (changes, change);
    }
}

void
belfry_sqlite_types_tell_of (BelfrySqliteTypes *self,
                             const char        *name,
                             GArray            *changes)
{
  const Type *type = g_hash_table_lookup (self->types, name);
  BelfrySqliteTypeChange change;

  g_assert (type != NULL);
  for (guint i = 0; i < changes->len; i++)
    {
      BelfrySqliteTypeChange *known = &g_array_index (changes, BelfrySqliteTypeChange, i);

      if (known->name == type->name)
        {
          known->added++;
          return;
        }
    }

  change = (BelfrySqliteTypeChange) { g_ref_string_acquire (type->name), 1, 0, type->last_usec };
  g_array_append_val (changes, change);
}

static Type *
insert_type (BelfrySqliteTypes  *self,
             const char         *name,
             GError            **error)
{
  sqlite3_stmt *stmt = self->statements[INSERT_TYPE];
  Type *type;

  belfry_sqlite_bind_text (stmt, 1, name, -1);
  if (!belfry_sqlite_run (stmt, error))
    return NULL;

  type = add_type (self, name, (guint32) sqlite3_last_insert_rowid (self->db));
  type->is_new = TRUE;

  return type;
}

guint32
belfry_sqlite_types_count (BelfrySqliteTypes  *self,
                           const char         *name,
                           GError            **error)
{
  Type *type = g_hash_table_lookup (self->types, name);

  if (type == NULL)
    type = insert_type (self, name, error);
  if (type == NULL)
    return 0;

  if (type->pending++ == 0)
    g_ptr_array_add (self->touched, type);

  return type->id;
}

static gboolean
write_type (BelfrySqliteTypes  *self,
            const Type         *type,
            guint64             count,
            gint64              last_usec,
            GError            **error)
{
  sqlite3_stmt *stmt = self->statements[UPDATE_TYPE];

  sqlite3_bind_int64 (stmt, 1, type->id);
  sqlite3_bind_int64 (stmt, 2, (gint64) count);
  sqlite3_bind_int64 (stmt, 3, last_usec);

  return belfry_sqlite_run (stmt, error);
}

gboolean
belfry_sqlite_types_write (BelfrySqliteTypes  *self,
                           gint64              accepted_usec,
                           GError            **error)
{
  for (guint i = 0; i < self->touched->len; i++)
    {
      const Type *type = g_ptr_array_index (self->touched, i);

      if (!write_type (self, type, type->count + type->pending + type->owed, accepted_usec, error))
        return FALSE;
    }

  return TRUE;
}

void
belfry_sqlite_types_settle (BelfrySqliteTypes *self,
                            gint64             accepted_usec,
                            GArray            *changes)
{
  for (guint i = 0; i < self->touched->len; i++)
    {
      Type *type = g_ptr_array_index (self->touched, i);
      BelfrySqliteTypeChange change = { g_ref_string_acquire (type->name), type->pending, 0, accepted_usec };

      g_array_append_val (changes, change);
      type->count += type->pending;
      type->last_usec = accepted_usec;
      type->pending = 0;
      type->is_new = FALSE;
    }
  g_ptr_array_set_size (self->touched, 0);
}

static gboolean
plan_removal (BelfrySqliteTypes  *self,
              Type               *type,
              GHashTable         *counts,
              GArray             *changes,
              GError            **error)
{
  BelfrySqliteTypeChange change;

  type->removed = type->count;
  if (counts != NULL)
    type->removed = GPOINTER_TO_SIZE (g_hash_table_lookup (counts, GUINT_TO_POINTER (type->id)));
  if (type->removed > type->count)
    {
      g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT,
                   "The count of type '%s' is damaged", type->name);
      return FALSE;
    }

  if (type->removed + type->owed != 0)
    g_ptr_array_add (self->concerned, type);
  if (type->removed == 0)
    return TRUE;

  change = (BelfrySqliteTypeChange) { g_ref_string_acquire (type->name), 0, type->removed, type->last_usec };
  g_array_append_val (changes, change);

  return TRUE;
}

/* What is owed of the types from @first on, and no more than one note says. */
static gboolean
write_note (BelfrySqliteTypes  *self,
            guint               first,
            GError            **error)
{
  guint end = MIN (first + self->max_rows, self->concerned->len);
  g_autoptr(GString) text = g_string_sized_new ((gsize) (end - first) * REMOVAL_BYTES_A_TYPE);
  sqlite3_stmt *stmt = self->statements[INSERT_NOTE];

  for (guint i = first; i < end; i++)
    {
      const Type *type = g_ptr_array_index (self->concerned, i);

      g_string_append_printf (text, "%s\"%u\":%" G_GUINT64_FORMAT, i == first ? "{" : ",", type->id,
                              type->owed + type->removed);
    }
  g_string_append_c (text, '}');

  sqlite3_bind_int64 (stmt, 1, first);
  belfry_sqlite_bind_text (stmt, 2, text->str, (gssize) text->len);

  return belfry_sqlite_run (stmt, error);
}

gboolean
belfry_sqlite_types_remove (BelfrySqliteTypes  *self,
                            GHashTable         *counts,
                            GArray             *changes,
                            GError            **error)
{
  GHashTableIter iter;
  Type *type;

  g_ptr_array_set_size (self->concerned, 0);
  g_hash_table_iter_init (&iter, self->types);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &type))
    if (!plan_removal (self, type, counts, changes, error))
      return FALSE;

  if (self->owing->len > 0 && !belfry_sqlite_run (self->statements[DELETE_ALL_NOTES], error))
    return FALSE;

  for (guint i = 0; i < MIN (self->concerned->len, self->max_rows); i++)
    {
      type = g_ptr_array_index (self->concerned, i);
      if (!write_type (self, type, type->count - type->removed, type->last_usec, error))
        return FALSE;
    }
  for (guint i = self->max_rows; i < self->concerned->len; i += self->max_rows)
    if (!write_note (self, i, error))
      return FALSE;

  return TRUE;
}

void
belfry_sqlite_types_settle_removal (BelfrySqliteTypes *self)
{
  g_assert (self->max_rows > 0);

  g_ptr_array_set_size (self->owing, 0);
  for (guint i = 0; i < self->concerned->len; i++)
    {
      Type *type = g_ptr_array_index (self->concerned, i);

      type->count -= type->removed;
      type->owed = i < self->max_rows ? 0 : type->owed + type->removed;
      type->note = i - i % self->max_rows;
      if (type->owed != 0)
        g_ptr_array_add (self->owing, type);
    }
  g_ptr_array_set_size (self->concerned, 0);
}

gboolean
belfry_sqlite_types_owe (BelfrySqliteTypes *self)
{
  return self->owing->len > 0;
}

/* How many of those that owe stand in the first note. */
static guint
count_first (BelfrySqliteTypes *self)
{
  const Type *first = g_ptr_array_index (self->owing, 0);
  guint n = 1;

  while (n < self->owing->len && ((const Type *) g_ptr_array_index (self->owing, n))->note == first->note)
    n++;

  return n;
}

gboolean
belfry_sqlite_types_pay (BelfrySqliteTypes  *self,
                         GError            **error)
{
  const Type *first = g_ptr_array_index (self->owing, 0);
  sqlite3_stmt *stmt = self->statements[DELETE_NOTE];
  guint n_first = count_first (self);

  for (guint i = 0; i < n_first; i++)
    {
      const Type *type = g_ptr_array_index (self->owing, i);

      if (!write_type (self, type, type->count, type->last_usec, error))
        return FALSE;
    }
  sqlite3_bind_int64 (stmt, 1, first->note);

  return belfry_sqlite_run (stmt, error);
}

void
belfry_sqlite_types_settle_payment (BelfrySqliteTypes *self)
{
  guint n_first = count_first (self);

  for (guint i = 0; i < n_first; i++)
    ((Type *) g_ptr_array_index (self->owing, i))->owed = 0;
  g_ptr_array_remove_range (self->owing, 0, n_first);
}

void
belfry_sqlite_types_give_up (BelfrySqliteTypes *self)
{
  for (guint i = 0; i < self->touched->len; i++)
    {
      Type *type = g_ptr_array_index (self->touched, i);

      type->pending = 0;
      if (type->is_new)
        g_hash_table_remove (self->types, type->name);
    }
  g_ptr_array_set_size (self->touched, 0);
  g_ptr_array_set_size (self->concerned, 0);
}
