/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-tcp-progress-private.h"

/* The C library's struct ends before what is read here. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

gboolean
belfry_tcp_progress_look (BelfryTcpProgress *self,
                          int                fd)
{
  struct tcp_info info;
  socklen_t length = sizeof info;

  if (getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
    return FALSE;
  if (length < G_STRUCT_OFFSET (struct tcp_info, tcpi_notsent_bytes) + sizeof info.tcpi_notsent_bytes)
    return FALSE;

  self->acknowledged = info.tcpi_bytes_acked;
  self->is_held_up = info.tcpi_notsent_bytes > 0;
  self->is_owed = self->is_held_up || info.tcpi_unacked > 0;
  return TRUE;
}
