/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-http-clock-private.h"

#include <libsoup/soup.h>

/* All that wait in one phase wait equally long, so each phase is a queue in which the oldest stands first: a
 * timer starts and stops in constant time, and a tick looks only at those that are due. Times are those of
 * the tick; so a limit may be exceeded by two ticks, and is never cut short. */

#define MAX_TICK_USEC G_USEC_PER_SEC
#define MIN_TICK_USEC 10000

struct _BelfryHttpClock
{
  GMainContext   *context;  /* owned; home */
  GSource        *tick;     /* owned; NULL while nobody waits */
  GQueue          queues[BELFRY_HTTP_N_PHASES];  /* of the timers' own links */
  gint64          limits_usec[BELFRY_HTTP_N_PHASES];
  gint64          body_limit_usec;
  gint64          now_usec;  /* of the last tick */
  gint64          tick_usec;
  gint64          date_sec;  /* of the wall clock, when date was printed */
  char            date[sizeof "Sun, 06 Nov 1994 08:49:37 GMT"];
  BelfryHttpTally tally;
};

BelfryHttpClock *
belfry_http_clock_new (void)
{
  BelfryHttpClock *self = g_rc_box_new0 (BelfryHttpClock);

  self->context = g_main_context_ref_thread_default ();
  self->limits_usec[BELFRY_HTTP_PHASE_HANDSHAKE] = 10 * G_USEC_PER_SEC;
  self->limits_usec[BELFRY_HTTP_PHASE_IDLE] = 75 * G_USEC_PER_SEC;
  self->limits_usec[BELFRY_HTTP_PHASE_HEAD] = 10 * G_USEC_PER_SEC;
  self->limits_usec[BELFRY_HTTP_PHASE_BODY] = 30 * G_USEC_PER_SEC;
  self->limits_usec[BELFRY_HTTP_PHASE_WRITE] = 60 * G_USEC_PER_SEC;
  self->limits_usec[BELFRY_HTTP_PHASE_LINGER] = 2 * G_USEC_PER_SEC;
  self->body_limit_usec = 120 * G_USEC_PER_SEC;
  self->tick_usec = MAX_TICK_USEC;
  self->now_usec = g_get_monotonic_time ();
  return self;
}

BelfryHttpClock *
belfry_http_clock_ref (BelfryHttpClock *self)
{
  return g_rc_box_acquire (self);
}

static void
stop_tick (BelfryHttpClock *self)
{
  if (self->tick != NULL)
    g_source_destroy (self->tick);
  g_clear_pointer (&self->tick, g_source_unref);
}

static void
clear_clock (gpointer data)
{
  BelfryHttpClock *self = data;

  stop_tick (self);
  g_main_context_unref (self->context);
}

void
belfry_http_clock_unref (BelfryHttpClock *self)
{
  g_rc_box_release_full (self, clear_clock);
}

static void
expire (BelfryHttpClock *self,
        BelfryHttpTimer *timer)
{
  BelfryHttpPhase phase = timer->phase;

  belfry_http_clock_stop (self, timer);
  if (phase == BELFRY_HTTP_PHASE_IDLE)
    self->tally.idle_closed++;
  else if (phase == BELFRY_HTTP_PHASE_LINGER)
    self->tally.lingering_closed++;
  else
    self->tally.timeouts++;
  timer->expired (timer);
}

/* Gives whether somebody waits. */
static gboolean
expire_due (BelfryHttpClock *self,
            BelfryHttpPhase  phase)
{
  GQueue *queue = &self->queues[phase];
  gint64 limit_usec = self->limits_usec[phase];

  while (limit_usec > 0 && queue->head != NULL)
    {
      BelfryHttpTimer *timer = queue->head->data;

      if (self->now_usec - timer->since_usec < limit_usec + self->tick_usec)
        break;
      if (timer->got_on != NULL && timer->got_on (timer))
        belfry_http_clock_start (self, timer, phase);
      else
        expire (self, timer);
    }

  return queue->head != NULL;
}

static gboolean
on_tick (gpointer user_data)
{
  BelfryHttpClock *self = user_data;
  gboolean somebody_waits = FALSE;

  /* Whoever is told may be the last to hold the clock. */
  g_rc_box_acquire (self);
  self->now_usec = g_get_monotonic_time ();
  for (guint phase = 0; phase < BELFRY_HTTP_N_PHASES; phase++)
    somebody_waits |= expire_due (self, phase);
  if (!somebody_waits)
    stop_tick (self);
  belfry_http_clock_unref (self);
  return G_SOURCE_CONTINUE;
}

