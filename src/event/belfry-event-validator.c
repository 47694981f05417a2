/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-event-validator.h"

#include <string.h>

#include "belfry-event-private.h"
#include "belfry-event-problems-private.h"
#include "belfry-event-text-private.h"
#include "belfry-event-type-registry-private.h"
#include "belfry-json-scanner-private.h"

#define SOURCE_MAX 100  /* characters */
#define ID_MAX 200      /* characters */
#define TEXT_ROOM (ID_MAX * BELFRY_JSON_CHARACTER_MAX)
#define PAYLOAD_ROOM 4096 /* bytes; larger ones are made compact in memory of their own */

#define SOURCE_PATTERN "^[A-Za-z0-9_.-]+$"

/**
 * BelfryEventValidator:
 *
 * The one place where bytes from outside become events: the rules of an event, whichever way it
 * comes in.
 *
 * A validator is used on the context on which it was made. It keeps nothing between events.
 *
 * Since: 0.1
 */
struct _BelfryEventValidator
{
  GObject parent_instance;

  BelfryEventTypeRegistry *registry;          /* owned; construct-only */
  guint                    max_payload_keys;  /* members; home context only */
  guint                    max_payload_bytes; /* bytes of compact text; home context only */
  guint64                  n_refused;         /* texts since construction; home context only */
};

typedef enum
{
  PROP_REGISTRY = 1,
  PROP_MAX_PAYLOAD_KEYS,
  PROP_MAX_PAYLOAD_BYTES,
  PROP_N_REFUSED,
} BelfryEventValidatorProperty;

static GParamSpec *properties[PROP_N_REFUSED + 1];

G_DEFINE_FINAL_TYPE (BelfryEventValidator, belfry_event_validator, G_TYPE_OBJECT)

enum
{
  MEMBER_EVENT_TYPE,
  MEMBER_SOURCE,
  MEMBER_SESSION_ID,
  MEMBER_USER_ID,
  MEMBER_PAYLOAD,
  N_MEMBERS,
};

static const BelfryJsonName members[N_MEMBERS] = {
  BELFRY_JSON_NAME ("event_type"),
  BELFRY_JSON_NAME ("source"),
  BELFRY_JSON_NAME ("session_id"),
  BELFRY_JSON_NAME ("user_id"),
  BELFRY_JSON_NAME ("payload"),
};

enum
{
  INNER_USER_TIER,
  INNER_AMOUNT,
  N_INNER_MEMBERS,
};

static const BelfryJsonName inner_members[N_INNER_MEMBERS] = {
  BELFRY_JSON_NAME ("user_tier"),
  BELFRY_JSON_NAME ("amount"),
};

/* Room for decoded strings, where they lie in the text with escapes. */
typedef struct
{
  char type[BELFRY_EVENT_TYPE_NAME_MAX * BELFRY_JSON_CHARACTER_MAX];
  char source[SOURCE_MAX * BELFRY_JSON_CHARACTER_MAX];
  char session_id[TEXT_ROOM];
  char user_id[TEXT_ROOM];
  char user_tier[TEXT_ROOM];
  char payload[PAYLOAD_ROOM];
} Rooms;

static gboolean
check_string (const BelfryJsonValue *value, const char *field, BelfryEventProblems **problems)
{
  if (value->type == BELFRY_JSON_STRING)
    return TRUE;
  if (value->type == BELFRY_JSON_ABSENT)
    belfry_event_problems_add (problems, field, "missing", "Field required");
  else
    belfry_event_problems_add (problems, field, "string_type", "Input should be a valid string");
  return FALSE;
}

static void
check_event_type (BelfryEventValidator   *self,
                  const BelfryJsonValue  *value,
                  BelfryEventFields      *fields,
                  Rooms                  *rooms,
                  BelfryEventProblems   **problems)
{
  if (!check_string (value, "event_type", problems))
    return;
  if (belfry_event_take_text (value, BELFRY_EVENT_TYPE_NAME_MAX, rooms->type, &fields->event_type,
                 &fields->event_type_length))
    fields->event_type = belfry_event_type_registry_lookup (self->registry, fields->event_type,
                                                            (gsize) fields->event_type_length);
  else
    fields->event_type = NULL;
  if (fields->event_type == NULL)
    belfry_event_problems_add_type (problems, self->registry, value);
}

