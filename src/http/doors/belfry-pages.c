/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright 2026 The Belfry authors */
#include "belfry-pages-private.h"

#include "belfry-openapi-private.h"
#include "belfry-resources.h"

/* What a person sees who opens the service in a browser. The pages lie in the library; script and style are
 * files of their own under /static, so that the strictest policy holds. */

#define FOLDER "/org/belfry/pages/"

static const char html[] = "text/html; charset=utf-8";

static void
free_page (gpointer data)
{
  belfry_page_free (data);
}

static const char *
guess_content_type (const char *name)
{
  if (g_str_has_suffix (name, ".css"))
    return "text/css; charset=utf-8";
  if (g_str_has_suffix (name, ".js"))
    return "text/javascript; charset=utf-8";
  if (g_str_has_suffix (name, ".svg"))
    return "image/svg+xml";

  return html;
}

static GHashTable *
load_pages (void)
{
  GResource *resource = belfry_resources_get_resource ();
  g_auto(GStrv) names = g_resource_enumerate_children (resource, FOLDER, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  GHashTable *pages = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_page);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autofree char *path = g_strconcat (FOLDER, names[i], NULL);
      g_autoptr(GBytes) bytes = g_resource_lookup_data (resource, path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);

      g_hash_table_insert (pages, g_strdup (names[i]), belfry_page_new (bytes, guess_content_type (names[i])));
    }

  return pages;
}

/* The pages are the same for every server: they are made once, and then only read. */
static BelfryPage *
find_page (const char *name)
{
  static gsize pages = 0;

  if (g_once_init_enter (&pages))
    g_once_init_leave (&pages, (gsize) load_pages ());

  return g_hash_table_lookup ((GHashTable *) pages, name);
}

static void
get_page (BelfryServer  *server,
          BelfryRequest *request,
          gpointer       user_data)
{
  belfry_page_respond (find_page (user_data), request);
}

static void
get_static (BelfryServer  *server,
            BelfryRequest *request,
            gpointer       user_data)
{
  BelfryPage *page = find_page (belfry_request_get_path_param (request));

  if (page != NULL && page->content_type != html)
    belfry_page_respond (page, request);
  else
    belfry_request_respond_detail (request, 404, "Not Found");
}

void
belfry_pages_add_routes (BelfryServer *self)
{
  belfry_server_add_route_full (self, "GET", "/", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE, BELFRY_RATE_CLASS_QUERY,
                                get_page, (gpointer) "home.html", NULL);
  belfry_server_add_route_full (self, "GET", "/docs", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE, BELFRY_RATE_CLASS_QUERY,
                                get_page, (gpointer) "docs.html", NULL);
  belfry_server_add_route_full (self, "GET", "/static/{file}", BELFRY_ROUTE_OPEN, BELFRY_SCOPE_NONE,
                                BELFRY_RATE_CLASS_NONE, get_static, NULL, NULL);
  belfry_openapi_add_routes (self);
}
