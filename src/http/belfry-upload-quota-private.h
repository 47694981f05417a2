/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bounds the bytes of request bodies that are in memory: from their arrival until the request is answered. Home context
 * only. */
typedef struct
{
  guint64 max_bytes;
  guint64 bytes;
  guint64 refused;
} BelfryUploadQuota;

/* A request that holds so many bytes wants to hold more. FALSE, and counted as refused, when there is no room. */
gboolean belfry_upload_quota_take      (BelfryUploadQuota *self, gsize held, gsize more);
void     belfry_upload_quota_give_back (BelfryUploadQuota *self, gsize held);

G_END_DECLS
