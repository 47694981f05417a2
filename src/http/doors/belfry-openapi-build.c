/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-openapi-private.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "belfry-resources.h"

/* The description is written as JSON, a piece for each tag, in the folder openapi. Here the pieces are put
 * together: @name@ gives way to a fact of this server, and what is true of many operations is added to
 * them, so that a piece says only what is special. */

#define FOLDER "/org/belfry/openapi/"

/* Answers that the way to an operation may end in. */
typedef enum
{
  FOR_ALL,      /* every operation */
  FOR_KEYED,    /* those that need a key */
  FOR_LIMITED,  /* those of a rate class */
} Reach;

static const struct
{
  const char *status;
  const char *name;
  Reach       reach;
} common_answers[] = {
  { "400", "BadRequest", FOR_ALL },
  { "401", "Unauthorized", FOR_KEYED },
  { "403", "Forbidden", FOR_KEYED },
  { "408", "Timeout", FOR_ALL },
  { "413", "TooLarge", FOR_ALL },
  { "429", "TooManyRequests", FOR_LIMITED },
  { "431", "HeadersTooLarge", FOR_ALL },
};

/* Headers of every answer. */
static const char * const common_headers[] = {
  "X-Content-Type-Options",
  "X-Frame-Options",
  "X-XSS-Protection",
  "Referrer-Policy",
  "Content-Security-Policy",
  "Strict-Transport-Security",
};

void
belfry_openapi_facts_clear (BelfryOpenapiFacts *facts)
{
  g_clear_pointer (&facts->event_types, g_strfreev);
}

/* --- facts --- */

static void
replace (GString    *text,
         const char *name,
         const char *value)
{
  g_autofree char *bare = g_strdup_printf ("@%s@", name);
  g_autofree char *quoted = g_strdup_printf ("\"@%s@\"", name);

  /* In quotes of its own it stands for a value, otherwise for a piece of a text. */
  g_string_replace (text, quoted, value, 0);
  g_string_replace (text, bare, value, 0);
}

static void
replace_number (GString    *text,
                const char *name,
                guint64     number)
{
  g_autofree char *value = g_strdup_printf ("%" G_GUINT64_FORMAT, number);

  replace (text, name, value);
}

/* Names have no character that JSON would escape. */
static char *
format_names (char **names)
{
  g_autofree char *joined = g_strjoinv ("\",\"", names);

  return names[0] != NULL ? g_strdup_printf ("[\"%s\"]", joined) : g_strdup ("[]");
}

static void
tell_facts (GString                  *text,
            const BelfryOpenapiFacts *facts)
{
  g_autofree char *names = format_names (facts->event_types);
  const char *keys = "{\"ApiKey\":[]},{\"Bearer\":[]}";
  g_autofree char *security = g_strdup_printf ("[%s%s]", facts->require_auth ? "" : "{},", keys);
  g_autofree char *guarded_security = g_strdup_printf ("[%s%s]", facts->require_auth || facts->has_key ? "" : "{},", keys);
  g_autofree char *stream_security = g_strdup_printf ("[%s%s,{\"StreamKey\":[]}]", facts->require_auth ? "" : "{},", keys);

  g_string_replace (text, "@version@", BELFRY_VERSION, 0);
  replace (text, "event-types", names);
  replace (text, "security", security);
  replace (text, "guarded-security", guarded_security);
  replace (text, "stream-security", stream_security);
  replace_number (text, "max-payload-keys", facts->max_payload_keys);
  replace_number (text, "max-payload-bytes", facts->max_payload_bytes);
  replace_number (text, "max-body-bytes", facts->max_body_bytes);
  replace_number (text, "max-batch-bytes", facts->max_batch_bytes);
  replace_number (text, "max-ws-message-bytes", facts->max_ws_message_bytes);
}

/* --- pieces --- */

/* Members that both have are objects, down to the depth; below it those of the piece win. */
static void
merge (JsonObject *whole,
       JsonObject *piece,
       guint       depth)
{
  g_autoptr(GList) names = json_object_get_members (piece);

  for (GList *link = names; link != NULL; link = link->next)
    {
      const char *name = link->data;

      if (depth > 0 && json_object_has_member (whole, name))
        merge (json_object_get_object_member (whole, name), json_object_get_object_member (piece, name), depth - 1);
      else
        json_object_set_member (whole, name, json_object_dup_member (piece, name));
    }
}

