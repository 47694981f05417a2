/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-rate-limiter-private.h"

#include <string.h>

/* A window for each client and class, found by one look into a table. The windows of a class stand in the
 * order of their last request, so that those that are over are at the front of the queue: every request
 * takes two of them away, and no timer is needed.
 *
 * When the table is full, whoever is new shares one window with all others who are. A client that gets a
 * window of its own later takes a copy of the shared one with it, as if all of that had been its own:
 * however the table fills and empties, nobody ever passes more than the limit. */

typedef struct
{
  BelfryClientAddress address;
  BelfryRateClass     rate_class;
  BelfryRateWindow    window;
  GList               link;    /* in the queue of its class */
} Client;

struct _BelfryRateLimiter
{
  GHashTable      *clients;    /* owned; Client (owned) */
  guint            max_clients;
  guint64          n_shared;
  BelfryRate       rates[BELFRY_N_RATE_CLASSES];
  GQueue           queues[BELFRY_N_RATE_CLASSES];  /* of Client, the one that has been silent longest first */
  BelfryRateWindow shared[BELFRY_N_RATE_CLASSES];
};

/* Addresses are chosen by strangers, who shall not choose their places in the table with them. */
static guint64 secrets[2];

static void
choose_secrets (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (secrets); i++)
    secrets[i] = ((guint64) g_random_int () << 32 | g_random_int ()) | 1;
}

static guint64
mix (guint64 a,
     guint64 b)
{
  unsigned __int128 product = (unsigned __int128) a * b;

  return (guint64) product ^ (guint64) (product >> 64);
}

static guint
hash_client (gconstpointer data)
{
  const Client *client = data;
  guint64 words[2];
  guint64 mixed;

  memcpy (words, client->address.bytes, sizeof words);
  mixed = mix (words[0] ^ secrets[0], words[1] ^ secrets[1] ^ client->rate_class);
  return (guint) mix (mixed ^ secrets[1], secrets[0]);
}

static gboolean
equal_client (gconstpointer a,
              gconstpointer b)
{
  const Client *left = a;
  const Client *right = b;

  return left->rate_class == right->rate_class
         && memcmp (&left->address, &right->address, sizeof left->address) == 0;
}

static void
free_client (gpointer data)
{
  Client *client = data;

  belfry_rate_window_clear (&client->window);
  g_free (client);
}

BelfryRateLimiter *
belfry_rate_limiter_new (guint max_clients)
{
  static gsize has_secrets = 0;
  BelfryRateLimiter *self = g_new0 (BelfryRateLimiter, 1);

  if (g_once_init_enter (&has_secrets))
    {
      choose_secrets ();
      g_once_init_leave (&has_secrets, 1);
    }
  self->max_clients = max_clients;
  self->clients = g_hash_table_new_full (hash_client, equal_client, free_client, NULL);
  return self;
}

void
belfry_rate_limiter_free (BelfryRateLimiter *self)
{
  g_clear_pointer (&self->clients, g_hash_table_unref);
  for (gsize i = 0; i < BELFRY_N_RATE_CLASSES; i++)
    belfry_rate_window_clear (&self->shared[i]);
  g_free (self);
}

void
belfry_rate_limiter_set_rate (BelfryRateLimiter *self,
                              BelfryRateClass    rate_class,
                              const BelfryRate  *rate)
{
  self->rates[rate_class] = *rate;
}

const BelfryRate *
belfry_rate_limiter_get_rate (BelfryRateLimiter *self,
                              BelfryRateClass    rate_class)
{
  return &self->rates[rate_class];
}

void
belfry_rate_limiter_set_max_clients (BelfryRateLimiter *self,
                                     guint              max_clients)
{
  self->max_clients = max_clients;
}

guint
belfry_rate_limiter_get_max_clients (BelfryRateLimiter *self)
{
  return self->max_clients;
}

/* FALSE when there is none whose window is over. */
static gboolean
drop_silent_client (BelfryRateLimiter *self,
                    BelfryRateClass    rate_class,
                    gint64             now_usec)
{
  Client *client = g_queue_peek_head (&self->queues[rate_class]);

  if (client == NULL || !belfry_rate_window_is_over (&client->window, &self->rates[rate_class], now_usec))
    return FALSE;

  g_queue_unlink (&self->queues[rate_class], &client->link);
  g_hash_table_remove (self->clients, client);
  return TRUE;
}

static gboolean
make_room (BelfryRateLimiter *self,
           gint64             now_usec)
{
  gboolean found = TRUE;

  while (found && g_hash_table_size (self->clients) >= self->max_clients)
    {
      found = FALSE;
      for (int i = 1; i < BELFRY_N_RATE_CLASSES; i++)
        found |= drop_silent_client (self, (BelfryRateClass) i, now_usec);
    }

  return g_hash_table_size (self->clients) < self->max_clients;
}

static Client *
add_client (BelfryRateLimiter *self,
            const Client      *wanted,
            gint64             now_usec)
{
  BelfryRateWindow *shared = &self->shared[wanted->rate_class];
  Client *client = g_new0 (Client, 1);

  client->address = wanted->address;
  client->rate_class = wanted->rate_class;
  client->link.data = client;
  if (belfry_rate_window_is_over (shared, &self->rates[wanted->rate_class], now_usec))
    belfry_rate_window_clear (shared);
  else
    belfry_rate_window_copy (&client->window, shared);
  g_hash_table_add (self->clients, client);
  g_queue_push_tail_link (&self->queues[client->rate_class], &client->link);
  return client;
}

gboolean
belfry_rate_limiter_take (BelfryRateLimiter         *self,
                          BelfryRateClass            rate_class,
                          const BelfryClientAddress *address,
                          gint64                     now_usec,
                          gint64                    *wait_usec)
{
  const BelfryRate *rate = &self->rates[rate_class];
  GQueue *queue = &self->queues[rate_class];
  Client wanted = { .address = *address, .rate_class = rate_class };
  Client *client;

  if (rate->count == 0)
    return TRUE;

  if (drop_silent_client (self, rate_class, now_usec))
    drop_silent_client (self, rate_class, now_usec);
  client = g_hash_table_lookup (self->clients, &wanted);
  if (client == NULL && !make_room (self, now_usec))
    {
      self->n_shared++;
      return belfry_rate_window_take (&self->shared[rate_class], rate, now_usec, wait_usec);
    }

  if (client == NULL)
    client = add_client (self, &wanted, now_usec);
  if (!belfry_rate_window_take (&client->window, rate, now_usec, wait_usec))
    return FALSE;

  g_queue_unlink (queue, &client->link);
  g_queue_push_tail_link (queue, &client->link);
  return TRUE;
}

guint
belfry_rate_limiter_get_n_clients (BelfryRateLimiter *self)
{
  return g_hash_table_size (self->clients);
}

guint64
belfry_rate_limiter_get_n_shared (BelfryRateLimiter *self)
{
  return self->n_shared;
}
