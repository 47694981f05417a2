/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include <string.h>

#include "belfry-grpc-answer-private.h"
#include "belfry-grpc-convert-private.h"
#include "belfry-grpc-payload-private.h"
#include "belfry-grpc-wire.pb-c.h"

/* A message, written by hand: pairs of a field's number and its bytes. */
static void
add_field (GByteArray *message,
           guint       number,
           const void *data,
           gsize       size)
{
  guint8 tag = number << 3 | 2;

  g_byte_array_append (message, &tag, 1);
  for (gsize left = size; ; left >>= 7)
    {
      guint8 byte = (left & 0x7f) | (left > 0x7f ? 0x80 : 0);

      g_byte_array_append (message, &byte, 1);
      if (left <= 0x7f)
        break;
    }
  g_byte_array_append (message, data, size);
}

static void
add_string (GByteArray *message,
            guint       number,
            const char *text)
{
  add_field (message, number, text, strlen (text));
}

static GByteArray *
make_event (void)
{
  GByteArray *message = g_byte_array_new ();

  add_string (message, 1, "learner");
  add_string (message, 2, "course");
  add_string (message, 3, "lesson");
  add_string (message, 4, "lesson_started");
  add_field (message, 5, "\n\001k\022\002ab", 7);
  add_string (message, 6, "2024-01-15T10:30:00Z");
  return message;
}

/* Memory of exactly this size, so that a step beyond it is seen. */
static BelfryGrpcWork *
convert (GByteArray *message)
{
  BelfryGrpcWork *work = belfry_grpc_work_new (NULL, NULL, "");

  belfry_grpc_convert_event (work, message->data, message->len);
  g_assert_cmpuint (work->group.n_events, ==, 1);
  return work;
}

static void
assert_text (BelfryGrpcText  text,
             const char     *expected)
{
  g_assert_cmpmem (text.data, text.size, expected, strlen (expected));
}

static void
test_reads_all_members (void)
{
  g_autoptr(GByteArray) message = make_event ();
  g_autoptr(BelfryGrpcWork) work = NULL;
  const BelfryGrpcEvent *event;

  add_string (message, 7, "session");
  add_field (message, 8, "\n\001m", 3);
  add_field (message, 8, "\022\001v", 3);
  add_string (message, 9, "{}");
  work = convert (message);
  event = work->group.events;
  g_assert_null (event->refused_field);
  assert_text (event->learner_id, "learner");
  assert_text (event->course_id, "course");
  assert_text (event->lesson_id, "lesson");
  assert_text (event->event_type, "lesson_started");
  assert_text (event->timestamp, "2024-01-15T10:30:00Z");
  assert_text (event->session_id, "session");
  assert_text (event->event_data_json, "{}");
  g_assert_cmpuint (event->n_event_data, ==, 1);
  assert_text (event->event_data[0].key, "k");
  assert_text (event->event_data[0].value, "ab");
  g_assert_cmpuint (event->n_metadata, ==, 2);
  assert_text (event->metadata[0].key, "m");
  assert_text (event->metadata[0].value, "");
  assert_text (event->metadata[1].key, "");
  assert_text (event->metadata[1].value, "v");
  g_assert_cmpmem (event->original.data, event->original.size, message->data, message->len);
}

static void
test_takes_the_last_of_a_member (void)
{
  g_autoptr(GByteArray) message = make_event ();
  g_autoptr(BelfryGrpcWork) work = NULL;

  add_string (message, 1, "second");
  work = convert (message);
  assert_text (work->group.events[0].learner_id, "second");
}

static void
test_empty_message_is_an_event (void)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autoptr(BelfryGrpcWork) work = convert (message);

  g_assert_null (work->group.events[0].refused_field);
  g_assert_cmpuint (work->group.events[0].learner_id.size, ==, 0);
}

