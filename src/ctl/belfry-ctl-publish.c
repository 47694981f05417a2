/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <gio/gunixinputstream.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "belfry-client-publisher.h"
#include "belfry-ctl-format.h"
#include "belfry-ctl-output.h"
#include "belfry-json-scanner-private.h"
#include "belfry-json-walk-private.h"

/* Events come as arguments, one request each in turn, or as lines of standard input, all over one connection with many in flight. Reading
 * stops while as many wait for their answer as may. */

#define READ_BYTES (64 * 1024)
#define MAX_LINE_BYTES (64u * 1024 * 1024)
#define MAX_REPEATS    10  /* of the same complaint; the others are counted */

typedef struct
{
  GMainLoop             *loop;
  BelfryClientPublisher *publisher;
  GInputStream          *input;
  GCancellable          *cancellable;  /* of reading */
  GByteArray            *text;       /* read, but not published */
  gsize                  taken;      /* of text */
  guint64                n_line;
  guint64                n_published;
  guint64                n_refused;
  const char            *place;      /* what n_line counts: "line" or "argument" */
  char                  *complaint;  /* the last one */
  guint64                n_repeats;  /* of it */
  gboolean               is_reading;
  gboolean               is_over;    /* nothing more is read */
  gboolean               is_json;
  gboolean               is_quiet;
  BelfryCtlExit          status;     /* of the first failure */
  GError                *error;      /* that ended it */
} Publish;

/* Says which line it was when the answer comes. */
typedef struct
{
  Publish *publish;
  guint64  n_line;
} Line;

static void pump (Publish *self);

static void
stop (Publish *self,
      GError  *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_clear_error (&error);

  self->is_over = TRUE;
  g_byte_array_set_size (self->text, 0);
  self->taken = 0;
  g_cancellable_cancel (self->cancellable);
}

static void
end_cb (gpointer user_data)
{
  Publish *self = user_data;

  stop (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Interrupted"));
  g_main_loop_quit (self->loop);
}

static void
tell_accepted (Publish    *self,
               guint64     n_line,
               const char *id)
{
  g_autofree char *line = NULL;

  self->n_published++;
  if (self->is_quiet)
    return;

  line = self->is_json
         ? g_strdup_printf ("{\"%s\":%" G_GUINT64_FORMAT ",\"status\":\"ok\",\"event_id\":\"%s\"}",
                            self->place, n_line, id)
         : belfry_ctl_format_safe (id, strlen (id));
  belfry_ctl_output_line (line);
}

/* Tells how often the last complaint came beyond those that were printed. */
static void
end_repeats (Publish *self)
{
  if (self->n_repeats > MAX_REPEATS)
    fprintf (stderr, "belfryctl: %s: %" G_GUINT64_FORMAT " more\n", self->complaint, self->n_repeats - MAX_REPEATS);

  self->n_repeats = 0;
  g_clear_pointer (&self->complaint, g_free);
}

static void
complain (Publish      *self,
          guint64       n_line,
          const GError *error)
{
  g_autofree char *safe = belfry_ctl_format_safe (error->message, strlen (error->message));

  if (g_strcmp0 (self->complaint, safe) != 0)
    {
      end_repeats (self);
      self->complaint = g_strdup (safe);
    }

  if (++self->n_repeats <= MAX_REPEATS)
    fprintf (stderr, "belfryctl: %s %" G_GUINT64_FORMAT ": %s\n", self->place, n_line, safe);
}

static void
tell_refused (Publish      *self,
              guint64       n_line,
              const GError *error)
{
  g_autoptr(GString) json = NULL;

  self->n_refused++;
  if (self->status == BELFRY_CTL_EXIT_OK)
    self->status = belfry_ctl_exit_from_error (error);

  if (!self->is_json)
    {
      complain (self, n_line, error);
      return;
    }

  json = g_string_new (NULL);
  g_string_printf (json, "{\"%s\":%" G_GUINT64_FORMAT ",\"status\":\"error\",\"message\":", self->place, n_line);
  belfry_json_walk_append_string (json, error->message);
  g_string_append_c (json, '}');
  belfry_ctl_output_line (json->str);
}

/* Whether the events behind this one would fare no better. */
static gboolean
ends_all (const GError *error)
{
  switch (belfry_ctl_exit_from_error (error))
    {
    case BELFRY_CTL_EXIT_INVALID:
    case BELFRY_CTL_EXIT_LATER:
      return FALSE;
    case BELFRY_CTL_EXIT_OK:
    case BELFRY_CTL_EXIT_FAILURE:
    case BELFRY_CTL_EXIT_USAGE:
    case BELFRY_CTL_EXIT_UNREACHABLE:
    case BELFRY_CTL_EXIT_DENIED:
    case BELFRY_CTL_EXIT_NOT_FOUND:
    case BELFRY_CTL_EXIT_DATABASE:
    default:
      return TRUE;
    }
}

static void
published_cb (GObject      *source,
              GAsyncResult *result,
              gpointer      user_data)
{
  g_autofree Line *line = user_data;
  Publish *self = line->publish;
  g_autoptr(GError) error = NULL;
  g_autofree char *id = NULL;

  id = belfry_client_publisher_publish_finish (BELFRY_CLIENT_PUBLISHER (source), result, &error);
  if (id != NULL)
    tell_accepted (self, line->n_line, id);
  else if (!ends_all (error))
    tell_refused (self, line->n_line, error);
  else
    {
      /* Answers come in order, so the first one that fails so tells where the rest begins. */
      GError *own = g_error_new (error->domain, error->code, "%s; line %" G_GUINT64_FORMAT " and later were not acknowledged",
                                 error->message, line->n_line);

      stop (self, own);
    }

  pump (self);
}

static void
publish_line (Publish    *self,
              const char *text,
              gsize       length)
{
  g_autofree char *json = NULL;
  g_autoptr(GError) error = NULL;
  Line *line;

  self->n_line++;
  json = g_strstrip (g_strndup (text, length));
  if (*json == '\0')
    return;

  if (strlen (json) < length && memchr (text, '\0', length) != NULL)
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "The line holds a NUL character");
  else if (!g_utf8_validate (json, -1, NULL))
    error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "The line is not UTF-8");
  if (error != NULL)
    {
      tell_refused (self, self->n_line, error);
      return;
    }

  line = g_new (Line, 1);
  line->publish = self;
  line->n_line = self->n_line;
  belfry_client_publisher_publish_async (self->publisher, json, NULL, published_cb, line);
}

