/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-learner-event-private.h"

#include <string.h>

#include "belfry-event-text-private.h"
#include "belfry-event-type-registry-private.h"
#include "belfry-timestamp-private.h"

#define ID_MAX 200        /* characters */
#define TIMESTAMP_MAX 100 /* characters */
#define TEXT_ROOM (ID_MAX * BELFRY_JSON_CHARACTER_MAX)
#define OBJECT_ROOM 4096  /* bytes; larger ones are made compact in memory of their own */

/* 0001-01-01: what an offset puts before it, few programs can read. */
#define FIRST_USEC (G_GINT64_CONSTANT (-62135596800) * G_USEC_PER_SEC)

enum
{
  MEMBER_LEARNER_ID,
  MEMBER_COURSE_ID,
  MEMBER_LESSON_ID,
  MEMBER_EVENT_TYPE,
  MEMBER_EVENT_DATA,
  MEMBER_TIMESTAMP,
  MEMBER_SESSION_ID,
  MEMBER_METADATA,
  N_MEMBERS,
};

static const BelfryJsonName members[N_MEMBERS] = {
  BELFRY_JSON_NAME ("learner_id"),
  BELFRY_JSON_NAME ("course_id"),
  BELFRY_JSON_NAME ("lesson_id"),
  BELFRY_JSON_NAME ("event_type"),
  BELFRY_JSON_NAME ("event_data"),
  BELFRY_JSON_NAME ("timestamp"),
  BELFRY_JSON_NAME ("session_id"),
  BELFRY_JSON_NAME ("metadata"),
};

/* Of event_data: what filters ask for. */
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

/* A string or an object on its way into the event, in the text that was sent or in the room. */
typedef struct
{
  const char *text;
  gssize      length;
} Piece;

/* Room for what does not lie in the text as it is to be kept. */
typedef struct
{
  char  type[BELFRY_EVENT_TYPE_NAME_MAX * BELFRY_JSON_CHARACTER_MAX];
  char  learner_id[TEXT_ROOM];
  char  course_id[TEXT_ROOM];
  char  lesson_id[TEXT_ROOM];
  char  session_id[TEXT_ROOM];
  char  user_tier[TEXT_ROOM];
  char  timestamp[TIMESTAMP_MAX * BELFRY_JSON_CHARACTER_MAX];
  char  event_data[OBJECT_ROOM];
  char  metadata[OBJECT_ROOM];
  char *owned_data;      /* or NULL */
  char *owned_metadata;  /* or NULL */
} Rooms;

const char *
belfry_learner_reason_to_string (BelfryLearnerReason reason)
{
  static const char * const names[BELFRY_LEARNER_N_REASONS] = {
    [BELFRY_LEARNER_REASON_NONE] = "none",
    [BELFRY_LEARNER_REASON_NOT_AN_OBJECT] = "not_an_object",
    [BELFRY_LEARNER_REASON_MISSING_FIELD] = "missing_field",
    [BELFRY_LEARNER_REASON_INVALID_FIELD] = "invalid_field",
    [BELFRY_LEARNER_REASON_UNKNOWN_EVENT_TYPE] = "unknown_event_type",
    [BELFRY_LEARNER_REASON_INVALID_TIMESTAMP] = "invalid_timestamp",
    [BELFRY_LEARNER_REASON_PAYLOAD_TOO_LARGE] = "payload_too_large",
  };

  g_assert ((guint) reason < BELFRY_LEARNER_N_REASONS);

  return names[reason];
}

void
belfry_learner_refusal_clear (BelfryLearnerRefusal *self)
{
  g_clear_pointer (&self->message, g_free);
  self->reason = BELFRY_LEARNER_REASON_NONE;
}

static gboolean G_GNUC_PRINTF (4, 5)
refuse (BelfryLearnerRefusal *refusal, BelfryLearnerReason reason, const char *field, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  refusal->message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  refusal->reason = reason;
  refusal->field = field;
  return FALSE;
}

static gboolean
check_string (const BelfryJsonValue *value, const char *field, BelfryLearnerRefusal *refusal)
{
  if (G_LIKELY (value->type == BELFRY_JSON_STRING))
    return TRUE;
  if (value->type == BELFRY_JSON_ABSENT)
    return refuse (refusal, BELFRY_LEARNER_REASON_MISSING_FIELD, field, "Field required");
  return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_FIELD, field, "Input should be a valid string");
}

