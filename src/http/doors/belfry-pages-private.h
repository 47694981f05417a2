/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-request-private.h"

G_BEGIN_DECLS

/* Something that stays the same between two looks at it. */
typedef struct
{
  GBytes     *bytes;         /* owned */
  const char *content_type;  /* static */
  char       *etag;          /* owned; with its quotes */
} BelfryPage;

BelfryPage *belfry_page_new     (GBytes *bytes, const char *content_type);
void        belfry_page_free    (BelfryPage *self);
/* 200, or 304 when the client has it already. */
void        belfry_page_respond (BelfryPage *self, BelfryRequest *request);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryPage, belfry_page_free)

G_END_DECLS