/* Publishes whole lines while there is room for their answers; the last one needs no end. */
static void
publish_lines (Publish *self)
{
  while (self->taken < self->text->len && !belfry_client_publisher_is_full (self->publisher))
    {
      const char *start = (const char *) self->text->data + self->taken;
      gsize left = self->text->len - self->taken;
      const char *end = memchr (start, '\n', left);

      if (end == NULL && !self->is_over)
        break;

      self->taken += end != NULL ? (gsize) (end - start) + 1 : left;
      publish_line (self, start, end != NULL ? (gsize) (end - start) : left);
    }

  if (self->taken > 0 && (self->taken == self->text->len || self->taken > READ_BYTES))
    {
      g_byte_array_remove_range (self->text, 0, (guint) self->taken);
      self->taken = 0;
    }
}

static void
read_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  Publish *self = user_data;
  GError *error = NULL;
  g_autoptr(GBytes) bytes = g_input_stream_read_bytes_finish (G_INPUT_STREAM (source), result, &error);

  self->is_reading = FALSE;
  if (bytes == NULL)
    stop (self, error);
  else if (g_bytes_get_size (bytes) == 0)
    self->is_over = TRUE;
  else if (!self->is_over)
    {
      g_byte_array_append (self->text, g_bytes_get_data (bytes, NULL), (guint) g_bytes_get_size (bytes));
      if (self->text->len - self->taken > MAX_LINE_BYTES)
        stop (self, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE, "A line is far too long"));
    }

  pump (self);
}

static void
pump (Publish *self)
{
  publish_lines (self);

  if (self->is_over && self->taken == self->text->len
      && belfry_client_publisher_get_in_flight (self->publisher) == 0)
    {
      g_main_loop_quit (self->loop);
      return;
    }

  if (!self->is_over && !self->is_reading && !belfry_client_publisher_is_full (self->publisher))
    {
      self->is_reading = TRUE;
      g_input_stream_read_bytes_async (self->input, READ_BYTES, G_PRIORITY_DEFAULT, self->cancellable, read_cb, self);
    }
}

static void
summarise (Publish *self)
{
  end_repeats (self);
  if (!self->is_json && self->n_published + self->n_refused > 1)
    fprintf (stderr, "%" G_GUINT64_FORMAT " published, %" G_GUINT64_FORMAT " refused\n", self->n_published, self->n_refused);
}

static BelfryCtlExit
publish_input (BelfryCtlOptions  *options,
               gboolean           is_quiet,
               BelfryClient      *client,
               GError           **error)
{
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(BelfryClientPublisher) publisher = belfry_client_publisher_new (client);
  g_autoptr(GInputStream) input = g_unix_input_stream_new (STDIN_FILENO, FALSE);
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GByteArray) text = g_byte_array_new ();
  Publish self = {
    .loop = loop,
    .publisher = publisher,
    .input = input,
    .cancellable = cancellable,
    .text = text,
    .place = "line",
    .is_json = options->is_json,
    .is_quiet = is_quiet,
  };

  belfry_ctl_output_begin (end_cb, &self);
  pump (&self);
  g_main_loop_run (loop);

  /* Those in flight when it was interrupted end here. */
  belfry_client_publisher_close (publisher);
  while (self.is_reading || g_main_context_pending (NULL))
    g_main_context_iteration (NULL, TRUE);

  if (!belfry_ctl_output_end (self.error == NULL ? error : NULL))
    self.status = BELFRY_CTL_EXIT_FAILURE;
  summarise (&self);
  if (self.error != NULL)
    g_propagate_error (error, self.error);

  return self.status;
}

