/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-key-ring-private.h"

#include <string.h>

#include "belfry-key-file-private.h"

/* A key that is sent is hashed, and the hash is looked up: how long that takes tells nothing about the keys
 * there are, because nobody can choose what a hash begins with, and hashes are compared to their end. */

/* Valid keys that came lately, as they came: comparing is cheaper than hashing. */
#define N_RECENT 16

typedef struct
{
  char        *key;    /* owned; NULL: none */
  gsize        length;
  BelfryGrant *grant;  /* borrowed from the ring */
} Recent;

struct _BelfryKeyRing
{
  GHashTable    *keys;       /* owned; BelfryKeyHash -> BelfryGrant; NULL: no file */
  BelfryGrant   *main;       /* owned; or NULL */
  BelfryKeyHash  main_hash;
  Recent         recent[N_RECENT];
};

BelfryKeyRing *
belfry_key_ring_new (void)
{
  return g_new0 (BelfryKeyRing, 1);
}

static void
revoke_grant (BelfryGrant *grant)
{
  grant->is_revoked = TRUE;
}

/* Whenever grants may go. */
static void
forget_recent (BelfryKeyRing *self)
{
  for (gsize i = 0; i < N_RECENT; i++)
    g_free (self->recent[i].key);
  memset (self->recent, 0, sizeof self->recent);
}

void
belfry_key_ring_free (BelfryKeyRing *self)
{
  forget_recent (self);
  g_clear_pointer (&self->keys, g_hash_table_unref);
  g_clear_pointer (&self->main, belfry_grant_unref);
  g_free (self);
}

void
belfry_key_ring_set_main (BelfryKeyRing *self,
                          const char    *key)
{
  BelfryKeyHash hash;

  forget_recent (self);
  /* No key is not the empty key. */
  if (key == NULL || key[0] == '\0')
    {
      if (self->main != NULL)
        revoke_grant (self->main);
      g_clear_pointer (&self->main, belfry_grant_unref);
      return;
    }

  belfry_key_hash_init (&hash, key, strlen (key));
  if (self->main != NULL && belfry_key_hash_equal (&hash, &self->main_hash))
    return;

  if (self->main != NULL)
    revoke_grant (self->main);
  g_clear_pointer (&self->main, belfry_grant_unref);
  self->main = belfry_grant_new (BELFRY_KEY_MAIN_NAME, BELFRY_SCOPE_ADMIN);
  self->main_hash = hash;
}

/* A key that stays, and may do no less, keeps its grant, and with it its sessions. */
static void
take_over (GHashTable *keys,
           GHashTable *older)
{
  GHashTableIter iter;
  gpointer hash, grant;

  g_hash_table_iter_init (&iter, older);
  while (g_hash_table_iter_next (&iter, &hash, &grant))
    {
      BelfryGrant *newer = g_hash_table_lookup (keys, hash);

      if (newer != NULL && belfry_grant_update (grant, newer))
        {
          g_hash_table_insert (keys, g_memdup2 (hash, sizeof (BelfryKeyHash)), belfry_grant_ref (grant));
          continue;
        }
      if (newer != NULL)
        belfry_grant_take_over (newer, grant);
      revoke_grant (grant);
    }
}

gboolean
belfry_key_ring_load (BelfryKeyRing  *self,
                      const char     *path,
                      GError        **error)
{
  GHashTable *keys = path != NULL ? belfry_key_file_load (path, error) : belfry_key_file_new_empty ();

  if (keys == NULL)
    return FALSE;

  forget_recent (self);
  if (self->keys != NULL)
    take_over (keys, self->keys);
  g_clear_pointer (&self->keys, g_hash_table_unref);
  self->keys = keys;
  return TRUE;
}

gboolean
belfry_key_ring_is_empty (const BelfryKeyRing *self)
{
  return self->main == NULL && (self->keys == NULL || g_hash_table_size (self->keys) == 0);
}

gboolean
belfry_key_ring_has_main (const BelfryKeyRing *self)
{
  return self->main != NULL;
}

static gboolean
is_recent (const Recent *recent,
           const char   *key,
           gsize         length)
{
  volatile guint difference = 0;

  if (recent->key == NULL || recent->length != length)
    return FALSE;

  for (gsize i = 0; i < length; i++)
    difference |= (guchar) recent->key[i] ^ (guchar) key[i];

  return difference == 0;
}

static BelfryGrant *
find_by_hash (BelfryKeyRing *self,
              const char    *key,
              gsize          length)
{
  BelfryKeyHash hash;

  belfry_key_hash_init (&hash, key, length);
  if (self->main != NULL && belfry_key_hash_equal (&hash, &self->main_hash))
    return self->main;

  return self->keys != NULL ? g_hash_table_lookup (self->keys, &hash) : NULL;
}

BelfryGrant *
belfry_key_ring_find (BelfryKeyRing *self,
                      const char    *key)
{
  gsize length = strlen (key);
  Recent *recent;
  BelfryGrant *grant;

  if (length == 0 || belfry_key_ring_is_empty (self))
    return NULL;

  recent = &self->recent[(length + (guchar) key[length - 1]) % N_RECENT];
  if (is_recent (recent, key, length))
    return recent->grant;

  grant = find_by_hash (self, key, length);
  if (grant != NULL)
    {
      g_free (recent->key);
      *recent = (Recent) { g_strdup (key), length, grant };
    }
  return grant;
}
