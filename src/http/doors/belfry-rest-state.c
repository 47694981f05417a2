/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-buffer-private.h"
#include "belfry-metrics-private.h"
#include "belfry-rest-private.h"

#include "belfry-error.h"
#include "belfry-timestamp-private.h"

/* How the service is: /stats, /health, /readiness. */

/* A look at the disk answers for everybody who asks within this time: health has no rate limit. */
#define CHECK_AGE_USEC (1 * G_USEC_PER_SEC)

static BelfryEventStore *
get_store (BelfryServer *server)
{
  return belfry_pipeline_get_store (belfry_server_get_pipeline (server));
}

static void
add_count (JsonBuilder *builder,
           const char  *name,
           guint64      count)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) count);
}

static void
add_text (JsonBuilder *builder,
          const char  *name,
          const char  *text)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, text);
}

static void
add_types (JsonBuilder      *builder,
           BelfryStoreStats *stats)
{
  json_builder_set_member_name (builder, "by_type");
  json_builder_begin_array (builder);
  for (guint i = 0; i < stats->by_type->len; i++)
    {
      const BelfryTypeCount *type = g_ptr_array_index (stats->by_type, i);
      char last_seen[BELFRY_TIMESTAMP_LENGTH + 1];

      belfry_timestamp_write (type->last_seen_usec, last_seen);
      json_builder_begin_object (builder);
      add_text (builder, "event_type", type->event_type);
      add_count (builder, "count", type->count);
      add_text (builder, "last_seen", last_seen);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

static void
add_object (JsonBuilder *builder,
            const char  *name,
            gpointer     object)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  belfry_rest_add_counters (builder, G_OBJECT (object));
  json_builder_end_object (builder);
}

static void
add_sessions (JsonBuilder  *builder,
              BelfryServer *server)
{
  BelfrySessionSet *sessions = belfry_server_get_sessions (server);

  json_builder_set_member_name (builder, "sessions");
  json_builder_begin_object (builder);
  add_count (builder, "open", belfry_session_set_get_n_sessions (sessions));
  add_count (builder, "delivered_websocket", belfry_session_set_get_delivered (sessions, "websocket"));
  add_count (builder, "delivered_sse", belfry_session_set_get_delivered (sessions, "sse"));
  json_builder_end_object (builder);
}

/* Somebody else's numbers among ours. */
typedef struct
{
  char     *name;
  GWeakRef  object;
} Counters;

static void
free_counters (gpointer data)
{
  Counters *counters = data;

  g_weak_ref_clear (&counters->object);
  g_free (counters->name);
  g_free (counters);
}

static GQuark
get_counters_quark (void)
{
  return g_quark_from_static_string ("belfry-rest-counters");
}

void
belfry_server_add_counters (BelfryServer *self,
                            const char   *name,
                            GObject      *object)
{
  GPtrArray *all = g_object_get_qdata (G_OBJECT (self), get_counters_quark ());
  Counters *counters = g_new0 (Counters, 1);

  if (all == NULL)
    {
      all = g_ptr_array_new_with_free_func (free_counters);
      g_object_set_qdata_full (G_OBJECT (self), get_counters_quark (), all, (GDestroyNotify) g_ptr_array_unref);
    }
  counters->name = g_strdup (name);
  g_weak_ref_init (&counters->object, object);
  g_ptr_array_add (all, counters);
  belfry_metrics_bind_part (belfry_server_get_metrics (self), name, object);
}

static void
add_others (JsonBuilder  *builder,
            BelfryServer *server)
{
  GPtrArray *all = g_object_get_qdata (G_OBJECT (server), get_counters_quark ());

  for (guint i = 0; all != NULL && i < all->len; i++)
    {
      Counters *counters = g_ptr_array_index (all, i);
      g_autoptr(GObject) object = g_weak_ref_get (&counters->object);

      if (object != NULL)
        add_object (builder, counters->name, object);
    }
}

static void
stats_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  g_autoptr(BelfryRequest) request = BELFRY_REQUEST (user_data);
  BelfryServer *server = belfry_request_get_server (request);
  BelfryPipeline *pipeline = belfry_server_get_pipeline (server);
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryStoreStats) stats = belfry_event_store_stats_finish (BELFRY_EVENT_STORE (source), result, &error);
  g_autoptr(JsonBuilder) builder = NULL;
  g_autoptr(JsonNode) root = NULL;

  if (stats == NULL)
    {
      belfry_request_respond_error (request, error);
      return;
    }

  builder = json_builder_new ();
  json_builder_begin_object (builder);
  add_count (builder, "total_events", stats->total_events);
  add_count (builder, "events_last_hour", stats->events_last_hour);
  add_types (builder, stats);
  add_object (builder, "router", belfry_pipeline_get_router (pipeline));
  add_object (builder, "pipeline", pipeline);
  add_object (builder, "store", source);
  add_object (builder, "server", server);
  add_sessions (builder, server);
  add_others (builder, server);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  belfry_rest_respond_node (request, 200, root);
}

static void
get_stats (BelfryServer  *server,
           BelfryRequest *request,
           gpointer       user_data)
{
  belfry_event_store_stats_async (get_store (server), NULL, stats_cb, g_object_ref (request));
}

/* --- health --- */

static void
add_strings (JsonBuilder *builder,
             const char  *name,
             char       **texts)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_array (builder);
  for (gsize i = 0; texts[i] != NULL; i++)
    json_builder_add_string_value (builder, texts[i]);
  json_builder_end_array (builder);
}

/* What is damaged can still be written on, and mostly be read. */
typedef enum
{
  DATABASE_UNAVAILABLE,
  DATABASE_DAMAGED,
  DATABASE_OK,
} Database;

