/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-type-file-private.h"

#include <string.h>

#include "belfry-error.h"

/* The whole file is written anew for each type, into a temporary file that is flushed and then renamed
 * over it, on a thread of its own. One write is under way at a time; the next one holds everything that
 * came meanwhile and answers for all of it. */

#define GROUP_PREFIX "Event Type "

struct _BelfryTypeFile
{
  gatomicrefcount refs;
  char      *path;      /* owned */
  GKeyFile  *types;     /* owned; what the file shall hold; home context only */
  GPtrArray *waiting;   /* owned; of GTask that the next write answers */
  gboolean   is_writing;
};

typedef struct
{
  BelfryTypeFile *file;   /* owned reference */
  char           *text;   /* owned */
  gsize           length;
  GPtrArray      *tasks;  /* owned; answered by this write */
} Write;

static void maybe_write (BelfryTypeFile *self);

BelfryTypeFile *
belfry_type_file_new (const char *path)
{
  BelfryTypeFile *self = g_new0 (BelfryTypeFile, 1);

  g_atomic_ref_count_init (&self->refs);
  self->path = g_strdup (path);
  self->types = g_key_file_new ();
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);
  return self;
}

BelfryTypeFile *
belfry_type_file_ref (BelfryTypeFile *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

void
belfry_type_file_unref (BelfryTypeFile *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;

  g_clear_pointer (&self->types, g_key_file_unref);
  g_clear_pointer (&self->waiting, g_ptr_array_unref);
  g_free (self->path);
  g_free (self);
}

gboolean
belfry_type_file_load (BelfryTypeFile           *self,
                       BelfryEventTypeRegistry  *registry,
                       GError                  **error)
{
  g_autoptr(GError) local_error = NULL;
  g_auto(GStrv) groups = NULL;

  if (!g_key_file_load_from_file (self->types, self->path, G_KEY_FILE_KEEP_COMMENTS, &local_error))
    {
      if (g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        return TRUE;
      g_propagate_prefixed_error (error, g_steal_pointer (&local_error), "%s: ", self->path);
      return FALSE;
    }

  groups = g_key_file_get_groups (self->types, NULL);
  for (gsize i = 0; groups[i] != NULL; i++)
    {
      g_autofree char *description = NULL;

      if (!g_str_has_prefix (groups[i], GROUP_PREFIX))
        continue;
      description = g_key_file_get_string (self->types, groups[i], "Description", error);
      if (description == NULL
          || !belfry_event_type_registry_register (registry, groups[i] + strlen (GROUP_PREFIX), description, error))
        {
          g_prefix_error (error, "%s, group '%s': ", self->path, groups[i]);
          return FALSE;
        }
    }

  return TRUE;
}

gboolean
belfry_type_file_contains (BelfryTypeFile *self,
                           const char     *name)
{
  g_autofree char *group = g_strconcat (GROUP_PREFIX, name, NULL);

  return g_key_file_has_group (self->types, group);
}

static void
free_write (gpointer data)
{
  Write *write = data;

  g_clear_pointer (&write->file, belfry_type_file_unref);
  g_clear_pointer (&write->tasks, g_ptr_array_unref);
  g_free (write->text);
  g_free (write);
}

static void
write_in_thread (GTask        *task,
                 gpointer      source_object,
                 gpointer      task_data,
                 GCancellable *cancellable)
{
  Write *write = task_data;
  GError *error = NULL;

  if (g_file_set_contents_full (write->file->path, write->text, write->length,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
written_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Write *write = g_task_get_task_data (G_TASK (result));
  g_autoptr(BelfryTypeFile) self = belfry_type_file_ref (write->file);
  g_autoptr(GPtrArray) tasks = g_steal_pointer (&write->tasks);
  g_autoptr(GError) error = NULL;
  gboolean written = g_task_propagate_boolean (G_TASK (result), &error);

  if (!written)
    g_warning ("Event types could not be kept: %s", error->message);

  self->is_writing = FALSE;
  for (guint i = 0; i < tasks->len; i++)
    {
      if (written)
        g_task_return_boolean (g_ptr_array_index (tasks, i), TRUE);
      else
        g_task_return_new_error (g_ptr_array_index (tasks, i), BELFRY_ERROR, BELFRY_ERROR_UNAVAILABLE,
                                 "Storage unavailable");
    }
  maybe_write (self);
}

static void
maybe_write (BelfryTypeFile *self)
{
  g_autoptr(GTask) task = NULL;
  Write *write;

  if (self->is_writing || self->waiting->len == 0)
    return;

  self->is_writing = TRUE;
  write = g_new0 (Write, 1);
  write->file = belfry_type_file_ref (self);
  write->text = g_key_file_to_data (self->types, &write->length, NULL);
  write->tasks = g_steal_pointer (&self->waiting);
  self->waiting = g_ptr_array_new_with_free_func (g_object_unref);

  task = g_task_new (NULL, NULL, written_cb, NULL);
  g_task_set_source_tag (task, maybe_write);
  g_task_set_task_data (task, write, free_write);
  g_task_run_in_thread (task, write_in_thread);
}

void
belfry_type_file_store_async (BelfryTypeFile      *self,
                              const char          *name,
                              const char          *description,
                              GAsyncReadyCallback  callback,
                              gpointer             user_data)
{
  GTask *task = g_task_new (NULL, NULL, callback, user_data);
  g_autofree char *group = g_strconcat (GROUP_PREFIX, name, NULL);

  g_task_set_source_tag (task, belfry_type_file_store_async);
  g_key_file_set_string (self->types, group, "Description", description);
  g_ptr_array_add (self->waiting, task);
  maybe_write (self);
}

gboolean
belfry_type_file_store_finish (GAsyncResult  *result,
                               GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

gboolean
belfry_type_file_store_all (BelfryTypeFile  *self,
                            GPtrArray       *names,
                            const char      *description,
                            GError         **error)
{
  g_autofree char *text = NULL;
  gsize length;

  g_assert (!self->is_writing);

  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *group = g_strconcat (GROUP_PREFIX, (const char *) g_ptr_array_index (names, i), NULL);

      g_key_file_set_string (self->types, group, "Description", description);
    }
  text = g_key_file_to_data (self->types, &length, NULL);
  if (g_file_set_contents_full (self->path, text, (gssize) length,
                                G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error))
    return TRUE;

  g_prefix_error (error, "%s: ", self->path);
  return FALSE;
}

void
belfry_type_file_register_async (BelfryTypeFile          *self,
                                 BelfryEventTypeRegistry *registry,
                                 const char              *name,
                                 const char              *description,
                                 GAsyncReadyCallback      callback,
                                 gpointer                 user_data)
{
  g_autoptr(GTask) task = NULL;
  g_autoptr(GError) error = NULL;
  gboolean registered = belfry_event_type_registry_register (registry, name, description, &error);

  if (registered && self != NULL)
    {
      belfry_type_file_store_async (self, name, description, callback, user_data);
      return;
    }

  task = g_task_new (NULL, NULL, callback, user_data);
  g_task_set_source_tag (task, belfry_type_file_register_async);
  if (registered)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, g_steal_pointer (&error));
}

gboolean
belfry_type_file_register_finish (GAsyncResult  *result,
                                  GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
