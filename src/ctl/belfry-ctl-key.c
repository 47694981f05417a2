/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-ctl-options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "belfry-json-walk-private.h"
#include "belfry-key-hash-private.h"

/* hash-key: what the daemon's key file needs of a key. The key itself is never an argument, which others on the
 * machine could read. */

#define KEY_BYTES     32   /* of a generated key */
#define MAX_KEY_BYTES 4096
#define SHORT_KEY     20   /* shorter ones can be guessed */

/* Of the alphabet that URLs and headers take as it is. */
static char *
generate_key (GError **error)
{
  guint8 bytes[KEY_BYTES];
  g_autofree char *text = NULL;

  if (getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "No random bytes: %s", g_strerror (errno));
      return NULL;
    }

  text = g_base64_encode (bytes, sizeof bytes);
  g_strdelimit (text, "+", '-');
  g_strdelimit (text, "/", '_');
  return g_strndup (text, strcspn (text, "="));
}

/* One line; the end of it is no part of the key. */
static char *
read_key (GError **error)
{
  char buffer[MAX_KEY_BYTES + 2];
  gsize length = fread (buffer, 1, sizeof buffer, stdin);

  if (length > 0 && buffer[length - 1] == '\n')
    length--;
  if (length > 0 && buffer[length - 1] == '\r')
    length--;
  if (length == 0 || length > MAX_KEY_BYTES)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "Standard input holds %s; it takes one key of up to %d bytes",
                   length == 0 ? "no key" : "a key that is too long", MAX_KEY_BYTES);
      return NULL;
    }
  /* What a header cannot carry would never match. */
  for (gsize i = 0; i < length; i++)
    {
      if ((guchar) buffer[i] > ' ' && buffer[i] != 0x7f)
        continue;
      g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                           "The key holds white space or a control character, which no request can send");
      return NULL;
    }

  return g_strndup (buffer, length);
}

static void
print_json (const char *key,
            const char *hash)
{
  g_autoptr(GString) json = g_string_new ("{");

  if (key != NULL)
    {
      g_string_append (json, "\"key\":");
      belfry_json_walk_append_string (json, key);
      g_string_append_c (json, ',');
    }
  g_string_append (json, "\"hash\":");
  belfry_json_walk_append_string (json, hash);
  printf ("%s}\n", json->str);
}

BelfryCtlExit
belfry_ctl_run_hash_key (BelfryCtlOptions  *options,
                         char             **arguments,
                         GError           **error)
{
  gboolean wants_new = FALSE;
  const GOptionEntry entries[] = {
    { "generate", 'g', 0, G_OPTION_ARG_NONE, &wants_new, "Make a key that cannot be guessed, and print it too", NULL },
    G_OPTION_ENTRY_NULL
  };
  g_autofree char *key = NULL;
  g_autofree char *text = NULL;
  BelfryKeyHash hash;

  if (!belfry_ctl_options_parse (options, BELFRY_CTL_STANDS_ALONE, &arguments, "",
                                 "Prints the hash of a key for API_KEYS_FILE. The key is read from standard input.",
                                 entries, NULL, 0, 0, error))
    return BELFRY_CTL_EXIT_USAGE;

  key = wants_new ? generate_key (error) : read_key (error);
  if (key == NULL)
    return wants_new ? BELFRY_CTL_EXIT_FAILURE : BELFRY_CTL_EXIT_USAGE;

  if (strlen (key) < SHORT_KEY)
    fprintf (stderr, "belfryctl: A key this short can be guessed; --generate makes a better one\n");
  belfry_key_hash_init (&hash, key, strlen (key));
  text = belfry_key_hash_to_string (&hash);
  if (options->is_json)
    print_json (wants_new ? key : NULL, text);
  else if (wants_new)
    printf ("key=%s\nhash=%s\n", key, text);
  else
    printf ("%s\n", text);

  return BELFRY_CTL_EXIT_OK;
}
