/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-json-scanner-private.h"
#include "belfry-rest-private.h"

/* /event-types: list and register. */

static BelfryEventTypeRegistry *
get_registry (BelfryServer *server)
{
  BelfryPipeline *pipeline = belfry_server_get_pipeline (server);

  return belfry_event_validator_get_registry (belfry_pipeline_get_validator (pipeline));
}

static void
get_types (BelfryServer  *server,
           BelfryRequest *request,
           gpointer       user_data)
{
  BelfryEventTypeRegistry *registry = get_registry (server);
  g_auto(GStrv) names = belfry_event_type_registry_list_names (registry);
  g_autoptr(GString) json = g_string_new ("{");

  for (gsize i = 0; names[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append (json, ", ");
      belfry_json_append_string (json, names[i]);
      g_string_append (json, ": ");
      belfry_json_append_string (json, belfry_event_type_registry_get_description (registry, names[i]));
    }
  g_string_append_c (json, '}');
  belfry_request_respond_json (request, 200, json->str);
}

typedef struct
{
  BelfryRequest *request;      /* owned */
  char          *name;
  char          *description;
} Registration;

static void
free_registration (Registration *registration)
{
  g_clear_object (&registration->request);
  g_free (registration->name);
  g_free (registration->description);
  g_free (registration);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Registration, free_registration)

static void
respond_registered (Registration *registration)
{
  g_autoptr(GString) json = g_string_new ("{\"name\": ");

  belfry_json_append_string (json, registration->name);
  g_string_append (json, ", \"description\": ");
  belfry_json_append_string (json, registration->description);
  g_string_append_c (json, '}');
  belfry_request_respond_json (registration->request, 201, json->str);
}

/* NULL with the request answered. */
static char *
take_string (BelfryRequest         *request,
             const char            *field,
             const BelfryJsonValue *value)
{
  char *text;

  if (value->type == BELFRY_JSON_ABSENT)
    {
      belfry_request_respond_problem (request, "body", field, "missing", "Field required");
      return NULL;
    }

  text = belfry_json_value_dup_string (value);
  if (text == NULL)
    belfry_request_respond_problem (request, "body", field, "string_type",
                                    "Input should be a valid string without U+0000");

  return text;
}

/* No waiting makes room for another type: that is not what 503 says. */
static void
respond_not_registered (BelfryRequest *request,
                        const GError  *error)
{
  if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_CAPACITY))
    belfry_request_respond_problem (request, "body", "name", "too_many", error->message);
  else
    belfry_request_respond_error (request, error);
}

static void
registered_cb (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  g_autoptr(Registration) registration = user_data;
  g_autoptr(GError) error = NULL;

  if (belfry_type_file_register_finish (result, &error))
    respond_registered (registration);
  else
    respond_not_registered (registration->request, error);
}

/* Answered when it is on the disk. */
static void
register_type (BelfryServer *server,
               Registration *registration)
{
  belfry_type_file_register_async (belfry_server_get_type_file (server), get_registry (server), registration->name,
                                   registration->description, registered_cb, registration);
}

static void
post_type (BelfryServer  *server,
           BelfryRequest *request,
           gpointer       user_data)
{
  static const BelfryJsonName names[] = { BELFRY_JSON_NAME ("name"), BELFRY_JSON_NAME ("description") };
  BelfryJsonValue values[G_N_ELEMENTS (names)];
  const BelfryJsonWanted wanted = { .names = names, .n_names = G_N_ELEMENTS (names), .values = values };
  BelfryJsonValue root;
  gsize length;
  const char *json = g_bytes_get_data (belfry_request_get_body (request), &length);
  g_autoptr(Registration) registration = NULL;

  if (length == 0 || !belfry_json_scan (json, length, &wanted, &root))
    {
      belfry_request_respond_problem (request, "body", NULL, "json_invalid", "Invalid JSON");
      return;
    }
  if (root.type != BELFRY_JSON_OBJECT)
    {
      belfry_request_respond_problem (request, "body", NULL, "dict_type", "Input should be a valid dictionary");
      return;
    }

  registration = g_new0 (Registration, 1);
  registration->request = g_object_ref (request);
  registration->name = take_string (request, "name", &values[0]);
  if (registration->name == NULL)
    return;
  registration->description = take_string (request, "description", &values[1]);
  if (registration->description == NULL)
    return;

  register_type (server, g_steal_pointer (&registration));
}

void
belfry_rest_add_type_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/event-types", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_NONE, get_types, NULL, NULL);
  belfry_server_add_route_full (self, "POST", "/event-types", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_ADMIN,
                                BELFRY_RATE_CLASS_ADMIN, post_type, NULL, NULL);
}
