/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-dbus-letters-private.h"

#include "belfry-collector-private.h"
#include "belfry-dbus-error-private.h"
#include "belfry-error.h"
#include "belfry-timestamp-private.h"

/* What the members of a letter take beside its body, generously. */
#define LETTER_BYTES 1024

static void
add (GVariantBuilder *builder,
     const char      *name,
     GVariant        *value)
{
  g_variant_builder_add (builder, "{sv}", name, value);
}

static void
add_instant (GVariantBuilder *builder,
             const char      *name,
             gint64           usec)
{
  char text[BELFRY_TIMESTAMP_LENGTH + 1];

  belfry_timestamp_write (usec, text);
  add (builder, name, g_variant_new_string (text));
}

static void
add_letter (GVariantBuilder        *builder,
            const BelfryDeadLetter *letter)
{
  g_autofree char *id = belfry_dead_letter_format_id (letter->number);

  g_variant_builder_open (builder, G_VARIANT_TYPE_VARDICT);
  add (builder, "id", g_variant_new_string (id));
  add_instant (builder, "received_at", letter->received_usec);
  add (builder, "door", g_variant_new_string (letter->door));
  add (builder, "reason", g_variant_new_string (letter->reason));
  add (builder, "field", g_variant_new_string (letter->field));
  add (builder, "message", g_variant_new_string (letter->message));
  add (builder, "content_type", g_variant_new_string (letter->content_type));
  if (letter->event_id != NULL)
    {
      add (builder, "event_id", g_variant_new_string (letter->event_id));
      add_instant (builder, "replayed_at", letter->replayed_usec);
    }
  add (builder, "body", g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, letter->body, TRUE));
  g_variant_builder_close (builder);
}

static void
listed_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) letters = NULL;
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("aa{sv}"));

  letters = belfry_dead_letter_keeper_list_finish (BELFRY_DEAD_LETTER_KEEPER (source), result, &error);
  if (letters == NULL)
    {
      belfry_dbus_call_return_error (call, error);
      return;
    }

  for (guint i = 0; i < letters->len; i++)
    add_letter (&builder, g_ptr_array_index (letters, i));
  belfry_dbus_call_return (call, g_variant_new ("(aa{sv})", &builder));
}

/* What is long ends the list early, so that it stays within what an answer may take. */
void
belfry_dbus_letters_list (BelfryDBusCall *call,
                          guint           limit)
{
  BelfryEventStore *store = belfry_pipeline_get_store (belfry_server_get_pipeline (call->service->server));
  guint64 max_bytes = call->service->max_answer_bytes / 2;

  if (!BELFRY_IS_DEAD_LETTER_KEEPER (store))
    {
      belfry_dbus_call_return (call, g_variant_new ("(aa{sv})", NULL));
      return;
    }

  belfry_dead_letter_keeper_list_async (BELFRY_DEAD_LETTER_KEEPER (store), 0, G_MAXUINT64, TRUE, NULL,
                                        (guint) MIN (limit, max_bytes / LETTER_BYTES), (gsize) max_bytes, NULL, listed_cb,
                                        call);
}

static void
replayed_cb (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  BelfryDBusCall *call = user_data;
  g_autoptr(GError) error = NULL;
  g_autofree char *event_id = belfry_collector_replay_finish (BELFRY_COLLECTOR (source), result, &error);

  if (event_id != NULL)
    belfry_dbus_call_return (call, NULL);
  else
    belfry_dbus_call_return_error (call, error);
}

void
belfry_dbus_letters_replay (BelfryDBusCall *call,
                            const char     *id)
{
  g_autoptr(GError) error = NULL;
  guint64 number;

  if (call->service->collector != NULL && belfry_dead_letter_parse_id (id, &number))
    {
      belfry_collector_replay_async (call->service->collector, number, NULL, replayed_cb, call);
      return;
    }

  error = g_error_new_literal (BELFRY_DBUS_ERROR, BELFRY_DBUS_ERROR_NOT_FOUND, "Dead letter not found");
  belfry_dbus_call_return_error (call, error);
}
