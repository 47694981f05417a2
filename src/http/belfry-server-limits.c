/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-server-fields-private.h"

#include <sys/resource.h>

/* How long and how many: the limits of connections, and what they turned away. */

#define FIRST_LIMIT 1000
#define DAY_USEC    (24 * 3600 * (gint64) G_USEC_PER_SEC)

/* Descriptors that are nobody's connection: the store, its readers, the bus, logs. */
#define MIN_RESERVE 32
#define MAX_RESERVE 512
#define MIN_OPEN    16

typedef enum
{
  PROP_HEADER_TIMEOUT = FIRST_LIMIT,
  PROP_BODY_STALL_TIMEOUT,
  PROP_BODY_TIMEOUT,
  PROP_IDLE_TIMEOUT,
  PROP_WRITE_TIMEOUT,
  PROP_MAX_CONNECTIONS,
  PROP_MAX_UPLOAD_BYTES,
  PROP_UPLOAD_BYTES,
  PROP_UPLOADS_REFUSED,
  PROP_CONNECTIONS_OVER_LIMIT,
  PROP_BAD_REQUESTS,
  PROP_HEADERS_TOO_LARGE,
  PROP_TIMEOUTS,
  PROP_IDLE_CLOSED,
  PROP_LINGERING_CLOSED,
} BelfryServerLimit;

gboolean
belfry_server_get_limit (BelfryServer *self,
                         guint         property_id,
                         GValue       *value)
{
  BelfryHttpClock *clock = belfry_gate_get_clock (self->gate);
  BelfryHttpTally *tally = belfry_http_clock_get_tally (clock);

  switch ((BelfryServerLimit) property_id)
    {
    case PROP_HEADER_TIMEOUT:
      g_value_set_int64 (value, belfry_http_clock_get_limit (clock, BELFRY_HTTP_PHASE_HEAD));
      return TRUE;
    case PROP_BODY_STALL_TIMEOUT:
      g_value_set_int64 (value, belfry_http_clock_get_limit (clock, BELFRY_HTTP_PHASE_BODY));
      return TRUE;
    case PROP_BODY_TIMEOUT:
      g_value_set_int64 (value, belfry_http_clock_get_body_limit (clock));
      return TRUE;
    case PROP_IDLE_TIMEOUT:
      g_value_set_int64 (value, belfry_http_clock_get_limit (clock, BELFRY_HTTP_PHASE_IDLE));
      return TRUE;
    case PROP_WRITE_TIMEOUT:
      g_value_set_int64 (value, belfry_http_clock_get_limit (clock, BELFRY_HTTP_PHASE_WRITE));
      return TRUE;
    case PROP_MAX_CONNECTIONS:
      g_value_set_uint (value, self->max_connections);
      return TRUE;
    case PROP_MAX_UPLOAD_BYTES:
      g_value_set_uint64 (value, self->uploads.max_bytes);
      return TRUE;
    case PROP_UPLOAD_BYTES:
      g_value_set_uint64 (value, self->uploads.bytes);
      return TRUE;
    case PROP_UPLOADS_REFUSED:
      g_value_set_uint64 (value, self->uploads.refused);
      return TRUE;
    case PROP_CONNECTIONS_OVER_LIMIT:
      g_value_set_uint64 (value, self->listener != NULL ? belfry_listener_get_over_limit (self->listener) : 0);
      return TRUE;
    case PROP_BAD_REQUESTS:
      g_value_set_uint64 (value, tally->bad_requests);
      return TRUE;
    case PROP_HEADERS_TOO_LARGE:
      g_value_set_uint64 (value, tally->heads_too_large);
      return TRUE;
    case PROP_TIMEOUTS:
      g_value_set_uint64 (value, tally->timeouts);
      return TRUE;
    case PROP_IDLE_CLOSED:
      g_value_set_uint64 (value, tally->idle_closed);
      return TRUE;
    case PROP_LINGERING_CLOSED:
      g_value_set_uint64 (value, tally->lingering_closed);
      return TRUE;
    default:
      return FALSE;
    }
}

