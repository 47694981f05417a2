/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-error.h"
#include "belfry-event-type-registry.h"
#include "belfry-json-scanner-private.h"

G_BEGIN_DECLS

/* The broken rules of one event, collected in the order of its fields; NULL while there is none.
 * Rules and words are those of pydantic, which clients of the earlier service know. */
typedef GPtrArray BelfryEventProblems;

void belfry_event_problems_add      (BelfryEventProblems **self, const char *field,
                                     const char *rule,
                                     const char *format, ...) G_GNUC_PRINTF (4, 5);
void belfry_event_problems_add_type (BelfryEventProblems **self, BelfryEventTypeRegistry *registry,
                                     const BelfryJsonValue *value);

/* Sets BELFRY_ERROR_INVALID_EVENT, whose text is the first problem with its field in front. */
void belfry_event_problems_raise    (BelfryEventProblems *self, GError **error);

/* Sets BELFRY_ERROR_INVALID_JSON. */
void belfry_event_problems_raise_invalid_json (GError **error);

/* A string value as part of a message: at most 100 characters, none that a terminal or a page
 * would act on. */
char *belfry_event_problems_quote (const BelfryJsonValue *value);

G_END_DECLS