static void
start_tick (BelfryHttpClock *self)
{
  self->now_usec = g_get_monotonic_time ();
  self->tick = g_timeout_source_new (self->tick_usec / 1000);
  g_source_set_static_name (self->tick, "belfry http clock");
  g_source_set_callback (self->tick, on_tick, self, NULL);
  g_source_attach (self->tick, self->context);
}

/* Fine enough for the shortest limit that somebody chose. */
static void
choose_tick (BelfryHttpClock *self)
{
  gint64 tick_usec = MAX_TICK_USEC;

  for (guint phase = 0; phase < BELFRY_HTTP_N_PHASES; phase++)
    {
      if (phase != BELFRY_HTTP_PHASE_LINGER && self->limits_usec[phase] > 0)
        tick_usec = MIN (tick_usec, self->limits_usec[phase] / 8);
    }
  if (self->body_limit_usec > 0)
    tick_usec = MIN (tick_usec, self->body_limit_usec / 8);
  self->tick_usec = MAX (tick_usec, MIN_TICK_USEC);

  if (self->tick != NULL)
    {
      stop_tick (self);
      start_tick (self);
    }
}

void
belfry_http_clock_set_limit (BelfryHttpClock *self,
                             BelfryHttpPhase  phase,
                             gint64           limit_usec)
{
  self->limits_usec[phase] = limit_usec;
  choose_tick (self);
}

gint64
belfry_http_clock_get_limit (BelfryHttpClock *self,
                             BelfryHttpPhase  phase)
{
  return self->limits_usec[phase];
}

void
belfry_http_clock_set_body_limit (BelfryHttpClock *self,
                                  gint64           limit_usec)
{
  self->body_limit_usec = limit_usec;
  choose_tick (self);
}

gint64
belfry_http_clock_get_body_limit (BelfryHttpClock *self)
{
  return self->body_limit_usec;
}

const char *
belfry_http_clock_get_date (BelfryHttpClock *self)
{
  gint64 now_sec = g_get_real_time () / G_USEC_PER_SEC;
  g_autoptr(GDateTime) now = NULL;
  g_autofree char *text = NULL;

  if (now_sec == self->date_sec)
    return self->date;

  now = g_date_time_new_from_unix_utc (now_sec);
  text = soup_date_time_to_string (now, SOUP_DATE_HTTP);
  g_strlcpy (self->date, text, sizeof self->date);
  self->date_sec = now_sec;
  return self->date;
}

gint64
belfry_http_clock_get_now (BelfryHttpClock *self)
{
  return self->now_usec;
}

void
belfry_http_clock_start (BelfryHttpClock *self,
                         BelfryHttpTimer *timer,
                         BelfryHttpPhase  phase)
{
  if (self->tick == NULL)
    start_tick (self);
  if (timer->phase != BELFRY_HTTP_PHASE_NONE)
    g_queue_unlink (&self->queues[timer->phase], &timer->link);

  timer->link.data = timer;
  timer->phase = phase;
  timer->since_usec = self->now_usec;
  g_queue_push_tail_link (&self->queues[phase], &timer->link);
}

void
belfry_http_clock_stop (BelfryHttpClock *self,
                        BelfryHttpTimer *timer)
{
  if (timer->phase == BELFRY_HTTP_PHASE_NONE)
    return;

  g_queue_unlink (&self->queues[timer->phase], &timer->link);
  timer->phase = BELFRY_HTTP_PHASE_NONE;
}

guint
belfry_http_clock_count (BelfryHttpClock *self,
                         BelfryHttpPhase  phase)
{
  return self->queues[phase].length;
}

gboolean
belfry_http_clock_make_room (BelfryHttpClock *self,
                             BelfryHttpPhase  phase)
{
  GList *oldest = self->queues[phase].head;

  if (oldest == NULL)
    return FALSE;

  expire (self, oldest->data);
  return TRUE;
}

BelfryHttpTally *
belfry_http_clock_get_tally (BelfryHttpClock *self)
{
  return &self->tally;
}
