/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-event-type-registry-private.h"
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

typedef void (*CheckFunc) (const char *text, BelfryEventProblems **problems);

/* NULL with the reason among problems, where what check finds wrong with the text is added too. */
static char *
take_string (const char             *field,
             const BelfryJsonValue  *value,
             CheckFunc               check,
             BelfryEventProblems   **problems)
{
  char *text = belfry_json_value_dup_string (value);

  if (text != NULL)
    check (text, problems);
  else if (value->type == BELFRY_JSON_ABSENT)
    belfry_event_problems_add (problems, field, "missing", "Field required");
  else if (value->type != BELFRY_JSON_STRING)
    belfry_event_problems_add (problems, field, "string_type", "Input should be a valid string");
  else
    belfry_event_problems_add (problems, field, "string_type", "Input should be a valid string without U+0000");

  return text;
}

/* NULL with the request answered: every broken rule is told at once. */
static Registration *
take_registration (BelfryRequest         *request,
                   const BelfryJsonValue *name,
                   const BelfryJsonValue *description)
{
  g_autoptr(Registration) self = g_new0 (Registration, 1);
  g_autoptr(GError) error = NULL;
  BelfryEventProblems *problems = NULL;

  self->request = g_object_ref (request);
  self->name = take_string ("name", name, belfry_event_type_registry_check_name, &problems);
  self->description = take_string ("description", description, belfry_event_type_registry_check_description, &problems);
  if (problems == NULL)
    return g_steal_pointer (&self);

  belfry_event_problems_raise (problems, &error);
  belfry_request_respond_error (request, error);
  return NULL;
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
  Registration *registration;

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

  registration = take_registration (request, &values[0], &values[1]);
  if (registration != NULL)
    register_type (server, registration);
}

void
belfry_rest_add_type_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/event-types", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_NONE, get_types, NULL, NULL);
  belfry_server_add_route_full (self, "POST", "/event-types", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_ADMIN,
                                BELFRY_RATE_CLASS_ADMIN, post_type, NULL, NULL);
}
