/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-grpc-descriptors-private.h"
#include "belfry-grpc-methods-private.h"
#include "belfry-grpc-payload-private.h"

/* Server reflection: a stream of questions about what the server speaks, each answered before the next is read. v1 and v1alpha are the
 * same on the wire. */

typedef struct
{
  gboolean is_done;  /* the other end has asked all */
} Reflection;

static ProtobufCBinaryData
from_string (const char *text)
{
  return (ProtobufCBinaryData) { strlen (text), (uint8_t *) text };
}

/* No name that we know holds a NUL, so one that is cut there is merely not found. */
static char *
dup_name (BelfryGrpcArena     *arena,
          ProtobufCBinaryData  name)
{
  char *text = belfry_grpc_arena_alloc (arena, name.len + 1);

  if (name.len > 0)
    memcpy (text, name.data, name.len);
  text[name.len] = '\0';
  return text;
}

static void
answer_error (BelfryGrpcArena                    *arena,
              BelfryGrpcWire__ReflectionResponse *answer,
              grpc_status_code                    code,
              const char                         *message)
{
  BelfryGrpcWire__ReflectionError *error = belfry_grpc_arena_alloc (arena, sizeof *error);

  belfry_grpc_wire__reflection_error__init (error);
  error->code = code;
  error->message = from_string (message);
  answer->answer_case = BELFRY_GRPC_WIRE__REFLECTION_RESPONSE__ANSWER_ERROR;
  answer->error = error;
}

/* None of our files needs another one. */
static void
answer_file (BelfryGrpcArena                    *arena,
             BelfryGrpcWire__ReflectionResponse *answer,
             const ProtobufCBinaryData          *file)
{
  BelfryGrpcWire__ReflectionFiles *files;

  if (file == NULL)
    {
      answer_error (arena, answer, GRPC_STATUS_NOT_FOUND, "Nothing here has that name");
      return;
    }

  files = belfry_grpc_arena_alloc (arena, sizeof *files);
  belfry_grpc_wire__reflection_files__init (files);
  files->n_file = 1;
  files->file = (ProtobufCBinaryData *) file;
  answer->answer_case = BELFRY_GRPC_WIRE__REFLECTION_RESPONSE__ANSWER_FILES;
  answer->files = files;
}

/* There are no extensions at all. */
static void
answer_extensions (BelfryGrpcArena                    *arena,
                   BelfryGrpcWire__ReflectionResponse *answer,
                   ProtobufCBinaryData                 name)
{
  BelfryGrpcWire__ReflectionExtensions *extensions;

  if (!belfry_grpc_descriptors_is_message (dup_name (arena, name)))
    {
      answer_error (arena, answer, GRPC_STATUS_NOT_FOUND, "There is no such message");
      return;
    }

  extensions = belfry_grpc_arena_alloc (arena, sizeof *extensions);
  belfry_grpc_wire__reflection_extensions__init (extensions);
  extensions->base_type_name = name;
  answer->answer_case = BELFRY_GRPC_WIRE__REFLECTION_RESPONSE__ANSWER_EXTENSIONS;
  answer->extensions = extensions;
}

static void
answer_services (BelfryGrpcArena                    *arena,
                 BelfryGrpcWire__ReflectionResponse *answer)
{
  GPtrArray *names = belfry_grpc_descriptors_list_services ();
  BelfryGrpcWire__ReflectionServices *services = belfry_grpc_arena_alloc (arena, sizeof *services);

  belfry_grpc_wire__reflection_services__init (services);
  services->n_service = names->len;
  services->service = belfry_grpc_arena_alloc (arena, names->len * sizeof *services->service);
  for (guint i = 0; i < names->len; i++)
    {
      services->service[i] = belfry_grpc_arena_alloc (arena, sizeof *services->service[i]);
      belfry_grpc_wire__reflection_service__init (services->service[i]);
      services->service[i]->name = from_string (g_ptr_array_index (names, i));
    }
  answer->answer_case = BELFRY_GRPC_WIRE__REFLECTION_RESPONSE__ANSWER_SERVICES;
  answer->services = services;
}

