/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-answer-quota-private.h"
#include "belfry-drain-private.h"
#include "belfry-gate-private.h"
#include "belfry-listener-private.h"
#include "belfry-metrics-server-private.h"
#include "belfry-server-private.h"

G_BEGIN_DECLS

/* For the files that make up the server itself. */
struct _BelfryServer
{
  GObject parent_instance;

  BelfryPipeline   *pipeline;   /* owned */
  BelfryGate       *gate;       /* owned */
  BelfryListener   *listener;   /* owned; NULL before the first listen */
  BelfrySessionSet *sessions;   /* owned reference; made at its first use, when the settings stand */
  GMainContext     *context;    /* owned; home */
  BelfryTypeFile   *type_file;  /* owned reference; NULL: types registered at the door end with the process */
  BelfryAnswerQuota *answers;   /* owned reference */
  BelfryUploadQuota uploads;
  BelfryAdmission  *admission;  /* owned */
  BelfryCors       *cors;       /* owned */
  BelfryMetrics    *metrics;    /* owned */
  BelfryAnswerTally answer_tally;
  gint64            started_usec;

  char            *service_name;
  char            *api_key;
  char           **cors_origins;
  char           **trusted_proxies;
  GTlsCertificate *tls_certificate;
  guint64          max_body_bytes;
  guint64          max_batch_bytes;
  guint64          max_ws_message_bytes;
  guint            max_ws_connections_per_ip;
  guint            max_connections;  /* 0: derived */

  GCancellable *stopping;   /* owned; cancelled when stop begins */
  GTask        *stop_task;  /* owned; while stop is under way, and keeps the server alive */
  BelfryDrain  *drain;      /* owned; while stop is under way */
};

/* Properties, and what reads and writes them. */
void belfry_server_install_properties (GObjectClass *object_class);

/* Those that limit connections. get: FALSE when there is no such property; set: whether something changed. */
void     belfry_server_install_limits        (GObjectClass *object_class);
gboolean belfry_server_get_limit             (BelfryServer *self, guint property_id, GValue *value);
gboolean belfry_server_set_limit             (BelfryServer *self, guint property_id, const GValue *value);
/* The same for those that say who may come in. */
void     belfry_server_install_access        (GObjectClass *object_class);
gboolean belfry_server_get_access            (BelfryServer *self, guint property_id, GValue *value);
gboolean belfry_server_set_access            (BelfryServer *self, guint property_id, const GValue *value);
/* To the listener, once there is one. */
void     belfry_server_apply_max_connections (BelfryServer *self);

G_END_DECLS
