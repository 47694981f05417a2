/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-private.h"

#include "belfry-client-error-private.h"
#include "belfry-error.h"

#define READ_BYTES (64 * 1024)

/* One request on its way: the message, and what has come of its answer. */
typedef struct
{
  SoupMessage *message;
  GByteArray  *body;
} Call;

static void
call_free (Call *call)
{
  g_clear_object (&call->message);
  g_clear_pointer (&call->body, g_byte_array_unref);
  g_free (call);
}

static void
fail_task (GTask  *task,
           GError *error)
{
  BelfryClient *self = g_task_get_source_object (task);

  belfry_client_count (self, TRUE);
  g_task_return_error (task, belfry_client_error_translate (error));
}

/* The whole answer is here. */
static void
finish_call (GTask *task)
{
  Call *call = g_task_get_task_data (task);
  guint status = soup_message_get_status (call->message);
  GError *error = belfry_client_error_new_from_status (status, (const char *) call->body->data, call->body->len);

  if (error != NULL)
    {
      fail_task (task, error);
      return;
    }

  if (!g_utf8_validate ((const char *) call->body->data, call->body->len, NULL))
    {
      fail_task (task, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The server's answer is not UTF-8"));
      return;
    }

  g_task_return_pointer (task, g_byte_array_free_to_bytes (g_steal_pointer (&call->body)),
                         (GDestroyNotify) g_bytes_unref);
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;
  g_autoptr(GBytes) bytes = NULL;
  GInputStream *stream = G_INPUT_STREAM (source);
  BelfryClient *self = g_task_get_source_object (task);
  Call *call = g_task_get_task_data (task);
  GError *error = NULL;

  bytes = g_input_stream_read_bytes_finish (stream, result, &error);
  if (bytes == NULL)
    {
      fail_task (task, error);
      return;
    }

  if (g_bytes_get_size (bytes) == 0)
    {
      finish_call (task);
      return;
    }

  if (call->body->len + g_bytes_get_size (bytes) > belfry_client_get_max_response_bytes (self))
    {
      fail_task (task, g_error_new (G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                                    "The server's answer is over %" G_GUINT64_FORMAT " bytes",
                                    belfry_client_get_max_response_bytes (self)));
      return;
    }

  g_byte_array_append (call->body, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
  g_input_stream_read_bytes_async (stream, READ_BYTES, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                                   read_cb, g_object_ref (task));
}

static void
send_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  g_autoptr(GTask) task = user_data;
  g_autoptr(GInputStream) stream = NULL;
  GError *error = NULL;

  stream = soup_session_send_finish (SOUP_SESSION (source), result, &error);
  if (stream == NULL)
    {
      fail_task (task, error);
      return;
    }

  g_input_stream_read_bytes_async (stream, READ_BYTES, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                                   read_cb, g_object_ref (task));
}

void
belfry_client_send_async (BelfryClient        *self,
                          SoupMessage         *message,
                          GError              *error,
                          gpointer             source_tag,
                          GCancellable        *cancellable,
                          GAsyncReadyCallback  callback,
                          gpointer             user_data)
{
  g_autoptr(GTask) task = g_task_new (self, cancellable, callback, user_data);
  Call *call = g_new0 (Call, 1);

  g_task_set_source_tag (task, source_tag);
  g_task_set_task_data (task, call, (GDestroyNotify) call_free);
  call->message = message;
  call->body = g_byte_array_new ();
  belfry_client_count (self, FALSE);

  if (message == NULL)
    {
      fail_task (task, error);
      return;
    }

  soup_session_send_async (belfry_client_get_session (self), message, G_PRIORITY_DEFAULT, cancellable, send_cb, g_object_ref (task));
}

GBytes *
belfry_client_send_finish (BelfryClient  *self,
                           GAsyncResult  *result,
                           gpointer       source_tag,
                           GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, source_tag), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

char *
belfry_client_send_finish_text (BelfryClient  *self,
                                GAsyncResult  *result,
                                gpointer       source_tag,
                                GError       **error)
{
  g_autoptr(GBytes) bytes = belfry_client_send_finish (self, result, source_tag, error);
  gsize length = 0;
  const char *text;

  if (bytes == NULL)
    return NULL;

  text = g_bytes_get_data (bytes, &length);
  return length > 0 ? g_strndup (text, length) : g_strdup ("");
}

void
belfry_client_tell_argument (GError **error)
{
  if (error != NULL && g_error_matches (*error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT))
    (*error)->code = BELFRY_ERROR_INVALID_ARGUMENT;
}
