/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bounds the bytes of large answers that are in memory: from their making until they are on the wire or the
 * connection is gone. Home context only. */
typedef struct _BelfryAnswerQuota BelfryAnswerQuota;

/* has_room FALSE: it is not to be made after all. */
typedef void (*BelfryAnswerFunc) (gboolean has_room, gpointer user_data);

BelfryAnswerQuota *belfry_answer_quota_new         (guint64 max_bytes);
void               belfry_answer_quota_unref       (BelfryAnswerQuota *self);
void               belfry_answer_quota_set_maximum (BelfryAnswerQuota *self, guint64 max_bytes);
guint64            belfry_answer_quota_get_maximum (BelfryAnswerQuota *self);
/* FALSE, and counted as refused, when bytes more are too many. Without others under way any answer has room. */
gboolean           belfry_answer_quota_has_room    (BelfryAnswerQuota *self, gsize bytes);
/* Calls func once, now or when there is room for an answer of up to n_events. What was let through counts, by an
 * estimate, until belfry_answer_quota_end(). */
void               belfry_answer_quota_begin       (BelfryAnswerQuota *self, guint n_events, BelfryAnswerFunc func,
                                                    gpointer user_data);
/* It was read: so many events, which took so many bytes. */
void               belfry_answer_quota_end         (BelfryAnswerQuota *self, guint n_events, guint n_read,
                                                    gsize n_bytes);
/* Takes the text. It counts until the last reference to the bytes goes. */
GBytes            *belfry_answer_quota_take_text   (BelfryAnswerQuota *self, GString *text);
guint64            belfry_answer_quota_get_bytes   (BelfryAnswerQuota *self);
guint64            belfry_answer_quota_get_refused (BelfryAnswerQuota *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BelfryAnswerQuota, belfry_answer_quota_unref)

G_END_DECLS
