/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-error.h"
#include "belfry-request-private.h"

/* What the client of HTTP learns of an error: the one table from codes to status. A message goes out only
 * where the code says that it was written for the client. */

typedef struct
{
  BelfryError code;
  guint       status;
  const char *detail;  /* NULL: the message of the error */
} Translation;

static const Translation translations[] = {
  { BELFRY_ERROR_UNKNOWN_CURSOR, 400, "Unknown cursor" },
  { BELFRY_ERROR_NOT_FOUND, 404, NULL },
  { BELFRY_ERROR_UNAVAILABLE, 503, "Storage unavailable" },
  { BELFRY_ERROR_CAPACITY, 503, NULL },
  { BELFRY_ERROR_REFUSED, 503, "Storage unavailable" },
  { BELFRY_ERROR_CORRUPT, 503, "Storage unavailable" },
};

#define RETRY_AFTER_SEC "1"

static void
append_problem (GString    *json,
                const char *place,
                const char *field,
                const char *rule,
                const char *message)
{
  g_string_append (json, "{\"loc\": [");
  belfry_json_append_string (json, place);
  if (field != NULL && field[0] != '\0')
    {
      g_string_append (json, ", ");
      belfry_json_append_string (json, field);
    }
  g_string_append (json, "], \"msg\": ");
  belfry_json_append_string (json, message);
  g_string_append (json, ", \"type\": ");
  belfry_json_append_string (json, rule);
  g_string_append_c (json, '}');
}

void
belfry_request_respond_problem (BelfryRequest *self,
                                const char    *place,
                                const char    *field,
                                const char    *rule,
                                const char    *message)
{
  g_autoptr(GString) json = g_string_new ("{\"detail\": [");

  append_problem (json, place, field, rule, message);
  g_string_append (json, "]}");
  belfry_request_respond_json (self, 422, json->str);
}

static void
respond_problems (BelfryRequest *self,
                  GPtrArray     *problems)
{
  g_autoptr(GString) json = g_string_new ("{\"detail\": [");

  for (guint i = 0; i < problems->len; i++)
    {
      const BelfryProblem *problem = g_ptr_array_index (problems, i);

      if (i > 0)
        g_string_append (json, ", ");
      append_problem (json, "body", problem->field, problem->rule, problem->message);
    }
  g_string_append (json, "]}");
  belfry_request_respond_json (self, 422, json->str);
}

static const Translation *
find_translation (const GError *error)
{
  if (error->domain != BELFRY_ERROR)
    return NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (translations); i++)
    {
      if ((int) translations[i].code == error->code)
        return &translations[i];
    }

  return NULL;
}

/**
 * belfry_request_respond_error:
 * @self: a request that was not answered yet
 * @error: what went wrong
 *
 * Answers the request with the status that belongs to the code of @error: 422 with the broken rules,
 * 400, 404, 503 with `Retry-After`; 500 for what is no [error@Belfry.Error]. Nothing internal shows in
 * the answer.
 *
 * Since: 0.1
 */
void
belfry_request_respond_error (BelfryRequest *self,
                              const GError  *error)
{
  const Translation *translation;
  GPtrArray *problems;

  g_return_if_fail (BELFRY_IS_REQUEST (self));
  g_return_if_fail (error != NULL);

  problems = belfry_error_get_problems (error);
  translation = find_translation (error);

  if (problems != NULL && problems->len > 0)
    {
      respond_problems (self, problems);
    }
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON))
    {
      belfry_request_respond_problem (self, "body", NULL, "json_invalid", "Invalid JSON");
    }
  else if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT)
           || g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT))
    {
      belfry_request_respond_problem (self, "body", NULL, "value_error", error->message);
    }
  else if (translation == NULL)
    {
      g_warning ("Answered 500: %s", error->message);
      belfry_request_respond_detail (self, 500, "Internal Server Error");
    }
  else
    {
      if (translation->status == 503)
        belfry_request_set_response_header (self, "Retry-After", RETRY_AFTER_SEC);
      belfry_request_respond_detail (self, translation->status,
                                     translation->detail != NULL ? translation->detail : error->message);
    }
}
