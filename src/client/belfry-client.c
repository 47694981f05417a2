/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-client-private.h"

#include "belfry-client-url-private.h"
#include "belfry-error.h"

/**
 * BelfryClient:
 *
 * A daemon elsewhere, reached over HTTP.
 *
 * A client is made with an address, gets a key where the daemon asks for one, and then answers calls in any number at
 * once. Each call is one request; nothing is tried again by itself, because an event whose answer was lost may have been
 * accepted. Many events at once go faster through a [class@Belfry.ClientPublisher], events as they come through a
 * [class@Belfry.ClientSubscription].
 *
 * Errors are of [error@Belfry.Error] or of GIO: %G_IO_ERROR_PERMISSION_DENIED for a missing or wrong key,
 * %BELFRY_ERROR_UNAVAILABLE where trying again later helps. JSON is handed over as the text that the daemon sent, so that
 * numbers keep every digit.
 *
 * A client belongs to the thread-default context in which it was made, and is used there.
 *
 * Since: 0.1
 */

#define DEFAULT_TIMEOUT_SECONDS 30
#define DEFAULT_MAX_RESPONSE_BYTES (256u * 1024 * 1024)
#define MAX_CONNECTIONS 64

struct _BelfryClient
{
  GObject parent_instance;

  char            *url;     /* as it was given; construct-only */
  char            *base;    /* normalised, or NULL with url_error */
  GError          *url_error;
  char            *api_key;
  GTlsDatabase    *tls_database;
  guint            timeout_seconds;
  guint64          max_response_bytes;

  guint64          requests;
  guint64          failures;

  SoupSession     *session;
};

typedef enum
{
  PROP_URL = 1,
  PROP_API_KEY,
  PROP_TIMEOUT,
  PROP_TLS_DATABASE,
  PROP_MAX_RESPONSE_BYTES,
  PROP_REQUESTS,
  PROP_FAILURES,
} BelfryClientProperty;

static GParamSpec *properties[PROP_FAILURES + 1];

G_DEFINE_FINAL_TYPE (BelfryClient, belfry_client, G_TYPE_OBJECT)

static void
belfry_client_set_url (BelfryClient *self,
                       const char   *url)
{
  self->url = g_strdup (url);
  self->base = belfry_client_url_normalise (url != NULL ? url : "", &self->url_error);
}

