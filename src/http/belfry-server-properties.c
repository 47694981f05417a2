/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-server-fields-private.h"

/* What can be set about a server, and what it counts. */

typedef enum
{
  PROP_PIPELINE = 1,
  PROP_SERVICE_NAME,
  PROP_REQUIRE_AUTH,
  PROP_API_KEY,
  PROP_CORS_ORIGINS,
  PROP_MAX_BODY_BYTES,
  PROP_MAX_BATCH_BYTES,
  PROP_MAX_WS_MESSAGE_BYTES,
  PROP_MAX_WS_CONNECTIONS_PER_IP,
  PROP_MAX_ANSWER_BYTES,
  PROP_TLS_CERTIFICATE,
  PROP_URIS,
  PROP_CONNECTIONS,
  PROP_CONNECTIONS_ACCEPTED,
  PROP_CONNECTIONS_REFUSED,
  PROP_SESSIONS,
  PROP_REQUESTS,
  PROP_PLAIN_REQUESTS,
  PROP_UNAUTHORIZED,
  PROP_TOO_LARGE,
  PROP_ANSWER_BYTES,
  PROP_ANSWERS_REFUSED,
} BelfryServerProperty;

static GParamSpec *properties[PROP_ANSWERS_REFUSED + 1];

static void
belfry_server_get_property (GObject    *object,
                            guint       property_id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  BelfryServer *self = BELFRY_SERVER (object);

  switch ((BelfryServerProperty) property_id)
    {
    case PROP_PIPELINE:
      g_value_set_object (value, self->pipeline);
      break;
    case PROP_SERVICE_NAME:
      g_value_set_string (value, self->service_name);
      break;
    case PROP_REQUIRE_AUTH:
      g_value_set_boolean (value, belfry_admission_get_require_auth (self->admission));
      break;
    case PROP_API_KEY:
      g_value_set_string (value, self->api_key);
      break;
    case PROP_CORS_ORIGINS:
      g_value_set_boxed (value, self->cors_origins);
      break;
    case PROP_MAX_BODY_BYTES:
      g_value_set_uint64 (value, self->max_body_bytes);
      break;
    case PROP_MAX_BATCH_BYTES:
      g_value_set_uint64 (value, self->max_batch_bytes);
      break;
    case PROP_MAX_WS_MESSAGE_BYTES:
      g_value_set_uint64 (value, self->max_ws_message_bytes);
      break;
    case PROP_MAX_WS_CONNECTIONS_PER_IP:
      g_value_set_uint (value, self->max_ws_connections_per_ip);
      break;
    case PROP_MAX_ANSWER_BYTES:
      g_value_set_uint64 (value, belfry_answer_quota_get_maximum (self->answers));
      break;
    case PROP_TLS_CERTIFICATE:
      g_value_set_object (value, self->tls_certificate);
      break;
    case PROP_URIS:
      g_value_take_boxed (value, belfry_server_list_uris (self));
      break;
    case PROP_CONNECTIONS:
      g_value_set_uint (value, self->listener != NULL ? belfry_listener_get_n_open (self->listener) : 0);
      break;
    case PROP_CONNECTIONS_ACCEPTED:
      g_value_set_uint64 (value, self->listener != NULL ? belfry_listener_get_accepted (self->listener) : 0);
      break;
    case PROP_CONNECTIONS_REFUSED:
      g_value_set_uint64 (value, self->listener != NULL ? belfry_listener_get_refused (self->listener) : 0);
      break;
    case PROP_SESSIONS:
      g_value_set_uint (value, self->sessions != NULL ? belfry_session_set_get_n_sessions (self->sessions) : 0);
      break;
    case PROP_REQUESTS:
      g_value_set_uint64 (value, belfry_gate_get_tally (self->gate)->requests);
      break;
    case PROP_PLAIN_REQUESTS:
      g_value_set_uint64 (value, belfry_gate_get_tally (self->gate)->plain);
      break;
    case PROP_UNAUTHORIZED:
      g_value_set_uint64 (value, belfry_admission_get_tally (self->admission)->unauthorized);
      break;
    case PROP_TOO_LARGE:
      g_value_set_uint64 (value, belfry_gate_get_tally (self->gate)->too_large);
      break;
    case PROP_ANSWER_BYTES:
      g_value_set_uint64 (value, belfry_answer_quota_get_bytes (self->answers));
      break;
    case PROP_ANSWERS_REFUSED:
      g_value_set_uint64 (value, belfry_answer_quota_get_refused (self->answers));
      break;
    default:
      if (!belfry_server_get_limit (self, property_id, value)
          && !belfry_server_get_access (self, property_id, value))
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static gboolean
replace_string (char       **field,
                const char  *text)
{
  if (g_strcmp0 (*field, text) == 0)
    return FALSE;

  g_free (*field);
  *field = g_strdup (text);
  return TRUE;
}

/* What is no origin is a mistake of the program: the daemon has looked at its settings before. */
static gboolean
set_cors_origins (BelfryServer       *self,
                  const char * const *origins)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryCors) cors = belfry_cors_new (origins, &error);

  if (cors == NULL)
    {
      g_critical ("cors-origins: %s", error->message);
      return FALSE;
    }

  /* The connections that are open hold it too. */
  belfry_cors_take_origins (self->cors, cors);
  g_strfreev (self->cors_origins);
  self->cors_origins = g_strdupv ((char **) origins);
  return TRUE;
}

