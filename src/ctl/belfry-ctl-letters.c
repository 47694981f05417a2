/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <stdio.h>
#include <string.h>

#include "belfry-client-private.h"
#include "belfry-ctl-format.h"
#include "belfry-json-walk-private.h"

/* dead-letters: list, show, replay, delete. */

#define USAGE "[list | show ID | replay ID [FILE] | delete ID]"

/* The body of the answer, or NULL. */
static char *
ask (BelfryClient        *client,
     const char          *method,
     const char          *path,
     const char * const  *parameters,
     GBytes              *body,
     GError             **error)
{
  g_autoptr(GAsyncResult) result = NULL;
  BelfryCtlWait wait = { NULL };
  GError *local_error = NULL;
  SoupMessage *message = belfry_client_new_message (client, method, path, parameters, &local_error);

  if (message != NULL && body != NULL)
    soup_message_set_request_body_from_bytes (message, "application/json", body);
  belfry_client_send_async (client, message, local_error, ask, NULL, belfry_ctl_wait_cb, &wait);
  result = belfry_ctl_wait (&wait);

  return belfry_client_send_finish_text (client, result, ask, error);
}

static char *
make_path (const char *id,
           const char *verb)
{
  g_autofree char *escaped = g_uri_escape_string (id, NULL, FALSE);

  return g_strconcat ("/dead-letters/", escaped, verb, NULL);
}

/* A member's text without its quotes, safe for a terminal, in a column of that width; "-" for null. */
static void
print_member (const BelfryJsonSpan *letter,
              const char           *name,
              int                   width)
{
  BelfryJsonSpan value;
  g_autofree char *text = NULL;
  g_autofree char *safe = NULL;

  if (belfry_json_walk_find (letter->text, letter->length, name, &value))
    text = belfry_json_walk_decode (&value);
  safe = text != NULL && text[0] != '\0' ? belfry_ctl_format_safe (text, strlen (text)) : g_strdup ("-");
  printf (width > 0 ? "%-*s  " : "%-*s", width, safe);
}

static void
print_line (const BelfryJsonSpan *letter)
{
  static const struct
  {
    const char *name;
    int         width;  /* 0: the last one */
  } columns[] = {
    { "id", 15 }, { "received_at", 27 }, { "door", 7 }, { "reason", 18 }, { "event_id", 16 }, { "field", 15 }, { "message", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (columns); i++)
    print_member (letter, columns[i].name, columns[i].width);
  putchar ('\n');
}

/* What was received is shown as it is, and may be of several lines. */
static void
print_on_one_line (const BelfryJsonSpan *letter)
{
  g_autofree char *text = g_strndup (letter->text, letter->length);

  puts (g_strdelimit (text, "\r\n", ' '));
}

static BelfryCtlExit
print_letters (const char  *json,
               gboolean     is_json,
               GError     **error)
{
  BelfryJsonWalk walk;
  BelfryJsonPart part;

  if (belfry_json_walk_init (&walk, json, strlen (json)) && walk.closing == ']')
    {
      while (belfry_json_walk_next (&walk, &part))
        {
          if (is_json)
            print_on_one_line (&part.value);
          else
            print_line (&part.value);
        }
      if (!walk.is_broken)
        return BELFRY_CTL_EXIT_OK;
    }

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "The server's answer is no JSON array");

  return BELFRY_CTL_EXIT_FAILURE;
}

static BelfryCtlExit
list_letters (BelfryCtlOptions  *options,
              BelfryClient      *client,
              int                limit,
              const char        *reason,
              GError           **error)
{
  g_autofree char *limit_text = g_strdup_printf ("%d", limit);
  const char *parameters[] = { "limit", limit_text, reason != NULL ? "reason" : NULL, reason, NULL };
  g_autofree char *json = ask (client, SOUP_METHOD_GET, "/dead-letters", parameters, NULL, error);

  return json != NULL ? print_letters (json, options->is_json, error) : BELFRY_CTL_EXIT_FAILURE;
}

