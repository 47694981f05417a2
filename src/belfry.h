/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include "belfry-access.h"
#include "belfry-client.h"
#include "belfry-client-publisher.h"
#include "belfry-client-subscription.h"
#include "belfry-cursor.h"
#include "belfry-enum-types.h"
#include "belfry-error.h"
#include "belfry-event.h"
#include "belfry-event-store.h"
#include "belfry-event-type-registry.h"
#include "belfry-event-validator.h"
#include "belfry-filter.h"
#include "belfry-metrics.h"
#include "belfry-pipeline.h"
#include "belfry-request.h"
#include "belfry-router.h"
#include "belfry-server.h"
#include "belfry-sqlite-store.h"
#include "belfry-subscriber.h"
