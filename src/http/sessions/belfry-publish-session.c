/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */

/* /ws/publish: each message is an event, each gets one answer, in the order of the messages.
 *
 * A message takes a slot in a queue. The log answers later, a message that breaks a rule is answered at once, but an
 * answer leaves only when all slots before it have theirs. When many messages are on their way the session stops
 * reading. A binary message is no JSON text and answered as such. */

#include "belfry-pipeline-private.h"
#include "belfry-session-message-private.h"
#include "belfry-web-socket-private.h"

#include "belfry-error.h"

/* Messages and bytes that may be on their way; reading goes on at half of it. */
#define MAX_IN_WORK       1024
#define MAX_IN_WORK_BYTES (4 * 1024 * 1024)

typedef struct _BelfryPublishSession BelfryPublishSession;

typedef struct
{
  BelfryPublishSession *session;  /* owned while the pipeline works on it */
  GString              *answer;   /* NULL until it is known */
  gsize                 length;   /* bytes of the message */
} Slot;

struct _BelfryPublishSession
{
  BelfryWebSocket parent_instance;

  BelfryPipeline *pipeline;
  GQueue          slots;          /* owned Slots that are not answered yet, oldest first */
  gsize           bytes_in_work;
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
slot_free (Slot *slot)
{
  if (slot->answer != NULL)
    g_string_free (slot->answer, TRUE);
  g_free (slot);
}

static void
update_pause (BelfryPublishSession *self)
{
  BelfrySession *session = BELFRY_SESSION (self);

  if (self->slots.length >= MAX_IN_WORK || self->bytes_in_work >= MAX_IN_WORK_BYTES)
    belfry_session_pause (session, BELFRY_PAUSE_IN_WORK);
  else if (self->slots.length <= MAX_IN_WORK / 2 && self->bytes_in_work <= MAX_IN_WORK_BYTES / 2)
    belfry_session_resume (session, BELFRY_PAUSE_IN_WORK);
}

/* Sends the answers that are known up to the first that is not. */
static void
send_answers (BelfryPublishSession *self)
{
  Slot *slot;

  while ((slot = g_queue_peek_head (&self->slots)) != NULL && slot->answer != NULL)
    {
      g_queue_pop_head (&self->slots);
      self->bytes_in_work -= slot->length;
      belfry_web_socket_take_text (BELFRY_WEB_SOCKET (self), g_steal_pointer (&slot->answer));
      slot_free (slot);
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

static Slot *
push_slot (BelfryPublishSession *self,
           gsize                 length,
           GString              *answer)
{
  Slot *slot = g_new0 (Slot, 1);

  slot->answer = answer;
  slot->length = length;
  self->bytes_in_work += length;
  g_queue_push_tail (&self->slots, slot);
  return slot;
}

static void
answer_at_once (BelfryPublishSession *self,
                GString              *answer)
{
  push_slot (self, 0, answer);
  send_answers (self);
}

static void
on_published (BelfryEvent  *event,
              const GError *error,
              gpointer      user_data)
{
  Slot *slot = user_data;
  g_autoptr(BelfrySession) session = BELFRY_SESSION (g_steal_pointer (&slot->session));
  BelfryPublishSession *self = publish_session (session);

  slot->answer = error != NULL ? answer_error (error) : belfry_message_new_accepted (belfry_event_get_id (event));
  send_answers (self);
}

static void
belfry_publish_session_text (BelfryWebSocket *socket,
                             const char      *data,
                             gsize            length)
{
  BelfryPublishSession *self = publish_session (socket);
  g_autoptr(GError) error = NULL;
  Slot *slot = push_slot (self, length, NULL);

  slot->session = g_object_ref (self);
  if (belfry_pipeline_publish_json (self->pipeline, data, length, on_published, slot, &error))
    {
      update_pause (self);
      return;
    }
  g_clear_object (&slot->session);
  slot->answer = answer_error (error);
  send_answers (self);
}

static void
belfry_publish_session_binary (BelfryWebSocket *socket,
                               const guint8    *data,
                               gsize            length)
{
  answer_at_once (publish_session (socket), belfry_message_new_error ("Invalid JSON"));
}

static void
belfry_publish_session_too_large (BelfryWebSocket *socket)
{
  answer_at_once (publish_session (socket), belfry_message_new_error ("Message too large"));
}

static gboolean
belfry_publish_session_is_busy (BelfryWebSocket *socket)
{
  return publish_session (socket)->slots.length > 0;
}

static void
belfry_publish_session_finalize (GObject *object)
{
  BelfryPublishSession *self = publish_session (object);

  /* No slot is with the pipeline: each of those holds a reference. */
  g_queue_clear_full (&self->slots, (GDestroyNotify) slot_free);
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
  g_queue_init (&self->slots);
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