static gboolean
is_source (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '_' && text[i] != '-' && text[i] != '.')
      return FALSE;
  return TRUE;
}

static void
check_source (const BelfryJsonValue *value, BelfryEventFields *fields, Rooms *rooms,
              BelfryEventProblems **problems)
{
  if (!check_string (value, "source", problems))
    return;
  if (!belfry_event_take_text (value, SOURCE_MAX, rooms->source, &fields->source, &fields->source_length))
    belfry_event_problems_add (problems, "source", "string_too_long",
                               "String should have at most %d characters", SOURCE_MAX);
  else if (fields->source_length == 0)
    belfry_event_problems_add (problems, "source", "string_too_short",
                               "String should have at least 1 character");
  else if (!is_source (fields->source, (gsize) fields->source_length))
    belfry_event_problems_add (problems, "source", "string_pattern_mismatch",
                               "String should match pattern '%s'", SOURCE_PATTERN);
}

static void
check_id (const BelfryJsonValue  *value,
          const char             *field,
          char                   *room,
          const char            **text,
          gssize                 *length,
          BelfryEventProblems   **problems)
{
  if (value->type == BELFRY_JSON_ABSENT || value->type == BELFRY_JSON_NULL
      || !check_string (value, field, problems))
    return;
  if (!belfry_event_take_text (value, ID_MAX, room, text, length))
    belfry_event_problems_add (problems, field, "string_too_long",
                               "String should have at most %d characters", ID_MAX);
  else if (value->has_escapes && memchr (*text, '\0', (gsize) *length) != NULL)
    belfry_event_problems_add (problems, field, "value_error", "String should not contain U+0000");
}

static gboolean
check_payload_size (BelfryEventValidator *self, guint n_members, gsize length,
                    BelfryEventProblems **problems)
{
  if (n_members > self->max_payload_keys)
    belfry_event_problems_add (problems, "payload", "value_error",
                               "Payload should have at most %u keys, not %u", self->max_payload_keys, n_members);
  else if (length > self->max_payload_bytes)
    belfry_event_problems_add (problems, "payload", "value_error",
                               "Payload should take at most %u bytes, not %" G_GSIZE_FORMAT,
                               self->max_payload_bytes, length);
  else
    return TRUE;
  return FALSE;
}

/* Writes the payload's text compactly, when it is not so already; *@owned receives the text if
 * memory had to be made for it. Where members were dropped, @inner_values are found again. */
static gboolean
check_payload (BelfryEventValidator   *self,
               const BelfryJsonValue  *value,
               BelfryJsonValue        *inner_values,
               BelfryEventFields      *fields,
               Rooms                  *rooms,
               char                  **owned,
               BelfryEventProblems   **problems)
{
  guint n_members = value->n_members;
  gsize length = value->length;

  fields->payload = value->text;
  if (value->type == BELFRY_JSON_ABSENT)
    {
      fields->payload = "{}";
      length = 2;
    }
  else if (value->type != BELFRY_JSON_OBJECT)
    {
      belfry_event_problems_add (problems, "payload", "dict_type",
                                 "Input should be a valid dictionary");
      return FALSE;
    }
  else if (value->may_repeat)
    {
      const BelfryJsonWanted wanted = {
        .names = inner_members, .n_names = N_INNER_MEMBERS, .values = inner_values,
      };
      GString *compact = belfry_json_compact (value->text, value->length, &n_members);
      BelfryJsonValue root;

      length = compact->len;
      fields->payload = *owned = g_string_free (compact, FALSE);
      belfry_json_scan (fields->payload, length, &wanted, &root);
    }
  else if (value->has_space)
    {
      char *room = rooms->payload;

      if (length > sizeof rooms->payload)
        room = *owned = g_malloc (length);
      length = belfry_json_strip (value->text, length, room);
      fields->payload = room;
    }
  fields->payload_length = (gssize) length;
  return check_payload_size (self, n_members, length, problems);
}

