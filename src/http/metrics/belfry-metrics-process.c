/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-metrics-private.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* What every program that Prometheus watches tells of itself, under the names that its dashboards know. */

/* Fields of /proc/self/stat, counted from the state, which follows the name of the program. */
#define FIELD_THREADS 17
#define FIELD_START   19
#define FIELD_VIRTUAL 20
#define FIELD_RSS     21
#define N_FIELDS      22

static gboolean
read_fields (guint64 *fields)
{
  g_autofree char *text = NULL;
  g_auto(GStrv) words = NULL;
  const char *rest;

  if (!g_file_get_contents ("/proc/self/stat", &text, NULL, NULL))
    return FALSE;
  /* A program may have brackets and spaces in its name. */
  rest = strrchr (text, ')');
  if (rest == NULL || rest[1] != ' ')
    return FALSE;

  words = g_strsplit (rest + 2, " ", N_FIELDS + 1);
  if (g_strv_length (words) < N_FIELDS)
    return FALSE;
  for (guint i = 0; i < N_FIELDS; i++)
    fields[i] = g_ascii_strtoull (words[i], NULL, 10);

  return TRUE;
}

/* Seconds since 1970 at which the machine started. By the clocks: a service with ProcSubset=pid sees no /proc/stat. */
static double
read_boot_time (void)
{
  struct timespec since_boot;

  if (clock_gettime (CLOCK_BOOTTIME, &since_boot) != 0)
    return 0;

  return g_get_real_time () / 1e6 - since_boot.tv_sec - since_boot.tv_nsec / 1e9;
}

/* Asked once: a start that moved with the clock would look like another start. */
static double
get_start_time (double ticks_since_boot)
{
  static double start_time = 0;

  if (start_time == 0)
    start_time = read_boot_time () + ticks_since_boot / sysconf (_SC_CLK_TCK);

  return start_time;
}

static double
read_cpu_seconds (void)
{
  struct rusage usage;

  if (getrusage (RUSAGE_SELF, &usage) != 0)
    return 0;

  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static guint
count_descriptors (void)
{
  g_autoptr(GDir) folder = g_dir_open ("/proc/self/fd", 0, NULL);
  guint count = 0;

  if (folder == NULL)
    return 0;
  while (g_dir_read_name (folder) != NULL)
    count++;

  /* One of them is the folder. */
  return count - 1;
}

static void
tell_process (BelfryMetrics *self,
              gpointer       user_data)
{
  guint64 fields[N_FIELDS] = { 0 };
  struct rlimit limit;

  belfry_metrics_tell (self, "process_cpu_seconds", NULL, read_cpu_seconds ());
  belfry_metrics_tell (self, "process_open_fds", NULL, count_descriptors ());
  if (getrlimit (RLIMIT_NOFILE, &limit) == 0)
    belfry_metrics_tell (self, "process_max_fds", NULL, limit.rlim_cur);
  if (!read_fields (fields))
    return;

  belfry_metrics_tell (self, "process_resident_memory_bytes", NULL, (double) fields[FIELD_RSS] * sysconf (_SC_PAGESIZE));
  belfry_metrics_tell (self, "process_virtual_memory_bytes", NULL, fields[FIELD_VIRTUAL]);
  belfry_metrics_tell (self, "process_threads", NULL, fields[FIELD_THREADS]);
  belfry_metrics_tell (self, "process_start_time_seconds", NULL, get_start_time (fields[FIELD_START]));
}

void
belfry_metrics_add_process (BelfryMetrics *self)
{
  static const struct { BelfryMetricKind kind; const char *name; const char *help; } families[] = {
    { BELFRY_METRIC_KIND_COUNTER, "process_cpu_seconds", "CPU time that the process has used, its own and the kernel's for it." },
    { BELFRY_METRIC_KIND_GAUGE, "process_open_fds", "Open descriptors." },
    { BELFRY_METRIC_KIND_GAUGE, "process_max_fds", "Descriptors that may be open." },
    { BELFRY_METRIC_KIND_GAUGE, "process_resident_memory_bytes", "Memory that the process has in RAM." },
    { BELFRY_METRIC_KIND_GAUGE, "process_virtual_memory_bytes", "Address space of the process." },
    { BELFRY_METRIC_KIND_GAUGE, "process_threads", "Threads of the process." },
    { BELFRY_METRIC_KIND_GAUGE, "process_start_time_seconds", "When the process was started, since 1970 UTC." },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    belfry_metrics_add_family (self, families[i].kind, families[i].name, families[i].help);
  belfry_metrics_add_source (self, tell_process, NULL, NULL);
}