static guint
derive_max_connections (void)
{
  struct rlimit limit;
  guint64 n_files;
  guint64 reserve;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 0;

  n_files = MIN (limit.rlim_cur, G_MAXINT32);
  reserve = CLAMP (n_files / 4, MIN_RESERVE, MAX_RESERVE);
  return n_files > reserve + MIN_OPEN ? n_files - reserve : MIN_OPEN;
}

void
belfry_server_apply_max_connections (BelfryServer *self)
{
  if (self->listener != NULL)
    belfry_listener_set_max_open (self->listener, self->max_connections != 0 ? self->max_connections
                                                                             : derive_max_connections ());
}

static gboolean
set_phase_limit (BelfryServer    *self,
                 BelfryHttpPhase  phase,
                 gint64           limit_usec)
{
  BelfryHttpClock *clock = belfry_gate_get_clock (self->gate);
  gboolean changed = belfry_http_clock_get_limit (clock, phase) != limit_usec;

  belfry_http_clock_set_limit (clock, phase, limit_usec);
  return changed;
}

gboolean
belfry_server_set_limit (BelfryServer *self,
                         guint         property_id,
                         const GValue *value)
{
  BelfryHttpClock *clock = belfry_gate_get_clock (self->gate);
  gboolean changed = FALSE;

  switch ((BelfryServerLimit) property_id)
    {
    case PROP_HEADER_TIMEOUT:
      changed = set_phase_limit (self, BELFRY_HTTP_PHASE_HEAD, g_value_get_int64 (value));
      belfry_http_clock_set_limit (clock, BELFRY_HTTP_PHASE_HANDSHAKE, g_value_get_int64 (value));
      return changed;
    case PROP_BODY_STALL_TIMEOUT:
      return set_phase_limit (self, BELFRY_HTTP_PHASE_BODY, g_value_get_int64 (value));
    case PROP_BODY_TIMEOUT:
      changed = belfry_http_clock_get_body_limit (clock) != g_value_get_int64 (value);
      belfry_http_clock_set_body_limit (clock, g_value_get_int64 (value));
      return changed;
    case PROP_IDLE_TIMEOUT:
      return set_phase_limit (self, BELFRY_HTTP_PHASE_IDLE, g_value_get_int64 (value));
    case PROP_WRITE_TIMEOUT:
      return set_phase_limit (self, BELFRY_HTTP_PHASE_WRITE, g_value_get_int64 (value));
    case PROP_MAX_CONNECTIONS:
      changed = self->max_connections != g_value_get_uint (value);
      self->max_connections = g_value_get_uint (value);
      belfry_server_apply_max_connections (self);
      return changed;
    case PROP_MAX_UPLOAD_BYTES:
      changed = self->uploads.max_bytes != g_value_get_uint64 (value);
      self->uploads.max_bytes = g_value_get_uint64 (value);
      return changed;
    case PROP_UPLOAD_BYTES:
    case PROP_UPLOADS_REFUSED:
    case PROP_CONNECTIONS_OVER_LIMIT:
    case PROP_BAD_REQUESTS:
    case PROP_HEADERS_TOO_LARGE:
    case PROP_TIMEOUTS:
    case PROP_IDLE_CLOSED:
    case PROP_LINGERING_CLOSED:
    default:
      return FALSE;
    }
}

static void
install_time (GObjectClass *object_class,
              guint         property_id,
              const char   *name,
              gint64        seconds)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  g_object_class_install_property (object_class, property_id,
                                   g_param_spec_int64 (name, NULL, NULL, 0, DAY_USEC, seconds * G_USEC_PER_SEC,
                                                       flags));
}