static void
add_text (JsonObject               *whole,
          const char               *piece,
          gssize                    length,
          const BelfryOpenapiFacts *facts)
{
  g_autoptr(GString) text = g_string_new_len (piece, length);
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = NULL;

  tell_facts (text, facts);
  node = json_from_string (text->str, &error);
  g_assert_no_error (error);
  merge (whole, json_node_get_object (node), 2);
}

static void
add_piece (JsonObject               *whole,
           GResource                *resource,
           const char               *name,
           const BelfryOpenapiFacts *facts)
{
  g_autofree char *path = g_strconcat (FOLDER, name, NULL);
  g_autoptr(GBytes) bytes = g_resource_lookup_data (resource, path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

  add_text (whole, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), facts);
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char * const *) a, *(const char * const *) b);
}

static JsonObject *
join_pieces (const BelfryOpenapiFacts *facts)
{
  GResource *resource = belfry_resources_get_resource ();
  g_auto(GStrv) names = g_resource_enumerate_children (resource, FOLDER, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  g_autoptr(JsonObject) whole = json_object_new ();

  qsort (names, g_strv_length (names), sizeof *names, compare_names);
  for (gsize i = 0; names[i] != NULL; i++)
    add_piece (whole, resource, names[i], facts);
  for (guint i = 0; facts->pieces != NULL && i < facts->pieces->len; i++)
    add_text (whole, g_ptr_array_index (facts->pieces, i), -1, facts);

  return g_steal_pointer (&whole);
}

/* --- what is true of many --- */

static JsonObject *
ensure_object (JsonObject *parent,
               const char *name)
{
  if (!json_object_has_member (parent, name))
    json_object_set_object_member (parent, name, json_object_new ());

  return json_object_get_object_member (parent, name);
}

static void
set_reference (JsonObject *parent,
               const char *name,
               const char *section,
               const char *target)
{
  g_autofree char *path = g_strdup_printf ("#/components/%s/%s", section, target);
  JsonObject *reference = json_object_new ();

  json_object_set_string_member (reference, "$ref", path);
  json_object_set_object_member (parent, name, reference);
}

static void
complete_answer (JsonObject *object,
                 const char *name,
                 JsonNode   *node,
                 gpointer    user_data)
{
  JsonObject *answer = json_node_get_object (node);
  JsonObject *headers;

  /* Behind a reference is one that is completed where it stands; a switch of protocols carries none of them. */
  if (json_object_has_member (answer, "$ref") || strcmp (name, "101") == 0)
    return;

  headers = ensure_object (answer, "headers");
  for (gsize i = 0; i < G_N_ELEMENTS (common_headers); i++)
    set_reference (headers, common_headers[i], "headers", common_headers[i]);
}

static gboolean
has_reach (JsonObject *operation,
           Reach       reach)
{
  switch (reach)
    {
    case FOR_KEYED:
      return json_object_has_member (operation, "x-scope") && !json_object_has_member (operation, "x-websocket");
    case FOR_LIMITED:
      return json_object_has_member (operation, "x-rate-class");
    case FOR_ALL:
    default:
      return TRUE;
    }
}

static void
complete_operation (JsonObject *path,
                    const char *method,
                    JsonNode   *node,
                    gpointer    user_data)
{
  JsonObject *operation = json_node_get_object (node);
  JsonObject *answers = json_object_get_object_member (operation, "responses");

  for (gsize i = 0; i < G_N_ELEMENTS (common_answers); i++)
    {
      if (has_reach (operation, common_answers[i].reach) && !json_object_has_member (answers, common_answers[i].status))
        set_reference (answers, common_answers[i].status, "responses", common_answers[i].name);
    }
  json_object_foreach_member (answers, complete_answer, NULL);
}

static void
complete_path (JsonObject *paths,
               const char *name,
               JsonNode   *node,
               gpointer    user_data)
{
  json_object_foreach_member (json_node_get_object (node), complete_operation, NULL);
}

GBytes *
belfry_openapi_build (const BelfryOpenapiFacts *facts)
{
  g_autoptr(JsonObject) whole = join_pieces (facts);
  JsonObject *components = json_object_get_object_member (whole, "components");
  g_autoptr(JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  char *text;

  json_object_foreach_member (json_object_get_object_member (components, "responses"), complete_answer, NULL);
  json_object_foreach_member (json_object_get_object_member (whole, "paths"), complete_path, NULL);

  json_node_set_object (root, whole);
  text = json_to_string (root, FALSE);
  return g_bytes_new_take (text, strlen (text));
}
