/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-private.h"

#include <signal.h>

#include "belfry-signals.h"
#include "belfry-sqlite-import-private.h"
#include "belfry-type-file-private.h"

/* The database of the Python pipeline, when it lies where the log is to be, is imported before anything
 * else. That happens on the main context, which is given a turn at each step: so a signal can end it, and
 * the service manager hears that it goes on. */

#define TYPE_DESCRIPTION "Taken over from the Python pipeline"

#define TELL_USEC G_USEC_PER_SEC

/* How many of the types that are refused are told one by one. */
#define MAX_TOLD 20

/* The manager waits for so long from each sign of life on. */
#define EXTENSION "EXTEND_TIMEOUT_USEC=60000000"

typedef struct
{
  const char              *path;
  BelfryTypeFile          *type_file;
  BelfryEventTypeRegistry *registry;
  gint64                   begun_usec;  /* monotonic, like the next */
  gint64                   told_usec;
} Import;

static void
on_signal (int      number,
           gpointer user_data)
{
  /* A reload waits for nobody here: what it would read is read afterwards. */
  if (number != SIGHUP)
    g_cancellable_cancel (user_data);
}

static void
on_progress (const BelfrySqliteImportProgress *progress,
             gpointer                          user_data)
{
  Import *self = user_data;
  gint64 now_usec = g_get_monotonic_time ();
  guint64 rate;

  while (g_main_context_iteration (NULL, FALSE))
    continue;
  if (now_usec - self->told_usec < TELL_USEC)
    return;

  self->told_usec = now_usec;
  rate = progress->n_done * G_USEC_PER_SEC / (guint64) MAX (1, now_usec - self->begun_usec);
  g_message ("Importing '%s': %u %%, %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " events, %" G_GUINT64_FORMAT
             " in a second", self->path, progress->percent, progress->n_done, progress->n_rows, rate);
  belfry_daemon_notify_manager ("STATUS=Importing the database of the Python pipeline\n" EXTENSION);
}

/* Types that the pipeline knew go on being accepted. They are kept before the database is replaced, for only the
 * import knows them. */
static gboolean
keep_types (GPtrArray  *names,
            gpointer    user_data,
            GError    **error)
{
  Import *self = user_data;
  g_autoptr(GPtrArray) added = g_ptr_array_new ();
  guint n_refused = 0;

  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      g_autoptr(GError) local_error = NULL;

      if (belfry_event_type_registry_contains (self->registry, name))
        continue;
      if (belfry_event_type_registry_register (self->registry, name, TYPE_DESCRIPTION, &local_error))
        g_ptr_array_add (added, (gpointer) name);
      else if (n_refused++ < MAX_TOLD)
        g_warning ("Event type '%s' is in the database to be imported, and will not be accepted: %s",
                   name, local_error->message);
    }
  if (n_refused > MAX_TOLD)
    g_warning ("%u more event types of the database to be imported will not be accepted", n_refused - MAX_TOLD);

  if (added->len > 0)
    g_message ("%u event types of the database to be imported were not known and are registered", added->len);

  return added->len == 0 || belfry_type_file_store_all (self->type_file, added, TYPE_DESCRIPTION, error);
}

static void
tell_report (const Import                   *self,
             const BelfrySqliteImportReport *report)
{
  double seconds = (double) (g_get_monotonic_time () - self->begun_usec) / G_USEC_PER_SEC;

  g_message ("Imported %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " events in %.1f s;"
             " the former database is kept as '%s'",
             report->n_imported, report->n_rows, seconds, report->backup_path);
  if (report->n_new_ids > 0)
    g_warning ("%" G_GUINT64_FORMAT " imported events have new ids: theirs could not be kept", report->n_new_ids);
  if (report->n_new_times > 0)
    g_warning ("%" G_GUINT64_FORMAT " imported events have the time of the event before them: theirs could not be read",
               report->n_new_times);
  if (report->newest_usec > g_get_real_time ())
    g_warning ("The newest imported event lies in the future; until then new events share its time");
  if (report->n_left == 0)
    return;

  g_warning ("%" G_GUINT64_FORMAT " rows can be no events and were left in '%s'", report->n_left, report->backup_path);
  for (guint i = 0; i < report->left->len; i++)
    g_warning ("Left: %s", (const char *) g_ptr_array_index (report->left, i));
  if (report->n_left > report->left->len)
    g_warning ("Left: %" G_GUINT64_FORMAT " more", report->n_left - report->left->len);
}

gboolean
belfry_daemon_import (BelfryDaemon             *self,
                      const char               *path,
                      BelfryEventTypeRegistry  *registry,
                      GError                  **error)
{
  g_autoptr(GSource) signals = NULL;
  g_autoptr(GCancellable) cancellable = NULL;
  g_autoptr(BelfrySqliteImportReport) report = NULL;
  Import import = { .path = path, .type_file = self->type_file, .registry = registry };
  const BelfrySqliteImportHooks hooks = { on_progress, keep_types, &import };

  if (!belfry_sqlite_import_is_wanted (path))
    return TRUE;

  g_message ("Importing the database of the Python pipeline in '%s'", path);
  cancellable = g_cancellable_new ();
  signals = belfry_signals_watch (on_signal, cancellable);
  import.begun_usec = import.told_usec = g_get_monotonic_time ();
  belfry_daemon_notify_manager (EXTENSION);

  report = belfry_sqlite_import_run (path, &hooks, cancellable, error);
  g_source_destroy (signals);
  if (report != NULL)
    tell_report (&import, report);

  return report != NULL;
}