/* A string of at most ID_MAX characters without U+0000. */
static gboolean
check_text (const BelfryJsonValue *value, const char *field, char *room, Piece *piece,
            BelfryLearnerRefusal *refusal)
{
  if (!belfry_event_take_text (value, ID_MAX, room, &piece->text, &piece->length))
    return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_FIELD, field,
                   "String should have at most %d characters", ID_MAX);
  if (value->has_escapes && memchr (piece->text, '\0', (gsize) piece->length) != NULL)
    return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_FIELD, field, "String should not contain U+0000");
  return TRUE;
}

static gboolean
check_required (const BelfryJsonValue *value, const char *field, char *room, Piece *piece,
                BelfryLearnerRefusal *refusal)
{
  if (!check_string (value, field, refusal) || !check_text (value, field, room, piece, refusal))
    return FALSE;
  if (piece->length == 0)
    return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_FIELD, field, "String should have at least 1 character");
  return TRUE;
}

static gboolean
check_event_type (BelfryLearnerRules *rules, const BelfryJsonValue *value, Rooms *rooms, Piece *piece,
                  BelfryLearnerRefusal *refusal)
{
  g_autofree char *quoted = NULL;

  if (!check_string (value, "event_type", refusal))
    return FALSE;
  if (belfry_event_take_text (value, BELFRY_EVENT_TYPE_NAME_MAX, rooms->type, &piece->text, &piece->length))
    {
      piece->text = belfry_event_type_registry_lookup (rules->registry, piece->text, (gsize) piece->length);
      if (G_LIKELY (piece->text != NULL))
        return TRUE;
    }
  quoted = belfry_event_problems_quote (value);
  return refuse (refusal, BELFRY_LEARNER_REASON_UNKNOWN_EVENT_TYPE, "event_type", "Unknown event type '%s'", quoted);
}

static gboolean
check_timestamp (BelfryLearnerRules *rules, const BelfryJsonValue *value, Rooms *rooms, gint64 *sent_usec,
                 BelfryLearnerRefusal *refusal)
{
  Piece piece;

  if (!check_string (value, "timestamp", refusal))
    return FALSE;
  if (!belfry_event_take_text (value, TIMESTAMP_MAX, rooms->timestamp, &piece.text, &piece.length)
      || !belfry_timestamp_parse (piece.text, piece.length, sent_usec) || *sent_usec < FIRST_USEC)
    return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_TIMESTAMP, "timestamp",
                   "Input should be a valid ISO 8601 timestamp");
  if (*sent_usec > rules->now_usec + BELFRY_LEARNER_MAX_AHEAD_USEC)
    return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_TIMESTAMP, "timestamp",
                   "Timestamp should be at most 5 minutes in the future");
  return TRUE;
}

/* Lays an object down compactly; *@owned receives the text when memory had to be made for it. */
static gboolean
check_object (BelfryLearnerRules *rules, const BelfryJsonValue *value, const char *field, char *room, char **owned,
              Piece *piece, BelfryLearnerRefusal *refusal)
{
  guint n_members = value->n_members;

  if (value->type == BELFRY_JSON_ABSENT)
    return refuse (refusal, BELFRY_LEARNER_REASON_MISSING_FIELD, field, "Field required");
  if (value->type != BELFRY_JSON_OBJECT)
    return refuse (refusal, BELFRY_LEARNER_REASON_INVALID_FIELD, field, "Input should be a valid dictionary");

  piece->text = value->text;
  piece->length = (gssize) value->length;
  if (value->may_repeat)
    {
      GString *compact = belfry_json_compact (value->text, value->length, &n_members);

      piece->length = (gssize) compact->len;
      piece->text = *owned = g_string_free (compact, FALSE);
    }
  else if (value->has_space)
    {
      if (value->length > OBJECT_ROOM)
        room = *owned = g_malloc (value->length);
      piece->length = (gssize) belfry_json_strip (value->text, value->length, room);
      piece->text = room;
    }

  if (n_members > rules->max_payload_keys)
    return refuse (refusal, BELFRY_LEARNER_REASON_PAYLOAD_TOO_LARGE, field,
                   "Object should have at most %u keys, not %u", rules->max_payload_keys, n_members);
  if ((gsize) piece->length > rules->max_payload_bytes)
    return refuse (refusal, BELFRY_LEARNER_REASON_PAYLOAD_TOO_LARGE, field,
                   "Object should take at most %u bytes, not %" G_GSSIZE_FORMAT,
                   rules->max_payload_bytes, piece->length);
  return TRUE;
}

/* What filters ask of event_data; where members were dropped, it is looked for again. A tier that no filter can name
 * is none. */
