/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* A new log filled from rows of another database. The file is nobody's yet: it is written without journal
 * and flushes in one transaction. Each block gets its index as soon as it is full; the last, unfinished one is the tail. */

#include "belfry-sqlite-import-target-private.h"

#include <string.h>

#include "belfry-event-type-registry-private.h"
#include "belfry-json-scanner-private.h"

#define SOURCE_MAX 100  /* characters */
#define TIER_MAX   200  /* characters */

enum
{
  INNER_USER_TIER,
  INNER_AMOUNT,
  N_INNER,
};

/* What an event's payload gives to its row. */
typedef struct
{
  const char *text;
  gsize       length;
  char       *owned;      /* the text, when it had to be made */
  char       *user_tier;  /* owned; or NULL */
  gboolean    has_amount;
  double      amount;
} Payload;

typedef struct
{
  gint64  id;
  guint64 count;
  gint64  last_usec;
} Type;

struct _BelfrySqliteImportTarget
{
  sqlite3          *db;
  sqlite3_stmt     *insert_event;
  sqlite3_stmt     *insert_id;
  sqlite3_stmt     *insert_chunk;
  BelfrySqliteBlocks blocks;
  guint32          *keys[BELFRY_SQLITE_N_COLUMNS];  /* of the block that is being filled */
  BelfryEventIdKey  id_key;
  guint8            origin;
  guint64           next_position;
  gint64            newest_usec;
  GHashTable       *types;      /* name → Type */
  GArray           *taken;      /* guint64: positions that stand for imported ids */
  char             *type_name;  /* of the row before, which is most often that of this one */
  Type             *type;
  BelfryJsonValue   root;       /* payload of the row that was judged last; ABSENT when it has none */
};

void
belfry_sqlite_import_target_close (BelfrySqliteImportTarget *self)
{
  g_clear_pointer (&self->insert_event, sqlite3_finalize);
  g_clear_pointer (&self->insert_id, sqlite3_finalize);
  g_clear_pointer (&self->insert_chunk, sqlite3_finalize);
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    g_free (self->keys[i]);
  g_clear_pointer (&self->db, sqlite3_close);
  g_hash_table_unref (self->types);
  g_array_unref (self->taken);
  g_free (self);
}