static void
answer_question (BelfryGrpcArena                         *arena,
                 const BelfryGrpcWire__ReflectionRequest *question,
                 BelfryGrpcWire__ReflectionResponse      *answer)
{
  switch (question->question_case)
    {
    case BELFRY_GRPC_WIRE__REFLECTION_REQUEST__QUESTION_FILE_BY_FILENAME:
      answer_file (arena, answer, belfry_grpc_descriptors_find_file (dup_name (arena, question->file_by_filename)));
      break;
    case BELFRY_GRPC_WIRE__REFLECTION_REQUEST__QUESTION_FILE_CONTAINING_SYMBOL:
      answer_file (arena, answer, belfry_grpc_descriptors_find_symbol (dup_name (arena, question->file_containing_symbol)));
      break;
    case BELFRY_GRPC_WIRE__REFLECTION_REQUEST__QUESTION_FILE_CONTAINING_EXTENSION:
      answer_file (arena, answer, NULL);
      break;
    case BELFRY_GRPC_WIRE__REFLECTION_REQUEST__QUESTION_ALL_EXTENSION_NUMBERS_OF_TYPE:
      answer_extensions (arena, answer, question->all_extension_numbers_of_type);
      break;
    case BELFRY_GRPC_WIRE__REFLECTION_REQUEST__QUESTION_LIST_SERVICES:
      answer_services (arena, answer);
      break;
    case BELFRY_GRPC_WIRE__REFLECTION_REQUEST__QUESTION__NOT_SET:
    default:
      answer_error (arena, answer, GRPC_STATUS_INVALID_ARGUMENT, "Not a question that is known here");
      break;
    }
}

static void
end_if_done (BelfryGrpcCall *call)
{
  Reflection *self = call->state;

  if (call->is_sending || belfry_grpc_call_is_over (call))
    return;

  if (belfry_grpc_queue_is_draining (call->queue))
    belfry_grpc_call_end (call, GRPC_STATUS_UNAVAILABLE, "The service is shutting down", NULL);
  else if (self->is_done)
    belfry_grpc_call_end (call, GRPC_STATUS_OK, NULL, NULL);
}

static void
receive (BelfryGrpcCall   *call,
         grpc_byte_buffer *message)
{
  Reflection *self = call->state;
  BelfryGrpcWire__ReflectionResponse answer = BELFRY_GRPC_WIRE__REFLECTION_RESPONSE__INIT;
  BelfryGrpcWire__ReflectionRequest *question = NULL;
  g_auto(BelfryGrpcArena) arena = { 0 };
  grpc_status_code status;
  const guint8 *data;
  gsize size;

  if (message == NULL)
    {
      self->is_done = TRUE;
      end_if_done (call);
      return;
    }

  data = belfry_grpc_payload_gather (&arena, message, belfry_grpc_queue_get_limits (call->queue)->max_metadata_bytes, &size, &status);
  if (data != NULL)
    {
      ProtobufCAllocator allocator = belfry_grpc_arena_allocator (&arena, 4 * (size + 1024));

      question = belfry_grpc_wire__reflection_request__unpack (&allocator, size, data);
    }
  if (question == NULL)
    {
      belfry_grpc_call_end (call, GRPC_STATUS_INVALID_ARGUMENT, "Not a message of the type ServerReflectionRequest", NULL);
      return;
    }

  answer.valid_host = question->host;
  answer.original_request = (ProtobufCBinaryData) { size, (uint8_t *) data };
  answer_question (&arena, question, &answer);
  belfry_grpc_call_send (call, belfry_grpc_payload_pack (&answer.base), FALSE);
}

static void
read_next (BelfryGrpcCall *call)
{
  end_if_done (call);
  belfry_grpc_call_read (call);
}

/* First it is asked whether the caller may know. */
static void
begin (BelfryGrpcCall *call)
{
  call->state = g_new0 (Reflection, 1);
  belfry_grpc_call_push (call, belfry_grpc_call_add_work (call, TRUE));
}

static void
settle (BelfryGrpcCall *call,
        BelfryGrpcWork *work)
{
  if (!belfry_grpc_call_is_over (call) && work->status != GRPC_STATUS_OK)
    belfry_grpc_call_end (call, work->status, work->message, NULL);
  belfry_grpc_queue_release (call->queue, work);
  read_next (call);
}

static void
free_reflection (BelfryGrpcCall *call)
{
  g_free (call->state);
}

const BelfryGrpcMethod belfry_grpc_reflection = {
  .is_stream = TRUE,
  .begin = begin,
  .receive = receive,
  .sent = read_next,
  .settle = settle,
  .notice = end_if_done,
  .free = free_reflection,
};
