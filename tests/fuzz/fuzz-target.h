/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

/* What libFuzzer and the standalone program call, once for each input. Aborts when something is
 * wrong; returns 0. */
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