static BelfryCtlExit
show_letter (BelfryClient  *client,
             const char    *id,
             GError       **error)
{
  g_autofree char *path = make_path (id, "");
  g_autofree char *json = ask (client, SOUP_METHOD_GET, path, NULL, NULL, error);

  if (json == NULL)
    return BELFRY_CTL_EXIT_FAILURE;
  puts (json);

  return BELFRY_CTL_EXIT_OK;
}

static BelfryCtlExit
delete_letter (BelfryCtlOptions  *options,
               BelfryClient      *client,
               const char        *id,
               GError           **error)
{
  g_autofree char *path = make_path (id, "");
  g_autofree char *json = ask (client, SOUP_METHOD_DELETE, path, NULL, NULL, error);

  if (json == NULL)
    return BELFRY_CTL_EXIT_FAILURE;
  puts (options->is_json ? json : "1 dead letter removed");

  return BELFRY_CTL_EXIT_OK;
}

/* The corrected event, or NULL for the letter as it is; "-" is standard input. */
static gboolean
read_correction (const char  *path,
                 GBytes     **text,
                 GError     **error)
{
  char *contents;
  gsize length;

  *text = NULL;
  if (path == NULL)
    return TRUE;
  if (!g_file_get_contents (strcmp (path, "-") == 0 ? "/dev/stdin" : path, &contents, &length, error))
    return FALSE;
  *text = g_bytes_new_take (contents, length);

  return TRUE;
}

static BelfryCtlExit
replay_letter (BelfryCtlOptions  *options,
               BelfryClient      *client,
               const char        *id,
               const char        *file,
               GError           **error)
{
  g_autofree char *path = make_path (id, "/replay");
  g_autoptr(GBytes) text = NULL;
  g_autofree char *json = NULL;
  g_autofree char *event_id = NULL;
  BelfryJsonSpan value;

  if (!read_correction (file, &text, error)
      || (json = ask (client, SOUP_METHOD_POST, path, NULL, text, error)) == NULL)
    return BELFRY_CTL_EXIT_FAILURE;

  if (belfry_json_walk_find (json, strlen (json), "event_id", &value))
    event_id = belfry_json_walk_decode (&value);
  if (options->is_json)
    puts (json);
  else
    printf ("%s is event %s\n", id, event_id != NULL ? event_id : "-");

  return BELFRY_CTL_EXIT_OK;
}

static gboolean
is_verb (char       **arguments,
         const char  *verb,
         guint        n_least,
         guint        n_most)
{
  guint n = g_strv_length (arguments) - 1;

  return n > 0 && strcmp (arguments[1], verb) == 0 && n >= n_least && n <= n_most;
}

BelfryCtlExit
belfry_ctl_run_dead_letters (BelfryCtlOptions  *options,
                             char             **arguments,
                             GError           **error)
{
  g_autofree char *reason = NULL;
  int limit = 100;
  const GOptionEntry entries[] = {
    { "limit", 'n', 0, G_OPTION_ARG_INT, &limit, "How many are listed at most, 1 to 1000 (100)", "N" },
    { "reason", 'r', 0, G_OPTION_ARG_STRING, &reason, "Only those refused for this reason", "REASON" },
    G_OPTION_ENTRY_NULL
  };
  g_autoptr(BelfryClient) client = NULL;

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_TALKS, &arguments, USAGE,
                                 "Lists the events that were refused, makes an event of one, as it was received or as the "
                                 "file corrects it, or removes it.", entries, NULL, 0, 3, error)
      || (client = belfry_ctl_options_new_client (options, error)) == NULL)
    return BELFRY_CTL_EXIT_USAGE;

  if (arguments[1] == NULL || is_verb (arguments, "list", 1, 1))
    return list_letters (options, client, limit, reason, error);
  if (is_verb (arguments, "show", 2, 2))
    return show_letter (client, arguments[2], error);
  if (is_verb (arguments, "delete", 2, 2))
    return delete_letter (options, client, arguments[2], error);
  if (is_verb (arguments, "replay", 2, 3))
    return replay_letter (options, client, arguments[2], arguments[3], error);

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "usage: belfryctl dead-letters " USAGE);

  return BELFRY_CTL_EXIT_USAGE;
}
