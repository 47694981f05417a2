/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-key-hash-private.h"

#include <string.h>

/* A key is looked at with every request, wrong ones of strangers too, so its hash has to be cheap: SHA-256
 * over a prefix of ours and the key, once. That keeps a key that nobody can guess, as hash-key --generate
 * makes them. A salt or many rounds would help a key out of a dictionary a little, and would let everybody
 * who sends wrong keys use the processor up. */

static const char prefix[] = "belfry api key\n";
static const char scheme[] = "sha256:";

void
belfry_key_hash_init (BelfryKeyHash *self,
                      const char    *key,
                      gsize          length)
{
  g_autoptr(GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize size = sizeof self->bytes;

  g_checksum_update (checksum, (const guchar *) prefix, sizeof prefix - 1);
  g_checksum_update (checksum, (const guchar *) key, (gssize) length);
  g_checksum_get_digest (checksum, self->bytes, &size);
}

char *
belfry_key_hash_to_string (const BelfryKeyHash *self)
{
  g_autoptr(GString) text = g_string_new (scheme);

  for (gsize i = 0; i < sizeof self->bytes; i++)
    g_string_append_printf (text, "%02x", self->bytes[i]);

  return g_string_free (g_steal_pointer (&text), FALSE);
}

gboolean
belfry_key_hash_parse (BelfryKeyHash *self,
                       const char    *text)
{
  const char *digits = text + strlen (scheme);

  if (!g_str_has_prefix (text, scheme) || strlen (digits) != 2 * sizeof self->bytes)
    return FALSE;

  for (gsize i = 0; i < sizeof self->bytes; i++)
    {
      int high = g_ascii_xdigit_value (digits[2 * i]);
      int low = g_ascii_xdigit_value (digits[2 * i + 1]);

      if (high < 0 || low < 0)
        return FALSE;
      self->bytes[i] = (guint8) (high << 4 | low);
    }

  return TRUE;
}