static void
belfry_client_get_property (GObject    *object,
                            guint       property_id,
                            GValue     *value,
                            GParamSpec *pspec)
{
  BelfryClient *self = BELFRY_CLIENT (object);

  switch ((BelfryClientProperty) property_id)
    {
    case PROP_URL:
      g_value_set_string (value, self->url);
      break;
    case PROP_TIMEOUT:
      g_value_set_uint (value, self->timeout_seconds);
      break;
    case PROP_TLS_DATABASE:
      g_value_set_object (value, self->tls_database);
      break;
    case PROP_MAX_RESPONSE_BYTES:
      g_value_set_uint64 (value, self->max_response_bytes);
      break;
    case PROP_REQUESTS:
      g_value_set_uint64 (value, self->requests);
      break;
    case PROP_FAILURES:
      g_value_set_uint64 (value, self->failures);
      break;
    case PROP_API_KEY:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_client_set_property (GObject      *object,
                            guint         property_id,
                            const GValue *value,
                            GParamSpec   *pspec)
{
  BelfryClient *self = BELFRY_CLIENT (object);

  switch ((BelfryClientProperty) property_id)
    {
    case PROP_URL:
      belfry_client_set_url (self, g_value_get_string (value));
      break;
    case PROP_API_KEY:
      belfry_client_set_api_key (self, g_value_get_string (value));
      break;
    case PROP_TIMEOUT:
      self->timeout_seconds = g_value_get_uint (value);
      break;
    case PROP_TLS_DATABASE:
      self->tls_database = g_value_dup_object (value);
      break;
    case PROP_MAX_RESPONSE_BYTES:
      if (self->max_response_bytes != g_value_get_uint64 (value))
        {
          self->max_response_bytes = g_value_get_uint64 (value);
          g_object_notify_by_pspec (object, pspec);
        }
      break;
    case PROP_REQUESTS:
    case PROP_FAILURES:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
belfry_client_constructed (GObject *object)
{
  BelfryClient *self = BELFRY_CLIENT (object);

  G_OBJECT_CLASS (belfry_client_parent_class)->constructed (object);

  self->session = soup_session_new_with_options ("timeout", self->timeout_seconds,
                                                 "max-conns", MAX_CONNECTIONS,
                                                 "max-conns-per-host", MAX_CONNECTIONS,
                                                 "user-agent", "belfry-client",
                                                 NULL);
  if (self->tls_database != NULL)
    soup_session_set_tls_database (self->session, self->tls_database);

  /* Compression costs the daemon far more than the bytes are worth on a link that carries events. */
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
}

static void
belfry_client_dispose (GObject *object)
{
  BelfryClient *self = BELFRY_CLIENT (object);

  if (self->session != NULL)
    soup_session_abort (self->session);
  g_clear_object (&self->session);
  g_clear_object (&self->tls_database);

  G_OBJECT_CLASS (belfry_client_parent_class)->dispose (object);
}

static void
belfry_client_finalize (GObject *object)
{
  BelfryClient *self = BELFRY_CLIENT (object);

  g_free (self->url);
  g_free (self->base);
  g_free (self->api_key);
  g_clear_error (&self->url_error);

  G_OBJECT_CLASS (belfry_client_parent_class)->finalize (object);
}

static void
belfry_client_class_init (BelfryClientClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = belfry_client_constructed;
  object_class->dispose = belfry_client_dispose;
  object_class->finalize = belfry_client_finalize;
  object_class->get_property = belfry_client_get_property;
  object_class->set_property = belfry_client_set_property;

  /**
   * BelfryClient:url:
   *
   * Where the daemon is: `http://` or `https://`, host, port, and the path in front of `/api/v1` if there is one. A wrong
   * address is what each call then fails with.
   *
   * Since: 0.1
   */
  properties[PROP_URL] =
    g_param_spec_string ("url", NULL, NULL, NULL,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClient:api-key: (setter set_api_key)
   *
   * The key that goes with each request; holds for those that are begun after it was set. It can be
   * set, but not read.
   *
   * Since: 0.1
   */
  properties[PROP_API_KEY] =
    g_param_spec_string ("api-key", NULL, NULL, NULL,
                         G_PARAM_WRITABLE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClient:timeout:
   *
   * Seconds that a connection may be silent while an answer is waited for.
   *
   * Since: 0.1
   */
  properties[PROP_TIMEOUT] =
    g_param_spec_uint ("timeout", NULL, NULL, 1, 3600, DEFAULT_TIMEOUT_SECONDS,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClient:tls-database:
   *
   * The certificates that are trusted, where it is not those of the system.
   *
   * Since: 0.1
   */
  properties[PROP_TLS_DATABASE] =
    g_param_spec_object ("tls-database", NULL, NULL, G_TYPE_TLS_DATABASE,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClient:max-response-bytes:
   *
   * The longest answer that is taken; a longer one is %G_IO_ERROR_MESSAGE_TOO_LARGE.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_RESPONSE_BYTES] =
    g_param_spec_uint64 ("max-response-bytes", NULL, NULL, 1, G_MAXINT32, DEFAULT_MAX_RESPONSE_BYTES,
                         G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClient:requests:
   *
   * Requests begun so far.
   *
   * Since: 0.1
   */
  properties[PROP_REQUESTS] =
    g_param_spec_uint64 ("requests", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryClient:failures:
   *
   * Requests that ended with an error.
   *
   * Since: 0.1
   */
  properties[PROP_FAILURES] =
    g_param_spec_uint64 ("failures", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_client_init (BelfryClient *self)
{
  self->max_response_bytes = DEFAULT_MAX_RESPONSE_BYTES;
}

SoupSession *
belfry_client_get_session (BelfryClient *self)
{
  return self->session;
}

guint
belfry_client_get_timeout (BelfryClient *self)
{
  return self->timeout_seconds;
}

guint64
belfry_client_get_max_response_bytes (BelfryClient *self)
{
  return self->max_response_bytes;
}

void
belfry_client_count (BelfryClient *self,
                     gboolean      is_failure)
{
  if (is_failure)
    self->failures++;
  else
    self->requests++;
}

static void
dress_message (BelfryClient *self,
               SoupMessage  *message)
{
  SoupMessageHeaders *headers = soup_message_get_request_headers (message);

  /* A redirection would carry the key to another server. */
  soup_message_add_flags (message, SOUP_MESSAGE_NO_REDIRECT);
  if (self->api_key != NULL)
    soup_message_headers_replace (headers, "X-API-Key", self->api_key);
}

SoupMessage *
belfry_client_new_message (BelfryClient        *self,
                           const char          *method,
                           const char          *path,
                           const char * const  *parameters,
                           GError             **error)
{
  g_autofree char *url = NULL;

  if (self->base == NULL)
    {
      g_propagate_error (error, g_error_copy (self->url_error));
      return NULL;
    }

  url = belfry_client_url_build (self->base, path, parameters);

  return belfry_client_new_message_for_url (self, method, url, error);
}

SoupMessage *
belfry_client_new_message_for_url (BelfryClient  *self,
                                   const char    *method,
                                   const char    *url,
                                   GError       **error)
{
  g_autoptr(SoupMessage) message = soup_message_new (method, url);

  if (message == NULL)
    {
      g_set_error_literal (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT, "The address cannot be understood");
      return NULL;
    }

  dress_message (self, message);

  return g_steal_pointer (&message);
}

/**
 * belfry_client_new:
 * @url: where the daemon is, such as `http://127.0.0.1:8001`
 *
 * Makes a client. Nothing is sent yet.
 *
 * Returns: (transfer full): a new client
 *
 * Since: 0.1
 */
BelfryClient *
belfry_client_new (const char *url)
{
  g_return_val_if_fail (url != NULL, NULL);

  return g_object_new (BELFRY_TYPE_CLIENT, "url", url, NULL);
}

/**
 * belfry_client_get_url:
 * @self: a client
 *
 * The address that the client was made with.
 *
 * Returns: (transfer none): the address
 *
 * Since: 0.1
 */
const char *
belfry_client_get_url (BelfryClient *self)
{
  g_return_val_if_fail (BELFRY_IS_CLIENT (self), NULL);

  return self->url;
}

/**
 * belfry_client_set_api_key:
 * @self: a client
 * @api_key: (nullable): the key, or %NULL or "" for none
 *
 * Sets the key that goes with each request from now on.
 *
 * Since: 0.1
 */
void
belfry_client_set_api_key (BelfryClient *self,
                           const char   *api_key)
{
  g_return_if_fail (BELFRY_IS_CLIENT (self));

  if (api_key != NULL && *api_key == '\0')
    api_key = NULL;
  if (g_strcmp0 (self->api_key, api_key) == 0)
    return;

  g_free (self->api_key);
  self->api_key = g_strdup (api_key);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_API_KEY]);
}