/* FALSE with error when the events behind it would fare no better. */
static gboolean
publish_argument (Publish       *self,
                  BelfryClient  *client,
                  guint64        n_argument,
                  const char    *json,
                  GError       **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  g_autoptr(GError) own = NULL;
  g_autofree char *event = NULL;
  g_autofree char *id = NULL;
  BelfryJsonSpan value;
  BelfryCtlWait wait = { NULL };

  belfry_client_publish_async (client, json, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);
  event = belfry_client_publish_finish (client, result, &own);
  if (event == NULL && ends_all (own))
    {
      g_propagate_error (error, g_steal_pointer (&own));
      return FALSE;
    }

  if (event == NULL)
    {
      tell_refused (self, n_argument, own);
      return TRUE;
    }

  if (belfry_json_walk_find (event, strlen (event), "id", &value))
    id = belfry_json_walk_decode (&value);
  tell_accepted (self, n_argument, id != NULL ? id : "");

  return TRUE;
}

/* first: an event that was made of options, or NULL. */
static BelfryCtlExit
publish_arguments (BelfryCtlOptions  *options,
                   gboolean           is_quiet,
                   BelfryClient      *client,
                   const char        *first,
                   char             **events,
                   GError           **error)
{
  Publish self = { .place = "argument", .is_json = options->is_json, .is_quiet = is_quiet };
  gboolean goes_on = first == NULL || publish_argument (&self, client, 0, first, error);

  for (guint64 i = 0; goes_on && events[i] != NULL; i++)
    goes_on = publish_argument (&self, client, i + 1, events[i], error);
  if (!belfry_ctl_output_end (goes_on ? error : NULL))
    self.status = BELFRY_CTL_EXIT_FAILURE;
  summarise (&self);

  return goes_on ? self.status : BELFRY_CTL_EXIT_FAILURE;
}

static void
append_text (GString    *json,
             const char *member,
             const char *value)
{
  if (value == NULL)
    return;

  g_string_append_printf (json, ",\"%s\":", member);
  belfry_json_walk_append_string (json, value);
}

/* An event out of options; NULL when the payload is not one JSON value. */
static char *
build_event (const char  *event_type,
             const char  *source,
             const char  *session_id,
             const char  *user_id,
             const char  *payload,
             GError     **error)
{
  g_autoptr(GString) json = g_string_new ("{\"event_type\":");
  BelfryJsonValue root;

  if (payload != NULL && !belfry_json_scan (payload, strlen (payload), NULL, &root))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--payload is no JSON");
      return NULL;
    }

  belfry_json_walk_append_string (json, event_type);
  append_text (json, "source", source != NULL ? source : "belfryctl");
  append_text (json, "session_id", session_id);
  append_text (json, "user_id", user_id);
  if (payload != NULL)
    g_string_append_printf (json, ",\"payload\":%s", payload);
  g_string_append_c (json, '}');

  return g_string_free (g_steal_pointer (&json), FALSE);
}

BelfryCtlExit
belfry_ctl_run_publish (BelfryCtlOptions  *options,
                        char             **arguments,
                        GError           **error)
{
  g_autofree char *event_type = NULL;
  g_autofree char *source = NULL;
  g_autofree char *session_id = NULL;
  g_autofree char *user_id = NULL;
  g_autofree char *payload = NULL;
  g_autofree char *built = NULL;
  gboolean is_quiet = FALSE;
  const GOptionEntry entries[] = {
    { "type", 't', 0, G_OPTION_ARG_STRING, &event_type, "Publish one event of this type", "TYPE" },
    { "source", 'S', 0, G_OPTION_ARG_STRING, &source, "Its source (belfryctl)", "NAME" },
    { "session", 's', 0, G_OPTION_ARG_STRING, &session_id, "Its session", "ID" },
    { "user", 'U', 0, G_OPTION_ARG_STRING, &user_id, "Its user", "ID" },
    { "payload", 'p', 0, G_OPTION_ARG_STRING, &payload, "Its payload, a JSON object", "JSON" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &is_quiet, "Do not print what was accepted", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(BelfryClient) client = NULL;

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, "[EVENT…]",
                                 "Publishes events: JSON objects as arguments, or one a line on standard input, or made of options.\n"
                                 "Prints the id of each when it is stored; goes on behind one that is refused.\n"
                                 "With --json, for each {\"line\"|\"argument\": N, \"status\": \"ok\", \"event_id\": ID} or\n"
                                 "{\"line\"|\"argument\": N, \"status\": \"error\", \"message\": TEXT}; argument 0 is the event made of options.",
                                 entries, NULL, 0, G_MAXUINT16, error)
      || (client = belfry_ctl_options_new_client (options, error)) == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  if (event_type == NULL && (source != NULL || session_id != NULL || user_id != NULL || payload != NULL))
    {
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "An event made of options needs --type");
      return BELFRY_CTL_EXIT_USAGE;
    }

  if (event_type == NULL && arguments[1] == NULL)
    return publish_input (options, is_quiet, client, error);

  if (event_type != NULL
      && (built = build_event (event_type, source, session_id, user_id, payload, error)) == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  return publish_arguments (options, is_quiet, client, built, arguments + 1, error);
}
