/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* /ws/publish: each message is an event, each gets one answer, in the order of the messages.
 *
 * A message takes a slot in a queue. The log answers later, and what it takes in the order in which it was asked, so
 * that it mostly answers the oldest slot; but when too much waits it refuses at once, ahead of what it works on. Such
 * a refusal, and that of a message that breaks a rule, waits in its slot until all slots before it have their answers.
 * When many messages are on their way the session stops reading. A binary message is no JSON text and answered as
 * such. */

#include "belfry-pipeline-private.h"
#include "belfry-session-message-private.h"
#include "belfry-web-socket-private.h"

#include "belfry-error.h"

/* Messages and bytes that may be on their way; reading goes on at half of it. */
#define MAX_IN_WORK       1024
#define MAX_IN_WORK_BYTES (4 * 1024 * 1024)

/* What a session that is at rest keeps room for. */
#define FEW_SLOTS 64

typedef struct _BelfryPublishSession BelfryPublishSession;

typedef struct
{
  BelfryEvent *event;   /* of the pipeline, which works on it; NULL once it is answered */
  GString     *answer;  /* owned; waits for its turn, or NULL */
  gsize        length;  /* bytes that are held: of the message, and then of its answer */
} Slot;

struct _BelfryPublishSession
{
  BelfryWebSocket parent_instance;

  BelfryPipeline *pipeline;
  GArray         *slots;          /* of Slot, oldest first; NULL: none */
  guint           first;          /* those before it are answered */
  guint           n_in_pipeline;  /* a reference to the session is held while there are some */
  gsize           bytes_in_work;  /* the lengths of all slots */
};

typedef struct
{
  BelfryWebSocketClass parent_class;
} BelfryPublishSessionClass;

GType belfry_publish_session_get_type (void);

G_DEFINE_FINAL_TYPE (BelfryPublishSession, belfry_publish_session, BELFRY_TYPE_WEB_SOCKET)

static inline BelfryPublishSession *
publish_session (gpointer self)
{
  return G_TYPE_CHECK_INSTANCE_CAST (self, belfry_publish_session_get_type (), BelfryPublishSession);
}

static void
slot_clear (gpointer data)
{
  Slot *slot = data;

  if (slot->answer != NULL)
    g_string_free (slot->answer, TRUE);
}

static inline guint
count_slots (BelfryPublishSession *self)
{
  return self->slots != NULL ? self->slots->len - self->first : 0;
}

static inline Slot *
oldest_slot (BelfryPublishSession *self)
{
  return count_slots (self) > 0 ? &g_array_index (self->slots, Slot, self->first) : NULL;
}

static void
push_slot (BelfryPublishSession *self,
           Slot                  slot)
{
  if (self->slots == NULL)
    {
      self->slots = g_array_new (FALSE, FALSE, sizeof slot);
      g_array_set_clear_func (self->slots, slot_clear);
    }
  self->bytes_in_work += slot.length;
  g_array_append_val (self->slots, slot);
}

/* The oldest, mostly. */
static Slot *
find_slot (BelfryPublishSession *self,
           const BelfryEvent    *event)
{
  guint i = self->first;

  while (g_array_index (self->slots, Slot, i).event != event)
    {
      i++;
      g_assert (i < self->slots->len);
    }

  return &g_array_index (self->slots, Slot, i);
}

/* The room of those that are answered is used again when all are, or when it is large. */
static void
pop_slot (BelfryPublishSession *self)
{
  self->bytes_in_work -= oldest_slot (self)->length;
  self->first++;
  if (self->first < self->slots->len && self->first < MAX_IN_WORK)
    return;

  if (self->slots->len > FEW_SLOTS && self->first == self->slots->len)
    g_clear_pointer (&self->slots, g_array_unref);
  else
    g_array_remove_range (self->slots, 0, self->first);
  self->first = 0;
}

static void
update_pause (BelfryPublishSession *self)
{
  BelfrySession *session = BELFRY_SESSION (self);
  guint n_slots = count_slots (self);

  if (n_slots >= MAX_IN_WORK || self->bytes_in_work >= MAX_IN_WORK_BYTES)
    belfry_session_pause (session, BELFRY_PAUSE_IN_WORK);
  else if (n_slots <= MAX_IN_WORK / 2 && self->bytes_in_work <= MAX_IN_WORK_BYTES / 2)
    belfry_session_resume (session, BELFRY_PAUSE_IN_WORK);
}

/* Sends the answers whose turn it is: those before the next message that the pipeline works on. */
static void
send_answers (BelfryPublishSession *self)
{
  Slot *slot;

  while ((slot = oldest_slot (self)) != NULL && slot->answer != NULL)
    {
      belfry_web_socket_take_text (BELFRY_WEB_SOCKET (self), g_steal_pointer (&slot->answer));
      pop_slot (self);
    }
  update_pause (self);
  belfry_web_socket_settled (BELFRY_WEB_SOCKET (self));
}

