/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-daemon-bus.h"
#include "belfry-daemon.h"
#include "belfry-pipeline.h"
#include "belfry-reload-counts.h"
#include "belfry-daemon-collect.h"
#include "belfry-daemon-forward.h"
#include "belfry-server-private.h"
#include "belfry-server.h"
#include "belfry-sqlite-store.h"

G_BEGIN_DECLS

/* For the files that make up the daemon itself. All on the main context. */
struct _BelfryDaemon
{
  GMainLoop         *loop;       /* owned */
  BelfrySettings    *started;    /* owned; what the daemon was started with */
  char              *database_path;  /* owned; the file itself, whatever links lead to it */
  BelfryTypeFile    *type_file;  /* owned reference */
  BelfrySqliteStore *store;      /* owned */
  BelfryPipeline    *pipeline;   /* owned */
  BelfryServer      *server;     /* owned */
  BelfryDaemonForward *forward;  /* owned */
  BelfryDaemonCollect *collect;  /* owned */
  BelfryDaemonBus   *bus;        /* owned; NULL without D-Bus */
  GSource           *signals;    /* owned; watches SIGTERM, SIGINT and SIGHUP */
  BelfryReloadCounts *counts;    /* owned; what GET /stats tells of reloads */
  gboolean           is_stopping;
  guint              n_parts_to_stop;

  BelfryLoadSettingsFunc load_settings;
  gpointer               load_data;
};

/* Tells the service manager, when there is one. */
void     belfry_daemon_notify_manager (const char *state);

/* Takes over all that may change while the daemon runs, at the start and at each reload. FALSE: the files that
 * the settings name are not in order, and nothing has changed. */
gboolean belfry_daemon_apply_live     (BelfryDaemon *self, const BelfrySettings *settings, GError **error);

/* Imports the database of the Python pipeline, when it lies there. G_IO_ERROR_CANCELLED when a signal ended it. */
gboolean belfry_daemon_import         (BelfryDaemon *self, const char *path, BelfryEventTypeRegistry *registry,
                                       GError **error);

/* SIGHUP. */
void     belfry_daemon_reload         (BelfryDaemon *self);

G_END_DECLS