static void
test_names_what_is_no_text (void)
{
  const struct
  {
    guint       number;
    const char *field;
    const char *data;
    gsize       size;
    const char *refusal;
  } cases[] = {
    { 1, "learner_id", "\xff", 1, "String should be valid UTF-8" },
    { 1, "learner_id", "a\0b", 3, "String should not contain U+0000" },
    { 2, "course_id", "\0", 1, "String should not contain U+0000" },
    { 3, "lesson_id", "a\0\xff", 3, "String should be valid UTF-8" },
    { 4, "event_type", "\xed\xa0\x80", 3, "String should be valid UTF-8" },
    { 5, "event_data", "\n\001\xff", 3, "Keys and values should be valid UTF-8" },
    { 5, "event_data", "\022\003\0\0\xff", 5, "Keys and values should be valid UTF-8" },
    { 6, "timestamp", "\xf0\x9f", 2, "String should be valid UTF-8" },
    { 7, "session_id", "\0", 1, "String should not contain U+0000" },
    { 8, "metadata", "\n\001\xc0", 3, "Keys and values should be valid UTF-8" },
    { 9, "event_data_json", "{\xfe}", 3, "String should be valid UTF-8" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GByteArray) message = make_event ();
      g_autoptr(BelfryGrpcWork) work = NULL;
      const BelfryGrpcEvent *event;

      add_field (message, cases[i].number, cases[i].data, cases[i].size);
      work = convert (message);
      event = work->group.events;
      g_assert_cmpstr (event->refused_field, ==, cases[i].field);
      g_assert_cmpstr (event->refusal, ==, cases[i].refusal);
      g_assert_cmpuint (event->learner_id.size, ==, 0);
      g_assert_cmpmem (event->original.data, event->original.size, message->data, message->len);
    }
}

/* Relative to the bytes that are looked at together. */
static void
test_finds_what_is_no_text_anywhere (void)
{
  for (guint length = 1; length < 30; length++)
    for (guint place = 0; place < length; place++)
      for (guint c = 0; c < 256; c++)
        {
          g_autofree char *text = g_strnfill (length, 'x');
          g_autoptr(GByteArray) message = make_event ();
          g_autoptr(BelfryGrpcWork) work = NULL;
          const char *refusal = c == 0 ? "String should not contain U+0000" : c >= 0x80 ? "String should be valid UTF-8" : NULL;

          text[place] = (char) c;
          add_field (message, 7, text, length);
          work = convert (message);
          g_assert_cmpstr (work->group.events[0].refusal, ==, refusal);
        }
}

static void
test_refuses_each_truncation (void)
{
  g_autoptr(GByteArray) message = make_event ();

  /* Between two members it is a whole message; everywhere else it is not. */
  for (guint cut = 1; cut < 20; cut++)
    {
      g_autofree guint8 *exact = g_memdup2 (message->data, message->len - cut);
      g_autoptr(BelfryGrpcWork) work = belfry_grpc_work_new (NULL, NULL, "");

      g_assert_false (belfry_grpc_convert_event (work, exact, message->len - cut));
      g_assert_cmpstr (work->group.events[0].refused_field, ==, "");
      g_assert_cmpstr (work->group.events[0].refusal, ==, "Not a message of the type Event");
    }
}

static void
test_bounds_what_tiny_entries_take (void)
{
  g_autoptr(GByteArray) message = make_event ();
  g_autoptr(BelfryGrpcWork) work = NULL;

  for (guint i = 0; i < 100000; i++)
    add_field (message, 5, "", 0);
  work = convert (message);
  g_assert_cmpstr (work->group.events[0].refused_field, ==, "");
  g_assert_cmpstr (work->group.events[0].refusal, ==, "Has too many entries");
  g_assert_cmpuint (belfry_grpc_work_get_size (work), <, 6 * message->len + 100000);
}

static BelfryGrpcWork *
convert_batch (GByteArray *message,
               guint       maximum,
               gboolean    expected)
{
  BelfryGrpcWork *work = belfry_grpc_work_new (NULL, NULL, "");

  g_assert_cmpint (belfry_grpc_convert_batch (work, message->data, message->len, maximum), ==, expected);
  return work;
}

