/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-grpc-descriptors-private.h"

#include <gio/gio.h>

/* Built once, from what protoc made of the files and the build put into the program. It lives as long as that. */
typedef struct
{
  BelfryGrpcWire__FileSet *set;       /* the bytes that all answers point to */
  GHashTable              *files;     /* name → ProtobufCBinaryData */
  GHashTable              *symbols;   /* full name → the same */
  GHashTable              *messages;  /* full names; a set */
  GPtrArray               *services;  /* full names */
} Descriptors;

static char *
join (const char          *scope,
      ProtobufCBinaryData  name)
{
  g_autofree char *text = g_strndup ((const char *) name.data, name.len);

  return scope[0] != '\0' ? g_strconcat (scope, ".", text, NULL) : g_steal_pointer (&text);
}

static const char *
add_symbol (Descriptors         *self,
            const char          *scope,
            ProtobufCBinaryData  name,
            ProtobufCBinaryData *file)
{
  char *symbol = join (scope, name);

  g_hash_table_replace (self->symbols, symbol, file);
  return symbol;
}

static void
add_all (Descriptors              *self,
         const char               *scope,
         BelfryGrpcWire__Named   **named,
         gsize                     n_named,
         ProtobufCBinaryData      *file)
{
  for (gsize i = 0; i < n_named; i++)
    add_symbol (self, scope, named[i]->name, file);
}

static void
add_message (Descriptors                  *self,
             const char                   *scope,
             BelfryGrpcWire__NamedMessage *message,
             ProtobufCBinaryData          *file)
{
  const char *name = add_symbol (self, scope, message->name, file);

  g_hash_table_add (self->messages, (gpointer) name);
  add_all (self, name, message->field, message->n_field, file);
  add_all (self, name, message->enum_type, message->n_enum_type, file);
  add_all (self, name, message->oneof, message->n_oneof, file);
  for (gsize i = 0; i < message->n_nested_type; i++)
    add_message (self, name, message->nested_type[i], file);
}

static void
add_file (Descriptors         *self,
          ProtobufCBinaryData *bytes)
{
  BelfryGrpcWire__NamedFile *file = belfry_grpc_wire__named_file__unpack (NULL, bytes->len, bytes->data);
  g_autofree char *package = NULL;

  g_assert (file != NULL);
  package = g_strndup ((const char *) file->package.data, file->package.len);
  g_hash_table_insert (self->files, g_strndup ((const char *) file->name.data, file->name.len), bytes);
  add_all (self, package, file->enum_type, file->n_enum_type, bytes);
  for (gsize i = 0; i < file->n_message_type; i++)
    add_message (self, package, file->message_type[i], bytes);
  for (gsize i = 0; i < file->n_service; i++)
    {
      const char *name = add_symbol (self, package, file->service[i]->name, bytes);

      g_ptr_array_add (self->services, (gpointer) name);
      add_all (self, name, file->service[i]->method, file->service[i]->n_method, bytes);
    }
  belfry_grpc_wire__named_file__free_unpacked (file, NULL);
}

static Descriptors *
load (void)
{
  Descriptors *self = g_new (Descriptors, 1);
  g_autoptr(GBytes) bytes = g_resources_lookup_data ("/org/belfry/grpc/descriptors.pb", G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  const guint8 *data;
  gsize size;

  g_assert (bytes != NULL);
  data = g_bytes_get_data (bytes, &size);
  self->set = belfry_grpc_wire__file_set__unpack (NULL, size, data);
  g_assert (self->set != NULL);
  self->files = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->symbols = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  self->messages = g_hash_table_new (g_str_hash, g_str_equal);
  self->services = g_ptr_array_new ();
  for (gsize i = 0; i < self->set->n_file; i++)
    add_file (self, &self->set->file[i]);
  return self;
}

static Descriptors *
get (void)
{
  static Descriptors *descriptors;

  if (g_once_init_enter (&descriptors))
    g_once_init_leave (&descriptors, load ());
  return descriptors;
}

const ProtobufCBinaryData *
belfry_grpc_descriptors_find_file (const char *name)
{
  return g_hash_table_lookup (get ()->files, name);
}

const ProtobufCBinaryData *
belfry_grpc_descriptors_find_symbol (const char *symbol)
{
  return g_hash_table_lookup (get ()->symbols, symbol);
}

gboolean
belfry_grpc_descriptors_is_message (const char *symbol)
{
  return g_hash_table_contains (get ()->messages, symbol);
}

GPtrArray *
belfry_grpc_descriptors_list_services (void)
{
  return get ()->services;
}
