/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <json-glib/json-glib.h>

#include "belfry-ctl-format.h"

G_BEGIN_DECLS

/* (transfer full); NULL with error when the text is no JSON object. */
JsonObject *belfry_ctl_format_parse_object (const char      *json,
                                            GError         **error);
/* safe: a name that is harmless already; filled up to width characters. */
void        belfry_ctl_format_append_name  (GString         *text,
                                            BelfryCtlStyle   style,
                                            const char      *safe,
                                            glong            width);

G_END_DECLS