static void
test_batch_keeps_each_event_apart (void)
{
  g_autoptr(GByteArray) event = make_event ();
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autoptr(BelfryGrpcWork) work = NULL;
  const guint8 unknown[] = { 0x18, 0x05, 0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x2d, 1, 2, 3, 4 };

  add_field (message, 1, event->data, event->len);
  g_byte_array_append (message, unknown, sizeof unknown);
  add_field (message, 1, "\xff", 1);
  add_field (message, 2, "ignored", 7);
  add_field (message, 1, event->data, event->len);
  work = convert_batch (message, 3, TRUE);
  g_assert_cmpuint (work->group.n_events, ==, 3);
  g_assert_null (work->group.events[0].refused_field);
  g_assert_cmpstr (work->group.events[1].refused_field, ==, "");
  g_assert_null (work->group.events[2].refused_field);
  g_assert_cmpmem (work->group.events[2].original.data, work->group.events[2].original.size, event->data, event->len);
}

static void
test_batch_is_bounded (void)
{
  g_autoptr(GByteArray) message = g_byte_array_new ();
  g_autoptr(BelfryGrpcWork) none = convert_batch (message, 3, FALSE);

  g_assert_cmpint (none->status, ==, GRPC_STATUS_INVALID_ARGUMENT);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr(BelfryGrpcWork) work = NULL;

      add_field (message, 1, "", 0);
      work = convert_batch (message, 3, i < 3);
      g_assert_cmpint (work->status, ==, i < 3 ? GRPC_STATUS_OK : GRPC_STATUS_RESOURCE_EXHAUSTED);
      g_assert_cmpuint (work->group.n_events, ==, i < 3 ? i + 1 : 0);
    }
}

static void
test_batch_refuses_what_is_none (void)
{
  const struct
  {
    const char *data;
    gsize       size;
  } cases[] = {
    { "\n", 1 }, { "\n\005abc", 5 }, { "\377", 1 }, { "\000", 1 }, { "\013", 1 }, { "\014", 1 },
    { "\n\377\377\377\377\377\377\377\377\377\177", 11 },
    { "\011abc", 4 }, { "\015a", 2 }, { "\010\200\200\200\200\200\200\200\200\200\200\200", 12 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GByteArray) message = g_byte_array_new ();
      g_autoptr(BelfryGrpcWork) work = NULL;

      g_byte_array_append (message, (const guint8 *) cases[i].data, cases[i].size);
      work = convert_batch (message, 3, FALSE);
      g_assert_cmpint (work->status, ==, GRPC_STATUS_INVALID_ARGUMENT);
    }
}

static void
test_arena_gives_room_that_is_apart (void)
{
  g_auto(BelfryGrpcArena) arena = { 0 };
  guint8 *pieces[200];

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      pieces[i] = belfry_grpc_arena_alloc (&arena, i * 7);
      g_assert_cmpuint (GPOINTER_TO_SIZE (pieces[i]) % 16, ==, 0);
      memset (pieces[i], i, i * 7);
    }
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    for (guint j = 0; j < i * 7; j++)
      g_assert_cmpuint (pieces[i][j], ==, i);
  g_assert_cmpuint (arena.reserved, <, 4 * arena.used);
}

static void
test_arena_keeps_to_the_budget (void)
{
  g_auto(BelfryGrpcArena) arena = { 0 };
  ProtobufCAllocator allocator = belfry_grpc_arena_allocator (&arena, 100);

  g_assert_nonnull (allocator.alloc (allocator.allocator_data, 60));
  g_assert_false (belfry_grpc_arena_ran_out (&arena));
  g_assert_null (allocator.alloc (allocator.allocator_data, 41));
  g_assert_true (belfry_grpc_arena_ran_out (&arena));
  g_assert_nonnull (allocator.alloc (allocator.allocator_data, 40));
  allocator = belfry_grpc_arena_allocator (&arena, 10);
  g_assert_false (belfry_grpc_arena_ran_out (&arena));
  g_assert_null (allocator.alloc (allocator.allocator_data, 11));
}

