/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The load generator: one thread, one epoll set, no library between it and the sockets, so that what it measures is the daemon.
 * Times are ns of the monotonic clock. */

#define LOAD_BUCKETS (32 * 40)

typedef struct
{
  guint64 counts[LOAD_BUCKETS];
  guint64 total;
  gint64  largest_nsec;
} LoadHistogram;

void    load_histogram_add        (LoadHistogram *self,
                                   gint64         nsec);
double  load_histogram_percentile (const LoadHistogram *self,  /* in µs */
                                   double               percent);

#define LOAD_MAX_PIDS 16

/* The processes that are measured, all of their threads, from /proc. */
typedef struct
{
  int    pids[LOAD_MAX_PIDS];
  guint  n_pids;  /* 0: none */
  double cpu_seconds_before;
  double cpu_seconds;
  double rss_before_mib;
  double rss_peak_mib;
  double rss_mib;
  gint64 sampled_nsec;
} LoadProcess;

void load_process_begin  (LoadProcess *self,
                          const int   *pids,
                          guint        n_pids);
void load_process_sample (LoadProcess *self,
                          gint64       now_nsec);
void load_process_end    (LoadProcess *self);

/* Sockets. */
typedef struct
{
  char  *data;
  gsize  start;
  gsize  length;  /* from start on */
  gsize  capacity;
} LoadBuffer;

void load_buffer_append  (LoadBuffer *self,
                          const void *data,
                          gsize       length);
void load_buffer_consume (LoadBuffer *self,
                          gsize       length);

typedef struct
{
  int    epoll;
  gint64 now_nsec;
} LoadLoop;

typedef enum
{
  LOAD_ROLE_PUBLISHER,
  LOAD_ROLE_SUBSCRIBER,
} LoadRole;

typedef struct _LoadConnection LoadConnection;

typedef void (*LoadConnectionFunc) (LoadConnection *connection);

struct _LoadConnection
{
  LoadLoop           *loop;
  int                 fd;  /* -1: closed */
  gboolean            waits_to_write;
  LoadBuffer          in;
  LoadBuffer          out;
  LoadConnectionFunc  on_data;  /* new bytes in in, or closed */
  gpointer            owner;
  LoadRole            role;
  guint               index;  /* among those of its role */
  guint               group;  /* a subscriber's: of which events it wants */
  guint               step;   /* of the greeting */
};

/* "host:port" of an http:// address. FALSE ends the program's run with a message. */
gboolean load_loop_init        (LoadLoop        *self,
                                GError         **error);
void     load_loop_clear       (LoadLoop        *self);
/* Waits at most so long for something to come and hands it out. */
void     load_loop_turn        (LoadLoop        *self,
                                gint64           until_nsec);
gint64   load_now              (void);
gboolean load_connection_open  (LoadConnection  *self,
                                LoadLoop        *loop,
                                const char      *host,
                                guint16          port,
                                GError         **error);
void     load_connection_flush (LoadConnection  *self);
void     load_connection_close (LoadConnection  *self);

/* WebSocket. */
typedef struct
{
  guint8  opcode;
  char   *text;
  gsize   length;
} LoadFrame;

void     load_web_socket_ask      (LoadConnection *connection,
                                   const char     *host,
                                   const char     *path,
                                   const char     *api_key);
/* Reads the answer to the handshake: 1 done, 0 not all here yet, -1 refused. */
int      load_web_socket_accept   (LoadConnection *connection);
void     load_web_socket_send     (LoadConnection *connection,
                                   guint8          opcode,
                                   const char     *text,
                                   gsize           length);
/* The next whole frame that carries text; pings are answered. FALSE: none, or the connection was closed. The frame is
 * taken off the buffer by the next call. */
gboolean load_web_socket_next     (LoadConnection *connection,
                                   LoadFrame      *frame,
                                   gsize          *consumed);

/* What all kinds of load share. */
typedef struct
{
  char    *host;
  guint16  port;
  char    *api_key;
  char    *get_path;   /* instead of publishing */
  char    *post_path;
  char    *peer;       /* fan-out: whose protocol is spoken */
  guint    connections;
  guint    window;
  guint    subscribers;
  guint    burst;
  guint    batch;      /* collect, grpc-batch: events of one request */
  guint    groups;
  char    *filter;
  double   rate;     /* events a second over all connections, 0: as fast as answers come */
  double   seconds;
  guint64  count;    /* 0: until the time is over */
  guint    size;     /* bytes of an event */
  guint    backlog;  /* fan-out: events that may be under way to all their subscribers; 0: no bound */
  int      pids[LOAD_MAX_PIDS];
  guint    n_pids;
  gboolean is_json;
  gboolean is_packed;  /* collect: requests are compressed */
} LoadOptions;