/* What filters ask of a payload. A tier that no filter can name is none. */
static void
take_inner (const BelfryJsonValue *inner_values, BelfryEventFields *fields, Rooms *rooms)
{
  const BelfryJsonValue *tier = &inner_values[INNER_USER_TIER];
  const BelfryJsonValue *amount = &inner_values[INNER_AMOUNT];

  if (tier->type == BELFRY_JSON_STRING
      && (!belfry_event_take_text (tier, ID_MAX, rooms->user_tier, &fields->user_tier, &fields->user_tier_length)
          || (tier->has_escapes
              && memchr (fields->user_tier, '\0', (gsize) fields->user_tier_length) != NULL)))
    fields->user_tier = NULL;
  if (amount->type == BELFRY_JSON_NUMBER)
    {
      fields->has_amount = TRUE;
      fields->amount = belfry_json_value_to_double (amount);
    }
}

static BelfryEvent *
make_event (BelfryEventValidator   *self,
            const BelfryJsonValue  *values,
            BelfryJsonValue        *inner_values,
            GError                **error)
{
  g_autofree char *payload = NULL;
  BelfryEventProblems *problems = NULL;
  BelfryEventFields fields = { NULL, };
  Rooms rooms;

  check_event_type (self, &values[MEMBER_EVENT_TYPE], &fields, &rooms, &problems);
  check_source (&values[MEMBER_SOURCE], &fields, &rooms, &problems);
  check_id (&values[MEMBER_SESSION_ID], "session_id", rooms.session_id,
            &fields.session_id, &fields.session_id_length, &problems);
  check_id (&values[MEMBER_USER_ID], "user_id", rooms.user_id, &fields.user_id,
            &fields.user_id_length, &problems);
  if (check_payload (self, &values[MEMBER_PAYLOAD], inner_values, &fields, &rooms, &payload, &problems))
    take_inner (inner_values, &fields, &rooms);
  if (problems != NULL)
    {
      belfry_event_problems_raise (problems, error);
      return NULL;
    }
  return belfry_event_new_trusted (&fields);
}

static BelfryEvent *
parse_event (BelfryEventValidator *self, const char *json, gsize length, GError **error)
{
  BelfryJsonValue values[N_MEMBERS];
  BelfryJsonValue inner_values[N_INNER_MEMBERS];
  const BelfryJsonWanted wanted = {
    members, N_MEMBERS, values, MEMBER_PAYLOAD, inner_members, N_INNER_MEMBERS, inner_values,
  };
  BelfryJsonValue root;

  if (!belfry_json_scan (json, length, &wanted, &root))
    {
      belfry_event_problems_raise_invalid_json (error);
      return NULL;
    }
  if (root.type != BELFRY_JSON_OBJECT)
    {
      BelfryEventProblems *problems = NULL;

      belfry_event_problems_add (&problems, "", "model_attributes_type",
                                 "Input should be a valid dictionary or object");
      belfry_event_problems_raise (problems, error);
      return NULL;
    }
  return make_event (self, values, inner_values, error);
}