static void
test_answer_tells_each_verdict (void)
{
  g_autoptr(BelfryGrpcWork) work = belfry_grpc_work_new (NULL, NULL, "the-batch");
  g_auto(BelfryGrpcArena) arena = { 0 };
  grpc_byte_buffer *buffer;
  BelfryGrpcWire__CollectResponse *answer;
  ProtobufCAllocator allocator;
  grpc_status_code status;
  const guint8 *data;
  gsize size;

  belfry_grpc_event_accept (belfry_grpc_work_add_event (work), "evt_1");
  belfry_grpc_work_add_event (work);
  belfry_grpc_group_refuse (&work->group, &work->group.events[1], "field", "why");
  buffer = belfry_grpc_answer_collected (work);
  data = belfry_grpc_payload_gather (&arena, buffer, 1000, &size, &status);
  grpc_byte_buffer_destroy (buffer);
  allocator = belfry_grpc_arena_allocator (&arena, 10000);
  answer = belfry_grpc_wire__collect_response__unpack (&allocator, size, data);
  g_assert_false (answer->success);
  g_assert_cmpuint (answer->accepted, ==, 1);
  g_assert_cmpuint (answer->rejected, ==, 1);
  g_assert_cmpmem (answer->batch_id.data, answer->batch_id.len, "the-batch", 9);
  g_assert_cmpmem (answer->event_ids[0].data, answer->event_ids[0].len, "evt_1", 5);
  g_assert_cmpuint (answer->errors[0]->index, ==, 1);
  g_assert_cmpmem (answer->errors[0]->field.data, answer->errors[0]->field.len, "field", 5);
  g_assert_cmpmem (answer->errors[0]->message.data, answer->errors[0]->message.len, "why", 3);
}

static void
test_payload_is_bounded (void)
{
  g_auto(BelfryGrpcArena) arena = { 0 };
  grpc_slice slice = grpc_slice_from_static_string ("0123456789");
  grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create (&slice, 1);
  grpc_status_code status;
  gsize size;

  g_assert_nonnull (belfry_grpc_payload_gather (&arena, buffer, 10, &size, &status));
  g_assert_cmpuint (size, ==, 10);
  g_assert_null (belfry_grpc_payload_gather (&arena, buffer, 9, &size, &status));
  g_assert_cmpint (status, ==, GRPC_STATUS_RESOURCE_EXHAUSTED);
  grpc_byte_buffer_destroy (buffer);
}

static void
test_payload_that_is_not_packed_is_refused (void)
{
  g_auto(BelfryGrpcArena) arena = { 0 };
  grpc_slice slice = grpc_slice_from_static_string ("\x1f\x8b nothing of the kind");
  grpc_byte_buffer *buffer = grpc_raw_compressed_byte_buffer_create (&slice, 1, GRPC_COMPRESS_GZIP);
  grpc_status_code status;
  gsize size;

  g_assert_null (belfry_grpc_payload_gather (&arena, buffer, 1000, &size, &status));
  g_assert_cmpint (status, ==, GRPC_STATUS_INVALID_ARGUMENT);
  grpc_byte_buffer_destroy (buffer);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/grpc-convert/event/reads-all-members", test_reads_all_members);
  g_test_add_func ("/grpc-convert/event/takes-the-last-of-a-member", test_takes_the_last_of_a_member);
  g_test_add_func ("/grpc-convert/event/empty-message-is-one", test_empty_message_is_an_event);
  g_test_add_func ("/grpc-convert/event/names-what-is-no-text", test_names_what_is_no_text);
  g_test_add_func ("/grpc-convert/event/finds-what-is-no-text-anywhere", test_finds_what_is_no_text_anywhere);
  g_test_add_func ("/grpc-convert/event/refuses-each-truncation", test_refuses_each_truncation);
  g_test_add_func ("/grpc-convert/event/bounds-what-tiny-entries-take", test_bounds_what_tiny_entries_take);
  g_test_add_func ("/grpc-convert/batch/keeps-each-event-apart", test_batch_keeps_each_event_apart);
  g_test_add_func ("/grpc-convert/batch/is-bounded", test_batch_is_bounded);
  g_test_add_func ("/grpc-convert/batch/refuses-what-is-none", test_batch_refuses_what_is_none);
  g_test_add_func ("/grpc-convert/arena/gives-room-that-is-apart", test_arena_gives_room_that_is_apart);
  g_test_add_func ("/grpc-convert/arena/keeps-to-the-budget", test_arena_keeps_to_the_budget);
  g_test_add_func ("/grpc-convert/answer/tells-each-verdict", test_answer_tells_each_verdict);
  g_test_add_func ("/grpc-convert/payload/is-bounded", test_payload_is_bounded);
  g_test_add_func ("/grpc-convert/payload/not-packed-is-refused", test_payload_that_is_not_packed_is_refused);
  return g_test_run ();
}