static gboolean
begin (BelfrySqliteImportTarget  *self,
       GError                   **error)
{
  BelfrySqliteState state;

  if (!belfry_sqlite_execute (self->db,
                              "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                              "PRAGMA cache_size = -65536; PRAGMA threads = 2; BEGIN; DROP INDEX imported_id", error) ||
      !belfry_sqlite_schema_load_state (self->db, &state, error) ||
      !belfry_sqlite_schema_load_indexing (self->db, &state, error))
    return FALSE;

  belfry_event_id_key_init (&self->id_key, state.secret);
  belfry_sqlite_blocks_init (&self->blocks, state.block_bits, state.secret);
  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    self->keys[i] = g_new0 (guint32, belfry_sqlite_blocks_get_size (&self->blocks));
  self->origin = state.origin;
  self->insert_event = belfry_sqlite_prepare (self->db, "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, NULL)",
                                              error);
  if (self->insert_event != NULL)
    self->insert_id = belfry_sqlite_prepare (self->db, "INSERT INTO imported VALUES (?1, ?2)", error);
  if (self->insert_id != NULL)
    self->insert_chunk = belfry_sqlite_prepare (self->db, "INSERT INTO chunk VALUES (?1, ?2)", error);

  return self->insert_chunk != NULL;
}

/* @path holds an empty log. */
BelfrySqliteImportTarget *
belfry_sqlite_import_target_open (const char  *path,
                                  GError     **error)
{
  g_autoptr(BelfrySqliteImportTarget) self = g_new0 (BelfrySqliteImportTarget, 1);

  self->types = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->taken = g_array_new (FALSE, FALSE, sizeof (guint64));
  self->next_position = 1;
  if (sqlite3_open_v2 (path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
    {
      belfry_sqlite_set_error (self->db, error);
      return NULL;
    }

  return begin (self, error) ? g_steal_pointer (&self) : NULL;
}

sqlite3 *
belfry_sqlite_import_target_get_db (BelfrySqliteImportTarget *self)
{
  return self->db;
}

static gboolean
has_only (const char *text,
          gssize      length,
          gssize      max_length,
          const char *marks,
          gboolean    has_upper)
{
  if (text == NULL || length < 1 || length > max_length)
    return FALSE;

  for (gssize i = 0; i < length; i++)
    if (!g_ascii_islower (text[i]) && !g_ascii_isdigit (text[i]) && !(has_upper && g_ascii_isupper (text[i])) &&
        (text[i] == '\0' || strchr (marks, text[i]) == NULL))
      return FALSE;

  return TRUE;
}

static gboolean
is_text_or_null (const char *text,
                 gssize      length)
{
  return text == NULL || g_utf8_validate_len (text, (gsize) length, NULL);
}

static gboolean
scan_payload (BelfrySqliteImportTarget *self,
              const char               *text,
              gsize                     length)
{
  self->root.type = BELFRY_JSON_ABSENT;

  return length == 0 ||
         (belfry_json_scan (text, length, NULL, &self->root) &&
          (self->root.type == BELFRY_JSON_OBJECT || self->root.type == BELFRY_JSON_NULL));
}

/* No URL has a part "." or "..": they would be ids that nobody can ask for. */
static gboolean
has_id (const BelfrySqliteImportRow *row)
{
  const char *id = row->texts[BELFRY_SQLITE_IMPORT_ID];

  return has_only (id, row->lengths[BELFRY_SQLITE_IMPORT_ID], BELFRY_SQLITE_IMPORTED_ID_MAX, "_.:~@+=-", TRUE) &&
         strcmp (id, ".") != 0 && strcmp (id, "..") != 0;
}

/* Bounds of today do not apply to history; only what no event can hold is left. */
BelfrySqliteImportVerdict
belfry_sqlite_import_target_judge (BelfrySqliteImportTarget     *self,
                                   const BelfrySqliteImportRow  *row,
                                   const char                  **reason)
{
  const char *const *texts = row->texts;
  const gssize *lengths = row->lengths;

  *reason = NULL;
  if (!has_only (texts[BELFRY_SQLITE_IMPORT_TYPE], lengths[BELFRY_SQLITE_IMPORT_TYPE],
                 BELFRY_EVENT_TYPE_NAME_MAX, "_.-", FALSE))
    *reason = "event_type is no name of a type";
  else if (!has_only (texts[BELFRY_SQLITE_IMPORT_SOURCE], lengths[BELFRY_SQLITE_IMPORT_SOURCE],
                      SOURCE_MAX, "_.-", TRUE))
    *reason = "source is no name of a source";
  else if (!is_text_or_null (texts[BELFRY_SQLITE_IMPORT_SESSION], lengths[BELFRY_SQLITE_IMPORT_SESSION]))
    *reason = "session_id is no text";
  else if (!is_text_or_null (texts[BELFRY_SQLITE_IMPORT_USER], lengths[BELFRY_SQLITE_IMPORT_USER]))
    *reason = "user_id is no text";
  else if (!scan_payload (self, texts[BELFRY_SQLITE_IMPORT_PAYLOAD],
                          (gsize) lengths[BELFRY_SQLITE_IMPORT_PAYLOAD]))
    *reason = "payload is no JSON object";
  if (*reason != NULL)
    return BELFRY_SQLITE_IMPORT_LEFT;

  return has_id (row) ? BELFRY_SQLITE_IMPORT_KEPT : BELFRY_SQLITE_IMPORT_NEEDS_ID;
}

/* The id that the next position stands for under @origin; @id has room for BELFRY_EVENT_ID_LENGTH + 1. */
void
belfry_sqlite_import_target_make_id (BelfrySqliteImportTarget *self,
                                     guint8                    origin,
                                     char                     *id)
{
  belfry_event_id_write (&self->id_key, origin, self->next_position, id);
}

static Type *
ensure_type (BelfrySqliteImportTarget *self,
             const char               *name)
{
  Type *type;

  if (self->type != NULL && strcmp (self->type_name, name) == 0)
    return self->type;

  type = g_hash_table_lookup (self->types, name);
  if (type == NULL)
    {
      type = g_new0 (Type, 1);
      type->id = (gint64) g_hash_table_size (self->types) + 1;
      g_hash_table_insert (self->types, g_strdup (name), type);
    }
  g_hash_table_lookup_extended (self->types, name, (gpointer *) &self->type_name, (gpointer *) &self->type);

  return type;
}

static void
clear_payload (Payload *payload)
{
  g_free (payload->owned);
  g_free (payload->user_tier);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Payload, clear_payload)

static gboolean
may_have_inner (const Payload *payload)
{
  return memmem (payload->text, payload->length, "\"user_tier\"", 11) != NULL ||
         memmem (payload->text, payload->length, "\"amount\"", 8) != NULL ||
         memchr (payload->text, '\\', payload->length) != NULL;
}

static void
read_inner (Payload *payload)
{
  static const BelfryJsonName names[N_INNER] = { BELFRY_JSON_NAME ("user_tier"), BELFRY_JSON_NAME ("amount") };
  BelfryJsonValue values[N_INNER];
  const BelfryJsonWanted wanted = { .names = names, .n_names = N_INNER, .values = values };
  BelfryJsonValue root;

  belfry_json_scan (payload->text, payload->length, &wanted, &root);
  payload->user_tier = belfry_json_value_dup_string (&values[INNER_USER_TIER]);
  if (payload->user_tier != NULL && g_utf8_strlen (payload->user_tier, -1) > TIER_MAX)
    g_clear_pointer (&payload->user_tier, g_free);
  payload->has_amount = values[INNER_AMOUNT].type == BELFRY_JSON_NUMBER;
  if (payload->has_amount)
    payload->amount = belfry_json_value_to_double (&values[INNER_AMOUNT]);
}

/* As the validator does with a payload that comes in. */
static void
read_payload (const BelfryJsonValue *root,
              Payload               *payload)
{
  guint n_members;

  *payload = (Payload) { .text = "{}", .length = 2 };
  if (root->type != BELFRY_JSON_OBJECT)
    return;

  payload->text = root->text;
  payload->length = root->length;
  if (root->may_repeat)
    {
      GString *compact = belfry_json_compact (root->text, root->length, &n_members);

      payload->length = compact->len;
      payload->text = payload->owned = g_string_free (compact, FALSE);
    }
  else if (root->has_space)
    {
      payload->owned = g_malloc (root->length);
      payload->length = belfry_json_strip (root->text, root->length, payload->owned);
      payload->text = payload->owned;
    }

  if (may_have_inner (payload))
    read_inner (payload);
}

static void
bind_column (sqlite3_stmt                *stmt,
             int                          parameter,
             const BelfrySqliteImportRow *row,
             BelfrySqliteImportColumn     column)
{
  belfry_sqlite_bind_text (stmt, parameter, row->texts[column], row->lengths[column]);
}

static gboolean
add_event (BelfrySqliteImportTarget     *self,
           const BelfrySqliteImportRow  *row,
           gint64                        type,
           const Payload                *payload,
           GError                      **error)
{
  sqlite3_stmt *stmt = self->insert_event;

  sqlite3_bind_int64 (stmt, 1, (gint64) self->next_position);
  sqlite3_bind_int64 (stmt, 2, row->usec);
  sqlite3_bind_int64 (stmt, 3, type);
  bind_column (stmt, 4, row, BELFRY_SQLITE_IMPORT_SOURCE);
  bind_column (stmt, 5, row, BELFRY_SQLITE_IMPORT_SESSION);
  bind_column (stmt, 6, row, BELFRY_SQLITE_IMPORT_USER);
  belfry_sqlite_bind_text (stmt, 7, payload->user_tier, -1);
  if (payload->has_amount)
    sqlite3_bind_double (stmt, 8, payload->amount);
  else
    sqlite3_bind_null (stmt, 8);
  belfry_sqlite_bind_text (stmt, 9, payload->text, (gssize) payload->length);

  return belfry_sqlite_run (stmt, error);
}

/* An id that is also that of a position to come takes it away. */
static gboolean
add_id (BelfrySqliteImportTarget  *self,
        const char                *id,
        GError                   **error)
{
  guint64 number, position;
  guint8 origin;

  sqlite3_bind_int64 (self->insert_id, 1, (gint64) self->next_position);
  if (belfry_event_id_parse_number (id, &number))
    {
      sqlite3_bind_int64 (self->insert_id, 2, (gint64) number);
      belfry_event_id_decode (&self->id_key, number, &origin, &position);
      if (origin == self->origin)
        g_array_append_val (self->taken, position);
    }
  else
    {
      belfry_sqlite_bind_text (self->insert_id, 2, id, -1);
    }

  return belfry_sqlite_run (self->insert_id, error);
}

static gboolean
insert_chunks (BelfrySqliteImportTarget  *self,
               const BelfrySqliteChunks  *chunks,
               GError                   **error)
{
  for (guint i = 0; i < chunks->chunks->len; i++)
    {
      const BelfrySqliteChunk *chunk = &g_array_index (chunks->chunks, BelfrySqliteChunk, i);

      sqlite3_bind_int64 (self->insert_chunk, 1, chunk->id);
      sqlite3_bind_blob (self->insert_chunk, 2, chunks->bytes->data + chunk->start, (int) chunk->length,
                         SQLITE_STATIC);
      if (!belfry_sqlite_run (self->insert_chunk, error))
        return FALSE;
    }

  return TRUE;
}

/* Indexes the block before the next position, which is the first of another, and begins that one. */
static gboolean
seal_block (BelfrySqliteImportTarget  *self,
            GError                   **error)
{
  guint64 block = belfry_sqlite_blocks_get_number (&self->blocks, self->next_position) - 1;

  for (guint i = 0; i < BELFRY_SQLITE_N_COLUMNS; i++)
    {
      g_auto(BelfrySqliteChunks) chunks = { NULL };

      belfry_sqlite_chunks_init (&chunks);
      belfry_sqlite_chunks_add_column (&chunks, &self->blocks, block, i, self->keys[i]);
      if (!insert_chunks (self, &chunks, error))
        return FALSE;
      memset (self->keys[i], 0, belfry_sqlite_blocks_get_size (&self->blocks) * sizeof self->keys[i][0]);
    }

  return TRUE;
}

static void
set_keys (BelfrySqliteImportTarget    *self,
          const BelfrySqliteImportRow *row,
          gint64                       type,
          const Payload               *payload)
{
  guint place = belfry_sqlite_blocks_get_place (&self->blocks, self->next_position);

  self->keys[BELFRY_SQLITE_COLUMN_SESSION][place] =
    belfry_sqlite_blocks_hash (&self->blocks, row->texts[BELFRY_SQLITE_IMPORT_SESSION]);
  self->keys[BELFRY_SQLITE_COLUMN_USER][place] =
    belfry_sqlite_blocks_hash (&self->blocks, row->texts[BELFRY_SQLITE_IMPORT_USER]);
  self->keys[BELFRY_SQLITE_COLUMN_TIER][place] = belfry_sqlite_blocks_hash (&self->blocks, payload->user_tier);
  self->keys[BELFRY_SQLITE_COLUMN_TYPE][place] = (guint32) type;
  self->keys[BELFRY_SQLITE_COLUMN_AMOUNT][place] =
    payload->has_amount ? belfry_sqlite_amount_key (payload->amount) : 0;
}

/* Adds the row that was judged last, which can be an event, under that id. */
gboolean
belfry_sqlite_import_target_add (BelfrySqliteImportTarget     *self,
                                 const BelfrySqliteImportRow  *row,
                                 const char                   *id,
                                 GError                      **error)
{
  Type *type = ensure_type (self, row->texts[BELFRY_SQLITE_IMPORT_TYPE]);
  g_auto(Payload) payload = { NULL };

  read_payload (&self->root, &payload);
  if (!add_event (self, row, type->id, &payload, error) || !add_id (self, id, error))
    return FALSE;

  set_keys (self, row, type->id, &payload);

  type->count++;
  type->last_usec = row->usec;
  self->newest_usec = row->usec;
  self->next_position++;

  return belfry_sqlite_blocks_get_place (&self->blocks, self->next_position) != 0 || seal_block (self, error);
}

gboolean
belfry_sqlite_import_target_build_index (BelfrySqliteImportTarget  *self,
                                         GError                   **error)
{
  return belfry_sqlite_execute (self->db, BELFRY_SQLITE_IMPORTED_INDEX, error);
}

static int
compare_positions (gconstpointer a,
                   gconstpointer b)
{
  guint64 left = *(const guint64 *) a, right = *(const guint64 *) b;

  return (left > right) - (left < right);
}

static gboolean
skip_taken (BelfrySqliteImportTarget  *self,
            GError                   **error)
{
  g_autoptr(sqlite3_stmt) stmt = belfry_sqlite_prepare (self->db, "INSERT INTO skipped VALUES (?1, ?1)", error);

  if (stmt == NULL)
    return FALSE;

  g_array_sort (self->taken, compare_positions);
  for (guint i = 0; i < self->taken->len; i++)
    {
      guint64 position = g_array_index (self->taken, guint64, i);

      sqlite3_bind_int64 (stmt, 1, (gint64) position);
      if (position >= self->next_position && !belfry_sqlite_run (stmt, error))
        return FALSE;
    }

  return TRUE;
}

static gboolean
write_types (BelfrySqliteImportTarget  *self,
             GError                   **error)
{
  g_autoptr(sqlite3_stmt) stmt = NULL;
  GHashTableIter iter;
  const char *name;
  const Type *type;

  stmt = belfry_sqlite_prepare (self->db, "INSERT INTO event_type VALUES (?1, ?2, ?3, ?4)", error);
  if (stmt == NULL)
    return FALSE;

  g_hash_table_iter_init (&iter, self->types);
  while (g_hash_table_iter_next (&iter, (gpointer *) &name, (gpointer *) &type))
    {
      sqlite3_bind_int64 (stmt, 1, type->id);
      belfry_sqlite_bind_text (stmt, 2, name, -1);
      sqlite3_bind_int64 (stmt, 3, (gint64) type->count);
      sqlite3_bind_int64 (stmt, 4, type->last_usec);
      if (!belfry_sqlite_run (stmt, error))
        return FALSE;
    }

  return TRUE;
}

/* Completes the log. It is not on the disk until its file is flushed. */
gboolean
belfry_sqlite_import_target_finish (BelfrySqliteImportTarget  *self,
                                    GError                   **error)
{
  guint64 merged = MAX (self->next_position >> self->blocks.bits << self->blocks.bits, 1) - 1;
  g_autofree char *sql = NULL;

  sql = g_strdup_printf ("UPDATE state SET next_position = %" G_GUINT64_FORMAT ", merged = %" G_GUINT64_FORMAT
                         ", last_usec = max (last_usec, %" G_GINT64_FORMAT "); COMMIT",
                         self->next_position, merged, self->newest_usec);

  return write_types (self, error) && skip_taken (self, error) && belfry_sqlite_execute (self->db, sql, error);
}

guint64
belfry_sqlite_import_target_get_n_events (BelfrySqliteImportTarget *self)
{
  return self->next_position - 1;
}

gint64
belfry_sqlite_import_target_get_newest (BelfrySqliteImportTarget *self)
{
  return self->newest_usec;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* (transfer full) */
GPtrArray *
belfry_sqlite_import_target_list_types (BelfrySqliteImportTarget *self)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  const char *name;

  g_hash_table_iter_init (&iter, self->types);
  while (g_hash_table_iter_next (&iter, (gpointer *) &name, NULL))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);

  return names;
}