static void
belfry_server_set_property (GObject      *object,
                            guint         property_id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  BelfryServer *self = BELFRY_SERVER (object);
  gboolean changed = TRUE;

  switch ((BelfryServerProperty) property_id)
    {
    case PROP_PIPELINE:
      self->pipeline = g_value_dup_object (value);
      return;
    case PROP_SERVICE_NAME:
      changed = replace_string (&self->service_name, g_value_get_string (value));
      break;
    case PROP_REQUIRE_AUTH:
      changed = belfry_admission_get_require_auth (self->admission) != g_value_get_boolean (value);
      belfry_admission_set_require_auth (self->admission, g_value_get_boolean (value));
      break;
    case PROP_API_KEY:
      changed = replace_string (&self->api_key, g_value_get_string (value));
      belfry_key_ring_set_main (belfry_admission_get_keys (self->admission), self->api_key);
      belfry_server_close_revoked (self);
      break;
    case PROP_CORS_ORIGINS:
      changed = set_cors_origins (self, g_value_get_boxed (value));
      break;
    case PROP_MAX_BODY_BYTES:
      changed = self->max_body_bytes != g_value_get_uint64 (value);
      self->max_body_bytes = g_value_get_uint64 (value);
      break;
    case PROP_MAX_BATCH_BYTES:
      changed = self->max_batch_bytes != g_value_get_uint64 (value);
      self->max_batch_bytes = g_value_get_uint64 (value);
      break;
    case PROP_MAX_WS_MESSAGE_BYTES:
      changed = self->max_ws_message_bytes != g_value_get_uint64 (value);
      self->max_ws_message_bytes = g_value_get_uint64 (value);
      break;
    case PROP_MAX_WS_CONNECTIONS_PER_IP:
      changed = self->max_ws_connections_per_ip != g_value_get_uint (value);
      self->max_ws_connections_per_ip = g_value_get_uint (value);
      break;
    case PROP_MAX_ANSWER_BYTES:
      changed = belfry_answer_quota_get_maximum (self->answers) != g_value_get_uint64 (value);
      belfry_answer_quota_set_maximum (self->answers, g_value_get_uint64 (value));
      break;
    case PROP_TLS_CERTIFICATE:
      changed = g_set_object (&self->tls_certificate, g_value_get_object (value));
      if (self->listener != NULL && self->tls_certificate != NULL)
        belfry_listener_set_certificate (self->listener, self->tls_certificate);
      break;
    case PROP_URIS:
    case PROP_CONNECTIONS:
    case PROP_CONNECTIONS_ACCEPTED:
    case PROP_CONNECTIONS_REFUSED:
    case PROP_SESSIONS:
    case PROP_REQUESTS:
    case PROP_PLAIN_REQUESTS:
    case PROP_UNAUTHORIZED:
    case PROP_TOO_LARGE:
    case PROP_ANSWER_BYTES:
    case PROP_ANSWERS_REFUSED:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
      return;
    default:
      changed = belfry_server_set_limit (self, property_id, value)
                || belfry_server_set_access (self, property_id, value);
      break;
    }

  if (changed)
    g_object_notify_by_pspec (object, pspec);
}

