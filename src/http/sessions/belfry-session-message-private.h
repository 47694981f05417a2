/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-subscriber.h"

G_BEGIN_DECLS

/* The small JSON texts that sessions send. */

/* The text between the quotes of a JSON string; @text is UTF-8. */
void     belfry_message_append_escaped (GString *out, const char *text);
/* {"status": "error", "message": …} */
GString *belfry_message_new_error      (const char *message);
/* {"status": "ok", "event_id": …} */
GString *belfry_message_new_accepted   (const char *event_id);
/* The same, as a whole frame */
void     belfry_message_append_accepted (GByteArray *out, const char *event_id);
/* {"type": "gap", …} */
GString *belfry_message_new_gap        (const BelfryGap *gap);

G_END_DECLS
