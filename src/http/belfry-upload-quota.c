/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-upload-quota-private.h"

/* Each may hold as much as is free. So whoever fills the room with large bodies that do not end leaves some for the
 * others, and the largest are refused first. One alone may be as large as it likes: other limits see to that. */

/* What a connection may hold in any case: it costs as much by itself. */
#define SMALL_BYTES 16384

static gboolean
has_room (const BelfryUploadQuota *self,
          gsize                    held,
          gsize                    more)
{
  if (self->bytes == held || held + more <= SMALL_BYTES)
    return TRUE;

  return self->bytes < self->max_bytes && held + more <= self->max_bytes - self->bytes;
}

gboolean
belfry_upload_quota_take (BelfryUploadQuota *self,
                          gsize              held,
                          gsize              more)
{
  if (!has_room (self, held, more))
    {
      self->refused++;
      return FALSE;
    }

  self->bytes += more;
  return TRUE;
}

void
belfry_upload_quota_give_back (BelfryUploadQuota *self,
                               gsize              held)
{
  self->bytes -= held;
}
