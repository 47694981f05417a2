/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <json-glib/json-glib.h>

#include "belfry-server-private.h"

G_BEGIN_DECLS

/* The filter of event_types (repeated, or separated by commas), event_type (likewise when there may be several of it;
 * otherwise the last one counts, as it stands), session_id, user_id, user_tiers and min_amount of the query; NULL with the request answered
 * (422) when one of them is wrong. */
BelfryFilter *belfry_rest_parse_filter   (BelfryRequest *request, gboolean several_types);
/* FALSE with the request answered (422). */
gboolean      belfry_rest_parse_limit    (BelfryRequest *request, guint fallback, guint maximum, guint *limit);
void          belfry_rest_respond_node   (BelfryRequest *request, guint status, JsonNode *node);
/* Every readable number among the properties of an object, as members with _ for -. */
void          belfry_rest_add_counters   (JsonBuilder *builder, GObject *object);

G_END_DECLS
