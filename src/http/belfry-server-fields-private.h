/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-answer-quota-private.h"
#include "belfry-drain-private.h"
#include "belfry-gate-private.h"
#include "belfry-listener-private.h"
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
  gint64            started_usec;

  char            *service_name;
  char            *api_key;
  char           **cors_origins;
  GTlsCertificate *tls_certificate;
  gboolean         require_auth;
  guint64          max_body_bytes;
  guint64          max_ws_message_bytes;
  guint            max_ws_connections_per_ip;

  GCancellable *stopping;   /* owned; cancelled when stop begins */
  GTask        *stop_task;  /* owned; while stop is under way, and keeps the server alive */
  BelfryDrain  *drain;      /* owned; while stop is under way */
};

/* Properties, and what reads and writes them. */
void belfry_server_install_properties (GObjectClass *object_class);

G_END_DECLS