static void
install_counter (GObjectClass *object_class,
                 guint         property_id,
                 const char   *name)
{
  g_object_class_install_property (object_class, property_id,
                                   g_param_spec_uint64 (name, NULL, NULL, 0, G_MAXUINT64, 0,
                                                        G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
install_settings (GObjectClass *object_class)
{
  /**
   * BelfryServer:header-timeout-usec:
   *
   * Within which time the head of a request has to be whole after its first byte, in microseconds; otherwise it
   * is answered with 408. A TLS handshake has as long. 0: no limit.
   *
   * Since: 0.1
   */
  install_time (object_class, PROP_HEADER_TIMEOUT, "header-timeout-usec", 10);

  /**
   * BelfryServer:body-stall-timeout-usec:
   *
   * How long the body of a request may stand still, in microseconds; then it is answered with 408. 0: no limit.
   *
   * Since: 0.1
   */
  install_time (object_class, PROP_BODY_STALL_TIMEOUT, "body-stall-timeout-usec", 30);

  /**
   * BelfryServer:body-timeout-usec:
   *
   * How long the body of a request may take, in microseconds; then it is answered with 408. 0: no limit.
   *
   * Since: 0.1
   */
  install_time (object_class, PROP_BODY_TIMEOUT, "body-timeout-usec", 120);

  /**
   * BelfryServer:idle-timeout-usec:
   *
   * How long a connection may rest without a request, in microseconds; then it is closed. 0: no limit.
   *
   * Since: 0.1
   */
  install_time (object_class, PROP_IDLE_TIMEOUT, "idle-timeout-usec", 75);

  /**
   * BelfryServer:write-timeout-usec:
   *
   * How long a client may take nothing of an answer that waits for it, in microseconds; then the connection is
   * closed. 0: no limit.
   *
   * Since: 0.1
   */
  install_time (object_class, PROP_WRITE_TIMEOUT, "write-timeout-usec", 60);

  /**
   * BelfryServer:max-connections:
   *
   * How many connections may be open, sessions included. For one more the connection is closed that has been idle
   * for longest, or, when none is, the new one. 0: as many as the limit of open files leaves.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MAX_CONNECTIONS,
                                   g_param_spec_uint ("max-connections", NULL, NULL, 0, G_MAXINT32, 0,
                                                      G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY
                                                      | G_PARAM_STATIC_STRINGS));

  /**
   * BelfryServer:max-upload-bytes:
   *
   * How many bytes of request bodies may be in memory, of all requests together: whole ones that are being answered, and
   * what has come of others. A body may take as much as is free; a longer one is answered with 503.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_MAX_UPLOAD_BYTES,
                                   g_param_spec_uint64 ("max-upload-bytes", NULL, NULL, 1024, G_MAXINT64,
                                                        128 * 1024 * 1024,
                                                        G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY
                                                        | G_PARAM_STATIC_STRINGS));
}

static void
install_counters (GObjectClass *object_class)
{
  /**
   * BelfryServer:upload-bytes:
   *
   * Bytes of request bodies that are in memory now.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_UPLOAD_BYTES, "upload-bytes");

  /**
   * BelfryServer:uploads-refused:
   *
   * Requests answered with 503 since the start because of [property@Server:max-upload-bytes].
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_UPLOADS_REFUSED, "uploads-refused");

  /**
   * BelfryServer:connections-over-limit:
   *
   * Connections closed at once since the start because of [property@Server:max-connections].
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_CONNECTIONS_OVER_LIMIT, "connections-over-limit");

  /**
   * BelfryServer:bad-requests:
   *
   * Requests answered with 400 or 505 since the start because their head or their chunks were malformed.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_BAD_REQUESTS, "bad-requests");

  /**
   * BelfryServer:headers-too-large:
   *
   * Requests answered with 431 since the start.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_HEADERS_TOO_LARGE, "headers-too-large");

  /**
   * BelfryServer:timeouts:
   *
   * Requests, answers and TLS handshakes that took too long since the start.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_TIMEOUTS, "timeouts");

  /**
   * BelfryServer:idle-closed:
   *
   * Connections closed since the start because they rested for too long, or to make room for others.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_IDLE_CLOSED, "idle-closed");

  /**
   * BelfryServer:lingering-closed:
   *
   * Connections closed since the start because the client did not close after its last answer, a refusal, for two
   * seconds or while 256 later ones did not either.
   *
   * Since: 0.1
   */
  install_counter (object_class, PROP_LINGERING_CLOSED, "lingering-closed");
}

void
belfry_server_install_limits (GObjectClass *object_class)
{
  install_settings (object_class);
  install_counters (object_class);
}