static void
belfry_event_validator_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  BelfryEventValidator *self = BELFRY_EVENT_VALIDATOR (object);

  switch ((BelfryEventValidatorProperty) id)
    {
    case PROP_REGISTRY:
      g_value_set_object (value, self->registry);
      break;
    case PROP_MAX_PAYLOAD_KEYS:
      g_value_set_uint (value, self->max_payload_keys);
      break;
    case PROP_MAX_PAYLOAD_BYTES:
      g_value_set_uint (value, self->max_payload_bytes);
      break;
    case PROP_N_REFUSED:
      g_value_set_uint64 (value, self->n_refused);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
belfry_event_validator_set_property (GObject *object, guint id, const GValue *value,
                                     GParamSpec *pspec)
{
  BelfryEventValidator *self = BELFRY_EVENT_VALIDATOR (object);

  switch ((BelfryEventValidatorProperty) id)
    {
    case PROP_REGISTRY:
      self->registry = g_value_dup_object (value);
      break;
    case PROP_MAX_PAYLOAD_KEYS:
      self->max_payload_keys = g_value_get_uint (value);
      break;
    case PROP_MAX_PAYLOAD_BYTES:
      self->max_payload_bytes = g_value_get_uint (value);
      break;
    case PROP_N_REFUSED: /* read-only */
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
belfry_event_validator_finalize (GObject *object)
{
  BelfryEventValidator *self = BELFRY_EVENT_VALIDATOR (object);

  g_clear_object (&self->registry);
  G_OBJECT_CLASS (belfry_event_validator_parent_class)->finalize (object);
}

static void
belfry_event_validator_class_init (BelfryEventValidatorClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = belfry_event_validator_get_property;
  object_class->set_property = belfry_event_validator_set_property;
  object_class->finalize = belfry_event_validator_finalize;

  /**
   * BelfryEventValidator:registry:
   *
   * The types that events may have.
   *
   * Since: 0.1
   */
  properties[PROP_REGISTRY] =
    g_param_spec_object ("registry", NULL, NULL, BELFRY_TYPE_EVENT_TYPE_REGISTRY,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryEventValidator:max-payload-keys:
   *
   * The most members at the top level of a payload, after repeats are resolved.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_PAYLOAD_KEYS] =
    g_param_spec_uint ("max-payload-keys", NULL, NULL, 0, G_MAXUINT, 50,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryEventValidator:max-payload-bytes:
   *
   * The most bytes of a payload's compact text in UTF-8.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_PAYLOAD_BYTES] =
    g_param_spec_uint ("max-payload-bytes", NULL, NULL, 2, G_MAXINT, 65536,
                       G_PARAM_READWRITE | G_PARAM_CONSTRUCT | G_PARAM_STATIC_STRINGS);

  /**
   * BelfryEventValidator:n-refused:
   *
   * How many texts were refused since construction. Changes are not notified.
   *
   * Since: 0.1
   */
  properties[PROP_N_REFUSED] =
    g_param_spec_uint64 ("n-refused", NULL, NULL, 0, G_MAXUINT64, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
belfry_event_validator_init (BelfryEventValidator *self)
{
}

/**
 * belfry_event_validator_new:
 * @registry: (transfer none): the types that events may have; the validator keeps a reference
 *
 * Makes a validator with the default bounds.
 *
 * Returns: (transfer full): a new validator
 *
 * Since: 0.1
 */
BelfryEventValidator *
belfry_event_validator_new (BelfryEventTypeRegistry *registry)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_TYPE_REGISTRY (registry), NULL);

  return g_object_new (BELFRY_TYPE_EVENT_VALIDATOR, "registry", registry, NULL);
}

/**
 * belfry_event_validator_get_registry:
 * @self: a validator
 *
 * Gets the types that events may have.
 *
 * Returns: (transfer none): the registry
 *
 * Since: 0.1
 */
BelfryEventTypeRegistry *
belfry_event_validator_get_registry (BelfryEventValidator *self)
{
  g_return_val_if_fail (BELFRY_IS_EVENT_VALIDATOR (self), NULL);

  return self->registry;
}

/**
 * belfry_event_validator_parse:
 * @self: a validator
 * @json: the JSON text of one event; no NUL needs to follow when @length is given
 * @length: bytes of @json, or -1 when a NUL ends it
 * @error: return location for a [error@Belfry.Error]
 *
 * Reads an event as a client sends it. Members that an event does not have are ignored.
 *
 * Returns: (transfer full): an event that no log has accepted yet; or %NULL with
 *   %BELFRY_ERROR_INVALID_JSON when the text is no JSON, or with %BELFRY_ERROR_INVALID_EVENT when
 *   rules are broken, each of which [func@Belfry.Error.get_problems] tells
 *
 * Since: 0.1
 */
BelfryEvent *
belfry_event_validator_parse (BelfryEventValidator  *self,
                              const char            *json,
                              gssize                 length,
                              GError               **error)
{
  BelfryEvent *event = NULL;

  g_return_val_if_fail (BELFRY_IS_EVENT_VALIDATOR (self), NULL);
  /* An empty GBytes has no data. */
  g_return_val_if_fail (json != NULL || length == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  event = parse_event (self, json, length >= 0 ? (gsize) length : strlen (json), error);
  if (event == NULL)
    self->n_refused++;
  return event;
}
