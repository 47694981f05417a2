/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

/* The table as a text: "text" (a line a setting, separated by tabs), "markdown" (the reference), "man" (entries of
 * belfry.conf(5)), "options" (entries of belfryd(8)), "conf" (a key file in which all is commented out). NULL: no such
 * form. */
char       *belfry_setting_list_format (const char *form);
const char *belfry_setting_list_get_forms (void);

G_END_DECLS
