/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-settings.h"

G_BEGIN_DECLS

/* Raises the limit on open files as far as we are allowed to, and says so in the log when it is low for what the settings
 * promise. */
void belfry_descriptor_limit_raise (const BelfrySettings *settings);

G_END_DECLS