typedef struct
{
  guint64       sent;
  guint64       answered;
  guint64       failed;      /* answers that are no success */
  guint64       deliveries;
  guint64       expected;
  guint64       lost;
  guint64       repeated;
  guint64       disordered;
  gint64        begin_nsec;
  gint64        end_nsec;
  LoadHistogram latency;     /* answers */
  LoadHistogram delivery;    /* send to receipt at a subscriber */
  LoadHistogram late;        /* of that, from when an event was to be sent until the generator did */
  LoadProcess   process;
  LoadProcess   self_process;
} LoadResult;

/* Where a request brings a batch: what is asked for in events, in requests; and what came of them, in events again. The times
 * stay those of a batch. */
LoadOptions load_options_in_batches  (const LoadOptions *options);
void        load_result_count_events (LoadResult        *self,
                                      guint              batch);

/* Which event may be sent now, and the instant at which it should have been: at a fixed rate that is the schedule's, so that a
 * stall shows in every event that it delays. */
typedef struct
{
  gint64  begin_nsec;
  gint64  end_nsec;
  double  interval_nsec;  /* 0: no schedule */
  guint64 next;
  guint64 count;
} LoadPace;

void     load_pace_begin (LoadPace          *self,
                          const LoadOptions *options,
                          gint64             now_nsec);
gboolean load_pace_take  (LoadPace          *self,
                          gint64             now_nsec,
                          gint64            *intended_nsec);
/* When take may succeed next; now_nsec when only an answer is missing. */
gint64   load_pace_due   (LoadPace          *self,
                          gint64             now_nsec);
gboolean load_pace_over  (LoadPace          *self,
                          gint64             now_nsec);

/* An event's text, of a fixed length, with its figures at fixed places. */
typedef struct
{
  char  *text;
  gsize  length;
  gsize  type_at;
  gsize  session_at;
  gsize  user_at;
  gsize  publisher_at;
  gsize  number_at;
  gsize  time_at;
} LoadEvent;

#define LOAD_N_TYPES 4

extern const char * const load_types[LOAD_N_TYPES];

void load_event_init  (LoadEvent *self,
                       guint      size);
void load_event_set   (LoadEvent *self,
                       guint      group,
                       guint      publisher,
                       guint64    number,
                       gint64     intended_nsec);
void load_event_clear (LoadEvent *self);
void load_write_digits (char    *at,
                        guint    n_digits,
                        guint64  value);

/* How a server is spoken to. Events, counting and clocks are the same for all of them. */
typedef struct _LoadPeer LoadPeer;

typedef struct
{
  const char *name;
  guint       most_in_flight;  /* on one connection; 0: any number */
  gboolean    is_silent;       /* publishing has no answer */
  void      (*prepare)    (LoadPeer *peer);
  /* Says the first words, then goes on with what came: 1 ready, 0 not yet, -1 refused. */
  void      (*ask)        (LoadPeer *peer, LoadConnection *connection);
  int       (*greet)      (LoadPeer *peer, LoadConnection *connection);
  void      (*send)       (LoadPeer *peer, LoadConnection *connection, const LoadEvent *event, guint group);
  /* An answer or a delivery, as load_web_socket_next() has it. */
  gboolean  (*next)       (LoadConnection *connection, LoadFrame *frame, gsize *consumed);
  gboolean  (*is_success) (LoadPeer *peer, const LoadFrame *answer);
} LoadProtocol;

struct _LoadPeer
{
  const LoadProtocol *protocol;
  const LoadOptions  *options;
  gsize               event_length;
  char               *head;        /* what stands before each event, with figures at fixed places (0: none) */
  gsize               head_length;
  gsize               group_at;
  gsize               index_at;
};

/* The protocol of that name that publishes and subscribes. NULL: there is none. */
const LoadProtocol *load_find_protocol (const char *name);

void     load_peer_init  (LoadPeer           *self,
                          const LoadProtocol *protocol,
                          const LoadOptions  *options,
                          gsize               event_length);
void     load_peer_clear (LoadPeer           *self);
/* Opens a connection whose role, index, group and functions are set, and says the first words. */
gboolean load_peer_open  (LoadPeer           *self,
                          LoadConnection     *connection,
                          LoadLoop           *loop,
                          GError            **error);

extern const LoadProtocol load_http;
extern const LoadProtocol load_collect;
extern const LoadProtocol load_belfry;
extern const LoadProtocol load_nchan;
extern const LoadProtocol load_nats;
extern const LoadProtocol load_jetstream;

gboolean load_run_http    (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_ws      (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_collect (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_grpc        (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_grpc_batch  (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_grpc_stream (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_jetstream (const LoadOptions *options, LoadResult *result, GError **error);
gboolean load_run_fan_out (const LoadOptions *options, LoadResult *result, GError **error);

G_END_DECLS
