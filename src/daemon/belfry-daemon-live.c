/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-daemon-private.h"

#include "belfry-config-check.h"
#include "belfry-error.h"
#include "belfry-event-type-registry-private.h"
#include "belfry-log.h"
#include "belfry-tls-files.h"

/* What a running daemon can take over. First everything that may fail is read, then everything is set, so that
 * an error leaves all as it was. A setting that stands here has is_live in the table. */

/* The types of the folder alone, to see that its files are in order. */
static BelfryEventTypeRegistry *
load_types (const BelfrySettings  *settings,
            GError               **error)
{
  g_autoptr(BelfryEventTypeRegistry) types = belfry_event_type_registry_new ();

  if (!belfry_event_type_registry_load_directory (types, settings->event_types_dir, error))
    {
      g_prefix_error (error, "BELFRY_EVENT_TYPES_DIR '%s': ", settings->event_types_dir);
      return NULL;
    }

  return g_steal_pointer (&types);
}

static BelfryEventTypeRegistry *
get_registry (BelfryDaemon *self)
{
  return belfry_event_validator_get_registry (belfry_pipeline_get_validator (self->pipeline));
}

/* Whether there is room for all of them, which is all that could keep merge_types() from adding one. */
static gboolean
check_types (BelfryDaemon             *self,
             BelfryEventTypeRegistry  *types,
             GError                  **error)
{
  BelfryEventTypeRegistry *registry = get_registry (self);
  g_auto(GStrv) names = belfry_event_type_registry_list_names (types);
  guint n_types = belfry_event_type_registry_get_n_types (registry);

  for (gsize i = 0; names[i] != NULL; i++)
    n_types += !belfry_event_type_registry_contains (registry, names[i]);
  if (n_types <= BELFRY_EVENT_TYPES_MAX)
    return TRUE;

  g_set_error (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY,
               "BELFRY_EVENT_TYPES_DIR: with those that are registered these would be %u event types; allowed: %d",
               n_types, BELFRY_EVENT_TYPES_MAX);
  return FALSE;
}

/* A type that is gone from the files stays: events of it may be stored, and clients may hold filters for it. One that
 * was registered at a door keeps the description that it got there. */
static void
merge_types (BelfryDaemon            *self,
             BelfryEventTypeRegistry *types)
{
  BelfryEventTypeRegistry *registry = get_registry (self);
  g_auto(GStrv) names = belfry_event_type_registry_list_names (types);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      const char *description = belfry_event_type_registry_get_description (types, names[i]);
      g_autoptr(GError) error = NULL;

      if (!belfry_type_file_contains (self->type_file, names[i])
          && !belfry_event_type_registry_register (registry, names[i], description, &error))
        g_critical ("A type that was checked could not be registered: %s", error->message);
    }
}

static void
set_properties (BelfryDaemon         *self,
                const BelfrySettings *settings,
                GTlsCertificate      *certificate)
{
  belfry_log_set_up (settings->debug ? "DEBUG" : settings->log_level, settings->log_format);
  belfry_log_add_secret (settings->api_key);
  g_object_set (self->pipeline, "retention-usec", settings->event_retention_usec, NULL);
  g_object_set (self->server,
                "service-name", settings->service_name,
                "require-auth", settings->require_auth,
                "api-key", settings->api_key,
                "cors-origins", settings->cors_origins,
                "trusted-proxies", settings->trusted_proxies,
                "rate-limit-publish", settings->rate_limit_publish,
                "rate-limit-query", settings->rate_limit_query,
                "rate-limit-admin", settings->rate_limit_admin,
                "rate-limit-filters", settings->rate_limit_filters,
                "rate-limit-collect", settings->rate_limit_collect,
                "rate-limit-max-clients", (guint) settings->rate_limit_max_clients,
                "max-body-bytes", settings->max_body_bytes,
                "max-upload-bytes", settings->max_upload_bytes,
                "max-answer-bytes", settings->max_answer_bytes,
                "max-ws-connections-per-ip", (guint) settings->max_ws_connections_per_ip,
                "max-connections", (guint) settings->max_connections,
                "header-timeout-usec", settings->header_timeout_usec,
                "body-stall-timeout-usec", settings->body_stall_timeout_usec,
                "body-timeout-usec", settings->body_timeout_usec,
                "idle-timeout-usec", settings->idle_timeout_usec,
                "write-timeout-usec", settings->write_timeout_usec,
                NULL);
  if (certificate != NULL && self->started->tls_certificate != NULL)
    g_object_set (self->server, "tls-certificate", certificate, NULL);
}

gboolean
belfry_daemon_apply_live (BelfryDaemon          *self,
                          const BelfrySettings  *settings,
                          GError               **error)
{
  g_autoptr(GTlsCertificate) certificate = NULL;
  g_autoptr(BelfryEventTypeRegistry) types = NULL;

  if (settings->tls_certificate != NULL
      && (certificate = belfry_tls_files_load (settings->tls_certificate, settings->tls_private_key, error)) == NULL)
    return FALSE;

  types = load_types (settings, error);
  if (types == NULL || !check_types (self, types, error) || !belfry_config_check_keys (settings, error)
      || !belfry_server_load_api_keys (self->server, settings->api_keys_file, error))
    return FALSE;

  /* The keys are in force: nothing from here on may fail. */
  merge_types (self, types);
  set_properties (self, settings, certificate);
  belfry_daemon_collect_reload (self->collect, settings);
  return TRUE;
}
