/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

/* The highest count of a rate. */
#define BELFRY_SETTING_MAX_RATE 1000000000u

/* FALSE when the text is not allowed: the error names setting, value and what is allowed, in one line; file: where the
 * text is from, or NULL. */
gboolean belfry_setting_parse            (const BelfrySettingInfo *info, const char *text, const char *file,
                                          BelfrySettings *settings, GError **error);
char    *belfry_setting_describe_allowed (const BelfrySettingInfo *info);
gboolean belfry_setting_is_equal         (const BelfrySettingInfo *info, const BelfrySettings *a,
                                          const BelfrySettings *b);
/* Frees what the field holds. */
void     belfry_setting_clear            (const BelfrySettingInfo *info, BelfrySettings *settings);

G_END_DECLS
