/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-flight-private.h"

static GPtrArray *
make_events (guint64 first,
             guint   n_events)
{
  GPtrArray *events = g_ptr_array_new_with_free_func ((GDestroyNotify) belfry_event_unref);

  for (guint i = 0; i < n_events; i++)
    {
      const BelfryEventFields fields = {
        .event_type = "quiz_started", .event_type_length = -1, .source = "tests", .source_length = -1,
        .payload = "{}", .payload_length = -1,
      };
      const BelfryEventPlace place = { .position = first + i, .accepted_usec = 1, .id = "evt_000000000001" };
      BelfryEvent *event = belfry_event_new_trusted (&fields);

      belfry_event_seal_run (&event, &place, 1);
      g_ptr_array_add (events, event);
    }

  return events;
}

static void
push (BelfryKafkaFlight *flight,
      guint64            first,
      guint              n_events)
{
  g_autoptr(GPtrArray) events = make_events (first, n_events);

  belfry_kafka_flight_push (flight, events, 0);
}

static BelfryKafkaSlot *
send_next (BelfryKafkaFlight *flight,
           guint64            position)
{
  BelfryKafkaSlot *slot = belfry_kafka_flight_peek (flight);

  g_assert_nonnull (slot);
  g_assert_cmpuint (belfry_event_get_position (slot->event), ==, position);
  belfry_kafka_flight_pass (flight);
  return slot;
}

static void
assert_done (BelfryKafkaFlight *flight,
             guint              n_done,
             guint64            through)
{
  g_assert_cmpuint (flight->n_done, ==, n_done);
  g_assert_cmpuint (flight->through, ==, through);
}

static void
test_order (void)
{
  BelfryKafkaFlight flight;
  BelfryKafkaSlot *slots[5];

  belfry_kafka_flight_init (&flight);
  g_assert_null (belfry_kafka_flight_peek (&flight));
  push (&flight, 1, 2);
  push (&flight, 3, 2);
  for (guint i = 0; i < 4; i++)
    slots[i] = send_next (&flight, i + 1);
  g_assert_null (belfry_kafka_flight_peek (&flight));
  push (&flight, 5, 1);
  slots[4] = send_next (&flight, 5);
  g_assert_cmpuint (flight.n_sent, ==, 5);

  /* Partitions answer in any order; what counts has no gap in front. */
  belfry_kafka_flight_settle (&flight, slots[1], BELFRY_KAFKA_DONE);
  belfry_kafka_flight_settle (&flight, slots[4], BELFRY_KAFKA_DONE);
  assert_done (&flight, 0, 0);
  belfry_kafka_flight_settle (&flight, slots[0], BELFRY_KAFKA_DONE);
  assert_done (&flight, 2, 2);
  belfry_kafka_flight_settle (&flight, slots[3], BELFRY_KAFKA_DONE);
  belfry_kafka_flight_settle (&flight, slots[2], BELFRY_KAFKA_DONE);
  assert_done (&flight, 5, 5);
  g_assert_cmpuint (flight.n_sent, ==, 0);
  g_assert_cmpuint (flight.batches.length, ==, 0);

  push (&flight, 6, 1);
  (void) send_next (&flight, 6);
  belfry_kafka_flight_clear (&flight);
}

static void
test_rewind (void)
{
  BelfryKafkaFlight flight;
  BelfryKafkaSlot *slots[4];

  belfry_kafka_flight_init (&flight);
  push (&flight, 1, 3);
  push (&flight, 4, 1);
  for (guint i = 0; i < 4; i++)
    slots[i] = send_next (&flight, i + 1);
  belfry_kafka_flight_settle (&flight, slots[1], BELFRY_KAFKA_WAITING);
  belfry_kafka_flight_settle (&flight, slots[0], BELFRY_KAFKA_DONE);
  belfry_kafka_flight_settle (&flight, slots[3], BELFRY_KAFKA_WAITING);
  belfry_kafka_flight_settle (&flight, slots[2], BELFRY_KAFKA_DONE);
  assert_done (&flight, 1, 1);

  /* What failed goes again, the oldest first, and nothing else does. */
  belfry_kafka_flight_rewind (&flight);
  slots[1] = send_next (&flight, 2);
  slots[3] = send_next (&flight, 4);
  g_assert_null (belfry_kafka_flight_peek (&flight));
  belfry_kafka_flight_settle (&flight, slots[1], BELFRY_KAFKA_DONE);
  assert_done (&flight, 3, 3);

  belfry_kafka_flight_recall (&flight);
  g_assert_cmpuint (flight.n_sent, ==, 0);
  slots[3] = send_next (&flight, 4);
  belfry_kafka_flight_settle (&flight, slots[3], BELFRY_KAFKA_DONE);
  assert_done (&flight, 4, 4);
  belfry_kafka_flight_clear (&flight);
}

static void
test_random (void)
{
  BelfryKafkaFlight flight;
  g_autoptr(GPtrArray) sent = g_ptr_array_new ();
  guint64 next = 1;

  belfry_kafka_flight_init (&flight);
  while (flight.through < 5000)
    {
      BelfryKafkaSlot *slot = belfry_kafka_flight_peek (&flight);

      if (g_test_rand_int_range (0, 4) == 0 && next < 6000)
        {
          guint n_events = (guint) g_test_rand_int_range (1, 20);

          push (&flight, next, n_events);
          next += n_events;
        }
      else if (slot != NULL && g_test_rand_bit ())
        {
          belfry_kafka_flight_pass (&flight);
          g_ptr_array_add (sent, slot);
        }
      else if (sent->len > 0)
        {
          slot = g_ptr_array_remove_index_fast (sent, (guint) g_test_rand_int_range (0, (gint32) sent->len));
          belfry_kafka_flight_settle (&flight, slot, g_test_rand_int_range (0, 10) == 0 ? BELFRY_KAFKA_WAITING : BELFRY_KAFKA_DONE);
        }
      else if (slot == NULL)
        {
          belfry_kafka_flight_rewind (&flight);
          if (belfry_kafka_flight_peek (&flight) == NULL)
            g_assert_cmpuint (flight.through, ==, next - 1);
        }
      g_assert_cmpuint (flight.n_sent, ==, sent->len);
      g_assert_cmpuint (flight.n_done, ==, flight.through);
    }
  belfry_kafka_flight_clear (&flight);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/kafka/flight/what-is-done-has-nothing-older-missing", test_order);
  g_test_add_func ("/kafka/flight/what-failed-goes-again-oldest-first", test_rewind);
  g_test_add_func ("/kafka/flight/nothing-is-lost-in-any-order", test_random);

  return g_test_run ();
}
