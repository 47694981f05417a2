/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-buffer-private.h"

#include "belfry-cursor-keeper-private.h"
#include "belfry-rest-private.h"
#include "belfry-timestamp-private.h"

/* What waits for others who are to have it, and how these others are. The server knows none of them: they are told to it. */

#define DEFAULT_RETENTION_HOURS 24

typedef struct
{
  const char          *name;
  BelfryComponentFunc  func;
  gpointer             user_data;
} Component;

typedef struct
{
  GArray           *components;  /* owned; of Component */
  BelfryBufferFunc  func;        /* or NULL */
  gpointer          user_data;
} Others;

static void
free_others (gpointer data)
{
  Others *others = data;

  g_array_unref (others->components);
  g_free (others);
}

static Others *
ensure_others (BelfryServer *server)
{
  static const char key[] = "belfry-others";
  Others *others = g_object_get_data (G_OBJECT (server), key);

  if (others == NULL)
    {
      others = g_new0 (Others, 1);
      others->components = g_array_new (FALSE, FALSE, sizeof (Component));
      g_object_set_data_full (G_OBJECT (server), key, others, free_others);
    }

  return others;
}

void
belfry_server_set_buffer_func (BelfryServer     *self,
                               BelfryBufferFunc  func,
                               gpointer          user_data)
{
  Others *others = ensure_others (self);

  others->func = func;
  others->user_data = user_data;
}

void
belfry_server_add_component (BelfryServer        *self,
                             const char          *name,
                             BelfryComponentFunc  func,
                             gpointer             user_data)
{
  const Component component = { name, func, user_data };

  g_array_append_val (ensure_others (self)->components, component);
}

gboolean
belfry_rest_add_components (JsonBuilder  *builder,
                            BelfryServer *server)
{
  const GArray *components = ensure_others (server)->components;
  gboolean is_well = TRUE;

  for (guint i = 0; i < components->len; i++)
    {
      const Component *component = &g_array_index (components, Component, i);
      const char *text = component->func (component->user_data);

      if (builder != NULL)
        {
          json_builder_set_member_name (builder, component->name);
          json_builder_add_string_value (builder, text);
        }
      is_well = is_well && (g_str_equal (text, "ok") || g_str_equal (text, "disabled"));
    }

  return is_well;
}

static void
add_count (JsonBuilder *builder,
           const char  *name,
           guint64      count)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) MIN (count, G_MAXINT64));
}

static void
add_instant (JsonBuilder *builder,
             const char  *name,
             gint64       usec)
{
  char text[BELFRY_TIMESTAMP_LENGTH + 1];

  json_builder_set_member_name (builder, name);
  if (usec == 0)
    {
      json_builder_add_null_value (builder);
      return;
    }
  belfry_timestamp_write (usec, text);
  json_builder_add_string_value (builder, text);
}

/* What a store tells of itself, if it does. */
static guint64
read_number (BelfryEventStore *store,
             const char       *name)
{
  guint64 number = 0;

  if (g_object_class_find_property (G_OBJECT_GET_CLASS (store), name) != NULL)
    g_object_get (store, name, &number, NULL);

  return number;
}

static void
look_at_store (BelfryEventStore  *store,
               BelfryBufferState *state)
{
  if (BELFRY_IS_CURSOR_KEEPER (store))
    state->buffered_events = belfry_cursor_keeper_count_after (BELFRY_CURSOR_KEEPER (store), 0);
  state->buffer_bytes = read_number (store, "database-bytes") + read_number (store, "wal-bytes");
}

void
belfry_rest_read_buffer (BelfryServer      *server,
                         BelfryBufferState *state)
{
  const Others *others = ensure_others (server);

  *state = (BelfryBufferState) { .retention_hours = DEFAULT_RETENTION_HOURS, .kafka = "disabled" };
  look_at_store (belfry_pipeline_get_store (belfry_server_get_pipeline (server)), state);
  if (others->func != NULL)
    others->func (state, others->user_data);
}

static void
get_buffer_stats (BelfryServer  *server,
                  BelfryRequest *request,
                  gpointer       user_data)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  BelfryBufferState state;

  belfry_rest_read_buffer (server, &state);
  json_builder_begin_object (builder);
  add_count (builder, "buffered_events", state.buffered_events);
  add_count (builder, "pending_events", state.pending_events);
  add_instant (builder, "oldest_pending", state.oldest_pending_usec);
  add_count (builder, "forwarded_events", state.forwarded_events);
  add_count (builder, "dead_letters", state.dead_letters);
  add_count (builder, "buffer_bytes", state.buffer_bytes);
  add_count (builder, "pending_bytes", state.pending_bytes);
  add_count (builder, "retention_hours", state.retention_hours);
  json_builder_set_member_name (builder, "kafka");
  json_builder_add_string_value (builder, state.kafka);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  belfry_rest_respond_node (request, 200, root);
}

void
belfry_rest_add_buffer_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/buffer/stats", BELFRY_ROUTE_DEFAULT, BELFRY_SCOPE_QUERY,
                                BELFRY_RATE_CLASS_QUERY, get_buffer_stats, NULL, NULL);
}
