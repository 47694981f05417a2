/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  BELFRY_SETTING_STRING,
  BELFRY_SETTING_HOST,      /* an address or a host name */
  BELFRY_SETTING_KEY,       /* what a header can carry */
  BELFRY_SETTING_BOOLEAN,
  BELFRY_SETTING_NUMBER,
  BELFRY_SETTING_DURATION,  /* kept in µs; minimum and maximum in seconds, a maximum of 0 is none */
  BELFRY_SETTING_PORTS,
  BELFRY_SETTING_PORT,      /* kept as text: one port, or off */
  BELFRY_SETTING_LIST,      /* separated by commas */
  BELFRY_SETTING_CHOICE,
  BELFRY_SETTING_RATE,      /* kept as text: COUNT/PERIOD or unlimited */
  BELFRY_SETTING_ORIGINS,   /* separated by commas; kept as a list of texts */
  BELFRY_SETTING_NETWORKS,  /* addresses and CIDR ranges, separated by commas; kept as a list of texts */
  BELFRY_SETTING_FILE,      /* a path */
  BELFRY_SETTING_FOLDER,
} BelfrySettingKind;

/* What is known of a setting; the manual is made from the same table. */
typedef struct
{
  const char       *name;         /* of the environment variable and of the key */
  const char       *option;       /* of the command line, or NULL */
  const char       *fallback;     /* an older name, read when this one is unset, or NULL */
  BelfrySettingKind kind;
  const char       *unset;        /* the default, as text; NULL: none */
  guint64           minimum;
  guint64           maximum;
  const char       *choices;      /* CHOICE: separated by | */
  const char       *unit;
  const char       *description;
  gsize             offset;       /* of the field in BelfrySettings */
  gboolean          is_secret;
  gboolean          is_live;      /* a reload changes it; otherwise the next start does */
} BelfrySettingInfo;

/* The settings of one start of the daemon. Numbers are guint64, booleans gboolean, durations gint64 µs. */
typedef struct
{
  char    *host;
  GArray  *ports;                /* of guint16 */
  gboolean debug;
  char    *database_path;
  char   **cors_origins;
  gboolean require_auth;
  char    *api_key;              /* or NULL */
  char    *api_keys_file;        /* or NULL */
  char   **trusted_proxies;
  char    *rate_limit_publish;
  char    *rate_limit_query;
  char    *rate_limit_admin;
  char    *rate_limit_filters;
  char    *rate_limit_collect;
  guint64  rate_limit_max_clients;
  guint64  max_queue_size;
  guint64  ring_max_bytes;
  guint64  max_subscribers;
  guint64  mailbox_max_bytes;
  guint64  catch_up_max_bytes;
  guint64  max_waiting_events;
  guint64  max_waiting_bytes;
  gint64   idempotency_window_usec;
  guint64  idempotency_max_bytes;
  guint64  max_ws_message_bytes;
  guint64  max_ws_connections_per_ip;
  guint64  max_connections;      /* 0: derived */
  gint64   header_timeout_usec;
  gint64   body_stall_timeout_usec;
  gint64   body_timeout_usec;
  gint64   idle_timeout_usec;
  gint64   write_timeout_usec;
  guint64  max_payload_keys;
  guint64  max_payload_bytes;
  guint64  max_body_bytes;       /* 0 was given: made from max_payload_bytes */
  guint64  max_upload_bytes;
  guint64  max_answer_bytes;
  char    *d_bus;                /* session, system or off */
  char    *d_bus_group;
  guint64  d_bus_max_calls;
  guint64  d_bus_max_streams;
  guint64  d_bus_max_answer_bytes;
  gint64   event_retention_usec;
  char    *log_level;
  char    *log_format;
  char    *service_name;
  char    *version;
  char    *tls_certificate;      /* or NULL */
  char    *tls_private_key;      /* or NULL */
  char    *event_types_dir;
  char    *grpc_host;
  char    *grpc_port;            /* a number or off */
  guint64  max_batch_size;
  guint64  max_batch_size_bytes;
  guint64  stream_batch_size;
  guint64  dead_letters_max;
  guint64  dead_letters_max_bytes;
  gint64   dead_letter_retention_usec;
  char    *kafka_bootstrap_servers;
  char    *kafka_topic;
  char    *kafka_dlq_topic;
  char    *kafka_start;          /* end or beginning */
  char    *kafka_config;         /* or NULL */
  guint64  kafka_partitions;
  guint64  kafka_max_in_flight;
  char    *buffer_dir;           /* or NULL */
  guint64  buffer_retention_hours;
  guint64  buffer_max_bytes;
} BelfrySettings;

/* Where values come from; the later one wins. */
typedef struct _BelfrySettingSources BelfrySettingSources;

const BelfrySettingInfo *belfry_settings_list            (gsize *n_settings);

BelfrySettingSources    *belfry_setting_sources_new      (void);
void                     belfry_setting_sources_free     (BelfrySettingSources *self);
/* path: a key file; what lies in path.d is read behind it. Unknown keys are added to warnings. A file that
 * is not there is an error only when it must_exist. */
gboolean                 belfry_setting_sources_add_file (BelfrySettingSources *self, const char *path,
                                                          gboolean must_exist, GPtrArray *warnings, GError **error);
gboolean                 belfry_setting_sources_add_env_file (BelfrySettingSources *self, const char *path,
                                                              GError **error);
void                     belfry_setting_sources_add_environment (BelfrySettingSources *self,
                                                                 const char * const *environment);
/* Before files are read anew: what they said is gone, environment and options stay. */
void                     belfry_setting_sources_forget_files (BelfrySettingSources *self);
/* name: of the option or of the setting. */
gboolean                 belfry_setting_sources_add_option (BelfrySettingSources *self, const char *name,
                                                            const char *value);

/* The winning text of a setting, or NULL when it is unset; file, which may be NULL: the path of the file it is from, or NULL. */
const char              *belfry_setting_sources_find     (BelfrySettingSources *self, const BelfrySettingInfo *info,
                                                          const char **file);

/* NULL when a value is bad: the error names setting, value and what is allowed, in one line. */
BelfrySettings          *belfry_settings_new             (BelfrySettingSources *sources, GError **error);
/* The same, but with all problems, a line each, not only the first. */
BelfrySettings          *belfry_settings_new_with_problems (BelfrySettingSources *sources, GPtrArray *problems);
void                     belfry_settings_free            (BelfrySettings *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySettingSources, belfry_setting_sources_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySettings, belfry_settings_free)

G_END_DECLS
