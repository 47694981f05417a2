/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  BELFRY_CTL_PLAIN,
  BELFRY_CTL_COLOURED,
} BelfryCtlStyle;

/* Colours are for people: on a terminal, unless NO_COLOR is set. */
BelfryCtlStyle belfry_ctl_format_style  (int             fd);

/* One line, without its end: when, what, from where, whose, and the payload. cursor may be NULL. */
char          *belfry_ctl_format_event  (const char     *json,
                                         const char     *cursor,
                                         BelfryCtlStyle  style);
/* The event with a member "cursor" at its end. */
char          *belfry_ctl_format_json   (const char     *json,
                                         const char     *cursor);
char          *belfry_ctl_format_gap    (const char     *from,
                                         const char     *to,
                                         guint64         lost,
                                         gboolean        is_json,
                                         BelfryCtlStyle  style);
/* NULL with error when the text is not what the daemon should say. Without is_verbose it is a screenful: what is 0 and
 * what was set is left out. */
char          *belfry_ctl_format_stats  (const char     *json,
                                         BelfryCtlStyle  style,
                                         gboolean        is_verbose,
                                         GError        **error);
char          *belfry_ctl_format_types  (const char     *json,
                                         BelfryCtlStyle  style,
                                         GError        **error);
/* Text of others, made harmless for a terminal: no control character is left. */
char          *belfry_ctl_format_safe   (const char     *text,
                                         gsize           length);
/* 1234567 as 1,234,567 */
char          *belfry_ctl_format_count  (guint64         count);

G_END_DECLS
