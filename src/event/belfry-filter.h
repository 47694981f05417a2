/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

#include "belfry-event.h"

G_BEGIN_DECLS

#define BELFRY_TYPE_FILTER (belfry_filter_get_type ())

/* Immutable, atomically counted: which events somebody wants. Absent, null and empty rules mean
 * any. */
typedef struct _BelfryFilter BelfryFilter;

BELFRY_AVAILABLE_IN_ALL GType         belfry_filter_get_type        (void) G_GNUC_CONST;
BELFRY_AVAILABLE_IN_ALL
BelfryFilter *belfry_filter_new (const char * const *event_types, const char *session_id,
                                 const char *user_id);
BELFRY_AVAILABLE_IN_ALL BelfryFilter *belfry_filter_new_from_json   (const char *json,
                                                                     gssize length, GError **error);
/* Keys event_types as, session_id s, user_id s, user_tiers as, min_amount d. */
BELFRY_AVAILABLE_IN_ALL BelfryFilter *belfry_filter_new_from_variant (GVariant *dictionary,
                                                                      GError **error);
BELFRY_AVAILABLE_IN_ALL BelfryFilter *belfry_filter_ref             (BelfryFilter *self);
BELFRY_AVAILABLE_IN_ALL void          belfry_filter_unref           (BelfryFilter *self);
BELFRY_AVAILABLE_IN_ALL gboolean      belfry_filter_equal           (BelfryFilter *a,
                                                                     BelfryFilter *b);
BELFRY_AVAILABLE_IN_ALL gboolean      belfry_filter_matches         (BelfryFilter *self,
                                                                     BelfryEvent *event);
BELFRY_AVAILABLE_IN_ALL gboolean      belfry_filter_is_any          (BelfryFilter *self);
BELFRY_AVAILABLE_IN_ALL char         *belfry_filter_to_json         (BelfryFilter *self);
BELFRY_AVAILABLE_IN_ALL const char * const *belfry_filter_get_event_types (BelfryFilter *self);  /* NULL: any */
BELFRY_AVAILABLE_IN_ALL const char   *belfry_filter_get_session_id  (BelfryFilter *self);
BELFRY_AVAILABLE_IN_ALL const char   *belfry_filter_get_user_id     (BelfryFilter *self);
BELFRY_AVAILABLE_IN_ALL const char * const *belfry_filter_get_user_tiers (BelfryFilter *self);   /* NULL: any */
BELFRY_AVAILABLE_IN_ALL gboolean      belfry_filter_get_min_amount  (BelfryFilter *self,
                                                                     double *min_amount);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryFilter, belfry_filter_unref)

G_END_DECLS
