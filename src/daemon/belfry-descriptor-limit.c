/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-descriptor-limit.h"

#include <errno.h>
#include <sys/resource.h>

/* The database, its readers, listeners, logs and publishers, beside the subscribers. */
#define OTHER_DESCRIPTORS 200

/* A connection is a descriptor: take as many as we are given. */
void
belfry_descriptor_limit_raise (const BelfrySettings *settings)
{
  guint64 wanted = settings->max_subscribers + OTHER_DESCRIPTORS;
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    {
      g_warning ("The limit on open files is unknown: %s", g_strerror (errno));
      return;
    }

  if (limit.rlim_cur < limit.rlim_max)
    {
      struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };

      if (setrlimit (RLIMIT_NOFILE, &raised) == 0)
        limit = raised;
    }
  if (limit.rlim_cur < wanted)
    g_warning ("The limit on open files is %" G_GUINT64_FORMAT ", but MAX_SUBSCRIBERS %" G_GUINT64_FORMAT
               " needs %" G_GUINT64_FORMAT "; raise it (LimitNOFILE=) or lower the setting",
               (guint64) limit.rlim_cur, settings->max_subscribers, wanted);
}
