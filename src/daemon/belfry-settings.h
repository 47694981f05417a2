/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  BELFRY_SETTING_STRING,
  BELFRY_SETTING_BOOLEAN,
  BELFRY_SETTING_NUMBER,
  BELFRY_SETTING_DURATION,  /* kept in µs */
  BELFRY_SETTING_PORTS,
  BELFRY_SETTING_LIST,      /* separated by commas */
  BELFRY_SETTING_CHOICE,
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
  guint64  max_queue_size;
  guint64  ring_max_bytes;
  guint64  max_subscribers;
  guint64  mailbox_max_bytes;
  guint64  catch_up_max_bytes;
  guint64  max_waiting_events;
  guint64  max_waiting_bytes;
  guint64  max_ws_message_bytes;
  guint64  max_ws_connections_per_ip;
  guint64  max_payload_keys;
  guint64  max_payload_bytes;
  guint64  max_body_bytes;       /* 0 was given: made from max_payload_bytes */
  guint64  max_answer_bytes;
  gint64   event_retention_usec;
  char    *log_level;
  char    *log_format;
  char    *service_name;
  char    *version;
  char    *tls_certificate;      /* or NULL */
  char    *tls_private_key;      /* or NULL */
  char    *event_types_dir;
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
/* name: of the option or of the setting. */
gboolean                 belfry_setting_sources_add_option (BelfrySettingSources *self, const char *name,
                                                            const char *value);

/* The winning text of a setting, or NULL when it is unset. */
const char              *belfry_setting_sources_find     (BelfrySettingSources *self, const BelfrySettingInfo *info);

/* NULL when a value is bad: the error names setting, value and what is allowed, in one line. */
BelfrySettings          *belfry_settings_new             (BelfrySettingSources *sources, GError **error);
void                     belfry_settings_free            (BelfrySettings *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySettingSources, belfry_setting_sources_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfrySettings, belfry_settings_free)

G_END_DECLS