static GString *
answer_error (const GError *error)
{
  if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_JSON))
    return belfry_message_new_error ("Invalid JSON");
  if (g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_EVENT)
      || g_error_matches (error, BELFRY_ERROR, BELFRY_ERROR_INVALID_ARGUMENT))
    return belfry_message_new_error (error->message);
  return belfry_message_new_error ("Storage unavailable");
}

static void
refuse (BelfryPublishSession *self,
        GString              *refusal)
{
  belfry_pipeline_get_door (self->pipeline, BELFRY_DOOR_WEBSOCKET)->rejected++;
  push_slot (self, (Slot) { .answer = refusal, .length = refusal->len });
  send_answers (self);
}

static void
send_accepted (BelfryPublishSession *self,
               const char           *event_id)
{
  BelfrySession *session = BELFRY_SESSION (self);

  if (session->set == NULL || BELFRY_WEB_SOCKET (self)->close_sent)
    return;
  belfry_message_append_accepted (belfry_session_ensure_outbox (session), event_id);
  belfry_session_queued (session);
}

/* Slots before this one have no answer yet. */
static void
keep_answer (BelfryPublishSession *self,
             Slot                 *slot,
             GString              *answer)
{
  self->bytes_in_work -= slot->length;
  self->bytes_in_work += answer->len;
  *slot = (Slot) { .answer = answer, .length = answer->len };
}

static void
on_published (BelfryEvent  *event,
              const GError *error,
              gpointer      user_data)
{
  BelfryPublishSession *self = user_data;
  Slot *slot = find_slot (self, event);

  if (error == NULL)
    belfry_pipeline_get_door (self->pipeline, BELFRY_DOOR_WEBSOCKET)->accepted++;
  if (slot != oldest_slot (self))
    keep_answer (self, slot,
                 error != NULL ? answer_error (error) : belfry_message_new_accepted (belfry_event_get_id (event)));
  else
    {
      pop_slot (self);
      if (error != NULL)
        belfry_web_socket_take_text (BELFRY_WEB_SOCKET (self), answer_error (error));
      else
        send_accepted (self, belfry_event_get_id (event));
    }
  send_answers (self);
  if (--self->n_in_pipeline == 0)
    g_object_unref (self);
}

static void
belfry_publish_session_text (BelfryWebSocket *socket,
                             const char      *data,
                             gsize            length)
{
  BelfryPublishSession *self = publish_session (socket);
  g_autoptr(GError) error = NULL;
  BelfryEvent *event = belfry_pipeline_parse_json (self->pipeline, data, length, &error);

  if (event == NULL)
    {
      refuse (self, answer_error (error));
      return;
    }
  if (self->n_in_pipeline++ == 0)
    g_object_ref (self);
  push_slot (self, (Slot) { .event = event, .length = length });
  belfry_pipeline_publish_event (self->pipeline, event, on_published, self);
  update_pause (self);
}

static void
belfry_publish_session_binary (BelfryWebSocket *socket,
                               const guint8    *data,
                               gsize            length)
{
  refuse (publish_session (socket), belfry_message_new_error ("Invalid JSON"));
}

static void
belfry_publish_session_too_large (BelfryWebSocket *socket)
{
  refuse (publish_session (socket), belfry_message_new_error ("Message too large"));
}

static gboolean
belfry_publish_session_is_busy (BelfryWebSocket *socket)
{
  return count_slots (publish_session (socket)) > 0;
}

static void
belfry_publish_session_finalize (GObject *object)
{
  BelfryPublishSession *self = publish_session (object);

  /* None is with the pipeline, which would hold a reference. */
  g_clear_pointer (&self->slots, g_array_unref);
  g_clear_object (&self->pipeline);

  G_OBJECT_CLASS (belfry_publish_session_parent_class)->finalize (object);
}

static void
belfry_publish_session_class_init (BelfryPublishSessionClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = belfry_publish_session_finalize;
  klass->parent_class.parent_class.path = "/ws/publish";
  klass->parent_class.text = belfry_publish_session_text;
  klass->parent_class.binary = belfry_publish_session_binary;
  klass->parent_class.too_large = belfry_publish_session_too_large;
  klass->parent_class.is_busy = belfry_publish_session_is_busy;
}

static void
belfry_publish_session_init (BelfryPublishSession *self)
{
}

void
belfry_publish_session_start (BelfrySessionSet *set,
                              GIOStream        *stream,
                              const char       *address,
                              BelfryGrant      *grant,
                              BelfryPipeline   *pipeline)
{
  BelfryPublishSession *self = g_object_new (belfry_publish_session_get_type (), NULL);

  self->pipeline = g_object_ref (pipeline);
  belfry_web_socket_start (BELFRY_WEB_SOCKET (self), set, stream, address, grant);
}