static void
respond_health (BelfryRequest *request,
                Database       database)
{
  static const char *const statuses[] = { "error", "degraded", "ok" };
  static const char *const states[] = { "unavailable", "damaged", "ok" };
  BelfryServer *server = belfry_request_get_server (request);
  g_auto(GStrv) uris = belfry_server_list_uris (server);
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  gboolean is_well = belfry_rest_add_components (NULL, server);

  json_builder_begin_object (builder);
  add_text (builder, "status", database == DATABASE_OK && !is_well ? "degraded" : statuses[database]);
  add_text (builder, "service", belfry_server_get_service_name (server));
  add_text (builder, "version", BELFRY_VERSION);
  json_builder_set_member_name (builder, "components");
  json_builder_begin_object (builder);
  add_text (builder, "database", states[database]);
  (void) belfry_rest_add_components (builder, server);
  json_builder_end_object (builder);
  add_strings (builder, "urls", uris);
  add_count (builder, "uptime_seconds",
             (g_get_monotonic_time () - belfry_server_get_started_usec (server)) / G_USEC_PER_SEC);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  belfry_rest_respond_node (request, 200, root);
}

static void
respond_readiness (BelfryRequest *request,
                   Database       database)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (belfry_request_get_server (request));
  g_autoptr(JsonBuilder) builder = NULL;
  g_autoptr(JsonNode) root = NULL;

  if (database == DATABASE_UNAVAILABLE)
    {
      belfry_request_respond_json (request, 503, "{\"ready\": false, \"database\": \"disconnected\"}");
      return;
    }

  builder = json_builder_new ();
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "ready");
  json_builder_add_boolean_value (builder, TRUE);
  add_text (builder, "database", "connected");
  add_object (builder, "router", belfry_pipeline_get_router (pipeline));
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  belfry_rest_respond_node (request, 200, root);
}

typedef void (*RespondFunc) (BelfryRequest *request, Database database);

typedef struct
{
  BelfryRequest *request;  /* owned */
  RespondFunc    respond;
} Inquiry;

/* One server's knowledge of its database. */
typedef struct
{
  GArray  *waiting;     /* owned; of Inquiry */
  gint64   asked_usec;  /* monotonic; 0: never */
  gboolean is_asking;
  Database database;
} Checkup;

static void
clear_inquiry (gpointer data)
{
  Inquiry *inquiry = data;

  g_clear_object (&inquiry->request);
}

static void
free_checkup (gpointer data)
{
  Checkup *checkup = data;

  g_clear_pointer (&checkup->waiting, g_array_unref);
  g_free (checkup);
}

static Checkup *
ensure_checkup (BelfryServer *server)
{
  static const char key[] = "belfry-checkup";
  Checkup *checkup = g_object_get_data (G_OBJECT (server), key);

  if (checkup == NULL)
    {
      checkup = g_new0 (Checkup, 1);
      checkup->waiting = g_array_new (FALSE, FALSE, sizeof (Inquiry));
      g_array_set_clear_func (checkup->waiting, clear_inquiry);
      g_object_set_data_full (G_OBJECT (server), key, checkup, free_checkup);
    }

  return checkup;
}

static void
checked_cb (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(BelfryServer) server = BELFRY_SERVER (user_data);
  Checkup *checkup = ensure_checkup (server);
  g_autoptr(GArray) waiting = g_steal_pointer (&checkup->waiting);
  static const char *const states[] = { "unavailable", "damaged", "in order" };
  g_autoptr(GError) error = NULL;
  Database database = DATABASE_UNAVAILABLE;

  if (belfry_event_store_check_finish (BELFRY_EVENT_STORE (source), result, &error))
    database = DATABASE_OK;
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_CORRUPT))
    database = DATABASE_DAMAGED;

  if (database != checkup->database && checkup->asked_usec != 0)
    g_message ("The database is %s", states[database]);
  checkup->database = database;
  checkup->is_asking = FALSE;
  checkup->asked_usec = g_get_monotonic_time ();
  checkup->waiting = g_array_new (FALSE, FALSE, sizeof (Inquiry));
  g_array_set_clear_func (checkup->waiting, clear_inquiry);

  for (guint i = 0; i < waiting->len; i++)
    {
      const Inquiry *inquiry = &g_array_index (waiting, Inquiry, i);

      inquiry->respond (inquiry->request, database);
    }
}

static void
inquire (BelfryServer  *server,
         BelfryRequest *request,
         RespondFunc    respond)
{
  Checkup *checkup = ensure_checkup (server);
  Inquiry inquiry;

  if (!checkup->is_asking && checkup->asked_usec != 0
      && g_get_monotonic_time () - checkup->asked_usec < CHECK_AGE_USEC)
    {
      respond (request, checkup->database);
      return;
    }

  inquiry.request = g_object_ref (request);
  inquiry.respond = respond;
  g_array_append_val (checkup->waiting, inquiry);
  if (checkup->is_asking)
    return;

  checkup->is_asking = TRUE;
  belfry_event_store_check_async (get_store (server), NULL, checked_cb, g_object_ref (server));
}

static void
get_health (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  inquire (server, request, respond_health);
}

static void
get_readiness (BelfryServer  *server,
               BelfryRequest *request,
               gpointer       user_data)
{
  inquire (server, request, respond_readiness);
}

void
belfry_rest_add_state_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/stats", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_QUERY,
                                BELFRY_RATE_CLASS_QUERY, get_stats, NULL, NULL);
  belfry_server_add_route_full (self, "GET", "/health", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_NONE, get_health, NULL, NULL);
  belfry_server_add_route_full (self, "GET", "/readiness", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_NONE, get_readiness, NULL, NULL);
  belfry_server_add_route_full (self, "GET", "/ready", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_NONE, get_readiness, NULL, NULL);
}
