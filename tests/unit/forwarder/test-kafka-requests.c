/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-letters-private.h"

#include <librdkafka/rdkafka_mock.h>

#include "belfry-kafka-config-private.h"
#include "belfry-kafka-message-private.h"
#include "belfry-kafka-trouble-private.h"

/* Before a cluster of librdkafka's own, which can be told to refuse the next requests. */

#define TOPIC "events"

#define REQUEST_PRODUCE 0

/* So long an answer takes: what may go out without it has gone out by then. */
#define ROUND_TRIP_MSEC 100

typedef struct
{
  rd_kafka_t              *keeper;  /* of the cluster */
  rd_kafka_mock_cluster_t *cluster;
  rd_kafka_t              *clients[2];  /* the usual one, and that of those that travel alone */
  rd_kafka_topic_t        *topics[2];
  BelfryKafkaLetters       letters;
  guint                    n_stuck;
} World;

static void
set_up (World         *world,
        gconstpointer  data)
{
  g_autoptr(BelfryKafkaConfig) config = NULL;
  g_autoptr(GError) error = NULL;
  char reason[256];

  *world = (World) { .keeper = rd_kafka_new (RD_KAFKA_PRODUCER, NULL, reason, sizeof reason) };
  world->cluster = rd_kafka_mock_cluster_new (world->keeper, 1);
  rd_kafka_mock_topic_create (world->cluster, TOPIC, 1, 1);
  rd_kafka_mock_broker_set_rtt (world->cluster, 1, ROUND_TRIP_MSEC);

  config = belfry_kafka_config_new (rd_kafka_mock_cluster_bootstraps (world->cluster), TOPIC, NULL, 1, data, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 2; i++)
    {
      world->clients[i] = belfry_kafka_config_open (config, i == 1, &error);
      g_assert_no_error (error);
      world->topics[i] = rd_kafka_topic_new (world->clients[i], TOPIC, NULL);
    }
}

static void
tear_down (World         *world,
           gconstpointer  data)
{
  belfry_kafka_letters_clear (&world->letters);
  for (guint i = 0; i < 2; i++)
    {
      rd_kafka_topic_destroy (world->topics[i]);
      rd_kafka_destroy (world->clients[i]);
    }
  rd_kafka_mock_cluster_destroy (world->cluster);
  rd_kafka_destroy (world->keeper);
}

static BelfryEvent *
make_event (guint number)
{
  const BelfryEventFields fields = {
    .event_type = "quiz_started", .event_type_length = -1, .source = "tests", .source_length = -1,
    .payload = "{}", .payload_length = -1, .user_id = "one", .user_id_length = -1,
  };
  const BelfryEventPlace place = { .position = number, .accepted_usec = 1, .id = "evt_000000000001" };
  BelfryEvent *event = belfry_event_new_trusted (&fields);

  belfry_event_seal_run (&event, &place, 1);
  return event;
}

/* A broker may refuse a request because it does not know yet that the partition is its own, and take the one behind it. */
static void
test_order (World         *world,
            gconstpointer  data)
{
  rd_kafka_queue_t *queue = rd_kafka_queue_get_main (world->clients[0]);
  BelfryEvent *events[5];
  guint n_done = 0;

  rd_kafka_mock_push_request_errors (world->cluster, REQUEST_PRODUCE, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      events[i] = make_event (i + 1);
      g_assert_cmpint (belfry_kafka_message_produce (world->clients[0], world->topics[0], events[i], GUINT_TO_POINTER (i)), ==,
                       RD_KAFKA_RESP_ERR_NO_ERROR);
    }

  while (n_done < G_N_ELEMENTS (events))
    {
      rd_kafka_event_t *news = rd_kafka_queue_poll (queue, 1000);
      const rd_kafka_message_t *message;

      while (rd_kafka_event_type (news) == RD_KAFKA_EVENT_DR && (message = rd_kafka_event_message_next (news)) != NULL)
        {
          g_assert_cmpint (belfry_kafka_get_outcome (message), ==, RD_KAFKA_RESP_ERR_NO_ERROR);
          g_assert_cmpint (message->offset, ==, GPOINTER_TO_UINT (message->_private));
          n_done++;
        }
      rd_kafka_event_destroy (news);
    }

  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    belfry_event_unref (events[i]);
  rd_kafka_queue_destroy (queue);
}