static void
take_inner (const BelfryJsonValue *data, const Piece *piece, BelfryJsonValue *inner_values, Rooms *rooms,
            BelfryEventFields *fields)
{
  const BelfryJsonValue *tier = &inner_values[INNER_USER_TIER];
  const BelfryJsonValue *amount = &inner_values[INNER_AMOUNT];

  if (data->may_repeat)
    {
      const BelfryJsonWanted wanted = {
        .names = inner_members, .n_names = N_INNER_MEMBERS, .values = inner_values,
      };
      BelfryJsonValue root;

      belfry_json_scan (piece->text, (gsize) piece->length, &wanted, &root);
    }

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

static void
append_string (GString *text, const char *name, gsize name_length, const Piece *piece)
{
  gsize begin;

  g_string_append_len (text, name, (gssize) name_length);
  begin = text->len;
  g_string_set_size (text, begin + belfry_json_measure_string (piece->text, (gsize) piece->length));
  belfry_json_write_string (text->str + begin, piece->text, (gsize) piece->length);
}

#define APPEND_STRING(text, name, piece) append_string (text, name, sizeof (name) - 1, piece)
#define APPEND_LITERAL(text, literal) g_string_append_len (text, literal, sizeof (literal) - 1)

/* What the event has no field for. Its form is that of version 2 of the database's format. */
static void
print_learner (BelfryLearnerRules *rules, const Piece *course_id, const Piece *lesson_id, const Piece *metadata)
{
  GString *text = rules->scratch;

  g_string_truncate (text, 0);
  APPEND_STRING (text, "{\"course_id\":", course_id);
  APPEND_STRING (text, ",\"lesson_id\":", lesson_id);
  if (metadata->text != NULL)
    {
      APPEND_LITERAL (text, ",\"metadata\":");
      g_string_append_len (text, metadata->text, metadata->length);
    }
  APPEND_LITERAL (text, ",\"batch_id\":\"");
  g_string_append (text, rules->batch_id);
  APPEND_LITERAL (text, "\"}");
}

static gboolean
is_given (const BelfryJsonValue *value)
{
  return value->type != BELFRY_JSON_ABSENT && value->type != BELFRY_JSON_NULL;
}

static BelfryEvent *
make_event (BelfryLearnerRules *rules, const BelfryJsonValue *values, BelfryJsonValue *inner_values, Rooms *rooms,
            BelfryLearnerRefusal *refusal)
{
  BelfryEventFields fields = { .source = BELFRY_LEARNER_SOURCE, .source_length = sizeof BELFRY_LEARNER_SOURCE - 1 };
  Piece learner_id = { NULL, 0 }, course_id = { NULL, 0 }, lesson_id = { NULL, 0 };
  Piece type = { NULL, 0 }, data = { NULL, 0 };
  Piece session_id = { NULL, 0 };
  Piece metadata = { NULL, 0 };

  if (!check_required (&values[MEMBER_LEARNER_ID], "learner_id", rooms->learner_id, &learner_id, refusal)
      || !check_required (&values[MEMBER_COURSE_ID], "course_id", rooms->course_id, &course_id, refusal)
      || !check_required (&values[MEMBER_LESSON_ID], "lesson_id", rooms->lesson_id, &lesson_id, refusal)
      || !check_event_type (rules, &values[MEMBER_EVENT_TYPE], rooms, &type, refusal)
      || !check_object (rules, &values[MEMBER_EVENT_DATA], "event_data", rooms->event_data, &rooms->owned_data, &data,
                        refusal)
      || !check_timestamp (rules, &values[MEMBER_TIMESTAMP], rooms, &fields.sent_usec, refusal))
    return NULL;
  if (is_given (&values[MEMBER_SESSION_ID])
      && (!check_string (&values[MEMBER_SESSION_ID], "session_id", refusal)
          || !check_text (&values[MEMBER_SESSION_ID], "session_id", rooms->session_id, &session_id, refusal)))
    return NULL;
  if (is_given (&values[MEMBER_METADATA])
      && !check_object (rules, &values[MEMBER_METADATA], "metadata", rooms->metadata, &rooms->owned_metadata, &metadata,
                        refusal))
    return NULL;

  take_inner (&values[MEMBER_EVENT_DATA], &data, inner_values, rooms, &fields);
  print_learner (rules, &course_id, &lesson_id, &metadata);
  fields.event_type = type.text;
  fields.event_type_length = type.length;
  fields.session_id = session_id.text;
  fields.session_id_length = session_id.length;
  fields.user_id = learner_id.text;
  fields.user_id_length = learner_id.length;
  fields.payload = data.text;
  fields.payload_length = data.length;
  fields.learner = rules->scratch->str;
  fields.learner_length = (gssize) rules->scratch->len;
  return belfry_event_new_trusted (&fields);
}

BelfryEvent *
belfry_learner_event_parse (BelfryLearnerRules *rules, const char *text, gsize length, const char **end,
                            BelfryJsonValue *item, BelfryLearnerRefusal *refusal)
{
  BelfryJsonValue values[N_MEMBERS];
  BelfryJsonValue inner_values[N_INNER_MEMBERS];
  const BelfryJsonWanted wanted = {
    members, N_MEMBERS, values, MEMBER_EVENT_DATA, inner_members, N_INNER_MEMBERS, inner_values,
  };
  BelfryEvent *event;
  Rooms rooms;

  *end = belfry_json_scan_first (text, length, &wanted, item);
  if (*end == NULL)
    return NULL;
  if (item->type != BELFRY_JSON_OBJECT)
    {
      refuse (refusal, BELFRY_LEARNER_REASON_NOT_AN_OBJECT, "", "Input should be a valid dictionary or object");
      return NULL;
    }

  rooms.owned_data = NULL;
  rooms.owned_metadata = NULL;
  event = make_event (rules, values, inner_values, &rooms, refusal);
  g_free (rooms.owned_data);
  g_free (rooms.owned_metadata);
  return event;
}

/* --- back to what was sent --- */

enum
{
  KEPT_COURSE_ID,
  KEPT_LESSON_ID,
  KEPT_METADATA,
  KEPT_BATCH_ID,
  N_KEPT,
};

static const BelfryJsonName kept_members[N_KEPT] = {
  BELFRY_JSON_NAME ("course_id"),
  BELFRY_JSON_NAME ("lesson_id"),
  BELFRY_JSON_NAME ("metadata"),
  BELFRY_JSON_NAME ("batch_id"),
};

static void
append_value (GString *text, const char *name, gsize name_length, const BelfryJsonValue *value)
{
  g_string_append_len (text, name, (gssize) name_length);
  if (value->type != BELFRY_JSON_ABSENT)
    g_string_append_len (text, value->text, (gssize) value->length);
  else
    APPEND_LITERAL (text, "null");
}

#define APPEND_VALUE(text, name, value) append_value (text, name, sizeof (name) - 1, value)

static void
append_time (GString *text, const char *name, gint64 usec)
{
  char timestamp[BELFRY_TIMESTAMP_LENGTH + 1];

  belfry_timestamp_write (usec, timestamp);
  g_string_append_printf (text, "%s\"%s\"", name, timestamp);
}

gboolean
belfry_learner_event_print (BelfryEvent *event, GString *text)
{
  const char *session_id = belfry_event_get_session_id (event);
  BelfryJsonValue kept[N_KEPT];
  const BelfryJsonWanted wanted = { .names = kept_members, .n_names = N_KEPT, .values = kept };
  BelfryJsonValue root;
  const char *learner, *payload;
  gsize length, payload_length;
  gint64 sent_usec;

  learner = belfry_event_peek_learner (event, &length, &sent_usec);
  if (learner == NULL || !belfry_json_scan (learner, length, &wanted, &root))
    return FALSE;

  payload = belfry_event_peek_payload (event, &payload_length);
  g_string_append_printf (text, "{\"id\":\"%s\",\"learner_id\":", belfry_event_get_id (event));
  belfry_json_append_string (text, belfry_event_get_user_id (event));
  APPEND_VALUE (text, ",\"course_id\":", &kept[KEPT_COURSE_ID]);
  APPEND_VALUE (text, ",\"lesson_id\":", &kept[KEPT_LESSON_ID]);
  g_string_append_printf (text, ",\"event_type\":\"%s\",\"event_data\":", belfry_event_get_event_type (event));
  g_string_append_len (text, payload, (gssize) payload_length);
  append_time (text, ",\"timestamp\":", sent_usec);
  APPEND_LITERAL (text, ",\"session_id\":");
  if (session_id != NULL)
    belfry_json_append_string (text, session_id);
  else
    APPEND_LITERAL (text, "null");
  APPEND_VALUE (text, ",\"metadata\":", &kept[KEPT_METADATA]);
  APPEND_VALUE (text, ",\"batch_id\":", &kept[KEPT_BATCH_ID]);
  append_time (text, ",\"received_at\":", belfry_event_get_timestamp_usec (event));
  g_string_append_c (text, '}');
  return TRUE;
}
