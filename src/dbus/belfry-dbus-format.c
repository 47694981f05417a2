/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-format-private.h"

#include "belfry-dbus-error-private.h"
#include "belfry-event-private.h"
#include "belfry-server-private.h"
#include "belfry-timestamp-private.h"

static void
add (GVariantBuilder *builder,
     const char      *name,
     GVariant        *value)
{
  g_variant_builder_add (builder, "{sv}", name, value);
}

static GVariant *
format_instant (gint64 usec)
{
  char text[BELFRY_TIMESTAMP_LENGTH + 1];

  belfry_timestamp_write (usec, text);
  return g_variant_new_string (text);
}

/* Every readable number among the properties, with _ for -. */
static GVariant *
format_counters (GObject *object)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  guint n_specs;
  g_autofree GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (object), &n_specs);

  for (guint i = 0; i < n_specs; i++)
    {
      g_auto(GValue) value = G_VALUE_INIT;
      g_auto(GValue) number = G_VALUE_INIT;
      g_autofree char *name = g_strdelimit (g_strdup (specs[i]->name), "-", '_');
      GType type = G_PARAM_SPEC_VALUE_TYPE (specs[i]);

      if ((specs[i]->flags & G_PARAM_READABLE) == 0
          || (type != G_TYPE_UINT64 && type != G_TYPE_UINT && type != G_TYPE_INT64 && type != G_TYPE_ULONG))
        continue;

      g_value_init (&value, type);
      g_value_init (&number, G_TYPE_UINT64);
      g_object_get_property (object, specs[i]->name, &value);
      g_value_transform (&value, &number);
      add (&builder, name, g_variant_new_uint64 (g_value_get_uint64 (&number)));
    }

  return g_variant_builder_end (&builder);
}

static GVariant *
format_type_counts (BelfryStoreStats *stats)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  for (guint i = 0; i < stats->by_type->len; i++)
    {
      const BelfryTypeCount *type = g_ptr_array_index (stats->by_type, i);

      g_variant_builder_open (&builder, G_VARIANT_TYPE_VARDICT);
      add (&builder, "event_type", g_variant_new_string (type->event_type));
      add (&builder, "count", g_variant_new_uint64 (type->count));
      add (&builder, "last_seen", format_instant (type->last_seen_usec));
      g_variant_builder_close (&builder);
    }

  return g_variant_builder_end (&builder);
}

static GVariant *
format_sessions (BelfryServer *server)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  BelfrySessionSet *sessions = belfry_server_get_sessions (server);

  add (&builder, "open", g_variant_new_uint64 (belfry_session_set_get_n_sessions (sessions)));
  add (&builder, "delivered_websocket",
       g_variant_new_uint64 (belfry_session_set_get_delivered (sessions, "websocket")));
  add (&builder, "delivered_sse", g_variant_new_uint64 (belfry_session_set_get_delivered (sessions, "sse")));
  return g_variant_builder_end (&builder);
}

GVariant *
belfry_dbus_format_stats (BelfryDBusService *service,
                          BelfryStoreStats  *stats)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  BelfryPipeline *pipeline = belfry_server_get_pipeline (service->server);

  add (&builder, "total_events", g_variant_new_uint64 (stats->total_events));
  add (&builder, "events_last_hour", g_variant_new_uint64 (stats->events_last_hour));
  add (&builder, "by_type", format_type_counts (stats));
  add (&builder, "router", format_counters (G_OBJECT (belfry_pipeline_get_router (pipeline))));
  add (&builder, "pipeline", format_counters (G_OBJECT (pipeline)));
  add (&builder, "store", format_counters (G_OBJECT (belfry_pipeline_get_store (pipeline))));
  add (&builder, "server", format_counters (G_OBJECT (service->server)));
  add (&builder, "sessions", format_sessions (service->server));
  add (&builder, "dbus", format_counters (G_OBJECT (service)));
  return g_variant_builder_end (&builder);
}

static void
set_too_large (GError **error)
{
  g_set_error_literal (error, BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_UNAVAILABLE, "The answer is too large");
}

GVariant *
belfry_dbus_format_events (GPtrArray  *events,
                           guint64     max_bytes,
                           GError    **error)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_STRING_ARRAY);
  guint64 n_bytes = 0;

  for (guint i = 0; i < events->len; i++)
    {
      gsize length;

      belfry_event_peek_json (g_ptr_array_index (events, i), &length);
      /* Each string with its own length, its NUL and its padding. */
      n_bytes += length + 8;
      if (n_bytes > max_bytes)
        {
          g_variant_builder_clear (&builder);
          set_too_large (error);
          return NULL;
        }
      g_variant_builder_add (&builder, "s", belfry_event_get_json (g_ptr_array_index (events, i)));
    }

  return g_variant_builder_end (&builder);
}

