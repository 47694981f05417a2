/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-dbus-service-private.h"

G_BEGIN_DECLS

/* The methods about dead letters. */
void belfry_dbus_letters_list   (BelfryDBusCall *call, guint limit);
void belfry_dbus_letters_replay (BelfryDBusCall *call, const char *id);

G_END_DECLS
