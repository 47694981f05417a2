/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-ctl.h"

G_BEGIN_DECLS

/* What a command needs, which decides the options and the exit statuses that its help tells. */
typedef enum
{
  BELFRY_CTL_TALKS,        /* to a daemon */
  BELFRY_CTL_READS_FILE,
  BELFRY_CTL_WRITES_FILE,  /* made out of another */
  BELFRY_CTL_STANDS_ALONE,
} BelfryCtlKind;

/* The rules of tail and query, as options. */
typedef struct
{
  char    **event_types;
  char     *session_id;
  char     *user_id;
  char    **user_tiers;
  char     *min_amount;
} BelfryCtlRules;

void          belfry_ctl_options_clear      (BelfryCtlOptions    *self);
/* The common options in front of the command's name; what is left of arguments begins with that. */
gboolean      belfry_ctl_options_parse_main (BelfryCtlOptions    *self,
                                             char              ***arguments,
                                             const char          *commands,
                                             gboolean            *wants_version,
                                             GError             **error);
/* A command's own options and those that its kind has; from n_least to n_most arguments are left behind the name. */
gboolean      belfry_ctl_options_parse      (BelfryCtlOptions    *self,
                                             BelfryCtlKind        kind,
                                             char              ***arguments,
                                             const char          *usage,
                                             const char          *description,
                                             const GOptionEntry  *entries,
                                             BelfryCtlRules      *rules,
                                             guint                n_least,
                                             guint                n_most,
                                             GError             **error);
void          belfry_ctl_rules_clear        (BelfryCtlRules      *self);
BelfryFilter *belfry_ctl_rules_to_filter    (BelfryCtlRules      *self,
                                             GError             **error);
/* Of the daemon, as it was given or as it is by default. */
const char   *belfry_ctl_options_get_url    (BelfryCtlOptions    *self);
BelfryClient *belfry_ctl_options_new_client (BelfryCtlOptions    *self,
                                             GError             **error);
/* Overwrites what a key's option holds in the memory that other users' ps shows; gives back a copy of all as it was. */
char        **belfry_ctl_options_hide_keys  (int                  argc,
                                             char               **argv);

/* For commands that ask once: iterates the default context until the result is there. */
typedef struct
{
  GAsyncResult *result;
} BelfryCtlWait;

void          belfry_ctl_wait_cb            (GObject             *source,
                                             GAsyncResult        *result,
                                             gpointer             user_data);
GAsyncResult *belfry_ctl_wait               (BelfryCtlWait       *self);  /* (transfer full) */

G_END_DECLS
