/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-auth-private.h"

#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <string.h>

#define SCHEME "bearer "

/* The key of "Bearer KEY", whatever the case of the scheme; another scheme brings none. */
static char *
read_bearer (grpc_slice value)
{
  const char *text = (const char *) GRPC_SLICE_START_PTR (value);
  gsize length = GRPC_SLICE_LENGTH (value);
  gsize at = strlen (SCHEME);

  if (length <= at || g_ascii_strncasecmp (text, SCHEME, at) != 0)
    return NULL;

  while (at < length && text[at] == ' ')
    at++;
  return g_strndup (text + at, length - at);
}

static char *
read_key (grpc_slice value)
{
  return g_strndup ((const char *) GRPC_SLICE_START_PTR (value), GRPC_SLICE_LENGTH (value));
}

void
belfry_grpc_caller_read (BelfryGrpcCaller          *self,
                         BelfryGrpcPurpose          purpose,
                         grpc_call                 *call,
                         const grpc_metadata_array *metadata)
{
  self->purpose = purpose;
  self->peer = grpc_call_get_peer (call);
  for (gsize i = 0; i < metadata->count; i++)
    {
      if (self->bearer == NULL && grpc_slice_str_cmp (metadata->metadata[i].key, "authorization") == 0)
        self->bearer = read_bearer (metadata->metadata[i].value);
      else if (self->key == NULL && grpc_slice_str_cmp (metadata->metadata[i].key, "x-api-key") == 0)
        self->key = read_key (metadata->metadata[i].value);
    }
}

void
belfry_grpc_caller_clear (BelfryGrpcCaller *self)
{
  g_clear_pointer (&self->key, g_free);
  g_clear_pointer (&self->bearer, g_free);
  g_clear_pointer (&self->peer, gpr_free);
}
