/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-kafka-config-private.h"

#include "belfry-kafka-trouble-private.h"

static void
assert_refused (const char *topic,
                const char *properties,
                const char *told)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryKafkaConfig) config = belfry_kafka_config_new ("127.0.0.1:1", topic, NULL, 1, properties, &error);

  g_assert_false (config != NULL && belfry_kafka_config_check (config, &error));
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, told));
  g_assert_null (strchr (error->message, '\n'));
}

static void
test_properties (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryKafkaConfig) config = NULL;

  config = belfry_kafka_config_new ("a:1,b:2", "t", "d", 3, " linger.ms = 7 ,, client.id=a\\,b=c ,", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_strv_length (config->names), ==, 2);
  g_assert_cmpstr (config->names[0], ==, "linger.ms");
  g_assert_cmpstr (config->values[0], ==, "7");
  g_assert_cmpstr (config->names[1], ==, "client.id");
  g_assert_cmpstr (config->values[1], ==, "a,b=c");
}

static void
test_refusals (void)
{
  assert_refused ("t", "acks=1", "'acks'");
  assert_refused ("t", "enable.idempotence=false", "'enable.idempotence'");
  assert_refused ("t", "queuing.strategy=lifo", "'queuing.strategy'");
  assert_refused ("t", "linger.ms", "'linger.ms'");
  assert_refused ("t", "=5", "'=5'");
  assert_refused ("t", "no.such=5", "'no.such'");
  assert_refused ("t", "max.in.flight=100", "KAFKA_CONFIG");
  assert_refused ("t", "security.protocol=ssl,ssl.ca.location=/no/such/file", "KAFKA_CONFIG");
  assert_refused ("", NULL, "KAFKA_TOPIC");
  assert_refused ("a topic", NULL, "KAFKA_TOPIC");
  assert_refused ("..", NULL, "KAFKA_TOPIC");
}

static void
test_secrets (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(BelfryKafkaConfig) config = belfry_kafka_config_new ("a:1", "t", NULL, 1, "sasl.mechanism=PLAIN,sasl.pasword=hunter2", &error);

  g_assert_false (belfry_kafka_config_check (config, &error));
  g_assert_null (strstr (error->message, "hunter2"));
}

static void
test_refused_for_good (void)
{
  const char *reason = NULL;

  g_assert_true (belfry_kafka_is_refusal (RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, &reason));
  g_assert_cmpstr (reason, ==, "message_too_large");
  g_assert_true (belfry_kafka_is_refusal (RD_KAFKA_RESP_ERR_INVALID_RECORD, &reason));
  g_assert_cmpstr (reason, ==, "invalid_record");

  for (int error = RD_KAFKA_RESP_ERR__BEGIN; error < RD_KAFKA_RESP_ERR_END_ALL; error++)
    if (error != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && error != RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE
        && error != RD_KAFKA_RESP_ERR_INVALID_RECORD)
      g_assert_false (belfry_kafka_is_refusal (error, &reason));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/kafka/config/properties-are-separated-by-commas", test_properties);
  g_test_add_func ("/kafka/config/what-breaks-a-promise-or-is-unknown-is-refused", test_refusals);
  g_test_add_func ("/kafka/config/values-are-not-told", test_secrets);
  g_test_add_func ("/kafka/trouble/only-what-a-message-is-makes-it-refused-for-good", test_refused_for_good);

  return g_test_run ();
}