/* --- subscribers --- */

/* Where a subscriber is at home. */
typedef struct
{
  const char *transport;  /* static */
  char       *address;
} Peer;

static void
free_peer (gpointer data)
{
  Peer *peer = data;

  g_free (peer->address);
  g_free (peer);
}

static void
note_peer (BelfrySubscriber *subscriber,
           const char       *transport,
           const char       *address,
           gpointer          user_data)
{
  Peer *peer = g_new0 (Peer, 1);

  peer->transport = transport;
  peer->address = g_strdup (address);
  g_hash_table_replace (user_data, subscriber, peer);
}

static void
note_stream (BelfrySubscriber *subscriber,
             const char       *caller,
             gpointer          user_data)
{
  note_peer (subscriber, "dbus", caller, user_data);
}

static GVariant *
format_filter (BelfryFilter *filter)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  double min_amount;

  if (belfry_filter_get_event_types (filter) != NULL)
    add (&builder, "event_types", g_variant_new_strv (belfry_filter_get_event_types (filter), -1));
  if (belfry_filter_get_session_id (filter) != NULL)
    add (&builder, "session_id", g_variant_new_string (belfry_filter_get_session_id (filter)));
  if (belfry_filter_get_user_id (filter) != NULL)
    add (&builder, "user_id", g_variant_new_string (belfry_filter_get_user_id (filter)));
  if (belfry_filter_get_user_tiers (filter) != NULL)
    add (&builder, "user_tiers", g_variant_new_strv (belfry_filter_get_user_tiers (filter), -1));
  if (belfry_filter_get_min_amount (filter, &min_amount))
    add (&builder, "min_amount", g_variant_new_double (min_amount));
  return g_variant_builder_end (&builder);
}

static GVariant *
format_subscriber (BelfrySubscriber *subscriber,
                   const Peer       *peer)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE_VARDICT);
  gint64 created_usec;
  guint64 delivered;
  gboolean is_live;

  g_object_get (subscriber, "created-usec", &created_usec, "delivered", &delivered, "is-live", &is_live, NULL);
  add (&builder, "id", g_variant_new_string (belfry_subscriber_get_id (subscriber)));
  add (&builder, "filter", format_filter (belfry_subscriber_get_filter (subscriber)));
  add (&builder, "transport", g_variant_new_string (peer != NULL ? peer->transport : "library"));
  add (&builder, "address", g_variant_new_string (peer != NULL && peer->address != NULL ? peer->address : ""));
  add (&builder, "connected_since", format_instant (created_usec));
  add (&builder, "delivered", g_variant_new_uint64 (delivered));
  add (&builder, "state", g_variant_new_string (is_live ? "live" : "behind"));
  return g_variant_builder_end (&builder);
}

GVariant *
belfry_dbus_format_subscribers (BelfryDBusService  *service,
                                GError            **error)
{
  BelfryRouter *router = belfry_pipeline_get_router (belfry_server_get_pipeline (service->server));
  g_autoptr(GPtrArray) subscribers = belfry_router_list_subscribers (router);
  g_autoptr(GHashTable) peers = g_hash_table_new_full (NULL, NULL, NULL, free_peer);
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));
  guint64 n_bytes = 0;

  belfry_session_set_foreach_subscriber (belfry_server_get_sessions (service->server), note_peer, peers);
  belfry_dbus_streams_foreach (service->streams, note_stream, peers);
  for (guint i = 0; i < subscribers->len; i++)
    {
      BelfrySubscriber *subscriber = g_ptr_array_index (subscribers, i);
      GVariant *value = format_subscriber (subscriber, g_hash_table_lookup (peers, subscriber));

      n_bytes += g_variant_get_size (value);
      g_variant_builder_add_value (&builder, value);
      if (n_bytes > service->max_answer_bytes)
        {
          g_variant_builder_clear (&builder);
          set_too_large (error);
          return NULL;
        }
    }

  return g_variant_builder_end (&builder);
}

GVariant *
belfry_dbus_format_types (BelfryEventTypeRegistry *registry)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a{ss}"));
  g_auto(GStrv) names = belfry_event_type_registry_list_names (registry);

  for (gsize i = 0; names[i] != NULL; i++)
    g_variant_builder_add (&builder, "{ss}", names[i],
                           belfry_event_type_registry_get_description (registry, names[i]));

  return g_variant_builder_end (&builder);
}