static void
give_letters (World *world,
              guint  n_letters)
{
  GPtrArray *letters = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_dead_letter_unref);

  for (guint i = 0; i < n_letters; i++)
    {
      g_autoptr(GBytes) body = g_bytes_new_static ("[]", 2);

      g_ptr_array_add (letters, belfry_dead_letter_new ("collect", "not_an_object", "", "No object", "application/json", body));
    }
  belfry_kafka_letters_take (&world->letters, letters);
}

static void
settle_letters (World *world,
                guint  which)
{
  rd_kafka_queue_t *queue = rd_kafka_queue_get_main (world->clients[which]);
  rd_kafka_event_t *news = rd_kafka_queue_poll (queue, 10);
  const rd_kafka_message_t *message;

  while (rd_kafka_event_type (news) == RD_KAFKA_EVENT_DR && (message = rd_kafka_event_message_next (news)) != NULL)
    {
      g_assert_true (belfry_kafka_letters_owns (message));
      if (belfry_kafka_letters_settle (&world->letters, message) == BELFRY_KAFKA_LETTERS_STUCK)
        world->n_stuck++;
    }
  rd_kafka_event_destroy (news);
  rd_kafka_queue_destroy (queue);
}

static void
assert_sent (World *world,
             guint  n_letters)
{
  guint n_done;

  while ((n_done = belfry_kafka_letters_finish (&world->letters)) == 0)
    for (guint i = 0; i < 2; i++)
      {
        belfry_kafka_letters_send (&world->letters, world->clients[i], world->topics[i], i == 1);
        settle_letters (world, i);
      }
  g_assert_cmpuint (n_done, ==, n_letters);
  g_assert_cmpuint (world->letters.n_sent, ==, 0);
  g_assert_false (belfry_kafka_letters_want_to_go_alone (&world->letters));
}

static void
assert_topic_holds (World *world,
                    gint64 n_messages)
{
  gint64 low, high;

  g_assert_cmpint (rd_kafka_query_watermark_offsets (world->clients[0], TOPIC, 0, &low, &high, 20000), ==, RD_KAFKA_RESP_ERR_NO_ERROR);
  g_assert_cmpint (high, ==, n_messages);
}

static void
test_refused_letters (World         *world,
                      gconstpointer  data)
{
  rd_kafka_mock_push_request_errors (world->cluster, REQUEST_PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  give_letters (world, 5);
  assert_sent (world, 5);
  assert_topic_holds (world, 5);

  /* The one that is refused by itself, too, goes nowhere, and holds up nobody. */
  rd_kafka_mock_push_request_errors (world->cluster, REQUEST_PRODUCE, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
                                     RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
  give_letters (world, 3);
  assert_sent (world, 3);
  assert_topic_holds (world, 7);
  g_assert_cmpuint (world->n_stuck, ==, 0);
}

static void
test_stuck_letters (World         *world,
                    gconstpointer  data)
{
  rd_kafka_mock_push_request_errors (world->cluster, REQUEST_PRODUCE, 2, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                     RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  give_letters (world, 3);
  assert_sent (world, 3);
  assert_topic_holds (world, 3);
  g_assert_cmpuint (world->n_stuck, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/kafka/requests/nothing-overtakes-what-is-sent-again", World, "batch.num.messages=1", set_up, test_order, tear_down);
  g_test_add ("/kafka/requests/letters-that-are-refused-in-company-go-alone", World, "linger.ms=200", set_up, test_refused_letters,
              tear_down);
  g_test_add ("/kafka/requests/letters-are-sent-until-they-are-taken", World, "linger.ms=200", set_up, test_stuck_letters, tear_down);

  return g_test_run ();
}