static void
install_settings (void)
{
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  /**
   * BelfryServer:pipeline:
   *
   * What the doors publish into and subscribe at.
   *
   * Since: 0.1
   */
  properties[PROP_PIPELINE] =
    g_param_spec_object ("pipeline", NULL, NULL, BELFRY_TYPE_PIPELINE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryServer:service-name:
   *
   * The name that `/health` tells.
   *
   * Since: 0.1
   */
  properties[PROP_SERVICE_NAME] =
    g_param_spec_string ("service-name", NULL, NULL, "event-pipeline", flags);

  /**
   * BelfryServer:require-auth:
   *
   * Whether every request needs a key, but those for the state of the service and its pages.
   *
   * Since: 0.1
   */
  properties[PROP_REQUIRE_AUTH] =
    g_param_spec_boolean ("require-auth", NULL, NULL, FALSE, flags);

  /**
   * BelfryServer:api-key:
   *
   * A key that clients send in `X-API-Key` or as a bearer token, and that may do everything.
   * [method@Server.load_api_keys] brings others.
   *
   * Since: 0.1
   */
  properties[PROP_API_KEY] =
    g_param_spec_string ("api-key", NULL, NULL, NULL, flags);

  /**
   * BelfryServer:cors-origins:
   *
   * The origins, such as `https://example.org`, whose pages may use the service; `*` stands for all.
   *
   * Since: 0.1
   */
  properties[PROP_CORS_ORIGINS] =
    g_param_spec_boxed ("cors-origins", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * BelfryServer:max-body-bytes:
   *
   * The longest request body, in bytes; a longer one is answered with 413 before it has been read.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_BODY_BYTES] =
    g_param_spec_uint64 ("max-body-bytes", NULL, NULL, 1024, G_MAXINT64, 8 * 65536 + 16384, flags);

  /**
   * BelfryServer:max-batch-bytes:
   *
   * Longest body of a request that brings a batch, before and after it is unpacked.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_BATCH_BYTES] =
    g_param_spec_uint64 ("max-batch-bytes", NULL, NULL, 1024, G_MAXINT64, 1048576, flags);

  /**
   * BelfryServer:max-ws-message-bytes:
   *
   * The longest WebSocket message, in bytes, all its fragments together. Holds for sessions from the first one on.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_WS_MESSAGE_BYTES] =
    g_param_spec_uint64 ("max-ws-message-bytes", NULL, NULL, 1024, G_MAXINT32, 1048576, flags);

  /**
   * BelfryServer:max-ws-connections-per-ip:
   *
   * How many WebSocket sessions one address (of IPv6: one /64) may have at a time.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_WS_CONNECTIONS_PER_IP] =
    g_param_spec_uint ("max-ws-connections-per-ip", NULL, NULL, 1, G_MAXINT32, 20, flags);

  /**
   * BelfryServer:max-answer-bytes:
   *
   * How many bytes of answers to queries may be under way; more are answered with 503. One alone may be larger.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_ANSWER_BYTES] =
    g_param_spec_uint64 ("max-answer-bytes", NULL, NULL, 1024, G_MAXINT64, 256 * 1024 * 1024, flags);

  /**
   * BelfryServer:tls-certificate:
   *
   * With it, and its private key, the server speaks TLS on every port. To be set before [method@Server.listen];
   * replaced later it holds for new connections.
   *
   * Since: 0.1
   */
  properties[PROP_TLS_CERTIFICATE] =
    g_param_spec_object ("tls-certificate", NULL, NULL, G_TYPE_TLS_CERTIFICATE, flags);
}

static void
install_counters (void)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  /**
   * BelfryServer:uris:
   *
   * The addresses on which the server listens, such as `http://127.0.0.1:8001`.
   *
   * Since: 0.1
   */
  properties[PROP_URIS] =
    g_param_spec_boxed ("uris", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * BelfryServer:connections:
   *
   * Connections that are open now, those of sessions included.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTIONS] =
    g_param_spec_uint ("connections", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * BelfryServer:connections-accepted:
   *
   * Connections accepted since the start.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTIONS_ACCEPTED] =
    g_param_spec_uint64 ("connections-accepted", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:connections-refused:
   *
   * Connections turned away since the start because the process had no descriptor left.
   *
   * Since: 0.1
   */
  properties[PROP_CONNECTIONS_REFUSED] =
    g_param_spec_uint64 ("connections-refused", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:sessions:
   *
   * WebSocket and Server-Sent Events sessions that are open now.
   *
   * Since: 0.1
   */
  properties[PROP_SESSIONS] =
    g_param_spec_uint ("sessions", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * BelfryServer:requests:
   *
   * Requests since the start, upgrades included.
   *
   * Since: 0.1
   */
  properties[PROP_REQUESTS] =
    g_param_spec_uint64 ("requests", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:plain-requests:
   *
   * Of [property@Server:requests], those that were served on the short way, without the HTTP library.
   *
   * Since: 0.1
   */
  properties[PROP_PLAIN_REQUESTS] =
    g_param_spec_uint64 ("plain-requests", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:unauthorized:
   *
   * Requests answered with 401, and sockets closed with 4001, since the start.
   *
   * Since: 0.1
   */
  properties[PROP_UNAUTHORIZED] =
    g_param_spec_uint64 ("unauthorized", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:too-large:
   *
   * Requests answered with 413 since the start.
   *
   * Since: 0.1
   */
  properties[PROP_TOO_LARGE] =
    g_param_spec_uint64 ("too-large", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:answer-bytes:
   *
   * Bytes of answers to queries that are under way now.
   *
   * Since: 0.1
   */
  properties[PROP_ANSWER_BYTES] =
    g_param_spec_uint64 ("answer-bytes", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * BelfryServer:answers-refused:
   *
   * Queries answered with 503 since the start because of [property@Server:max-answer-bytes].
   *
   * Since: 0.1
   */
  properties[PROP_ANSWERS_REFUSED] =
    g_param_spec_uint64 ("answers-refused", NULL, NULL, 0, G_MAXUINT64, 0, flags);
}

void
belfry_server_install_properties (GObjectClass *object_class)
{
  object_class->get_property = belfry_server_get_property;
  object_class->set_property = belfry_server_set_property;

  install_settings ();
  install_counters ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
  belfry_server_install_limits (object_class);
  belfry_server_install_access (object_class);
}
