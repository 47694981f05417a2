/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

/**
 * BELFRY_AVAILABLE_IN_ALL:
 *
 * Marks a declaration that every released version of the library exports.
 */
#define BELFRY_AVAILABLE_IN_ALL __attribute__ ((visibility ("default"))) extern
