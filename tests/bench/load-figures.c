/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Figures: the measured processes, the pace, and the text of an event. */

/* How far a schedule may be behind before the rest of it is given up. */
#define LATE_NSEC G_GINT64_CONSTANT (10000000000)

gint64
load_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);

  return (gint64) now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Adds what one process has used and holds. */
static void
add_process (int     pid,
             double *cpu_seconds,
             double *rss_mib)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  g_auto(GStrv) fields = NULL;
  const char *behind_name;

  if (!g_file_get_contents (path, &text, NULL, NULL) || (behind_name = strrchr (text, ')')) == NULL)
    return;

  /* Behind the name, from the state on: user and system time are the 12th and 13th, resident pages the 22nd. */
  fields = g_strsplit (behind_name + 2, " ", 0);
  if (g_strv_length (fields) < 22)
    return;

  *cpu_seconds += (g_ascii_strtod (fields[11], NULL) + g_ascii_strtod (fields[12], NULL)) / (double) sysconf (_SC_CLK_TCK);
  *rss_mib += g_ascii_strtod (fields[21], NULL) * (double) sysconf (_SC_PAGESIZE) / (1024 * 1024);
}

static void
read_processes (const LoadProcess *self,
                double            *cpu_seconds,
                double            *rss_mib)
{
  *cpu_seconds = *rss_mib = 0;
  for (guint i = 0; i < self->n_pids; i++)
    add_process (self->pids[i], cpu_seconds, rss_mib);
}

void
load_process_begin (LoadProcess *self,
                    const int   *pids,
                    guint        n_pids)
{
  *self = (LoadProcess) { .n_pids = MIN (n_pids, LOAD_MAX_PIDS) };
  for (guint i = 0; i < self->n_pids; i++)
    self->pids[i] = pids[i];
  read_processes (self, &self->cpu_seconds_before, &self->rss_before_mib);
  self->rss_peak_mib = self->rss_before_mib;
}

void
load_process_sample (LoadProcess *self,
                     gint64       now_nsec)
{
  double cpu_seconds;
  double rss_mib;

  if (self->n_pids == 0 || now_nsec - self->sampled_nsec < 100000000)
    return;

  self->sampled_nsec = now_nsec;
  read_processes (self, &cpu_seconds, &rss_mib);
  self->rss_peak_mib = MAX (self->rss_peak_mib, rss_mib);
}

void
load_process_end (LoadProcess *self)
{
  double cpu_seconds;

  read_processes (self, &cpu_seconds, &self->rss_mib);
  self->cpu_seconds = MAX (cpu_seconds - self->cpu_seconds_before, 0);
  self->rss_peak_mib = MAX (self->rss_peak_mib, self->rss_mib);
}

LoadOptions
load_options_in_batches (const LoadOptions *options)
{
  LoadOptions own = *options;

  own.rate = options->rate / options->batch;
  own.count = (options->count + options->batch - 1) / options->batch;

  return own;
}

void
load_result_count_events (LoadResult *self,
                          guint       batch)
{
  self->sent *= batch;
  self->answered *= batch;
  self->failed *= batch;
}

void
load_pace_begin (LoadPace          *self,
                 const LoadOptions *options,
                 gint64             now_nsec)
{
  *self = (LoadPace) {
    .begin_nsec = now_nsec,
    .end_nsec = now_nsec + (gint64) (options->seconds * 1e9),
    .interval_nsec = options->rate > 0 ? 1e9 / options->rate : 0,
    .count = options->count,
  };

  /* What the schedule holds is sent, however late: were the last events dropped because of a stall, nobody would see the stall. */
  if (options->rate > 0)
    {
      guint64 planned = MAX ((guint64) (options->rate * options->seconds), 1);

      self->count = self->count > 0 ? MIN (self->count, planned) : planned;
      self->end_nsec += LATE_NSEC;
    }
}

static gint64
scheduled (LoadPace *self)
{
  return self->begin_nsec + (gint64) ((double) self->next * self->interval_nsec);
}

gboolean
load_pace_over (LoadPace *self,
                gint64    now_nsec)
{
  return (self->count > 0 && self->next >= self->count) || now_nsec >= self->end_nsec;
}

gboolean
load_pace_take (LoadPace *self,
                gint64    now_nsec,
                gint64   *intended_nsec)
{
  if (load_pace_over (self, now_nsec))
    return FALSE;

  *intended_nsec = now_nsec;
  if (self->interval_nsec > 0)
    {
      if (scheduled (self) > now_nsec)
        return FALSE;
      *intended_nsec = scheduled (self);
    }

  self->next++;

  return TRUE;
}

gint64
load_pace_due (LoadPace *self,
               gint64    now_nsec)
{
  gint64 later = now_nsec + 100000000;

  if (self->interval_nsec > 0)
    return MIN (scheduled (self) > now_nsec ? scheduled (self) : later, self->end_nsec);

  return MIN (later, self->end_nsec);
}

/* Of one length, so that everything stays in its place. */
const char * const load_types[LOAD_N_TYPES] = {
  "answer_submitted",
  "question_skipped",
  "lesson_completed",
  "progress_updated",
};

static gsize
find (const char *text,
      const char *marker)
{
  return (gsize) (strstr (text, marker) - text) + strlen (marker);
}

void
load_event_init (LoadEvent *self,
                 guint      size)
{
  g_autoptr(GString) text = g_string_new (NULL);

  g_string_printf (text,
                   "{\"event_type\":\"%s\",\"source\":\"bench\",\"session_id\":\"s000000\",\"user_id\":\"u000000\","
                   "\"payload\":{\"p\":\"0000\",\"n\":\"0000000000\",\"t\":\"0000000000000000\",\"pad\":\"",
                   load_types[0]);
  while (text->len + 3 < size)
    g_string_append_c (text, (char) ('a' + text->len % 26));
  g_string_append (text, "\"}}");

  self->type_at = find (text->str, "\"event_type\":\"");
  self->session_at = find (text->str, "\"session_id\":\"s");
  self->user_at = find (text->str, "\"user_id\":\"u");
  self->publisher_at = find (text->str, "\"p\":\"");
  self->number_at = find (text->str, "\"n\":\"");
  self->time_at = find (text->str, "\"t\":\"");
  self->length = text->len;
  self->text = g_string_free (g_steal_pointer (&text), FALSE);
}

void
load_event_clear (LoadEvent *self)
{
  g_clear_pointer (&self->text, g_free);
}

void
load_write_digits (char    *at,
                   guint    n_digits,
                   guint64  value)
{
  for (guint i = n_digits; i > 0; i--)
    {
      at[i - 1] = (char) ('0' + value % 10);
      value /= 10;
    }
}

void
load_event_set (LoadEvent *self,
                guint      group,
                guint      publisher,
                guint64    number,
                gint64     intended_nsec)
{
  memcpy (self->text + self->type_at, load_types[group % LOAD_N_TYPES], strlen (load_types[0]));
  load_write_digits (self->text + self->session_at, 6, group);
  load_write_digits (self->text + self->user_at, 6, group);
  load_write_digits (self->text + self->publisher_at, 4, publisher);
  load_write_digits (self->text + self->number_at, 10, number);
  load_write_digits (self->text + self->time_at, 16, (guint64) intended_nsec / 1000);
}
