/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-openapi-private.h"

#include "belfry-pages-private.h"

/* GET /openapi.json: built when somebody asks, and again when a type or a limit has changed since. */

typedef struct
{
  BelfryPage *page;          /* owned; NULL before the first question */
  char       *fingerprint;   /* owned; of the facts that it tells, but for the types */
  gulong      registered_id;
  BelfryEventTypeRegistry *registry;  /* owned */
} Description;

static void
forget_page (Description *description)
{
  g_clear_pointer (&description->page, belfry_page_free);
}

static void
free_description (gpointer data)
{
  Description *description = data;

  g_signal_handler_disconnect (description->registry, description->registered_id);
  g_clear_object (&description->registry);
  forget_page (description);
  g_free (description->fingerprint);
  g_free (description);
}

static Description *
ensure_description (BelfryServer *server)
{
  static const char key[] = "belfry-description";
  Description *description = g_object_get_data (G_OBJECT (server), key);
  BelfryPipeline *pipeline = belfry_server_get_pipeline (server);

  if (description == NULL)
    {
      description = g_new0 (Description, 1);
      description->registry =
        g_object_ref (belfry_event_validator_get_registry (belfry_pipeline_get_validator (pipeline)));
      description->registered_id =
        g_signal_connect_swapped (description->registry, "registered", G_CALLBACK (forget_page), description);
      g_object_set_data_full (G_OBJECT (server), key, description, free_description);
    }

  return description;
}

static void
get_limits (BelfryServer       *server,
            BelfryOpenapiFacts *facts)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (server);

  g_object_get (server,
                "require-auth", &facts->require_auth,
                "max-body-bytes", &facts->max_body_bytes,
                "max-batch-bytes", &facts->max_batch_bytes,
                "max-ws-message-bytes", &facts->max_ws_message_bytes,
                NULL);
  g_object_get (belfry_pipeline_get_validator (pipeline),
                "max-payload-keys", &facts->max_payload_keys,
                "max-payload-bytes", &facts->max_payload_bytes,
                NULL);
}

static GQuark
get_pieces_quark (void)
{
  return g_quark_from_static_string ("belfry-description-pieces");
}

void
belfry_server_add_description (BelfryServer *self,
                               const char   *json)
{
  GPtrArray *pieces = g_object_get_qdata (G_OBJECT (self), get_pieces_quark ());

  if (pieces == NULL)
    {
      pieces = g_ptr_array_new_with_free_func (g_free);
      g_object_set_qdata_full (G_OBJECT (self), get_pieces_quark (), pieces, (GDestroyNotify) g_ptr_array_unref);
    }
  g_ptr_array_add (pieces, g_strdup (json));
}

static char *
make_fingerprint (const BelfryOpenapiFacts *facts)
{
  return g_strdup_printf ("%d %d %u %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %u",
                          facts->require_auth, facts->has_key, facts->max_payload_keys, facts->max_payload_bytes,
                          facts->max_body_bytes, facts->max_batch_bytes, facts->max_ws_message_bytes,
                          facts->pieces != NULL ? facts->pieces->len : 0);
}

static void
get_openapi (BelfryServer  *server,
             BelfryRequest *request,
             gpointer       user_data)
{
  Description *description = ensure_description (server);
  g_auto(BelfryOpenapiFacts) facts = { 0 };
  g_autofree char *fingerprint = NULL;

  get_limits (server, &facts);
  facts.pieces = g_object_get_qdata (G_OBJECT (server), get_pieces_quark ());
  facts.has_key = belfry_key_ring_has_main (belfry_admission_get_keys (belfry_server_get_admission (server)));
  fingerprint = make_fingerprint (&facts);
  if (description->page == NULL || g_strcmp0 (description->fingerprint, fingerprint) != 0)
    {
      g_autoptr(GBytes) text = NULL;

      facts.event_types = belfry_event_type_registry_list_names (description->registry);
      text = belfry_openapi_build (&facts);
      forget_page (description);
      description->page = belfry_page_new (text, "application/json");
      g_free (description->fingerprint);
      description->fingerprint = g_steal_pointer (&fingerprint);
    }

  belfry_page_respond (description->page, request);
}

void
belfry_openapi_add_routes (BelfryServer *server)
{
  belfry_server_add_route_full (server, "GET", "/openapi.json", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_QUERY, get_openapi, NULL, NULL);
}
